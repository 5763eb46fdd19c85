/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Receive engine.
 *
 * A frame's way: sluice_rx_poll() -> dp->rx_peek -> rx_single (one buffer) or
 * rx_gather ... rx_finish (several) -> sluice_xdp_run -> rx_deliver: stack,
 * XDP_TX, redirect; or its buffer stays where it is and the loss has a name.
 */

#ifndef SLUICE_RX_H
#define SLUICE_RX_H

#include <linux/etherdevice.h>
#include <sluice/xdp.h>

/**
 * sluice_rx_post() - give the device the buffer of a slot
 * @dp: descriptor format
 * @q: the ring
 * @slot: the slot
 * Context: NAPI, or the ring is stopped.
 */
static __always_inline void sluice_rx_post(const struct sluice_dp *dp,
					   struct sluice_rxq *q, u32 slot)
{
	trace_sluice_rx_post(q->vec, slot);
	dp->rx_post(q, slot, page_pool_get_dma_addr(q->page[slot]) +
			     XDP_PACKET_HEADROOM);
}

/**
 * sluice_rx_keep() - re-post the buffer just received
 * @dp: descriptor format
 * @q: the ring
 * @c: the completion
 *
 * For drops, by program or for lack of memory: the pool is not even visited.
 * Context: NAPI.
 */
static __always_inline void sluice_rx_keep(const struct sluice_dp *dp,
					   struct sluice_rxq *q,
					   const struct sluice_rx_cmpl *c)
{
	dma_addr_t dma = page_pool_get_dma_addr(q->page[c->slot]);

	dma_sync_single_range_for_device(q->pool->p.dev, dma,
					 XDP_PACKET_HEADROOM - dp->rx_hdr_len,
					 q->buf_len + dp->rx_hdr_len,
					 DMA_BIDIRECTIONAL);
	sluice_rx_post(dp, q, c->slot);
}

/**
 * sluice_rx_replace() - take the buffer out of a slot, put a fresh one in
 * @dp: descriptor format
 * @q: the ring
 * @c: the completion
 * Context: NAPI.
 * Return: true; false if there is no page, and nothing has changed then.
 */
static __always_inline bool sluice_rx_replace(const struct sluice_dp *dp,
					      struct sluice_rxq *q,
					      const struct sluice_rx_cmpl *c)
{
	struct page *page = page_pool_dev_alloc_pages(q->pool);

	if (unlikely(!page))
		return false;
	q->page[c->slot] = page;
	sluice_rx_post(dp, q, c->slot);
	return true;
}

/**
 * sluice_rx_loss() - is a completion unusable on its face?
 * @q: the ring
 * @c: the completion
 * @min: fewest bytes it must have
 *
 * Nothing the device writes is used before this.
 * Context: any.
 * Return: the counter that names the loss, 0 if there is none.
 */
static __always_inline u32 sluice_rx_loss(const struct sluice_rxq *q,
					  const struct sluice_rx_cmpl *c,
					  u32 min)
{
	if (unlikely(c->flags & SLUICE_RX_HW_ERR))
		return SLUICE_RX_HW_ERR_DROP;
	if (unlikely(c->flags & SLUICE_RX_CHAIN_BAD))
		return SLUICE_RX_CHAIN_ERR;
	if (unlikely(c->len < min ||
		     c->len > XDP_PACKET_HEADROOM + q->buf_len - c->off))
		return SLUICE_RX_LENGTH_ERR;
	return 0;
}

/**
 * sluice_rx_sync() - take the received bytes over from the device
 * @dp: descriptor format
 * @q: the ring
 * @c: the completion, its length bounded
 *
 * The pool counts from where a device may start to write.
 * Context: NAPI.
 */
static __always_inline void sluice_rx_sync(const struct sluice_dp *dp,
					   struct sluice_rxq *q,
					   const struct sluice_rx_cmpl *c)
{
	page_pool_dma_sync_for_cpu(q->pool, q->page[c->slot],
				   c->off + dp->rx_hdr_len - XDP_PACKET_HEADROOM,
				   c->len);
}

/**
 * sluice_rx_head() - start an xdp_buff on the buffer of a slot
 * @dp: descriptor format
 * @q: the ring
 * @c: the completion
 * @x: filled in
 * Context: NAPI.
 */
static __always_inline void sluice_rx_head(const struct sluice_dp *dp,
					   struct sluice_rxq *q,
					   const struct sluice_rx_cmpl *c,
					   struct sluice_xdp_buff *x)
{
	void *page = page_address(q->page[c->slot]);

