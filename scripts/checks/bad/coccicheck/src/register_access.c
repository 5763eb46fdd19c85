// SPDX-License-Identifier: GPL-2.0-only

static u32 bad_read(struct sluice_nic *nic)
{
	return ioread32(somewhere(nic));
}

static int bad_handed_on(void *where)
{
	u32 value;

	return read_poll_timeout(readl, value, value & BIT(0), 10, 100, false, where);
}

static void bad_address(struct sluice_nic *nic)
{
	e1000_rings(nic->regs + E1000_TDT);
}

static void bad_doorbell(struct sluice_txq *q)
{
	ring(q->doorbell);
}

static void good_map(struct sluice_nic *nic, struct pci_dev *pdev)
{
	nic->regs = pcim_iomap_table(pdev)[0];
}

static void good_ask(struct sluice_nic *nic, u32 *regs)
{
	nic->board->ops->get_regs(nic, regs);
}
