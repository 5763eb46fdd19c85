// SPDX-License-Identifier: GPL-2.0-only
/* ethtool -C of virtio-net: what the device is told, refuses, and is told again. */

#include <linux/rtnetlink.h>
#include "fake_ctrl.h"

#define VCOAL_LEN	1000
#define VCOAL_GLOBAL	BIT_ULL(VIRTIO_NET_F_NOTF_COAL)
#define VCOAL_EACH	BIT_ULL(VIRTIO_NET_F_VQ_NOTF_COAL)

KUNIT_ARRAY_PARAM_DESC(vcoal_ring, fake_virtio_rings, name);

/* An open device that offers this. */
static struct fake_ctrl *vcoal_create(struct kunit *test, u64 features)
{
	struct fake_ctrl *ctl = fake_ctrl_create(test);

	vnet_hw(ctl->fake->nic)->features |= features;
	return ctl;
}

static struct ethtool_coalesce vcoal_rx(u32 usecs, u32 frames)
{
	return (struct ethtool_coalesce){
		.rx_coalesce_usecs		= usecs,
		.rx_max_coalesced_frames	= frames,
	};
}

static int vcoal_set(struct fake_ctrl *ctl, struct ethtool_coalesce ec)
{
	struct net_device *netdev = ctl->fake->netdev;
	struct kernel_ethtool_coalesce kernel_ec = {};
	struct netlink_ext_ack extack = {};
	int err;

	rtnl_lock();
	err = netdev->ethtool_ops->set_coalesce(netdev, &ec, &kernel_ec, &extack);
	rtnl_unlock();
	KUNIT_EXPECT_EQ_MSG(ctl->fake->test, !!err, !!extack._msg,
			    "a refusal is explained, and nothing else is");
	return err;
}

static int vcoal_set_queue(struct fake_ctrl *ctl, u32 queue,
			   struct ethtool_coalesce ec)
{
	struct net_device *netdev = ctl->fake->netdev;
	int err;

	rtnl_lock();
	err = netdev->ethtool_ops->set_per_queue_coalesce(netdev, queue, &ec);
	rtnl_unlock();
	return err;
}

/* ethtool shows this, of all queues and of the first, which is the only one. */
static void vcoal_expect(struct fake_ctrl *ctl, struct ethtool_coalesce wanted)
{
	struct net_device *netdev = ctl->fake->netdev;
	struct kernel_ethtool_coalesce kernel_ec = {};
	struct ethtool_coalesce ec = {}, queue = {};
	struct kunit *test = ctl->fake->test;

	rtnl_lock();
	KUNIT_EXPECT_EQ(test, 0, netdev->ethtool_ops->get_coalesce(netdev, &ec,
								   &kernel_ec,
								   NULL));
	KUNIT_EXPECT_EQ(test, 0,
			netdev->ethtool_ops->get_per_queue_coalesce(netdev, 0,
								    &queue));
	rtnl_unlock();
	KUNIT_EXPECT_MEMEQ(test, &ec, &wanted, sizeof(ec));
	KUNIT_EXPECT_MEMEQ(test, &queue, &wanted, sizeof(queue));
}

/* All receive queues, all transmit queues: frames first, then microseconds. */
static void vcoal_global_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_GLOBAL);
	struct ethtool_coalesce ec = vcoal_rx(0x010203, 3);

	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), 0);
	KUNIT_EXPECT_EQ(test, ctl->commands, 1);
	fake_ctrl_expect_logged(ctl, 0, "\6\1\3\0\0\0\3\2\1\0", 10);
	vcoal_expect(ctl, ec);
	ec.tx_coalesce_usecs = 5;
	ec.tx_max_coalesced_frames = 0x01020304;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), 0);
	KUNIT_EXPECT_EQ(test, ctl->commands, 2);
	fake_ctrl_expect_logged(ctl, 1, "\6\0\4\3\2\1\5\0\0\0", 10);
	vcoal_expect(ctl, ec);
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), 0);
	KUNIT_EXPECT_EQ_MSG(test, ctl->commands, 2, "nothing was to be told");
}

