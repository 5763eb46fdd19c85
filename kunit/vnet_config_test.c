// SPDX-License-Identifier: GPL-2.0-only
/*
 * What virtio-net believes of the configuration of a device (virtio 1.2, 4.1.4 and
 * 5.1.4): queues, MTU, address, doorbells; and a device that asks to be reset. On a
 * device whose configuration is memory, and which has MSI-X as far as the driver
 * can tell.
 */

#include <linux/etherdevice.h>
#include <linux/kprobes.h>
#include "fake_virtio.h"

#define VCFG_VERSION_1	BIT_ULL(32)
#define VCFG_MTU	BIT_ULL(3)
#define VCFG_MAC	BIT_ULL(5)
#define VCFG_MRG	BIT_ULL(15)
#define VCFG_CTRL	BIT_ULL(17)
#define VCFG_MQ		BIT_ULL(22)
#define VCFG_DATA	BIT_ULL(38)
#define VCFG_NEEDS_RESET 0x40	/* 2.1 */
#define VCFG_QUEUES	16
#define VCFG_NOTIFY	0x40	/* where the capability of doorbells is */
#define VCFG_SAID	64

/**
 * struct vcfg - a device's configuration
 * @fake: the NIC
 * @config: its registers
 * @net: what it says of itself
 * @area: where it is notified
 * @isr: why it interrupts
 * @read: the driver reads two bytes
 * @map: it maps a part of a BAR
 * @unmap: it undoes that
 * @report: it reports to devlink
 * @vectors: it asks for interrupts
 * @size: of each queue
 * @pairs: interrupts that there are, but for the one of the configuration
 * @used: pairs of queues that the driver would use
 * @mapped: parts of a BAR that are mapped
 * @reports: how many there were
 * @said: the last of them
 */
struct vcfg {
	struct fake_nic *fake;
	struct virtio_pci_modern_common_cfg *config;
	struct virtio_net_config net;
	u8 area[64];
	u8 isr;
	struct kprobe read;
	struct kprobe map;
	struct kprobe unmap;
	struct kprobe report;
	struct kretprobe vectors;
	u16 size[VCFG_QUEUES];
	u32 pairs;
	u32 used;
	int mapped;
	u32 reports;
	char said[VCFG_SAID];
};

/* Each queue has a size of its own; those beyond are like the last. */
static int vcfg_read(struct kprobe *probe, struct pt_regs *regs)
{
	struct vcfg *dev = container_of(probe, struct vcfg, read);
	struct virtio_pci_common_cfg *cfg = &dev->config->cfg;
	u32 queue = min(le16_to_cpu(cfg->queue_select), VCFG_QUEUES - 1);

	if (current->kunit_test == dev->fake->test &&
	    (void *)regs_get_kernel_argument(regs, 0) == &cfg->queue_size)
		cfg->queue_size = cpu_to_le16(dev->size[queue]);
	return 0;
}

static int vcfg_map(struct kprobe *probe, struct pt_regs *regs)
{
	struct vcfg *dev = container_of(probe, struct vcfg, map);

	dev->mapped += current->kunit_test == dev->fake->test;
	return 0;
}

static int vcfg_unmap(struct kprobe *probe, struct pt_regs *regs)
{
	struct vcfg *dev = container_of(probe, struct vcfg, unmap);

	dev->mapped -= current->kunit_test == dev->fake->test;
	return 0;
}

static int vcfg_report(struct kprobe *probe, struct pt_regs *regs)
{
	struct vcfg *dev = container_of(probe, struct vcfg, report);

	if ((void *)regs_get_kernel_argument(regs, 0) !=
	    dev->fake->nic->health.fault[SLUICE_RX].reporter)
		return 0;
	dev->reports++;
	strscpy(dev->said, (char *)regs_get_kernel_argument(regs, 1));
	return 0;
}

static int vcfg_vectors(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct vcfg *dev = container_of(get_kretprobe(instance), struct vcfg,
					vectors);

	if (current->kunit_test == dev->fake->test)
		regs_set_return_value(regs, dev->pairs + 1);
	return 0;
}

