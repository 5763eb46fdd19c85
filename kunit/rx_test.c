// SPDX-License-Identifier: GPL-2.0-only
/* Receive engine: lengths, chains, errors, short memory, a device that lies. */

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include "fake_fault.h"
#include "fake_nic.h"

#define RX_LEN		100		/* a frame like any other */
#define RX_MOST_BUFFERS	(SLUICE_RX_MAX_FRAGS + 1)
#define RX_MOST_BYTES	(RX_MOST_BUFFERS * SLUICE_RX_BUF_LEN)

static void rx_expect_none(struct fake_nic *fake)
{
	KUNIT_EXPECT_EQ(fake->test, skb_queue_len(&fake->received), 0);
}

/* The next frame that the stack got has these bytes. */
static void rx_expect_frame(struct fake_nic *fake, const void *data, u32 len)
{
	struct sk_buff *skb = skb_dequeue(&fake->received);

	KUNIT_ASSERT_NOT_NULL_MSG(fake->test, skb, "%u bytes did not arrive", len);
	skb_push(skb, ETH_HLEN);
	fake_take_bytes(fake, skb, data, len);
}

/* A frame after all that happened before still arrives. */
static void rx_expect_alive(struct fake_nic *fake)
{
	u8 *data = fake_data(fake->test, RX_LEN);
	u64 passed = fake_rx_count(fake, SLUICE_RX_PASSED);

	skb_queue_purge(&fake->received);
	KUNIT_ASSERT_TRUE(fake->test, fake_receive(fake->hw, data, RX_LEN));
	fake_interrupt(fake);
	rx_expect_frame(fake, data, RX_LEN);
	KUNIT_EXPECT_EQ(fake->test, fake_rx_count(fake, SLUICE_RX_PASSED),
			passed + 1);
}

static void rx_write(struct fake_nic *fake, u16 len, u8 flags)
{
	struct fake_frame frame = { .len = len, .flags = flags };

	KUNIT_ASSERT_TRUE(fake->test, fake_rx_write(fake->hw, &frame));
}

static void rx_receive(struct fake_nic *fake, const void *data, u32 len)
{
	KUNIT_ASSERT_TRUE(fake->test, fake_receive(fake->hw, data, len));
}

/* Every length that fits one buffer. */
static void rx_length_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, SLUICE_RX_BUF_LEN);
	u64 bytes = 0;
	u32 len;

	for (len = ETH_HLEN; len <= SLUICE_RX_BUF_LEN; len++) {
		fake_fill(data, len, len);
		rx_receive(fake, data, len);
		fake_interrupt(fake);
		rx_expect_frame(fake, data, len);
		bytes += len;
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED),
			SLUICE_RX_BUF_LEN - ETH_HLEN + 1);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_BYTES), bytes);
}

/* Lengths that cannot be: the frame is lost by name, its buffer stays. */
static void rx_impossible_length_test(struct kunit *test)
{
	static const u16 lens[] = { 0, 1, ETH_HLEN - 1, SLUICE_RX_BUF_LEN + 1,
				    PAGE_SIZE - 1, PAGE_SIZE, U16_MAX };
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		u32 slot = fake->hw->rx_head;
		void *buffer = fake_rx_posted(fake->hw, slot);

		rx_write(fake, lens[i], SLUICE_RX_EOP);
		fake_interrupt(fake);
		KUNIT_EXPECT_PTR_EQ(test, fake_rx_posted(fake->hw, slot), buffer);
	}
	rx_expect_none(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_LENGTH_ERR),
			ARRAY_SIZE(lens));
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_BYTES), 0);
	rx_expect_alive(fake);
}

static void rx_hw_error_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	rx_write(fake, RX_LEN, SLUICE_RX_EOP | SLUICE_RX_HW_ERR);
	/* A bad frame is not judged by its length too. */
	rx_write(fake, 0, SLUICE_RX_EOP | SLUICE_RX_HW_ERR);
	fake_interrupt(fake);
	rx_expect_none(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_HW_ERR_DROP), 2);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_LENGTH_ERR), 0);
	rx_expect_alive(fake);
}

