/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transmit engine.
 *
 * An skb's way: sluice_xmit() -> offload_parse -> map_skb (head, fragments ->
 * pieces -> dp->tx_put) -> commit (BQL, stop ahead of need) -> doorbell ->
 * reap. XDP frames join at sluice_xdpf_queue().
 *
 * Everything here runs under the tx lock of the queue.
 */

#ifndef SLUICE_TX_H
#define SLUICE_TX_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip6_checksum.h>
#include <net/netdev_queues.h>
#include <sluice/backend.h>
#include <sluice/trace.h>

/**
 * sluice_tx_put_mapped() - describe one mapped run of bytes
 * @dp: descriptor format
 * @q: the ring
 * @dma: where it starts
 * @len: how long it is
 * @o: the frame's offloads; %SLUICE_TX_LAST in it marks the frame's last run
 * Context: tx lock; the caller has checked for room.
 */
static __always_inline void
sluice_tx_put_mapped(const struct sluice_dp *dp, struct sluice_txq *q,
		     dma_addr_t dma, u32 len, struct sluice_tx_offload *o)
{
	u8 last = o->flags & SLUICE_TX_LAST;

	o->flags &= ~SLUICE_TX_LAST;
	while (len > SLUICE_TX_PIECE_LEN) {
		dp->tx_put(q, q->tail++, dma, SLUICE_TX_PIECE_LEN, o);
		dma += SLUICE_TX_PIECE_LEN;
		len -= SLUICE_TX_PIECE_LEN;
		sluice_tx_slot(q, q->tail)->len = 0;
	}
	o->flags |= last;
	dp->tx_put(q, q->tail++, dma, len, o);
}

/**
 * sluice_tx_add() - describe one run of bytes
 * @dp: descriptor format
 * @q: the ring
 * @dma: its mapping, perhaps failed
 * @len: how long it is
 * @o: the frame's offloads
 * Context: tx lock; the caller has checked for room.
 * Return: 0, or %-ENOMEM if @dma is no mapping.
 */
static __always_inline int
sluice_tx_add(const struct sluice_dp *dp, struct sluice_txq *q, dma_addr_t dma,
	      u32 len, struct sluice_tx_offload *o)
{
	struct sluice_tx_slot *slot = sluice_tx_slot(q, q->tail);

	if (unlikely(dma_mapping_error(q->dev, dma)))
		return -ENOMEM;
	slot->dma = dma;
	slot->len = q->direct ? 0 : len;
	sluice_tx_put_mapped(dp, q, dma, len, o);
	return 0;
}

/**
 * sluice_tx_add_linear() - map the start of a frame and describe it
 * @dp: descriptor format
 * @q: the ring
 * @data: where it starts
 * @len: how long it is
 * @o: the frame's offloads
 * Context: tx lock; the caller has checked for room.
 * Return: 0, or %-ENOMEM.
 */
static __always_inline int
sluice_tx_add_linear(const struct sluice_dp *dp, struct sluice_txq *q,
		     void *data, u32 len, struct sluice_tx_offload *o)
{
	return sluice_tx_add(dp, q, q->direct ? virt_to_phys(data) :
			     dma_map_single(q->dev, data, len, DMA_TO_DEVICE),
			     len, o);
}

/**
 * sluice_tx_add_frag() - map a page fragment and describe it
 * @dp: descriptor format
 * @q: the ring
 * @frag: the fragment
 * @o: the frame's offloads
 * Context: tx lock; the caller has checked for room.
 * Return: 0, or %-ENOMEM.
 */
static __always_inline int
sluice_tx_add_frag(const struct sluice_dp *dp, struct sluice_txq *q,
		   const skb_frag_t *frag, struct sluice_tx_offload *o)
{
	u32 len = skb_frag_size(frag);

	return sluice_tx_add(dp, q, q->direct ?
			     page_to_phys(skb_frag_page(frag)) + skb_frag_off(frag) :
			     skb_frag_dma_map(q->dev, frag, 0, len, DMA_TO_DEVICE),
			     len, o);
}

/**
 * sluice_tx_clear_length() - take the length out of a GSO frame's checksums
 * @skb: the frame
 *
 * A device that adds the length of each segment to the pseudo-header sum itself
 * wants the field to start with the sum over everything else.
 * Context: tx lock.
 * Return: 0, or negative errno if the headers cannot be made private.
 */
