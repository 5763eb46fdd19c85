// SPDX-License-Identifier: GPL-2.0-only
/* Doorbells that frames of the stack share: which wait for others, and who rings. */

#include <linux/interrupt.h>
#include <linux/rtnetlink.h>
#include "fake_fault.h"
#include "fake_nic.h"

#define AGGR_LEN	100
#define AGGR_ALONE	8	/* frames that go at once when a stream begins */
#define AGGR_FRAMES	32
#define AGGR_USECS	2000000	/* a test that is held up is not another test */
#define AGGR_WAIT	(20 * HZ)

/* The most bytes that BQL lets wait. */
static void aggr_limit(struct fake_nic *fake, u32 bytes)
{
	struct dql *dql = &netdev_get_tx_queue(fake->netdev, 0)->dql;

	dql->min_limit = bytes;
	dql->max_limit = bytes;
	dql->limit = bytes;
	dql->adj_limit = dql->num_completed + bytes;
}

/* The device sends at once, so that what is not sent has had no doorbell. */
static int aggr_init(struct kunit *test)
{
	struct fake_nic *fake;
	int err = fake_nic_init(test);

	if (err)
		return err;
	fake = test->priv;
	fake->hw->eager = true;
	aggr_limit(fake, SZ_1M);
	fake->nic->tx_aggr = (struct sluice_tx_aggr){
		.max_frames	= AGGR_FRAMES,
		.max_bytes	= SZ_64K,
		.time_usecs	= AGGR_USECS,
	};
	return 0;
}

static void aggr_send(struct fake_nic *fake, u32 frames)
{
	while (frames--)
		KUNIT_ASSERT_TRUE(fake->test,
				  fake_transmit(fake, fake_skb(fake, AGGR_LEN), false));
}

/* A stream has begun, and all of it is sent. */
static void aggr_begin(struct fake_nic *fake)
{
	aggr_send(fake, AGGR_ALONE);
	KUNIT_ASSERT_EQ(fake->test, fake->hw->tx_kicks, AGGR_ALONE);
	KUNIT_ASSERT_EQ(fake->test, fake_tx_count(fake, SLUICE_TX_HELD), 0);
}

static void aggr_expect_sent(struct fake_nic *fake, u32 kicks, u32 frames)
{
	KUNIT_EXPECT_EQ(fake->test, fake->hw->tx_kicks, kicks);
	KUNIT_EXPECT_EQ(fake->test, fake_tx_count(fake, SLUICE_TX_DOORBELLS), kicks);
	KUNIT_EXPECT_EQ(fake->test, fake_tx_count(fake, SLUICE_TX_COMPLETED), frames);
	KUNIT_EXPECT_EQ(fake->test, skb_queue_len(&fake->hw->wire), frames);
}

/* The first frames go at once, then one doorbell for as many as share one, in
 * order; the timer is started once and not once a doorbell.
 */
static void aggr_stream_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, all = AGGR_ALONE + 10 * AGGR_FRAMES;

	for (i = 0; i < all; i++)
		fake_transmit(fake, fake_skb(fake, AGGR_LEN + i), false);
	aggr_expect_sent(fake, AGGR_ALONE + 10, all);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_HELD),
			10 * (AGGR_FRAMES - 1));
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_TIMERS), 1);
	for (i = 0; i < all; i++)
		fake_expect_wire(fake, fake_data(test, AGGR_LEN + i), AGGR_LEN + i);
	fake_expect_bql_idle(fake);
}

/* Requests and responses: who may be waited for does not wait. */
static void aggr_answer_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, n = 5 * AGGR_ALONE;

	for (i = 0; i < n; i++) {
		fake_receive(fake->hw, fake_data(test, AGGR_LEN), AGGR_LEN);
		fake_interrupt(fake);
		aggr_send(fake, 1);
		KUNIT_ASSERT_EQ(test, fake->hw->tx_kicks, i + 1);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_TIMERS), 0);
}

