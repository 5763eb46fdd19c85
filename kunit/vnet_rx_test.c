// SPDX-License-Identifier: GPL-2.0-only
/* Receive queues of virtio: lengths, chains, order, short memory, interrupts. */

#include <linux/etherdevice.h>
#include "fake_fault.h"
#include "fake_virtio.h"

#define VRX_LEN		100		/* a frame like any other */
#define VRX_HDR		12		/* bytes of header, 5.1.6 */
#define VRX_MOST	(SLUICE_RX_MAX_FRAGS + 1)
#define VRX_BUFFER	(VRX_HDR + SLUICE_RX_BUF_LEN)

KUNIT_ARRAY_PARAM_DESC(vrx_kind, fake_virtio_kinds, name);
KUNIT_ARRAY_PARAM_DESC(vrx_ring, fake_virtio_rings, name);
KUNIT_ARRAY_PARAM_DESC(vrx_mixed, fake_virtio_mixed, name);

static bool vrx_mergeable(const struct fake_nic *fake)
{
	return vnet_has(fake->nic, VIRTIO_NET_F_MRG_RXBUF);
}

static void vrx_expect_none(struct fake_nic *fake)
{
	KUNIT_EXPECT_EQ(fake->test, skb_queue_len(&fake->received), 0);
}

static void vrx_receive(struct fake_nic *fake, const void *data, u32 len)
{
	fake_virtio_receive(fake, data, len);
	fake_virtio_interrupt(fake);
}

/* One buffer with a header that says num_buffers, and a length that need not be. */
static void vrx_return(struct fake_nic *fake, u32 nth, u16 num_buffers, u32 len)
{
	struct virtio_net_hdr_v1 hdr = {
		.num_buffers = cpu_to_le16(num_buffers),
	};

	fake_virtio_fill(fake, nth, &hdr, NULL, 0);
	fake_virtio_return(fake, nth, len);
}

static void vrx_tell(struct fake_nic *fake)
{
	fake_virtio_tell_rx(fake);
	fake_virtio_interrupt(fake);
}

/* Every length that fits one buffer. */
static void vrx_length_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, SLUICE_RX_BUF_LEN);
	u64 bytes = 0;
	u32 len;

	for (len = ETH_HLEN; len <= SLUICE_RX_BUF_LEN; len++) {
		fake_fill(data, len, len);
		vrx_receive(fake, data, len);
		fake_virtio_expect_frame(fake, data, len);
		bytes += len;
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED),
			SLUICE_RX_BUF_LEN - ETH_HLEN + 1);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_BYTES), bytes);
}

/* Lengths that cannot be: lost by name, and the buffer is the device's again. */
static void vrx_impossible_length_test(struct kunit *test)
{
	static const u32 lens[] = { 0, 1, VRX_HDR - 1, VRX_HDR, VRX_HDR + 1,
				    VRX_HDR + ETH_HLEN - 1, VRX_BUFFER + 1,
				    PAGE_SIZE, U16_MAX, U16_MAX + 1 + VRX_LEN,
				    S32_MAX, U32_MAX };
	struct fake_nic *fake = test->priv;
	u32 i, room = fake_virtio_room(fake);

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		vrx_return(fake, 0, 1, lens[i]);
		vrx_tell(fake);
		KUNIT_EXPECT_EQ_MSG(test, fake_rx_count(fake, SLUICE_RX_LENGTH_ERR),
				    i + 1, "length %u", lens[i]);
	}
	vrx_expect_none(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_BYTES), 0);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_RING_ERR), 0);
	for (i = 0; i < room; i++)
		vrx_receive(fake, fake_data(test, VRX_LEN), VRX_LEN);
	fake_virtio_expect_alive(fake);
}

/* How many buffers a frame has, when it cannot have as many; without frames of
 * several buffers nobody looks.
 */