/* What the descriptor says of a good frame reaches the skb, and nothing else. */
static void rx_metadata_test(struct kunit *test)
{
	const u8 bad = SLUICE_RX_HW_ERR | SLUICE_RX_CHAIN_BAD;
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb;
	u32 flags, summed;

	for (flags = 0; flags <= U8_MAX; flags++) {
		struct fake_frame frame = {
			.data		= fake_data(test, RX_LEN),
			.bytes		= RX_LEN,
			.len		= RX_LEN,
			.vlan_tci	= 0x2000 | flags,
			.flags		= (flags | SLUICE_RX_EOP) & ~bad,
		};

		KUNIT_ASSERT_TRUE(test, fake_rx_write(fake->hw, &frame));
		fake_interrupt(fake);
		skb = skb_dequeue(&fake->received);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		summed = skb->ip_summed;
		KUNIT_EXPECT_EQ(test, summed, flags & SLUICE_RX_CSUM_OK ?
					      CHECKSUM_UNNECESSARY :
					      CHECKSUM_NONE);
		KUNIT_EXPECT_EQ(test, skb_vlan_tag_present(skb),
				!!(flags & SLUICE_RX_VLAN));
		if (flags & SLUICE_RX_VLAN)
			KUNIT_EXPECT_EQ(test, skb_vlan_tag_get(skb),
					frame.vlan_tci);
		KUNIT_EXPECT_EQ(test, skb_get_rx_queue(skb), 0);
		kfree_skb(skb);
	}
}

/* Frames of several buffers, the last one full, almost full and almost empty. */
static void rx_chain_test(struct kunit *test)
{
	static const s32 edges[] = { -SLUICE_RX_BUF_LEN + 1, -1, 0 };
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, RX_MOST_BYTES);
	u32 buffers, i, len, frames = 0;
	u64 bytes = 0;

	for (buffers = 2; buffers <= RX_MOST_BUFFERS; buffers++) {
		for (i = 0; i < ARRAY_SIZE(edges); i++) {
			len = buffers * SLUICE_RX_BUF_LEN + edges[i];
			fake_fill(data, len, len + i);
			rx_receive(fake, data, len);
			fake_interrupt(fake);
			rx_expect_frame(fake, data, len);
			bytes += len;
			frames++;
		}
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), frames);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_BYTES), bytes);
}

/* What the last descriptor of a chain says is said of the frame, and the stack
 * accounts for all the memory that it has been given.
 */
static void rx_chain_metadata_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, buffers = 3, summed;
	struct sk_buff *skb;

	for (i = 0; i < buffers; i++) {
		bool last = i == buffers - 1;
		struct fake_frame frame = {
			.data		= fake_data(test, RX_LEN),
			.bytes		= RX_LEN,
			.len		= RX_LEN,
			.vlan_tci	= last ? 0x2abc : 0,
			.flags		= last ? SLUICE_RX_EOP | SLUICE_RX_VLAN |
						 SLUICE_RX_CSUM_OK : 0,
		};

		KUNIT_ASSERT_TRUE(test, fake_rx_write(fake->hw, &frame));
	}
	fake_interrupt(fake);
	skb = skb_dequeue(&fake->received);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	summed = skb->ip_summed;
	KUNIT_EXPECT_EQ(test, summed, CHECKSUM_UNNECESSARY);
	KUNIT_EXPECT_TRUE(test, skb_vlan_tag_present(skb));
	KUNIT_EXPECT_EQ(test, skb_vlan_tag_get(skb), 0x2abc);
	KUNIT_EXPECT_GE(test, skb->truesize, buffers * PAGE_SIZE);
	kfree_skb(skb);
}