/* An answer in the middle of a stream: it may be to the last frame. */
static void aggr_interrupted_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	aggr_begin(fake);
	aggr_send(fake, AGGR_FRAMES);
	fake_receive(fake->hw, fake_data(test, AGGR_LEN), AGGR_LEN);
	fake_interrupt(fake);
	aggr_send(fake, AGGR_ALONE);
	aggr_expect_sent(fake, 2 * AGGR_ALONE + 1, 2 * AGGR_ALONE + AGGR_FRAMES);
}

/* Frames now and then, and nothing comes: each is alone. */
static void aggr_lone_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i, n = 3 * AGGR_ALONE;

	fake->nic->tx_aggr.time_usecs = 4000;
	for (i = 0; i < n; i++) {
		aggr_send(fake, 1);
		usleep_range(1001, 2000);
	}
	aggr_expect_sent(fake, n, n);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_TIMERS), 0);
}

static void aggr_bytes_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	fake->nic->tx_aggr.max_bytes = 4 * AGGR_LEN - 1;
	aggr_begin(fake);
	aggr_send(fake, 3);
	aggr_expect_sent(fake, AGGR_ALONE, AGGR_ALONE);
	aggr_send(fake, 1 + 4 * 5);
	aggr_expect_sent(fake, AGGR_ALONE + 6, AGGR_ALONE + 4 * 6);
}

/* Each of the three switches it off. */
static void aggr_off_test(struct kunit *test)
{
	static const struct sluice_tx_aggr off[] = {
		{ 0, SZ_64K, AGGR_USECS }, { 1, SZ_64K, AGGR_USECS },
		{ AGGR_FRAMES, 0, AGGR_USECS }, { AGGR_FRAMES, SZ_64K, 0 },
	};
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(off); i++) {
		fake->nic->tx_aggr = off[i];
		aggr_send(fake, 3 * AGGR_ALONE);
		aggr_expect_sent(fake, 3 * AGGR_ALONE * (i + 1),
				 3 * AGGR_ALONE * (i + 1));
	}
}

/* No other frame comes: the timer rings, and its time is over only once. */
static void aggr_timer_test(struct kunit *test)
{
	unsigned long deadline = jiffies + AGGR_WAIT;
	struct fake_nic *fake = test->priv;

	fake->nic->tx_aggr.time_usecs = AGGR_USECS / 2;
	aggr_begin(fake);
	aggr_send(fake, 5);
	aggr_expect_sent(fake, AGGR_ALONE, AGGR_ALONE);
	while (fake_tx_count(fake, SLUICE_TX_COMPLETED) == AGGR_ALONE &&
	       time_before(jiffies, deadline))
		msleep(20);
	aggr_expect_sent(fake, AGGR_ALONE + 1, AGGR_ALONE + 5);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_TIMERS), 1);
	KUNIT_EXPECT_FALSE(test, hrtimer_is_queued(&fake->nic->vec[0]->tx_timer));
	/* After that long nobody is in a stream. */
	aggr_send(fake, AGGR_ALONE);
	aggr_expect_sent(fake, 2 * AGGR_ALONE + 1, 2 * AGGR_ALONE + 5);
}

/* A device that has not sent when the timer's doorbell returns is asked to tell. */
static void aggr_timer_arms_test(struct kunit *test)
{
	unsigned long deadline = jiffies + AGGR_WAIT;
	struct fake_nic *fake = test->priv;

	fake->nic->tx_aggr.time_usecs = AGGR_USECS / 2;
	aggr_begin(fake);
	fake->hw->eager = false;
	aggr_send(fake, 1);
	KUNIT_EXPECT_FALSE(test, fake->hw->tx_armed);
	while (!READ_ONCE(fake->hw->tx_armed) && time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_TRUE(test, fake->hw->tx_armed);
	KUNIT_EXPECT_EQ(test, fake_send(fake->hw, U32_MAX), 1);
	fake_interrupt(fake);
	aggr_expect_sent(fake, AGGR_ALONE + 1, AGGR_ALONE + 1);
}

/* While the timer runs nobody asks to be told, but who has stopped the queue. */
static void aggr_watched_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	aggr_begin(fake);
	fake->hw->eager = false;
	aggr_send(fake, AGGR_FRAMES);
	KUNIT_EXPECT_EQ(test, fake->hw->tx_kicks, AGGR_ALONE + 1);
	KUNIT_EXPECT_FALSE(test, fake->hw->tx_armed);
	aggr_limit(fake, AGGR_FRAMES * AGGR_LEN);
	aggr_send(fake, 1);
	KUNIT_EXPECT_EQ(test, fake->hw->tx_kicks, AGGR_ALONE + 2);
	KUNIT_EXPECT_TRUE(test, fake->hw->tx_armed);
	KUNIT_EXPECT_EQ(test, fake_send(fake->hw, U32_MAX), AGGR_FRAMES + 1);
	fake_interrupt(fake);
	aggr_expect_sent(fake, AGGR_ALONE + 2, AGGR_ALONE + AGGR_FRAMES + 1);
}

