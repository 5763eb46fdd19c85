// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults by kprobes, as kernel/fail_function.c does it, but at an exact call: the
 * functions are the kernel's own and nothing in the driver is changed for them.
 */

#include <linux/module.h>
#include <linux/pci.h>
#include "fake_fault.h"

/* Where a function that fails goes instead: back to its caller. */
static noinline notrace void fake_return(void)
{
	barrier();
}

static bool fake_fault_counts(const struct fake_fault *fault,
			      const struct pt_regs *regs)
{
	/* At the entry of a function its return address is on top. */
	unsigned long caller = *(unsigned long *)kernel_stack_pointer((void *)regs);

	return current->kunit_test == fault->test &&
	       (within_module(caller, fault->sluice) ||
		within_module(caller, THIS_MODULE));
}

static int fake_fault_hit(struct kprobe *probe, struct pt_regs *regs)
{
	struct fake_fault_point *point =
		container_of(probe, struct fake_fault_point, probe);
	struct fake_fault *fault = point->fault;

	if (!fault->nth || !fake_fault_counts(fault, regs))
		return 0;
	if (++fault->calls != fault->nth)
		return 0;
	fault->failed++;
	fault->function = probe->symbol_name;
	regs_set_return_value(regs, point->result);
	instruction_pointer_set(regs, (unsigned long)fake_return);
	return 1;
}

/* Without a post handler the probe is optimised, and cannot change the way. */
static void fake_fault_after(struct kprobe *probe, struct pt_regs *regs,
			     unsigned long flags)
{
}

static void fake_fault_destroy(void *data)
{
	struct fake_fault *fault = data;
	u32 i;

	for (i = 0; i < fault->npoints; i++)
		unregister_kprobe(&fault->points[i].probe);
}

/**
 * fake_fault_create() - get ready to let functions fail
 * @test: it is over when this ends
 * @at: the functions
 * @n: how many
 * Return: the fault, not armed.
 */
struct fake_fault *fake_fault_create(struct kunit *test,
				     const struct fake_fault_at *at, u32 n)
{
	struct fake_fault *fault = kunit_kzalloc(test, sizeof(*fault), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, fault);
	KUNIT_ASSERT_LE(test, n, FAKE_FAULT_MAX);
	fault->test = test;
	fault->sluice = driver_find("sluice", &pci_bus_type)->owner;
	err = kunit_add_action_or_reset(test, fake_fault_destroy, fault);
	KUNIT_ASSERT_EQ(test, err, 0);
	for (; fault->npoints < n; fault->npoints++) {
		struct fake_fault_point *point = &fault->points[fault->npoints];

		point->fault = fault;
		point->result = at[fault->npoints].result;
		point->probe.symbol_name = at[fault->npoints].function;
		point->probe.pre_handler = fake_fault_hit;
		point->probe.post_handler = fake_fault_after;
		err = register_kprobe(&point->probe);
		KUNIT_ASSERT_EQ_MSG(test, err, 0, "no probe at %s",
				    at[fault->npoints].function);
	}
	return fault;
}

/**
 * fake_fault_arm() - let the n-th call from now on fail
 * @fault: the fault
 * @nth: from 1; 0 = none
 */
void fake_fault_arm(struct fake_fault *fault, u32 nth)
{
	fault->calls = 0;
	fault->failed = 0;
	fault->nth = nth;
}
