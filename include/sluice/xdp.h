/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XDP engine: run the program, and the three ways of a frame that is not the
 * stack's: XDP_TX (gathered on the stack, sent as a bulk), redirect out, and
 * redirect in (ndo_xdp_xmit).
 */

#ifndef SLUICE_XDP_H
#define SLUICE_XDP_H

#include <linux/bpf_trace.h>
#include <linux/filter.h>
#include <sluice/tx.h>

/**
 * SLUICE_XDP_BULK - XDP_TX frames sent under one lock and one doorbell
 */
#define SLUICE_XDP_BULK		16

/**
 * struct sluice_poll - what one NAPI poll carries along
 * @v: the vector
 * @q: its receive ring
 * @prog: the program, read once
 * @tally: what the poll counted
 * @bulk: frames for XDP_TX
 * @nbulk: how many
 * @redirected: xdp_do_flush() is due
 */
struct sluice_poll {
	struct sluice_vector *v;
	struct sluice_rxq *q;
	struct bpf_prog *prog;
	u32 tally[SLUICE_RX_COUNTERS];
	struct xdp_frame *bulk[SLUICE_XDP_BULK];
	u32 nbulk;
	bool redirected;
};

/**
 * sluice_xdp_run() - ask the program about a frame
 * @p: the poll
 * @x: the frame
 *
 * A program that knows no frags must not see a frame of several buffers: it
 * would judge, or rewrite, a part and take it for the whole. Nor may any see a
 * frame without checksum, as XDP_TX and redirect would send it so; a device that
 * delivers such is told to stop before the program is attached, but some may be
 * under way.
 * Context: NAPI.
 * Return: the counter that names the frame's fate so far.
 */
static __always_inline enum sluice_rx_counter
sluice_xdp_run(struct sluice_poll *p, struct sluice_xdp_buff *x)
{
	struct net_device *netdev = p->v->napi.dev;
	struct xdp_buff *xdp = &x->xdp;
	u32 act;

	if (unlikely(x->flags & SLUICE_RX_PARTIAL))
		return SLUICE_RX_XDP_PARTIAL;
	if (unlikely(xdp_buff_has_frags(xdp) && !p->prog->aux->xdp_has_frags))
		return SLUICE_RX_XDP_NO_FRAGS;
	act = bpf_prog_run_xdp(p->prog, xdp);
	trace_sluice_xdp_verdict(p->v, act, xdp);
	switch (act) {
	case XDP_PASS:
		return SLUICE_RX_PASSED;
	case XDP_TX:
		return SLUICE_RX_XDP_TX;
	case XDP_REDIRECT:
		return SLUICE_RX_XDP_REDIRECT;
	case XDP_DROP:
		return SLUICE_RX_XDP_DROP;
	case XDP_ABORTED:
		trace_xdp_exception(netdev, p->prog, act);
		return SLUICE_RX_XDP_ABORTED;
	default:
		bpf_warn_invalid_xdp_action(netdev, p->prog, act);
		trace_xdp_exception(netdev, p->prog, act);
		return SLUICE_RX_XDP_INVALID;
	}
}

/**
 * sluice_xdpf_pad() - lengthen a frame that is too short for the wire
 * @xdpf: the frame
 * @min_len: to this length
 *
 * bpf_xdp_adjust_tail() may leave 14 bytes. A frame without tailroom goes out as
 * it is and is padded by the device.
 * Context: the frame is ours alone.
 */
static __always_inline void sluice_xdpf_pad(struct xdp_frame *xdpf, u32 min_len)
{
	void *end = xdp_get_shared_info_from_frame(xdpf);

	if (likely(xdpf->len >= min_len) || xdp_frame_has_frags(xdpf) ||
	    xdpf->data + min_len > end)
		return;
	memset(xdpf->data + xdpf->len, 0, min_len - xdpf->len);
	xdpf->len = min_len;
}

/**
 * sluice_xdpf_descs() - descriptors a frame takes
 * @xdpf: the frame
 * Context: any.
 * Return: how many.
 */
static __always_inline u32 sluice_xdpf_descs(const struct xdp_frame *xdpf)
{
	u32 i, n = DIV_ROUND_UP(xdpf->len, SLUICE_TX_PIECE_LEN);
	const struct skb_shared_info *sinfo;

	if (likely(!xdp_frame_has_frags(xdpf)))
		return n;
	sinfo = xdp_get_shared_info_from_frame(xdpf);
	for (i = 0; i < sinfo->nr_frags; i++)
		n += DIV_ROUND_UP(skb_frag_size(&sinfo->frags[i]),
				  SLUICE_TX_PIECE_LEN);
	return n;
}

/**
 * sluice_xdpf_put_mapped() - describe a run of bytes in a page of our own pool
 * @dp: descriptor format
 * @q: the ring
 * @dma: where it starts
 * @len: how long it is
 * @o: the frame's offloads
 *
 * Nothing to unmap, only the program's writes to show to the device.
 * Context: tx lock.
 */