static void vcfg_destroy(void *data)
{
	struct vcfg *dev = data;

	unregister_kretprobe(&dev->vectors);
	unregister_kprobe(&dev->report);
	unregister_kprobe(&dev->unmap);
	unregister_kprobe(&dev->map);
	unregister_kprobe(&dev->read);
}

static void vcfg_probe(struct kunit *test, struct kprobe *probe,
		       const char *function, kprobe_pre_handler_t handler)
{
	probe->symbol_name = function;
	probe->pre_handler = handler;
	KUNIT_ASSERT_EQ(test, register_kprobe(probe), 0);
}

static void vcfg_describe(struct vcfg *dev)
{
	struct virtio_pci_modern_device *mdev = &vnet_hw(dev->fake->nic)->mdev;
	u32 i;

	for (i = 0; i < VCFG_QUEUES; i++)
		dev->size[i] = 256;
	dev->pairs = 1;
	mdev->common = (void __iomem *)&dev->config->cfg;
	mdev->device = (void __iomem *)&dev->net;
	mdev->isr = (void __iomem *)&dev->isr;
	mdev->notify_base = (void __iomem *)dev->area;
	mdev->notify_len = sizeof(dev->area);
	mdev->notify_offset_multiplier = 0;
	mdev->pci_dev = dev->fake->nic->pdev;
}

/* A suite's init: a NIC that is closed, and of which nobody has read anything. */
static int vcfg_init(struct kunit *test)
{
	struct vcfg *dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	dev->fake = fake_nic_plug(test, &fake_virtio_board, &fake_virtio_rings[0]);
	dev->config = kunit_kzalloc(test, sizeof(*dev->config), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dev->config);
	vcfg_describe(dev);
	vcfg_probe(test, &dev->read, "ioread16", vcfg_read);
	vcfg_probe(test, &dev->map, "pci_iomap_range", vcfg_map);
	vcfg_probe(test, &dev->unmap, "pci_iounmap", vcfg_unmap);
	vcfg_probe(test, &dev->report, "devlink_health_report", vcfg_report);
	dev->vectors.kp.symbol_name = "pci_alloc_irq_vectors_affinity";
	dev->vectors.handler = vcfg_vectors;
	KUNIT_ASSERT_EQ(test, register_kretprobe(&dev->vectors), 0);
	test->priv = dev;
	return kunit_add_action_or_reset(test, vcfg_destroy, dev);
}

/* The probe of a device that has agreed to features; it has one pair nevertheless. */
static int vcfg_try(struct vcfg *dev, u64 features)
{
	struct sluice_nic *nic = dev->fake->nic;
	int err;

	nic->max_ring = nic->board->max_ring;
	nic->max_mtu = ETH_MAX_MTU;
	nic->netdev->mtu = ETH_DATA_LEN;
	nic->cfg.rx_size = 256;
	nic->cfg.tx_size = 256;
	vnet_hw(nic)->features = features | VCFG_VERSION_1;
	err = vnet_probe_config(nic);
	dev->used = nic->max_vec;
	nic->max_vec = 1;
	nic->cfg.channels = 1;
	return err;
}

/**
 * struct vcfg_size - what a device says of a queue, and what is made of it
 * @size: entries
 * @ring: the largest ring; 0 if there is none
 */
struct vcfg_size {
	u32 size;
	u32 ring;
};

