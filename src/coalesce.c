// SPDX-License-Identifier: GPL-2.0-only
/*
 * ethtool -C: how frames share a doorbell, which is the engine's, and an
 * interrupt, which is the backend's.
 */

#include <linux/hrtimer.h>
#include "core.h"

/* Who sends a doorbell's worth of frames that fast has something to gain, and
 * QEMU's e1000 lets nobody see an answer sooner than after 128 us.
 */
#define SLUICE_AGGR_FRAMES	32
#define SLUICE_AGGR_BYTES	SZ_64K
#define SLUICE_AGGR_USECS	200

/* Far from what the watchdog takes for a hang. */
#define SLUICE_AGGR_MAX_USECS	100000

void sluice_coalesce_init(struct sluice_nic *nic)
{
	nic->tx_aggr = (struct sluice_tx_aggr){
		.max_frames	= SLUICE_AGGR_FRAMES,
		.max_bytes	= SLUICE_AGGR_BYTES,
		.time_usecs	= SLUICE_AGGR_USECS,
	};
}

/* A ring that was closed meanwhile has been handed over, see tx_drain. */
static enum hrtimer_restart sluice_tx_timer(struct hrtimer *timer)
{
	struct sluice_vector *v = container_of(timer, struct sluice_vector,
					       tx_timer);

	__netif_tx_lock(v->nq, smp_processor_id());
	if (v->tx_open)
		v->nic->engine->tx_flush(v->tx);
	__netif_tx_unlock(v->nq);
	return HRTIMER_NORESTART;
}

/* In a softirq, as the tx lock is taken with softirqs off. */
void sluice_tx_timer_init(struct sluice_vector *v)
{
	hrtimer_init(&v->tx_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_SOFT);
	v->tx_timer.function = sluice_tx_timer;
}

int sluice_get_coalesce(struct net_device *netdev, struct ethtool_coalesce *ec,
			struct kernel_ethtool_coalesce *kernel_ec,
			struct netlink_ext_ack *extack)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	kernel_ec->tx_aggr_max_frames = nic->tx_aggr.max_frames;
	kernel_ec->tx_aggr_max_bytes = nic->tx_aggr.max_bytes;
	kernel_ec->tx_aggr_time_usecs = nic->tx_aggr.time_usecs;
	if (nic->board->ops->get_coalesce)
		nic->board->ops->get_coalesce(nic, SLUICE_ALL_QUEUES, ec);
	return 0;
}

static int sluice_set_moderation(struct sluice_nic *nic,
				 const struct ethtool_coalesce *ec,
				 struct netlink_ext_ack *extack)
{
	if (nic->board->ops->set_coalesce)
		return nic->board->ops->set_coalesce(nic, SLUICE_ALL_QUEUES, ec,
						     extack);
	if (!ec->rx_coalesce_usecs && !ec->rx_max_coalesced_frames &&
	    !ec->tx_coalesce_usecs && !ec->tx_max_coalesced_frames &&
	    !ec->use_adaptive_rx_coalesce)
		return 0;
	NL_SET_ERR_MSG_FMT_MOD(extack, "the %s cannot throttle interrupts",
			       nic->board->name);
	return -EOPNOTSUPP;
}

/* Frames that wait by the old rules go at the latest by the old timer. */
int sluice_set_coalesce(struct net_device *netdev, struct ethtool_coalesce *ec,
			struct kernel_ethtool_coalesce *kernel_ec,
			struct netlink_ext_ack *extack)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	u32 usecs = kernel_ec->tx_aggr_time_usecs;
	int err;

	if (usecs > SLUICE_AGGR_MAX_USECS) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "tx-aggr-time-usecs %u: the limit is %u",
				       usecs, SLUICE_AGGR_MAX_USECS);
		return -EINVAL;
	}
	err = sluice_set_moderation(nic, ec, extack);
	if (err)
		return err;
	WRITE_ONCE(nic->tx_aggr.max_frames, kernel_ec->tx_aggr_max_frames);
	WRITE_ONCE(nic->tx_aggr.max_bytes, kernel_ec->tx_aggr_max_bytes);
	WRITE_ONCE(nic->tx_aggr.time_usecs, usecs);
	return 0;
}

int sluice_get_queue_coalesce(struct net_device *netdev, u32 queue,
			      struct ethtool_coalesce *ec)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	if (queue >= nic->cfg.channels || !nic->board->ops->get_coalesce)
		return -EINVAL;
	nic->board->ops->get_coalesce(nic, queue, ec);
	return 0;
}

/* ethtool has no place for a reason here. */
int sluice_set_queue_coalesce(struct net_device *netdev, u32 queue,
			      struct ethtool_coalesce *ec)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	if (queue >= nic->cfg.channels || !nic->board->ops->set_coalesce)
		return -EINVAL;
	return nic->board->ops->set_coalesce(nic, queue, ec, NULL);
}
