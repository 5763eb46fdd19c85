/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a split virtqueue (virtio 1.2, 2.7): descriptor table, the headers
 * of frames to send, available ring, used ring. One allocation, so that the
 * engine need not know its parts.
 */

#ifndef SLUICE_VNET_SPLIT_DESC_H
#define SLUICE_VNET_SPLIT_DESC_H

#include "vnet_ring.h"

/* Of each descriptor: its entry in table, available ring and used ring, and to
 * send also a header.
 */
#define VNET_SPLIT_RX_SIZE	(sizeof(struct vring_desc) + sizeof(__le16) + \
				 sizeof(struct vring_used_elem))
#define VNET_SPLIT_TX_SIZE	(VNET_SPLIT_RX_SIZE + VNET_HDR_MOST)

/**
 * struct vnet_split - the parts of a queue's memory
 * @desc: descriptor table
 * @hdr: headers, one a descriptor, side by side; only to send
 * @avail: available ring
 * @used: used ring
 */
struct vnet_split {
	struct vring_desc *desc;
	void *hdr;
	struct vring_avail *avail;
	struct vring_used *used;
};

/* Sizes are powers of two, so every part is aligned as it must be. An entry of
 * the used ring, behind 4 bytes, does not lie in two pages: behind an IOMMU
 * QEMU 7.2 writes the second half of such a one to another address.
 */
static __always_inline struct vnet_split vnet_split(void *memory, u32 size,
						    bool tx)
{
	u32 hdr = size * sizeof(struct vring_desc);
	u32 avail = hdr + (tx ? size * VNET_HDR_MOST : 0);
	u32 used = avail + size * sizeof(__le16) + 12;

	return (struct vnet_split){
		.desc	= memory,
		.hdr	= memory + hdr,
		.avail	= memory + avail,
		.used	= memory + used,
	};
}

#endif
