// SPDX-License-Identifier: GPL-2.0-only
/* Slow path of the 8254x, on registers that are memory: NVM, PHY, link, settings,
 * filters, counters, and a device that is gone.
 */

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/mii.h>
#include <linux/rtnetlink.h>
#include "fake_e1000.h"

#define E1000_82540EM	0x100e
#define E1000_82544GC	0x100c

static struct fake_e1000 *e1000_probed(struct kunit *test, u32 device)
{
	struct fake_e1000 *dev = fake_e1000_create(test, device);

	KUNIT_ASSERT_TRUE(test, fake_e1000_plug(dev));
	/* No frames: nobody would send them. */
	dev->netdev->priv_flags |= IFF_NO_ADDRCONF;
	return dev;
}

static int e1000_try_open(struct fake_e1000 *dev)
{
	int err;

	rtnl_lock();
	err = dev_open(dev->netdev, NULL);
	rtnl_unlock();
	return err;
}

static struct fake_e1000 *e1000_opened(struct kunit *test, u32 device)
{
	struct fake_e1000 *dev = e1000_probed(test, device);

	KUNIT_ASSERT_EQ(test, e1000_try_open(dev), 0);
	return dev;
}

static void e1000_close(struct fake_e1000 *dev)
{
	rtnl_lock();
	dev_close(dev->netdev);
	rtnl_unlock();
}

static void e1000_start_test(struct kunit *test)
{
	static const u8 addr[] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
	struct fake_e1000 *dev = e1000_probed(test, E1000_82540EM);

	KUNIT_EXPECT_MEMEQ(test, dev->netdev->dev_addr, addr, ETH_ALEN);
	KUNIT_EXPECT_EQ(test, dev->netdev->addr_assign_type, NET_ADDR_PERM);
	KUNIT_EXPECT_FALSE(test, netif_carrier_ok(dev->netdev));
	KUNIT_ASSERT_EQ(test, e1000_try_open(dev), 0);
	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(dev->netdev));
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_RDLEN), 256 * 16);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_TDLEN), 256 * 16);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_RDT), 255);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_TDT), 0);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_RDBAL),
			lower_32_bits(dev->nic->vec[0]->rx->dma));
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_TDBAL),
			lower_32_bits(dev->nic->vec[0]->tx->dma));
	KUNIT_EXPECT_TRUE(test, fake_e1000_reg(dev, E1000_RCTL) & E1000_RCTL_EN);
	KUNIT_EXPECT_TRUE(test, fake_e1000_reg(dev, E1000_TCTL) & E1000_TCTL_EN);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_IMS),
			E1000_IRQ_RXT0 | E1000_IRQ_RXO | E1000_IRQ_LSC);
	e1000_close(dev);
	KUNIT_EXPECT_FALSE(test, fake_e1000_reg(dev, E1000_RCTL) & E1000_RCTL_EN);
	KUNIT_EXPECT_FALSE(test, fake_e1000_reg(dev, E1000_TCTL) & E1000_TCTL_EN);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_IMC), U32_MAX);
}

struct e1000_nvm_case {
	const char *name;
	u16 first;		/* word of the address */
	bool sealed;
	bool silent;
};

static const struct e1000_nvm_case e1000_nvm_cases[] = {
	{ "wrong checksum", 0x5452, false, false },
	{ "never done", 0x5452, true, true },
	{ "multicast address", 0x5453, true, false },
};

KUNIT_ARRAY_PARAM_DESC(e1000_nvm, e1000_nvm_cases, name);

/* No address from the NVM: a random one, and the NIC works. */
static void e1000_nvm_test(struct kunit *test)
{
	const struct e1000_nvm_case *c = test->param_value;
	struct fake_e1000 *dev = fake_e1000_create(test, E1000_82540EM);

	dev->nvm[0] = c->first;
	dev->nvm[10]++;
	if (c->sealed)
		fake_e1000_seal_nvm(dev);
	dev->defects.nvm_silent = c->silent;
	KUNIT_ASSERT_TRUE(test, fake_e1000_plug(dev));
	KUNIT_EXPECT_EQ(test, dev->netdev->addr_assign_type, NET_ADDR_RANDOM);
	KUNIT_EXPECT_TRUE(test, is_valid_ether_addr(dev->netdev->dev_addr));
	KUNIT_EXPECT_EQ(test, !!dev->nic->board->ops->nvm_check(dev->nic),
			!c->sealed || c->silent);
	KUNIT_EXPECT_EQ(test, e1000_try_open(dev), 0);
}

