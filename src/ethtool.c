// SPDX-License-Identifier: GPL-2.0-only
/* ethtool operations: validate, refuse by a sentence, delegate. */

#include <kunit/visibility.h>
#include <linux/log2.h>
#include <linux/rtnetlink.h>
#include "core.h"

static void sluice_get_drvinfo(struct net_device *netdev,
			       struct ethtool_drvinfo *info)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->bus_info, pci_name(nic->pdev), sizeof(info->bus_info));
	strscpy(info->fw_version, nic->board->name, sizeof(info->fw_version));
}

static int sluice_get_regs_len(struct net_device *netdev)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	return *nic->board->ops->regs_len;
}

static void sluice_get_regs(struct net_device *netdev, struct ethtool_regs *regs,
			    void *data)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	regs->version = nic->pdev->revision << 16 | nic->pdev->device;
	nic->board->ops->get_regs(nic, data);
}

static u32 sluice_get_msglevel(struct net_device *netdev)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	return nic->msg_enable;
}

static void sluice_set_msglevel(struct net_device *netdev, u32 level)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	nic->msg_enable = level;
}

static int sluice_nway_reset(struct net_device *netdev)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	if (!netif_running(netdev))
		return -ENETDOWN;
	return nic->board->ops->restart_autoneg(nic);
}

static int sluice_get_eeprom_len(struct net_device *netdev)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	return nic->board->ops->nvm_words * sizeof(u16);
}

/* The core has bounded offset and length. The NVM is read in words. */
static int sluice_get_eeprom(struct net_device *netdev,
			     struct ethtool_eeprom *eeprom, u8 *bytes)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	u32 i, at;
	u16 word;
	int err;

	eeprom->magic = nic->pdev->vendor | nic->pdev->device << 16;
	for (i = 0; i < eeprom->len; i++) {
		at = eeprom->offset + i;
		err = nic->board->ops->nvm_read(nic, at / 2, 1, &word);
		if (err)
			return err;
		bytes[i] = at % 2 ? word >> 8 : word;
	}
	return 0;
}

static void sluice_get_ringparam(struct net_device *netdev,
				 struct ethtool_ringparam *ring,
				 struct kernel_ethtool_ringparam *kernel_ring,
				 struct netlink_ext_ack *extack)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	ring->rx_max_pending = nic->max_ring;
	ring->tx_max_pending = nic->max_ring;
	ring->rx_pending = nic->cfg.rx_size;
	ring->tx_pending = nic->cfg.tx_size;
}

static int sluice_check_ring(struct sluice_nic *nic, const char *which, u32 size,
			     struct netlink_ext_ack *extack)
{
	if (is_power_of_2(size) && size >= SLUICE_RING_MIN &&
	    size <= nic->max_ring)
		return 0;
	NL_SET_ERR_MSG_FMT_MOD(extack,
			       "%s %u: must be a power of two from %d to %u",
			       which, size, SLUICE_RING_MIN,
			       nic->max_ring);
	return -EINVAL;
}

static int sluice_set_config(struct sluice_nic *nic,
			     const struct sluice_config *cfg,
			     struct netlink_ext_ack *extack)
{
	if (!memcmp(cfg, &nic->cfg, sizeof(*cfg)))
		return 0;
	if (test_bit(SLUICE_UP, &nic->state))
		return sluice_rebuild(nic, cfg, extack);
	return sluice_set_idle_config(nic, cfg, extack);
}

static int sluice_set_ringparam(struct net_device *netdev,
				struct ethtool_ringparam *ring,
				struct kernel_ethtool_ringparam *kernel_ring,
				struct netlink_ext_ack *extack)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	struct sluice_config cfg = {
		.rx_size	= ring->rx_pending,
		.tx_size	= ring->tx_pending,
		.channels	= nic->cfg.channels,
	};

	return sluice_check_ring(nic, "rx", cfg.rx_size, extack) ?:
	       sluice_check_ring(nic, "tx", cfg.tx_size, extack) ?:
	       sluice_set_config(nic, &cfg, extack);
}

static void sluice_get_channels(struct net_device *netdev,
				struct ethtool_channels *ch)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	ch->max_combined = nic->max_vec;
	ch->combined_count = nic->cfg.channels;
}

/* The core has bounded the count. */
static int sluice_set_channels(struct net_device *netdev,
			       struct ethtool_channels *ch)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	struct sluice_config cfg = nic->cfg;

	cfg.channels = ch->combined_count;
	return sluice_set_config(nic, &cfg, NULL);
}

static void sluice_get_pauseparam(struct net_device *netdev,
				  struct ethtool_pauseparam *pause)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	nic->board->ops->get_pause(nic, pause);
}

static int sluice_set_pauseparam(struct net_device *netdev,
				 struct ethtool_pauseparam *pause)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	return nic->board->ops->set_pause(nic, pause);
}

