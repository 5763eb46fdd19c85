// SPDX-License-Identifier: GPL-2.0-only
/* Ring arithmetic: free-running indexes, through the end of 32 bits. */

#include "fake_nic.h"

#define RING_LEN	100

static const u32 ring_starts[] = {
	0, 1, 63, 64, 0x7fffffff, 0x80000000, U32_MAX - 64, U32_MAX - 1, U32_MAX,
};

static struct sluice_txq *ring_txq(struct kunit *test, u32 size)
{
	struct sluice_txq *q = kunit_kzalloc(test, sizeof(*q), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, q);
	q->mask = size - 1;
	q->slot = kunit_kcalloc(test, size, sizeof(*q->slot), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q->slot);
	return q;
}

/* Empty, full and all between, from every kind of index. */
static void ring_room_test(struct kunit *test)
{
	u32 size, i, used;

	for (size = SLUICE_RING_MIN; size <= FAKE_MAX_RING; size *= 2) {
		struct sluice_txq *q = ring_txq(test, size);

		for (i = 0; i < ARRAY_SIZE(ring_starts); i++) {
			for (used = 0; used < size; used++) {
				q->head = ring_starts[i];
				q->tail = q->head + used;
				KUNIT_ASSERT_EQ(test, sluice_txq_pending(q), used);
				KUNIT_ASSERT_EQ(test, sluice_txq_room(q),
						size - 1 - used);
			}
		}
	}
}

/* As many indexes as there are slots name each slot once. */
static void ring_slot_test(struct kunit *test)
{
	struct sluice_txq *q = ring_txq(test, SLUICE_RING_MIN);
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(ring_starts); i++) {
		for (j = 0; j < SLUICE_RING_MIN; j++) {
			u32 index = ring_starts[i] + j;

			KUNIT_ASSERT_PTR_EQ(test, sluice_tx_slot(q, index),
					    q->slot + index % SLUICE_RING_MIN);
		}
	}
}

/* As if the ring had been at work for years. */
static void ring_age_rx(struct fake_nic *fake, u32 index)
{
	struct sluice_rxq *q = fake_rxq(fake);

	q->head = index;
	q->kicked = index;
	fake->hw->rx_head = index & q->mask;
	fake->hw->rx_tail = (index - 1) & q->mask;
}

static void ring_age_tx(struct fake_nic *fake, u32 index)
{
	struct sluice_txq *q = fake_txq(fake);

	q->head = index;
	q->tail = index;
	q->kicked = index;
	fake->hw->tx_head = index & q->mask;
	fake->hw->tx_tail = index & q->mask;
}

static void ring_rx_wrap_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, RING_LEN);
	u32 i, size = fake->hw->rx_size;
	struct sk_buff *skb;

	ring_age_rx(fake, U32_MAX - size);
	for (i = 0; i < 2 * size; i++) {
		fake_fill(data, RING_LEN, i);
		KUNIT_ASSERT_TRUE(test, fake_receive(fake->hw, data, RING_LEN));
		fake_interrupt(fake);
		skb = skb_dequeue(&fake->received);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		skb_push(skb, ETH_HLEN);
		fake_take_bytes(fake, skb, data, RING_LEN);
	}
	KUNIT_EXPECT_EQ(test, fake_rxq(fake)->head, size - 1);
	KUNIT_EXPECT_EQ(test, fake->hw->rx_kicks, 8);
}

static void ring_tx_wrap_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, size = fake->hw->tx_size;

	ring_age_tx(fake, U32_MAX - size);
	for (i = 0; i < 2 * size; i++) {
		u32 len = ETH_ZLEN + i;

		KUNIT_ASSERT_TRUE(test, fake_transmit(fake, fake_skb(fake, len),
						      false));
		KUNIT_ASSERT_EQ(test, sluice_txq_pending(fake_txq(fake)), 1);
		fake_send_all(fake->hw);
		fake_interrupt(fake);
		fake_expect_wire(fake, fake_data(test, len), len);
		KUNIT_ASSERT_EQ(test, sluice_txq_pending(fake_txq(fake)), 0);
	}
	KUNIT_EXPECT_EQ(test, fake_txq(fake)->tail, size - 1);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 2 * size);
}