	sluice_rx_sync(dp, q, c);
	net_prefetch(page + c->off);
	xdp_init_buff(&x->xdp, q->frame_size, &q->xdp_rxq);
	xdp_prepare_buff(&x->xdp, page, c->off, c->len, true);
}

/**
 * sluice_rx_build_skb() - build an skb around a frame's own pages
 * @xdp: the frame
 *
 * napi_build_skb() clears the count of fragments but not the fragments, which
 * lie where an xdp_buff has them too.
 * Context: NAPI.
 * Return: the skb, or NULL.
 */
static __always_inline struct sk_buff *sluice_rx_build_skb(struct xdp_buff *xdp)
{
	struct skb_shared_info *sinfo = xdp_get_shared_info_from_buff(xdp);
	u32 metasize = xdp->data - xdp->data_meta;
	u32 nr_frags = 0, frags_size = 0;
	struct sk_buff *skb;

	if (unlikely(xdp_buff_has_frags(xdp))) {
		nr_frags = sinfo->nr_frags;
		frags_size = sinfo->xdp_frags_size;
	}
	skb = napi_build_skb(xdp->data_hard_start, xdp->frame_sz);
	if (unlikely(!skb))
		return NULL;
	skb_mark_for_recycle(skb);
	skb_reserve(skb, xdp->data - xdp->data_hard_start);
	__skb_put(skb, xdp->data_end - xdp->data);
	if (metasize)
		skb_metadata_set(skb, metasize);
	if (unlikely(nr_frags))
		xdp_update_skb_shared_info(skb, nr_frags, frags_size,
					   nr_frags * xdp->frame_sz,
					   xdp_buff_is_frag_pfmemalloc(xdp));
	return skb;
}

/**
 * sluice_rx_skb() - make a frame the stack's
 * @dp: descriptor format
 * @p: the poll
 * @x: the frame
 * @skb: filled in with the frame, or NULL
 *
 * Context: NAPI.
 * Return: the counter that names the frame's fate.
 */
static __always_inline enum sluice_rx_counter
sluice_rx_skb(const struct sluice_dp *dp, struct sluice_poll *p,
	      struct sluice_xdp_buff *x, struct sk_buff **skb)
{
	*skb = sluice_rx_build_skb(&x->xdp);
	if (unlikely(!*skb)) {
		xdp_return_buff(&x->xdp);
		return SLUICE_RX_SKB_FAIL;
	}
	if (dp->rx_offload && unlikely(x->flags & SLUICE_RX_PARTIAL) &&
	    !dp->rx_offload(*skb, x)) {
		dev_kfree_skb_any(*skb);
		return SLUICE_RX_HDR_ERR;
	}
	return SLUICE_RX_PASSED;
}

/**
 * sluice_rx_pass() - hand a frame to the stack
 * @dp: descriptor format
 * @p: the poll
 * @x: the frame
 * Context: NAPI.
 * Return: the counter that names its fate.
 */
static __always_inline enum sluice_rx_counter
sluice_rx_pass(const struct sluice_dp *dp, struct sluice_poll *p,
	       struct sluice_xdp_buff *x)
{
	struct napi_struct *napi = &p->v->napi;
	enum sluice_rx_counter fate;
	struct sk_buff *skb;

	fate = sluice_rx_skb(dp, p, x, &skb);
	if (unlikely(fate != SLUICE_RX_PASSED))
		return fate;
	skb_record_rx_queue(skb, p->v->index);
	skb->protocol = eth_type_trans(skb, napi->dev);
	if (dp->rx_hashes && x->hash_type)
		skb_set_hash(skb, x->hash, x->hash_type & XDP_RSS_L4 ?
			     PKT_HASH_TYPE_L4 : PKT_HASH_TYPE_L3);
	if (x->flags & SLUICE_RX_CSUM_OK)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (x->flags & SLUICE_RX_VLAN)
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), x->vlan_tci);
	napi_gro_receive(napi, skb);
	return SLUICE_RX_PASSED;
}

/**
 * sluice_rx_deliver() - send a frame on its way; its pages are out of the ring
 * @dp: descriptor format
 * @p: the poll
 * @x: the frame
 * @fate: where to
 * Context: NAPI.
 */
static __always_inline void sluice_rx_deliver(const struct sluice_dp *dp,
					      struct sluice_poll *p,
					      struct sluice_xdp_buff *x,
					      enum sluice_rx_counter fate)
{
	switch (fate) {
	case SLUICE_RX_XDP_TX:
		sluice_xdp_tx(p, &x->xdp);
		return;
	case SLUICE_RX_XDP_REDIRECT:
		fate = sluice_xdp_redirect(p, &x->xdp);
		break;
	case SLUICE_RX_PASSED:
		fate = sluice_rx_pass(dp, p, x);
		break;
	default:
		xdp_return_buff(&x->xdp);
	}
	p->tally[fate]++;
}