struct e1000_phy_case {
	const char *name;
	struct fake_e1000_defects defects;
	u16 id;
};

static const struct e1000_phy_case e1000_phy_cases[] = {
	{ "never ready", { .phy_silent = true }, 0x0141 },
	{ "read error", { .phy_error = true }, 0x0141 },
	{ "no identifier", {}, 0 },
	{ "nobody drives the bus", {}, 0xffff },
	{ "no device at all", { .gone = true }, 0x0141 },
};

KUNIT_ARRAY_PARAM_DESC(e1000_phy, e1000_phy_cases, name);

/* Without a PHY there is no NIC. */
static void e1000_phy_test(struct kunit *test)
{
	const struct e1000_phy_case *c = test->param_value;
	struct fake_e1000 *dev = fake_e1000_create(test, E1000_82540EM);

	dev->defects = c->defects;
	dev->phy[MII_PHYSID1] = c->id;
	KUNIT_EXPECT_FALSE(test, fake_e1000_plug(dev));
}

static void e1000_set_link(struct fake_e1000 *dev, bool up)
{
	u32 status = fake_e1000_reg(dev, E1000_STATUS) & ~E1000_STATUS_LU;

	fake_e1000_set(dev, E1000_STATUS, status | (up ? E1000_STATUS_LU : 0));
}

static void e1000_link_flap_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	u32 i, asked = E1000_IRQ_LSC | E1000_IRQ_RXT0 | E1000_IRQ_RXO;
	u64 irqs = dev->nic->irqs, foreign = dev->nic->irqs_foreign;

	for (i = 0; i < 10; i++) {
		e1000_set_link(dev, i % 2);
		fake_e1000_interrupt(dev, E1000_IRQ_LSC);
		KUNIT_EXPECT_EQ(test, netif_carrier_ok(dev->netdev), i % 2);
	}
	KUNIT_EXPECT_EQ(test, dev->nic->irqs, irqs + 10);
	/* So short that the link is back before anybody looks. */
	fake_e1000_interrupt(dev, E1000_IRQ_LSC);
	KUNIT_EXPECT_TRUE(test, netif_carrier_ok(dev->netdev));
	/* Causes that nobody asked for are a neighbour's interrupt. */
	fake_e1000_interrupt(dev, 0x7fffffff ^ asked);
	KUNIT_EXPECT_EQ(test, dev->nic->irqs_foreign, foreign + 1);
}

static int e1000_get_link(struct fake_e1000 *dev,
			  struct ethtool_link_ksettings *ks)
{
	int err;

	memset(ks, 0, sizeof(*ks));
	rtnl_lock();
	err = dev->netdev->ethtool_ops->get_link_ksettings(dev->netdev, ks);
	rtnl_unlock();
	return err;
}

static int e1000_set_link_settings(struct fake_e1000 *dev,
				   const struct ethtool_link_ksettings *ks)
{
	int err;

	rtnl_lock();
	err = dev->netdev->ethtool_ops->set_link_ksettings(dev->netdev, ks);
	rtnl_unlock();
	return err;
}

/* Every code of the speed field means something. */
static void e1000_speed_test(struct kunit *test)
{
	static const u32 speeds[] = { SPEED_10, SPEED_100, SPEED_1000, SPEED_1000 };
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	struct ethtool_link_ksettings ks;
	u32 i;

	for (i = 0; i < 2 * ARRAY_SIZE(speeds); i++) {
		fake_e1000_set(dev, E1000_STATUS, E1000_STATUS_LU |
			       FIELD_PREP(E1000_STATUS_SPEED, i / 2) | i % 2);
		KUNIT_EXPECT_EQ(test, e1000_get_link(dev, &ks), 0);
		KUNIT_EXPECT_EQ(test, ks.base.speed, speeds[i / 2]);
		KUNIT_EXPECT_EQ(test, ks.base.duplex, i % 2);
	}
	e1000_set_link(dev, false);
	KUNIT_EXPECT_EQ(test, e1000_get_link(dev, &ks), 0);
	KUNIT_EXPECT_EQ(test, ks.base.speed, (u32)SPEED_UNKNOWN);
	KUNIT_EXPECT_EQ(test, ks.base.duplex, DUPLEX_UNKNOWN);
	dev->defects.phy_silent = true;
	KUNIT_EXPECT_EQ(test, e1000_get_link(dev, &ks), -EIO);
	/* What a read that failed has left in the register is no data. */
	dev->defects = (struct fake_e1000_defects){ .phy_error = true };
	KUNIT_EXPECT_EQ(test, e1000_get_link(dev, &ks), -EIO);
}

