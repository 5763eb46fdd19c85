/* SPDX-License-Identifier: GPL-2.0-only */
/* What both ring formats of virtio share: queue state, and whom to believe. */

#ifndef SLUICE_VNET_RING_H
#define SLUICE_VNET_RING_H

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <sluice/ring.h>

/**
 * VNET_HDR_LEN - bytes of header in front of every frame
 *
 * With VERSION_1 it always has num_buffers (virtio 1.2, 5.1.6.1).
 */
#define VNET_HDR_LEN	sizeof(struct virtio_net_hdr_v1)

/**
 * VNET_HDR_OFF - where in a buffer the device writes: header, then frame
 */
#define VNET_HDR_OFF	(XDP_PACKET_HEADROOM - VNET_HDR_LEN)

/**
 * VNET_RING_EXTRA - bytes of ring memory beside the descriptors' own
 *
 * Flags, index and event of a split queue's two rings; the two event structures
 * of a packed one.
 */
#define VNET_RING_EXTRA	24

/**
 * struct vnet_rx_state - what the driver remembers of a receive queue
 * @avail: buffers posted so far
 * @shown: of these, shown to the device
 * @buffers: how many the frame being taken has
 * @index: number of the queue
 * @first: completion at which that frame began
 * @event_idx: notifications are asked for by index (2.7.10)
 * @mergeable: a frame may have several buffers
 * @checked: the device may vouch for checksums, or leave them to us
 */
struct vnet_rx_state {
	u32 avail;
	u32 shown;
	u16 buffers;
	u16 index;
	u32 first;
	bool event_idx;
	bool mergeable;
	bool checked;
};

/**
 * struct vnet_tx_state - what the driver remembers of a transmit queue
 * @avail: split: frames made available so far; packed: descriptors
 * @kicked: of these, at the last notification
 * @used: split: frames the device has given back; packed: their descriptors
 * @first: first descriptor of the frame being described
 * @index: number of the queue
 * @event_idx: notifications are asked for by index (2.7.10)
 */
struct vnet_tx_state {
	u16 avail;
	u16 kicked;
	u32 used;
	u32 first;
	u16 index;
	bool event_idx;
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

#endif
