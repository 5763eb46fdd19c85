/* SPDX-License-Identifier: GPL-2.0-only */
/* Make the n-th call of the driver to a function of the kernel fail. */

#ifndef SLUICE_KUNIT_FAKE_FAULT_H
#define SLUICE_KUNIT_FAKE_FAULT_H

#include <kunit/test.h>
#include <linux/kprobes.h>

#define FAKE_FAULT_MAX	12

/**
 * struct fake_fault_at - a function, and how it fails
 * @function: its symbol
 * @result: what it returns then
 */
struct fake_fault_at {
	const char *function;
	unsigned long result;
};

/**
 * struct fake_fault_point - a probe on one function
 * @probe: the probe
 * @fault: what it belongs to
 * @result: what the function returns when it fails
 */
struct fake_fault_point {
	struct kprobe probe;
	struct fake_fault *fault;
	unsigned long result;
};

/**
 * struct fake_fault - functions that fail at the n-th call to any of them
 * @test: only calls from this test count
 * @sluice: and only if they come from this module, or from our own
 * @nth: the call that fails, from 1; 0 = none
 * @calls: calls since fake_fault_arm()
 * @failed: how many of them have failed
 * @function: the one that failed last
 * @points: the probes
 * @npoints: how many
 */
struct fake_fault {
	struct kunit *test;
	struct module *sluice;
	u32 nth;
	u32 calls;
	u32 failed;
	const char *function;
	struct fake_fault_point points[FAKE_FAULT_MAX];
	u32 npoints;
};

struct fake_fault *fake_fault_create(struct kunit *test,
				     const struct fake_fault_at *at, u32 n);
void fake_fault_arm(struct fake_fault *fault, u32 nth);

#endif