/* Powers of two up to 2^15 (4.1.5.1.3); 0 says that there is no such queue. */
static void vcfg_size_test(struct kunit *test)
{
	static const struct vcfg_size sizes[] = {
		{ 0 }, { 1 }, { 2 }, { 63 }, { 64, 64 }, { 100, 64 }, { 128, 128 },
		{ 1000, 512 }, { 1024, 1024 }, { 1025, 1024 }, { 32768, 1024 },
		{ 32769, 1024 }, { 65535, 1024 },
	};
	struct vcfg *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;
	u32 i, queue;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		const struct vcfg_size *s = &sizes[i / 2];

		queue = i % 2;
		dev->size[0] = 2048;
		dev->size[1] = 2048;
		dev->size[queue] = s->size;
		KUNIT_EXPECT_EQ_MSG(test, vcfg_try(dev, 0), s->ring ? 0 : -EOPNOTSUPP,
				    "queue %u of %u", queue, s->size);
		if (!s->ring)
			continue;
		KUNIT_EXPECT_EQ(test, nic->max_ring, s->ring);
		KUNIT_EXPECT_EQ(test, nic->cfg.rx_size, min(s->ring, 256));
		KUNIT_EXPECT_EQ(test, nic->cfg.tx_size, min(s->ring, 256));
	}
}

/* 1 to 2^15 pairs (5.1.4.1), and a number for the queue behind the last of them. */
static void vcfg_pairs_test(struct kunit *test)
{
	static const u16 impossible[] = { 0, 0x8000, 0x8001, 0xffff };
	static const u16 possible[] = { 1, 2, 3, 0x7fff };
	struct vcfg *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(impossible); i++) {
		dev->net.max_virtqueue_pairs =
			(__force __virtio16)cpu_to_le16(impossible[i]);
		KUNIT_EXPECT_EQ_MSG(test, vcfg_try(dev, VCFG_MQ | VCFG_CTRL), -EINVAL,
				    "%u pairs", impossible[i]);
		vnet_ctrl_remove(nic);
	}
	for (i = 0; i < ARRAY_SIZE(possible); i++) {
		dev->net.max_virtqueue_pairs =
			(__force __virtio16)cpu_to_le16(possible[i]);
		KUNIT_EXPECT_EQ_MSG(test, vcfg_try(dev, VCFG_MQ | VCFG_CTRL), 0,
				    "%u pairs", possible[i]);
		KUNIT_EXPECT_EQ(test, vnet_hw(nic)->ctrl.index, 2 * possible[i]);
		vnet_ctrl_remove(nic);
	}
}

/* Three pairs, of which the device has each queue, or lacks one. */
static void vcfg_absent_test(struct kunit *test)
{
	struct vcfg *dev = test->priv;
	u32 queue;

	dev->pairs = 3;
	dev->net.max_virtqueue_pairs = (__force __virtio16)cpu_to_le16(3);
	for (queue = 0; queue < 6; queue++) {
		dev->size[queue] = 0;
		KUNIT_EXPECT_EQ_MSG(test, vcfg_try(dev, VCFG_MQ), -EOPNOTSUPP,
				    "without queue %u", queue);
		dev->size[queue] = 256;
	}
	dev->size[6] = 0;
	KUNIT_EXPECT_EQ(test, vcfg_try(dev, VCFG_MQ | VCFG_CTRL), -EINVAL);
	KUNIT_EXPECT_EQ(test, vcfg_try(dev, VCFG_MQ), 0);
	KUNIT_EXPECT_EQ(test, dev->used, 3);
	/* Interrupts for less: the rest is not asked for. */
	dev->pairs = 2;
	dev->size[5] = 0;
	KUNIT_EXPECT_EQ(test, vcfg_try(dev, VCFG_MQ), 0);
	KUNIT_EXPECT_EQ(test, dev->used, 2);
}

/**
 * struct vcfg_mtu - what a device says of the MTU, and what is made of it
 * @features: of the device
 * @said: in its configuration
 * @most: the largest MTU; 0 if the device is refused
 * @mtu: the one to begin with
 */
struct vcfg_mtu {
	u64 features;
	u16 said;
	u32 most;
	u32 mtu;
};

#define VCFG_LINEAR	(4 * 4096 - 256 - 320 - 18)	/* page, head, tail, frame */