/* A device that looks by itself gets each frame as it comes, and the timer looks for
 * what it has sent.
 */
static void aggr_awake_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	aggr_begin(fake);
	fake->hw->awake = true;
	aggr_send(fake, 5);
	aggr_expect_sent(fake, AGGR_ALONE + 5, AGGR_ALONE + 5);
	KUNIT_EXPECT_TRUE(test, hrtimer_is_queued(&fake->nic->vec[0]->tx_timer));
	fake->hw->eager = false;
	aggr_send(fake, 1);
	KUNIT_EXPECT_FALSE(test, fake->hw->tx_armed);
	fake->hw->eager = true;
	fake->hw->awake = false;
	aggr_send(fake, 5);
	KUNIT_EXPECT_EQ(test, fake->hw->tx_kicks, AGGR_ALONE + 6);
}

/* Frames wait, and one that would have rung is lost. */
static void aggr_error_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = {
		{ "dma_map_page_attrs", DMA_MAPPING_ERROR },
	};
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_nic *fake = test->priv;
	u32 more;

	aggr_begin(fake);
	for (more = 0; more < 2; more++) {
		aggr_send(fake, 3);
		fake_fault_arm(fault, 1);
		fake_transmit(fake, fake_skb(fake, AGGR_LEN), more);
		fake_fault_arm(fault, 0);
		aggr_expect_sent(fake, AGGR_ALONE + 1 + more,
				 AGGR_ALONE + 3 * (1 + more));
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_DMA_ERR), 2);
}

/* Frames of xmit_more are counted with the others. */
static void aggr_more_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	aggr_begin(fake);
	for (i = 0; i < 2 * AGGR_FRAMES; i++)
		fake_transmit(fake, fake_skb(fake, AGGR_LEN), i % 8 != 7);
	aggr_expect_sent(fake, AGGR_ALONE + 2, AGGR_ALONE + 2 * AGGR_FRAMES);
}

/* BQL stops the queue before anybody else rings. */
static void aggr_bql_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct netdev_queue *nq = netdev_get_tx_queue(fake->netdev, 0);
	u32 i;

	aggr_begin(fake);
	aggr_limit(fake, 3 * AGGR_LEN);
	for (i = 0; i < 3 * 4; i++) {
		aggr_send(fake, 1);
		KUNIT_EXPECT_FALSE(test, netif_xmit_stopped(nq));
	}
	aggr_expect_sent(fake, AGGR_ALONE + 3, AGGR_ALONE + 3 * 4);
}

/* A ring without room for what shares a doorbell: it rings before it stops. */
static void aggr_stop_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 room;

	fake->nic->tx_aggr.max_frames = U32_MAX;
	fake->nic->tx_aggr.max_bytes = U32_MAX;
	room = fake->hw->tx_size - SLUICE_TX_WORST;
	aggr_begin(fake);
	aggr_send(fake, 3 * room);
	aggr_expect_sent(fake, AGGR_ALONE + 3, AGGR_ALONE + 3 * room);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_STOPS), 3);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_WAKES), 3);
}

