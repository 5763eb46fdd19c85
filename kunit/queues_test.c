// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings and the life of a device: resize, every allocation that can fail, down and
 * up, reset, suspend, PCI errors.
 */

#include <linux/delay.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include "fake_fault.h"
#include "fake_nic.h"

#define QUEUES_LEN	100
#define QUEUES_SIZE	256	/* as probe sets it */

/* A frame in, a frame out. */
static void queues_expect_alive(struct fake_nic *fake)
{
	struct kunit *test = fake->test;
	u8 *data = fake_data(test, QUEUES_LEN);

	skb_queue_purge(&fake->received);
	__skb_queue_purge(&fake->hw->wire);
	KUNIT_ASSERT_TRUE(test, fake_receive(fake->hw, data, QUEUES_LEN));
	KUNIT_ASSERT_TRUE(test, fake_transmit(fake, fake_skb(fake, QUEUES_LEN),
					      false));
	fake_send_all(fake->hw);
	fake_interrupt(fake);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->received), 1);
	fake_expect_wire(fake, data, QUEUES_LEN);
	KUNIT_EXPECT_EQ(test, sluice_txq_pending(fake_txq(fake)), 0);
	fake_expect_bql_idle(fake);
	skb_queue_purge(&fake->received);
}

/* The device is silent and cannot reach memory. */
static void queues_expect_silent(struct fake_nic *fake)
{
	struct kunit *test = fake->test;

	KUNIT_EXPECT_FALSE(test, fake->hw->receiving);
	KUNIT_EXPECT_FALSE(test, fake->hw->sending);
	KUNIT_EXPECT_FALSE(test, fake->hw->irq_on);
	KUNIT_EXPECT_FALSE(test, fake->pci.config[PCI_COMMAND] &
				 PCI_COMMAND_MASTER);
	KUNIT_EXPECT_TRUE(test, hlist_empty(&fake->netdev->page_pools));
}

static u32 queues_pools(struct fake_nic *fake)
{
	struct hlist_node *node;
	u32 n = 0;

	hlist_for_each(node, &fake->netdev->page_pools)
		n++;
	return n;
}

static int queues_resize(struct fake_nic *fake, u32 rx, u32 tx)
{
	const struct ethtool_ops *ops = fake->netdev->ethtool_ops;
	struct ethtool_ringparam ring = { .rx_pending = rx, .tx_pending = tx };
	struct kernel_ethtool_ringparam kernel_ring = {};
	struct netlink_ext_ack extack = {};
	int err;

	rtnl_lock();
	err = ops->set_ringparam(fake->netdev, &ring, &kernel_ring, &extack);
	rtnl_unlock();
	KUNIT_EXPECT_EQ_MSG(fake->test, !!err, !!extack._msg,
			    "a refusal is explained, and nothing else is");
	return err;
}

static void queues_resize_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 rx, tx, alive = 0;

	for (rx = SLUICE_RING_MIN; rx <= 1024; rx *= 4) {
		for (tx = SLUICE_RING_MIN; tx <= 1024; tx *= 4) {
			KUNIT_EXPECT_EQ(test, queues_resize(fake, rx, tx), 0);
			KUNIT_EXPECT_EQ(test, fake->hw->rx_size, rx);
			KUNIT_EXPECT_EQ(test, fake->hw->tx_size, tx);
			KUNIT_EXPECT_EQ(test, queues_pools(fake), 1);
			queues_expect_alive(fake);
			alive++;
		}
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), alive);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), alive);
	/* Closed, the size is only remembered. */
	fake_close(fake);
	KUNIT_EXPECT_EQ(test, queues_resize(fake, 128, 2048), 0);
	fake_open(fake);
	KUNIT_EXPECT_EQ(test, fake->hw->rx_size, 128);
	KUNIT_EXPECT_EQ(test, fake->hw->tx_size, 2048);
}

static void queues_resize_refused_test(struct kunit *test)
{
	static const u32 sizes[] = { 0, 1, SLUICE_RING_MIN / 2, SLUICE_RING_MIN + 1,
				     100, 257, 2 * FAKE_MAX_RING, U32_MAX };
	struct fake_nic *fake = test->priv;
	struct sluice_rxq *rx = fake_rxq(fake);
	struct sluice_txq *tx = fake_txq(fake);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_EXPECT_EQ(test, queues_resize(fake, sizes[i], QUEUES_SIZE),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, queues_resize(fake, QUEUES_SIZE, sizes[i]),
				-EINVAL);
	}
	/* The size it has: nothing to do. */
	KUNIT_EXPECT_EQ(test, queues_resize(fake, QUEUES_SIZE, QUEUES_SIZE), 0);
	KUNIT_EXPECT_PTR_EQ(test, fake_rxq(fake), rx);
	KUNIT_EXPECT_PTR_EQ(test, fake_txq(fake), tx);
	queues_expect_alive(fake);
}