static __always_inline int sluice_tx_clear_length(struct sk_buff *skb)
{
	int err = skb_cow_head(skb, 0);
	struct iphdr *iph;

	if (unlikely(err))
		return err;
	if (skb_shinfo(skb)->gso_type & SKB_GSO_TCPV6) {
		tcp_v6_gso_csum_prep(skb);
		return 0;
	}
	iph = ip_hdr(skb);
	iph->tot_len = 0;
	iph->check = 0;
	tcp_hdr(skb)->check = ~csum_tcpudp_magic(iph->saddr, iph->daddr, 0,
						 IPPROTO_TCP, 0);
	return 0;
}

/**
 * sluice_tx_offload_tso() - describe the segmentation of a GSO frame
 * @dp: descriptor format
 * @skb: the frame
 * @o: filled in
 * Context: tx lock.
 * Return: 0, or negative errno if the headers cannot be made private.
 */
static __always_inline int sluice_tx_offload_tso(const struct sluice_dp *dp,
						 struct sk_buff *skb,
						 struct sluice_tx_offload *o)
{
	const struct skb_shared_info *sinfo = skb_shinfo(skb);

	o->hdr_len = sinfo->gso_type & SKB_GSO_UDP_L4 ?
		     skb_transport_offset(skb) + sizeof(struct udphdr) :
		     skb_tcp_all_headers(skb);
	o->paylen = skb->len - o->hdr_len;
	o->mss = sinfo->gso_size;
	o->flags |= SLUICE_TX_TSO;
	if (sinfo->gso_type & SKB_GSO_TCPV4)
		o->flags |= SLUICE_TX_IPV4;
	if (sinfo->gso_type & SKB_GSO_TCP_ECN)
		o->flags |= SLUICE_TX_ECN;
	return dp->tx_sums_length ? sluice_tx_clear_length(skb) : 0;
}

/**
 * sluice_tx_offload_parse() - what the stack asks the device to do
 * @dp: descriptor format
 * @skb: the frame
 * @o: filled in
 * Context: tx lock.
 * Return: 0, or negative errno if the headers cannot be prepared.
 */
static __always_inline int sluice_tx_offload_parse(const struct sluice_dp *dp,
						   struct sk_buff *skb,
						   struct sluice_tx_offload *o)
{
	if (skb_vlan_tag_present(skb)) {
		o->vlan_tci = skb_vlan_tag_get(skb);
		o->flags |= SLUICE_TX_VLAN;
	}
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return 0;
	o->flags |= SLUICE_TX_CSUM;
	o->l3_off = skb_network_offset(skb);
	o->l4_off = skb_checksum_start_offset(skb);
	o->csum_off = o->l4_off + skb->csum_offset;
	if (skb->csum_offset == offsetof(struct tcphdr, check))
		o->flags |= SLUICE_TX_TCP;
	return skb_is_gso(skb) ? sluice_tx_offload_tso(dp, skb, o) : 0;
}

/**
 * sluice_tx_map_frags() - map and describe page fragments
 * @dp: descriptor format
 * @q: the ring
 * @sinfo: the fragments
 * @o: the frame's offloads
 * Context: tx lock.
 * Return: 0, or %-ENOMEM; the caller unwinds.
 */
static __always_inline int
sluice_tx_map_frags(const struct sluice_dp *dp, struct sluice_txq *q,
		    const struct skb_shared_info *sinfo,
		    struct sluice_tx_offload *o)
{
	u32 i;

	for (i = 0; i < sinfo->nr_frags; i++) {
		int err;

		if (i == sinfo->nr_frags - 1)
			o->flags |= SLUICE_TX_LAST;
		err = sluice_tx_add_frag(dp, q, &sinfo->frags[i], o);
		if (unlikely(err))
			return err;
	}
	return 0;
}

/**
 * sluice_tx_push() - write a frame's header in front of it
 * @dp: descriptor format
 * @q: the ring
 * @data: where the frame begins
 * @headroom: bytes in front of it that are ours to write
 * @o: the frame's offloads; how long the header is goes there too
 *
 * A descriptor less, and the device finds all it needs in one place.
 * Context: tx lock.
 */
static __always_inline void
sluice_tx_push(const struct sluice_dp *dp, struct sluice_txq *q, void *data,
	       u32 headroom, struct sluice_tx_offload *o)
{
	if (dp->tx_push)
		o->pushed = dp->tx_push(q, q->tail, data, headroom, o);
}

