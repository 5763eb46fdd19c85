// SPDX-License-Identifier: GPL-2.0-only
/*
 * ethtool -t. Online: link and NVM. Offline also: registers, interrupt, and
 * frames of every kind of length through the PHY's loopback and the whole
 * datapath.
 */

#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include "core.h"

enum sluice_selftest_index {
	SLUICE_TEST_REGISTERS,
	SLUICE_TEST_NVM,
	SLUICE_TEST_IRQ,
	SLUICE_TEST_LOOPBACK,
	SLUICE_TEST_LINK,
	SLUICE_TESTS,
};

static const char * const sluice_test_names[] = {
	[SLUICE_TEST_REGISTERS]	= "registers  (offline)",
	[SLUICE_TEST_NVM]	= "NVM        (online)",
	[SLUICE_TEST_IRQ]	= "interrupt  (offline)",
	[SLUICE_TEST_LOOPBACK]	= "loopback   (offline)",
	[SLUICE_TEST_LINK]	= "link       (online)",
};

static_assert(ARRAY_SIZE(sluice_test_names) == SLUICE_TESTS);

#define SLUICE_LB_FRAMES	32
#define SLUICE_LB_ROUNDS	15	/* QEMU's e1000 is deaf for 1 s after up: */
#define SLUICE_LB_ROUND_MS	200	/* what is missing is sent again */
#define SLUICE_TEST_STEP_MS	20
#define SLUICE_LB_MAGIC		0x5c

/* The frames of one loopback test, and what came back of them. */
struct sluice_loopback {
	struct packet_type tap;
	unsigned long missing;
};

int sluice_selftest_count(void)
{
	return SLUICE_TESTS;
}

void sluice_selftest_strings(u8 **data)
{
	int i;

	for (i = 0; i < SLUICE_TESTS; i++)
		ethtool_puts(data, sluice_test_names[i]);
}

static u32 sluice_lb_len(u32 i)
{
	return ETH_ZLEN - ETH_HLEN + i * 45;	/* 46 to 1441 bytes of payload */
}

static int sluice_lb_receive(struct sk_buff *skb, struct net_device *netdev,
			     struct packet_type *tap, struct net_device *orig)
{
	struct sluice_loopback *lb = container_of(tap, struct sluice_loopback,
						  tap);
	u8 *data;

	if (skb_linearize(skb) || !skb->len)
		goto drop;
	data = skb->data;
	if (data[0] < SLUICE_LB_FRAMES && skb->len == sluice_lb_len(data[0]) &&
	    !memchr_inv(data + 1, SLUICE_LB_MAGIC, skb->len - 1))
		clear_bit(data[0], &lb->missing);
drop:
	kfree_skb(skb);
	return NET_RX_DROP;
}

static struct sk_buff *sluice_lb_frame(struct net_device *netdev, u32 i)
{
	u32 len = sluice_lb_len(i);
	struct sk_buff *skb = netdev_alloc_skb(netdev, ETH_HLEN + len);
	struct ethhdr *eth;

	if (!skb)
		return NULL;
	eth = skb_put(skb, ETH_HLEN);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	ether_addr_copy(eth->h_dest, netdev->dev_addr);
	ether_addr_copy(eth->h_source, netdev->dev_addr);
	eth->h_proto = htons(ETH_P_LOOPBACK);
	memset(skb_put(skb, len), SLUICE_LB_MAGIC, len);
	skb->data[ETH_HLEN] = i;
	skb->protocol = eth->h_proto;
	return skb;
}

/* Straight to the driver: a qdisc would ask for carrier and IFF_UP. */
static void sluice_lb_send(struct net_device *netdev, u32 i)
{
	struct netdev_queue *nq = netdev_get_tx_queue(netdev, 0);
	struct sk_buff *skb = sluice_lb_frame(netdev, i);

	if (!skb)
		return;
	skb_set_queue_mapping(skb, 0);
	local_bh_disable();
	__netif_tx_lock(nq, smp_processor_id());
	if (netif_xmit_frozen_or_drv_stopped(nq))
		kfree_skb(skb);
	else
		netdev_start_xmit(skb, netdev, nq, false);
	__netif_tx_unlock(nq);
	local_bh_enable();
}

