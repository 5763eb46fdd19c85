// SPDX-License-Identifier: GPL-2.0-only
/*
 * What virtio-net negotiates, by the numbers of virtio 1.2, and what it does with the
 * registers of a queue: on a device whose configuration is memory.
 */

#include <linux/kprobes.h>
#include <linux/rtnetlink.h>
#include <linux/swiotlb.h>
#include "fake_virtio.h"

#define VFEAT_VERSION_1	BIT_ULL(32)
#define VFEAT_FEATURES_OK	8	/* 2.1 */

/**
 * struct vfeat - a device's configuration
 * @fake: the NIC
 * @config: its registers
 * @net: what it says of itself: two pairs of queues, and all that hashes take
 * @read: the driver reads four bytes
 * @write: it writes four
 * @status: it reads one
 * @sleep: it waits
 * @offered: features
 * @accepted: what the driver has said of them
 * @refuses: the device does not agree to it
 * @silent: it does not reset its queues
 * @resets: which queues it has reset, a bit each
 */
struct vfeat {
	struct fake_nic *fake;
	struct virtio_pci_modern_common_cfg *config;
	struct virtio_net_config net;
	struct kprobe read;
	struct kprobe write;
	struct kprobe status;
	struct kprobe sleep;
	u64 offered;
	u64 accepted;
	bool refuses;
	bool silent;
	u32 resets;
};

static bool vfeat_is_at(const struct vfeat *dev, struct pt_regs *regs, u32 argument,
			const void *where)
{
	return current->kunit_test == dev->fake->test &&
	       (void *)regs_get_kernel_argument(regs, argument) == where;
}

/* Half of the features at a time, as is selected (4.1.4.3). */
static int vfeat_read(struct kprobe *probe, struct pt_regs *regs)
{
	struct vfeat *dev = container_of(probe, struct vfeat, read);
	struct virtio_pci_common_cfg *cfg = &dev->config->cfg;
	u32 select = le32_to_cpu(cfg->device_feature_select);

	if (vfeat_is_at(dev, regs, 0, &cfg->device_feature))
		cfg->device_feature = cpu_to_le32(select < 2 ?
						  dev->offered >> 32 * select : 0);
	return 0;
}

static int vfeat_write(struct kprobe *probe, struct pt_regs *regs)
{
	struct vfeat *dev = container_of(probe, struct vfeat, write);
	struct virtio_pci_common_cfg *cfg = &dev->config->cfg;
	u32 select = le32_to_cpu(cfg->guest_feature_select);

	if (vfeat_is_at(dev, regs, 1, &cfg->guest_feature) && select < 2)
		dev->accepted |= (u64)(u32)regs_get_kernel_argument(regs, 0) <<
				 32 * select;
	return 0;
}

static int vfeat_status(struct kprobe *probe, struct pt_regs *regs)
{
	struct vfeat *dev = container_of(probe, struct vfeat, status);
	struct virtio_pci_common_cfg *cfg = &dev->config->cfg;

	if (vfeat_is_at(dev, regs, 0, &cfg->device_status) && dev->refuses)
		cfg->device_status &= ~VFEAT_FEATURES_OK;
	return 0;
}

/* Time for the device to work. */
static int vfeat_sleep(struct kprobe *probe, struct pt_regs *regs)
{
	struct vfeat *dev = container_of(probe, struct vfeat, sleep);

	if (current->kunit_test != dev->fake->test || dev->silent ||
	    !dev->config->queue_reset)
		return 0;
	dev->resets |= BIT(le16_to_cpu(dev->config->cfg.queue_select));
	dev->config->queue_reset = 0;
	return 0;
}

static void vfeat_destroy(void *data)
{
	struct vfeat *dev = data;

	unregister_kprobe(&dev->sleep);
	unregister_kprobe(&dev->status);
	unregister_kprobe(&dev->write);
	unregister_kprobe(&dev->read);
}

