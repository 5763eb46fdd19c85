// SPDX-License-Identifier: GPL-2.0-only
/* Transmit engine: pieces, offloads, failures on the way, stop and wake, hang. */

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/kthread.h>
#include <linux/tcp.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>
#include "fake_fault.h"
#include "fake_nic.h"

#define TX_LEN	100

static void tx_send(struct fake_nic *fake, struct sk_buff *skb)
{
	KUNIT_ASSERT_TRUE(fake->test, fake_transmit(fake, skb, false));
	fake_send_all(fake->hw);
	fake_interrupt(fake);
}

/* A frame after all that happened before is still sent. */
static void tx_expect_alive(struct fake_nic *fake)
{
	__skb_queue_purge(&fake->hw->wire);
	tx_send(fake, fake_skb(fake, TX_LEN));
	fake_expect_wire(fake, fake_data(fake->test, TX_LEN), TX_LEN);
	KUNIT_EXPECT_EQ(fake->test, sluice_txq_pending(fake_txq(fake)), 0);
	KUNIT_EXPECT_FALSE(fake->test, netif_queue_stopped(fake->netdev));
	fake_expect_bql_idle(fake);
}

/* Linear frames; short ones are padded with zeros. */
static void tx_length_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u8 *data = kunit_kzalloc(test, SZ_16K, GFP_KERNEL);
	u32 len, wire;

	KUNIT_ASSERT_NOT_NULL(test, data);
	for (len = ETH_HLEN; len <= SZ_16K; len += len < 2 * ETH_ZLEN ? 1 : 509) {
		wire = max(len, ETH_ZLEN);
		memset(data, 0, ETH_ZLEN);
		fake_fill(data, len, len);
		tx_send(fake, fake_skb(fake, len));
		fake_expect_wire(fake, data, wire);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_ACCEPTED),
			fake_tx_count(fake, SLUICE_TX_COMPLETED));
}

/* Send it, and compare with a copy taken before. */
static struct fake_sent tx_send_copied(struct fake_nic *fake, struct sk_buff *skb)
{
	u8 *copy = kunit_kmalloc(fake->test, skb->len, GFP_KERNEL);
	u32 len = skb->len;

	KUNIT_ASSERT_NOT_NULL(fake->test, copy);
	KUNIT_ASSERT_EQ(fake->test, skb_copy_bits(skb, 0, copy, len), 0);
	tx_send(fake, skb);
	return fake_expect_wire(fake, copy, len);
}

static void tx_frags_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct fake_sent sent;
	u32 frags, i;

	for (frags = 0; frags <= MAX_SKB_FRAGS; frags++) {
		struct sk_buff *skb = fake_skb(fake, TX_LEN);

		for (i = 0; i < frags; i++)
			fake_add_frag(fake, skb, i * 3, 1 + i * 191);
		sent = tx_send_copied(fake, skb);
		KUNIT_EXPECT_EQ(test, sent.pieces, frags + 1);
	}
	KUNIT_EXPECT_EQ(test, fake_txq(fake)->head, fake_txq(fake)->tail);
}

/* What is longer than a descriptor may carry is cut, and mapped once. */
static void tx_pieces_test(struct kunit *test)
{
	static const u32 lens[] = { 4095, 4096, 4097, 8192, 8193, 32768, 60000 };
	struct fake_nic *fake = test->priv;
	struct fake_sent sent;
	struct sk_buff *skb;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		sent = tx_send_copied(fake, fake_skb(fake, lens[i]));
		KUNIT_EXPECT_EQ(test, sent.pieces,
				DIV_ROUND_UP(lens[i], SLUICE_TX_PIECE_LEN));
		skb = fake_skb(fake, TX_LEN);
		fake_add_frag(fake, skb, 1, lens[i]);
		sent = tx_send_copied(fake, skb);
		KUNIT_EXPECT_EQ(test, sent.pieces, 1 +
				DIV_ROUND_UP(lens[i], SLUICE_TX_PIECE_LEN));
	}
}

static struct sk_buff *tx_csum_skb(struct fake_nic *fake, u32 len, u32 start,
				   u32 offset)
{
	struct sk_buff *skb = fake_skb(fake, len);

	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_headroom(skb) + start;
	skb->csum_offset = offset;
	return skb;
}