/* A chain may be cut by the end of a poll at any place. */
static void rx_chain_over_polls_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 len = 5 * SLUICE_RX_BUF_LEN - 1, budget, polls;
	u8 *data = fake_data(test, len);

	for (budget = 1; budget <= 6; budget++) {
		rx_receive(fake, data, len);
		rx_receive(fake, data, RX_LEN);
		for (polls = 0; fake_poll(fake, budget) == budget; polls++)
			;
		KUNIT_EXPECT_EQ(test, polls, 6 / budget);
		rx_expect_frame(fake, data, len);
		rx_expect_frame(fake, data, RX_LEN);
	}
}

struct rx_chain_lie {
	const char *name;
	u32 at;			/* which of three buffers lies */
	u16 len;
	u8 flags;
	enum sluice_rx_counter loss;
};

static const struct rx_chain_lie rx_chain_lies[] = {
	{ "first buffer empty", 0, 0, 0, SLUICE_RX_LENGTH_ERR },
	{ "first buffer shorter than a header", 0, ETH_HLEN - 1, 0,
	  SLUICE_RX_LENGTH_ERR },
	{ "first buffer too long", 0, SLUICE_RX_BUF_LEN + 1, 0,
	  SLUICE_RX_LENGTH_ERR },
	{ "first buffer bad", 0, RX_LEN, SLUICE_RX_HW_ERR, SLUICE_RX_HW_ERR_DROP },
	{ "first buffer one of too many", 0, RX_LEN, SLUICE_RX_CHAIN_BAD,
	  SLUICE_RX_CHAIN_ERR },
	{ "middle buffer empty", 1, 0, 0, SLUICE_RX_LENGTH_ERR },
	{ "middle buffer too long", 1, U16_MAX, 0, SLUICE_RX_LENGTH_ERR },
	{ "middle buffer bad", 1, RX_LEN, SLUICE_RX_HW_ERR,
	  SLUICE_RX_HW_ERR_DROP },
	{ "last buffer empty", 2, 0, 0, SLUICE_RX_LENGTH_ERR },
	{ "last buffer too long", 2, SLUICE_RX_BUF_LEN + 1, 0,
	  SLUICE_RX_LENGTH_ERR },
	{ "last buffer bad", 2, RX_LEN, SLUICE_RX_HW_ERR, SLUICE_RX_HW_ERR_DROP },
};

KUNIT_ARRAY_PARAM_DESC(rx_chain_lie, rx_chain_lies, name);

static void rx_chain_lie_test(struct kunit *test)
{
	const struct rx_chain_lie *lie = test->param_value;
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < 3; i++) {
		u8 eop = i == 2 ? SLUICE_RX_EOP : 0;

		if (i == lie->at)
			rx_write(fake, lie->len, lie->flags | eop);
		else
			rx_write(fake, RX_LEN, eop);
	}
	fake_interrupt(fake);
	rx_expect_none(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, lie->loss), 1);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 1);
	rx_expect_alive(fake);
}

/* One byte is a bad start of a frame, but a good rest. */
static void rx_chain_one_byte_rest_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, ETH_HLEN + 1);
	struct fake_frame start = { data, ETH_HLEN, ETH_HLEN };
	struct fake_frame rest = { data + ETH_HLEN, 1, 1, 0, SLUICE_RX_EOP };

	KUNIT_ASSERT_TRUE(test, fake_rx_write(fake->hw, &start));
	KUNIT_ASSERT_TRUE(test, fake_rx_write(fake->hw, &rest));
	fake_interrupt(fake);
	rx_expect_frame(fake, data, ETH_HLEN + 1);
}

/* A page of the emergency reserve, whichever of a frame's it is, marks the skb:
 * the stack gives it to those who free memory, and to nobody else. The mark is
 * that of set_page_pfmemalloc(), beside which the pool has its own.
 */
