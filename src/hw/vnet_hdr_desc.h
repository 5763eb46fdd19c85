/* SPDX-License-Identifier: GPL-2.0-only */
/* The header in front of every frame (virtio 1.2, 5.1.6), both ways. */

#ifndef SLUICE_VNET_HDR_DESC_H
#define SLUICE_VNET_HDR_DESC_H

#include <linux/virtio_byteorder.h>
#include <sluice/backend.h>
#include "vnet_ring.h"

/* The device's word, once: it may write while we read. */
static __always_inline struct virtio_net_hdr_v1 vnet_hdr_read(const void *buffer)
{
	struct virtio_net_hdr_v1 hdr;

	memcpy(&hdr, buffer + VNET_HDR_OFF, sizeof(hdr));
	barrier();
	return hdr;
}

static __always_inline u8 vnet_hdr_flags(const struct virtio_net_hdr_v1 *hdr)
{
	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE ||
	    hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return SLUICE_RX_PARTIAL;
	return hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID ? SLUICE_RX_CSUM_OK : 0;
}

/* The header is in the frame's first buffer and tells of all of them, so how
 * many there are is remembered. Nothing of a frame whose number cannot be is
 * used; its buffer counts as one frame.
 */
static __always_inline void vnet_hdr_take(struct sluice_rxq *q,
					  struct sluice_rx_cmpl *c)
{
	struct vnet_rx_state *s = vnet_rx_state(q);
	struct virtio_net_hdr_v1 hdr;

	page_pool_dma_sync_for_cpu(q->pool, q->page[c->slot], 0, VNET_HDR_LEN);
	hdr = vnet_hdr_read(page_address(q->page[c->slot]));
	s->first = q->head;
	s->buffers = s->mergeable ? __virtio16_to_cpu(true, hdr.num_buffers) : 1;
	c->off = XDP_PACKET_HEADROOM;
	c->len = c->len < VNET_HDR_LEN ? 0 : c->len - VNET_HDR_LEN;
	c->flags = s->checked ? vnet_hdr_flags(&hdr) : 0;
	if (likely(s->buffers - 1U <= SLUICE_RX_MAX_FRAGS))
		return;
	s->buffers = 1;
	c->flags = SLUICE_RX_CHAIN_BAD;
}

/* One used buffer, named by an identifier that has been checked. */
static __always_inline void vnet_rx_describe(struct sluice_rxq *q,
					     struct sluice_rx_cmpl *c)
{
	struct vnet_rx_state *s = vnet_rx_state(q);

	if (!q->chain_len && !q->chain_loss) {
		vnet_hdr_take(q, c);
	} else {
		c->off = VNET_HDR_OFF;
		c->flags = 0;
	}
	if (q->head - s->first == s->buffers - 1)
		c->flags |= SLUICE_RX_EOP;
}

static __always_inline u8 vnet_gso_type(u8 flags)
{
	u8 type = flags & SLUICE_TX_IPV4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
					   VIRTIO_NET_HDR_GSO_TCPV6;

	return flags & SLUICE_TX_ECN ? type | VIRTIO_NET_HDR_GSO_ECN : type;
}

static __always_inline struct virtio_net_hdr_v1
vnet_hdr_of(const struct sluice_tx_offload *o)
{
	struct virtio_net_hdr_v1 hdr = {};

	if (o->flags & SLUICE_TX_CSUM) {
		hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr.csum_start = __cpu_to_virtio16(true, o->l4_off);
		hdr.csum_offset = __cpu_to_virtio16(true, o->csum_off - o->l4_off);
	}
	if (o->flags & SLUICE_TX_TSO) {
		hdr.gso_type = vnet_gso_type(o->flags);
		hdr.hdr_len = __cpu_to_virtio16(true, o->hdr_len);
		hdr.gso_size = __cpu_to_virtio16(true, o->mss);
	}
	return hdr;
}

#endif