/* A context is sent when it differs from the last one, and only then. */
static void tx_csum_test(struct kunit *test)
{
	static const struct {
		u32 start, offset, descs;
	} steps[] = {
		{ 34, 16, 2 }, { 34, 16, 1 }, { 34, 6, 2 }, { 34, 16, 2 },
		{ 54, 16, 2 }, { 54, 16, 1 },
	};
	struct fake_nic *fake = test->priv;
	struct fake_sent sent;
	u32 i, tail;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		tail = fake_txq(fake)->tail;
		sent = tx_send_copied(fake, tx_csum_skb(fake, TX_LEN,
							steps[i].start,
							steps[i].offset));
		KUNIT_EXPECT_EQ(test, fake_txq(fake)->tail - tail, steps[i].descs);
		KUNIT_EXPECT_EQ(test, sent.offload.l3_off, ETH_HLEN);
		KUNIT_EXPECT_EQ(test, sent.offload.l4_off, steps[i].start);
		KUNIT_EXPECT_EQ(test, sent.offload.csum_off,
				steps[i].start + steps[i].offset);
		KUNIT_EXPECT_TRUE(test, sent.offload.flags & SLUICE_TX_CSUM);
		KUNIT_EXPECT_FALSE(test, sent.offload.flags & SLUICE_TX_TSO);
		KUNIT_EXPECT_EQ(test, !!(sent.offload.flags & SLUICE_TX_TCP),
				steps[i].offset == 16);
	}
}

static void tx_vlan_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	static const u16 tags[] = { 0, 1, 0x0fff, 0xffff };
	struct fake_sent sent;
	struct sk_buff *skb;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(tags); i++) {
		skb = fake_skb(fake, TX_LEN);
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), tags[i]);
		sent = tx_send_copied(fake, skb);
		KUNIT_EXPECT_EQ(test, sent.offload.vlan_tci, tags[i]);
		KUNIT_EXPECT_TRUE(test, sent.offload.flags & SLUICE_TX_VLAN);
	}
	sent = tx_send_copied(fake, fake_skb(fake, TX_LEN));
	KUNIT_EXPECT_FALSE(test, sent.offload.flags & SLUICE_TX_VLAN);
}

#define TX_MSS		1000
#define TX_SEGMENTS	7
#define TX_PAYLOAD	(TX_MSS * (TX_SEGMENTS - 1) + 1)

/* A TCP frame to be cut, headers in front and payload in a fragment. */
static struct sk_buff *tx_tso_skb(struct fake_nic *fake, u32 l3_len, u32 type)
{
	u32 headers = ETH_HLEN + l3_len + sizeof(struct tcphdr);
	struct sk_buff *skb = fake_skb(fake, headers);

	skb_set_transport_header(skb, ETH_HLEN + l3_len);
	tcp_hdr(skb)->doff = sizeof(struct tcphdr) / 4;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_headroom(skb) + ETH_HLEN + l3_len;
	skb->csum_offset = offsetof(struct tcphdr, check);
	fake_add_frag(fake, skb, 0, TX_PAYLOAD);
	skb_shinfo(skb)->gso_size = TX_MSS;
	skb_shinfo(skb)->gso_segs = TX_SEGMENTS;
	skb_shinfo(skb)->gso_type = type;
	return skb;
}

static void tx_expect_tso(struct fake_nic *fake, const struct fake_sent *sent,
			  u32 headers)
{
	struct kunit *test = fake->test;

	KUNIT_EXPECT_EQ(test, sent->offload.mss, TX_MSS);
	KUNIT_EXPECT_EQ(test, sent->offload.hdr_len, headers);
	KUNIT_EXPECT_EQ(test, sent->offload.paylen, TX_PAYLOAD);
	KUNIT_EXPECT_TRUE(test, sent->offload.flags & SLUICE_TX_TSO);
	KUNIT_EXPECT_TRUE(test, sent->offload.flags & SLUICE_TX_TCP);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 1);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_PACKETS), TX_SEGMENTS);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_BYTES),
			TX_PAYLOAD + TX_SEGMENTS * headers);
}

