/* SPDX-License-Identifier: GPL-2.0-only */
/* XDP programs that nobody has to load: made of instructions, and attached. */

#ifndef SLUICE_KUNIT_FAKE_PROGRAM_H
#define SLUICE_KUNIT_FAKE_PROGRAM_H

#include <linux/bpf.h>
#include "fake_nic.h"

struct bpf_prog *fake_program(struct kunit *test, const struct bpf_insn *insns,
			      u32 n, bool frags);
struct bpf_prog *fake_verdict(struct kunit *test, u32 verdict, bool frags);
struct bpf_prog *fake_adjust_head(struct kunit *test, s32 delta, u32 verdict);
int fake_attach(struct fake_nic *fake, struct bpf_prog *prog);
void fake_use(struct fake_nic *fake, struct bpf_prog *prog);
void fake_program_exit(struct kunit *test);

#endif