static void vrx_num_buffers_test(struct kunit *test)
{
	const u16 numbers[] = { 0, VRX_MOST + 1, U8_MAX + 2, S16_MAX, U16_MAX };
	struct fake_nic *fake = test->priv;
	u32 i, n = ARRAY_SIZE(numbers), lost = vrx_mergeable(fake) ? n : 0;

	fake_virtio_room(fake);
	for (i = 0; i < n; i++)
		vrx_return(fake, 0, numbers[i], VRX_HDR + VRX_LEN);
	vrx_tell(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), n);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_CHAIN_ERR), lost);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), n - lost);
	fake_virtio_expect_alive(fake);
}

/* Frames of several buffers, the last one full, almost full and almost empty.
 * Only the first one has the header, so the others take more of the frame.
 */
static void vrx_chain_test(struct kunit *test)
{
	static const s32 edges[] = { -VRX_BUFFER + 1, -1, 0 };
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, VRX_MOST * VRX_BUFFER);
	u32 buffers, i, len;

	for (buffers = 2; buffers <= VRX_MOST; buffers++) {
		for (i = 0; i < ARRAY_SIZE(edges); i++) {
			len = buffers * VRX_BUFFER - VRX_HDR + edges[i];
			fake_fill(data, len, len + i);
			vrx_receive(fake, data, len);
			fake_virtio_expect_frame(fake, data, len);
		}
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES),
			fake_rx_count(fake, SLUICE_RX_PASSED));
}

/* A reset finds frames that NAPI has not taken: each is one loss, however many buffers
 * it has, and of these only the first has a header.
 */
static void vrx_reset_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 len = vrx_mergeable(fake) ? 3 * VRX_BUFFER : VRX_LEN, i;

	vrx_receive(fake, fake_data(test, len), len);
	fake_virtio_expect_frame(fake, fake_data(test, len), len);
	for (i = 0; i < 5; i++)
		fake_virtio_receive(fake, fake_data(test, len), len);
	fake_timeout(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 6);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_RESET_DROP), 5);
	fake_virtio_expect_alive(fake);
}

/* The longest frame of a larger MTU, in one buffer or several. */
static void vrx_large_test(struct kunit *test)
{
	static const u32 mtus[] = { 2030, 2031, 4000, 9000, 16000 };
	struct fake_nic *fake = test->priv;
	u32 i, len;
	u8 *data;

	for (i = 0; i < ARRAY_SIZE(mtus); i++) {
		KUNIT_ASSERT_EQ(test, fake_set_mtu(fake, mtus[i]), 0);
		len = mtus[i] + SLUICE_RX_LONGEST;
		data = fake_data(test, len);
		vrx_receive(fake, data, len);
		fake_virtio_expect_frame(fake, data, len);
		if (vrx_mergeable(fake))
			continue;
		fake_virtio_room(fake);
		vrx_return(fake, 0, 1, fake_virtio(fake)->rx.out[0].first.len + 1);
		vrx_tell(fake);
	}
	vrx_expect_none(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_LENGTH_ERR),
			vrx_mergeable(fake) ? 0 : i);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), i);
}

/* A chain may be cut by the end of a poll at any place. */
static void vrx_chain_over_polls_test(struct kunit *test)
{
	u32 len = 5 * VRX_BUFFER - VRX_HDR - 1, budget, polls;
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, len);

	for (budget = 1; budget <= 6; budget++) {
		fake_virtio_receive(fake, data, len);
		fake_virtio_receive(fake, data, VRX_LEN);
		for (polls = 0; fake_poll(fake, budget) == budget; polls++)
			;
		KUNIT_EXPECT_EQ(test, polls, 6 / budget);
		fake_virtio_expect_frame(fake, data, len);
		fake_virtio_expect_frame(fake, data, VRX_LEN);
	}
}

struct vrx_chain_lie {
	u32 at;			/* which of three buffers lies */
	u32 len;
};

/* A buffer of three with a length that cannot be: all of the frame is lost, once,
 * and none but that frame.
 */