/* The sum that the device starts from covers all but the length. */
static void tx_tso4_test(struct kunit *test)
{
	u32 headers = ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr);
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb = tx_tso_skb(fake, sizeof(struct iphdr),
					 SKB_GSO_TCPV4);
	struct fake_sent sent;
	struct iphdr *ip;
	__sum16 sum;

	ip = ip_hdr(skb);
	ip->ihl = 5;
	sum = ~csum_tcpudp_magic(ip->saddr, ip->daddr, 0, IPPROTO_TCP, 0);
	tx_send(fake, skb);
	skb = __skb_dequeue(&fake->hw->wire);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	ip = (void *)(skb->data + ETH_HLEN);
	KUNIT_EXPECT_TRUE(test, !ip->tot_len && !ip->check);
	KUNIT_EXPECT_TRUE(test, ((struct tcphdr *)(ip + 1))->check == sum);
	sent = *fake_sent(skb);
	kfree_skb(skb);
	KUNIT_EXPECT_TRUE(test, sent.offload.flags & SLUICE_TX_IPV4);
	tx_expect_tso(fake, &sent, headers);
}

static void tx_tso6_test(struct kunit *test)
{
	u32 headers = ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr);
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb = tx_tso_skb(fake, sizeof(struct ipv6hdr),
					 SKB_GSO_TCPV6);
	struct fake_sent sent;
	struct ipv6hdr *ip;
	__sum16 sum;

	ip = ipv6_hdr(skb);
	sum = ~csum_ipv6_magic(&ip->saddr, &ip->daddr, 0, IPPROTO_TCP, 0);
	tx_send(fake, skb);
	skb = __skb_dequeue(&fake->hw->wire);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	ip = (void *)(skb->data + ETH_HLEN);
	KUNIT_EXPECT_TRUE(test, !ip->payload_len);
	KUNIT_EXPECT_TRUE(test, ((struct tcphdr *)(ip + 1))->check == sum);
	sent = *fake_sent(skb);
	kfree_skb(skb);
	KUNIT_EXPECT_FALSE(test, sent.offload.flags & SLUICE_TX_IPV4);
	tx_expect_tso(fake, &sent, headers);
}

static netdev_features_t tx_features(struct fake_nic *fake, struct sk_buff *skb)
{
	const struct net_device_ops *ops = fake->netdev->netdev_ops;
	netdev_features_t left = ops->ndo_features_check(skb, fake->netdev,
							 NETIF_F_HW_CSUM |
							 NETIF_F_TSO);

	kfree_skb(skb);
	return left;
}

/* What an offset cannot name is the stack's to do. */
static void tx_features_check_test(struct kunit *test)
{
	u32 most = FAKE_MAX_OFFSET, headers = ETH_HLEN + sizeof(struct tcphdr);
	netdev_features_t sum = NETIF_F_HW_CSUM, both = sum | NETIF_F_TSO;
	struct fake_nic *fake = test->priv;

	KUNIT_EXPECT_EQ(test, tx_features(fake, fake_skb(fake, 2 * most)), both);
	KUNIT_EXPECT_EQ(test, tx_features(fake, tx_csum_skb(fake, 2 * most,
							    most - 16, 16)), both);
	KUNIT_EXPECT_EQ(test, tx_features(fake, tx_csum_skb(fake, 2 * most,
							    most - 15, 16)), 0);
	KUNIT_EXPECT_EQ(test, tx_features(fake, tx_tso_skb(fake, most - headers,
							   SKB_GSO_TCPV4)), both);
	KUNIT_EXPECT_EQ(test, tx_features(fake, tx_tso_skb(fake, most + 1 - headers,
							   SKB_GSO_TCPV4)), sum);
}

/* The worst skb needs no more descriptors than the reserve: fragments that leave
 * one byte for a piece of its own, as long as there are bytes.
 */
static void tx_worst_test(struct kunit *test)
{
	u32 i, len, left = SZ_64K - 1 - TX_LEN;
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb = tx_csum_skb(fake, TX_LEN, 34, 16);

	for (i = 0; i < MAX_SKB_FRAGS; i++) {
		len = min(left - (MAX_SKB_FRAGS - 1 - i), SLUICE_TX_PIECE_LEN + 1);
		left -= len;
		fake_add_frag(fake, skb, 0, len);
	}
	tx_send_copied(fake, skb);
	KUNIT_EXPECT_LE(test, fake_txq(fake)->tail, SLUICE_TX_WORST);
}

static const struct fake_fault_at tx_map_fault[] = {
	{ "dma_map_page_attrs", DMA_MAPPING_ERROR },
};

static struct fake_fault *tx_map_fault_create(struct kunit *test)
{
	return fake_fault_create(test, tx_map_fault, ARRAY_SIZE(tx_map_fault));
}

