// SPDX-License-Identifier: GPL-2.0-only

static int bad_untested(struct sluice_txq *q, struct sk_buff *skb)
{
	dma_addr_t dma = dma_map_single(q->dev, skb->data, skb_headlen(skb), DMA_TO_DEVICE);

	put(q, dma, skb_headlen(skb));
	return 0;
}

static void bad_fragment(struct sluice_txq *q, const skb_frag_t *frag)
{
	put(q, skb_frag_dma_map(q->dev, frag, 0, skb_frag_size(frag), DMA_TO_DEVICE),
	    skb_frag_size(frag));
}

/* Bad: the test is gone. */
static int sluice_tx_add(const struct sluice_dp *dp, struct sluice_txq *q, dma_addr_t dma, u32 len,
			 struct sluice_tx_offload *o)
{
	sluice_tx_put_mapped(dp, q, dma, len, o);
	return 0;
}

static int good_tested(struct sluice_txq *q, struct page *page)
{
	dma_addr_t dma;

	dma = dma_map_page(q->dev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	if (unlikely(dma_mapping_error(q->dev, dma)))
		return -ENOMEM;
	put(q, dma, PAGE_SIZE);
	return 0;
}

static int good_added(const struct sluice_dp *dp, struct sluice_txq *q, struct sk_buff *skb,
		      struct sluice_tx_offload *o)
{
	return sluice_tx_add(dp, q, dma_map_single(q->dev, skb->data, skb->len, DMA_TO_DEVICE),
			     skb->len, o);
}
