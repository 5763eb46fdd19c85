/* SPDX-License-Identifier: GPL-2.0-only */
/* What the core's files want of each other. */

#ifndef SLUICE_CORE_H
#define SLUICE_CORE_H

#include <sluice/backend.h>

/* A pair of rings for each of n vectors, not yet or no longer in use. */
struct sluice_rings {
	u32 n;
	struct sluice_rxq *rx[SLUICE_MAX_VECTORS];
	struct sluice_txq *tx[SLUICE_MAX_VECTORS];
};

/* queues.c: allocate rings, put them to work, take them out again */
int sluice_vectors_alloc(struct sluice_nic *nic);
void sluice_vectors_free(struct sluice_nic *nic);
int sluice_rings_alloc(struct sluice_nic *nic, const struct sluice_config *cfg,
		       struct sluice_rings *rings);
void sluice_rings_free(struct sluice_nic *nic, struct sluice_rings *rings);
void sluice_up(struct sluice_nic *nic, struct sluice_rings *rings);
void sluice_down(struct sluice_nic *nic, struct sluice_rings *rings,
		 bool orderly);
int sluice_set_idle_config(struct sluice_nic *nic,
			   const struct sluice_config *cfg,
			   struct netlink_ext_ack *extack);
u32 sluice_rx_buf_len(struct sluice_nic *nic, u32 mtu, netdev_features_t features);

/* netdev.c */
int sluice_reset_and_up(struct sluice_nic *nic, struct sluice_rings *rings);
void sluice_update_link(struct sluice_nic *nic);
void sluice_apply_rx_mode(struct sluice_nic *nic);
int sluice_reset(struct sluice_nic *nic);
void sluice_link_work(struct work_struct *work);

/* rss.c */
void sluice_rss_follow_channels(struct sluice_nic *nic);
u32 sluice_get_rxfh_indir_size(struct net_device *netdev);
u32 sluice_get_rxfh_key_size(struct net_device *netdev);
int sluice_get_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh);
int sluice_set_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh,
		    struct netlink_ext_ack *extack);
int sluice_get_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *info,
		     u32 *rules);
int sluice_set_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *info);

/* devlink.c */
int sluice_devlink_probe(struct sluice_nic *nic);
void sluice_devlink_register(struct sluice_nic *nic);
void sluice_devlink_resume(struct sluice_nic *nic);
void sluice_devlink_unregister(struct sluice_nic *nic);
void sluice_devlink_remove(struct sluice_nic *nic);

/* coalesce.c */
void sluice_coalesce_init(struct sluice_nic *nic);
void sluice_tx_timer_init(struct sluice_vector *v);
int sluice_get_coalesce(struct net_device *netdev, struct ethtool_coalesce *ec,
			struct kernel_ethtool_coalesce *kernel_ec,
			struct netlink_ext_ack *extack);
int sluice_set_coalesce(struct net_device *netdev, struct ethtool_coalesce *ec,
			struct kernel_ethtool_coalesce *kernel_ec,
			struct netlink_ext_ack *extack);
int sluice_get_queue_coalesce(struct net_device *netdev, u32 queue,
			      struct ethtool_coalesce *ec);
int sluice_set_queue_coalesce(struct net_device *netdev, u32 queue,
			      struct ethtool_coalesce *ec);

/* irq.c */
int sluice_irq_request(struct sluice_nic *nic);
void sluice_irq_free(struct sluice_nic *nic);
void sluice_irq_synchronize(struct sluice_nic *nic);

/* xdp.c */
int sluice_xdp_check_mtu(struct sluice_nic *nic, u32 mtu,
			 const struct bpf_prog *prog,
			 struct netlink_ext_ack *extack);
extern const struct xdp_metadata_ops sluice_xdp_hash_ops;
extern const struct xdp_metadata_ops sluice_xdp_vlan_ops;

/* selftest.c */
int sluice_selftest_count(void);
void sluice_selftest_strings(u8 **data);
void sluice_selftest(struct net_device *netdev, struct ethtool_test *test,
		     u64 *result);

/* stats.c */
extern const struct netdev_stat_ops sluice_stat_ops;
int sluice_stats_count(struct sluice_nic *nic);
void sluice_stats_strings(struct sluice_nic *nic, u8 **data);
void sluice_get_stats(struct net_device *netdev, struct ethtool_stats *stats,
		      u64 *data);
void sluice_get_eth_mac_stats(struct net_device *netdev,
			      struct ethtool_eth_mac_stats *stats);
void sluice_get_rmon_stats(struct net_device *netdev,
			   struct ethtool_rmon_stats *stats,
			   const struct ethtool_rmon_hist_range **ranges);
void sluice_get_pause_stats(struct net_device *netdev,
			    struct ethtool_pause_stats *stats);

#endif