/* A mapping fails at the n-th fragment: all before it are undone. */
static void tx_map_fail_test(struct kunit *test)
{
	struct fake_fault *fault = tx_map_fault_create(test);
	struct fake_nic *fake = test->priv;
	u32 nth, i, tail;

	for (nth = 1; nth <= MAX_SKB_FRAGS + 1; nth++) {
		struct sk_buff *skb = tx_csum_skb(fake, TX_LEN, 34, 16);

		for (i = 0; i < MAX_SKB_FRAGS; i++)
			fake_add_frag(fake, skb, 0, 200 + (i == 3) * 9000);
		tail = fake_txq(fake)->tail;
		fake_fault_arm(fault, nth);
		KUNIT_EXPECT_TRUE(test, fake_transmit(fake, skb, false));
		KUNIT_EXPECT_EQ(test, fault->failed, 1);
		fake_fault_arm(fault, 0);
		KUNIT_EXPECT_EQ(test, fake_txq(fake)->tail, tail);
		KUNIT_EXPECT_EQ(test, fake_tx_waiting(fake->hw), 0);
		KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_DMA_ERR), nth);
		/* The context went with it: the next frame brings its own. */
		tx_send_copied(fake, tx_csum_skb(fake, TX_LEN, 34, 16));
		KUNIT_EXPECT_EQ(test, fake_txq(fake)->tail, tail + 2);
	}
	tx_expect_alive(fake);
}

/* A device that takes physical addresses: nothing is mapped, so nothing can fail. */
static void tx_direct_test(struct kunit *test)
{
	struct fake_fault *fault = tx_map_fault_create(test);
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb = tx_csum_skb(fake, TX_LEN, 34, 16);
	u32 i;

	for (i = 0; i < MAX_SKB_FRAGS; i++)
		fake_add_frag(fake, skb, 0, 200 + (i == 3) * 9000);
	fake_txq(fake)->direct = true;
	fake_fault_arm(fault, 1);
	tx_send_copied(fake, skb);
	KUNIT_EXPECT_EQ(test, fault->failed, 0);
	fake_fault_arm(fault, 0);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_DMA_ERR), 0);
	fake_txq(fake)->direct = false;
	tx_expect_alive(fake);
}

/* xmit_more: one doorbell for all. */
static void tx_more_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, fake->hw->tx_kicks, 0);
		fake_transmit(fake, fake_skb(fake, TX_LEN + i), i < 9);
	}
	KUNIT_EXPECT_EQ(test, fake->hw->tx_kicks, 1);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_DOORBELLS), 1);
	KUNIT_EXPECT_EQ(test, fake_send(fake->hw, U32_MAX), 10);
	fake_interrupt(fake);
	for (i = 0; i < 10; i++)
		fake_expect_wire(fake, fake_data(test, TX_LEN + i), TX_LEN + i);
}

/* A frame waits for the doorbell of one behind it, and that one is lost. */
static void tx_more_map_fail_test(struct kunit *test)
{
	struct fake_fault *fault = tx_map_fault_create(test);
	struct fake_nic *fake = test->priv;
	u32 more;

	for (more = 0; more < 2; more++) {
		fake_transmit(fake, fake_skb(fake, TX_LEN), true);
		KUNIT_EXPECT_EQ(test, fake_tx_waiting(fake->hw), 0);
		fake_fault_arm(fault, 1);
		fake_transmit(fake, fake_skb(fake, TX_LEN), more);
		fake_fault_arm(fault, 0);
		KUNIT_EXPECT_EQ(test, fake_send(fake->hw, U32_MAX), 1);
		fake_interrupt(fake);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_DMA_ERR), 2);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 2);
}

static void tx_transmit_failing(struct fake_nic *fake, struct fake_fault *fault,
				struct sk_buff *skb)
{
	fake_fault_arm(fault, 1);
	fake_transmit(fake, skb, false);
	KUNIT_EXPECT_EQ(fake->test, fault->failed, 1);
	fake_fault_arm(fault, 0);
}

/* The frame that waited is sent, the one behind it is lost by name. */
static void tx_expect_last_lost(struct fake_nic *fake,
				enum sluice_tx_counter why)
{
	KUNIT_EXPECT_EQ(fake->test, fake_send(fake->hw, U32_MAX), 1);
	fake_interrupt(fake);
	KUNIT_EXPECT_EQ(fake->test, fake_tx_count(fake, why), 1);
	tx_expect_alive(fake);
}

