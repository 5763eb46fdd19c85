// SPDX-License-Identifier: GPL-2.0-only
/* XDP programs that nobody has to load: made of instructions, and attached. */

#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include "fake_program.h"

static void fake_program_free(void *data)
{
	bpf_prog_free(data);
}

/**
 * fake_program() - make a program of instructions
 * @test: it goes when this ends
 * @insns: the instructions, as the verifier leaves them
 * @n: how many
 * @frags: it takes frames of several buffers
 * Return: the program.
 */
struct bpf_prog *fake_program(struct kunit *test, const struct bpf_insn *insns,
			      u32 n, bool frags)
{
	struct bpf_prog *prog = bpf_prog_alloc(bpf_prog_size(n), 0);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, prog);
	prog->len = n;
	prog->type = BPF_PROG_TYPE_XDP;
	prog->aux->xdp_has_frags = frags;
	atomic64_set(&prog->aux->refcnt, 1);
	memcpy(prog->insnsi, insns, n * sizeof(*insns));
	prog = bpf_prog_select_runtime(prog, &err);
	KUNIT_ASSERT_EQ(test, err, 0);
	err = kunit_add_action_or_reset(test, fake_program_free, prog);
	KUNIT_ASSERT_EQ(test, err, 0);
	return prog;
}

/* Give the driver a reference and the program, as the core does. */
int fake_attach(struct fake_nic *fake, struct bpf_prog *prog)
{
	struct netlink_ext_ack extack = {};
	struct netdev_bpf bpf = {
		.command	= XDP_SETUP_PROG,
		.prog		= prog,
		.extack		= &extack,
	};
	int err;

	if (prog)
		bpf_prog_inc(prog);
	rtnl_lock();
	err = fake->netdev->netdev_ops->ndo_bpf(fake->netdev, &bpf);
	rtnl_unlock();
	if (err && prog)
		bpf_prog_put(prog);
	return err;
}

/* One that says the same of every frame. */
struct bpf_prog *fake_verdict(struct kunit *test, u32 verdict, bool frags)
{
	const struct bpf_insn insns[] = {
		BPF_MOV64_IMM(BPF_REG_0, verdict),
		BPF_EXIT_INSN(),
	};

	return fake_program(test, insns, ARRAY_SIZE(insns), frags);
}

/* bpf_xdp_adjust_head(): metadata, of which there is none, moves along. */
struct bpf_prog *fake_adjust_head(struct kunit *test, s32 delta, u32 verdict)
{
	const struct bpf_insn insns[] = {
		BPF_LDX_MEM(BPF_DW, BPF_REG_2, BPF_REG_1,
			    offsetof(struct xdp_buff, data)),
		BPF_ALU64_IMM(BPF_ADD, BPF_REG_2, delta),
		BPF_STX_MEM(BPF_DW, BPF_REG_1, BPF_REG_2,
			    offsetof(struct xdp_buff, data)),
		BPF_STX_MEM(BPF_DW, BPF_REG_1, BPF_REG_2,
			    offsetof(struct xdp_buff, data_meta)),
		BPF_MOV64_IMM(BPF_REG_0, verdict),
		BPF_EXIT_INSN(),
	};

	return fake_program(test, insns, ARRAY_SIZE(insns), true);
}

void fake_use(struct fake_nic *fake, struct bpf_prog *prog)
{
	KUNIT_ASSERT_EQ(fake->test, fake_attach(fake, prog), 0);
}

/**
 * fake_program_exit() - the exit of suites that attach programs
 * @test: the test
 */
void fake_program_exit(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	if (fake)
		fake_attach(fake, NULL);
	fake_nic_exit(test);
}