/* What the user has set comes back after the PHY has lost it. */
static void e1000_phy_restore_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	const struct dev_pm_ops *pm = dev->pci.driver.driver.pm;
	struct ethtool_link_ksettings ks;
	u32 writes;

	KUNIT_ASSERT_EQ(test, e1000_get_link(dev, &ks), 0);
	linkmode_zero(ks.link_modes.advertising);
	linkmode_set_bit(ETHTOOL_LINK_MODE_100baseT_Full_BIT,
			 ks.link_modes.advertising);
	KUNIT_EXPECT_EQ(test, e1000_set_link_settings(dev, &ks), 0);
	KUNIT_EXPECT_EQ(test, dev->phy[MII_ADVERTISE],
			ADVERTISE_100FULL | ADVERTISE_CSMA);
	KUNIT_EXPECT_EQ(test, dev->phy[MII_CTRL1000], 0);
	/* Where it has lost nothing, the link is left alone. */
	writes = dev->phy_writes;
	KUNIT_EXPECT_EQ(test, pm->suspend(&dev->pci.dev->dev), 0);
	KUNIT_EXPECT_EQ(test, pm->resume(&dev->pci.dev->dev), 0);
	KUNIT_EXPECT_EQ(test, dev->phy_writes, writes);
	KUNIT_EXPECT_EQ(test, pm->suspend(&dev->pci.dev->dev), 0);
	dev->phy[MII_ADVERTISE] = ADVERTISE_ALL;
	dev->phy[MII_BMCR] = BMCR_PDOWN;
	KUNIT_EXPECT_EQ(test, pm->resume(&dev->pci.dev->dev), 0);
	KUNIT_EXPECT_EQ(test, dev->phy[MII_ADVERTISE],
			ADVERTISE_100FULL | ADVERTISE_CSMA);
	KUNIT_EXPECT_EQ(test, dev->phy[MII_BMCR],
			BMCR_ANENABLE | BMCR_FULLDPLX | BMCR_SPEED1000);
}

/* The MAC works without its PHY: the interface comes up. The PHY has what the user
 * wants as soon as it answers again.
 */
static void e1000_phy_lost_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	u16 advertise = dev->phy[MII_ADVERTISE];

	e1000_close(dev);
	dev->phy[MII_ADVERTISE] = 0;
	dev->defects.phy_silent = true;
	KUNIT_EXPECT_EQ(test, e1000_try_open(dev), 0);
	KUNIT_EXPECT_EQ(test, dev->phy[MII_ADVERTISE], 0);
	e1000_close(dev);
	dev->defects.phy_silent = false;
	KUNIT_EXPECT_EQ(test, e1000_try_open(dev), 0);
	KUNIT_EXPECT_EQ(test, dev->phy[MII_ADVERTISE], advertise);
}

/* The loop that the user has asked for is there again after a reset. */
static void e1000_loopback_start_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);

	rtnl_lock();
	dev->netdev->wanted_features |= NETIF_F_LOOPBACK;
	netdev_update_features(dev->netdev);
	rtnl_unlock();
	KUNIT_EXPECT_TRUE(test, dev->phy[MII_BMCR] & BMCR_LOOPBACK);
	e1000_close(dev);
	dev->phy[MII_BMCR] = 0;
	fake_e1000_set(dev, E1000_CTRL, 0);
	KUNIT_EXPECT_EQ(test, e1000_try_open(dev), 0);
	KUNIT_EXPECT_TRUE(test, dev->phy[MII_BMCR] & BMCR_LOOPBACK);
	KUNIT_EXPECT_TRUE(test, fake_e1000_reg(dev, E1000_CTRL) &
				E1000_CTRL_FRCSPD);
}

