// SPDX-License-Identifier: GPL-2.0-only
/* A virtio device that keeps the order: one used entry stands for many buffers. */

#include <linux/etherdevice.h>
#include <linux/virtio_ring.h>
#include "fake_virtio.h"

#define VORD_LEN	100		/* a frame like any other */
#define VORD_HDR	12		/* bytes of header, 5.1.6 */
#define VORD_MOST	(SLUICE_RX_MAX_FRAGS + 1)
#define VORD_BUFFER	(VORD_HDR + SLUICE_RX_BUF_LEN)

KUNIT_ARRAY_PARAM_DESC(vord, fake_virtio_ordered, name);

static const void *vord_event_gen_params(const void *prev, char *desc)
{
	const struct fake_virtio_kind *kind = prev;

	do
		kind = vord_gen_params(kind, desc);
	while (kind && !(kind->features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX)));
	return kind;
}

/* Nothing was said that cannot be, and the driver kept the order too. */
static void vord_expect_order(struct fake_nic *fake)
{
	KUNIT_EXPECT_EQ(fake->test, fake_rx_count(fake, SLUICE_RX_RING_ERR), 0);
	KUNIT_EXPECT_EQ(fake->test, fake_tx_count(fake, SLUICE_TX_RING_ERR), 0);
	KUNIT_EXPECT_EQ(fake->test, fake_virtio(fake)->rx.disorder, 0);
	KUNIT_EXPECT_EQ(fake->test, fake_virtio(fake)->tx.disorder, 0);
}

/* Every other one has its header in a descriptor of its own. */
static void vord_transmit(struct fake_nic *fake, u32 frags)
{
	struct sk_buff *skb = frags & 1 ? fake_skb_behind(fake, 0, VORD_LEN) :
					  fake_skb(fake, VORD_LEN);
	u32 i;

	for (i = 0; i < frags; i++)
		fake_add_frag(fake, skb, i * 3, 1 + i * 191);
	KUNIT_ASSERT_TRUE(fake->test, fake_transmit(fake, skb, false));
}

/* Frames of all sizes, reported in batches of all sizes: each time these are
 * completed and no others, and the last is told by an interrupt.
 */
static void vord_tx_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 round, i, left, n, sum = 0;

	for (round = 0; round < 200; round++) {
		left = 1 + round % 9;
		for (i = 0; i < left; i++)
			vord_transmit(fake, (round + i * i) % 5);
		KUNIT_ASSERT_EQ(test, fake_virtio_send(fake), left);
		for (; left; left -= n) {
			n = 1 + round * 31 % left;
			fake_virtio_complete_batch(fake, n);
			KUNIT_ASSERT_TRUE(test, fake_virtio(fake)->cause || n < left);
			fake_virtio(fake)->cause = false;
			fake_poll(fake, 64);
			sum += n;
			KUNIT_ASSERT_EQ_MSG(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
					    sum, "round %u", round);
		}
		KUNIT_ASSERT_EQ(test, sluice_txq_pending(fake_txq(fake)), 0);
		__skb_queue_purge(&fake_virtio(fake)->wire);
	}
	fake_expect_bql_idle(fake);
	vord_expect_order(fake);
}

/* Batches that nobody has looked at between. */
static void vord_tx_unseen_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, n;

	for (i = 0; i < 20; i++)
		vord_transmit(fake, i % 4);
	KUNIT_ASSERT_EQ(test, fake_virtio_send(fake), 20);
	for (n = 1; n <= 5; n++)
		fake_virtio_complete_batch(fake, n);
	fake_poll(fake, 64);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 15);
	fake_virtio_complete_batch(fake, 5);
	fake_virtio_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 20);
	vord_expect_order(fake);
	fake_virtio_expect_alive(fake);
}

/* Write a frame into the buffers from the n-th on that the device has. Returns how
 * many it took; the last got so many bytes.
 */
static u32 vord_fill(struct fake_nic *fake, u32 nth, const u8 *data, u32 len,
		     u32 *last)
{
	u32 buffers = DIV_ROUND_UP(VORD_HDR + len, VORD_BUFFER), i, bytes;
	struct virtio_net_hdr_v1 hdr = { .num_buffers = cpu_to_le16(buffers) };

	for (i = 0; i < buffers; i++) {
		bytes = min_t(u32, len, i ? VORD_BUFFER : SLUICE_RX_BUF_LEN);
		fake_virtio_fill(fake, nth + i, i ? NULL : &hdr, data, bytes);
		data += bytes;
		len -= bytes;
		*last = i ? bytes : VORD_HDR + bytes;
	}
	return buffers;
}

static void vord_batch(struct fake_nic *fake, u32 n, u32 len)
{
	fake_vq_batch(&fake_virtio(fake)->rx, n, len);
	fake_virtio_tell_rx(fake);
}

/* Frames of all numbers of buffers, by one entry for each. */
static void vord_rx_frame_test(struct kunit *test)
{
	static const s32 edges[] = { -VORD_BUFFER + 1, -1, 0 };
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, VORD_MOST * VORD_BUFFER);
	u32 round, buffers, len, last;

	for (round = 0; round < 3 * VORD_MOST; round++) {
		buffers = 1 + round / 3;
		if (buffers == 1)
			continue;
		len = buffers * VORD_BUFFER - VORD_HDR + edges[round % 3];
		fake_fill(data, len, round);
		KUNIT_ASSERT_GE(test, fake_virtio_room(fake), buffers);
		KUNIT_ASSERT_EQ(test, vord_fill(fake, 0, data, len, &last), buffers);
		vord_batch(fake, buffers, last);
		fake_virtio_interrupt(fake);
		fake_virtio_expect_frame(fake, data, len);
	}
	vord_expect_order(fake);
}