static u64 sluice_lb_run(struct net_device *netdev)
{
	struct sluice_loopback lb = {
		.tap = {
			.type	= htons(ETH_P_LOOPBACK),
			.dev	= netdev,
			.func	= sluice_lb_receive,
		},
		.missing = GENMASK(SLUICE_LB_FRAMES - 1, 0),
	};
	u32 i, round;

	dev_add_pack(&lb.tap);
	for (round = 0; lb.missing && round < SLUICE_LB_ROUNDS; round++) {
		for_each_set_bit(i, &lb.missing, SLUICE_LB_FRAMES)
			sluice_lb_send(netdev, i);
		msleep(SLUICE_LB_ROUND_MS);
	}
	dev_remove_pack(&lb.tap);
	return hweight_long(lb.missing);
}

static u64 sluice_test_loopback(struct sluice_nic *nic)
{
	struct net_device *netdev = nic->netdev;
	struct bpf_prog *prog = nic->xdp_prog;
	u64 missing;

	if (nic->board->ops->loopback(nic, true))
		return SLUICE_LB_FRAMES;
	/* A program is asked about the wire's frames, not about ours. */
	WRITE_ONCE(nic->xdp_prog, NULL);
	missing = sluice_lb_run(netdev);
	WRITE_ONCE(nic->xdp_prog, prog);
	if (nic->board->ops->loopback(nic, netdev->features & NETIF_F_LOOPBACK))
		missing |= BIT(16);
	return missing;
}

static u64 sluice_test_irq(struct sluice_nic *nic)
{
	u64 before = READ_ONCE(nic->irqs);
	u32 waited;

	nic->board->ops->test_irq(nic);
	for (waited = 0; waited < 100; waited += SLUICE_TEST_STEP_MS) {
		if (READ_ONCE(nic->irqs) != before)
			return 0;
		msleep(SLUICE_TEST_STEP_MS);
	}
	return 1;
}

/* Registers are written at random: the device must be silent, and is reset
 * afterwards.
 */
static u64 sluice_test_registers(struct sluice_nic *nic)
{
	struct sluice_rings rings;
	u64 wrong;

	sluice_down(nic, &rings, true);
	wrong = nic->board->ops->test_regs(nic);
	return sluice_reset_and_up(nic, &rings) ? ~0ULL : wrong;
}

static u64 sluice_test_link(struct sluice_nic *nic)
{
	struct sluice_link link;

	nic->board->ops->link(nic, &link);
	return !link.up;
}

static void sluice_test_offline(struct sluice_nic *nic, u64 *result)
{
	struct net_device *netdev = nic->netdev;
	bool was_up = test_bit(SLUICE_UP, &nic->state);

	/* Failed unless they are run. */
	result[SLUICE_TEST_REGISTERS] = 1;
	result[SLUICE_TEST_IRQ] = 1;
	result[SLUICE_TEST_LOOPBACK] = 1;
	if (!was_up && sluice_open(netdev))
		return;
	result[SLUICE_TEST_REGISTERS] = sluice_test_registers(nic);
	/* It may not have come back from the reset. */
	if (!test_bit(SLUICE_UP, &nic->state))
		return;
	result[SLUICE_TEST_IRQ] = sluice_test_irq(nic);
	result[SLUICE_TEST_LOOPBACK] = sluice_test_loopback(nic);
	if (!was_up)
		sluice_stop(netdev);
}

void sluice_selftest(struct net_device *netdev, struct ethtool_test *test,
		     u64 *result)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	int i;

	memset(result, 0, sizeof(*result) * SLUICE_TESTS);
	/* Before loopback, which takes the link along. */
	result[SLUICE_TEST_LINK] = sluice_test_link(nic);
	result[SLUICE_TEST_NVM] = !!nic->board->ops->nvm_check(nic);
	if (test->flags & ETH_TEST_FL_OFFLINE)
		sluice_test_offline(nic, result);
	for (i = 0; i < SLUICE_TESTS; i++)
		if (result[i])
			test->flags |= ETH_TEST_FL_FAILED;
}