static void vrx_chain_lie_test(struct kunit *test)
{
	static const struct vrx_chain_lie lies[] = {
		{ 0, 0 }, { 0, VRX_HDR + ETH_HLEN - 1 }, { 0, VRX_BUFFER + 1 },
		{ 1, 0 }, { 1, VRX_BUFFER + 1 }, { 1, U32_MAX },
		{ 2, 0 }, { 2, VRX_BUFFER + 1 }, { 2, U16_MAX + 2 },
	};
	struct fake_nic *fake = test->priv;
	u32 i, at;

	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		fake_virtio_room(fake);
		for (at = 0; at < 3; at++)
			vrx_return(fake, 0, 3, at == lies[i].at ? lies[i].len :
								  VRX_LEN);
		vrx_tell(fake);
		KUNIT_EXPECT_EQ_MSG(test, fake_rx_count(fake, SLUICE_RX_LENGTH_ERR),
				    i + 1, "length %u of buffer %u", lies[i].len,
				    lies[i].at);
		vrx_expect_none(fake);
		KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), i + 1);
	}
	fake_virtio_expect_alive(fake);
}

/* The NIC is closed in the middle of a frame; the pages must come home. */
static void vrx_chain_closed_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 buffers, i;

	for (buffers = 1; buffers <= 3; buffers++) {
		fake_virtio_room(fake);
		for (i = 0; i < buffers; i++)
			vrx_return(fake, 0, 4, VRX_LEN);
		vrx_tell(fake);
		fake_close(fake);
		KUNIT_EXPECT_TRUE(test, hlist_empty(&fake->netdev->page_pools));
		fake_open(fake);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 0);
	fake_virtio_expect_alive(fake);
}

/* No page for the n-th of eight frames: that one is lost and no other. */
static void vrx_alloc_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = { { "page_pool_alloc_pages", 0 } };
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_nic *fake = test->priv;
	u32 nth, i, len;

	for (nth = 1; nth <= 8; nth++) {
		for (i = 1; i <= 8; i++)
			fake_virtio_receive(fake, fake_data(test, VRX_LEN + i),
					    VRX_LEN + i);
		fake_fault_arm(fault, nth);
		fake_virtio_interrupt(fake);
		fake_fault_arm(fault, 0);
		for (i = 1; i <= 8; i++) {
			len = VRX_LEN + i;
			if (i != nth)
				fake_virtio_expect_frame(fake, fake_data(test, len),
							 len);
		}
		vrx_expect_none(fake);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_ALLOC_FAIL), 8);
	fake_virtio_expect_alive(fake);
}

/* No page for the n-th buffer of a frame: all of it is lost, once. */
static void vrx_chain_alloc_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = { { "page_pool_alloc_pages", 0 } };
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	u32 nth, buffers = 5, len = buffers * VRX_BUFFER - VRX_HDR;
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, len);

	for (nth = 1; nth <= buffers; nth++) {
		fake_virtio_receive(fake, data, len);
		fake_fault_arm(fault, nth);
		fake_virtio_interrupt(fake);
		KUNIT_EXPECT_EQ(test, fault->failed, 1);
		fake_fault_arm(fault, 0);
		vrx_expect_none(fake);
		KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_ALLOC_FAIL),
				nth);
	}
	vrx_receive(fake, data, len);
	fake_virtio_expect_frame(fake, data, len);
}

/* Receive into the n-th buffer of those that the device has. */
static void vrx_receive_into(struct fake_nic *fake, u32 nth, const void *data,
			     u32 len)
{
	struct virtio_net_hdr_v1 hdr = { .num_buffers = cpu_to_le16(1) };

	fake_virtio_fill(fake, nth, &hdr, data, len);
	fake_virtio_return(fake, nth, VRX_HDR + len);
	fake_virtio_tell_rx(fake);
}

/* The device fills buffers in any order; frames come in the order of its word. */
static void vrx_order_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, size = fake_virtio(fake)->rx.size, room;
	u8 *data = fake_data(test, VRX_LEN);

	for (i = 0; i < 5 * size; i++) {
		room = fake_virtio_room(fake);
		KUNIT_ASSERT_GE(test, room, size - size / 4);
		fake_fill(data, VRX_LEN, i);
		vrx_receive_into(fake, i * 31 % room, data, VRX_LEN);
		fake_virtio_interrupt(fake);
		fake_virtio_expect_frame(fake, data, VRX_LEN);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_RING_ERR), 0);
}

