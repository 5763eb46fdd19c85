// SPDX-License-Identifier: GPL-2.0-only
/* Life of a test's NIC, the stack's side of it, and what every test ends with. */

#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/irq.h>
#include <linux/rtnetlink.h>
#include "fake_nic.h"

#define FAKE_ETHERTYPE	ETH_P_802_EX1	/* for experiments: no protocol, no GRO */
#define FAKE_POOL_WAIT	(10 * HZ)

/* Bytes that differ from their neighbours and from frame to frame. */
void fake_fill(void *data, u32 len, u8 seed)
{
	u8 *byte = data;
	u32 i;

	for (i = 0; i < len; i++)
		byte[i] = seed + i * 7 + (i >> 8);
	if (len < ETH_HLEN)
		return;
	eth_broadcast_addr(data);
	put_unaligned_be16(FAKE_ETHERTYPE, data + 2 * ETH_ALEN);
}

/* Where the bytes of a frame differ first; its length if they do not. */
static u32 fake_first_difference(const struct sk_buff *skb, const u8 *data)
{
	u8 chunk[64];
	u32 i, j, n;

	for (i = 0; i < skb->len; i += n) {
		n = min_t(u32, skb->len - i, sizeof(chunk));
		if (skb_copy_bits(skb, i, chunk, n))
			return i;
		for (j = 0; j < n; j++)
			if (chunk[j] != data[i + j])
				return i + j;
	}
	return i;
}

/**
 * fake_take_bytes() - compare a frame, and say no more than where it differs
 * @fake: the NIC
 * @skb: the frame, wherever its bytes are; freed
 * @data: what it should be
 * @len: how long it should be
 *
 * The test ends at a difference: the next thousand frames will not be better.
 */
void fake_take_bytes(struct fake_nic *fake, struct sk_buff *skb,
		     const void *data, u32 len)
{
	u32 got = skb->len, same;

	same = got == len ? fake_first_difference(skb, data) : 0;
	kfree_skb(skb);
	KUNIT_ASSERT_EQ(fake->test, got, len);
	KUNIT_ASSERT_EQ_MSG(fake->test, same, len,
			    "the bytes differ from here on");
}

/* The bytes of fake_skb(), and good for a received frame too. */
u8 *fake_data(struct kunit *test, u32 len)
{
	u8 *data = kunit_kmalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, data);
	fake_fill(data, len, len);
	return data;
}

/**
 * fake_expect_wire() - the next frame that the device has sent has these bytes
 * @fake: the NIC
 * @data: the bytes
 * @len: how many
 * Return: what else the device was told.
 */
struct fake_sent fake_expect_wire(struct fake_nic *fake, const void *data,
				  u32 len)
{
	struct sk_buff *skb = __skb_dequeue(&fake->hw->wire);
	struct fake_sent sent;

	KUNIT_ASSERT_NOT_NULL_MSG(fake->test, skb, "%u bytes were not sent", len);
	sent = *fake_sent(skb);
	fake_take_bytes(fake, skb, data, len);
	KUNIT_EXPECT_TRUE_MSG(fake->test, sent.offload.flags & SLUICE_TX_LAST,
			      "its end was not marked");
	return sent;
}

u64 fake_rx_count(struct fake_nic *fake, enum sluice_rx_counter which)
{
	return u64_stats_read(&fake->nic->vec[0]->rx_stats.count[which]);
}

u64 fake_tx_count(struct fake_nic *fake, enum sluice_tx_counter which)
{
	return u64_stats_read(&fake->nic->vec[0]->tx_stats.count[which]);
}

static u64 fake_in_flight(struct fake_nic *fake)
{
	struct sluice_txq *q = fake_txq(fake);
	u64 frames = 0;
	u32 i;

	for (i = q ? q->head : 0; q && i != q->tail;
	     i += sluice_tx_slot(q, i)->descs)
		frames++;
	return frames;
}