/* The same, if there is no memory to make the headers private. */
static void tx_more_offload_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = {
		{ "pskb_expand_head", -ENOMEM },
	};
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb, *clone;

	fake_transmit(fake, fake_skb(fake, TX_LEN), true);
	skb = tx_tso_skb(fake, sizeof(struct iphdr), SKB_GSO_TCPV4);
	clone = skb_clone(skb, GFP_KERNEL);
	tx_transmit_failing(fake, fault, skb);
	kfree_skb(clone);
	tx_expect_last_lost(fake, SLUICE_TX_OFFLOAD_ERR);
}

/* The same, if there is no memory to pad. __skb_pad() frees the frame then; its
 * stand-in does not, so it is done here.
 */
static void tx_more_pad_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = { { "__skb_pad", -ENOMEM } };
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb = fake_skb(fake, ETH_HLEN);

	fake_transmit(fake, fake_skb(fake, TX_LEN), true);
	tx_transmit_failing(fake, fault, skb);
	kfree_skb(skb);
	tx_expect_last_lost(fake, SLUICE_TX_PAD_ERR);
}

/* The ring is cleaned in order, whatever the order in which frames are sent. */
static void tx_out_of_order_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 slot[3], i;

	for (i = 0; i < 3; i++)
		fake_transmit(fake, fake_skb(fake, TX_LEN + i), false);
	for (i = 0; i < 3; i++)
		slot[i] = fake_send_frame(fake->hw);
	for (i = 2; i > 0; i--) {
		fake_complete(fake->hw, slot[i]);
		fake_interrupt(fake);
		KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 0);
	}
	fake_complete(fake->hw, slot[0]);
	fake_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 3);
}

/* A request for one completion, as virtio's are, is spent when more than that one
 * has come until the driver looks again: the rest would wait for ever.
 */
static void tx_arm_spent_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	fake->hw->spends = 2;
	for (i = 0; i < 7; i++)
		KUNIT_ASSERT_TRUE(test, fake_transmit(fake, fake_skb(fake, TX_LEN),
						      i < 6));
	KUNIT_EXPECT_EQ(test, fake->hw->arms, 3);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 4);
	KUNIT_EXPECT_EQ(test, fake_send(fake->hw, U32_MAX), 3);
	for (i = 0; i < 7; i++)
		fake_expect_wire(fake, fake_data(test, TX_LEN), TX_LEN);
	tx_expect_alive(fake);
}

/* A device that has sent before the doorbell returns is never asked to tell. */
static void tx_eager_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, len;

	fake->hw->eager = true;
	for (i = 0; i < 2 * fake->hw->tx_size; i++) {
		len = TX_LEN + i;
		KUNIT_ASSERT_TRUE(test, fake_transmit(fake, fake_skb(fake, len),
						      i % 8 != 7));
	}
	for (i = 0; i < 2 * fake->hw->tx_size; i++) {
		len = TX_LEN + i;
		fake_expect_wire(fake, fake_data(test, len), len);
	}
	KUNIT_EXPECT_FALSE(test, fake->hw->tx_armed);
	KUNIT_EXPECT_EQ(test, fake->hw->tx_kicks, 2 * fake->hw->tx_size / 8);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
			2 * fake->hw->tx_size);
	fake->hw->eager = false;
	fake_transmit(fake, fake_skb(fake, TX_LEN), false);
	KUNIT_EXPECT_TRUE(test, fake->hw->tx_armed);
	tx_expect_alive(fake);
}

/* Endless xmit_more: the doorbell rings before the ring is stopped, so that
 * somebody will wake it.
 */
static void tx_more_stop_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 in, round;

	for (round = 1; round <= 3; round++) {
		for (in = 0; fake_transmit(fake, fake_skb(fake, TX_LEN), true); in++)
			;
		KUNIT_EXPECT_EQ(test, in, fake->hw->tx_size - SLUICE_TX_WORST);
		KUNIT_EXPECT_EQ(test, fake_tx_waiting(fake->hw), in);
		KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_STOPS), round);
		fake_send_all(fake->hw);
		fake_interrupt(fake);
		KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_WAKES), round);
	}
	tx_expect_alive(fake);
}

/* The device, on a CPU of its own. It interrupts for a reason only: the kernel switches off a line
 * of which 99,900 of 100,000 interrupts are nobody's.
 */
