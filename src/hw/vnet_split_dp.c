// SPDX-License-Identifier: GPL-2.0-only
/* Datapath of virtio-net over split virtqueues, for the engine to inline. */

#include <kunit/visibility.h>
#include <sluice/datapath.h>
#include "vnet.h"
#include "vnet_hdr_desc.h"
#include "vnet_split_desc.h"

static __always_inline struct vnet_split vnet_split_rx(const struct sluice_rxq *q)
{
	return vnet_split(q->desc, q->mask + 1, false);
}

static __always_inline struct vnet_split vnet_split_tx(const struct sluice_txq *q)
{
	return vnet_split(q->desc, q->mask + 1, true);
}

static __always_inline u16 vnet_split_used(const struct vnet_split *r)
{
	return __virtio16_to_cpu(true, READ_ONCE(r->used->idx));
}

/* The device is asked by an index (2.7.10), or by a flag (2.7.7). */

static __always_inline __virtio16 *vnet_split_used_event(const struct vnet_split *r,
							 u32 mask)
{
	return &r->avail->ring[mask + 1];
}

static __always_inline u16 vnet_split_avail_event(const struct vnet_split *r,
						  u32 mask)
{
	return le16_to_cpu(READ_ONCE(*(__le16 *)&r->used->ring[mask + 1]));
}

/* After all up to one index was shown, and now up to another: does the device want
 * to be told?
 */
static __always_inline bool vnet_split_wants_kick(const struct vnet_split *r,
						  u32 mask,
						  struct vnet_mode mode, u16 new,
						  u16 old)
{
	if (mode.event_idx)
		return vring_need_event(vnet_split_avail_event(r, mask), new, old);
	return !(READ_ONCE(r->used->flags) &
		 __cpu_to_virtio16(true, VRING_USED_F_NO_NOTIFY));
}

/* Show the device all up to an index; does it want to be told? */
static __always_inline bool vnet_split_show(const struct vnet_split *r, u32 mask,
					    struct vnet_mode mode, u16 new,
					    u16 old)
{
	/* The descriptors before the index that shows them. */
	dma_wmb();
	WRITE_ONCE(r->avail->idx, __cpu_to_virtio16(true, new));
	/* The index before the answer to: are you awake? */
	vnet_mb(mode);
	return vnet_split_wants_kick(r, mask, mode, new, old);
}

static __always_inline void vnet_split_ask(const struct vnet_split *r, u32 mask,
					   bool event_idx, u16 at)
{
	if (event_idx)
		WRITE_ONCE(*vnet_split_used_event(r, mask),
			   __cpu_to_virtio16(true, at));
	else
		WRITE_ONCE(r->avail->flags, 0);
}

/* With indexes a ring is silent from the interrupt on that was asked for. */
static __always_inline void vnet_split_silence(const struct vnet_split *r,
					       bool event_idx)
{
	if (!event_idx)
		WRITE_ONCE(r->avail->flags,
			   __cpu_to_virtio16(true, VRING_AVAIL_F_NO_INTERRUPT));
}

void vnet_split_irq_silence(struct sluice_vector *v)
{
	struct vnet_split rx = vnet_split_rx(v->rx), tx = vnet_split_tx(v->tx);

	vnet_split_silence(&rx, vnet_rx_state(v->rx)->mode.event_idx);
	vnet_split_silence(&tx, vnet_tx_state(v->tx)->mode.event_idx);
}

/* Receive */

static __always_inline void vnet_split_rx_init(struct sluice_rxq *q)
{
	memset(q->desc, 0, (q->mask + 1) * VNET_SPLIT_RX_SIZE + VNET_RING_EXTRA);
	vnet_rx_reset(q);
}

static __always_inline bool vnet_split_rx_ready(const struct sluice_rxq *q)
{
	struct vnet_split r = vnet_split_rx(q);

	return !q->broken && (u16)READ_ONCE(q->head) != vnet_split_used(&r);
}

static __always_inline bool vnet_split_rx_peek(struct sluice_rxq *q,
					       struct sluice_rx_cmpl *c)
{
	struct vnet_split r = vnet_split_rx(q);
	const struct vring_used_elem *e = &r.used->ring[q->head & q->mask];
	u16 used = vnet_split_used(&r) - q->head;

	if (!used || unlikely(q->broken))
		return false;
	if (unlikely(used > (u16)(vnet_rx_state(q)->shown - q->head)))
		return vnet_rx_broken(q, "the used index passes the available one");
	/* The entry, and the buffer, were written before the index. */
	dma_rmb();
	c->slot = __virtio32_to_cpu(true, READ_ONCE(e->id));
	c->len = __virtio32_to_cpu(true, READ_ONCE(e->len));
	if (unlikely(vnet_rx_state(q)->mode.in_order ?
		     !vnet_rx_in_order(q, c, used) : !vnet_rx_is_out(q, c->slot)))
		return vnet_rx_broken(q, "it returns a buffer that it does not have");
	vnet_rx_describe(q, c);
	return true;
}