/* Frames that fill their buffers and one that does not, by one entry for all: up to
 * the whole ring, whose doorbells are rung in the middle of it.
 */
static void vord_rx_batch_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 size = fake_virtio(fake)->rx.size, most, i, n, last, len;
	u8 *data = fake_data(test, SLUICE_RX_BUF_LEN);

	for (most = 1; most <= size; most += most < 10 ? 1 : most / 3) {
		n = min(most, fake_virtio_room(fake));
		for (i = 0; i < n - 1; i++)
			vord_fill(fake, i, data, SLUICE_RX_BUF_LEN, &last);
		len = ETH_ZLEN + n;
		vord_fill(fake, i, data, len, &last);
		vord_batch(fake, n, last);
		fake_virtio_interrupt(fake);
		for (i = 0; i < n - 1; i++)
			fake_virtio_expect_frame(fake, data, SLUICE_RX_BUF_LEN);
		fake_virtio_expect_frame(fake, data, len);
	}
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->received), 0);
	vord_expect_order(fake);
	fake_virtio_expect_alive(fake);
}

/* The whole ring at once. */
static void vord_rx_full_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 size = fake_virtio(fake)->rx.size, i, last;
	u8 *data = fake_data(test, SLUICE_RX_BUF_LEN);

	KUNIT_ASSERT_EQ(test, fake_virtio_room(fake), size);
	for (i = 0; i < size; i++)
		vord_fill(fake, i, data, SLUICE_RX_BUF_LEN, &last);
	vord_batch(fake, size, last);
	fake_virtio_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), size);
	vord_expect_order(fake);
	fake_virtio_expect_alive(fake);
}

/* A batch may be cut by the end of a poll at any place, and is not forgotten. */
static void vord_rx_over_polls_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, SLUICE_RX_BUF_LEN);
	u32 budget, i, polls, last;

	for (budget = 1; budget <= 7; budget++) {
		fake_virtio_room(fake);
		for (i = 0; i < 6; i++)
			vord_fill(fake, i, data, SLUICE_RX_BUF_LEN, &last);
		vord_batch(fake, 6, last);
		for (polls = 0; fake_poll(fake, budget) == budget; polls++)
			KUNIT_EXPECT_EQ(test, 6 > (polls + 1) * budget,
					fake->nic->engine->rx_pending(fake_rxq(fake)));
		KUNIT_EXPECT_EQ(test, polls, 6 / budget);
		for (i = 0; i < 6; i++)
			fake_virtio_expect_frame(fake, data, SLUICE_RX_BUF_LEN);
	}
	vord_expect_order(fake);
}

/* Closed in the middle of a batch: the rest of it is taken, and the next ring knows
 * nothing of it.
 */
static void vord_rx_closed_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, SLUICE_RX_BUF_LEN);
	u32 i, last;

	fake_virtio_room(fake);
	for (i = 0; i < 5; i++)
		vord_fill(fake, i, data, SLUICE_RX_BUF_LEN, &last);
	vord_batch(fake, 5, last);
	KUNIT_EXPECT_EQ(test, fake_poll(fake, 2), 2);
	fake_close(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), 5);
	fake_open(fake);
	fake_virtio_expect_alive(fake);
}

/* More than 16 bits count, through the end of every index and wrap bit. */
static void vord_wrap_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, n = 8, frames = 0, last = 0;
	u8 *data = fake_data(test, SLUICE_RX_BUF_LEN);

	fake_close(fake);
	fake->nic->cfg.rx_size = SLUICE_RING_MIN;
	fake->nic->cfg.tx_size = SLUICE_RING_MIN;
	fake_open(fake);
	while (frames <= U16_MAX + 2 * SLUICE_RING_MIN) {
		fake_virtio_room(fake);
		for (i = 0; i < n; i++) {
			vord_fill(fake, i, data, SLUICE_RX_BUF_LEN, &last);
			vord_transmit(fake, 0);
		}
		vord_batch(fake, n, last);
		KUNIT_ASSERT_EQ(test, fake_virtio_send(fake), n);
		fake_virtio_complete_batch(fake, n);
		__skb_queue_purge(&fake_virtio(fake)->wire);
		fake_virtio_interrupt(fake);
		frames += n;
		KUNIT_ASSERT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), frames);
		KUNIT_ASSERT_EQ(test, skb_queue_len(&fake->received), n);
		skb_queue_purge(&fake->received);
	}
	vord_expect_order(fake);
	fake_virtio_expect_alive(fake);
}

static struct kunit_case vord_cases[] = {
	KUNIT_CASE_PARAM(vord_tx_test, vord_gen_params),
	KUNIT_CASE_PARAM(vord_tx_unseen_test, vord_gen_params),
	KUNIT_CASE_PARAM(vord_rx_frame_test, vord_gen_params),
	KUNIT_CASE_PARAM(vord_rx_batch_test, vord_gen_params),
	KUNIT_CASE_PARAM(vord_rx_full_test, vord_gen_params),
	KUNIT_CASE_PARAM(vord_rx_over_polls_test, vord_gen_params),
	KUNIT_CASE_PARAM(vord_rx_closed_test, vord_gen_params),
	KUNIT_CASE_PARAM(vord_wrap_test, vord_event_gen_params),
	{}
};

static struct kunit_suite vord_suite = {
	.name		= "sluice_vnet_order",
	.init		= fake_virtio_init,
	.exit		= fake_nic_exit,
	.test_cases	= vord_cases,
	.attr.speed	= KUNIT_SPEED_VERY_SLOW,
};

kunit_test_suite(vord_suite);