/* The ring is full, for the stack, while a worst frame would still fit: then it
 * is stopped, and woken when one fits again. Through the wrap, of course.
 */
static void ring_tx_full_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 most = fake->hw->tx_size - SLUICE_TX_WORST, in = 0, done;

	ring_age_tx(fake, U32_MAX - 100);
	while (fake_transmit(fake, fake_skb(fake, RING_LEN), false))
		in++;
	KUNIT_EXPECT_EQ(test, in, most);
	KUNIT_EXPECT_EQ(test, fake_tx_waiting(fake->hw), most);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_STOPS), 1);
	KUNIT_EXPECT_TRUE(test, netif_queue_stopped(fake->netdev));
	KUNIT_EXPECT_EQ(test, fake_send(fake->hw, 1), 1);
	fake_interrupt(fake);
	KUNIT_EXPECT_FALSE(test, netif_queue_stopped(fake->netdev));
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_WAKES), 1);
	done = fake_send(fake->hw, U32_MAX);
	KUNIT_EXPECT_EQ(test, done, most - 1);
	fake_interrupt(fake);
	KUNIT_EXPECT_EQ(test, sluice_txq_room(fake_txq(fake)),
			fake->hw->tx_size - 1);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), most);
}

/* Stopped by a large frame, the queue is woken when the worst one fits again, and
 * not as soon as something does.
 */
static void ring_tx_wake_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 large = 4, small = fake->hw->tx_size - 1 - SLUICE_TX_WORST;

	while (sluice_txq_room(fake_txq(fake)) > SLUICE_TX_WORST)
		fake_transmit(fake, fake_skb(fake, RING_LEN), false);
	KUNIT_EXPECT_FALSE(test, netif_queue_stopped(fake->netdev));
	fake_transmit(fake, fake_skb(fake, large * SLUICE_TX_PIECE_LEN), false);
	KUNIT_EXPECT_TRUE(test, netif_queue_stopped(fake->netdev));
	KUNIT_EXPECT_EQ(test, fake_send(fake->hw, large - 1), large - 1);
	fake_interrupt(fake);
	KUNIT_EXPECT_TRUE(test, netif_queue_stopped(fake->netdev));
	KUNIT_EXPECT_EQ(test, fake_send(fake->hw, 1), 1);
	fake_interrupt(fake);
	KUNIT_EXPECT_FALSE(test, netif_queue_stopped(fake->netdev));
	KUNIT_EXPECT_EQ(test, fake_send(fake->hw, U32_MAX), small - large + 1);
	fake_interrupt(fake);
}

/* Nothing to do is done without harm, and without a doorbell. */
static void ring_empty_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	KUNIT_EXPECT_EQ(test, fake_send(fake->hw, U32_MAX), 0);
	fake->hw->cause = true;
	fake_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake_poll(fake, 64), 0);
	KUNIT_EXPECT_EQ(test, fake_poll(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, fake->hw->tx_kicks, 0);
	KUNIT_EXPECT_EQ(test, fake->hw->rx_kicks, 0);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 0);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_room_test),
	KUNIT_CASE(ring_slot_test),
	KUNIT_CASE(ring_rx_wrap_test),
	KUNIT_CASE_SLOW(ring_tx_wrap_test),
	KUNIT_CASE(ring_tx_full_test),
	KUNIT_CASE(ring_tx_wake_test),
	KUNIT_CASE(ring_empty_test),
	{}
};

static struct kunit_suite ring_suite = {
	.name		= "sluice_ring",
	.init		= fake_nic_init,
	.exit		= fake_nic_exit,
	.test_cases	= ring_cases,
};

kunit_test_suite(ring_suite);