static void vfeat_probe(struct kunit *test, struct kprobe *probe,
			const char *function, kprobe_pre_handler_t handler)
{
	probe->symbol_name = function;
	probe->pre_handler = handler;
	KUNIT_ASSERT_EQ(test, register_kprobe(probe), 0);
}

static void vfeat_describe(struct vfeat *dev)
{
	struct virtio_pci_modern_device *mdev = &vnet_hw(dev->fake->nic)->mdev;

	dev->net.max_virtqueue_pairs = (__force __virtio16)cpu_to_le16(2);
	dev->net.rss_max_key_size = 40;
	dev->net.rss_max_indirection_table_length = cpu_to_le16(128);
	dev->net.supported_hash_types = cpu_to_le32(0x1ff);
	mdev->common = (void __iomem *)&dev->config->cfg;
	mdev->device = (void __iomem *)&dev->net;
	mdev->device_len = sizeof(dev->net);
	mdev->common_len = sizeof(*dev->config);
	mdev->pci_dev = dev->fake->nic->pdev;
}

/* A suite's init: a NIC that is closed, and whose features nobody has read. */
static int vfeat_init(struct kunit *test)
{
	static const struct fake_virtio_kind nothing;
	struct vfeat *dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	dev->fake = fake_nic_plug(test, &fake_virtio_board, &nothing);
	dev->config = kunit_kzalloc(test, sizeof(*dev->config), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dev->config);
	vfeat_describe(dev);
	vfeat_probe(test, &dev->read, "ioread32", vfeat_read);
	vfeat_probe(test, &dev->write, "iowrite32", vfeat_write);
	vfeat_probe(test, &dev->status, "ioread8", vfeat_status);
	vfeat_probe(test, &dev->sleep, "usleep_range_state", vfeat_sleep);
	test->priv = dev;
	return kunit_add_action_or_reset(test, vfeat_destroy, dev);
}

/* Offer features; returns what is negotiated, to a stack that wants it all. */
static u64 vfeat_negotiate(struct vfeat *dev, u64 offered)
{
	struct sluice_nic *nic = dev->fake->nic;

	dev->offered = offered;
	dev->accepted = 0;
	nic->features = NETIF_F_RXCSUM | NETIF_F_GRO_HW;
	rtnl_lock();
	vnet_probe_features(nic);
	KUNIT_EXPECT_EQ(dev->fake->test, vnet_negotiate(nic), 0);
	rtnl_unlock();
	return dev->accepted;
}

/**
 * struct vfeat_row - a feature that the driver knows
 * @name: virtio's
 * @bit: its number
 * @needs: others without which it is of no use, so not accepted
 */
struct vfeat_row {
	const char *name;
	u32 bit;
	u64 needs;
};

#define VFEAT_CTRL	BIT_ULL(17)
#define VFEAT_MRG	BIT_ULL(15)
#define VFEAT_TX_CSUM	BIT_ULL(0)
#define VFEAT_RX_CSUM	BIT_ULL(1)
#define VFEAT_LARGE	(VFEAT_MRG | VFEAT_RX_CSUM)
#define VFEAT_UNCUT	(BIT_ULL(7) | BIT_ULL(8))