/* What was received before a resize is delivered, what was sent is completed. */
static void queues_resize_busy_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < 40; i++) {
		fake_receive(fake->hw, fake_data(test, QUEUES_LEN), QUEUES_LEN);
		fake_transmit(fake, fake_skb(fake, QUEUES_LEN), i < 39);
	}
	fake_send_all(fake->hw);
	KUNIT_EXPECT_EQ(test, queues_resize(fake, 512, 512), 0);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->received), 40);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), 40);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 40);
	/* Until these are read, their pool lives beside the new one. */
	KUNIT_EXPECT_EQ(test, queues_pools(fake), 2);
	queues_expect_alive(fake);
}

/* Whatever the driver itself asks for to make rings. */
static const struct fake_fault_at queues_ring_faults[] = {
	{ "__kmalloc_cache_noprof", 0 },
	{ "__kvmalloc_node_noprof", 0 },
	{ "dma_alloc_attrs", 0 },
	{ "page_pool_create", -ENOMEM },
	{ "page_pool_alloc_pages", 0 },
	{ "__xdp_rxq_info_reg", -ENOMEM },
	{ "xdp_rxq_info_reg_mem_model", -ENOMEM },
	{ "request_threaded_irq", -EBUSY },
};

/* The n-th request for memory fails: the old rings never notice. Of the pages,
 * one for each slot, the first, one in the middle and the last are enough.
 */
static bool queues_is_middle(u32 nth, u32 before, u32 size)
{
	return nth > before + 2 && nth < before + size - 1 &&
	       nth != before + size / 2;
}

static void queues_resize_fail_test(struct kunit *test)
{
	struct fake_fault *fault = fake_fault_create(test, queues_ring_faults,
						     ARRAY_SIZE(queues_ring_faults));
	struct fake_nic *fake = test->priv;
	struct sluice_rxq *rx = fake_rxq(fake);
	u32 nth, before = 7, size = SLUICE_RING_MIN, failures = 0;
	int err;

	for (nth = 1;; nth++) {
		if (queues_is_middle(nth, before, size))
			continue;
		fake_fault_arm(fault, nth);
		err = queues_resize(fake, size, size);
		fake_fault_arm(fault, 0);
		if (!err)
			break;
		failures++;
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_PTR_EQ(test, fake_rxq(fake), rx);
		KUNIT_EXPECT_EQ(test, queues_pools(fake), 1);
		KUNIT_EXPECT_EQ(test, fake->nic->cfg.rx_size, QUEUES_SIZE);
		queues_expect_alive(fake);
	}
	/* 7 before the pages, 5 of the pages, 3 of the transmit ring. */
	KUNIT_EXPECT_EQ(test, failures, before + 5 + 3);
	KUNIT_EXPECT_EQ(test, fake->hw->rx_size, size);
	queues_expect_alive(fake);
}

static int queues_open(struct fake_nic *fake)
{
	int err;

	rtnl_lock();
	err = dev_open(fake->netdev, NULL);
	rtnl_unlock();
	return err;
}

static void queues_open_fail_test(struct kunit *test)
{
	struct fake_fault *fault = fake_fault_create(test, queues_ring_faults,
						     ARRAY_SIZE(queues_ring_faults));
	struct fake_nic *fake = test->priv;
	u32 nth, before = 7, size = SLUICE_RING_MIN, failures = 0;
	int err;

	fake_close(fake);
	KUNIT_ASSERT_EQ(test, queues_resize(fake, size, size), 0);
	for (nth = 1;; nth++) {
		if (queues_is_middle(nth, before, size))
			continue;
		fake_fault_arm(fault, nth);
		err = queues_open(fake);
		fake_fault_arm(fault, 0);
		if (!err)
			break;
		failures++;
		KUNIT_EXPECT_FALSE(test, netif_running(fake->netdev));
		queues_expect_silent(fake);
	}
	/* As for a resize, and the interrupt. */
	KUNIT_EXPECT_EQ(test, failures, before + 5 + 3 + 1);
	queues_expect_alive(fake);
}