static int sluice_get_link_ksettings(struct net_device *netdev,
				     struct ethtool_link_ksettings *ks)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	ethtool_link_ksettings_zero_link_mode(ks, supported);
	ethtool_link_ksettings_zero_link_mode(ks, advertising);
	ethtool_link_ksettings_zero_link_mode(ks, lp_advertising);
	return nic->board->ops->get_link_ksettings(nic, ks);
}

static int sluice_set_link_ksettings(struct net_device *netdev,
				     const struct ethtool_link_ksettings *ks)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	return nic->board->ops->set_link_ksettings(nic, ks);
}

static int sluice_set_phys_id(struct net_device *netdev,
			      enum ethtool_phys_id_state state)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	switch (state) {
	case ETHTOOL_ID_ACTIVE:
		return 2;	/* blinks a second, the core's to time */
	case ETHTOOL_ID_ON:
		nic->board->ops->identify(nic, 1);
		break;
	case ETHTOOL_ID_OFF:
		nic->board->ops->identify(nic, 0);
		break;
	case ETHTOOL_ID_INACTIVE:
		nic->board->ops->identify(nic, -1);
		break;
	}
	return 0;
}

static int sluice_get_sset_count(struct net_device *netdev, int sset)
{
	switch (sset) {
	case ETH_SS_STATS:
		return sluice_stats_count(netdev_priv(netdev));
	case ETH_SS_TEST:
		return netdev->ethtool_ops->self_test ? sluice_selftest_count() :
							-EOPNOTSUPP;
	default:
		return -EOPNOTSUPP;
	}
}

static void sluice_get_strings(struct net_device *netdev, u32 sset, u8 *data)
{
	switch (sset) {
	case ETH_SS_STATS:
		sluice_stats_strings(netdev_priv(netdev), &data);
		break;
	case ETH_SS_TEST:
		sluice_selftest_strings(&data);
		break;
	}
}

#define SLUICE_ETHTOOL_OPS						\
	.get_drvinfo		= sluice_get_drvinfo,			\
	.get_msglevel		= sluice_get_msglevel,			\
	.set_msglevel		= sluice_set_msglevel,			\
	.get_link		= ethtool_op_get_link,			\
	.get_coalesce		= sluice_get_coalesce,			\
	.set_coalesce		= sluice_set_coalesce,			\
	.get_ringparam		= sluice_get_ringparam,			\
	.set_ringparam		= sluice_set_ringparam,			\
	.get_channels		= sluice_get_channels,			\
	.set_channels		= sluice_set_channels,			\
	.get_link_ksettings	= sluice_get_link_ksettings,		\
	.get_sset_count		= sluice_get_sset_count,		\
	.get_strings		= sluice_get_strings,			\
	.get_ethtool_stats	= sluice_get_stats,			\
	.get_ts_info		= ethtool_op_get_ts_info

const struct ethtool_ops sluice_ethtool_ops = {
	SLUICE_ETHTOOL_OPS,
	.supported_coalesce_params = ETHTOOL_COALESCE_TX_AGGR |
				     ETHTOOL_COALESCE_USECS |
				     ETHTOOL_COALESCE_MAX_FRAMES |
				     ETHTOOL_COALESCE_USE_ADAPTIVE_RX,
	.get_per_queue_coalesce	= sluice_get_queue_coalesce,
	.set_per_queue_coalesce	= sluice_set_queue_coalesce,
	.get_rxfh_indir_size	= sluice_get_rxfh_indir_size,
	.get_rxfh_key_size	= sluice_get_rxfh_key_size,
	.get_rxfh		= sluice_get_rxfh,
	.set_rxfh		= sluice_set_rxfh,
	.get_rxnfc		= sluice_get_rxnfc,
	.set_rxnfc		= sluice_set_rxnfc,
};
EXPORT_SYMBOL_IF_KUNIT(sluice_ethtool_ops);

const struct ethtool_ops sluice_ethtool_phy_ops = {
	SLUICE_ETHTOOL_OPS,
	.supported_coalesce_params = ETHTOOL_COALESCE_TX_AGGR |
				     ETHTOOL_COALESCE_RX_USECS,
	.get_regs_len		= sluice_get_regs_len,
	.get_regs		= sluice_get_regs,
	.nway_reset		= sluice_nway_reset,
	.get_eeprom_len		= sluice_get_eeprom_len,
	.get_eeprom		= sluice_get_eeprom,
	.get_pauseparam		= sluice_get_pauseparam,
	.set_pauseparam		= sluice_set_pauseparam,
	.get_pause_stats	= sluice_get_pause_stats,
	.set_link_ksettings	= sluice_set_link_ksettings,
	.set_phys_id		= sluice_set_phys_id,
	.self_test		= sluice_selftest,
	.get_eth_mac_stats	= sluice_get_eth_mac_stats,
	.get_rmon_stats		= sluice_get_rmon_stats,
};
EXPORT_SYMBOL_IF_KUNIT(sluice_ethtool_phy_ops);