/**
 * sluice_tx_begin() - open a frame: its owner and its context
 * @dp: descriptor format
 * @q: the ring
 * @o: the frame's offloads
 * @kind: who owns it
 *
 * The context takes a slot of its own only if the device has not seen it and it
 * is not in front of the frame; the first slot carries the owner either way.
 * Context: tx lock.
 * Return: the frame's first slot.
 */
static __always_inline struct sluice_tx_slot *
sluice_tx_begin(const struct sluice_dp *dp, struct sluice_txq *q,
		const struct sluice_tx_offload *o, enum sluice_tx_kind kind)
{
	struct sluice_tx_slot *first = sluice_tx_slot(q, q->tail);

	first->kind = kind;
	first->len = 0;
	first->done = false;
	if (!o->pushed && dp->tx_ctx(q, q->tail, o))
		q->tail++;
	return first;
}

/**
 * sluice_tx_abort() - take a half described frame out again
 * @q: the ring
 * @start: tail before the frame
 *
 * The context may have gone with it, so the next frame brings its own.
 * Context: tx lock.
 */
static __always_inline void sluice_tx_abort(struct sluice_txq *q, u32 start)
{
	sluice_tx_release_pieces(q, start, q->tail - start);
	sluice_tx_slot(q, start)->kind = SLUICE_TX_NONE;
	q->tail = start;
	q->ctx[0] = 0;
}

/**
 * sluice_tx_push_skb() - write an skb's header in front of it
 * @dp: descriptor format
 * @q: the ring
 * @skb: the frame
 * @o: its offloads
 *
 * Not if a clone has the same headroom: it may be under way with another header.
 * Nor is one written again that the device may be reading, of an skb that is sent
 * several times at once, as by pktgen; but for the constant, which it stays.
 * Context: tx lock.
 */
static __always_inline void
sluice_tx_push_skb(const struct sluice_dp *dp, struct sluice_txq *q,
		   struct sk_buff *skb, struct sluice_tx_offload *o)
{
	if (!dp->tx_push || skb_header_cloned(skb) ||
	    (o->flags & SLUICE_TX_CSUM && skb_shared(skb)))
		return;
	sluice_tx_push(dp, q, skb->data, skb_headroom(skb), o);
}

/**
 * sluice_tx_map_skb() - describe an skb
 * @dp: descriptor format
 * @q: the ring
 * @skb: the frame
 * @o: its offloads
 * Context: tx lock.
 * Return: 0, or %-ENOMEM with the ring as it was.
 */
static __always_inline int
sluice_tx_map_skb(const struct sluice_dp *dp, struct sluice_txq *q,
		  struct sk_buff *skb, struct sluice_tx_offload *o)
{
	struct skb_shared_info *sinfo = skb_shinfo(skb);
	struct sluice_tx_slot *first;
	u32 start = q->tail;
	int err;

	sluice_tx_push_skb(dp, q, skb, o);
	first = sluice_tx_begin(dp, q, o, SLUICE_TX_SKB);
	first->skb = skb;
	if (!sinfo->nr_frags)
		o->flags |= SLUICE_TX_LAST;
	err = sluice_tx_add_linear(dp, q, skb->data - o->pushed,
				   o->pushed + skb_headlen(skb), o);
	if (likely(!err))
		err = sluice_tx_map_frags(dp, q, sinfo, o);
	if (unlikely(err)) {
		sluice_tx_abort(q, start);
		return err;
	}
	first->descs = q->tail - start;
	first->packets = sinfo->gso_segs ?: 1;
	first->bytes = skb->len + (first->packets - 1) * o->hdr_len;
	return 0;
}

/**
 * sluice_tx_doorbell() - hand over what is queued, if anything is
 * @dp: descriptor format
 * @q: the ring
 * Context: tx lock.
 */
static __always_inline void sluice_tx_doorbell(const struct sluice_dp *dp,
					       struct sluice_txq *q)
{
	if (q->kicked == q->tail)
		return;
	trace_sluice_doorbell(q->vec, true, q->tail - q->kicked);
	q->kicked = q->tail;
	q->waiting = 0;
	q->waiting_bytes = 0;
	if (dp->tx_kick(q))
		sluice_tx_stats_add(q->stats, SLUICE_TX_DOORBELLS, 1);
}

/**
 * struct sluice_tx_done - what one pass of cleaning found
 * @frames: frames sent
 * @packets: packets on the wire for them
 * @bytes: bytes on the wire for them
 * @bql_packets: of these, frames that BQL was told of
 * @bql_bytes: their bytes, as BQL was told
 */
