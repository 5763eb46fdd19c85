// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which vector takes a received flow: the table and the key, as ethtool shows and
 * sets them. The device is told by its backend, also after each reset.
 */

#include <linux/ethtool.h>
#include "core.h"

/* Evenly over the channels, unless the user has said otherwise: the kernel then
 * refuses channels that his table does not go with.
 */
void sluice_rss_follow_channels(struct sluice_nic *nic)
{
	struct sluice_rss *rss = &nic->rss;
	u32 i;

	if (netif_is_rxfh_configured(nic->netdev))
		return;
	for (i = 0; i < rss->entries; i++)
		rss->table[i] = ethtool_rxfh_indir_default(i, nic->cfg.channels);
}

u32 sluice_get_rxfh_indir_size(struct net_device *netdev)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	return nic->rss.entries;
}

u32 sluice_get_rxfh_key_size(struct net_device *netdev)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	return nic->rss.hashes ? SLUICE_RSS_KEY : 0;
}

int sluice_get_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	u32 i;

	if (!nic->rss.hashes)
		return -EOPNOTSUPP;
	rxfh->hfunc = ETH_RSS_HASH_TOP;
	for (i = 0; rxfh->indir && i < nic->rss.entries; i++)
		rxfh->indir[i] = nic->rss.table[i];
	if (rxfh->key)
		memcpy(rxfh->key, nic->rss.key, SLUICE_RSS_KEY);
	return 0;
}

/* ioctl, the only way up to Linux 6.12, comes without an extack. */
static int sluice_rss_refuse(struct sluice_nic *nic,
			     struct netlink_ext_ack *extack, int err,
			     const char *why)
{
	NL_SET_ERR_MSG_FMT_MOD(extack, "%s", why);
	if (!extack)
		netdev_info(nic->netdev, "flow hash: %s\n", why);
	return err;
}

/* The core has bounded the table's entries by the channels. */
static void sluice_rss_take(struct sluice_rss *rss,
			    const struct ethtool_rxfh_param *rxfh)
{
	u32 i;

	for (i = 0; rxfh->indir && i < rss->entries; i++)
		rss->table[i] = rxfh->indir[i];
	if (rxfh->key)
		memcpy(rss->key, rxfh->key, SLUICE_RSS_KEY);
}

int sluice_set_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh,
		    struct netlink_ext_ack *extack)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	struct sluice_rss old = nic->rss;

	if (!nic->rss.hashes)
		return sluice_rss_refuse(nic, extack, -EOPNOTSUPP,
					 "the device hashes no frames; its host may let it");
	if (rxfh->hfunc != ETH_RSS_HASH_NO_CHANGE &&
	    rxfh->hfunc != ETH_RSS_HASH_TOP)
		return sluice_rss_refuse(nic, extack, -EOPNOTSUPP,
					 "toeplitz is the only function; leave out hfunc");
	sluice_rss_take(&nic->rss, rxfh);
	if (!test_bit(SLUICE_UP, &nic->state) ||
	    !nic->board->ops->set_rss(nic))
		return 0;
	nic->rss = old;
	return sluice_rss_refuse(nic, extack, -EIO,
				 "the device did not take it; set the interface down and up");
}

int sluice_get_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *info,
		     u32 *rules)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	if (info->cmd == ETHTOOL_GRXRINGS) {
		info->data = nic->cfg.channels;
		return 0;
	}
	if (info->cmd != ETHTOOL_GRXFH || !nic->rss.hashes)
		return -EOPNOTSUPP;
	return nic->board->ops->get_hash_fields(nic, info);
}

int sluice_set_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *info)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	if (info->cmd != ETHTOOL_SRXFH || !nic->rss.hashes)
		return -EOPNOTSUPP;
	return nic->board->ops->set_hash_fields(nic, info);
}
