// SPDX-License-Identifier: GPL-2.0-only
/* Transmit queues of virtio: frames, headers, order, notification, interrupts. */

#include <linux/etherdevice.h>
#include <linux/tcp.h>
#include "fake_fault.h"
#include "fake_virtio.h"

#define VTX_LEN		100	/* a frame like any other */
#define VTX_DESCS	1	/* of it, with its header */
#define VTX_HDR		12	/* bytes of header, 5.1.6 */

KUNIT_ARRAY_PARAM_DESC(vtx_ring, fake_virtio_rings, name);
KUNIT_ARRAY_PARAM_DESC(vtx_mixed, fake_virtio_mixed, name);

static struct fake_vq *vtx_vq(struct fake_nic *fake)
{
	return &fake_virtio(fake)->tx;
}

static void vtx_transmit(struct fake_nic *fake, u32 len, bool more)
{
	KUNIT_ASSERT_TRUE(fake->test,
			  fake_transmit(fake, fake_skb(fake, len), more));
}

static void vtx_expect_sent(struct fake_nic *fake, u32 len)
{
	fake_virtio_expect_wire(fake, fake_data(fake->test, len), len);
}

/* A frame with room for its header in front of it, or without. */
static struct sk_buff *vtx_skb(struct fake_nic *fake, u32 len, bool room)
{
	return room ? fake_skb(fake, len) : fake_skb_behind(fake, 0, len);
}

/* Linear frames, and no shorter than a header; some are a piece longer with it. */
static void vtx_length_test(struct kunit *test)
{
	u32 len, room, edge = 2 * SLUICE_TX_PIECE_LEN - VTX_HDR;
	struct fake_nic *fake = test->priv;
	struct fake_vsent sent;
	u8 *data;

	for (len = ETH_HLEN; len <= SZ_16K;
	     len += len < 2 * ETH_ZLEN || abs_diff(len, edge) < 16 ? 1 : 16) {
		data = fake_data(test, len);
		for (room = 0; room < 2; room++) {
			KUNIT_ASSERT_TRUE(test, fake_transmit(fake,
							      vtx_skb(fake, len, room),
							      false));
			KUNIT_ASSERT_EQ(test, fake_virtio_send_all(fake), 1);
			sent = fake_virtio_expect_wire(fake, data, len);
			KUNIT_EXPECT_EQ(test, sent.pushed, room);
			KUNIT_EXPECT_EQ(test, sent.pieces,
					DIV_ROUND_UP(len + room * VTX_HDR,
						     SLUICE_TX_PIECE_LEN));
		}
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_ACCEPTED),
			fake_tx_count(fake, SLUICE_TX_COMPLETED));
}

/* Send it, and compare with a copy taken before. */
static struct fake_vsent vtx_send_copied(struct fake_nic *fake,
					 struct sk_buff *skb)
{
	u8 *copy = kunit_kmalloc(fake->test, skb->len, GFP_KERNEL);
	u32 len = skb->len;

	KUNIT_ASSERT_NOT_NULL(fake->test, copy);
	KUNIT_ASSERT_EQ(fake->test, skb_copy_bits(skb, 0, copy, len), 0);
	KUNIT_ASSERT_TRUE(fake->test, fake_transmit(fake, skb, false));
	KUNIT_ASSERT_EQ(fake->test, fake_virtio_send_all(fake), 1);
	return fake_virtio_expect_wire(fake, copy, len);
}

/* A frame of a head and fragments; every other one has no room for its header. */
static struct sk_buff *vtx_frags(struct fake_nic *fake, u32 frags)
{
	struct sk_buff *skb = vtx_skb(fake, VTX_LEN, !(frags & 1));
	u32 i;

	for (i = 0; i < frags; i++)
		fake_add_frag(fake, skb, i * 3, 1 + i * 191);
	return skb;
}

static void vtx_frags_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct fake_vsent sent;
	u32 frags;

	for (frags = 0; frags <= MAX_SKB_FRAGS; frags++) {
		sent = vtx_send_copied(fake, vtx_frags(fake, frags));
		KUNIT_EXPECT_EQ(test, sent.pushed, !(frags & 1));
		KUNIT_EXPECT_EQ(test, sent.pieces, frags + 1);
	}
	KUNIT_EXPECT_EQ(test, fake_txq(fake)->head, fake_txq(fake)->tail);
}

