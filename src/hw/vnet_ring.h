/* SPDX-License-Identifier: GPL-2.0-only */
/* What both ring formats of virtio share: queue state, and whom to believe. */

#ifndef SLUICE_VNET_RING_H
#define SLUICE_VNET_RING_H

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <sluice/ring.h>

/**
 * VNET_HDR_LEN - bytes of header in front of every frame, as a rule
 *
 * With VERSION_1 it always has num_buffers (virtio 1.2, 5.1.6.1).
 */
#define VNET_HDR_LEN	sizeof(struct virtio_net_hdr_v1)

/**
 * VNET_HDR_MOST - the same with HASH_REPORT, which is the most there can be
 *
 * Which of both it is stands in each queue's state, in the cache line that every
 * frame needs anyway; an engine's constant bounds it: what is reserved in front of
 * a frame and in a transmit ring's memory. Constants throughout would have taken
 * two more engines, the whole datapath twice again for eight bytes. The frame
 * begins where it always does, as the longer header reaches further into the
 * headroom.
 */
#define VNET_HDR_MOST	sizeof(struct virtio_net_hdr_v1_hash)

/**
 * VNET_RING_EXTRA - bytes of ring memory beside the descriptors' own
 *
 * Flags, index and event of a split queue's two rings; the two event structures
 * of a packed one.
 */
#define VNET_RING_EXTRA	24

/**
 * struct vnet_mode - what has been negotiated of how rings are served
 * @event_idx: notifications are asked for by index (2.7.10)
 * @in_order: the device uses buffers in the order in which it got them, and one
 *	used entry may stand for many (2.7.9, 2.8.9)
 * @says_next: a doorbell also says how far the ring is filled (4.1.5.2)
 * @platform: the device may be hardware, which wants barriers of its own
 */
struct vnet_mode {
	bool event_idx;
	bool in_order;
	bool says_next;
	bool platform;
};

/**
 * struct vnet_rx_state - what the driver remembers of a receive queue
 * @avail: buffers posted so far
 * @shown: of these, shown to the device
 * @buffers: how many the frame being taken has
 * @index: number of the queue
 * @first: completion at which that frame began
 * @batch: with IN_ORDER: the completion behind those already said to be used
 * @batch_len: bytes written to the last of these
 * @mode: how the ring is served
 * @hdr_len: bytes of header in front of a frame
 * @mergeable: a frame may have several buffers
 * @checked: the device may vouch for checksums, or leave them to us
 * @spread: it gives one queue what it has taken for another, see vnet_notify_all()
 */
struct vnet_rx_state {
	u32 avail;
	u32 shown;
	u16 buffers;
	u16 index;
	u32 first;
	u32 batch;
	u32 batch_len;
	struct vnet_mode mode;
	u8 hdr_len;
	bool mergeable;
	bool checked;
	bool spread;
};

/**
 * struct vnet_tx_state - what the driver remembers of a transmit queue
 * @avail: split: frames made available so far; packed: descriptors
 * @kicked: of these, at the last notification
 * @used: split: frames the device has given back; packed: their descriptors
 * @first: index of the first descriptor of the frame being described
 * @index: number of the queue
 * @asked: with @mode's event_idx: what is to be used for an interrupt
 * @mode: how the ring is served
 * @hdr_len: bytes of header in front of a frame
 */
struct vnet_tx_state {
	u16 avail;
	u16 kicked;
	u32 used;
	u32 first;
	u16 index;
	u16 asked;
	struct vnet_mode mode;
	u8 hdr_len;
};

static_assert(sizeof(struct vnet_rx_state) <=
	      sizeof_field(struct sluice_rxq, dp));
static_assert(sizeof(struct vnet_tx_state) <=
	      sizeof_field(struct sluice_txq, dp));

static __always_inline struct vnet_rx_state *vnet_rx_state(struct sluice_rxq *q)
{
	return (struct vnet_rx_state *)q->dp;
}

static __always_inline struct vnet_tx_state *vnet_tx_state(struct sluice_txq *q)
{
	return (struct vnet_tx_state *)q->dp;
}

