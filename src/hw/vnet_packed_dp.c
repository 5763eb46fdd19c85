// SPDX-License-Identifier: GPL-2.0-only
/* Datapath of virtio-net over packed virtqueues, for the engine to inline. */

#include <kunit/visibility.h>
#include <sluice/datapath.h>
#include "vnet.h"
#include "vnet_hdr_desc.h"
#include "vnet_packed_desc.h"

static __always_inline struct vnet_packed vnet_packed_rx(const struct sluice_rxq *q)
{
	return vnet_packed(q->desc, q->mask + 1);
}

static __always_inline struct vnet_packed vnet_packed_tx(const struct sluice_txq *q)
{
	return vnet_packed(q->desc, q->mask + 1);
}

/* Has the device used the descriptor at an index? */
static __always_inline bool vnet_packed_used(const struct vnet_packed *r, u32 at,
					     u32 mask)
{
	u16 flags = le16_to_cpu(READ_ONCE(r->desc[at & mask].flags));

	return vnet_packed_is_used(flags, at, mask);
}

/* After descriptors from one index to another have been shown: does the device
 * want to be told (2.8.10)?
 */
static __always_inline bool vnet_packed_wants_kick(const struct vnet_packed *r,
						   u32 mask, u16 new, u16 old)
{
	u16 flags, off, event, added = new - old;

	flags = le16_to_cpu(READ_ONCE(r->device->flags));
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	/* The place was written before the flag. */
	dma_rmb();
	off = le16_to_cpu(READ_ONCE(r->device->off_wrap));
	event = off & ~VNET_PACKED_EVENT_WRAP;
	if (!(off & VNET_PACKED_EVENT_WRAP) == vnet_packed_wrap(new, mask))
		event -= mask + 1;
	new &= mask;
	return vring_need_event(event, new, new - added);
}

static __always_inline void vnet_packed_ask(const struct vnet_packed *r, u32 mask,
					    bool event_idx, u32 at)
{
	u16 flags = VRING_PACKED_EVENT_FLAG_ENABLE;

	if (event_idx) {
		flags = VRING_PACKED_EVENT_FLAG_DESC;
		WRITE_ONCE(r->driver->off_wrap,
			   cpu_to_le16(vnet_packed_event(at, mask)));
		/* The place before the flag. */
		dma_wmb();
	}
	WRITE_ONCE(r->driver->flags, cpu_to_le16(flags));
}

static __always_inline void vnet_packed_silence(const struct vnet_packed *r)
{
	WRITE_ONCE(r->driver->flags, cpu_to_le16(VRING_PACKED_EVENT_FLAG_DISABLE));
}

void vnet_packed_irq_silence(struct sluice_vector *v)
{
	struct vnet_packed rx = vnet_packed_rx(v->rx), tx = vnet_packed_tx(v->tx);

	vnet_packed_silence(&rx);
	vnet_packed_silence(&tx);
}

/* Receive */

static __always_inline void vnet_packed_rx_init(struct sluice_rxq *q)
{
	memset(q->desc, 0, (q->mask + 1) * VNET_PACKED_RX_SIZE + VNET_RING_EXTRA);
	vnet_rx_reset(q);
}

static __always_inline bool vnet_packed_rx_ready(const struct sluice_rxq *q)
{
	struct vnet_packed r = vnet_packed_rx(q);

	return !q->broken &&
	       (vnet_packed_used(&r, READ_ONCE(q->head), q->mask) ||
		vnet_rx_in_batch(q));
}

/* A place in the ring says nothing of which buffer is used there. */
static __always_inline bool vnet_packed_rx_peek(struct sluice_rxq *q,
						struct sluice_rx_cmpl *c)
{
	const struct vnet_rx_state *s = vnet_rx_state(q);
	struct vnet_packed r = vnet_packed_rx(q);
	const struct vring_packed_desc *d = &r.desc[q->head & q->mask];
	u16 flags = le16_to_cpu(READ_ONCE(d->flags));

	if (unlikely(q->broken) ||
	    (!vnet_packed_is_used(flags, q->head, q->mask) &&
	     !vnet_rx_in_batch(q)))
		return false;
	/* Identifier and length, and the buffer, were written before the flags. */
	dma_rmb();
	c->slot = le16_to_cpu(READ_ONCE(d->id));
	c->len = le32_to_cpu(READ_ONCE(d->len));
	if (unlikely(s->mode.in_order ?
		     !vnet_rx_in_order(q, c, s->shown - q->head) :
		     !vnet_rx_is_out(q, c->slot)))
		return vnet_rx_broken(q, "it returns a buffer that it does not have");
	vnet_rx_describe(q, c);
	return true;
}