/* Probe fails at the n-th call that can: nothing of it is left. */
static void queues_probe_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = {
		{ "alloc_etherdev_mqs", 0 },
		{ "devm_kmalloc", 0 },
		{ "__kmalloc_cache_noprof", 0 },
		{ "pcim_enable_device", -ENODEV },
		{ "dma_set_mask", -EIO },
		{ "pcim_iomap_regions", -EBUSY },
		{ "devlink_alloc_ns", 0 },
		{ "devlink_health_reporter_create", -ENOMEM },
		{ "register_netdev", -ENOMEM },
	};
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_pci *pci;
	bool bound = false;
	u32 nth;

	for (nth = 1; !bound && nth < 20; nth++) {
		pci = kunit_kzalloc(test, sizeof(*pci), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, pci);
		fake_fault_arm(fault, nth);
		pci->board = &fake_board;
		KUNIT_ASSERT_EQ(test, fake_pci_add(pci), 0);
		bound = pci_get_drvdata(pci->dev);
		KUNIT_EXPECT_EQ_MSG(test, bound, !fault->failed, "%s",
				    fault->function);
		fake_fault_arm(fault, 0);
		fake_pci_remove(pci);
	}
	KUNIT_EXPECT_TRUE(test, bound);
	/* There are two reporters. */
	KUNIT_EXPECT_EQ(test, nth - 1, ARRAY_SIZE(at) + 2);
}

/* Goes in place of sluice_health_work(), and takes its time. */
static void queues_slow_reset(struct work_struct *work)
{
	struct sluice_nic *nic = container_of(to_delayed_work(work),
					      struct sluice_nic, health.work);

	msleep(1000);
	set_bit(SLUICE_GONE, &nic->state);
}

static int queues_slow_reset_hit(struct kprobe *probe, struct pt_regs *regs)
{
	instruction_pointer_set(regs, (unsigned long)queues_slow_reset);
	return 1;
}

/* Without a post handler the probe is optimised, and cannot change the way. */
static void queues_slow_reset_after(struct kprobe *probe, struct pt_regs *regs,
				    unsigned long flags)
{
}

/* A reset that has begun when the NIC is pulled out: the removal waits for it, or
 * KASAN sees what it does to a device that is freed.
 */
static void queues_remove_busy_test(struct kunit *test)
{
	struct fake_pci *pci = kunit_kzalloc(test, sizeof(*pci), GFP_KERNEL);
	struct kprobe probe = {
		.symbol_name	= "sluice_health_work",
		.pre_handler	= queues_slow_reset_hit,
		.post_handler	= queues_slow_reset_after,
	};
	struct sluice_nic *nic;

	KUNIT_ASSERT_NOT_NULL(test, pci);
	KUNIT_ASSERT_EQ(test, register_kprobe(&probe), 0);
	pci->board = &fake_board;
	KUNIT_EXPECT_EQ(test, fake_pci_add(pci), 0);
	nic = pci->dev ? pci_get_drvdata(pci->dev) : NULL;
	KUNIT_EXPECT_NOT_NULL(test, nic);
	if (nic)
		schedule_delayed_work(&nic->health.work, 0);
	if (pci->dev)
		fake_pci_remove(pci);
	unregister_kprobe(&probe);
}

/* Both rings break at once: each is reported, and one reset mends both. One that
 * breaks later is reset again, and nothing is left to do.
 */
static void queues_fault_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct sluice_nic *nic = fake->nic;
	u32 dir;

	sluice_queue_broken(nic->vec[0], SLUICE_TX, "a test");
	sluice_queue_broken(nic->vec[0], SLUICE_RX, "a test");
	flush_delayed_work(&nic->health.work);
	KUNIT_EXPECT_EQ(test, nic->resets, 1);
	for (dir = 0; dir < SLUICE_DIRECTIONS; dir++) {
		KUNIT_EXPECT_PTR_EQ(test, nic->health.fault[dir].why, NULL);
		sluice_queue_broken(nic->vec[0], dir, "a test");
		flush_delayed_work(&nic->health.work);
		KUNIT_EXPECT_EQ(test, nic->resets, 2 + dir);
	}
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&nic->health.work));
	queues_expect_alive(fake);
}