static void e1000_forced_link_test(struct kunit *test)
{
	static const struct {
		u32 speed;
		u8 duplex;
		int err;
		u16 bmcr;
	} steps[] = {
		{ SPEED_10, DUPLEX_HALF, 0, 0 },
		{ SPEED_10, DUPLEX_FULL, 0, BMCR_FULLDPLX },
		{ SPEED_100, DUPLEX_HALF, 0, BMCR_SPEED100 },
		{ SPEED_100, DUPLEX_FULL, 0, BMCR_SPEED100 | BMCR_FULLDPLX },
		{ SPEED_1000, DUPLEX_FULL, -EINVAL },
		{ SPEED_2500, DUPLEX_FULL, -EINVAL },
		{ SPEED_100, DUPLEX_UNKNOWN, -EINVAL },
		{ 0, DUPLEX_FULL, -EINVAL },
	};
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	struct ethtool_link_ksettings ks;
	u16 bmcr = dev->phy[MII_BMCR];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		KUNIT_ASSERT_EQ(test, e1000_get_link(dev, &ks), 0);
		ks.base.autoneg = AUTONEG_DISABLE;
		ks.base.speed = steps[i].speed;
		ks.base.duplex = steps[i].duplex;
		KUNIT_EXPECT_EQ(test, e1000_set_link_settings(dev, &ks),
				steps[i].err);
		if (!steps[i].err)
			bmcr = steps[i].bmcr;
		/* A refusal has changed nothing. */
		KUNIT_EXPECT_EQ(test, dev->phy[MII_BMCR], bmcr);
	}
	KUNIT_ASSERT_EQ(test, e1000_get_link(dev, &ks), 0);
	ks.base.autoneg = AUTONEG_ENABLE;
	linkmode_zero(ks.link_modes.advertising);
	KUNIT_EXPECT_EQ(test, e1000_set_link_settings(dev, &ks), -EINVAL);
}

/* All ones from the cause register is no interrupt, and no frame. */
static void e1000_gone_interrupt_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	u64 irqs = dev->nic->irqs, polls;

	polls = u64_stats_read(&dev->nic->vec[0]->rx_stats.count[SLUICE_RX_POLLS]);
	fake_e1000_go(dev);
	fake_e1000_interrupt(dev, U32_MAX);
	KUNIT_EXPECT_TRUE(test, test_bit(SLUICE_GONE, &dev->nic->state));
	KUNIT_EXPECT_EQ(test, dev->nic->irqs, irqs);
	napi_synchronize(&dev->nic->vec[0]->napi);
	KUNIT_EXPECT_EQ(test, polls, u64_stats_read(&dev->nic->vec[0]->rx_stats
						    .count[SLUICE_RX_POLLS]));
	e1000_close(dev);
	KUNIT_EXPECT_EQ(test, e1000_try_open(dev), -ENODEV);
}

/* A device that answers again was not gone. */
static void e1000_back_again_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	u64 irqs = dev->nic->irqs;

	fake_e1000_interrupt(dev, U32_MAX);
	KUNIT_EXPECT_TRUE(test, test_bit(SLUICE_GONE, &dev->nic->state));
	fake_e1000_interrupt(dev, E1000_IRQ_LSC);
	KUNIT_EXPECT_FALSE(test, test_bit(SLUICE_GONE, &dev->nic->state));
	KUNIT_EXPECT_EQ(test, dev->nic->irqs, irqs + 1);
}

/* All ones from the status register is no link. */
static void e1000_gone_link_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);

	fake_e1000_set(dev, E1000_STATUS, U32_MAX);
	fake_e1000_interrupt(dev, E1000_IRQ_LSC);
	KUNIT_EXPECT_FALSE(test, netif_carrier_ok(dev->netdev));
}

