// SPDX-License-Identifier: GPL-2.0-only
/* What a virtio device says of checksums and segmentation of received frames. */

#include <linux/etherdevice.h>
#include "fake_virtio.h"

#define VOFF_LEN	200
#define VOFF_NEEDS_CSUM	1	/* 5.1.6 */
#define VOFF_DATA_VALID	2
#define VOFF_TCPV4	1
#define VOFF_TCPV6	4
#define VOFF_UDP	5
#define VOFF_ECN	0x80

KUNIT_ARRAY_PARAM_DESC(voff_kind, fake_virtio_kinds, name);

/**
 * struct voff_case - a header, and what the stack gets of it
 * @name: for people
 * @flags: as the device writes it, as all of the header's fields
 * @gso_type: header
 * @gso_size: header
 * @csum_start: header
 * @csum_offset: header
 * @lost: it does not fit the frame
 * @summed: what the stack is told of the checksum
 * @size: bytes a segment that the stack is told of; 0: the frame is whole
 * @type: how it shall be cut
 */
struct voff_case {
	const char *name;
	u8 flags;
	u8 gso_type;
	u16 gso_size;
	u16 csum_start;
	u16 csum_offset;
	bool lost;
	u8 summed;
	u16 size;
	u32 type;
};

static const struct voff_case voff_cases[] = {
	{ "nothing" },
	{ "data valid", VOFF_DATA_VALID, .summed = CHECKSUM_UNNECESSARY },
	{ "unknown flags", 0xfc },
	{ "no checksum", VOFF_NEEDS_CSUM, 0, 0, 34, 16,
	  .summed = CHECKSUM_PARTIAL },
	{ "no checksum at the end", VOFF_NEEDS_CSUM, 0, 0, VOFF_LEN - 18, 16,
	  .summed = CHECKSUM_PARTIAL },
	{ "checksum beyond the frame", VOFF_NEEDS_CSUM, 0, 0, VOFF_LEN - 17, 16,
	  .lost = true },
	{ "checksum far beyond", VOFF_NEEDS_CSUM, 0, 0, U16_MAX, U16_MAX,
	  .lost = true },
	{ "checksum in the link header", VOFF_NEEDS_CSUM, 0, 0, 2, 4,
	  .lost = true },
	{ "TCPv4", VOFF_NEEDS_CSUM, VOFF_TCPV4, 60, 34, 16,
	  .summed = CHECKSUM_PARTIAL, .size = 60, .type = SKB_GSO_TCPV4 },
	{ "TCPv4, ECN", VOFF_NEEDS_CSUM, VOFF_TCPV4 | VOFF_ECN, 60, 34, 16,
	  .summed = CHECKSUM_PARTIAL, .size = 60,
	  .type = SKB_GSO_TCPV4 | SKB_GSO_TCP_ECN },
	{ "TCPv6", VOFF_NEEDS_CSUM, VOFF_TCPV6, 60, 54, 16,
	  .summed = CHECKSUM_PARTIAL, .size = 60, .type = SKB_GSO_TCPV6 },
	{ "UDP", VOFF_NEEDS_CSUM, VOFF_UDP, 60, 34, 6,
	  .summed = CHECKSUM_PARTIAL, .size = 60, .type = SKB_GSO_UDP_L4 },
	{ "UDP over IPv6", VOFF_NEEDS_CSUM, VOFF_UDP, 60, 54, 6,
	  .summed = CHECKSUM_PARTIAL, .size = 60, .type = SKB_GSO_UDP_L4 },
	{ "one datagram", VOFF_NEEDS_CSUM, VOFF_UDP, VOFF_LEN, 34, 6,
	  .summed = CHECKSUM_PARTIAL },
	{ "UDP with TCP's checksum", VOFF_NEEDS_CSUM, VOFF_UDP, 60, 34, 16,
	  .lost = true },
	{ "UDP with checksum", VOFF_DATA_VALID, VOFF_UDP, 60, .lost = true },
	{ "UDP, ECN", VOFF_NEEDS_CSUM, VOFF_UDP | VOFF_ECN, 60, 34, 6,
	  .lost = true },
	{ "datagrams of a byte", VOFF_NEEDS_CSUM, VOFF_UDP, 1, 34, 6,
	  .lost = true },
	{ "one segment", VOFF_NEEDS_CSUM, VOFF_TCPV4, VOFF_LEN, 34, 16,
	  .summed = CHECKSUM_PARTIAL },
	{ "segments of no bytes", VOFF_NEEDS_CSUM, VOFF_TCPV4, 0, 34, 16,
	  .lost = true },
	{ "unknown segmentation", VOFF_NEEDS_CSUM, 77, 60, 34, 16, .lost = true },
	{ "ECN of nothing", 0, VOFF_ECN, 60, .lost = true },
	{ "headers beyond the frame", VOFF_NEEDS_CSUM, VOFF_TCPV4, 60,
	  VOFF_LEN - 18, 16, .lost = true },
};