static void rx_chain_reserve_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 buffers = 3, len = buffers * SLUICE_RX_BUF_LEN, marked;
	u8 *data = fake_data(test, len);
	struct sk_buff *skb;

	for (marked = 0; marked <= buffers; marked++) {
		u32 slot = (fake->hw->rx_head + marked) & fake_rxq(fake)->mask;

		fake_rxq(fake)->page[slot]->pp_magic |= BIT(1);
		rx_receive(fake, data, len);
		fake_interrupt(fake);
		skb = skb_peek(&fake->received);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_EQ(test, skb_pfmemalloc(skb), marked < buffers);
		rx_expect_frame(fake, data, len);
		fake_rxq(fake)->page[slot]->pp_magic &= ~BIT(1);
	}
}

static void rx_chain_too_long_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < RX_MOST_BUFFERS; i++)
		rx_write(fake, SLUICE_RX_BUF_LEN, 0);
	rx_write(fake, RX_LEN, SLUICE_RX_EOP);
	fake_interrupt(fake);
	rx_expect_none(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_CHAIN_ERR), 1);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 1);
	rx_expect_alive(fake);
}

/* A chain that never ends holds neither the CPU nor memory without limit. */
static void rx_chain_endless_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, rounds = 4 * fake->hw->rx_size;

	for (i = 0; i < rounds; i++) {
		rx_write(fake, SLUICE_RX_BUF_LEN, 0);
		if (i % 16 == 15)
			fake_interrupt(fake);
	}
	KUNIT_EXPECT_EQ(test, fake_rxq(fake)->chain_len, RX_MOST_BUFFERS);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 0);
	rx_write(fake, RX_LEN, SLUICE_RX_EOP);
	fake_interrupt(fake);
	rx_expect_none(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_CHAIN_ERR), 1);
	rx_expect_alive(fake);
}

/* The NIC is closed in the middle of a frame; the pages must come home. */
static void rx_chain_closed_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 buffers, i;

	for (buffers = 1; buffers <= 3; buffers++) {
		for (i = 0; i < buffers; i++)
			rx_write(fake, RX_LEN, 0);
		fake_interrupt(fake);
		fake_close(fake);
		KUNIT_EXPECT_TRUE(test, hlist_empty(&fake->netdev->page_pools));
		fake_open(fake);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 0);
	rx_expect_alive(fake);
}

/* No page for the n-th of eight frames: that one is lost and no other. */
static void rx_alloc_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = { { "page_pool_alloc_pages", 0 } };
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_nic *fake = test->priv;
	u32 nth, i;

	for (nth = 1; nth <= 8; nth++) {
		u32 slot = (fake->hw->rx_head + nth - 1) % fake->hw->rx_size;
		void *buffer = fake_rx_posted(fake->hw, slot);

		for (i = 1; i <= 8; i++)
			rx_receive(fake, fake_data(test, RX_LEN + i), RX_LEN + i);
		fake_fault_arm(fault, nth);
		fake_interrupt(fake);
		fake_fault_arm(fault, 0);
		KUNIT_EXPECT_PTR_EQ(test, fake_rx_posted(fake->hw, slot), buffer);
		for (i = 1; i <= 8; i++)
			if (i != nth)
				rx_expect_frame(fake, fake_data(test, RX_LEN + i),
						RX_LEN + i);
		rx_expect_none(fake);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_ALLOC_FAIL), 8);
}

/* No page for the n-th buffer of a frame: all of it is lost, once. */
static void rx_chain_alloc_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = { { "page_pool_alloc_pages", 0 } };
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	u32 nth, buffers = 5, len = buffers * SLUICE_RX_BUF_LEN;
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, len);

	for (nth = 1; nth <= buffers; nth++) {
		rx_receive(fake, data, len);
		fake_fault_arm(fault, nth);
		fake_interrupt(fake);
		KUNIT_EXPECT_EQ(test, fault->failed, 1);
		fake_fault_arm(fault, 0);
		rx_expect_none(fake);
		KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_ALLOC_FAIL),
				nth);
	}
	rx_receive(fake, data, len);
	fake_interrupt(fake);
	rx_expect_frame(fake, data, len);
}