static __always_inline void vnet_split_rx_post(struct sluice_rxq *q, u32 slot,
					       dma_addr_t dma)
{
	struct vnet_rx_state *s = vnet_rx_state(q);
	struct vnet_split r = vnet_split_rx(q);

	r.desc[slot] = (struct vring_desc){
		.addr	= __cpu_to_virtio64(true, dma - s->hdr_len),
		.len	= __cpu_to_virtio32(true, q->buf_len + s->hdr_len),
		.flags	= __cpu_to_virtio16(true, VRING_DESC_F_WRITE),
	};
	q->posted[slot] = s->avail;
	r.avail->ring[s->avail++ & q->mask] = __cpu_to_virtio16(true, slot);
}

static __always_inline bool vnet_split_rx_kick(struct sluice_rxq *q)
{
	struct vnet_rx_state *s = vnet_rx_state(q);
	struct vnet_split r = vnet_split_rx(q);
	u16 old = s->shown;

	s->shown = s->avail;
	if (!vnet_split_show(&r, q->mask, s->mode, s->avail, old))
		return false;
	vnet_rx_notify(q, s->avail);
	return true;
}

/* All that is in the ring when the device starts. */
void vnet_split_rx_show(struct sluice_rxq *q)
{
	vnet_split_rx_kick(q);
}

/* Transmit */

static __always_inline void vnet_split_tx_init(struct sluice_txq *q)
{
	struct vnet_split r = vnet_split_tx(q);

	memset(q->desc, 0, (q->mask + 1) * VNET_SPLIT_TX_SIZE + VNET_RING_EXTRA);
	vnet_tx_reset(q);
	/* Nobody has asked yet; as an index: the one that is farthest away. */
	vnet_split_silence(&r, false);
	if (vnet_tx_state(q)->mode.event_idx)
		vnet_split_ask(&r, q->mask, true, U16_MAX);
}

/* A header that is not in front of its frame has a descriptor of its own. */
static __always_inline bool vnet_split_tx_ctx(struct sluice_txq *q, u32 index,
					      const struct sluice_tx_offload *o)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	u32 slot = index & q->mask;
	struct vnet_split r = vnet_split_tx(q);
	struct virtio_net_hdr_v1 *hdr = vnet_hdr_to_send(s, r.hdr, slot);

	vnet_hdr_write(hdr, o);
	r.desc[slot] = (struct vring_desc){
		.addr	= __cpu_to_virtio64(true, q->dma + ((void *)hdr - q->desc)),
		.len	= __cpu_to_virtio32(true, s->hdr_len),
		.flags	= __cpu_to_virtio16(true, VRING_DESC_F_NEXT),
		.next	= __cpu_to_virtio16(true, (slot + 1) & q->mask),
	};
	s->first = index;
	return true;
}

static __always_inline void vnet_split_tx_put(struct sluice_txq *q, u32 index,
					      dma_addr_t dma, u32 len,
					      const struct sluice_tx_offload *o)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	struct vnet_split r = vnet_split_tx(q);
	bool last = o->flags & SLUICE_TX_LAST;
	u32 slot = index & q->mask;

	r.desc[slot] = (struct vring_desc){
		.addr	= __cpu_to_virtio64(true, dma),
		.len	= __cpu_to_virtio32(true, len),
		.flags	= __cpu_to_virtio16(true, last ? 0 : VRING_DESC_F_NEXT),
		.next	= __cpu_to_virtio16(true, (slot + 1) & q->mask),
	};
	if (last)
		r.avail->ring[s->avail++ & q->mask] =
			__cpu_to_virtio16(true, s->first & q->mask);
}

static __always_inline bool vnet_split_tx_kick(struct sluice_txq *q)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	struct vnet_split r = vnet_split_tx(q);
	u16 old = s->kicked;

	s->kicked = s->avail;
	if (!vnet_split_show(&r, q->mask, s->mode, s->avail, old))
		return false;
	vnet_notify(q->doorbell, s->index, s->mode, s->avail);
	return true;
}

/* No more than a guess: it may fall asleep before it is shown the frame. */
static __always_inline bool vnet_split_tx_awake(struct sluice_txq *q)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	struct vnet_split r = vnet_split_tx(q);

	return !vnet_split_wants_kick(&r, q->mask, s->mode, s->avail, s->kicked);
}

