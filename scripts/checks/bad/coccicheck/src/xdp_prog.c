// SPDX-License-Identifier: GPL-2.0-only

static void bad_write(struct sluice_nic *nic, struct bpf_prog *prog)
{
	nic->xdp_prog = prog;
}

static void good_write(struct sluice_nic *nic, struct bpf_prog *prog)
{
	struct bpf_prog *old = xchg(&nic->xdp_prog, prog);

	if (old)
		bpf_prog_put(old);
}

static bool good_read(struct sluice_nic *nic)
{
	return nic->xdp_prog;
}