/* The worst frame needs no more descriptors than the reserve, with and without room
 * for its header: fragments that leave one byte for a piece of its own, as long as
 * there are bytes.
 */
static void vtx_worst_test(struct kunit *test)
{
	u32 i, room, len, left, tail;
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb;

	for (room = 0; room < 2; room++) {
		/* With a header in front the head is a byte too long for a piece. */
		skb = vtx_skb(fake, SLUICE_TX_PIECE_LEN + 1 - VTX_HDR, room);
		left = SZ_64K - 1 - skb->len;
		for (i = 0; i < MAX_SKB_FRAGS; i++) {
			len = min(left - (MAX_SKB_FRAGS - 1 - i),
				  SLUICE_TX_PIECE_LEN + 1);
			left -= len;
			fake_add_frag(fake, skb, 0, len);
		}
		tail = fake_txq(fake)->tail;
		vtx_send_copied(fake, skb);
		KUNIT_EXPECT_LE(test, fake_txq(fake)->tail - tail, SLUICE_TX_WORST);
	}
}

/**
 * struct vtx_front - what is in front of a frame
 * @room: bytes of headroom
 * @clones: skbs with the same bytes
 * @payload: of these, one that lets the rest have all before the payload, as TCP does
 * @pushed: the header goes there
 */
struct vtx_front {
	u32 room;
	u32 clones;
	bool payload;
	bool pushed;
};

/* The frame, which the test holds too, and the skbs that share its bytes. */
static struct sk_buff *vtx_front_skb(struct fake_nic *fake,
				     const struct vtx_front *front,
				     struct sk_buff_head *others)
{
	struct sk_buff *skb = fake_skb_behind(fake, front->room, VTX_LEN), *clone;
	u32 i;

	if (front->payload)
		__skb_header_release(skb);
	for (i = 0; i < front->clones; i++) {
		clone = skb_clone(skb, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(fake->test, clone);
		__skb_queue_tail(others, skb);
		skb = clone;
	}
	return skb_get(skb);
}

/* The header goes into bytes that are the frame's own, as many as it needs, and all
 * before these is as it was.
 */
static void vtx_expect_front(struct fake_nic *fake, const struct vtx_front *front)
{
	u32 tail = fake_txq(fake)->tail, untouched = front->room;
	struct sk_buff_head others;
	struct fake_vsent sent;
	struct sk_buff *skb;

	__skb_queue_head_init(&others);
	skb = vtx_front_skb(fake, front, &others);
	sent = vtx_send_copied(fake, skb);
	KUNIT_EXPECT_EQ(fake->test, sent.pushed, front->pushed);
	KUNIT_EXPECT_EQ(fake->test, fake_txq(fake)->tail - tail, 2 - front->pushed);
	untouched -= front->pushed ? VTX_HDR : 0;
	KUNIT_EXPECT_NULL(fake->test,
			  memchr_inv(skb->head, FAKE_HEADROOM, untouched));
	kfree_skb(skb);
	__skb_queue_purge(&others);
}

static void vtx_front_test(struct kunit *test)
{
	static const struct vtx_front fronts[] = {
		{ VTX_HDR, .pushed = true }, { VTX_HDR + 2, .pushed = true },
		{ 198, .pushed = true }, { 0 }, { VTX_HDR - 1 }, { VTX_HDR - 2 },
		{ VTX_HDR + 1 }, { VTX_HDR + 2, 1 }, { VTX_HDR + 2, 2 },
		{ VTX_HDR + 2, 1, true, true }, { VTX_HDR + 2, 2, true },
	};
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fronts); i++) {
		kunit_info(test, "front %u", i);
		vtx_expect_front(fake, &fronts[i]);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_BYTES), i * VTX_LEN);
	fake_expect_bql_idle(fake);
}

static struct sk_buff *vtx_csum_skb(struct fake_nic *fake, u32 start, u32 offset,
				    bool room)
{
	struct sk_buff *skb = vtx_skb(fake, 2 * VTX_LEN, room);

	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_headroom(skb) + start;
	skb->csum_offset = offset;
	return skb;
}