struct sluice_tx_done {
	u32 frames;
	u32 packets;
	u32 bytes;
	u32 bql_packets;
	u32 bql_bytes;
};

/**
 * sluice_tx_free() - give a frame back to its owner
 * @slot: its first slot
 * @done: counted here
 * @budget: NAPI's; 0 where skbs may not be freed as NAPI does
 * Context: tx lock, BH off.
 */
static __always_inline void sluice_tx_free(struct sluice_tx_slot *slot,
					   struct sluice_tx_done *done,
					   int budget)
{
	done->frames++;
	done->packets += slot->packets;
	done->bytes += slot->bytes;
	switch (slot->kind) {
	case SLUICE_TX_SKB:
		done->bql_packets++;
		done->bql_bytes += slot->skb->len;
		napi_consume_skb(slot->skb, budget);
		break;
	case SLUICE_TX_XDP_TX:
	case SLUICE_TX_XDPF:
		xdp_return_frame(slot->xdpf);
		break;
	}
	slot->kind = SLUICE_TX_NONE;
}

/**
 * sluice_tx_wake() - wake the queue if there is room again
 * @q: the ring
 *
 * Not if the ring is closed: its queue stays stopped for the next one.
 * Context: tx lock.
 */
static __always_inline void sluice_tx_wake(struct sluice_txq *q)
{
	if (likely(!netif_tx_queue_stopped(q->nq)) || !q->vec->tx_open ||
	    sluice_txq_room(q) < SLUICE_TX_WORST)
		return;
	netif_tx_wake_queue(q->nq);
	sluice_tx_stats_add(q->stats, SLUICE_TX_WAKES, 1);
}

/**
 * sluice_tx_clean() - release what the device has sent
 * @dp: descriptor format
 * @q: the ring
 * @budget: NAPI's; 0 where skbs may not be freed as NAPI does
 *
 * Netpoll comes from any context, but XDP frames may be freed with BH off only:
 * they wait for NAPI, and what is behind them too.
 * Context: tx lock, BH or interrupts off.
 * Return: true if there was any.
 */
static __always_inline bool sluice_tx_clean(const struct sluice_dp *dp,
					    struct sluice_txq *q, int budget)
{
	struct sluice_tx_done done = {};
	u32 head = q->head;

	while (head != q->kicked) {
		struct sluice_tx_slot *first = sluice_tx_slot(q, head);
		u32 descs = first->descs;

		if (!dp->tx_done(q, head, head + descs - 1))
			break;
		if (first->kind != SLUICE_TX_SKB &&
		    unlikely(in_hardirq() || !in_softirq())) {
			napi_schedule(&q->vec->napi);
			break;
		}
		sluice_tx_release_pieces(q, head, descs);
		sluice_tx_free(first, &done, budget);
		head += descs;
	}
	if (!done.frames)
		return false;
	WRITE_ONCE(q->head, head);
	trace_sluice_tx_completion(q->vec, done.frames, done.bytes);
	sluice_tx_stats_add(q->stats, SLUICE_TX_COMPLETED, done.frames);
	sluice_tx_stats_add(q->stats, SLUICE_TX_PACKETS, done.packets);
	sluice_tx_stats_add(q->stats, SLUICE_TX_BYTES, done.bytes);
	netdev_tx_completed_queue(q->nq, done.bql_packets, done.bql_bytes);
	sluice_tx_wake(q);
	return true;
}

/**
 * sluice_tx_is_watched() - will somebody look for completions soon anyway?
 * @q: the ring
 *
 * The timer of shared doorbells does, and then asks to be told of what is left:
 * a stream is spared an interrupt for every few frames.
 * Context: tx lock.
 * Return: true if so, and no frame waits for room.
 */
static __always_inline bool sluice_tx_is_watched(const struct sluice_txq *q)
{
	return hrtimer_is_queued(&q->vec->tx_timer) &&
	       !netif_xmit_stopped(q->nq);
}

/**
 * sluice_tx_reap() - clean, and ask to be told of what is still under way
 * @dp: descriptor format
 * @q: the ring
 * @budget: NAPI's; 0 where skbs may not be freed as NAPI does
 *
 * An emulated device has often sent everything by the time the doorbell's
 * register write returns (QEMU's e1000 always has): the frames are free without
 * an interrupt, which would also hold back the interrupt of the reply. Where it
 * has not, a completion interrupt is asked for; with some formats once for all.
 * Context: tx lock, BH off.
 */