/* Who negotiates one more feature adds it here, and a test of what it does. */
static const struct vfeat_row vfeat_rows[] = {
	{ "CSUM", 0 },
	{ "GUEST_CSUM", 1 },
	{ "CTRL_GUEST_OFFLOADS", 2, VFEAT_CTRL | VFEAT_RX_CSUM },
	{ "MTU", 3 },
	{ "MAC", 5 },
	{ "GUEST_TSO4", 7, VFEAT_LARGE },
	{ "GUEST_TSO6", 8, VFEAT_LARGE },
	{ "GUEST_ECN", 9, VFEAT_LARGE },
	{ "HOST_TSO4", 11, VFEAT_TX_CSUM },
	{ "HOST_TSO6", 12, VFEAT_TX_CSUM },
	{ "HOST_ECN", 13, VFEAT_TX_CSUM },
	{ "MRG_RXBUF", 15 },
	{ "STATUS", 16 },
	{ "CTRL_VQ", 17 },
	{ "CTRL_RX", 18, VFEAT_CTRL },
	{ "CTRL_VLAN", 19, VFEAT_CTRL },
	{ "GUEST_ANNOUNCE", 21, VFEAT_CTRL },
	{ "MQ", 22, VFEAT_CTRL },
	{ "CTRL_MAC_ADDR", 23, VFEAT_CTRL },
	{ "EVENT_IDX", 29 },
	{ "VERSION_1", 32 },
	{ "ACCESS_PLATFORM", 33 },
	{ "RING_PACKED", 34 },
	{ "IN_ORDER", 35 },
	{ "ORDER_PLATFORM", 36 },
	{ "NOTIFICATION_DATA", 38 },
	{ "RING_RESET", 40 },
	{ "VQ_NOTF_COAL", 52, VFEAT_CTRL },
	{ "NOTF_COAL", 53, VFEAT_CTRL },
	{ "GUEST_USO4", 54, VFEAT_LARGE },
	{ "GUEST_USO6", 55, VFEAT_LARGE },
	{ "HOST_USO", 56, VFEAT_TX_CSUM },
	{ "HASH_REPORT", 57, VFEAT_CTRL },
	{ "RSS", 60, VFEAT_CTRL },
	{ "SPEED_DUPLEX", 63 },
};

KUNIT_ARRAY_PARAM_DESC(vfeat, vfeat_rows, name);

/* Accepted with what it needs, and without any part of that not. */
static void vfeat_each_test(struct kunit *test)
{
	const struct vfeat_row *row = test->param_value;
	u64 all = BIT_ULL(row->bit) | row->needs | VFEAT_VERSION_1;
	struct vfeat *dev = test->priv;
	u32 bit;

	KUNIT_EXPECT_EQ(test, vfeat_negotiate(dev, all), all);
	KUNIT_EXPECT_EQ(test, vfeat_negotiate(dev, all & ~BIT_ULL(row->bit)) &
			      BIT_ULL(row->bit), 0);
	for (bit = 0; bit < 64; bit++)
		if (row->needs & BIT_ULL(bit))
			KUNIT_EXPECT_EQ_MSG(test, vfeat_negotiate(dev, all & ~BIT_ULL(bit)) &
						  BIT_ULL(row->bit), 0,
					    "without %u", bit);
}

/* Of all that there may be, these and no others. */
static void vfeat_all_test(struct kunit *test)
{
	u64 known = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vfeat_rows); i++)
		known |= BIT_ULL(vfeat_rows[i].bit);
	/* RSS and NOTIFICATION_DATA do not go together. */
	KUNIT_EXPECT_EQ(test, vfeat_negotiate(test->priv, U64_MAX),
			known & ~BIT_ULL(38));
	KUNIT_EXPECT_EQ(test, vfeat_negotiate(test->priv, ~BIT_ULL(60)),
			known & ~BIT_ULL(60));
	KUNIT_EXPECT_EQ(test, vfeat_negotiate(test->priv, ~known), 0);
}

/* Frames go without the DMA API only if it had nothing to do for this device. */
static void vfeat_direct_test(struct kunit *test)
{
	struct vfeat *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;
	struct io_tlb_mem *real = nic->pdev->dev.dma_io_tlb_mem, mem = {};

	nic->pdev->dev.dma_io_tlb_mem = &mem;
	vfeat_negotiate(dev, VFEAT_VERSION_1);
	KUNIT_EXPECT_TRUE(test, nic->direct);
	vfeat_negotiate(dev, VFEAT_VERSION_1 | BIT_ULL(33));
	KUNIT_EXPECT_FALSE(test, nic->direct);
	mem.force_bounce = true;
	vfeat_negotiate(dev, VFEAT_VERSION_1);
	KUNIT_EXPECT_FALSE(test, nic->direct);
	nic->pdev->dev.dma_io_tlb_mem = real;
}

