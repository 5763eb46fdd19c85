// SPDX-License-Identifier: GPL-2.0-only
/* XDP over virtio: verdicts, the shared transmit ring, frames without checksum. */

#include <linux/etherdevice.h>
#include <linux/filter.h>
#include "fake_program.h"
#include "fake_virtio.h"

#define VXDP_LEN	100
#define VXDP_CHAIN	(3 * SLUICE_RX_BUF_LEN - 7)
#define VXDP_LARGE_MTU	9000
#define VXDP_DESCS	2	/* of a frame of one buffer, with its header */
#define VXDP_NEEDS_CSUM	1	/* 5.1.6 */
#define VXDP_DATA_VALID	2

KUNIT_ARRAY_PARAM_DESC(vxdp_ring, fake_virtio_rings, name);
KUNIT_ARRAY_PARAM_DESC(vxdp_kind, fake_virtio_kinds, name);

static void vxdp_receive(struct fake_nic *fake, u32 len)
{
	fake_virtio_receive(fake, fake_data(fake->test, len), len);
	fake_virtio_interrupt(fake);
}

struct vxdp_fate {
	u32 verdict;
	enum sluice_rx_counter counter;
};

/* Each verdict, on frames of one buffer and of several. */
static void vxdp_verdict_test(struct kunit *test)
{
	static const struct vxdp_fate fates[] = {
		{ XDP_ABORTED, SLUICE_RX_XDP_ABORTED },
		{ XDP_DROP, SLUICE_RX_XDP_DROP },
		{ XDP_PASS, SLUICE_RX_PASSED },
		{ XDP_TX, SLUICE_RX_XDP_TX },
	};
	const u32 lens[] = { ETH_HLEN, ETH_ZLEN, SLUICE_RX_BUF_LEN, VXDP_CHAIN };
	struct fake_nic *fake = test->priv;
	u32 i, j, frames = ARRAY_SIZE(lens);

	for (i = 0; i < ARRAY_SIZE(fates); i++) {
		fake_use(fake, fake_verdict(test, fates[i].verdict, true));
		for (j = 0; j < frames; j++)
			vxdp_receive(fake, lens[j]);
		KUNIT_EXPECT_EQ(test, fake_rx_count(fake, fates[i].counter),
				frames);
	}
	for (j = 0; j < frames; j++)
		fake_virtio_expect_frame(fake, fake_data(test, lens[j]), lens[j]);
	KUNIT_EXPECT_EQ(test, fake_virtio_send_all(fake), frames);
	for (j = 0; j < frames; j++)
		fake_virtio_expect_wire(fake, fake_data(test, lens[j]), lens[j]);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), frames);
}

/* Frames of the stack and of XDP_TX in one ring, finished in any order; those of
 * XDP ask for nothing, whatever the stack's have asked for in that place before.
 */
static void vxdp_shared_test(struct kunit *test)
{
	static const struct virtio_net_hdr_v1 nothing;
	struct fake_nic *fake = test->priv;
	u32 round, i, pairs = 4, rounds = 2 * fake_virtio(fake)->tx.size / 8;
	struct fake_vsent sent;
	struct sk_buff *skb;

	fake_use(fake, fake_verdict(test, XDP_TX, true));
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < pairs; i++) {
			skb = fake_skb(fake, VXDP_LEN);
			skb->ip_summed = CHECKSUM_PARTIAL;
			skb->csum_start = skb_headroom(skb) + 34;
			fake_transmit(fake, skb, i & 1);
			vxdp_receive(fake, VXDP_LEN + 1 + i);
		}
		KUNIT_ASSERT_EQ(test, fake_virtio_send(fake), 2 * pairs);
		for (i = 2 * pairs; i; i--) {
			fake_virtio_complete(fake, round * 31 % i);
			fake_virtio_interrupt(fake);
		}
		for (i = 0; i < pairs; i++) {
			sent = fake_virtio_expect_wire(fake, fake_data(test, VXDP_LEN),
						       VXDP_LEN);
			KUNIT_EXPECT_EQ(test, sent.hdr.flags, VXDP_NEEDS_CSUM);
			sent = fake_virtio_expect_wire(fake,
						       fake_data(test, VXDP_LEN + 1 + i),
						       VXDP_LEN + 1 + i);
			KUNIT_EXPECT_MEMEQ(test, &sent.hdr, &nothing,
					   sizeof(nothing));
		}
		KUNIT_ASSERT_EQ(test, sluice_txq_pending(fake_txq(fake)), 0);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
			2 * pairs * rounds);
	fake_expect_bql_idle(fake);
}