static __always_inline void sluice_tx_reap(const struct sluice_dp *dp,
					   struct sluice_txq *q, int budget)
{
	sluice_tx_clean(dp, q, budget);
	do {
		if (likely(q->head == q->kicked) || q->armed ||
		    sluice_tx_is_watched(q))
			return;
		q->armed = dp->tx_arm(q);
		/* What was sent before the request may raise no interrupt, and
		 * if it was more than the request was for, this is spent.
		 */
	} while (sluice_tx_clean(dp, q, budget));
}

/**
 * sluice_tx_flush() - doorbell and what follows
 * @dp: descriptor format
 * @q: the ring
 * Context: tx lock, BH off.
 */
static __always_inline void sluice_tx_flush(const struct sluice_dp *dp,
					    struct sluice_txq *q)
{
	sluice_tx_doorbell(dp, q);
	/* As NAPI frees them, many at a time: this CPU's store of skbs is safe
	 * with BH off, but not from netpoll, which has interrupts off too.
	 */
	sluice_tx_reap(dp, q, !irqs_disabled());
}

/**
 * sluice_tx_drop() - lose an skb, by name
 * @q: the ring
 * @skb: the frame, or NULL if it is freed already
 * @why: the loss
 * Context: tx lock, BH off.
 * Return: true: frames before this one may wait for its doorbell (xmit_more).
 */
static inline bool sluice_tx_drop(struct sluice_txq *q, struct sk_buff *skb,
				  enum sluice_tx_counter why)
{
	sluice_tx_stats_add(q->stats, why, 1);
	dev_kfree_skb_any(skb);
	return true;
}

/**
 * SLUICE_TX_STREAM - frames in close succession that make a stream
 *
 * As many go at once when a stream begins, and each time it is interrupted; so
 * does a burst that is no longer, which somebody may wait for.
 */
#define SLUICE_TX_STREAM	8

/**
 * SLUICE_TX_WORTH - frames for which it is worth to wait
 *
 * If fewer come in the time that one may wait there is little to gain.
 */
#define SLUICE_TX_WORTH		4

/**
 * sluice_tx_received() - how much the device has received
 * @nic: the device, up
 *
 * Of all vectors: the answer to a frame may come through another one.
 * Context: a tx lock of the device.
 * Return: buffers, modulo 2^32; of interest is only whether it changes.
 */
static __always_inline u32 sluice_tx_received(const struct sluice_nic *nic)
{
	u32 i, sum = 0;

	for (i = 0; i < nic->nvec; i++)
		sum += READ_ONCE(nic->vec[i]->rx->head);
	return sum;
}

/**
 * sluice_tx_in_stream() - is a frame one of many, for which nobody waits?
 * @nic: the device
 * @q: the ring
 *
 * A stream is one way and close: whoever gets answers may be waiting for one,
 * and whoever sends now and then shall not be the slower for it.
 * Context: tx lock.
 * Return: true if enough frames came before this one in close succession while
 * nothing was received.
 */
static __always_inline bool sluice_tx_in_stream(struct sluice_nic *nic,
						struct sluice_txq *q)
{
	u64 gap = NSEC_PER_USEC / SLUICE_TX_WORTH *
		  READ_ONCE(nic->tx_aggr.time_usecs);
	u64 now = local_clock();
	u32 received;

	if (now - q->sent_at > gap)
		q->streak = 0;
	q->sent_at = now;
	if (q->streak++ < SLUICE_TX_STREAM)
		return false;
	received = sluice_tx_received(nic);
	if (likely(received == q->received))
		return true;
	q->received = received;
	q->streak = 0;
	return false;
}

/**
 * sluice_tx_is_urgent() - shall a frame go at once, stream or not?
 * @q: the ring
 * @skb: the frame
 *
 * A stopped queue (BQL) sends no frame that could ring; what softirqs send is an
 * answer or due now; netpoll's, which come with interrupts off and BH as they
 * were, may be a dying kernel's last words; and the time that is stamped shall be
 * that of sending.
 * Context: tx lock.
 * Return: true if it shall.
 */
static __always_inline bool sluice_tx_is_urgent(const struct sluice_txq *q,
						const struct sk_buff *skb)
{
	return netif_xmit_stopped(q->nq) || in_serving_softirq() ||
	       in_hardirq() || !in_softirq() || oops_in_progress ||
	       skb_shinfo(skb)->tx_flags & SKBTX_ANY_TSTAMP;
}

