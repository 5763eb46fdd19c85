// SPDX-License-Identifier: GPL-2.0-only

static u32 good_read(struct sluice_nic *nic)
{
	return readl(nic->regs + E1000_STATUS);
}