/* What the stack asks for is in the header, and nothing of the frame before. */
static void vtx_csum_test(struct kunit *test)
{
	static const u16 places[][2] = { { 34, 16 }, { 34, 6 }, { 54, 16 } };
	static const struct virtio_net_hdr_v1 nothing;
	struct fake_nic *fake = test->priv;
	struct fake_vsent sent;
	u32 i;

	for (i = 0; i < 2 * ARRAY_SIZE(places); i++) {
		const u16 *place = places[i / 2];

		sent = vtx_send_copied(fake, vtx_csum_skb(fake, place[0], place[1],
							  i & 1));
		KUNIT_EXPECT_EQ(test, sent.pushed, i & 1);
		KUNIT_EXPECT_EQ(test, sent.hdr.flags, 1);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.csum_start), place[0]);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.csum_offset), place[1]);
		KUNIT_EXPECT_EQ(test, sent.hdr.gso_type, 0);
		sent = vtx_send_copied(fake, vtx_skb(fake, VTX_LEN, i & 1));
		KUNIT_EXPECT_MEMEQ(test, &sent.hdr, &nothing, sizeof(nothing));
	}
}

/* The very same skb, sent again while the device has not read it yet, as pktgen does.
 * A header that might be read while it is written has a place of its own each time.
 */
static void vtx_again_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct fake_vsent sent;
	struct sk_buff *skb;
	u32 i, csum;

	for (csum = 0; csum < 2; csum++) {
		skb = vtx_csum_skb(fake, 34, 16, true);
		if (!csum)
			skb->ip_summed = CHECKSUM_NONE;
		for (i = 0; i < 4; i++)
			KUNIT_ASSERT_TRUE(test, fake_transmit(fake, skb_get(skb),
							      i < 3));
		kfree_skb(skb);
		KUNIT_ASSERT_EQ(test, fake_virtio_send_all(fake), 4);
		for (i = 0; i < 4; i++) {
			sent = fake_virtio_expect_wire(fake, fake_data(test, 2 * VTX_LEN),
						       2 * VTX_LEN);
			KUNIT_EXPECT_EQ(test, sent.pushed, !csum);
			KUNIT_EXPECT_EQ(test, sent.hdr.flags, csum);
		}
	}
	fake_expect_bql_idle(fake);
}

#define VTX_MSS		1000
#define VTX_SEGMENTS	7
#define VTX_PAYLOAD	(VTX_MSS * (VTX_SEGMENTS - 1) + 1)

struct vtx_tso {
	u32 l3_len;
	u32 type;
	u8 gso_type;
};

static bool vtx_is_udp(const struct vtx_tso *tso)
{
	return tso->type == SKB_GSO_UDP_L4;
}

/* Bytes of the transport's header. */
static u32 vtx_l4_len(const struct vtx_tso *tso)
{
	return vtx_is_udp(tso) ? 8 : 20;
}

/* Where in it the checksum is. */
static u32 vtx_csum_offset(const struct vtx_tso *tso)
{
	return vtx_is_udp(tso) ? 6 : 16;
}

/* A frame to be cut, headers in front and payload in a fragment. */
static struct sk_buff *vtx_tso_skb(struct fake_nic *fake,
				   const struct vtx_tso *tso, bool room)
{
	u32 l4 = ETH_HLEN + tso->l3_len;
	struct sk_buff *skb = vtx_skb(fake, l4 + vtx_l4_len(tso), room);

	skb_set_transport_header(skb, l4);
	if (!vtx_is_udp(tso))
		tcp_hdr(skb)->doff = sizeof(struct tcphdr) / 4;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_headroom(skb) + l4;
	skb->csum_offset = vtx_csum_offset(tso);
	fake_add_frag(fake, skb, 0, VTX_PAYLOAD);
	skb_shinfo(skb)->gso_size = VTX_MSS;
	skb_shinfo(skb)->gso_segs = VTX_SEGMENTS;
	skb_shinfo(skb)->gso_type = tso->type;
	return skb;
}