/**
 * struct vfeat_field - where a feature's field ends
 * @bit: the feature
 * @end: of the device's configuration (5.1.4), so long it must be
 */
struct vfeat_field {
	u32 bit;
	u32 end;
};

/* What the configuration has no room for: it may end with the page that is mapped. */
static void vfeat_short_test(struct kunit *test)
{
	static const struct vfeat_field fields[] = {
		{ 5, 6 }, { 16, 8 }, { 22, 10 }, { 3, 12 }, { 63, 17 }, { 57, 24 },
		{ 60, 24 },
	};
	struct vfeat *dev = test->priv;
	struct virtio_pci_modern_device *mdev = &vnet_hw(dev->fake->nic)->mdev;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		u64 bit = BIT_ULL(fields[i].bit), offer = bit | VFEAT_CTRL;

		mdev->device_len = fields[i].end - 1;
		KUNIT_EXPECT_EQ_MSG(test, vfeat_negotiate(dev, offer), VFEAT_CTRL,
				    "feature %u", fields[i].bit);
		mdev->device_len = fields[i].end;
		KUNIT_EXPECT_EQ_MSG(test, vfeat_negotiate(dev, offer), offer,
				    "feature %u", fields[i].bit);
	}
	/* None at all; and the registers for the reset of a queue (4.1.4.3). */
	mdev->device = NULL;
	mdev->device_len = 0;
	mdev->common_len = 59;
	KUNIT_EXPECT_EQ(test, vfeat_negotiate(dev, U64_MAX) & (BIT_ULL(40) | BIT_ULL(5)),
			0);
	mdev->common_len = 60;
	KUNIT_EXPECT_EQ(test, vfeat_negotiate(dev, BIT_ULL(40)), BIT_ULL(40));
}

/* A device that does not agree to what it has offered. */
static void vfeat_refused_test(struct kunit *test)
{
	struct vfeat *dev = test->priv;
	int err;

	vfeat_negotiate(dev, VFEAT_VERSION_1);
	dev->refuses = true;
	rtnl_lock();
	err = vnet_negotiate(dev->fake->nic);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, err, -EOPNOTSUPP);
}

/**
 * struct vfeat_offload - what the stack may ask of a device
 * @offered: features of the device
 * @stack: what they are called there
 */
struct vfeat_offload {
	u64 offered;
	netdev_features_t stack;
};

#define VFEAT_TX	(NETIF_F_HW_CSUM | NETIF_F_SG)

/* Nothing is cut that is not summed, and nothing comes uncut if not of both IPs. */
static void vfeat_stack_test(struct kunit *test)
{
	static const struct vfeat_offload offloads[] = {
		{ 0, 0 },
		{ BIT_ULL(56) | BIT_ULL(11), 0 },
		{ VFEAT_TX_CSUM, VFEAT_TX },
		{ VFEAT_TX_CSUM | BIT_ULL(56), VFEAT_TX | NETIF_F_GSO_UDP_L4 },
		{ VFEAT_TX_CSUM | BIT_ULL(11), VFEAT_TX | NETIF_F_TSO },
		{ VFEAT_TX_CSUM | BIT_ULL(12), VFEAT_TX | NETIF_F_TSO6 },
		{ VFEAT_TX_CSUM | BIT_ULL(13), VFEAT_TX | NETIF_F_TSO_ECN },
		{ VFEAT_RX_CSUM, NETIF_F_RXCSUM },
		{ VFEAT_RX_CSUM | BIT_ULL(54) | BIT_ULL(55) | VFEAT_MRG, NETIF_F_RXCSUM },
		{ VFEAT_RX_CSUM | BIT_ULL(7) | VFEAT_MRG, NETIF_F_RXCSUM },
		{ VFEAT_RX_CSUM | VFEAT_UNCUT, NETIF_F_RXCSUM },
		{ VFEAT_RX_CSUM | VFEAT_UNCUT | VFEAT_MRG,
		  NETIF_F_RXCSUM | NETIF_F_GRO_HW },
	};
	struct vfeat *dev = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(offloads); i++) {
		vfeat_negotiate(dev, VFEAT_VERSION_1 | offloads[i].offered);
		KUNIT_EXPECT_EQ_MSG(test, dev->fake->netdev->hw_features,
				    offloads[i].stack, "offer %u", i);
	}
}