/* The two equations of Documentation/counters.rst. */
void fake_expect_ledger(struct fake_nic *fake)
{
	u64 rx = 0, tx = fake_in_flight(fake);
	u32 i;

	for (i = SLUICE_RX_PASSED; i <= SLUICE_RX_RESET_DROP; i++)
		rx += fake_rx_count(fake, i);
	KUNIT_EXPECT_EQ_MSG(fake->test, fake_rx_count(fake, SLUICE_RX_FRAMES), rx,
			    "a received frame has no fate, or two");
	tx += fake_tx_count(fake, SLUICE_TX_COMPLETED);
	for (i = SLUICE_TX_DMA_ERR; i <= SLUICE_TX_RESET_DROP; i++)
		tx += fake_tx_count(fake, i);
	KUNIT_EXPECT_EQ_MSG(fake->test, tx,
			    fake_tx_count(fake, SLUICE_TX_ACCEPTED) +
			    fake_tx_count(fake, SLUICE_TX_XDP_ACCEPTED),
			    "a sent frame has no fate, or two");
}

/* BQL was told of the end of all that it was told of. */
void fake_expect_bql_idle(struct fake_nic *fake)
{
	const struct dql *dql = &netdev_get_tx_queue(fake->netdev, 0)->dql;

	KUNIT_EXPECT_EQ(fake->test, dql->num_queued, dql->num_completed);
}

static rx_handler_result_t fake_take_skb(struct sk_buff **pskb)
{
	struct sk_buff *skb = skb_share_check(*pskb, GFP_ATOMIC);
	struct fake_nic *fake;

	*pskb = skb;
	if (!skb)
		return RX_HANDLER_CONSUMED;
	fake = rcu_dereference(skb->dev->rx_handler_data);
	skb_queue_tail(&fake->received, skb);
	return RX_HANDLER_CONSUMED;
}

void fake_open(struct fake_nic *fake)
{
	int err;

	rtnl_lock();
	err = dev_open(fake->netdev, NULL);
	rtnl_unlock();
	KUNIT_ASSERT_EQ(fake->test, err, 0);
}

void fake_close(struct fake_nic *fake)
{
	rtnl_lock();
	dev_close(fake->netdev);
	rtnl_unlock();
}

int fake_set_mtu(struct fake_nic *fake, int mtu)
{
	int err;

	rtnl_lock();
	err = dev_set_mtu(fake->netdev, mtu);
	rtnl_unlock();
	return err;
}

/* Raise the interrupt; NAPI has run when this returns. */
void fake_interrupt(struct fake_nic *fake)
{
	local_bh_disable();
	generic_handle_irq_safe(fake->pci.irq);
	local_bh_enable();
	napi_synchronize(&fake->nic->vec[0]->napi);
}

/**
 * fake_poll() - one poll with a budget of the test's own
 * @fake: the NIC
 * @budget: the budget; 0 as netpoll does
 * Return: what the poll returned, -EBUSY if NAPI was at work.
 */
int fake_poll(struct fake_nic *fake, int budget)
{
	struct napi_struct *napi = &fake->nic->vec[0]->napi;
	struct bpf_net_context storage, *context;
	int done = -EBUSY;

	local_bh_disable();
	context = bpf_net_ctx_set(&storage);
	if (napi_schedule_prep(napi)) {
		done = fake->nic->engine->poll(napi, budget);
		if (done == budget)
			napi_complete(napi);
	}
	bpf_net_ctx_clear(context);
	local_bh_enable();
	return done;
}

/**
 * fake_timeout() - the kernel's watchdog finds the queue stopped for too long
 * @fake: the NIC
 *
 * Returns when the reset has ended that may follow.
 */
void fake_timeout(struct fake_nic *fake)
{
	local_bh_disable();
	fake->netdev->netdev_ops->ndo_tx_timeout(fake->netdev, 0);
	local_bh_enable();
	flush_delayed_work(&fake->nic->health.work);
}

/* A frame behind so many bytes, which are not zero. */
struct sk_buff *fake_skb_behind(struct fake_nic *fake, u32 room, u32 len)
{
	struct sk_buff *skb = alloc_skb(room + max(len, ETH_ZLEN), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fake->test, skb);
	memset(skb->data, FAKE_HEADROOM, room);
	skb_reserve(skb, room);
	skb->dev = fake->netdev;
	fake_fill(skb_put(skb, len), len, len);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb->protocol = htons(FAKE_ETHERTYPE);
	return skb;
}