/* The device takes the pseudo header's sum with the length in it: the frame goes
 * out as the stack has made it.
 */
static void vtx_tso_test(struct kunit *test)
{
	static const struct vtx_tso cases[] = {
		{ sizeof(struct iphdr), SKB_GSO_TCPV4, 1 },
		{ sizeof(struct iphdr), SKB_GSO_TCPV4 | SKB_GSO_TCP_ECN, 0x81 },
		{ sizeof(struct ipv6hdr), SKB_GSO_TCPV6, 4 },
		{ sizeof(struct ipv6hdr), SKB_GSO_TCPV6 | SKB_GSO_TCP_ECN, 0x84 },
		{ sizeof(struct iphdr), SKB_GSO_UDP_L4, 5 },
		{ sizeof(struct ipv6hdr), SKB_GSO_UDP_L4, 5 },
	};
	struct fake_nic *fake = test->priv;
	u32 i, headers, bytes = 0;
	struct fake_vsent sent;

	for (i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const struct vtx_tso *tso = &cases[i / 2];

		headers = ETH_HLEN + tso->l3_len + vtx_l4_len(tso);
		bytes += VTX_PAYLOAD + VTX_SEGMENTS * headers;
		sent = vtx_send_copied(fake, vtx_tso_skb(fake, tso, i & 1));
		KUNIT_EXPECT_EQ(test, sent.pushed, i & 1);
		KUNIT_EXPECT_EQ(test, sent.hdr.gso_type, tso->gso_type);
		KUNIT_EXPECT_EQ(test, sent.hdr.flags, 1);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.gso_size), VTX_MSS);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.hdr_len), headers);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.csum_start),
				headers - vtx_l4_len(tso));
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.csum_offset),
				vtx_csum_offset(tso));
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_PACKETS),
			i * VTX_SEGMENTS);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_BYTES), bytes);
}

/* A mapping fails at the n-th fragment: the device sees nothing of the frame, and
 * all of the next one. So it is with and without a header in front of it.
 */
static void vtx_map_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = {
		{ "dma_map_page_attrs", DMA_MAPPING_ERROR },
	};
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_nic *fake = test->priv;
	u32 nth, tail;

	for (nth = 1; nth <= MAX_SKB_FRAGS; nth++) {
		struct sk_buff *skb = vtx_frags(fake, MAX_SKB_FRAGS - (nth & 1));

		tail = fake_txq(fake)->tail;
		fake_fault_arm(fault, nth);
		KUNIT_EXPECT_TRUE(test, fake_transmit(fake, skb, false));
		KUNIT_EXPECT_EQ(test, fault->failed, 1);
		fake_fault_arm(fault, 0);
		KUNIT_EXPECT_EQ(test, fake_txq(fake)->tail, tail);
		KUNIT_EXPECT_EQ(test, fake_virtio_send(fake), 0);
		KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_DMA_ERR), nth);
		vtx_send_copied(fake, vtx_frags(fake, nth - 1));
	}
	fake_virtio_expect_alive(fake);
}

/* Not even if frames before it wait for its doorbell. */
static void vtx_more_map_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = {
		{ "dma_map_page_attrs", DMA_MAPPING_ERROR },
	};
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_nic *fake = test->priv;
	u32 more;

	for (more = 0; more < 2; more++) {
		vtx_transmit(fake, VTX_LEN, true);
		fake_fault_arm(fault, 2);
		KUNIT_EXPECT_TRUE(test, fake_transmit(fake, vtx_frags(fake, 3), more));
		fake_fault_arm(fault, 0);
		KUNIT_EXPECT_TRUE(test, fake_vq_kicked(vtx_vq(fake)));
		KUNIT_EXPECT_EQ(test, fake_virtio_send_all(fake), 1);
		vtx_expect_sent(fake, VTX_LEN);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_DMA_ERR), 2);
	fake_virtio_expect_alive(fake);
}