/* The device may send frames in any order; each is marked, and the ring cleaned
 * in the order in which it was filled.
 */
static __always_inline void vnet_split_tx_mark(struct sluice_txq *q, u32 oldest)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	struct vnet_split r = vnet_split_tx(q);
	u16 used = vnet_split_used(&r);

	if (unlikely((u16)(used - s->used) > (u16)(s->kicked - s->used))) {
		vnet_tx_broken(q, "the used index passes the available one");
		return;
	}
	/* The entries were written before the index. */
	dma_rmb();
	while ((u16)s->used != used) {
		const struct vring_used_elem *e = &r.used->ring[s->used & q->mask];
		u32 id = __virtio32_to_cpu(true, READ_ONCE(e->id)), frames = 0;

		if (likely(vnet_tx_is_out(q, id, q->kicked)))
			frames = vnet_tx_take(q, &oldest, id,
					      (u16)(used - s->used));
		if (unlikely(!frames)) {
			vnet_tx_broken(q, "it returns a frame that it does not have");
			return;
		}
		s->used += frames;
	}
}

static __always_inline bool vnet_split_tx_done(struct sluice_txq *q, u32 first,
					       u32 last)
{
	if (!q->slot[first & q->mask].done && likely(!q->broken))
		vnet_split_tx_mark(q, first);
	return q->slot[first & q->mask].done;
}

/* Under the tx lock, so that nobody overwrites a later request by an earlier one.
 * One that stands is put off without a look at what has been sent meanwhile: by
 * when the device met it, it has raised the interrupt.
 */
static __always_inline bool vnet_split_tx_arm(struct sluice_txq *q)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	struct vnet_split r = vnet_split_tx(q);
	bool asked = s->mode.event_idx ? vnet_tx_to_come(s) :
		     !READ_ONCE(r.avail->flags);

	s->asked = vnet_tx_most(s);
	vnet_split_ask(&r, q->mask, s->mode.event_idx, s->asked);
	/* The request before the look at what has been sent until then. */
	if (!asked)
		vnet_mb(s->mode);
	return false;
}

/* Before NAPI ends, as another CPU may poll as soon as it has. */
static __always_inline void vnet_split_rx_arm(struct sluice_rxq *q)
{
	struct vnet_mode mode = vnet_rx_state(q)->mode;
	struct vnet_split r = vnet_split_rx(q);

	vnet_split_ask(&r, q->mask, mode.event_idx, q->head);
	/* The request before the look at what has come until then. */
	vnet_mb(mode);
	vnet_dim_sample(q->vec);
}

/* An index that has passed asks for nothing. */
static __always_inline void vnet_split_rx_disarm(struct sluice_rxq *q)
{
	bool event_idx = vnet_rx_state(q)->mode.event_idx;
	struct vnet_split r = vnet_split_rx(q);

	if (event_idx)
		vnet_split_ask(&r, q->mask, true, q->head - 1);
	else
		vnet_split_silence(&r, false);
}

static __always_inline void vnet_split_irq_enable(struct sluice_vector *v)
{
	if (vnet_split_rx_ready(v->rx))
		napi_schedule(&v->napi);
}

static const struct sluice_dp vnet_split_dp = {
	.rx_init	= vnet_split_rx_init,
	.rx_ready	= vnet_split_rx_ready,
	.rx_peek	= vnet_split_rx_peek,
	.rx_post	= vnet_split_rx_post,
	.rx_kick	= vnet_split_rx_kick,
	.rx_offload	= vnet_rx_offload,
	.tx_init	= vnet_split_tx_init,
	.tx_push	= vnet_tx_push,
	.tx_ctx		= vnet_split_tx_ctx,
	.tx_put		= vnet_split_tx_put,
	.tx_kick	= vnet_split_tx_kick,
	.tx_awake	= vnet_split_tx_awake,
	.tx_done	= vnet_split_tx_done,
	.tx_arm		= vnet_split_tx_arm,
	.rx_arm		= vnet_split_rx_arm,
	.rx_disarm	= vnet_split_rx_disarm,
	.irq_enable	= vnet_split_irq_enable,
	.tx_min_len	= ETH_HLEN,
	.tx_hdr_descs	= 1,
	.rx_hdr_len	= VNET_HDR_MOST,
	.rx_hashes	= true,
};

SLUICE_DP_DEFINE(vnet_split, vnet_split_dp, VNET_SPLIT_RX_SIZE,
		 VNET_SPLIT_TX_SIZE, VNET_RING_EXTRA, VNET_HDR_MOST);
EXPORT_SYMBOL_IF_KUNIT(sluice_vnet_split_engine);