static u64 e1000_stat(struct fake_e1000 *dev, const char *name)
{
	const struct ethtool_ops *ops = dev->netdev->ethtool_ops;
	u32 i, n = ops->get_sset_count(dev->netdev, ETH_SS_STATS);
	struct ethtool_stats stats = { .n_stats = n };
	u8 *names = kunit_kzalloc(dev->test, n * ETH_GSTRING_LEN, GFP_KERNEL);
	u64 *data = kunit_kcalloc(dev->test, n, sizeof(*data), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(dev->test, names);
	KUNIT_ASSERT_NOT_NULL(dev->test, data);
	ops->get_strings(dev->netdev, ETH_SS_STATS, names);
	rtnl_lock();
	ops->get_ethtool_stats(dev->netdev, &stats, data);
	rtnl_unlock();
	for (i = 0; i < n; i++)
		if (!strcmp(names + i * ETH_GSTRING_LEN, name))
			return data[i];
	KUNIT_FAIL(dev->test, "there is no counter %s", name);
	return 0;
}

/* A register that keeps its value is not counted twice, one that reads as ones
 * not at all, and one that begins again from its new beginning.
 */
static void e1000_counter_test(struct kunit *test)
{
	static const struct {
		u32 value;
		u64 total;
	} steps[] = {
		{ 0, 0 }, { 5, 5 }, { 5, 5 }, { 9, 9 }, { U32_MAX, 9 }, { 9, 9 },
		{ 3, 12 }, { 4, 13 },
	};
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		fake_e1000_set(dev, E1000_GPRC, steps[i].value);
		KUNIT_EXPECT_EQ(test, e1000_stat(dev, "dev_rx_frames"),
				steps[i].total);
	}
	fake_e1000_set(dev, E1000_TORL, U32_MAX);
	fake_e1000_set(dev, E1000_TORL + 4, U32_MAX);
	KUNIT_EXPECT_EQ(test, e1000_stat(dev, "dev_rx_bytes"), 0);
}

/* XON and XOFF together; the emulator never counts one. */
static void e1000_pause_stats_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	struct ethtool_pause_stats stats = {};

	fake_e1000_set(dev, E1000_XONRXC, 1);
	fake_e1000_set(dev, E1000_XOFFRXC, 2);
	fake_e1000_set(dev, E1000_XONTXC, 4);
	fake_e1000_set(dev, E1000_XOFFTXC, 8);
	dev->netdev->ethtool_ops->get_pause_stats(dev->netdev, &stats);
	KUNIT_EXPECT_EQ(test, stats.rx_pause_frames, 3);
	KUNIT_EXPECT_EQ(test, stats.tx_pause_frames, 12);
}

static int e1000_coalesce(struct fake_e1000 *dev, u32 usecs)
{
	struct ethtool_coalesce ec = { .rx_coalesce_usecs = usecs };
	struct kernel_ethtool_coalesce kernel_ec = {};
	struct netlink_ext_ack extack = {};
	int err;

	rtnl_lock();
	err = dev->netdev->ethtool_ops->set_coalesce(dev->netdev, &ec, &kernel_ec,
						     &extack);
	rtnl_unlock();
	KUNIT_EXPECT_EQ_MSG(dev->test, !!err, !!extack._msg,
			    "a refusal is explained, and nothing else is");
	return err;
}

static void e1000_coalesce_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	struct fake_e1000 *old = e1000_opened(test, E1000_82544GC);

	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_ITR), 50 * 1000 / 256);
	KUNIT_EXPECT_EQ(test, e1000_coalesce(dev, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_ITR), 0);
	KUNIT_EXPECT_EQ(test, e1000_coalesce(dev, 16776), 0);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_ITR), 65531);
	KUNIT_EXPECT_EQ(test, e1000_coalesce(dev, 16777), -EINVAL);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_ITR), 65531);
	/* What a start writes is what was set last. */
	e1000_close(dev);
	fake_e1000_set(dev, E1000_ITR, 0);
	KUNIT_EXPECT_EQ(test, e1000_try_open(dev), 0);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_ITR), 65531);
	KUNIT_EXPECT_EQ(test, e1000_coalesce(old, 50), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(old, E1000_ITR), 0);
}

static bool e1000_rctl_has(struct fake_e1000 *dev, u32 bits)
{
	return (fake_e1000_reg(dev, E1000_RCTL) & bits) == bits;
}

/* As many addresses as fit, and promiscuous for the one that does not. */
static void e1000_unicast_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	u8 addr[ETH_ALEN] = { 0x52, 0x54, 0, 0, 0, 0 };
	u32 low, high;

	for (addr[5] = 1; addr[5] < E1000_RA_ENTRIES; addr[5]++) {
		rtnl_lock();
		dev_uc_add(dev->netdev, addr);
		rtnl_unlock();
		low = fake_e1000_reg(dev, E1000_RA + 8 * addr[5]);
		high = fake_e1000_reg(dev, E1000_RA + 8 * addr[5] + 4);
		KUNIT_EXPECT_EQ(test, low, 0x5452);
		KUNIT_EXPECT_EQ(test, high, E1000_RAH_AV | addr[5] << 8);
		KUNIT_EXPECT_FALSE(test, e1000_rctl_has(dev, E1000_RCTL_UPE));
	}
	rtnl_lock();
	dev_uc_add(dev->netdev, addr);
	KUNIT_EXPECT_TRUE(test, e1000_rctl_has(dev, E1000_RCTL_UPE));
	/* The 16th entry is the management controller's. */
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_RA + 8 * 15), 0);
	while (--addr[5])
		dev_uc_del(dev->netdev, addr);
	rtnl_unlock();
	KUNIT_EXPECT_FALSE(test, e1000_rctl_has(dev, E1000_RCTL_UPE));
}