/* 68 and more (5.1.4.1); what one buffer must take is less than 2^16. */
static void vcfg_mtu_test(struct kunit *test)
{
	static const struct vcfg_mtu mtus[] = {
		{ VCFG_MTU | VCFG_MRG, 0 },
		{ VCFG_MTU | VCFG_MRG, 1 },
		{ VCFG_MTU | VCFG_MRG, 67 },
		{ VCFG_MTU | VCFG_MRG, 68, 68, 68 },
		{ VCFG_MTU | VCFG_MRG, 9000, 9000, 9000 },
		{ VCFG_MTU | VCFG_MRG, 65535, 65535, 65535 },
		{ VCFG_MTU, 9000, 9000, 9000 },
		{ VCFG_MTU, 65535, VCFG_LINEAR, VCFG_LINEAR },
		{ VCFG_MRG, 0, 65535, 1500 },
		{ 0, 0, VCFG_LINEAR, 1500 },
	};
	struct vcfg *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(mtus); i++) {
		const struct vcfg_mtu *m = &mtus[i];

		dev->net.mtu = (__force __virtio16)cpu_to_le16(m->said);
		KUNIT_EXPECT_EQ_MSG(test, vcfg_try(dev, m->features),
				    m->most ? 0 : -EINVAL, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, nic->netdev->mtu, m->mtu ?: ETH_DATA_LEN,
				    "row %u", i);
		if (m->most)
			KUNIT_EXPECT_EQ_MSG(test, nic->max_mtu, m->most, "row %u", i);
	}
}

/* An address that no NIC can have, or none, is replaced. */
static void vcfg_address_test(struct kunit *test)
{
	static const u8 good[ETH_ALEN] = { 0x52, 0x54, 0, 1, 2, 3 };
	static const u8 bad[][ETH_ALEN] = {
		{}, { 0x53, 0x54, 0, 1, 2, 3 }, { 0x33, 0x33, 0, 0, 0, 1 },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	};
	struct vcfg *dev = test->priv;
	struct net_device *netdev = dev->fake->netdev;
	u32 i;

	memcpy(dev->net.mac, good, ETH_ALEN);
	KUNIT_EXPECT_EQ(test, vcfg_try(dev, VCFG_MAC), 0);
	KUNIT_EXPECT_MEMEQ(test, netdev->dev_addr, good, ETH_ALEN);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		memcpy(dev->net.mac, bad[i], ETH_ALEN);
		KUNIT_EXPECT_EQ(test, vcfg_try(dev, VCFG_MAC), 0);
		KUNIT_EXPECT_TRUE(test, is_valid_ether_addr(netdev->dev_addr));
		KUNIT_EXPECT_MEMNEQ(test, netdev->dev_addr, good, ETH_ALEN);
	}
	memcpy(dev->net.mac, good, ETH_ALEN);
	KUNIT_EXPECT_EQ(test, vcfg_try(dev, 0), 0);
	KUNIT_EXPECT_MEMNEQ(test, netdev->dev_addr, good, ETH_ALEN);
}

/* A capability for doorbells that is too long to be mapped at once (4.1.4.4). */
static void vcfg_spread_doorbells(struct vcfg *dev)
{
	struct virtio_pci_modern_device *mdev = &vnet_hw(dev->fake->nic)->mdev;
	u8 *cap = dev->fake->pci.config + VCFG_NOTIFY;

	put_unaligned_le32(PAGE_SIZE, cap + 8);
	put_unaligned_le32(8 * PAGE_SIZE, cap + 12);
	mdev->modern_bars = BIT(0);
	mdev->notify_map_cap = VCFG_NOTIFY;
	mdev->notify_base = NULL;
	mdev->notify_offset_multiplier = 2;
}

