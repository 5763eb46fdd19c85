// SPDX-License-Identifier: GPL-2.0-only

static bool bad_no_barrier(const struct sluice_rxq *q, struct sluice_rx_cmpl *c)
{
	const struct x_desc *d = (struct x_desc *)q->desc + q->head;
	u8 status = READ_ONCE(d->status);

	if (!(status & X_DONE))
		return false;
	c->len = le16_to_cpu(READ_ONCE(d->length));
	return true;
}

static bool bad_barrier_too_early(const struct sluice_rxq *q, struct sluice_rx_cmpl *c)
{
	const struct x_desc *d = (struct x_desc *)q->desc + q->head;

	dma_rmb();
	if (!(READ_ONCE(d->status) & X_DONE))
		return false;
	c->len = le16_to_cpu(READ_ONCE(d->length));
	dma_rmb();
	return true;
}

static bool bad_done(const struct sluice_txq *q, u32 index)
{
	const struct x_desc *d = (struct x_desc *)q->desc + index;

	return READ_ONCE(d->status) & X_DONE;
}

static bool bad_done_on_one_path(const struct sluice_txq *q, u32 index)
{
	const struct x_desc *d = (struct x_desc *)q->desc + index;

	if (READ_ONCE(d->status) & X_ERROR)
		return true;
	dma_rmb();
	return true;
}

static bool bad_plain(const struct sluice_rxq *q, struct sluice_rx_cmpl *c)
{
	const struct x_desc *d = (struct x_desc *)q->desc + q->head;

	if (!(READ_ONCE(d->status) & X_DONE))
		return false;
	dma_rmb();
	c->len = le16_to_cpu(d->length);
	return true;
}

static bool good(const struct sluice_rxq *q, struct sluice_rx_cmpl *c)
{
	const struct x_desc *d = (struct x_desc *)q->desc + q->head;
	u8 status = READ_ONCE(d->status);

	if (!(status & X_DONE))
		return false;
	dma_rmb();
	c->len = le16_to_cpu(READ_ONCE(d->length));
	c->vlan_tci = le16_to_cpu(READ_ONCE(d->special));
	return true;
}

static void good_post(struct sluice_rxq *q, u32 slot, dma_addr_t dma)
{
	struct x_desc *d = (struct x_desc *)q->desc + slot;

	d->length = 0;
	d->addr = cpu_to_le64(dma);
}