/**
 * sluice_tx_hold() - leave a frame's doorbell to one that comes soon
 * @dp: descriptor format
 * @q: the ring
 * @skb: the frame
 *
 * The timer is left alone when a doorbell rings before it, so it costs once in
 * its time and not once a doorbell. It may so ring early, never late.
 * Context: tx lock.
 * Return: true if another frame or the timer will ring.
 */
static __always_inline bool sluice_tx_hold(const struct sluice_dp *dp,
					   struct sluice_txq *q,
					   const struct sk_buff *skb)
{
	struct sluice_vector *v = q->vec;
	struct sluice_nic *nic = v->nic;

	if (q->waiting >= READ_ONCE(nic->tx_aggr.max_frames) ||
	    q->waiting_bytes >= READ_ONCE(nic->tx_aggr.max_bytes))
		return false;
	if (!sluice_tx_in_stream(nic, q) || sluice_tx_is_urgent(q, skb))
		return false;
	if (!hrtimer_is_queued(&v->tx_timer)) {
		sluice_tx_stats_add(q->stats, SLUICE_TX_TIMERS, 1);
		hrtimer_start(&v->tx_timer,
			      ns_to_ktime(NSEC_PER_USEC *
					  READ_ONCE(nic->tx_aggr.time_usecs)),
			      HRTIMER_MODE_REL_PINNED_SOFT);
	}
	/* It takes the frame for nothing, and falls asleep if kept waiting. */
	if (dp->tx_awake && dp->tx_awake(q))
		return false;
	sluice_tx_stats_add(q->stats, SLUICE_TX_HELD, 1);
	return true;
}

/**
 * sluice_tx_commit() - account for a described skb and stop ahead of need
 * @dp: descriptor format
 * @q: the ring
 * @skb: the frame
 * Context: tx lock.
 * Return: true if the doorbell is due.
 */
static __always_inline bool sluice_tx_commit(const struct sluice_dp *dp,
					     struct sluice_txq *q,
					     struct sk_buff *skb)
{
	bool kick = __netdev_tx_sent_queue(q->nq, skb->len, netdev_xmit_more());

	skb_tx_timestamp(skb);
	q->waiting++;
	q->waiting_bytes += skb->len;
	if (unlikely(sluice_txq_room(q) < SLUICE_TX_WORST)) {
		netif_tx_stop_queue(q->nq);
		sluice_tx_stats_add(q->stats, SLUICE_TX_STOPS, 1);
		return true;
	}
	return kick && !sluice_tx_hold(dp, q, skb);
}

/**
 * sluice_tx_take() - take an skb from the stack
 * @dp: descriptor format
 * @q: the ring
 * @skb: the frame
 * Context: tx lock, BH off.
 * Return: true if the doorbell is due.
 */
static __always_inline bool sluice_tx_take(const struct sluice_dp *dp,
					   struct sluice_txq *q,
					   struct sk_buff *skb)
{
	struct sluice_tx_offload o = {};

	sluice_tx_stats_add(q->stats, SLUICE_TX_ACCEPTED, 1);
	if (unlikely(skb_put_padto(skb, dp->tx_min_len)))
		return sluice_tx_drop(q, NULL, SLUICE_TX_PAD_ERR);
	if (unlikely(sluice_tx_offload_parse(dp, skb, &o)))
		return sluice_tx_drop(q, skb, SLUICE_TX_OFFLOAD_ERR);
	if (unlikely(sluice_tx_map_skb(dp, q, skb, &o)))
		return sluice_tx_drop(q, skb, SLUICE_TX_DMA_ERR);
	return sluice_tx_commit(dp, q, skb);
}

/**
 * sluice_xmit() - ndo_start_xmit
 * @dp: descriptor format
 * @skb: the frame
 * @netdev: the device
 *
 * Never busy: the queue is stopped while fewer than %SLUICE_TX_WORST
 * descriptors are free, and XDP leaves that many alone.
 * Context: tx lock, BH off.
 * Return: NETDEV_TX_OK; the frame is the driver's.
 */
static __always_inline netdev_tx_t sluice_xmit(const struct sluice_dp *dp,
					       struct sk_buff *skb,
					       struct net_device *netdev)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	struct sluice_txq *q = nic->vec[skb_get_queue_mapping(skb)]->tx;

	if (sluice_tx_take(dp, q, skb))
		sluice_tx_flush(dp, q);
	return NETDEV_TX_OK;
}

#endif