/* It may also keep one for as long as it likes. */
static void vrx_held_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, size = fake_virtio(fake)->rx.size;
	u8 *data = fake_data(test, VRX_LEN);

	for (i = 0; i < 3 * size; i++) {
		fake_virtio_room(fake);
		vrx_receive_into(fake, 1, data, VRX_LEN);
		fake_virtio_interrupt(fake);
	}
	vrx_receive_into(fake, 0, data, VRX_LEN);
	fake_virtio_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_RING_ERR), 0);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), 3 * size + 1);
	fake_virtio_expect_alive(fake);
}

/* The device fills all it has before anybody looks. */
static void vrx_full_ring_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 room = fake_virtio_room(fake), i;

	KUNIT_EXPECT_EQ(test, room, fake_rxq(fake)->mask + 1);
	for (i = 0; i < room; i++)
		fake_virtio_receive(fake, fake_data(test, ETH_ZLEN + i),
				    ETH_ZLEN + i);
	KUNIT_EXPECT_EQ(test, fake_virtio_room(fake), 0);
	fake_virtio_interrupt(fake);
	for (i = 0; i < room; i++)
		fake_virtio_expect_frame(fake, fake_data(test, ETH_ZLEN + i),
					 ETH_ZLEN + i);
	fake_virtio_expect_alive(fake);
}

/* Buffers are shown a quarter ring at a time, with a notification if wanted. */
static void vrx_show_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct fake_vq *vq = &fake_virtio(fake)->rx;
	u32 i, quarter = vq->size / 4, shown = 0;
	u8 *data = fake_data(test, VRX_LEN);

	fake_virtio_room(fake);
	fake_vq_kicked(vq);
	for (i = 1; i <= 9 * quarter; i++) {
		vrx_receive(fake, data, VRX_LEN);
		skb_queue_purge(&fake->received);
		KUNIT_ASSERT_EQ_MSG(test, fake_vq_kicked(vq), i % quarter == 0,
				    "frame %u", i);
		shown += i % quarter == 0;
		KUNIT_ASSERT_EQ(test, fake_virtio_room(fake),
				vq->size - i % quarter);
	}
	/* And the one with which the ring was opened. */
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_DOORBELLS), shown);
	fake_vq_want_no_kick(vq);
	for (i = 1; i <= 3 * quarter / 2; i++) {
		vrx_receive_into(fake, 0, data, VRX_LEN);
		fake_virtio_interrupt(fake);
	}
	KUNIT_EXPECT_FALSE(test, fake_vq_kicked(vq));
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_DOORBELLS), shown);
}

/* One interrupt for all that comes until NAPI has run, and one for the next. */
static void vrx_interrupt_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct fake_virtio *dev = fake_virtio(fake);
	u8 *data = fake_data(test, VRX_LEN);
	u32 i;

	for (i = 0; i < 3 * dev->rx.size; i++) {
		fake_virtio_receive(fake, data, VRX_LEN);
		KUNIT_ASSERT_TRUE_MSG(test, dev->cause, "frame %u", i);
		/* What the handler does, and no poll yet. */
		dev->cause = false;
		vnet_irq_silence(fake->nic->vec[0]);
		fake_virtio_receive(fake, data, VRX_LEN);
		KUNIT_ASSERT_FALSE(test, dev->cause);
		KUNIT_ASSERT_EQ(test, fake_poll(fake, 64), 2);
		skb_queue_purge(&fake->received);
	}
}

/* A completion that the driver has not seen, and of which it is not told. */
struct vrx_late {
	struct kprobe probe;
	struct kunit *test;
	struct fake_vq *vq;
	struct fake_out out;
	u32 told;
};

/* NAPI ends: the last look was before. */
static int vrx_late_hit(struct kprobe *probe, struct pt_regs *regs)
{
	struct vrx_late *late = container_of(probe, struct vrx_late, probe);

	if (current->kunit_test != late->test || late->told++)
		return 0;
	fake_vq_write(late->vq, late->out.id, VRX_HDR + VRX_LEN, 1);
	fake_vq_tell(late->vq);
	return 0;
}