/* xmit_more: one notification for all. */
static void vtx_more_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_FALSE(test, fake_vq_kicked(vtx_vq(fake)));
		vtx_transmit(fake, VTX_LEN + i, i < 9);
	}
	KUNIT_EXPECT_TRUE(test, fake_vq_kicked(vtx_vq(fake)));
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_DOORBELLS), 1);
	KUNIT_EXPECT_EQ(test, fake_virtio_send_all(fake), 10);
	for (i = 0; i < 10; i++)
		vtx_expect_sent(fake, VTX_LEN + i);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 10);
}

/* The device finishes frames of all sizes in any order: each is freed once, and
 * the ring is cleaned in its own order.
 */
static void vtx_order_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 round, i, frames = 8, sum = 0;

	for (round = 0; round < 100; round++) {
		for (i = 0; i < frames; i++)
			fake_transmit(fake, vtx_frags(fake, (round + i * i) % 5),
				      i < frames - 1);
		KUNIT_ASSERT_EQ(test, fake_virtio_send(fake), frames);
		for (i = frames; i; i--) {
			fake_virtio_complete(fake, round * 31 % i);
			fake_virtio_interrupt(fake);
		}
		sum += frames;
		KUNIT_ASSERT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), sum);
		KUNIT_ASSERT_EQ(test, sluice_txq_pending(fake_txq(fake)), 0);
		__skb_queue_purge(&fake_virtio(fake)->wire);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RING_ERR), 0);
	fake_expect_bql_idle(fake);
}

/* A device that polls may send a frame of a packed ring before it is notified,
 * and report it before one that it has been notified of.
 */
static void vtx_early_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 early = vtx_vq(fake)->packed ? 2 : 1;

	vtx_transmit(fake, VTX_LEN, false);
	KUNIT_EXPECT_TRUE(test, fake_transmit(fake, vtx_frags(fake, 2), true));
	KUNIT_ASSERT_EQ(test, fake_virtio_send(fake), early);
	fake_virtio_complete(fake, early - 1);
	fake_virtio(fake)->cause = true;
	fake_virtio_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RING_ERR), 0);
	vtx_transmit(fake, VTX_LEN, false);
	fake_virtio_send_all(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 3);
	fake_virtio_expect_alive(fake);
}

/* The queue is stopped ahead of need, and woken when the worst frame fits again. */
static void vtx_full_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 in, round, most;

	/* One descriptor stays empty, and as many as the worst frame needs. */
	most = DIV_ROUND_UP(fake_txq(fake)->mask + 1 - SLUICE_TX_WORST, VTX_DESCS);
	for (round = 1; round <= 5; round++) {
		for (in = 0; fake_transmit(fake, fake_skb(fake, VTX_LEN), true); in++)
			;
		KUNIT_EXPECT_EQ(test, in, most);
		KUNIT_EXPECT_TRUE(test, netif_queue_stopped(fake->netdev));
		KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_STOPS), round);
		KUNIT_EXPECT_EQ(test, fake_virtio_send_all(fake), in);
		KUNIT_EXPECT_FALSE(test, netif_queue_stopped(fake->netdev));
		KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_WAKES), round);
	}
	fake_virtio_expect_alive(fake);
}

/* A device that says it will look by itself is not notified, in any round. */
static void vtx_no_kick_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct fake_vq *vq = vtx_vq(fake);
	u32 i;

	for (i = 0; i < 3 * vq->size; i++) {
		fake_vq_want_no_kick(vq);
		vtx_transmit(fake, VTX_LEN, false);
		KUNIT_ASSERT_FALSE_MSG(test, fake_vq_kicked(vq), "frame %u", i);
		KUNIT_ASSERT_EQ(test, fake_virtio_send_all(fake), 1);
		vtx_expect_sent(fake, VTX_LEN);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_DOORBELLS), 0);
	vtx_transmit(fake, VTX_LEN, false);
	KUNIT_EXPECT_TRUE(test, fake_vq_kicked(vq));
}

/* By an index, it is notified by exactly the doorbell that passes it, of frames
 * that come one by one, and three at a time.
 */