/* XDP leaves the stack its reserve: it can never stop the queue. */
static void vxdp_full_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 room = (fake_txq(fake)->mask - SLUICE_TX_WORST) / VXDP_DESCS, i;

	fake_use(fake, fake_verdict(test, XDP_TX, true));
	for (i = 0; i < room + 20; i++)
		vxdp_receive(fake, VXDP_LEN);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_TX), room);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_TX_FULL), 20);
	KUNIT_EXPECT_GE(test, sluice_txq_room(fake_txq(fake)), SLUICE_TX_WORST);
	KUNIT_EXPECT_FALSE(test, netif_queue_stopped(fake->netdev));
	KUNIT_EXPECT_EQ(test, fake_virtio_send_all(fake), room);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), room);
}

/* A long frame of which the program cuts off the head: more than a page of it if
 * one buffer has all of the frame, and that is several pages then.
 */
static void vxdp_large_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	bool chain = vnet_has(fake->nic, VIRTIO_NET_F_MRG_RXBUF);
	u32 len = VXDP_LARGE_MTU, cut = chain ? 1000 : PAGE_SIZE + 1000;
	u8 *data = fake_data(test, len);

	KUNIT_ASSERT_EQ(test, fake_set_mtu(fake, VXDP_LARGE_MTU), 0);
	fake_use(fake, fake_adjust_head(test, 0, XDP_TX));
	vxdp_receive(fake, len);
	KUNIT_EXPECT_EQ(test, fake_virtio_send_all(fake), 1);
	fake_virtio_expect_wire(fake, data, len);
	fake_use(fake, fake_adjust_head(test, cut, XDP_PASS));
	vxdp_receive(fake, len);
	fake_virtio_expect_frame(fake, data + cut, len - cut);
	fake_use(fake, fake_adjust_head(test, cut, XDP_TX));
	vxdp_receive(fake, len);
	KUNIT_EXPECT_EQ(test, fake_virtio_send_all(fake), 1);
	fake_virtio_expect_wire(fake, data + cut, len - cut);
}

/* Headers of frames that are not whole, or have no checksum. */
static const struct virtio_net_hdr_v1 vxdp_partial[] = {
	{ .flags = VXDP_NEEDS_CSUM, .csum_start = cpu_to_le16(34),
	  .csum_offset = cpu_to_le16(16) },
	{ .gso_type = 1, .gso_size = cpu_to_le16(50) },
	{ .flags = VXDP_DATA_VALID, .gso_type = 4, .gso_size = cpu_to_le16(50) },
	{ .flags = VXDP_DATA_VALID | VXDP_NEEDS_CSUM },
	{ .gso_type = 0x80 },
};

/* No program sees one, and none is handed up with a program attached: XDP_TX and
 * redirect would send it as it is.
 */
static void vxdp_partial_test(struct kunit *test)
{
	static const u32 lens[] = { VXDP_LEN, VXDP_CHAIN };
	struct fake_nic *fake = test->priv;
	u32 i, n = 0, len;

	fake_use(fake, fake_verdict(test, XDP_PASS, true));
	for (i = 0; i < 2 * ARRAY_SIZE(vxdp_partial); i++) {
		len = lens[i & 1];
		fake_virtio_receive_with(fake, fake_data(test, len), len,
					 vxdp_partial[i / 2]);
		fake_virtio_interrupt(fake);
		KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_PARTIAL),
				++n);
	}
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->received), 0);
	vxdp_receive(fake, VXDP_LEN);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), 1);
}

/* Without a program they are the stack's, which knows what to do. */
static void vxdp_detached_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb;
	u32 summed;

	fake_use(fake, fake_verdict(test, XDP_DROP, true));
	fake_use(fake, NULL);
	fake_virtio_receive_with(fake, fake_data(test, VXDP_LEN), VXDP_LEN,
				 vxdp_partial[0]);
	fake_virtio_interrupt(fake);
	skb = skb_dequeue(&fake->received);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	summed = skb->ip_summed;
	KUNIT_EXPECT_EQ(test, summed, CHECKSUM_PARTIAL);
	kfree_skb(skb);
}

static struct kunit_case vxdp_cases[] = {
	KUNIT_CASE_PARAM(vxdp_verdict_test, vxdp_ring_gen_params),
	KUNIT_CASE_PARAM(vxdp_shared_test, vxdp_ring_gen_params),
	KUNIT_CASE_PARAM(vxdp_full_test, vxdp_ring_gen_params),
	KUNIT_CASE_PARAM(vxdp_large_test, vxdp_kind_gen_params),
	KUNIT_CASE_PARAM(vxdp_partial_test, vxdp_ring_gen_params),
	KUNIT_CASE_PARAM(vxdp_detached_test, vxdp_ring_gen_params),
	{}
};

static struct kunit_suite vxdp_suite = {
	.name		= "sluice_vnet_xdp",
	.init		= fake_virtio_init,
	.exit		= fake_program_exit,
	.test_cases	= vxdp_cases,
};

kunit_test_suite(vxdp_suite);