/* Without that feature each queue is told. */
static void vcoal_each_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_EACH);
	struct ethtool_coalesce ec = vcoal_rx(2, 3);

	ec.tx_coalesce_usecs = 4;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), 0);
	KUNIT_EXPECT_EQ(test, ctl->commands, 2);
	fake_ctrl_expect_logged(ctl, 0, "\6\2\1\0\0\0\0\0\0\0\4\0\0\0", 14);
	fake_ctrl_expect_logged(ctl, 1, "\6\2\0\0\0\0\3\0\0\0\2\0\0\0", 14);
	vcoal_expect(ctl, ec);
}

/* One queue alone, and one that there is not. */
static void vcoal_queue_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_EACH | VCOAL_GLOBAL);
	struct ethtool_coalesce ec = vcoal_rx(7, 8);

	KUNIT_EXPECT_EQ(test, vcoal_set_queue(ctl, 0, ec), 0);
	KUNIT_EXPECT_EQ(test, ctl->commands, 1);
	fake_ctrl_expect_logged(ctl, 0, "\6\2\0\0\0\0\x08\0\0\0\7\0\0\0", 14);
	vcoal_expect(ctl, ec);
	KUNIT_EXPECT_EQ(test, vcoal_set_queue(ctl, 1, ec), -EINVAL);
	KUNIT_EXPECT_EQ(test, vcoal_set_queue(ctl, U32_MAX, ec), -EINVAL);
	KUNIT_EXPECT_EQ(test, ctl->commands, 1);
}

/* What the device does not offer is refused, and it is not asked. */
static void vcoal_missing_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, 0);
	struct ethtool_coalesce ec = {};

	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), 0);
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, vcoal_rx(1, 0)), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, vcoal_rx(0, 1)), -EOPNOTSUPP);
	ec.tx_coalesce_usecs = 1;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), -EOPNOTSUPP);
	ec = (struct ethtool_coalesce){ .tx_max_coalesced_frames = 1 };
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), -EOPNOTSUPP);
	vnet_hw(ctl->fake->nic)->features |= VCOAL_GLOBAL;
	ec = (struct ethtool_coalesce){ .use_adaptive_rx_coalesce = 1 };
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, vcoal_set_queue(ctl, 0, vcoal_rx(1, 1)), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, ctl->commands, 0);
	vcoal_expect(ctl, (struct ethtool_coalesce){});
}

/* The device refuses the first command, or the second: it is told again what was. */
static void vcoal_refusal_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_GLOBAL);
	struct ethtool_coalesce old = vcoal_rx(1, 2), new = vcoal_rx(3, 4);
	u32 nth;

	old.tx_coalesce_usecs = 5;
	new.tx_coalesce_usecs = 6;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, old), 0);
	for (nth = 1; nth <= 2; nth++) {
		ctl->refuses = ctl->commands + nth;
		KUNIT_EXPECT_EQ(test, vcoal_set(ctl, new), -EREMOTEIO);
		vcoal_expect(ctl, old);
		fake_ctrl_expect_logged(ctl, ctl->commands - 2,
					"\6\1\2\0\0\0\1\0\0\0", 10);
		fake_ctrl_expect_logged(ctl, ctl->commands - 1,
					"\6\0\0\0\0\0\5\0\0\0", 10);
	}
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, new), 0);
	vcoal_expect(ctl, new);
}

/* Longer waits look like a hang; nothing is said to the device. */
static void vcoal_long_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_GLOBAL);
	struct ethtool_coalesce most = vcoal_rx(100000, 1), more = vcoal_rx(100001, 1);
	u32 commands;

	most.tx_coalesce_usecs = 100000;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, most), 0);
	commands = ctl->commands;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, more), -EINVAL);
	more = most;
	more.tx_coalesce_usecs++;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, more), -EINVAL);
	KUNIT_EXPECT_EQ(test, ctl->commands, commands);
	vcoal_expect(ctl, most);
}

static void vcoal_restart(struct fake_ctrl *ctl)
{
	fake_ctrl_start(ctl);
	rtnl_lock();
	vnet_coalesce_start(ctl->fake->nic);
	rtnl_unlock();
}

/* The device forgets by a reset, the driver does not; what was never set is not
 * told.
 */