static void e1000_filter_test(struct kunit *test)
{
	/* The hash is the upper twelve bits: 0xabc, word 0x55, bit 0x1c. */
	static const u8 group[ETH_ALEN] = { 0x01, 0, 0x5e, 0, 0xc7, 0xab };
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	u32 mta = E1000_MTA + 4 * (0xabc >> 5), before = fake_e1000_reg(dev, mta);

	rtnl_lock();
	dev_mc_add(dev->netdev, group);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, mta), before | BIT(0xabc & 31));
	dev_mc_del(dev->netdev, group);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, mta), before);
	dev_set_allmulti(dev->netdev, 1);
	KUNIT_EXPECT_TRUE(test, e1000_rctl_has(dev, E1000_RCTL_MPE));
	KUNIT_EXPECT_FALSE(test, e1000_rctl_has(dev, E1000_RCTL_UPE));
	dev_set_allmulti(dev->netdev, -1);
	dev_set_promiscuity(dev->netdev, 1);
	KUNIT_EXPECT_TRUE(test, e1000_rctl_has(dev, E1000_RCTL_MPE |
						    E1000_RCTL_UPE));
	KUNIT_EXPECT_FALSE(test, e1000_rctl_has(dev, E1000_RCTL_VFE));
	dev_set_promiscuity(dev->netdev, -1);
	KUNIT_EXPECT_TRUE(test, e1000_rctl_has(dev, E1000_RCTL_VFE));
	KUNIT_EXPECT_EQ(test, dev_set_mtu(dev->netdev, ETH_DATA_LEN + 1), 0);
	KUNIT_EXPECT_TRUE(test, e1000_rctl_has(dev, E1000_RCTL_LPE));
	KUNIT_EXPECT_EQ(test, dev_set_mtu(dev->netdev, ETH_DATA_LEN), 0);
	KUNIT_EXPECT_FALSE(test, e1000_rctl_has(dev, E1000_RCTL_LPE));
	rtnl_unlock();
}

/* Each VLAN has its bit, and a reset puts all of them back. */
static void e1000_vlan_test(struct kunit *test)
{
	static const u16 vids[] = { 1, 31, 32, 2047, 4094 };
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	const struct net_device_ops *ops = dev->netdev->netdev_ops;
	u32 i, vfta;

	for (i = 0; i < ARRAY_SIZE(vids); i++) {
		rtnl_lock();
		ops->ndo_vlan_rx_add_vid(dev->netdev, htons(ETH_P_8021Q), vids[i]);
		rtnl_unlock();
	}
	memset(dev->regs + E1000_VFTA / 4, 0, 4 * E1000_VFTA_WORDS);
	KUNIT_EXPECT_EQ(test, dev->nic->board->ops->reset(dev->nic), 0);
	for (i = 0; i < ARRAY_SIZE(vids); i++) {
		vfta = E1000_VFTA + 4 * (vids[i] / 32);
		KUNIT_EXPECT_TRUE(test, fake_e1000_reg(dev, vfta) &
					BIT(vids[i] % 32));
		rtnl_lock();
		ops->ndo_vlan_rx_kill_vid(dev->netdev, htons(ETH_P_8021Q),
					  vids[i]);
		rtnl_unlock();
		KUNIT_EXPECT_FALSE(test, fake_e1000_reg(dev, vfta) &
					 BIT(vids[i] % 32));
	}
}