/* Which completion is to be told: most of what is under way is one interrupt's work,
 * and the device has not run dry when it comes.
 */
static __always_inline u16 vnet_tx_most(const struct vnet_tx_state *s)
{
	return s->used + (u16)(s->kicked - s->used) * 3 / 4;
}

/* Is the one that was asked for still to come? */
static __always_inline bool vnet_tx_to_come(const struct vnet_tx_state *s)
{
	return (u16)(s->asked - s->used) < (u16)(s->kicked - s->used);
}

/* What was written is seen before what is read next. */
static __always_inline void vnet_mb(struct vnet_mode mode)
{
	if (mode.platform) {
		/* By hardware, behind its bus. */
		dma_mb();
	} else {
		/* By software, which is one more processor. */
		virt_mb();
	}
}

/* With NOTIFICATION_DATA a doorbell also says where the next buffer will be, which
 * saves the device a look at the ring.
 */
static __always_inline void vnet_notify(void __iomem *doorbell, u16 index,
					struct vnet_mode mode, u16 next)
{
	if (mode.says_next)
		iowrite32((u32)next << 16 | index, doorbell);
	else
		iowrite16(index, doorbell);
}

/* Is the next buffer one of which the device has spoken already? */
static __always_inline bool vnet_rx_in_batch(const struct sluice_rxq *q)
{
	const struct vnet_rx_state *s = (const struct vnet_rx_state *)q->dp;

	return s->mode.in_order && READ_ONCE(q->head) != READ_ONCE(s->batch);
}

/* A used entry names the last of a batch of at most so many buffers. Those before
 * it have none: the device has written all of them (2.7.9), as it does to all but
 * the last buffer of a frame. Buffers are posted in the order in which they come
 * back, so the one at an index is that of its slot.
 */
static __always_inline bool vnet_rx_in_order(struct sluice_rxq *q,
					     struct sluice_rx_cmpl *c, u32 most)
{
	struct vnet_rx_state *s = vnet_rx_state(q);
	u32 skipped = (c->slot - q->head) & q->mask;

	if (!vnet_rx_in_batch(q)) {
		if (c->slot > q->mask || skipped >= most)
			return false;
		WRITE_ONCE(s->batch, q->head + skipped + 1);
		s->batch_len = c->len;
	}
	c->slot = q->head & q->mask;
	c->len = q->head + 1 == s->batch ? s->batch_len :
					   q->buf_len + s->hdr_len;
	return true;
}

/* Does the device have this buffer? It has what was shown to it, however long
 * ago, as it may hold one back; a buffer returned twice has been posted again,
 * but not yet shown.
 */
static __always_inline bool vnet_rx_is_out(struct sluice_rxq *q, u32 id)
{
	return id <= q->mask &&
	       (s32)(vnet_rx_state(q)->shown - q->posted[id]) > 0;
}

/* Is this the first descriptor of a frame that the device has, not yet sent? It
 * has been shown all up to an index.
 */
static __always_inline bool vnet_tx_is_out(struct sluice_txq *q, u32 id,
					   u32 shown)
{
	return id <= q->mask && q->slot[id].kind != SLUICE_TX_NONE &&
	       !q->slot[id].done &&
	       ((id - q->head) & q->mask) < shown - q->head;
}

/* A used entry names a frame. With IN_ORDER it stands for all of at most so many
 * frames up to that one, from the oldest on that is not yet sent. Returns how many
 * these are, 0 if it would be more, and moves the oldest on.
 */
static __always_inline u32 vnet_tx_take(struct sluice_txq *q, u32 *oldest, u32 id,
					u32 most)
{
	bool in_order = vnet_tx_state(q)->mode.in_order;
	u32 at, frames = 0;

	do {
		if (frames++ == most)
			return 0;
		at = in_order ? *oldest & q->mask : id;
		q->slot[at].done = true;
		*oldest += q->slot[at].descs;
	} while (at != id);
	return frames;
}

#endif