static int tx_race_device(void *data)
{
	struct fake_nic *fake = data;
	u32 burst = 0;

	while (!kthread_should_stop()) {
		if (fake_send(fake->hw, 1 + burst++ % 40))
			fake_interrupt(fake);
		cond_resched();
	}
	return 0;
}

static bool tx_wait_awake(struct fake_nic *fake)
{
	unsigned long deadline = jiffies + 20 * HZ;

	while (netif_queue_stopped(fake->netdev)) {
		if (time_after(jiffies, deadline))
			return false;
		cond_resched();
	}
	return true;
}

/* The smallest ring is stopped all the time, while it is being cleaned: no wake is
 * lost, and no frame.
 */
static void tx_race_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct task_struct *device;
	u32 i, frames = 2000;

	fake_close(fake);
	fake->nic->cfg.tx_size = SLUICE_RING_MIN;
	fake_open(fake);
	device = kthread_run(tx_race_device, fake, "tx_race_device");
	KUNIT_ASSERT_FALSE(test, IS_ERR(device));
	for (i = 0; i < frames && tx_wait_awake(fake); i++)
		fake_transmit(fake, fake_skb(fake, TX_LEN), i % 3 && i < frames - 1);
	kthread_stop(device);
	KUNIT_ASSERT_EQ_MSG(test, i, frames, "the queue was never woken");
	fake_send_all(fake->hw);
	fake_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), frames);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->hw->wire), frames);
	KUNIT_EXPECT_GT(test, fake_tx_count(fake, SLUICE_TX_STOPS), 0);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_WAKES),
			fake_tx_count(fake, SLUICE_TX_STOPS));
	tx_expect_alive(fake);
}

/* A device that has sent something is slow; one that has not hangs. */
static void tx_hang_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 in, resets = fake->hw->resets;

	for (in = 0; fake_transmit(fake, fake_skb(fake, TX_LEN), false); in++)
		;
	fake_send(fake->hw, 3);
	fake_timeout(fake);
	KUNIT_EXPECT_EQ(test, fake->hw->resets, resets);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 3);
	fake_timeout(fake);
	KUNIT_EXPECT_EQ(test, fake->hw->resets, resets + 1);
	KUNIT_EXPECT_EQ(test, fake->nic->resets, 1);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_TIMEOUTS), 2);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RESET_DROP), in - 3);
	fake_expect_ledger(fake);
	tx_expect_alive(fake);
}

/* Closed with frames in the ring: what was sent is completed, the rest is named. */
static void tx_close_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < 10; i++)
		fake_transmit(fake, fake_skb(fake, TX_LEN), i == 9);
	fake_transmit(fake, fake_skb(fake, TX_LEN), true);
	fake_send(fake->hw, 4);
	fake_close(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 4);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RESET_DROP), 7);
	fake_open(fake);
	tx_expect_alive(fake);
}

static struct kunit_case tx_cases[] = {
	KUNIT_CASE(tx_length_test),
	KUNIT_CASE(tx_frags_test),
	KUNIT_CASE(tx_pieces_test),
	KUNIT_CASE(tx_csum_test),
	KUNIT_CASE(tx_vlan_test),
	KUNIT_CASE(tx_tso4_test),
	KUNIT_CASE(tx_tso6_test),
	KUNIT_CASE(tx_features_check_test),
	KUNIT_CASE(tx_worst_test),
	KUNIT_CASE(tx_map_fail_test),
	KUNIT_CASE(tx_direct_test),
	KUNIT_CASE(tx_more_test),
	KUNIT_CASE(tx_more_map_fail_test),
	KUNIT_CASE(tx_more_offload_fail_test),
	KUNIT_CASE(tx_more_pad_fail_test),
	KUNIT_CASE(tx_out_of_order_test),
	KUNIT_CASE(tx_eager_test),
	KUNIT_CASE(tx_arm_spent_test),
	KUNIT_CASE(tx_more_stop_test),
	KUNIT_CASE_SLOW(tx_race_test),
	KUNIT_CASE(tx_hang_test),
	KUNIT_CASE(tx_close_test),
	{}
};

static struct kunit_suite tx_suite = {
	.name		= "sluice_tx",
	.init		= fake_nic_init,
	.exit		= fake_nic_exit,
	.test_cases	= tx_cases,
};

kunit_test_suite(tx_suite);