/* Counters live as long as the device, not as the rings. */
static void queues_down_up_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 round;

	for (round = 1; round <= 3; round++) {
		queues_expect_alive(fake);
		fake_close(fake);
		queues_expect_silent(fake);
		KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), round);
		KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
				round);
		fake_open(fake);
	}
}

/* Frames that came before the NIC was closed are the stack's. */
static void queues_close_busy_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < 100; i++)
		fake_receive(fake->hw, fake_data(test, QUEUES_LEN), QUEUES_LEN);
	fake_close(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), 100);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->received), 100);
	KUNIT_EXPECT_FALSE(test, fake_receive(fake->hw, fake_data(test, QUEUES_LEN),
					      QUEUES_LEN));
	skb_queue_purge(&fake->received);
	fake_open(fake);
}

/* A reset keeps rings and counters, and needs no memory. */
static void queues_reset_test(struct kunit *test)
{
	struct fake_fault *fault = fake_fault_create(test, queues_ring_faults,
						     ARRAY_SIZE(queues_ring_faults));
	struct fake_nic *fake = test->priv;
	struct sluice_rxq *rx = fake_rxq(fake);

	queues_expect_alive(fake);
	fake_fault_arm(fault, U32_MAX);
	fake_timeout(fake);
	KUNIT_EXPECT_EQ(test, fault->calls, 0);
	fake_fault_arm(fault, 0);
	KUNIT_EXPECT_PTR_EQ(test, fake_rxq(fake), rx);
	queues_expect_alive(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), 2);
}

static void queues_give(struct fake_nic *fake, u8 flags)
{
	struct fake_frame frame = {
		.data	= fake_data(fake->test, SLUICE_RX_BUF_LEN),
		.bytes	= SLUICE_RX_BUF_LEN,
		.len	= SLUICE_RX_BUF_LEN,
		.flags	= flags,
	};

	KUNIT_ASSERT_TRUE(fake->test, fake_rx_write(fake->hw, &frame));
}

/* A reset in the midst of it waits for nobody. What the device has given is lost by
 * name; so is a frame of which NAPI has had a part, if it has an end.
 */
static void queues_reset_received_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < 2; i++) {
		queues_give(fake, 0);
		fake_interrupt(fake);
		queues_give(fake, i ? 0 : SLUICE_RX_EOP);
		fake_timeout(fake);
		KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_RESET_DROP), 1);
		KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES), 1);
	}
	while (fake_rx_room(fake->hw))
		queues_give(fake, SLUICE_RX_EOP);
	fake_timeout(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_RESET_DROP),
			1 + QUEUES_SIZE - 1);
	queues_expect_alive(fake);
}

/* A device that does not come back is let go, and found again by an open. */
static void queues_reset_fail_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	fake->hw->fail_reset = true;
	fake_timeout(fake);
	KUNIT_EXPECT_FALSE(test, netif_device_present(fake->netdev));
	KUNIT_EXPECT_FALSE(test, netif_carrier_ok(fake->netdev));
	queues_expect_silent(fake);
	fake_close(fake);
	KUNIT_EXPECT_EQ(test, queues_open(fake), -ENODEV);
}

static void queues_link_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < 4; i++) {
		fake->hw->link_up = i % 2;
		schedule_work(&fake->nic->link_work);
		flush_work(&fake->nic->link_work);
		KUNIT_EXPECT_EQ(test, netif_carrier_ok(fake->netdev), i % 2);
	}
	/* Closed, nobody looks. */
	fake_close(fake);
	schedule_work(&fake->nic->link_work);
	flush_work(&fake->nic->link_work);
	KUNIT_EXPECT_FALSE(test, netif_carrier_ok(fake->netdev));
	fake_open(fake);
	queues_expect_alive(fake);
}