/* The flags, which show it, are written by the kick. */
static __always_inline void vnet_packed_rx_post(struct sluice_rxq *q, u32 slot,
						dma_addr_t dma)
{
	struct vnet_rx_state *s = vnet_rx_state(q);
	struct vnet_packed r = vnet_packed_rx(q);
	struct vring_packed_desc *d = &r.desc[s->avail & q->mask];

	d->addr = cpu_to_le64(dma - s->hdr_len);
	d->len = cpu_to_le32(q->buf_len + s->hdr_len);
	d->id = cpu_to_le16(slot);
	q->posted[slot] = s->avail++;
}

/* Backwards, as the device goes no further than the first that is not there. */
static __always_inline bool vnet_packed_rx_kick(struct sluice_rxq *q)
{
	struct vnet_rx_state *s = vnet_rx_state(q);
	struct vnet_packed r = vnet_packed_rx(q);
	u16 at = s->avail, old = s->shown;

	while (at != old) {
		u16 flags = vnet_packed_avail_flags(--at, q->mask) |
			    VRING_DESC_F_WRITE;

		/* The rest of the descriptors before the flags that show them. */
		if (at == old)
			dma_wmb();
		WRITE_ONCE(r.desc[at & q->mask].flags, cpu_to_le16(flags));
	}
	s->shown = s->avail;
	/* The descriptors before the answer to: are you awake? */
	vnet_mb(s->mode);
	if (!vnet_packed_wants_kick(&r, q->mask, s->avail, old))
		return false;
	vnet_rx_notify(q, vnet_packed_event(s->avail, q->mask));
	return true;
}

/* All that is in the ring when the device starts. */
void vnet_packed_rx_show(struct sluice_rxq *q)
{
	vnet_packed_rx_kick(q);
}

/* Transmit */

static __always_inline void vnet_packed_tx_init(struct sluice_txq *q)
{
	struct vnet_packed r = vnet_packed_tx(q);

	memset(q->desc, 0, (q->mask + 1) * VNET_PACKED_TX_SIZE + VNET_RING_EXTRA);
	vnet_tx_reset(q);
	vnet_packed_silence(&r);
}

/* A header that is not in front of its frame has a descriptor of its own. */
static __always_inline bool vnet_packed_tx_ctx(struct sluice_txq *q, u32 index,
					       const struct sluice_tx_offload *o)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	u32 slot = index & q->mask;
	struct vnet_packed r = vnet_packed_tx(q);
	struct virtio_net_hdr_v1 *hdr = vnet_hdr_to_send(s, r.hdr, slot);

	vnet_hdr_write(hdr, o);
	r.desc[slot].addr = cpu_to_le64(q->dma + ((void *)hdr - q->desc));
	r.desc[slot].len = cpu_to_le32(s->hdr_len);
	r.desc[slot].id = cpu_to_le16(slot);
	s->first = index;
	return true;
}

/* A frame is shown as a whole: its descriptors' flags backwards, the first one's
 * last.
 */
static __always_inline void vnet_packed_tx_show(struct sluice_txq *q, u32 last)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	struct vnet_packed r = vnet_packed_tx(q);
	u32 at;

	for (at = last; at + 1 != s->first; at--) {
		u16 flags = vnet_packed_avail_flags(at, q->mask) |
			    (at == last ? 0 : VRING_DESC_F_NEXT);

		/* The rest of the descriptors before the flags that show them. */
		if (at == s->first)
			dma_wmb();
		WRITE_ONCE(r.desc[at & q->mask].flags, cpu_to_le16(flags));
	}
	s->avail = last + 1;
}

static __always_inline void vnet_packed_tx_put(struct sluice_txq *q, u32 index,
					       dma_addr_t dma, u32 len,
					       const struct sluice_tx_offload *o)
{
	struct vnet_packed r = vnet_packed_tx(q);
	struct vring_packed_desc *d = &r.desc[index & q->mask];

	d->addr = cpu_to_le64(dma);
	d->len = cpu_to_le32(len);
	d->id = cpu_to_le16(vnet_tx_state(q)->first & q->mask);
	if (o->flags & SLUICE_TX_LAST)
		vnet_packed_tx_show(q, index);
}

static __always_inline bool vnet_packed_tx_kick(struct sluice_txq *q)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	struct vnet_packed r = vnet_packed_tx(q);
	u16 old = s->kicked;

	s->kicked = s->avail;
	/* The descriptors before the answer to: are you awake? */
	vnet_mb(s->mode);
	if (!vnet_packed_wants_kick(&r, q->mask, s->avail, old))
		return false;
	vnet_notify(q->doorbell, s->index, s->mode,
		    vnet_packed_event(s->avail, q->mask));
	return true;
}