static void vtx_kick_at_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct fake_vq *vq = vtx_vq(fake);
	u32 step = vq->packed ? VTX_DESCS : 1, round, batch, i, at, wait;

	for (round = 0; round < vq->size; round++) {
		wait = round % 13;
		batch = round & 1 ? 3 : 1;
		fake_vq_kicked(vq);
		fake_vq_want_kick_at(vq, vq->taken + wait);
		for (at = 0; at < 16; at += batch * step) {
			for (i = 0; i < batch; i++)
				vtx_transmit(fake, VTX_LEN, i < batch - 1);
			KUNIT_ASSERT_EQ_MSG(test, fake_vq_kicked(vq),
					    wait >= at && wait < at + batch * step,
					    "round %u, from %u on", round, at);
		}
		fake_virtio_send_all(fake);
		__skb_queue_purge(&fake_virtio(fake)->wire);
	}
}

#define VTX_BATCH 12

/* How many of a batch the device sends before it tells. */
static u32 vtx_told_at(struct fake_nic *fake)
{
	return vtx_vq(fake)->event_idx ? VTX_BATCH * 3 / 4 + 1 : 1;
}

/* One interrupt when most is sent, by an index, or at once, by a flag; none until
 * NAPI has run, and one for the rest.
 */
static void vtx_interrupt_round(struct fake_nic *fake, u32 round)
{
	struct kunit *test = fake->test;
	struct fake_virtio *dev = fake_virtio(fake);
	u32 i, told = vtx_told_at(fake);

	for (i = 0; i < VTX_BATCH; i++)
		vtx_transmit(fake, VTX_LEN, false);
	KUNIT_ASSERT_EQ(test, fake_virtio_send(fake), VTX_BATCH);
	for (i = 1; i <= told; i++) {
		fake_virtio_complete(fake, 0);
		KUNIT_ASSERT_EQ_MSG(test, dev->cause, i == told, "round %u", round);
	}
	/* What the handler does, and no poll yet. */
	dev->cause = false;
	vnet_irq_silence(fake->nic->vec[0]);
	fake_virtio_complete(fake, 0);
	KUNIT_ASSERT_FALSE(test, dev->cause);
	fake_poll(fake, 64);
	KUNIT_ASSERT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
			VTX_BATCH * round + told + 1);
	fake_virtio_complete(fake, 0);
	KUNIT_ASSERT_TRUE(test, dev->cause);
	fake_virtio_interrupt(fake);
	KUNIT_ASSERT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
			VTX_BATCH * round + told + 2);
	while (dev->tx.nout)
		fake_virtio_complete(fake, 0);
	fake_virtio_interrupt(fake);
	__skb_queue_purge(&dev->wire);
}

static void vtx_interrupt_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 round;

	for (round = 0; round < vtx_vq(fake)->size; round++)
		vtx_interrupt_round(fake, round);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
			VTX_BATCH * round);
}

/* A device that acts while the driver is at a function of the kernel. */
struct vtx_device {
	struct kprobe probe;
	struct fake_nic *fake;
	u32 sent;
	bool asked;
};

/* Send and report the next frame, if there is one, and raise no interrupt. */
static int vtx_device_act(struct kprobe *probe, struct pt_regs *regs)
{
	struct vtx_device *device = container_of(probe, struct vtx_device, probe);
	struct fake_vq *vq = vtx_vq(device->fake);
	struct fake_chain chain;

	if (current->kunit_test != device->fake->test || !fake_vq_read(vq, &chain))
		return 0;
	fake_vq_write(vq, chain.id, 0, chain.n);
	device->asked |= fake_vq_tell(vq);
	device->sent++;
	return 0;
}

static void vtx_device_start(struct vtx_device *device, struct fake_nic *fake,
			     const char *function)
{
	*device = (struct vtx_device){
		.fake	= fake,
		.probe	= {
			.symbol_name	= function,
			.pre_handler	= vtx_device_act,
		},
	};
	KUNIT_ASSERT_EQ(fake->test, register_kprobe(&device->probe), 0);
}

/* A device that has sent before the notification returns is never asked to tell. */
static void vtx_eager_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct vtx_device device;
	u32 i, frames = 2 * vtx_vq(fake)->size, in = 0;

	vtx_device_start(&device, fake,
			 vtx_vq(fake)->says_next ? "iowrite32" : "iowrite16");
	for (i = 0; i < frames; i++) {
		fake_vq_want_kick(vtx_vq(fake));
		in += fake_transmit(fake, fake_skb(fake, VTX_LEN), false);
	}
	unregister_kprobe(&device.probe);
	KUNIT_EXPECT_EQ(test, in, frames);
	KUNIT_EXPECT_EQ(test, device.sent, frames);
	KUNIT_EXPECT_FALSE(test, device.asked);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), frames);
	fake_virtio_expect_alive(fake);
}