static void vcoal_reset_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_GLOBAL);

	vcoal_restart(ctl);
	KUNIT_EXPECT_EQ(test, ctl->commands, 0);
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, vcoal_rx(1, 2)), 0);
	vcoal_restart(ctl);
	KUNIT_EXPECT_EQ(test, ctl->commands, 3);
	fake_ctrl_expect_logged(ctl, 1, "\6\1\2\0\0\0\1\0\0\0", 10);
	fake_ctrl_expect_logged(ctl, 2, "\6\0\0\0\0\0\0\0\0\0", 10);
	vnet_hw(ctl->fake->nic)->features |= VCOAL_EACH;
	vcoal_restart(ctl);
	KUNIT_EXPECT_EQ(test, ctl->commands, 5);
	fake_ctrl_expect_logged(ctl, 3, "\6\2\0\0\0\0\2\0\0\0\1\0\0\0", 14);
	fake_ctrl_expect_logged(ctl, 4, "\6\2\1\0\0\0\0\0\0\0\0\0\0\0", 14);
}

/* While it is down there is nobody to tell: it is told when it starts. */
static void vcoal_down_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_GLOBAL);

	fake_close(ctl->fake);
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, vcoal_rx(1, 2)), 0);
	KUNIT_EXPECT_EQ(test, ctl->commands, 0);
	vcoal_expect(ctl, vcoal_rx(1, 2));
	fake_open(ctl->fake);
	vcoal_restart(ctl);
	KUNIT_EXPECT_EQ(test, ctl->commands, 2);
	fake_ctrl_expect_logged(ctl, 0, "\6\1\2\0\0\0\1\0\0\0", 10);
}

static struct vnet_dim *vcoal_dim(struct fake_ctrl *ctl)
{
	return &vnet_hw(ctl->fake->nic)->dim[0];
}

/* Receive so many frames, each with an interrupt, and let net_dim's work end. */
static void vcoal_receive(struct fake_ctrl *ctl, u32 frames)
{
	u8 *data = fake_data(ctl->fake->test, VCOAL_LEN);

	while (frames--) {
		fake_virtio_receive(ctl->fake, data, VCOAL_LEN);
		fake_virtio_interrupt(ctl->fake);
	}
	flush_work(&vcoal_dim(ctl)->dim.work);
}

static struct ethtool_coalesce vcoal_adaptive(struct ethtool_coalesce ec)
{
	ec.use_adaptive_rx_coalesce = 1;
	return ec;
}

/* net_dim looks at every 64 interrupts; that there is traffic at all is better
 * than none, and one step to the right is 8 us. Half of the ring may wait.
 */
static void vcoal_adaptive_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_EACH);

	vcoal_receive(ctl, 70);
	KUNIT_EXPECT_EQ(test, vcoal_dim(ctl)->events, 0);
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, vcoal_adaptive(vcoal_rx(0, 0))), 0);
	ctl->by_work = true;
	vcoal_receive(ctl, 65);
	ctl->by_work = false;
	KUNIT_EXPECT_EQ(test, vcoal_dim(ctl)->events, 65);
	KUNIT_EXPECT_EQ(test, ctl->commands, 1);
	fake_ctrl_expect_logged(ctl, 0, "\6\2\0\0\0\0\x80\0\0\0\x08\0\0\0", 14);
	vcoal_expect(ctl, vcoal_adaptive(vcoal_rx(8, 128)));
	KUNIT_EXPECT_EQ(test, vcoal_dim(ctl)->dim.state, DIM_START_MEASURE);
}

/* What is net_dim's to choose is not the user's; what it chose outlives a reset,
 * and stays when it ends.
 */
static void vcoal_adaptive_owns_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_EACH);
	struct vnet_dim *d = vcoal_dim(ctl);

	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, vcoal_adaptive(vcoal_rx(1, 0))), -EINVAL);
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, vcoal_adaptive(vcoal_rx(0, 0))), 0);
	d->v = ctl->fake->nic->vec[0];
	d->dim.profile_ix = 3;
	ctl->by_work = true;
	schedule_work(&d->dim.work);
	flush_work(&d->dim.work);
	ctl->by_work = false;
	vcoal_expect(ctl, vcoal_adaptive(vcoal_rx(128, 128)));
	vcoal_restart(ctl);
	fake_ctrl_expect_logged(ctl, 1, "\6\2\0\0\0\0\x80\0\0\0\x80\0\0\0", 14);
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, vcoal_rx(128, 128)), 0);
	vcoal_expect(ctl, vcoal_rx(128, 128));
	ctl->by_work = true;
	schedule_work(&d->dim.work);
	flush_work(&d->dim.work);
	KUNIT_EXPECT_EQ_MSG(test, ctl->commands, 4, "it is off");
}