static __always_inline void
sluice_xdpf_put_mapped(const struct sluice_dp *dp, struct sluice_txq *q,
		       dma_addr_t dma, u32 len, struct sluice_tx_offload *o)
{
	dma_sync_single_for_device(q->dev, dma, len, DMA_BIDIRECTIONAL);
	sluice_tx_slot(q, q->tail)->len = 0;
	sluice_tx_put_mapped(dp, q, dma, len, o);
}

/**
 * sluice_xdpf_put_own() - describe an XDP_TX frame
 * @dp: descriptor format
 * @q: the ring
 * @xdpf: the frame
 * @o: the frame's offloads
 * Context: tx lock.
 */
static __always_inline void
sluice_xdpf_put_own(const struct sluice_dp *dp, struct sluice_txq *q,
		    struct xdp_frame *xdpf, struct sluice_tx_offload *o)
{
	struct skb_shared_info *sinfo = xdp_get_shared_info_from_frame(xdpf);
	void *start = xdpf->data - o->pushed;
	struct page *page = virt_to_head_page(start);
	dma_addr_t dma = page_pool_get_dma_addr(page);
	u32 i, n = xdp_frame_has_frags(xdpf) ? sinfo->nr_frags : 0;

	o->flags = n ? 0 : SLUICE_TX_LAST;
	sluice_xdpf_put_mapped(dp, q, dma + (start - page_address(page)),
			       o->pushed + xdpf->len, o);
	for (i = 0; i < n; i++) {
		const skb_frag_t *frag = &sinfo->frags[i];

		o->flags = i == n - 1 ? SLUICE_TX_LAST : 0;
		dma = page_pool_get_dma_addr(skb_frag_page(frag));
		sluice_xdpf_put_mapped(dp, q, dma + skb_frag_off(frag),
				       skb_frag_size(frag), o);
	}
}

/**
 * sluice_xdpf_map_foreign() - map and describe a frame of ndo_xdp_xmit
 * @dp: descriptor format
 * @q: the ring
 * @xdpf: the frame
 * @o: the frame's offloads
 * Context: tx lock.
 * Return: 0, or %-ENOMEM; the caller unwinds.
 */
static __always_inline int
sluice_xdpf_map_foreign(const struct sluice_dp *dp, struct sluice_txq *q,
			struct xdp_frame *xdpf, struct sluice_tx_offload *o)
{
	bool frags = xdp_frame_has_frags(xdpf);
	int err;

	o->flags = frags ? 0 : SLUICE_TX_LAST;
	err = sluice_tx_add_linear(dp, q, xdpf->data - o->pushed,
				   o->pushed + xdpf->len, o);
	if (unlikely(err) || !frags)
		return err;
	return sluice_tx_map_frags(dp, q, xdp_get_shared_info_from_frame(xdpf),
				   o);
}

/**
 * sluice_xdpf_queue() - put one XDP frame into the ring
 * @dp: descriptor format
 * @q: the ring
 * @xdpf: the frame; with success it is the ring's
 * @kind: %SLUICE_TX_XDP_TX or %SLUICE_TX_XDPF
 *
 * The stack's reserve stays free: XDP alone can never stop the queue.
 * Context: tx lock.
 * Return: 0, %-ENOSPC, or %-ENOMEM; the frame is the caller's then.
 */
static __always_inline int
sluice_xdpf_queue(const struct sluice_dp *dp, struct sluice_txq *q,
		  struct xdp_frame *xdpf, enum sluice_tx_kind kind)
{
	struct sluice_tx_offload o = {};
	struct sluice_tx_slot *first;
	u32 start = q->tail;

	if (sluice_txq_room(q) < SLUICE_TX_WORST + dp->tx_hdr_descs +
				 sluice_xdpf_descs(xdpf))
		return -ENOSPC;
	sluice_xdpf_pad(xdpf, dp->tx_min_len);
	sluice_tx_push(dp, q, xdpf->data, xdpf->headroom, &o);
	first = sluice_tx_begin(dp, q, &o, kind);
	if (kind == SLUICE_TX_XDP_TX) {
		sluice_xdpf_put_own(dp, q, xdpf, &o);
	} else if (unlikely(sluice_xdpf_map_foreign(dp, q, xdpf, &o))) {
		sluice_tx_abort(q, start);
		return -ENOMEM;
	}
	first->xdpf = xdpf;
	first->descs = q->tail - start;
	first->packets = 1;
	first->bytes = xdp_get_frame_len(xdpf);
	return 0;
}

/**
 * sluice_xdp_queue_all() - put as many frames into the ring as it takes
 * @dp: descriptor format
 * @v: the vector
 * @frames: the frames
 * @n: how many
 * @kind: %SLUICE_TX_XDP_TX or %SLUICE_TX_XDPF
 * Context: tx lock, BH off.
 * Return: how many the ring took, the first ones; the rest is the caller's.
 */
