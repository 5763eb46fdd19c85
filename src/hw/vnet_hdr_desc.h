/* SPDX-License-Identifier: GPL-2.0-only */
/* The header in front of every frame (virtio 1.2, 5.1.6), both ways. */

#ifndef SLUICE_VNET_HDR_DESC_H
#define SLUICE_VNET_HDR_DESC_H

#include <linux/virtio_byteorder.h>
#include <sluice/backend.h>
#include "vnet.h"
#include "vnet_ring.h"

/* What a hash was made of (5.1.6.4.4), as the kernel says it. */
static const u8 vnet_hash_types[] = {
	[VIRTIO_NET_HASH_REPORT_IPv4]		= XDP_RSS_TYPE_L3_IPV4,
	[VIRTIO_NET_HASH_REPORT_TCPv4]		= XDP_RSS_TYPE_L4_IPV4_TCP,
	[VIRTIO_NET_HASH_REPORT_UDPv4]		= XDP_RSS_TYPE_L4_IPV4_UDP,
	[VIRTIO_NET_HASH_REPORT_IPv6]		= XDP_RSS_TYPE_L3_IPV6,
	[VIRTIO_NET_HASH_REPORT_TCPv6]		= XDP_RSS_TYPE_L4_IPV6_TCP,
	[VIRTIO_NET_HASH_REPORT_UDPv6]		= XDP_RSS_TYPE_L4_IPV6_UDP,
	[VIRTIO_NET_HASH_REPORT_IPv6_EX]	= XDP_RSS_TYPE_L3_IPV6_EX,
	[VIRTIO_NET_HASH_REPORT_TCPv6_EX]	= XDP_RSS_TYPE_L4_IPV6_TCP_EX,
	[VIRTIO_NET_HASH_REPORT_UDPv6_EX]	= XDP_RSS_TYPE_L4_IPV6_UDP_EX,
};

/* The device's word, once: it may write while we read. */
static __always_inline struct virtio_net_hdr_v1 vnet_hdr_read(const void *buffer,
							      u32 hdr_len)
{
	struct virtio_net_hdr_v1 hdr;

	memcpy(&hdr, buffer + XDP_PACKET_HEADROOM - hdr_len, sizeof(hdr));
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

/* The hash ends the header, where there is one. A type that nobody knows is none. */
static __always_inline void vnet_hash_read(const void *buffer,
					   struct sluice_rx_cmpl *c)
{
	const struct virtio_net_hdr_v1_hash *hdr =
		buffer + XDP_PACKET_HEADROOM - VNET_HDR_MOST;
	u16 type = le16_to_cpu(READ_ONCE(hdr->hash_report));

	c->hash = le32_to_cpu(READ_ONCE(hdr->hash_value));
	c->hash_type = type < ARRAY_SIZE(vnet_hash_types) ? vnet_hash_types[type] : 0;
}

/* RXHASH is switched without a word to the device, which also spreads by it. */
static __always_inline bool vnet_hash_wanted(const struct sluice_rxq *q,
					     u32 hdr_len)
{
	return hdr_len == VNET_HDR_MOST &&
	       READ_ONCE(q->vec->nic->features) & NETIF_F_RXHASH;
}

/* The header is in the frame's first buffer and tells of all of them, so how
 * many there are is remembered. Nothing of a frame whose number cannot be is
 * used; its buffer counts as one frame.
 */
static __always_inline void vnet_hdr_take(struct sluice_rxq *q,
					  struct sluice_rx_cmpl *c)
{
	struct vnet_rx_state *s = vnet_rx_state(q);
	void *buffer = page_address(q->page[c->slot]);
	struct virtio_net_hdr_v1 hdr;

	page_pool_dma_sync_for_cpu(q->pool, q->page[c->slot], 0, VNET_HDR_MOST);
	hdr = vnet_hdr_read(buffer, s->hdr_len);
	s->first = q->head;
	s->buffers = s->mergeable ? __virtio16_to_cpu(true, hdr.num_buffers) : 1;
	c->off = XDP_PACKET_HEADROOM;
	c->len = c->len < s->hdr_len ? 0 : c->len - s->hdr_len;
	c->flags = s->checked ? vnet_hdr_flags(&hdr) : 0;
	c->hash_type = 0;
	if (vnet_hash_wanted(q, s->hdr_len))
		vnet_hash_read(buffer, c);
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
		c->off = XDP_PACKET_HEADROOM - s->hdr_len;
		c->flags = 0;
	}
	if (q->head - s->first == s->buffers - 1)
		c->flags |= SLUICE_RX_EOP;
}

/* In the ring's memory: bytes behind the header's usual ones are zero and stay so. */
static __always_inline struct virtio_net_hdr_v1 *
vnet_hdr_to_send(const struct vnet_tx_state *s, void *headers, u32 slot)
{
	return headers + slot * s->hdr_len;
}

/* The device wants to be told of buffers: it has run out of them. */
static __always_inline void vnet_rx_notify(struct sluice_rxq *q, u16 next)
{
	const struct vnet_rx_state *s = vnet_rx_state(q);

	vnet_notify(q->doorbell, s->index, s->mode, next);
	if (unlikely(s->spread))
		vnet_notify_all(q->vec->nic);
}

static __always_inline u8 vnet_gso_type(u8 flags)
{
	u8 type = flags & SLUICE_TX_IPV4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
					   VIRTIO_NET_HDR_GSO_TCPV6;

	if (!(flags & SLUICE_TX_TCP))
		return VIRTIO_NET_HDR_GSO_UDP_L4;
	return flags & SLUICE_TX_ECN ? type | VIRTIO_NET_HDR_GSO_ECN : type;
}

static __always_inline void vnet_hdr_write(struct virtio_net_hdr_v1 *hdr,
					   const struct sluice_tx_offload *o)
{
	*hdr = (struct virtio_net_hdr_v1){};
	if (o->flags & SLUICE_TX_CSUM) {
		hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr->csum_start = __cpu_to_virtio16(true, o->l4_off);
		hdr->csum_offset = __cpu_to_virtio16(true, o->csum_off - o->l4_off);
	}
	if (o->flags & SLUICE_TX_TSO) {
		hdr->gso_type = vnet_gso_type(o->flags);
		hdr->hdr_len = __cpu_to_virtio16(true, o->hdr_len);
		hdr->gso_size = __cpu_to_virtio16(true, o->mss);
	}
}

/* A device takes the header wherever it is (2.7.4.1), but its fields are words to us. */
static __always_inline u32 vnet_tx_push(struct sluice_txq *q, u32 index, void *data,
					u32 headroom,
					const struct sluice_tx_offload *o)
{
	struct vnet_tx_state *s = vnet_tx_state(q);
	u32 len = s->hdr_len;

	if (headroom < len || !IS_ALIGNED((unsigned long)data, sizeof(__le16)))
		return 0;
	if (len == VNET_HDR_MOST)
		memset(data + VNET_HDR_LEN - VNET_HDR_MOST, 0,
		       VNET_HDR_MOST - VNET_HDR_LEN);
	vnet_hdr_write(data - len, o);
	s->first = index;
	return len;
}

#endif