/* Between the last look and the request for an interrupt: it is not waited for. */
static void vtx_late_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct vtx_device device;
	struct fake_chain chain;

	vtx_transmit(fake, VTX_LEN, false);
	vtx_transmit(fake, VTX_LEN, false);
	KUNIT_ASSERT_TRUE(test, fake_vq_read(vtx_vq(fake), &chain));
	fake_vq_write(vtx_vq(fake), chain.id, 0, chain.n);
	fake_vq_tell(vtx_vq(fake));
	fake_virtio(fake)->cause = true;
	vtx_device_start(&device, fake, "dql_completed");
	fake_virtio_interrupt(fake);
	unregister_kprobe(&device.probe);
	KUNIT_EXPECT_EQ(test, device.sent, 1);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 2);
	fake_virtio_expect_alive(fake);
}

/* More frames than 16 bits count: through the end of every index and wrap bit. */
static void vtx_wrap_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, batch = 8, frames = 0;

	fake_close(fake);
	fake->nic->cfg.tx_size = SLUICE_RING_MIN;
	fake_open(fake);
	while (frames <= U16_MAX + 2 * SLUICE_RING_MIN) {
		for (i = 0; i < batch; i++)
			vtx_transmit(fake, ETH_ZLEN, i < batch - 1);
		KUNIT_ASSERT_TRUE(test, fake_vq_kicked(vtx_vq(fake)));
		fake_virtio_skip_all(fake);
		frames += batch;
		KUNIT_ASSERT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
				frames);
	}
	fake_virtio_expect_alive(fake);
}

/* The device is slow, and then hangs: what it has reported is completed, whether an
 * interrupt told it or not, and the rest lost by name.
 */
static void vtx_hang_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 in;

	for (in = 0; fake_transmit(fake, fake_skb(fake, VTX_LEN), false); in++)
		;
	fake_virtio_send(fake);
	fake_virtio_complete(fake, 0);
	fake_timeout(fake);
	KUNIT_EXPECT_EQ(test, fake->nic->resets, 0);
	fake_timeout(fake);
	KUNIT_EXPECT_EQ(test, fake->nic->resets, 1);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 1);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RESET_DROP), in - 1);
	fake_virtio_expect_alive(fake);
}

/* Closed with frames in the ring: what was sent is completed, the rest is named. */
static void vtx_close_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < 10; i++)
		vtx_transmit(fake, VTX_LEN, false);
	fake_virtio_send(fake);
	for (i = 0; i < 4; i++)
		fake_virtio_complete(fake, 0);
	vtx_transmit(fake, VTX_LEN, true);
	fake_close(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 4);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RESET_DROP), 7);
	fake_open(fake);
	fake_virtio_expect_alive(fake);
}

static struct kunit_case vtx_cases[] = {
	KUNIT_CASE_PARAM(vtx_length_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_frags_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_worst_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_front_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_csum_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_again_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_tso_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_map_fail_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_more_map_fail_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_more_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_order_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_early_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_full_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_no_kick_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_kick_at_test, fake_virtio_event_gen_params),
	KUNIT_CASE_PARAM(vtx_interrupt_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_eager_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_late_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_wrap_test, fake_virtio_event_gen_params),
	KUNIT_CASE_PARAM(vtx_hang_test, vtx_mixed_gen_params),
	KUNIT_CASE_PARAM(vtx_close_test, vtx_mixed_gen_params),
	{}
};

static struct kunit_suite vtx_suite = {
	.name		= "sluice_vnet_tx",
	.init		= fake_virtio_init,
	.exit		= fake_nic_exit,
	.test_cases	= vtx_cases,
	.attr.speed	= KUNIT_SPEED_VERY_SLOW,
};

kunit_test_suite(vtx_suite);
