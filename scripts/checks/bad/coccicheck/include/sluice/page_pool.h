/* SPDX-License-Identifier: GPL-2.0-only */

static void bad_put(struct sluice_rxq *q, u32 slot)
{
	put_page(q->page[slot]);
}

static void bad_alloc(struct sluice_rxq *q, u32 slot)
{
	q->page[slot] = alloc_page(GFP_ATOMIC);
}

static void good(struct sluice_rxq *q, u32 slot)
{
	page_pool_put_full_page(q->pool, q->page[slot], false);
}