/**
 * sluice_rx_leaves() - does this fate take the frame's buffer out of the ring?
 * @fate: the fate
 * Context: any.
 * Return: true if it does.
 */
static __always_inline bool sluice_rx_leaves(enum sluice_rx_counter fate)
{
	return fate == SLUICE_RX_PASSED || fate == SLUICE_RX_XDP_TX ||
	       fate == SLUICE_RX_XDP_REDIRECT;
}

/**
 * sluice_rx_single() - a frame of one buffer, the common case
 * @dp: descriptor format
 * @p: the poll
 * @c: the completion
 *
 * The program runs before a page is sought, so a dropped frame costs none.
 * Context: NAPI.
 */
static __always_inline void sluice_rx_single(const struct sluice_dp *dp,
					     struct sluice_poll *p,
					     const struct sluice_rx_cmpl *c)
{
	u32 fate = sluice_rx_loss(p->q, c, ETH_HLEN);
	struct sluice_xdp_buff x;

	x.hash = c->hash;
	x.vlan_tci = c->vlan_tci;
	x.flags = c->flags;
	x.hash_type = c->hash_type;
	if (likely(!fate)) {
		sluice_rx_head(dp, p->q, c, &x);
		p->tally[SLUICE_RX_BYTES] += c->len;
		fate = p->prog ? sluice_xdp_run(p, &x) : SLUICE_RX_PASSED;
	}
	if (sluice_rx_leaves(fate)) {
		if (likely(sluice_rx_replace(dp, p->q, c))) {
			sluice_rx_deliver(dp, p, &x, fate);
			return;
		}
		fate = SLUICE_RX_ALLOC_FAIL;
	}
	sluice_rx_keep(dp, p->q, c);
	p->tally[fate]++;
}

/**
 * sluice_rx_add_frag() - append a buffer to the frame being gathered
 * @q: the ring
 * @page: the buffer, no longer in its slot
 * @c: the completion
 * Context: NAPI.
 */
static __always_inline void sluice_rx_add_frag(struct sluice_rxq *q,
					       struct page *page,
					       const struct sluice_rx_cmpl *c)
{
	struct xdp_buff *xdp = &q->chain.xdp;
	struct skb_shared_info *sinfo = xdp_get_shared_info_from_buff(xdp);

	if (!xdp_buff_has_frags(xdp)) {
		sinfo->nr_frags = 0;
		sinfo->xdp_frags_size = 0;
		xdp_buff_set_frags_flag(xdp);
	}
	skb_frag_fill_page_desc(&sinfo->frags[sinfo->nr_frags++], page,
				c->off, c->len);
	sinfo->xdp_frags_size += c->len;
	if (page_is_pfmemalloc(page))
		xdp_buff_set_frag_pfmemalloc(xdp);
}

/**
 * sluice_rx_gather() - take one buffer of a frame of several
 * @dp: descriptor format
 * @q: the ring
 * @c: the completion
 * Context: NAPI.
 * Return: 0, or the counter that names why the frame is lost; the buffer is
 * still in its slot then.
 */
static __always_inline u32 sluice_rx_gather(const struct sluice_dp *dp,
					    struct sluice_rxq *q,
					    const struct sluice_rx_cmpl *c)
{
	u32 loss = sluice_rx_loss(q, c, q->chain_len ? 1 : ETH_HLEN);
	struct page *page = q->page[c->slot];

	if (unlikely(q->chain_len > SLUICE_RX_MAX_FRAGS))
		loss = SLUICE_RX_CHAIN_ERR;
	if (unlikely(loss))
		return loss;
	if (!q->chain_len) {
		q->chain.flags = c->flags;
		q->chain.hash = c->hash;
		q->chain.hash_type = c->hash_type;
		sluice_rx_head(dp, q, c, &q->chain);
	} else {
		sluice_rx_sync(dp, q, c);
	}
	if (unlikely(!sluice_rx_replace(dp, q, c)))
		return SLUICE_RX_ALLOC_FAIL;
	if (q->chain_len++)
		sluice_rx_add_frag(q, page, c);
	return 0;
}

/**
 * sluice_rx_finish() - the last buffer of a frame of several has come
 * @dp: descriptor format
 * @p: the poll
 * @c: the completion
 * Context: NAPI.
 */
