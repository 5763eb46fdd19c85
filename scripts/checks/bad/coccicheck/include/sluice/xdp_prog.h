/* SPDX-License-Identifier: GPL-2.0-only */

static u32 bad_twice(struct sluice_nic *nic, struct xdp_buff *xdp)
{
	if (!nic->xdp_prog)
		return XDP_PASS;
	return bpf_prog_run_xdp(nic->xdp_prog, xdp);
}

static u32 good(struct sluice_nic *nic, struct xdp_buff *xdp)
{
	struct bpf_prog *prog = READ_ONCE(nic->xdp_prog);

	return prog ? bpf_prog_run_xdp(prog, xdp) : XDP_PASS;
}