/* Frames of ndo_xdp_xmit take those along that wait. */
static void aggr_xdp_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct xdp_frame *xdpf = (void *)get_zeroed_page(GFP_KERNEL);
	int sent;

	KUNIT_ASSERT_NOT_NULL(test, xdpf);
	xdpf->data = (void *)xdpf + XDP_PACKET_HEADROOM;
	xdpf->len = AGGR_LEN;
	xdpf->mem.type = MEM_TYPE_PAGE_SHARED;
	xdpf->frame_sz = PAGE_SIZE;
	aggr_begin(fake);
	aggr_send(fake, 5);
	aggr_expect_sent(fake, AGGR_ALONE, AGGR_ALONE);
	local_bh_disable();
	sent = fake->netdev->netdev_ops->ndo_xdp_xmit(fake->netdev, 1, &xdpf,
						      XDP_XMIT_FLUSH);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, sent, 1);
	aggr_expect_sent(fake, AGGR_ALONE + 1, AGGR_ALONE + 6);
}

/* Frames wait while the ring is closed: all are sent, and no timer is left. */
static void aggr_close_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	aggr_begin(fake);
	aggr_send(fake, 5);
	aggr_expect_sent(fake, AGGR_ALONE, AGGR_ALONE);
	KUNIT_EXPECT_TRUE(test, hrtimer_active(&fake->nic->vec[0]->tx_timer));
	fake_close(fake);
	aggr_expect_sent(fake, AGGR_ALONE + 1, AGGR_ALONE + 5);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RESET_DROP), 0);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&fake->nic->vec[0]->tx_timer));
}

/* The stack's watchdog finds a hang while frames wait: they are lost by name. */
static void aggr_hang_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	aggr_begin(fake);
	fake->hw->eager = false;
	aggr_send(fake, 5);
	fake_timeout(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RESET_DROP), 5);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&fake->nic->vec[0]->tx_timer));
	fake->hw->eager = true;
	aggr_send(fake, 1);
	aggr_expect_sent(fake, AGGR_ALONE + 2, AGGR_ALONE + 1);
}

static void aggr_transmit_raw(struct fake_nic *fake, struct sk_buff *skb)
{
	struct netdev_queue *nq = netdev_get_tx_queue(fake->netdev, 0);

	__netif_tx_lock(nq, smp_processor_id());
	netdev_start_xmit(skb, fake->netdev, nq, false);
	__netif_tx_unlock(nq);
}

/* Netpoll's frames, the last ones of a kernel that dies. */
static void aggr_netpoll_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	unsigned long flags;
	u32 i;

	aggr_begin(fake);
	aggr_send(fake, 5);
	for (i = 0; i < 3; i++) {
		struct sk_buff *skb = fake_skb(fake, AGGR_LEN);

		local_irq_save(flags);
		aggr_transmit_raw(fake, skb);
		local_irq_restore(flags);
		aggr_expect_sent(fake, AGGR_ALONE + 1 + i, AGGR_ALONE + 6 + i);
	}
}

/**
 * struct aggr_softirq - a frame that a softirq sends
 * @tasklet: the softirq
 * @fake: the NIC
 * @skb: the frame
 */
struct aggr_softirq {
	struct tasklet_struct tasklet;
	struct fake_nic *fake;
	struct sk_buff *skb;
};

static void aggr_softirq(struct tasklet_struct *tasklet)
{
	struct aggr_softirq *s = container_of(tasklet, struct aggr_softirq,
					      tasklet);

	aggr_transmit_raw(s->fake, s->skb);
}

/* What NAPI or a timer sends is an answer, or due. */
static void aggr_softirq_test(struct kunit *test)
{
	struct aggr_softirq s = { .fake = test->priv };

	tasklet_setup(&s.tasklet, aggr_softirq);
	aggr_begin(s.fake);
	aggr_send(s.fake, 5);
	s.skb = fake_skb(s.fake, AGGR_LEN);
	tasklet_schedule(&s.tasklet);
	tasklet_kill(&s.tasklet);
	aggr_expect_sent(s.fake, AGGR_ALONE + 1, AGGR_ALONE + 6);
}

/* The time that a frame is stamped with shall be that of sending. */
static void aggr_stamp_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb = fake_skb(fake, AGGR_LEN);

	skb_shinfo(skb)->tx_flags |= SKBTX_SW_TSTAMP;
	aggr_begin(fake);
	aggr_send(fake, 5);
	fake_transmit(fake, skb, false);
	aggr_expect_sent(fake, AGGR_ALONE + 1, AGGR_ALONE + 6);
}