static void e1000_pause_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_opened(test, E1000_82540EM);
	struct ethtool_pauseparam set = {}, got;
	u32 i, ctrl;

	for (i = 0; i < 8; i++) {
		set.rx_pause = i & 1;
		set.tx_pause = i >> 1 & 1;
		set.autoneg = i >> 2;
		got = (struct ethtool_pauseparam){};
		rtnl_lock();
		KUNIT_EXPECT_EQ(test, dev->netdev->ethtool_ops->set_pauseparam
					(dev->netdev, &set), 0);
		dev->netdev->ethtool_ops->get_pauseparam(dev->netdev, &got);
		rtnl_unlock();
		KUNIT_EXPECT_MEMEQ(test, &got, &set, sizeof(set));
		ctrl = fake_e1000_reg(dev, E1000_CTRL);
		KUNIT_EXPECT_EQ(test, !!(ctrl & E1000_CTRL_RFCE), set.rx_pause);
		KUNIT_EXPECT_EQ(test, !!(ctrl & E1000_CTRL_TFCE), set.tx_pause);
		if (set.autoneg)
			KUNIT_EXPECT_EQ(test, dev->phy[MII_ADVERTISE] &
					(ADVERTISE_PAUSE_CAP | ADVERTISE_PAUSE_ASYM),
					mii_advertise_flowctrl(set.rx_pause * FLOW_CTRL_RX |
							       set.tx_pause * FLOW_CTRL_TX));
	}
}

/* The register test leaves everything as it was. */
static void e1000_register_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_probed(test, E1000_82540EM);
	u32 i, wrong = 0;

	for (i = 0; i < FAKE_E1000_BAR / 4; i++)
		dev->regs[i] = i * 0x01010101;
	KUNIT_EXPECT_EQ(test, dev->nic->board->ops->test_regs(dev->nic), 0);
	for (i = 0; i < FAKE_E1000_BAR / 4; i++)
		wrong += dev->regs[i] != i * 0x01010101;
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

static void e1000_led_test(struct kunit *test)
{
	struct fake_e1000 *dev = e1000_probed(test, E1000_82540EM);
	struct fake_e1000 *old = e1000_probed(test, E1000_82544GC);
	const struct sluice_hw_ops *ops = dev->nic->board->ops;
	u32 normal = fake_e1000_reg(dev, E1000_LEDCTL);

	ops->identify(dev->nic, 1);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_LEDCTL) & 0xf, 0xe);
	ops->identify(dev->nic, 0);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_LEDCTL) & 0xf, 0xf);
	ops->identify(dev->nic, -1);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(dev, E1000_LEDCTL), normal);
	ops->identify(old->nic, 1);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(old, E1000_CTRL) &
			(E1000_CTRL_SWDPIN0 | E1000_CTRL_SWDPIO0),
			E1000_CTRL_SWDPIN0 | E1000_CTRL_SWDPIO0);
	ops->identify(old->nic, -1);
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(old, E1000_CTRL) &
			(E1000_CTRL_SWDPIN0 | E1000_CTRL_SWDPIO0), 0);
	/* Reserved there. */
	KUNIT_EXPECT_EQ(test, fake_e1000_reg(old, E1000_LEDCTL), 0);
}

static struct kunit_case e1000_slow_cases[] = {
	KUNIT_CASE_SLOW(e1000_start_test),
	KUNIT_CASE_PARAM(e1000_nvm_test, e1000_nvm_gen_params),
	KUNIT_CASE_PARAM(e1000_phy_test, e1000_phy_gen_params),
	KUNIT_CASE(e1000_link_flap_test),
	KUNIT_CASE(e1000_speed_test),
	KUNIT_CASE(e1000_phy_restore_test),
	KUNIT_CASE(e1000_phy_lost_test),
	KUNIT_CASE(e1000_loopback_start_test),
	KUNIT_CASE(e1000_forced_link_test),
	KUNIT_CASE(e1000_gone_interrupt_test),
	KUNIT_CASE(e1000_back_again_test),
	KUNIT_CASE(e1000_gone_link_test),
	KUNIT_CASE(e1000_counter_test),
	KUNIT_CASE(e1000_pause_stats_test),
	KUNIT_CASE_SLOW(e1000_coalesce_test),
	KUNIT_CASE(e1000_unicast_test),
	KUNIT_CASE(e1000_filter_test),
	KUNIT_CASE(e1000_vlan_test),
	KUNIT_CASE(e1000_pause_test),
	KUNIT_CASE(e1000_register_test),
	KUNIT_CASE(e1000_led_test),
	{}
};

static struct kunit_suite e1000_slow_suite = {
	.name		= "sluice_e1000_slow",
	.test_cases	= e1000_slow_cases,
};

kunit_test_suite(e1000_slow_suite);