/* A program, or no wish for checksums or for uncut frames: what a device without a
 * command for it must not even be asked for.
 */
static void vfeat_guest_test(struct kunit *test)
{
	u64 uncut = VFEAT_UNCUT | BIT_ULL(9) | BIT_ULL(54) | BIT_ULL(55);
	u64 base = VFEAT_VERSION_1 | VFEAT_MRG, all = base | VFEAT_RX_CSUM | uncut;
	struct vfeat *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;
	struct vnet_hw *hw = vnet_hw(nic);

	KUNIT_EXPECT_EQ(test, vfeat_negotiate(dev, all), all);
	nic->features = NETIF_F_RXCSUM;
	KUNIT_EXPECT_EQ(test, vnet_wanted_features(nic), base | VFEAT_RX_CSUM);
	nic->features = 0;
	KUNIT_EXPECT_EQ(test, vnet_wanted_features(nic), base);
	nic->features = NETIF_F_RXCSUM | NETIF_F_GRO_HW;
	hw->xdp = true;
	KUNIT_EXPECT_EQ(test, vnet_wanted_features(nic), base);
	hw->xdp = false;
	KUNIT_EXPECT_EQ(test, vnet_wanted_features(nic), all);
}

/* So many pairs of queues in which nothing is under way. */
static void vfeat_add_pairs(struct kunit *test, struct sluice_nic *nic, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		if (i)
			nic->vec[i] = kunit_kzalloc(test, sizeof(*nic->vec[i]),
						    GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, nic->vec[i]);
		nic->vec[i]->index = i;
		nic->vec[i]->nq = netdev_get_tx_queue(nic->netdev, i);
		nic->vec[i]->tx = kunit_kzalloc(test, sizeof(*nic->vec[i]->tx),
						GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, nic->vec[i]->tx);
	}
	nic->nvec = n;
}

/* Reception is stopped by the reset of its queues, if that is agreed on. */
static void vfeat_ring_reset_test(struct kunit *test)
{
	struct vfeat *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;

	vfeat_add_pairs(test, nic, 3);
	vnet_hw(nic)->features = VFEAT_VERSION_1;
	vnet_stop_receiving(nic);
	KUNIT_EXPECT_EQ(test, dev->config->queue_reset, 0);
	vnet_hw(nic)->features |= BIT_ULL(40);
	vnet_stop_receiving(nic);
	KUNIT_EXPECT_EQ(test, dev->resets, BIT(0) | BIT(2) | BIT(4));
	nic->nvec = 1;
	dev->silent = true;
	vnet_stop_receiving(nic);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(dev->config->queue_reset), 1);
}

/* QEMU does not survive the reset of a queue whose pair has frames under way. */
static void vfeat_ring_reset_busy_test(struct kunit *test)
{
	struct vfeat *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;

	vfeat_add_pairs(test, nic, 3);
	vnet_hw(nic)->features = VFEAT_VERSION_1 | BIT_ULL(40);
	nic->vec[1]->tx->tail = 1;
	vnet_stop_receiving(nic);
	KUNIT_EXPECT_EQ(test, dev->resets, BIT(0) | BIT(4));
	nic->nvec = 1;
}