static __always_inline void sluice_rx_finish(const struct sluice_dp *dp,
					     struct sluice_poll *p,
					     const struct sluice_rx_cmpl *c)
{
	struct sluice_rxq *q = p->q;
	u32 fate = q->chain_loss;

	q->chain.vlan_tci = c->vlan_tci;
	q->chain.flags |= c->flags;
	if (likely(!fate)) {
		p->tally[SLUICE_RX_BYTES] += xdp_get_buff_len(&q->chain.xdp);
		fate = p->prog ? sluice_xdp_run(p, &q->chain) : SLUICE_RX_PASSED;
	}
	if (likely(q->chain_len))
		sluice_rx_deliver(dp, p, &q->chain, fate);
	else
		p->tally[fate]++;
	q->chain_loss = 0;
	q->chain_len = 0;
}

/**
 * sluice_rx_one() - one completion
 * @dp: descriptor format
 * @p: the poll
 * @c: the completion
 * Context: NAPI.
 */
static __always_inline void sluice_rx_one(const struct sluice_dp *dp,
					  struct sluice_poll *p,
					  const struct sluice_rx_cmpl *c)
{
	struct sluice_rxq *q = p->q;
	bool eop = c->flags & SLUICE_RX_EOP;

	p->tally[SLUICE_RX_FRAMES] += eop;
	if (likely(eop && !q->chain_len && !q->chain_loss)) {
		sluice_rx_single(dp, p, c);
		return;
	}
	if (!q->chain_loss)
		q->chain_loss = sluice_rx_gather(dp, q, c);
	if (q->chain_loss)
		sluice_rx_keep(dp, q, c);
	if (eop)
		sluice_rx_finish(dp, p, c);
}

/**
 * sluice_rx_doorbell() - hand the posted buffers over
 * @dp: descriptor format
 * @p: the poll
 *
 * Not while the device is taken down: it has no use for them, and QEMU's e1000
 * loses the frame that waits in front of it if its tail moves with reception off.
 * Context: NAPI.
 */
static __always_inline void sluice_rx_doorbell(const struct sluice_dp *dp,
					       struct sluice_poll *p)
{
	struct sluice_rxq *q = p->q;

	if (unlikely(!test_bit(SLUICE_UP, &p->v->nic->state)))
		return;
	trace_sluice_doorbell(p->v, false, q->head - q->kicked);
	p->tally[SLUICE_RX_DOORBELLS] += dp->rx_kick(q);
	q->kicked = q->head;
}

/**
 * sluice_rx_poll() - take what the device has given
 * @dp: descriptor format
 * @p: the poll
 * @budget: most completions to take
 *
 * Work is counted in buffers, not frames: a device that never ends a frame
 * cannot hold the CPU. The doorbell waits for a quarter of the ring, as the
 * device still has the other three.
 * Context: NAPI.
 * Return: how many completions were taken.
 */
static __always_inline int sluice_rx_poll(const struct sluice_dp *dp,
					  struct sluice_poll *p, int budget)
{
	struct sluice_rxq *q = p->q;
	struct sluice_rx_cmpl c = {};
	int done = 0;

	while (done < budget && dp->rx_peek(q, &c)) {
		trace_sluice_rx_completion(p->v, c.slot, c.len, c.flags);
		sluice_rx_one(dp, p, &c);
		q->head++;
		done++;
		if (q->head - q->kicked > q->mask / 4)
			sluice_rx_doorbell(dp, p);
		if (p->nbulk == SLUICE_XDP_BULK)
			sluice_xdp_tx_flush(dp, p);
	}
	if (p->nbulk)
		sluice_xdp_tx_flush(dp, p);
	if (p->redirected)
		xdp_do_flush();
	return done;
}

/**
 * sluice_rx_discard() - pass over what the device has given and NAPI has not taken
 * @dp: descriptor format
 * @q: the ring, with a loss for the frame of which it has gathered a part
 *
 * Buffers stay where they are. At most a ring full: the device may go on.
 * Context: RTNL, NAPI is off.
 * Return: how many frames there were.
 */
static __always_inline u32 sluice_rx_discard(const struct sluice_dp *dp,
					     struct sluice_rxq *q)
{
	u32 frames = 0, end = q->head + q->mask + 1;
	struct sluice_rx_cmpl c = {};

	while (q->head != end && dp->rx_peek(q, &c)) {
		bool eop = c.flags & SLUICE_RX_EOP;

		/* Where a frame begins the format looks for a header. */
		q->chain_loss = eop ? 0 : SLUICE_RX_RESET_DROP;
		frames += eop;
		q->head++;
	}
	q->chain_loss = 0;
	return frames;
}

#endif
