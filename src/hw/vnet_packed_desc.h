/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a packed virtqueue (virtio 1.2, 2.8): descriptor ring, the driver's
 * and the device's event structure, the headers of frames to send.
 */

#ifndef SLUICE_VNET_PACKED_DESC_H
#define SLUICE_VNET_PACKED_DESC_H

#include "vnet_ring.h"

#define VNET_PACKED_RX_SIZE	sizeof(struct vring_packed_desc)
#define VNET_PACKED_TX_SIZE	(VNET_PACKED_RX_SIZE + VNET_HDR_MOST)

#define VNET_PACKED_AVAIL	BIT(VRING_PACKED_DESC_F_AVAIL)
#define VNET_PACKED_USED	BIT(VRING_PACKED_DESC_F_USED)
#define VNET_PACKED_EVENT_WRAP	BIT(VRING_PACKED_EVENT_F_WRAP_CTR)

/**
 * struct vnet_packed - the parts of a queue's memory
 * @desc: descriptor ring
 * @driver: what the driver asks of the device
 * @device: what the device asks of the driver
 * @hdr: headers, one a descriptor, side by side; only to send
 */
struct vnet_packed {
	struct vring_packed_desc *desc;
	struct vring_packed_desc_event *driver;
	struct vring_packed_desc_event *device;
	void *hdr;
};

static __always_inline struct vnet_packed vnet_packed(void *memory, u32 size)
{
	void *events = memory + size * sizeof(struct vring_packed_desc);

	return (struct vnet_packed){
		.desc	= memory,
		.driver	= events,
		.device	= events + sizeof(struct vring_packed_desc_event),
		.hdr	= events + VNET_RING_EXTRA,
	};
}

/* Indexes run freely: the wrap counter (2.8.1) is a bit of them, 1 in the first
 * round.
 */
static __always_inline bool vnet_packed_wrap(u32 at, u32 mask)
{
	return !(at & (mask + 1));
}

static __always_inline u16 vnet_packed_avail_flags(u32 at, u32 mask)
{
	return vnet_packed_wrap(at, mask) ? VNET_PACKED_AVAIL : VNET_PACKED_USED;
}

static __always_inline bool vnet_packed_is_used(u16 flags, u32 at, u32 mask)
{
	bool avail = flags & VNET_PACKED_AVAIL, used = flags & VNET_PACKED_USED;

	return avail == used && used == vnet_packed_wrap(at, mask);
}

/* A place in the ring as the event structures have it (2.8.10). */
static __always_inline u16 vnet_packed_event(u32 at, u32 mask)
{
	return (at & mask) |
	       (vnet_packed_wrap(at, mask) ? VNET_PACKED_EVENT_WRAP : 0);
}

#endif