static int aggr_set(struct fake_nic *fake, u32 frames, u32 bytes, u32 usecs)
{
	const struct ethtool_ops *ops = fake->netdev->ethtool_ops;
	struct kernel_ethtool_coalesce kernel_ec = {
		.tx_aggr_max_frames	= frames,
		.tx_aggr_max_bytes	= bytes,
		.tx_aggr_time_usecs	= usecs,
	};
	struct netlink_ext_ack extack = {};
	struct ethtool_coalesce ec = {};
	int err;

	rtnl_lock();
	err = ops->set_coalesce(fake->netdev, &ec, &kernel_ec, &extack);
	rtnl_unlock();
	KUNIT_EXPECT_EQ_MSG(fake->test, !!err, !!extack._msg,
			    "a refusal is explained, and nothing else is");
	return err;
}

static void aggr_expect_set(struct fake_nic *fake, u32 frames, u32 bytes,
			    u32 usecs)
{
	const struct ethtool_ops *ops = fake->netdev->ethtool_ops;
	struct kernel_ethtool_coalesce kernel_ec = {};
	struct ethtool_coalesce ec = {};

	KUNIT_EXPECT_EQ(fake->test, 0, ops->get_coalesce(fake->netdev, &ec,
							 &kernel_ec, NULL));
	KUNIT_EXPECT_EQ(fake->test, kernel_ec.tx_aggr_max_frames, frames);
	KUNIT_EXPECT_EQ(fake->test, kernel_ec.tx_aggr_max_bytes, bytes);
	KUNIT_EXPECT_EQ(fake->test, kernel_ec.tx_aggr_time_usecs, usecs);
}

/* ethtool -C tx-aggr-*: in force at once, kept over down and up, or refused. */
static void aggr_settings_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	KUNIT_EXPECT_EQ(test, aggr_set(fake, 4, 5000, 100000), 0);
	aggr_expect_set(fake, 4, 5000, 100000);
	KUNIT_EXPECT_EQ(test, aggr_set(fake, 7, 7000, 100001), -EINVAL);
	aggr_expect_set(fake, 4, 5000, 100000);
	fake_close(fake);
	fake_open(fake);
	aggr_expect_set(fake, 4, 5000, 100000);
	KUNIT_EXPECT_EQ(test, aggr_set(fake, 0, 0, 0), 0);
	aggr_expect_set(fake, 0, 0, 0);
	aggr_send(fake, 3 * AGGR_ALONE);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_HELD), 0);
}

static struct kunit_case aggr_cases[] = {
	KUNIT_CASE(aggr_stream_test),
	KUNIT_CASE(aggr_answer_test),
	KUNIT_CASE(aggr_interrupted_test),
	KUNIT_CASE(aggr_lone_test),
	KUNIT_CASE(aggr_bytes_test),
	KUNIT_CASE(aggr_off_test),
	KUNIT_CASE_SLOW(aggr_timer_test),
	KUNIT_CASE_SLOW(aggr_timer_arms_test),
	KUNIT_CASE(aggr_watched_test),
	KUNIT_CASE(aggr_awake_test),
	KUNIT_CASE(aggr_error_test),
	KUNIT_CASE(aggr_more_test),
	KUNIT_CASE(aggr_bql_test),
	KUNIT_CASE(aggr_stop_test),
	KUNIT_CASE(aggr_xdp_test),
	KUNIT_CASE(aggr_close_test),
	KUNIT_CASE(aggr_hang_test),
	KUNIT_CASE(aggr_netpoll_test),
	KUNIT_CASE(aggr_softirq_test),
	KUNIT_CASE(aggr_stamp_test),
	KUNIT_CASE(aggr_settings_test),
	{}
};

static struct kunit_suite aggr_suite = {
	.name		= "sluice_tx_aggr",
	.init		= aggr_init,
	.exit		= fake_nic_exit,
	.test_cases	= aggr_cases,
};

kunit_test_suite(aggr_suite);
