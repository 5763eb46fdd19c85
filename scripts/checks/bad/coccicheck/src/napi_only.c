// SPDX-License-Identifier: GPL-2.0-only

static void bad_frame(struct sluice_rxq *q)
{
	xdp_return_buff(&q->chain.xdp);
}

static void bad_page(struct sluice_rxq *q, u32 slot)
{
	page_pool_put_full_page(q->pool, q->page[slot], true);
}

static void good(struct sluice_rxq *q, u32 slot)
{
	page_pool_put_full_page(q->pool, q->page[slot], false);
}
