// SPDX-License-Identifier: GPL-2.0-only
/* XDP over virtio: verdicts, the shared transmit ring, frames without checksum. */

#include <linux/etherdevice.h>
#include <linux/filter.h>
#include "fake_fault.h"
#include "fake_foreign.h"
#include "fake_program.h"
#include "fake_virtio.h"

#define VXDP_LEN	100
#define VXDP_CHAIN	(3 * SLUICE_RX_BUF_LEN - 7)
#define VXDP_LARGE_MTU	9000
#define VXDP_HDR	12	/* bytes of header, 5.1.6 */
#define VXDP_NEEDS_CSUM	1	/* 5.1.6 */
#define VXDP_DATA_VALID	2

KUNIT_ARRAY_PARAM_DESC(vxdp_ring, fake_virtio_rings, name);
KUNIT_ARRAY_PARAM_DESC(vxdp_kind, fake_virtio_kinds, name);
KUNIT_ARRAY_PARAM_DESC(vxdp_mixed, fake_virtio_mixed, name);

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

/* XDP leaves the stack its reserve: it can never stop the queue. Each frame has room
 * for its header, but might have none.
 */
static void vxdp_full_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 room = fake_txq(fake)->mask - SLUICE_TX_WORST - 1, i;

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

/* A frame is sent that asks for nothing, and after so many bytes has these. */
static void vxdp_expect_sent(struct fake_nic *fake, u32 grown, const u8 *data,
			     u32 len, bool pushed)
{
	static const struct virtio_net_hdr_v1 nothing;
	struct fake_vsent sent;
	struct sk_buff *skb;

	KUNIT_ASSERT_EQ(fake->test, fake_virtio_send_all(fake), 1);
	skb = skb_peek(&fake_virtio(fake)->wire);
	KUNIT_ASSERT_GT(fake->test, skb->len, grown);
	__skb_pull(skb, grown);
	sent = fake_virtio_expect_wire(fake, data, len);
	KUNIT_EXPECT_MEMEQ(fake->test, &sent.hdr, &nothing, sizeof(nothing));
	KUNIT_EXPECT_EQ(fake->test, sent.pushed, pushed);
}

/* The header goes where the program has left room for it, in the place of the one
 * with which the frame came, or of bytes that the program has cut off.
 */
static void vxdp_header_test(struct kunit *test)
{
	const s32 most = XDP_PACKET_HEADROOM - sizeof(struct xdp_frame);
	const struct {
		s32 delta;
		bool pushed;
	} moves[] = {
		{ 0, true }, { 2, true }, { 20, true }, { 1, false }, { 21, false },
		{ -2, true }, { -1, false }, { VXDP_HDR - most, true },
		{ VXDP_HDR - 2 - most, false }, { -most, false },
	};
	static const u32 lens[] = { VXDP_LEN, VXDP_CHAIN };
	struct fake_nic *fake = test->priv;
	u32 i, len, cut;

	for (i = 0; i < 2 * ARRAY_SIZE(moves); i++) {
		s32 delta = moves[i / 2].delta;

		len = lens[i & 1];
		cut = max(delta, 0);
		fake_use(fake, fake_adjust_head(test, delta, XDP_TX));
		vxdp_receive(fake, len);
		kunit_info(test, "%u bytes, moved by %d", len, delta);
		vxdp_expect_sent(fake, max(-delta, 0), fake_data(test, len) + cut,
				 len - cut, moves[i / 2].pushed);
	}
}

/* Frames from elsewhere, of one piece and of three. */
static void vxdp_foreign_test(struct kunit *test)
{
	static const u32 rooms[] = {
		VXDP_HDR, VXDP_HDR - 2, 0, VXDP_HDR + 1, VXDP_HDR + 2, 200
	};
	u32 i, j, len = VXDP_LEN + 1000 + PAGE_SIZE;
	struct fake_nic *fake = test->priv;
	struct xdp_frame *xdpf;
	u8 *data;

	data = kunit_kzalloc(test, len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, data);
	fake_fill(data, VXDP_LEN, VXDP_LEN);
	for (i = 0; i < ARRAY_SIZE(rooms); i++) {
		for (j = 0; j < 2; j++) {
			xdpf = fake_foreign_behind(fake, rooms[i], VXDP_LEN);
			if (j) {
				fake_foreign_frag(fake, xdpf, 1000);
				fake_foreign_frag(fake, xdpf, PAGE_SIZE);
			}
			KUNIT_ASSERT_EQ(test, fake_xdp_xmit(fake, &xdpf, 1,
							    XDP_XMIT_FLUSH), 1);
			vxdp_expect_sent(fake, 0, data, j ? len : VXDP_LEN,
					 rooms[i] >= VXDP_HDR && !(rooms[i] & 1));
		}
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_BYTES),
			i * (VXDP_LEN + len));
}

/* What cannot be mapped stays the caller's, and the device sees nothing of it. */
static void vxdp_map_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = {
		{ "dma_map_page_attrs", DMA_MAPPING_ERROR },
	};
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_nic *fake = test->priv;
	struct xdp_frame *xdpf;
	u32 i, tail;

	for (i = 0; i < 4; i++) {
		xdpf = fake_foreign_behind(fake, i & 1 ? VXDP_HDR : 0, VXDP_LEN);
		fake_foreign_frag(fake, xdpf, 500);
		tail = fake_txq(fake)->tail;
		fake_fault_arm(fault, 1 + i / 2);
		KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, &xdpf, 1, 0), 0);
		fake_fault_arm(fault, 0);
		KUNIT_EXPECT_EQ(test, fake_txq(fake)->tail, tail);
		KUNIT_EXPECT_EQ(test, fake_virtio_send_all(fake), 0);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_XDP_FULL), 4);
	fake_virtio_expect_alive(fake);
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
	KUNIT_CASE_PARAM(vxdp_verdict_test, vxdp_mixed_gen_params),
	KUNIT_CASE_PARAM(vxdp_shared_test, vxdp_ring_gen_params),
	KUNIT_CASE_PARAM(vxdp_full_test, vxdp_mixed_gen_params),
	KUNIT_CASE_PARAM(vxdp_header_test, vxdp_mixed_gen_params),
	KUNIT_CASE_PARAM(vxdp_foreign_test, vxdp_mixed_gen_params),
	KUNIT_CASE_PARAM(vxdp_map_fail_test, vxdp_ring_gen_params),
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