static void queues_suspend_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	const struct dev_pm_ops *pm = fake->pci.driver.driver.pm;
	struct device *dev = &fake->pci.dev->dev;
	struct rtnl_link_stats64 stats;
	u32 reads;

	KUNIT_EXPECT_EQ(test, pm->suspend(dev), 0);
	queues_expect_silent(fake);
	KUNIT_EXPECT_FALSE(test, netif_device_present(fake->netdev));
	/* Its registers may hang the bus. */
	reads = fake->hw->counter_reads;
	dev_get_stats(fake->netdev, &stats);
	KUNIT_EXPECT_EQ(test, fake->hw->counter_reads, reads);
	KUNIT_EXPECT_EQ(test, pm->resume(dev), 0);
	dev_get_stats(fake->netdev, &stats);
	KUNIT_EXPECT_GT(test, fake->hw->counter_reads, reads);
	KUNIT_EXPECT_TRUE(test, netif_device_present(fake->netdev));
	queues_expect_alive(fake);
	/* A closed one stays closed. */
	fake_close(fake);
	KUNIT_EXPECT_EQ(test, pm->suspend(dev), 0);
	KUNIT_EXPECT_EQ(test, pm->resume(dev), 0);
	queues_expect_silent(fake);
	fake_open(fake);
	/* Asleep, it is closed by the user. */
	KUNIT_EXPECT_EQ(test, pm->suspend(dev), 0);
	fake_close(fake);
	KUNIT_EXPECT_EQ(test, pm->resume(dev), 0);
	queues_expect_silent(fake);
	fake_open(fake);
	queues_expect_alive(fake);
}

static void queues_resume_fail_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	const struct dev_pm_ops *pm = fake->pci.driver.driver.pm;

	KUNIT_EXPECT_EQ(test, pm->suspend(&fake->pci.dev->dev), 0);
	fake->hw->fail_reset = true;
	KUNIT_EXPECT_NE(test, pm->resume(&fake->pci.dev->dev), 0);
	KUNIT_EXPECT_FALSE(test, netif_device_present(fake->netdev));
	fake->hw->fail_reset = false;
	KUNIT_EXPECT_EQ(test, pm->resume(&fake->pci.dev->dev), 0);
	queues_expect_alive(fake);
}

static void queues_pci_error_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	const struct pci_error_handlers *handlers = fake->pci.driver.err_handler;
	struct pci_dev *pdev = fake->pci.dev;
	pci_ers_result_t result;

	fake_transmit(fake, fake_skb(fake, QUEUES_LEN), false);
	result = handlers->error_detected(pdev, pci_channel_io_frozen);
	KUNIT_EXPECT_EQ(test, (__force int)result,
			(__force int)PCI_ERS_RESULT_NEED_RESET);
	queues_expect_silent(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RESET_DROP), 1);
	result = handlers->slot_reset(pdev);
	KUNIT_EXPECT_EQ(test, (__force int)result,
			(__force int)PCI_ERS_RESULT_RECOVERED);
	handlers->resume(pdev);
	queues_expect_alive(fake);
	fake->hw->fail_reset = true;
	handlers->error_detected(pdev, pci_channel_io_frozen);
	result = handlers->slot_reset(pdev);
	KUNIT_EXPECT_EQ(test, (__force int)result,
			(__force int)PCI_ERS_RESULT_DISCONNECT);
	result = handlers->error_detected(pdev, pci_channel_io_perm_failure);
	KUNIT_EXPECT_EQ(test, (__force int)result,
			(__force int)PCI_ERS_RESULT_DISCONNECT);
	queues_expect_silent(fake);
}

static void queues_shutdown_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	fake_transmit(fake, fake_skb(fake, QUEUES_LEN), false);
	fake->pci.driver.shutdown(fake->pci.dev);
	queues_expect_silent(fake);
}

static struct kunit_case queues_cases[] = {
	KUNIT_CASE_SLOW(queues_resize_test),
	KUNIT_CASE(queues_resize_refused_test),
	KUNIT_CASE(queues_resize_busy_test),
	KUNIT_CASE_SLOW(queues_resize_fail_test),
	KUNIT_CASE_SLOW(queues_open_fail_test),
	KUNIT_CASE_SLOW(queues_probe_fail_test),
	KUNIT_CASE_SLOW(queues_remove_busy_test),
	KUNIT_CASE(queues_fault_test),
	KUNIT_CASE_SLOW(queues_down_up_test),
	KUNIT_CASE(queues_close_busy_test),
	KUNIT_CASE(queues_reset_test),
	KUNIT_CASE(queues_reset_received_test),
	KUNIT_CASE(queues_reset_fail_test),
	KUNIT_CASE(queues_link_test),
	KUNIT_CASE(queues_suspend_test),
	KUNIT_CASE(queues_resume_fail_test),
	KUNIT_CASE(queues_pci_error_test),
	KUNIT_CASE(queues_shutdown_test),
	{}
};

static struct kunit_suite queues_suite = {
	.name		= "sluice_queues",
	.init		= fake_nic_init,
	.exit		= fake_nic_exit,
	.test_cases	= queues_cases,
};

kunit_test_suite(queues_suite);