/* What all are told that is so already is not a word about the others: one of
 * them may be adaptive, or have a moderation of its own.
 */
static void vcoal_adaptive_alone_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_EACH);
	struct vnet_hw *hw = vnet_hw(ctl->fake->nic);
	struct ethtool_coalesce ec = {};

	hw->dim[1].on = true;
	hw->moder[2] = (struct vnet_moder){ 64, 32 };
	ec.tx_coalesce_usecs = 5;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), 0);
	KUNIT_EXPECT_TRUE(test, hw->dim[1].on);
	KUNIT_EXPECT_EQ(test, hw->moder[2].usecs, 64);
	ec.use_adaptive_rx_coalesce = 1;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), 0);
	ec.use_adaptive_rx_coalesce = 0;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), 0);
	KUNIT_EXPECT_FALSE_MSG(test, hw->dim[1].on, "it was changed for all");
	KUNIT_EXPECT_EQ(test, hw->moder[2].usecs, 0);
}

/* Between asking and setting ethtool lets net_dim choose anew: what it says of
 * that is old, and no wish. For all queues the kernel does both under one lock.
 */
static void vcoal_adaptive_moves_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_EACH);
	struct ethtool_coalesce ec = vcoal_adaptive(vcoal_rx(0, 0));

	KUNIT_EXPECT_EQ(test, vcoal_set_queue(ctl, 0, ec), 0);
	vnet_hw(ctl->fake->nic)->moder[0] = (struct vnet_moder){ 8, 128 };
	ec.tx_coalesce_usecs = 5;
	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, ec), -EINVAL);
	KUNIT_EXPECT_EQ(test, vcoal_set_queue(ctl, 0, ec), 0);
	KUNIT_EXPECT_EQ(test, ctl->commands, 1);
	ec.rx_coalesce_usecs = 8;
	ec.rx_max_coalesced_frames = 128;
	vcoal_expect(ctl, ec);
}

/* A smaller ring is half full sooner. */
static void vcoal_adaptive_shrink_test(struct kunit *test)
{
	struct fake_ctrl *ctl = vcoal_create(test, VCOAL_EACH);

	KUNIT_EXPECT_EQ(test, vcoal_set(ctl, vcoal_adaptive(vcoal_rx(0, 0))), 0);
	vnet_hw(ctl->fake->nic)->moder[0] = (struct vnet_moder){ 8, 128 };
	ctl->fake->nic->cfg.rx_size = 64;
	vcoal_restart(ctl);
	fake_ctrl_expect_logged(ctl, 0, "\6\2\0\0\0\0\x20\0\0\0\x08\0\0\0", 14);
}

static struct kunit_case vcoal_cases[] = {
	KUNIT_CASE_PARAM(vcoal_global_test, vcoal_ring_gen_params),
	KUNIT_CASE(vcoal_each_test),
	KUNIT_CASE(vcoal_queue_test),
	KUNIT_CASE(vcoal_missing_test),
	KUNIT_CASE(vcoal_refusal_test),
	KUNIT_CASE(vcoal_long_test),
	KUNIT_CASE(vcoal_reset_test),
	KUNIT_CASE(vcoal_down_test),
	KUNIT_CASE_PARAM(vcoal_adaptive_test, vcoal_ring_gen_params),
	KUNIT_CASE(vcoal_adaptive_owns_test),
	KUNIT_CASE(vcoal_adaptive_alone_test),
	KUNIT_CASE(vcoal_adaptive_moves_test),
	KUNIT_CASE(vcoal_adaptive_shrink_test),
	{}
};

static struct kunit_suite vcoal_suite = {
	.name		= "sluice_vnet_coalesce",
	.init		= fake_virtio_init,
	.exit		= fake_nic_exit,
	.test_cases	= vcoal_cases,
};

kunit_test_suite(vcoal_suite);
