// SPDX-License-Identifier: GPL-2.0-only
/* Receive engine: lengths, chains, errors, short memory, a device that lies. */

#include <linux/etherdevice.h>
#include "fake_nic.h"

/* The next frame the stack got has these bytes. */
static void rx_expect_frame(struct fake_nic *fake, const void *data, u32 len)
{
	struct sk_buff *skb = skb_dequeue(&fake->received);
	u8 *got;

	KUNIT_ASSERT_NOT_NULL_MSG(fake->test, skb, "%u bytes did not arrive", len);
	skb_push(skb, ETH_HLEN);
	KUNIT_EXPECT_EQ(fake->test, skb->len, len);
	got = kunit_kmalloc(fake->test, skb->len, GFP_KERNEL);
	if (got && !skb_copy_bits(skb, 0, got, skb->len) && skb->len == len)
		KUNIT_EXPECT_MEMEQ(fake->test, got, data, len);
	kunit_kfree(fake->test, got);
	kfree_skb(skb);
}

static void rx_length_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u8 *data = kunit_kmalloc(test, SLUICE_RX_BUF_LEN, GFP_KERNEL);
	u32 len;

	KUNIT_ASSERT_NOT_NULL(test, data);
	for (len = ETH_HLEN; len <= SLUICE_RX_BUF_LEN; len++) {
		fake_fill(data, len, len);
		KUNIT_ASSERT_TRUE(test, fake_receive(fake->hw, data, len));
		fake_interrupt(fake);
		rx_expect_frame(fake, data, len);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED),
			SLUICE_RX_BUF_LEN - ETH_HLEN + 1);
}

static struct kunit_case rx_cases[] = {
	KUNIT_CASE_SLOW(rx_length_test),
	{}
};

static struct kunit_suite rx_suite = {
	.name		= "sluice_rx",
	.init		= fake_nic_init,
	.exit		= fake_nic_exit,
	.test_cases	= rx_cases,
};

kunit_test_suite(rx_suite);