static void rx_skb_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = { { "napi_build_skb", 0 } };
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	u32 lens[] = { RX_LEN, 3 * SLUICE_RX_BUF_LEN }, i;
	struct fake_nic *fake = test->priv;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		rx_receive(fake, fake_data(test, lens[i]), lens[i]);
		fake_fault_arm(fault, 1);
		fake_interrupt(fake);
		KUNIT_EXPECT_EQ(test, fault->failed, 1);
		fake_fault_arm(fault, 0);
		rx_expect_none(fake);
		KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_SKB_FAIL),
				i + 1);
	}
	rx_expect_alive(fake);
}

/* The stack's frames are the stack's: nothing is received into them any more. */
static void rx_held_frame_test(struct kunit *test)
{
	u32 len = 3 * SLUICE_RX_BUF_LEN, i, rounds = 3 * FAKE_MAX_RING / 16;
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, len);
	struct sk_buff *held;
	u8 *noise;

	rx_receive(fake, data, len);
	fake_interrupt(fake);
	held = skb_dequeue(&fake->received);
	KUNIT_ASSERT_NOT_NULL(test, held);
	noise = kunit_kzalloc(test, SLUICE_RX_BUF_LEN, GFP_KERNEL);
	for (i = 0; noise && i < rounds; i++) {
		rx_receive(fake, noise, SLUICE_RX_BUF_LEN);
		fake_interrupt(fake);
		skb_queue_purge(&fake->received);
	}
	skb_queue_tail(&fake->received, held);
	rx_expect_frame(fake, data, len);
}

/* The device fills all it has before anybody looks. */
static void rx_full_ring_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 room = fake_rx_room(fake->hw), i;

	KUNIT_EXPECT_EQ(test, room, fake->hw->rx_size - 1);
	for (i = 0; i < room; i++)
		rx_receive(fake, fake_data(test, ETH_ZLEN + i), ETH_ZLEN + i);
	KUNIT_EXPECT_FALSE(test, fake_receive(fake->hw, fake_data(test, RX_LEN),
					      RX_LEN));
	fake_interrupt(fake);
	for (i = 0; i < room; i++)
		rx_expect_frame(fake, fake_data(test, ETH_ZLEN + i), ETH_ZLEN + i);
	rx_expect_alive(fake);
}

/* A device that writes back what is not its own: no slot is without a page. */
static void rx_stolen_slot_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, size = fake->hw->rx_size;

	for (i = 0; i < 3 * size; i++) {
		fake->hw->rx_tail = fake->hw->rx_head - 1;
		rx_write(fake, RX_LEN, SLUICE_RX_EOP);
		if (i % size == size - 1)
			fake_interrupt(fake);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 3 * size);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), 3 * size);
}

/* What the other tests rest on: the device's memory is not the driver's. */
static void rx_bounce_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 slot = fake->hw->rx_head;
	u8 *page = page_address(fake_rxq(fake)->page[slot]), *bounce;

	page += XDP_PACKET_HEADROOM;
	bounce = fake_rx_posted(fake->hw, slot);
	if (bounce == page)
		kunit_skip(test, "boot with swiotlb=force: a missing sync is not seen");
	memset(page, 0, RX_LEN);
	memset(bounce, 0xff, RX_LEN);
	KUNIT_EXPECT_EQ(test, page[0], 0);
	rx_receive(fake, fake_data(test, RX_LEN), RX_LEN);
	fake_interrupt(fake);
	KUNIT_EXPECT_EQ(test, page[0], 0xff);
	skb_queue_purge(&fake->received);
}

/* Data without a completion is not a frame, however often it is asked. */
static void rx_unsignalled_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 slot;

	for (slot = 0; slot < fake->hw->rx_size; slot++) {
		memset(fake_rx_posted(fake->hw, slot), slot, SLUICE_RX_BUF_LEN);
		fake->hw->cause = true;
		fake_interrupt(fake);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 0);
	rx_expect_alive(fake);
}