/* Between the last look and the request for an interrupt: no wake-up is lost. */
static void vrx_late_test(struct kunit *test)
{
	struct virtio_net_hdr_v1 hdr = { .num_buffers = cpu_to_le16(1) };
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, VRX_LEN);
	struct vrx_late late = {
		.probe	= {
			.symbol_name	= "napi_complete_done",
			.pre_handler	= vrx_late_hit,
		},
		.test	= test,
		.vq	= &fake_virtio(fake)->rx,
	};

	fake_virtio_room(fake);
	fake_virtio_fill(fake, 1, &hdr, data, VRX_LEN);
	late.out = fake_vq_forget(late.vq, 1);
	fake_virtio_receive(fake, data, VRX_LEN);
	KUNIT_ASSERT_EQ(test, register_kprobe(&late.probe), 0);
	fake_virtio_interrupt(fake);
	unregister_kprobe(&late.probe);
	KUNIT_EXPECT_GE(test, late.told, 1);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->received), 2);
	fake_virtio_expect_alive(fake);
}

/* More frames than 16 bits count: through the end of every index and wrap bit. */
static void vrx_wrap_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, batch = SLUICE_RING_MIN / 4, frames = 0;
	u8 *data = fake_data(test, ETH_ZLEN);

	fake_close(fake);
	fake->nic->cfg.rx_size = SLUICE_RING_MIN;
	fake_open(fake);
	while (frames <= U16_MAX + 2 * SLUICE_RING_MIN) {
		for (i = 0; i < batch; i++)
			fake_virtio_receive(fake, data, ETH_ZLEN);
		fake_virtio_interrupt(fake);
		frames += batch;
		KUNIT_ASSERT_EQ(test, skb_queue_len(&fake->received), batch);
		skb_queue_purge(&fake->received);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), frames);
	fake_virtio_expect_alive(fake);
}

static struct kunit_case vrx_cases[] = {
	KUNIT_CASE_PARAM(vrx_length_test, vrx_mixed_gen_params),
	KUNIT_CASE_PARAM(vrx_impossible_length_test, vrx_kind_gen_params),
	KUNIT_CASE_PARAM(vrx_num_buffers_test, vrx_kind_gen_params),
	KUNIT_CASE_PARAM(vrx_large_test, vrx_kind_gen_params),
	KUNIT_CASE_PARAM(vrx_reset_test, vrx_kind_gen_params),
	KUNIT_CASE_PARAM(vrx_chain_test, vrx_mixed_gen_params),
	KUNIT_CASE_PARAM(vrx_chain_over_polls_test, vrx_mixed_gen_params),
	KUNIT_CASE_PARAM(vrx_chain_lie_test, vrx_mixed_gen_params),
	KUNIT_CASE_PARAM(vrx_chain_closed_test, vrx_mixed_gen_params),
	KUNIT_CASE_PARAM(vrx_alloc_fail_test, vrx_kind_gen_params),
	KUNIT_CASE_PARAM(vrx_chain_alloc_fail_test, vrx_mixed_gen_params),
	KUNIT_CASE_PARAM(vrx_order_test, vrx_kind_gen_params),
	KUNIT_CASE_PARAM(vrx_held_test, vrx_ring_gen_params),
	KUNIT_CASE_PARAM(vrx_full_ring_test, vrx_mixed_gen_params),
	KUNIT_CASE_PARAM(vrx_show_test, vrx_mixed_gen_params),
	KUNIT_CASE_PARAM(vrx_interrupt_test, vrx_mixed_gen_params),
	KUNIT_CASE_PARAM(vrx_late_test, vrx_ring_gen_params),
	KUNIT_CASE_PARAM(vrx_wrap_test, fake_virtio_event_gen_params),
	{}
};

static struct kunit_suite vrx_suite = {
	.name		= "sluice_vnet_rx",
	.init		= fake_virtio_init,
	.exit		= fake_nic_exit,
	.test_cases	= vrx_cases,
	.attr.speed	= KUNIT_SPEED_VERY_SLOW,
};

kunit_test_suite(vrx_suite);