/* Doorbells that were mapped one by one are unmapped, and no others. */
static void vcfg_doorbells_test(struct kunit *test)
{
	struct vcfg *dev = test->priv;
	struct sluice_nic *nic = dev->fake->nic;

	KUNIT_EXPECT_EQ(test, vcfg_try(dev, VCFG_CTRL), 0);
	vnet_unmap_doorbells(nic);
	KUNIT_EXPECT_EQ(test, dev->mapped, 0);
	vnet_ctrl_remove(nic);
	vcfg_spread_doorbells(dev);
	dev->pairs = 3;
	dev->net.max_virtqueue_pairs = (__force __virtio16)cpu_to_le16(3);
	KUNIT_EXPECT_EQ(test, vcfg_try(dev, VCFG_CTRL | VCFG_MQ), 0);
	KUNIT_EXPECT_EQ(test, dev->mapped, 7);
	vnet_unmap_doorbells(nic);
	KUNIT_EXPECT_EQ(test, dev->mapped, 0);
	vnet_ctrl_remove(nic);
	/* One for four bytes at an address for two, before any other. */
	memset(vnet_hw(nic)->doorbell, 0, sizeof(vnet_hw(nic)->doorbell));
	vnet_hw(nic)->ctrl.doorbell = NULL;
	dev->config->cfg.queue_notify_off = cpu_to_le16(1);
	KUNIT_EXPECT_EQ(test, vcfg_try(dev, VCFG_DATA), -EINVAL);
	vnet_unmap_doorbells(nic);
	KUNIT_EXPECT_EQ(test, dev->mapped, 0);
}

/* The interrupt of the configuration: by the line, or by its own vector. */
static void vcfg_interrupt(struct vcfg *dev, bool msix)
{
	struct sluice_nic *nic = dev->fake->nic;
	unsigned long flags;

	dev->isr = msix ? 0 : VIRTIO_PCI_ISR_CONFIG;
	nic->pdev->msix_enabled = msix;
	local_bh_disable();
	local_irq_save(flags);
	KUNIT_EXPECT_EQ(dev->fake->test, vnet_irq(0, nic), IRQ_HANDLED);
	local_irq_restore(flags);
	local_bh_enable();
	nic->pdev->msix_enabled = false;
	flush_work(&nic->link_work);
}

/* A device that says it cannot go on is reset, and goes on. */
static void vcfg_needs_reset_test(struct kunit *test)
{
	struct vcfg *dev = test->priv;
	struct fake_nic *fake = dev->fake;
	struct sluice_nic *nic = fake->nic;
	u32 i, before;

	fake_open(fake);
	vcfg_interrupt(dev, false);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&nic->health.work));
	for (i = 1; i <= 4; i++) {
		before = fake_virtio(fake)->resets;
		dev->config->cfg.device_status |= VCFG_NEEDS_RESET;
		KUNIT_ASSERT_TRUE(test,
				  fake_transmit(fake, fake_skb(fake, 100), false));
		vcfg_interrupt(dev, i % 2);
		flush_delayed_work(&nic->health.work);
		KUNIT_EXPECT_EQ(test, dev->reports, i);
		KUNIT_EXPECT_STREQ(test, dev->said, "rx0: the device asks for a reset");
		KUNIT_EXPECT_EQ(test, nic->resets, i);
		KUNIT_EXPECT_EQ(test, fake_virtio(fake)->resets, before + 1);
		KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RESET_DROP), i);
		KUNIT_EXPECT_FALSE(test, delayed_work_pending(&nic->health.work));
		fake_virtio_expect_alive(fake);
	}
	fake_expect_ledger(fake);
	fake_close(fake);
}

static struct kunit_case vcfg_cases[] = {
	KUNIT_CASE(vcfg_size_test),
	KUNIT_CASE(vcfg_pairs_test),
	KUNIT_CASE(vcfg_absent_test),
	KUNIT_CASE(vcfg_mtu_test),
	KUNIT_CASE(vcfg_address_test),
	KUNIT_CASE(vcfg_doorbells_test),
	KUNIT_CASE(vcfg_needs_reset_test),
	{}
};

static struct kunit_suite vcfg_suite = {
	.name		= "sluice_vnet_config",
	.init		= vcfg_init,
	.test_cases	= vcfg_cases,
};

kunit_test_suite(vcfg_suite);