/* An interrupt, and no completion with it. */
static void rx_empty_interrupt_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u64 polls = fake_rx_count(fake, SLUICE_RX_POLLS);
	u64 foreign = fake->nic->irqs_foreign;

	fake->hw->cause = true;
	fake_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_POLLS), polls + 1);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 0);
	/* The line is shared: nobody's cause is not ours. */
	fake_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake->nic->irqs_foreign, foreign + 1);
	rx_expect_alive(fake);
}

static void rx_budget_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, enables = fake->hw->irq_enables;

	for (i = 0; i < 10; i++)
		rx_receive(fake, fake_data(test, RX_LEN), RX_LEN);
	KUNIT_EXPECT_EQ(test, fake_poll(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 0);
	KUNIT_EXPECT_EQ(test, fake_poll(fake, 4), 4);
	KUNIT_EXPECT_EQ(test, fake_poll(fake, 4), 4);
	KUNIT_EXPECT_EQ(test, fake->hw->irq_enables, enables);
	KUNIT_EXPECT_EQ(test, fake_poll(fake, 4), 2);
	KUNIT_EXPECT_EQ(test, fake->hw->irq_enables, enables + 1);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), 10);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->received), 10);
}

/* One doorbell a quarter ring; the device always has the rest. */
static void rx_doorbell_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 size = fake->hw->rx_size, i;

	for (i = 1; i <= 4 * size; i++) {
		rx_receive(fake, fake_data(test, RX_LEN), RX_LEN);
		fake_interrupt(fake);
		skb_queue_purge(&fake->received);
		KUNIT_ASSERT_GE(test, fake_rx_room(fake->hw), size - 1 - size / 4);
		if (i % (size / 4))
			continue;
		KUNIT_EXPECT_EQ(test, fake->hw->rx_kicks, i / (size / 4));
		KUNIT_EXPECT_EQ(test, fake->hw->rx_tail, (i - 1) % size);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_DOORBELLS),
			fake->hw->rx_kicks);
}

static struct kunit_case rx_cases[] = {
	KUNIT_CASE(rx_bounce_test),
	KUNIT_CASE_SLOW(rx_length_test),
	KUNIT_CASE(rx_impossible_length_test),
	KUNIT_CASE(rx_hw_error_test),
	KUNIT_CASE(rx_metadata_test),
	KUNIT_CASE(rx_chain_test),
	KUNIT_CASE(rx_chain_metadata_test),
	KUNIT_CASE(rx_chain_over_polls_test),
	KUNIT_CASE_PARAM(rx_chain_lie_test, rx_chain_lie_gen_params),
	KUNIT_CASE(rx_chain_one_byte_rest_test),
	KUNIT_CASE(rx_chain_reserve_test),
	KUNIT_CASE(rx_chain_too_long_test),
	KUNIT_CASE_SLOW(rx_chain_endless_test),
	KUNIT_CASE(rx_chain_closed_test),
	KUNIT_CASE(rx_alloc_fail_test),
	KUNIT_CASE(rx_chain_alloc_fail_test),
	KUNIT_CASE(rx_skb_fail_test),
	KUNIT_CASE_SLOW(rx_held_frame_test),
	KUNIT_CASE(rx_full_ring_test),
	KUNIT_CASE(rx_stolen_slot_test),
	KUNIT_CASE(rx_unsignalled_test),
	KUNIT_CASE(rx_empty_interrupt_test),
	KUNIT_CASE(rx_budget_test),
	KUNIT_CASE_SLOW(rx_doorbell_test),
	{}
};

static struct kunit_suite rx_suite = {
	.name		= "sluice_rx",
	.init		= fake_nic_init,
	.exit		= fake_nic_exit,
	.test_cases	= rx_cases,
};

kunit_test_suite(rx_suite);