static struct virtio_net_hdr_v1 voff_hdr(const struct voff_case *c)
{
	return (struct virtio_net_hdr_v1){
		.flags		= c->flags,
		.gso_type	= c->gso_type,
		.gso_size	= cpu_to_le16(c->gso_size),
		.csum_start	= cpu_to_le16(c->csum_start),
		.csum_offset	= cpu_to_le16(c->csum_offset),
	};
}

/* Returns the frame, or NULL if it was lost. */
static struct sk_buff *voff_receive(struct fake_nic *fake,
				    const struct voff_case *c)
{
	fake_virtio_receive_with(fake, fake_data(fake->test, VOFF_LEN), VOFF_LEN,
				 voff_hdr(c));
	fake_virtio_interrupt(fake);
	return skb_dequeue(&fake->received);
}

static void voff_expect(struct kunit *test, const struct voff_case *c,
			struct sk_buff *skb)
{
	u32 summed = skb->ip_summed;

	KUNIT_EXPECT_EQ_MSG(test, summed, c->summed, "%s", c->name);
	KUNIT_EXPECT_EQ_MSG(test, skb_shinfo(skb)->gso_size, c->size, "%s",
			    c->name);
	if (c->size)
		KUNIT_EXPECT_EQ_MSG(test, skb_shinfo(skb)->gso_type,
				    c->type | SKB_GSO_DODGY, "%s", c->name);
	if (c->summed != CHECKSUM_PARTIAL)
		return;
	/* The stack's data begins behind the link header. */
	KUNIT_EXPECT_EQ_MSG(test, skb_checksum_start_offset(skb) + ETH_HLEN,
			    c->csum_start, "%s", c->name);
	KUNIT_EXPECT_EQ_MSG(test, skb->csum_offset, c->csum_offset, "%s", c->name);
}

/* The header is believed as far as it has been negotiated, and no farther than
 * the frame goes.
 */
static void voff_header_test(struct kunit *test)
{
	static const struct voff_case nothing = { "not negotiated" };
	struct fake_nic *fake = test->priv;
	bool known = vnet_has(fake->nic, VIRTIO_NET_F_GUEST_CSUM);
	struct sk_buff *skb;
	u32 i, lost = 0;

	for (i = 0; i < ARRAY_SIZE(voff_cases); i++) {
		const struct voff_case *c = &voff_cases[i];

		skb = voff_receive(fake, c);
		KUNIT_EXPECT_EQ_MSG(test, !skb, known && c->lost, "%s", c->name);
		lost += !skb;
		if (!skb)
			continue;
		voff_expect(test, known ? c : &nothing, skb);
		skb_push(skb, ETH_HLEN);
		fake_take_bytes(fake, skb, fake_data(test, VOFF_LEN), VOFF_LEN);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_HDR_ERR), lost);
	fake_virtio_expect_alive(fake);
}

static struct kunit_case voff_test_cases[] = {
	KUNIT_CASE_PARAM(voff_header_test, voff_kind_gen_params),
	{}
};

static struct kunit_suite voff_suite = {
	.name		= "sluice_vnet_offload",
	.init		= fake_virtio_init,
	.exit		= fake_nic_exit,
	.test_cases	= voff_test_cases,
};

kunit_test_suite(voff_suite);
