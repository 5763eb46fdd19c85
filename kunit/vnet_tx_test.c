// SPDX-License-Identifier: GPL-2.0-only
/* Transmit queues of virtio: frames, headers, order, notification, interrupts. */

#include <linux/etherdevice.h>
#include <linux/tcp.h>
#include "fake_fault.h"
#include "fake_virtio.h"

#define VTX_LEN		100	/* a frame like any other: two descriptors */
#define VTX_DESCS	2

KUNIT_ARRAY_PARAM_DESC(vtx_ring, fake_virtio_rings, name);

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

/* Linear frames, and no shorter than a header. */
static void vtx_length_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct fake_vsent sent;
	u32 len;

	for (len = ETH_HLEN; len <= SZ_16K; len += len < 2 * ETH_ZLEN ? 1 : 509) {
		vtx_transmit(fake, len, false);
		KUNIT_ASSERT_EQ(test, fake_virtio_send_all(fake), 1);
		sent = fake_virtio_expect_wire(fake, fake_data(test, len), len);
		KUNIT_EXPECT_EQ(test, sent.pieces,
				DIV_ROUND_UP(len, SLUICE_TX_PIECE_LEN));
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

/* A frame of a head and fragments. */
static struct sk_buff *vtx_frags(struct fake_nic *fake, u32 frags)
{
	struct sk_buff *skb = fake_skb(fake, VTX_LEN);
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
		KUNIT_EXPECT_EQ(test, sent.pieces, frags + 1);
	}
	KUNIT_EXPECT_EQ(test, fake_txq(fake)->head, fake_txq(fake)->tail);
}

static struct sk_buff *vtx_csum_skb(struct fake_nic *fake, u32 start, u32 offset)
{
	struct sk_buff *skb = fake_skb(fake, 2 * VTX_LEN);

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

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		sent = vtx_send_copied(fake, vtx_csum_skb(fake, places[i][0],
							  places[i][1]));
		KUNIT_EXPECT_EQ(test, sent.hdr.flags, 1);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.csum_start),
				places[i][0]);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.csum_offset),
				places[i][1]);
		KUNIT_EXPECT_EQ(test, sent.hdr.gso_type, 0);
		sent = vtx_send_copied(fake, fake_skb(fake, VTX_LEN));
		KUNIT_EXPECT_MEMEQ(test, &sent.hdr, &nothing, sizeof(nothing));
	}
}

#define VTX_MSS		1000
#define VTX_SEGMENTS	7
#define VTX_PAYLOAD	(VTX_MSS * (VTX_SEGMENTS - 1) + 1)

struct vtx_tso {
	u32 l3_len;
	u32 type;
	u8 gso_type;
};

/* A TCP frame to be cut, headers in front and payload in a fragment. */
static struct sk_buff *vtx_tso_skb(struct fake_nic *fake,
				   const struct vtx_tso *tso)
{
	u32 l4 = ETH_HLEN + tso->l3_len;
	struct sk_buff *skb = fake_skb(fake, l4 + sizeof(struct tcphdr));

	skb_set_transport_header(skb, l4);
	tcp_hdr(skb)->doff = sizeof(struct tcphdr) / 4;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_headroom(skb) + l4;
	skb->csum_offset = offsetof(struct tcphdr, check);
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
	};
	struct fake_nic *fake = test->priv;
	u32 i, headers, bytes = 0;
	struct fake_vsent sent;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		headers = ETH_HLEN + cases[i].l3_len + sizeof(struct tcphdr);
		bytes += VTX_PAYLOAD + VTX_SEGMENTS * headers;
		sent = vtx_send_copied(fake, vtx_tso_skb(fake, &cases[i]));
		KUNIT_EXPECT_EQ(test, sent.hdr.gso_type, cases[i].gso_type);
		KUNIT_EXPECT_EQ(test, sent.hdr.flags, 1);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.gso_size), VTX_MSS);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.hdr_len), headers);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.csum_start),
				headers - sizeof(struct tcphdr));
		KUNIT_EXPECT_EQ(test, le16_to_cpu(sent.hdr.csum_offset), 16);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_PACKETS),
			i * VTX_SEGMENTS);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_BYTES), bytes);
}

/* A mapping fails at the n-th fragment: the device sees nothing of the frame, and
 * all of the next one.
 */
static void vtx_map_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = {
		{ "dma_map_page_attrs", DMA_MAPPING_ERROR },
	};
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_nic *fake = test->priv;
	u32 nth, tail;

	for (nth = 1; nth <= MAX_SKB_FRAGS + 1; nth++) {
		struct sk_buff *skb = vtx_frags(fake, MAX_SKB_FRAGS);

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

/* One interrupt for all that is sent until NAPI has run, and one for the next. */
static void vtx_interrupt_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct fake_virtio *dev = fake_virtio(fake);
	u32 round, i;

	for (round = 0; round < dev->tx.size; round++) {
		for (i = 0; i < 3; i++)
			vtx_transmit(fake, VTX_LEN, false);
		KUNIT_ASSERT_EQ(test, fake_virtio_send(fake), 3);
		fake_virtio_complete(fake, 0);
		KUNIT_ASSERT_TRUE_MSG(test, dev->cause, "round %u", round);
		/* What the handler does, and no poll yet. */
		dev->cause = false;
		vnet_irq_silence(fake->nic->vec[0]);
		fake_virtio_complete(fake, 0);
		KUNIT_ASSERT_FALSE(test, dev->cause);
		fake_poll(fake, 64);
		KUNIT_ASSERT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
				3 * round + 2);
		fake_virtio_complete(fake, 0);
		KUNIT_ASSERT_TRUE(test, dev->cause);
		fake_virtio_interrupt(fake);
		KUNIT_ASSERT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
				3 * round + 3);
		__skb_queue_purge(&dev->wire);
	}
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

	vtx_device_start(&device, fake, "iowrite16");
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
	KUNIT_ASSERT_TRUE(test, fake_vq_tell(vtx_vq(fake)));
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

/* The device hangs: what it has reported is completed, the rest lost by name. */
static void vtx_hang_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 in;

	for (in = 0; fake_transmit(fake, fake_skb(fake, VTX_LEN), false); in++)
		;
	fake_virtio_send(fake);
	fake_virtio_complete(fake, 0);
	fake_virtio_interrupt(fake);
	local_bh_disable();
	fake->netdev->netdev_ops->ndo_tx_timeout(fake->netdev, 0);
	local_bh_enable();
	flush_work(&fake->nic->reset_work);
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
	KUNIT_CASE_PARAM(vtx_length_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_frags_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_csum_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_tso_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_map_fail_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_more_map_fail_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_more_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_order_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_early_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_full_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_no_kick_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_kick_at_test, fake_virtio_event_gen_params),
	KUNIT_CASE_PARAM(vtx_interrupt_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_eager_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_late_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM_ATTR(vtx_wrap_test, fake_virtio_event_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM(vtx_hang_test, vtx_ring_gen_params),
	KUNIT_CASE_PARAM(vtx_close_test, vtx_ring_gen_params),
	{}
};

static struct kunit_suite vtx_suite = {
	.name		= "sluice_vnet_tx",
	.init		= fake_virtio_init,
	.exit		= fake_nic_exit,
	.test_cases	= vtx_cases,
};

kunit_test_suite(vtx_suite);