/* A doorbell of four bytes at an address that is none for four bytes. */
static void vfeat_doorbell_test(struct kunit *test)
{
	struct vfeat *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;
	struct vnet_hw *hw = vnet_hw(nic);
	u8 *area = kunit_kzalloc(test, 64, GFP_KERNEL);
	u32 off;

	KUNIT_ASSERT_NOT_NULL(test, area);
	hw->mdev.notify_base = (void __iomem *)area;
	hw->mdev.notify_len = 64;
	hw->mdev.notify_offset_multiplier = 2;
	for (off = 0; off < 8; off++) {
		dev->config->cfg.queue_notify_off = cpu_to_le16(off);
		hw->features = VFEAT_VERSION_1;
		KUNIT_EXPECT_PTR_EQ(test, (u8 *)vnet_map_doorbell(nic, 0),
				    area + 2 * off);
		hw->features |= BIT_ULL(38);
		KUNIT_EXPECT_PTR_EQ(test, (u8 *)vnet_map_doorbell(nic, 0),
				    off & 1 ? NULL : area + 2 * off);
	}
}

/**
 * struct vfeat_link - what a device says of its link, and what is believed
 * @speed: in its configuration
 * @duplex: in its configuration
 * @known: the speed
 * @known_duplex: the duplex
 */
struct vfeat_link {
	u32 speed;
	u8 duplex;
	u32 known;
	u8 known_duplex;
};

static const struct vfeat_link vfeat_links[] = {
	{ 10000, 1, 10000, DUPLEX_FULL },
	{ 0, 0, 0, DUPLEX_HALF },
	{ 0x7fffffff, 0xff, 0x7fffffff, DUPLEX_UNKNOWN },
	{ 0x80000000, 2, SPEED_UNKNOWN, DUPLEX_UNKNOWN },
	{ 0xffffffff, 0xfe, SPEED_UNKNOWN, DUPLEX_UNKNOWN },
};

/* Up to 2^31 - 1 is a speed (5.1.4); of duplex there are three words. */
static void vfeat_link_test(struct kunit *test)
{
	struct vfeat *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;
	struct sluice_link link;
	u32 i;

	vnet_hw(nic)->features = VFEAT_VERSION_1 | BIT_ULL(63);
	for (i = 0; i < ARRAY_SIZE(vfeat_links); i++) {
		const struct vfeat_link *l = &vfeat_links[i];

		dev->net.speed = cpu_to_le32(l->speed);
		dev->net.duplex = l->duplex;
		vnet_read_link(nic, &link);
		KUNIT_EXPECT_EQ(test, link.speed, l->known);
		KUNIT_EXPECT_EQ(test, link.duplex, l->known_duplex);
	}
	vnet_hw(nic)->features = 0;
}

/* A command and its answer are two descriptors, twice in a round. */
static void vfeat_ctrl_size_test(struct kunit *test)
{
	struct vfeat *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;
	u16 size;

	vnet_hw(nic)->features = VFEAT_VERSION_1 | VFEAT_CTRL;
	for (size = 0; size < 4; size++) {
		dev->config->cfg.queue_size = cpu_to_le16(size);
		KUNIT_EXPECT_EQ(test, vnet_ctrl_probe(nic, 2), -EINVAL);
		KUNIT_EXPECT_NULL(test, vnet_hw(nic)->ctrl.memory);
	}
	vnet_hw(nic)->features = 0;
}

static struct kunit_case vfeat_cases[] = {
	KUNIT_CASE_PARAM_ATTR(vfeat_each_test, vfeat_gen_params,
			      { .speed = KUNIT_SPEED_VERY_SLOW }),
	KUNIT_CASE(vfeat_all_test),
	KUNIT_CASE(vfeat_short_test),
	KUNIT_CASE(vfeat_direct_test),
	KUNIT_CASE(vfeat_refused_test),
	KUNIT_CASE(vfeat_stack_test),
	KUNIT_CASE(vfeat_guest_test),
	KUNIT_CASE_ATTR(vfeat_ring_reset_test, { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE(vfeat_ring_reset_busy_test),
	KUNIT_CASE(vfeat_doorbell_test),
	KUNIT_CASE(vfeat_link_test),
	KUNIT_CASE(vfeat_ctrl_size_test),
	{}
};

static struct kunit_suite vfeat_suite = {
	.name		= "sluice_vnet_features",
	.init		= vfeat_init,
	.test_cases	= vfeat_cases,
};

kunit_test_suite(vfeat_suite);