/* With as much headroom as the stack leaves. */
struct sk_buff *fake_skb(struct fake_nic *fake, u32 len)
{
	return fake_skb_behind(fake, LL_RESERVED_SPACE(fake->netdev) - ETH_HLEN,
			       len);
}

/* Append a fragment with bytes of its own. */
void fake_add_frag(struct fake_nic *fake, struct sk_buff *skb, u32 offset,
		   u32 len)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP,
					get_order(offset + len));

	KUNIT_ASSERT_NOT_NULL(fake->test, page);
	get_random_bytes(page_address(page) + offset, len);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, offset, len, len);
}

/**
 * fake_transmit() - ndo_start_xmit as the stack calls it
 * @fake: the NIC
 * @skb: the frame; given up in any case
 * @more: xmit_more
 * Return: whether the queue let it in.
 */
bool fake_transmit(struct fake_nic *fake, struct sk_buff *skb, bool more)
{
	struct netdev_queue *nq = netdev_get_tx_queue(fake->netdev, 0);
	bool in;

	local_bh_disable();
	__netif_tx_lock(nq, smp_processor_id());
	in = !netif_xmit_frozen_or_drv_stopped(nq);
	if (in)
		netdev_start_xmit(skb, fake->netdev, nq, more);
	__netif_tx_unlock(nq);
	local_bh_enable();
	if (!in)
		kfree_skb(skb);
	return in;
}

static void fake_expect_no_pool(struct fake_nic *fake)
{
	unsigned long deadline = jiffies + FAKE_POOL_WAIT;

	while (!hlist_empty(&fake->netdev->page_pools) &&
	       time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_TRUE_MSG(fake->test, hlist_empty(&fake->netdev->page_pools),
			      "pages of the NIC are still held by somebody");
}

static void fake_nic_destroy(void *data)
{
	struct fake_nic *fake = data;

	fake_close(fake);
	skb_queue_purge(&fake->received);
	fake_expect_no_pool(fake);
	rtnl_lock();
	netdev_rx_handler_unregister(fake->netdev);
	rtnl_unlock();
	fake_pci_remove(&fake->pci);
}

/**
 * fake_nic_plug() - plug a NIC in
 * @test: it goes when this ends
 * @board: what it is
 * @model: for the probe of that
 * Return: the NIC, closed.
 */
struct fake_nic *fake_nic_plug(struct kunit *test,
			       const struct sluice_board *board,
			       const void *model)
{
	struct fake_nic *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->test = test;
	skb_queue_head_init(&fake->received);
	fake->pci.board = board;
	fake->pci.model = model;
	KUNIT_ASSERT_EQ(test, fake_pci_add(&fake->pci), 0);
	fake->nic = pci_get_drvdata(fake->pci.dev);
	if (!fake->nic)
		fake_pci_remove(&fake->pci);
	KUNIT_ASSERT_NOT_NULL_MSG(test, fake->nic, "probe has failed");
	fake->netdev = fake->nic->netdev;
	/* A doorbell for each frame, unless a test is about that. */
	fake->nic->tx_aggr = (struct sluice_tx_aggr){};
	err = kunit_add_action_or_reset(test, fake_nic_destroy, fake);
	KUNIT_ASSERT_EQ(test, err, 0);
	rtnl_lock();
	err = netdev_rx_handler_register(fake->netdev, fake_take_skb, fake);
	rtnl_unlock();
	KUNIT_ASSERT_EQ(test, err, 0);
	return fake;
}

/* The NIC of fake_board, closed. */
struct fake_nic *fake_nic_create(struct kunit *test)
{
	struct fake_nic *fake = fake_nic_plug(test, &fake_board, NULL);

	fake->hw = fake_hw(fake->nic);
	return fake;
}

/* A suite's init: an open NIC in test->priv. */
int fake_nic_init(struct kunit *test)
{
	struct fake_nic *fake = fake_nic_create(test);

	test->priv = fake;
	fake_open(fake);
	return 0;
}

/* A suite's exit: no frame is without a name, with and without rings. */
void fake_nic_exit(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	if (!fake)
		return;
	fake_expect_ledger(fake);
	fake_close(fake);
	fake_expect_ledger(fake);
}