/* No more than a guess: it may fall asleep before it sees the frame. */
static __always_inline bool vnet_packed_tx_awake(struct sluice_txq *q)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	struct vnet_packed r = vnet_packed_tx(q);

	return !vnet_packed_wants_kick(&r, q->mask, s->avail, s->kicked);
}

/* The device may send frames in any order; each is marked, and the ring cleaned
 * in the order in which it was filled. A used descriptor stands for all of its
 * frame (2.8.6). A frame is shown by its flags, so one that still waits for a
 * notification may have been sent.
 */
static __always_inline void vnet_packed_tx_mark(struct sluice_txq *q, u32 oldest)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	struct vnet_packed r = vnet_packed_tx(q);

	while (s->used != q->tail && vnet_packed_used(&r, s->used, q->mask)) {
		u32 id, first = oldest;

		/* The identifier was written before the flags. */
		dma_rmb();
		id = le16_to_cpu(READ_ONCE(r.desc[s->used & q->mask].id));
		if (unlikely(!vnet_tx_is_out(q, id, q->tail))) {
			vnet_tx_broken(q, "it returns a frame that it does not have");
			return;
		}
		vnet_tx_take(q, &oldest, id, U32_MAX);
		s->used += oldest - first;
	}
}

static __always_inline bool vnet_packed_tx_done(struct sluice_txq *q, u32 first,
						u32 last)
{
	if (!q->slot[first & q->mask].done && likely(!q->broken))
		vnet_packed_tx_mark(q, first);
	return q->slot[first & q->mask].done;
}

/* Under the tx lock, and put off, as vnet_split_tx_arm(). */
static __always_inline bool vnet_packed_tx_arm(struct sluice_txq *q)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	struct vnet_packed r = vnet_packed_tx(q);
	u16 flags = le16_to_cpu(READ_ONCE(r.driver->flags));
	bool asked = s->mode.event_idx ?
		     flags == VRING_PACKED_EVENT_FLAG_DESC && vnet_tx_to_come(s) :
		     flags == VRING_PACKED_EVENT_FLAG_ENABLE;

	s->asked = vnet_tx_most(s);
	vnet_packed_ask(&r, q->mask, s->mode.event_idx, s->asked);
	/* The request before the look at what has been sent until then. */
	if (!asked)
		vnet_mb(s->mode);
	return false;
}

/* Before NAPI ends, as another CPU may poll as soon as it has. */
static __always_inline void vnet_packed_rx_arm(struct sluice_rxq *q)
{
	struct vnet_mode mode = vnet_rx_state(q)->mode;
	struct vnet_packed r = vnet_packed_rx(q);

	vnet_packed_ask(&r, q->mask, mode.event_idx, q->head);
	/* The request before the look at what has come until then. */
	vnet_mb(mode);
	vnet_dim_sample(q->vec);
}

static __always_inline void vnet_packed_rx_disarm(struct sluice_rxq *q)
{
	struct vnet_packed r = vnet_packed_rx(q);

	vnet_packed_silence(&r);
}

static __always_inline void vnet_packed_irq_enable(struct sluice_vector *v)
{
	if (vnet_packed_rx_ready(v->rx))
		napi_schedule(&v->napi);
}

static const struct sluice_dp vnet_packed_dp = {
	.rx_init	= vnet_packed_rx_init,
	.rx_ready	= vnet_packed_rx_ready,
	.rx_peek	= vnet_packed_rx_peek,
	.rx_post	= vnet_packed_rx_post,
	.rx_kick	= vnet_packed_rx_kick,
	.rx_offload	= vnet_rx_offload,
	.tx_init	= vnet_packed_tx_init,
	.tx_push	= vnet_tx_push,
	.tx_ctx		= vnet_packed_tx_ctx,
	.tx_put		= vnet_packed_tx_put,
	.tx_kick	= vnet_packed_tx_kick,
	.tx_awake	= vnet_packed_tx_awake,
	.tx_done	= vnet_packed_tx_done,
	.tx_arm		= vnet_packed_tx_arm,
	.rx_arm		= vnet_packed_rx_arm,
	.rx_disarm	= vnet_packed_rx_disarm,
	.irq_enable	= vnet_packed_irq_enable,
	.tx_min_len	= ETH_HLEN,
	.tx_hdr_descs	= 1,
	.rx_hdr_len	= VNET_HDR_MOST,
	.rx_hashes	= true,
};

SLUICE_DP_DEFINE(vnet_packed, vnet_packed_dp, VNET_PACKED_RX_SIZE,
		 VNET_PACKED_TX_SIZE, VNET_RING_EXTRA, VNET_HDR_MOST);
EXPORT_SYMBOL_IF_KUNIT(sluice_vnet_packed_engine);
