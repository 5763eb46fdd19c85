// SPDX-License-Identifier: GPL-2.0-only

static bool bad_entry(struct sluice_rxq *q, struct sluice_rx_cmpl *c)
{
	struct x_split r = x_split(q);
	const struct vring_used_elem *e = &r.used->ring[q->head & q->mask];

	if (x_index(&r) == q->head)
		return false;
	c->slot = le32_to_cpu(READ_ONCE(e->id));
	return true;
}

static u32 bad_entry_in_place(const struct x_split *r, u32 at)
{
	return le32_to_cpu(READ_ONCE(r->used->ring[at].id));
}

static u32 bad_too_early(const struct x_split *r, u32 at)
{
	dma_rmb();
	if (le16_to_cpu(READ_ONCE(r->used->idx)) == at)
		return 0;
	return le32_to_cpu(READ_ONCE(r->used->ring[at].len));
}

static void bad_loop(struct sluice_txq *q, u32 at)
{
	struct x_packed r = x_packed(q);

	while (x_packed_used(&r, at)) {
		u32 id = le16_to_cpu(READ_ONCE(r.desc[at].id));

		dma_rmb();
		x_take(q, id);
		at++;
	}
}

static void bad_desc(struct sluice_txq *q, const struct x_desc *d, u32 at)
{
	if (!x_packed_used(q, at))
		return;
	x_take(q, le16_to_cpu(READ_ONCE(d->id)));
}

static int bad_wait(struct x_ctrl *c)
{
	bool answered;
	int err;

	err = read_poll_timeout(x_answered, answered, answered, 10, 1000, false, c);
	if (err)
		return err;
	return READ_ONCE(*(u8 *)(c->memory + X_ANSWER));
}

static bool bad_event(const struct x_packed *r, u16 new)
{
	u16 flags = le16_to_cpu(READ_ONCE(r->device->flags));

	if (flags != X_EVENT_DESC)
		return flags != X_EVENT_DISABLE;
	return le16_to_cpu(READ_ONCE(r->device->off_wrap)) == new;
}

static bool good_entry(struct sluice_rxq *q, struct sluice_rx_cmpl *c)
{
	struct x_split r = x_split(q);
	const struct vring_used_elem *e = &r.used->ring[q->head & q->mask];

	if (x_split_used(&r) == q->head)
		return false;
	dma_rmb();
	c->slot = le32_to_cpu(READ_ONCE(e->id));
	c->len = le32_to_cpu(READ_ONCE(e->len));
	return true;
}

static void good_loop(struct sluice_txq *q, u32 at)
{
	struct x_packed r = x_packed(q);

	while (x_packed_used(&r, at)) {
		dma_rmb();
		x_take(q, le16_to_cpu(READ_ONCE(r.desc[at].id)));
		at++;
	}
}

static int good_wait(struct x_ctrl *c)
{
	bool answered;
	int err;

	err = read_poll_timeout(x_answered, answered, answered, 10, 1000, false, c);
	if (err)
		return err;
	dma_rmb();
	return READ_ONCE(*(u8 *)(c->memory + X_ANSWER));
}

/* Which of the device's own words it is does not matter. */
static bool good_event(const struct x_packed *r)
{
	return READ_ONCE(r->device->flags) == READ_ONCE(r->device->flags);
}