static __always_inline u32
sluice_xdp_queue_all(const struct sluice_dp *dp, struct sluice_vector *v,
		     struct xdp_frame **frames, u32 n, enum sluice_tx_kind kind)
{
	struct sluice_txq *q = v->tx;
	u32 sent = 0;

	if (unlikely(!v->tx_open))
		return 0;
	while (sent < n) {
		if (unlikely(sluice_xdpf_queue(dp, q, frames[sent], kind)))
			break;
		sent++;
	}
	if (!sent)
		return 0;
	sluice_tx_stats_add(q->stats, SLUICE_TX_XDP_ACCEPTED, sent);
	txq_trans_cond_update(q->nq);
	return sent;
}

/**
 * sluice_xdp_tx_flush() - send the XDP_TX frames of this poll
 * @dp: descriptor format
 * @p: the poll
 * Context: NAPI.
 */
static __always_inline void sluice_xdp_tx_flush(const struct sluice_dp *dp,
						struct sluice_poll *p)
{
	struct sluice_vector *v = p->v;
	u32 i, sent;

	__netif_tx_lock(v->nq, smp_processor_id());
	sent = sluice_xdp_queue_all(dp, v, p->bulk, p->nbulk, SLUICE_TX_XDP_TX);
	sluice_tx_flush(dp, v->tx);
	__netif_tx_unlock(v->nq);
	for (i = sent; i < p->nbulk; i++) {
		trace_xdp_exception(v->napi.dev, p->prog, XDP_TX);
		xdp_return_frame_rx_napi(p->bulk[i]);
	}
	p->tally[SLUICE_RX_XDP_TX] += sent;
	p->tally[SLUICE_RX_XDP_TX_FULL] += p->nbulk - sent;
	p->nbulk = 0;
}

/**
 * sluice_xdp_tx() - gather one frame for XDP_TX
 * @p: the poll, with room in its bulk
 * @xdp: the frame; it is ours to send or free from here on
 *
 * Its fate is counted when the bulk is sent. The conversion needs headroom that
 * bpf_xdp_adjust_head() never gives away.
 * Context: NAPI.
 */
static __always_inline void sluice_xdp_tx(struct sluice_poll *p,
					  struct xdp_buff *xdp)
{
	struct xdp_frame *xdpf = xdp_convert_buff_to_frame(xdp);

	if (likely(xdpf)) {
		p->bulk[p->nbulk++] = xdpf;
		return;
	}
	xdp_return_buff(xdp);
	p->tally[SLUICE_RX_XDP_TX_FULL]++;
}

/**
 * sluice_xdp_redirect() - hand a frame to where the program pointed
 * @p: the poll
 * @xdp: the frame
 * Context: NAPI.
 * Return: the counter that names its fate.
 */
static __always_inline enum sluice_rx_counter
sluice_xdp_redirect(struct sluice_poll *p, struct xdp_buff *xdp)
{
	if (unlikely(xdp_do_redirect(p->v->napi.dev, xdp, p->prog))) {
		xdp_return_buff(xdp);
		return SLUICE_RX_XDP_REDIRECT_ERR;
	}
	p->redirected = true;
	return SLUICE_RX_XDP_REDIRECT;
}

/**
 * sluice_xdp_xmit() - ndo_xdp_xmit
 * @dp: descriptor format
 * @netdev: the device
 * @n: how many frames
 * @frames: the frames
 * @flags: %XDP_XMIT_FLUSH
 *
 * Works whenever the interface is up, with or without a program of its own. The
 * number of vectors may change meanwhile: they stay, with and without a ring, and
 * only under the lock is known which it is.
 * Context: BH off, any CPU.
 * Return: how many were taken, or negative errno if none could be; the caller
 * frees the rest.
 */
static __always_inline int sluice_xdp_xmit(const struct sluice_dp *dp,
					   struct net_device *netdev, int n,
					   struct xdp_frame **frames, u32 flags)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	u32 cpu = smp_processor_id(), sent;
	struct sluice_vector *v = nic->vec[cpu % READ_ONCE(nic->nvec)];

	if (unlikely(flags & ~XDP_XMIT_FLAGS_MASK))
		return -EINVAL;
	if (unlikely(!netif_carrier_ok(netdev)))
		return -ENETDOWN;
	__netif_tx_lock(v->nq, cpu);
	sent = sluice_xdp_queue_all(dp, v, frames, n, SLUICE_TX_XDPF);
	sluice_tx_stats_add(&v->tx_stats, SLUICE_TX_XDP_FULL, n - sent);
	if (v->tx_open && ((flags & XDP_XMIT_FLUSH) || sent < n))
		sluice_tx_flush(dp, v->tx);
	__netif_tx_unlock(v->nq);
	return sent;
}

#endif
