// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics: who wants which counter under which name. Queue counters are the
 * engine's; device counters are read when somebody asks, as each is a VM exit.
 */

#include <kunit/visibility.h>
#include <net/netdev_queues.h>
#include "core.h"

static const char * const sluice_rx_names[] = {
	[SLUICE_RX_FRAMES]		= "frames",
	[SLUICE_RX_BYTES]		= "bytes",
	[SLUICE_RX_PASSED]		= "passed",
	[SLUICE_RX_XDP_DROP]		= "xdp_drop",
	[SLUICE_RX_XDP_TX]		= "xdp_tx",
	[SLUICE_RX_XDP_REDIRECT]	= "xdp_redirect",
	[SLUICE_RX_XDP_ABORTED]		= "xdp_aborted",
	[SLUICE_RX_XDP_INVALID]		= "xdp_invalid",
	[SLUICE_RX_XDP_TX_FULL]		= "xdp_tx_full",
	[SLUICE_RX_XDP_REDIRECT_ERR]	= "xdp_redirect_err",
	[SLUICE_RX_XDP_NO_FRAGS]	= "xdp_no_frags",
	[SLUICE_RX_ALLOC_FAIL]		= "alloc_fail",
	[SLUICE_RX_SKB_FAIL]		= "skb_fail",
	[SLUICE_RX_LENGTH_ERR]		= "length_err",
	[SLUICE_RX_CHAIN_ERR]		= "chain_err",
	[SLUICE_RX_HW_ERR_DROP]		= "hw_err",
	[SLUICE_RX_HDR_ERR]		= "hdr_err",
	[SLUICE_RX_XDP_PARTIAL]		= "xdp_partial",
	[SLUICE_RX_RESET_DROP]		= "reset_drop",
	[SLUICE_RX_DOORBELLS]		= "doorbells",
	[SLUICE_RX_POLLS]		= "polls",
	[SLUICE_RX_RING_ERR]		= "ring_err",
};

static const char * const sluice_tx_names[] = {
	[SLUICE_TX_ACCEPTED]		= "accepted",
	[SLUICE_TX_XDP_ACCEPTED]	= "xdp_accepted",
	[SLUICE_TX_COMPLETED]		= "completed",
	[SLUICE_TX_PACKETS]		= "packets",
	[SLUICE_TX_BYTES]		= "bytes",
	[SLUICE_TX_DMA_ERR]		= "dma_err",
	[SLUICE_TX_OFFLOAD_ERR]		= "offload_err",
	[SLUICE_TX_PAD_ERR]		= "pad_err",
	[SLUICE_TX_RESET_DROP]		= "reset_drop",
	[SLUICE_TX_XDP_FULL]		= "xdp_full",
	[SLUICE_TX_STOPS]		= "stops",
	[SLUICE_TX_WAKES]		= "wakes",
	[SLUICE_TX_DOORBELLS]		= "doorbells",
	[SLUICE_TX_HELD]		= "held",
	[SLUICE_TX_TIMERS]		= "timers",
	[SLUICE_TX_TIMEOUTS]		= "timeouts",
	[SLUICE_TX_RING_ERR]		= "ring_err",
};

static const char * const sluice_dev_names[] = {
	[SLUICE_DEV_RX_FRAMES]		= "dev_rx_frames",
	[SLUICE_DEV_RX_BYTES]		= "dev_rx_bytes",
	[SLUICE_DEV_RX_MULTICAST]	= "dev_rx_multicast",
	[SLUICE_DEV_RX_BROADCAST]	= "dev_rx_broadcast",
	[SLUICE_DEV_TX_FRAMES]		= "dev_tx_frames",
	[SLUICE_DEV_TX_BYTES]		= "dev_tx_bytes",
	[SLUICE_DEV_TX_MULTICAST]	= "dev_tx_multicast",
	[SLUICE_DEV_TX_BROADCAST]	= "dev_tx_broadcast",
	[SLUICE_DEV_MISSED]		= "dev_missed",
	[SLUICE_DEV_NO_BUFFER]		= "dev_no_buffer",
	[SLUICE_DEV_CRC_ERR]		= "dev_crc_err",
	[SLUICE_DEV_ALIGN_ERR]		= "dev_align_err",
	[SLUICE_DEV_RX_ERR]		= "dev_rx_err",
	[SLUICE_DEV_LENGTH_ERR]		= "dev_length_err",
	[SLUICE_DEV_CARRIER_ERR]	= "dev_carrier_err",
	[SLUICE_DEV_UNDERSIZE]		= "dev_undersize",
	[SLUICE_DEV_FRAGMENTS]		= "dev_fragments",
	[SLUICE_DEV_OVERSIZE]		= "dev_oversize",
	[SLUICE_DEV_JABBER]		= "dev_jabber",
	[SLUICE_DEV_SINGLE_COLL]	= "dev_single_coll",
	[SLUICE_DEV_MULTI_COLL]		= "dev_multi_coll",
	[SLUICE_DEV_LATE_COLL]		= "dev_late_coll",
	[SLUICE_DEV_EXCESS_COLL]	= "dev_excess_coll",
	[SLUICE_DEV_DEFERRED]		= "dev_deferred",
	[SLUICE_DEV_NO_CARRIER]		= "dev_no_carrier",
	[SLUICE_DEV_RX_PAUSE]		= "dev_rx_pause",
	[SLUICE_DEV_TX_PAUSE]		= "dev_tx_pause",
};

/* The histograms are the RMON group's alone. */
static_assert(ARRAY_SIZE(sluice_rx_names) == SLUICE_RX_COUNTERS);
static_assert(ARRAY_SIZE(sluice_tx_names) == SLUICE_TX_COUNTERS);
static_assert(ARRAY_SIZE(sluice_dev_names) == SLUICE_DEV_RX_HIST);

#define SLUICE_EVENTS	3	/* irqs, irqs_foreign, resets */

/* None where the device keeps no counters. */
static u32 sluice_dev_count(struct sluice_nic *nic)
{
	return nic->board->ops->read_counters ? ARRAY_SIZE(sluice_dev_names) : 0;
}

int sluice_stats_count(struct sluice_nic *nic)
{
	/* One more a queue for the frames in flight. */
	return nic->max_vec * (SLUICE_RX_COUNTERS + SLUICE_TX_COUNTERS + 1) +
	       SLUICE_EVENTS + sluice_dev_count(nic);
}

void sluice_stats_strings(struct sluice_nic *nic, u8 **data)
{
	u32 i, j;

	for (i = 0; i < nic->max_vec; i++) {
		for (j = 0; j < SLUICE_RX_COUNTERS; j++)
			ethtool_sprintf(data, "rx%u_%s", i, sluice_rx_names[j]);
		for (j = 0; j < SLUICE_TX_COUNTERS; j++)
			ethtool_sprintf(data, "tx%u_%s", i, sluice_tx_names[j]);
		ethtool_sprintf(data, "tx%u_in_flight", i);
	}
	ethtool_puts(data, "irqs");
	ethtool_puts(data, "irqs_foreign");
	ethtool_puts(data, "resets");
	for (j = 0; j < sluice_dev_count(nic); j++)
		ethtool_puts(data, sluice_dev_names[j]);
}

static void sluice_read_rx(struct sluice_vector *v, u64 *rx)
{
	sluice_stats_read(&v->rx_stats.syncp, v->rx_stats.count, rx,
			  SLUICE_RX_COUNTERS);
}

static void sluice_read_tx(struct sluice_vector *v, u64 *tx)
{
	sluice_stats_read(&v->tx_stats.syncp, v->tx_stats.count, tx,
			  SLUICE_TX_COUNTERS);
}

/* Counted in the ring itself, so that it can contradict the other counters. */
static u64 sluice_in_flight(struct sluice_vector *v)
{
	struct sluice_txq *q;
	u64 frames = 0;
	u32 i;

	__netif_tx_lock_bh(v->nq);
	q = v->tx_open ? v->tx : NULL;
	for (i = q ? q->head : 0; q && i != q->tail;
	     i += sluice_tx_slot(q, i)->descs)
		frames++;
	__netif_tx_unlock_bh(v->nq);
	return frames;
}

/* A device that is gone or asleep answers with ones or hangs the bus. */
static void sluice_refresh_dev(struct sluice_nic *nic, bool all)
{
	if (!nic->board->ops->read_counters ||
	    !netif_device_present(nic->netdev) || test_bit(SLUICE_GONE, &nic->state))
		return;
	spin_lock_bh(&nic->dev_lock);
	nic->board->ops->read_counters(nic, all);
	spin_unlock_bh(&nic->dev_lock);
}

void sluice_get_stats(struct net_device *netdev, struct ethtool_stats *stats,
		      u64 *data)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	u32 i;

	for (i = 0; i < nic->max_vec; i++) {
		sluice_read_rx(nic->vec[i], data);
		data += SLUICE_RX_COUNTERS;
		sluice_read_tx(nic->vec[i], data);
		data += SLUICE_TX_COUNTERS;
		*data++ = sluice_in_flight(nic->vec[i]);
	}
	*data++ = nic->irqs;
	*data++ = nic->irqs_foreign;
	*data++ = nic->resets;
	sluice_refresh_dev(nic, true);
	memcpy(data, nic->dev_count, sizeof(u64) * sluice_dev_count(nic));
}

/* Frames with a form that the stack could take, taken or not (statistics.rst:
 * rx_packets counts what the host dropped, too).
 */
static u64 sluice_rx_good(const u64 *rx)
{
	return rx[SLUICE_RX_FRAMES] - rx[SLUICE_RX_HW_ERR_DROP] -
	       rx[SLUICE_RX_LENGTH_ERR] - rx[SLUICE_RX_CHAIN_ERR] -
	       rx[SLUICE_RX_HDR_ERR];
}

/* Good frames that no program asked to lose. */
static u64 sluice_rx_lost(const u64 *rx)
{
	return rx[SLUICE_RX_ALLOC_FAIL] + rx[SLUICE_RX_SKB_FAIL] +
	       rx[SLUICE_RX_XDP_TX_FULL] + rx[SLUICE_RX_XDP_REDIRECT_ERR] +
	       rx[SLUICE_RX_XDP_NO_FRAGS] + rx[SLUICE_RX_XDP_PARTIAL] +
	       rx[SLUICE_RX_RESET_DROP];
}

static u64 sluice_tx_lost(const u64 *tx)
{
	return tx[SLUICE_TX_DMA_ERR] + tx[SLUICE_TX_OFFLOAD_ERR] +
	       tx[SLUICE_TX_PAD_ERR] + tx[SLUICE_TX_RESET_DROP];
}

static void sluice_stats64_queues(struct sluice_nic *nic,
				  struct rtnl_link_stats64 *stats)
{
	u64 rx[SLUICE_RX_COUNTERS], tx[SLUICE_TX_COUNTERS];
	u32 i;

	for (i = 0; i < nic->max_vec; i++) {
		sluice_read_rx(nic->vec[i], rx);
		sluice_read_tx(nic->vec[i], tx);
		stats->rx_packets += sluice_rx_good(rx);
		stats->rx_bytes += rx[SLUICE_RX_BYTES];
		stats->rx_dropped += sluice_rx_lost(rx);
		stats->rx_length_errors += rx[SLUICE_RX_LENGTH_ERR] +
					   rx[SLUICE_RX_CHAIN_ERR];
		stats->rx_errors += rx[SLUICE_RX_HW_ERR_DROP] +
				    rx[SLUICE_RX_HDR_ERR];
		stats->tx_packets += tx[SLUICE_TX_PACKETS];
		stats->tx_bytes += tx[SLUICE_TX_BYTES];
		stats->tx_dropped += sluice_tx_lost(tx);
	}
}

static void sluice_stats64_device(const u64 *dev,
				  struct rtnl_link_stats64 *stats)
{
	stats->multicast = dev[SLUICE_DEV_RX_MULTICAST];
	stats->rx_missed_errors = dev[SLUICE_DEV_MISSED];
	stats->rx_crc_errors = dev[SLUICE_DEV_CRC_ERR];
	stats->rx_frame_errors = dev[SLUICE_DEV_ALIGN_ERR];
	stats->rx_length_errors += dev[SLUICE_DEV_LENGTH_ERR] +
				   dev[SLUICE_DEV_UNDERSIZE] +
				   dev[SLUICE_DEV_OVERSIZE];
	stats->rx_errors += stats->rx_crc_errors + stats->rx_frame_errors +
			   stats->rx_length_errors + dev[SLUICE_DEV_RX_ERR];
	stats->tx_aborted_errors = dev[SLUICE_DEV_EXCESS_COLL];
	stats->tx_window_errors = dev[SLUICE_DEV_LATE_COLL];
	stats->tx_carrier_errors = dev[SLUICE_DEV_NO_CARRIER];
	stats->tx_errors = stats->tx_aborted_errors + stats->tx_window_errors +
			   stats->tx_carrier_errors;
}

void sluice_get_stats64(struct net_device *netdev,
			struct rtnl_link_stats64 *stats)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	sluice_stats64_queues(nic, stats);
	sluice_refresh_dev(nic, false);
	sluice_stats64_device(nic->dev_count, stats);
}
EXPORT_SYMBOL_IF_KUNIT(sluice_get_stats64);

static void sluice_get_queue_stats_rx(struct net_device *netdev, int index,
				      struct netdev_queue_stats_rx *stats)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	u64 rx[SLUICE_RX_COUNTERS];

	sluice_read_rx(nic->vec[index], rx);
	stats->packets = sluice_rx_good(rx);
	stats->bytes = rx[SLUICE_RX_BYTES];
	stats->alloc_fail = rx[SLUICE_RX_ALLOC_FAIL] + rx[SLUICE_RX_SKB_FAIL];
}

static void sluice_get_queue_stats_tx(struct net_device *netdev, int index,
				      struct netdev_queue_stats_tx *stats)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	u64 tx[SLUICE_TX_COUNTERS];

	sluice_read_tx(nic->vec[index], tx);
	stats->packets = tx[SLUICE_TX_PACKETS];
	stats->bytes = tx[SLUICE_TX_BYTES];
	stats->stop = tx[SLUICE_TX_STOPS];
	stats->wake = tx[SLUICE_TX_WAKES];
}

/* Counters live as long as the device: what is left to add is that of queues
 * which are not in use.
 */
static void sluice_get_base_stats(struct net_device *netdev,
				  struct netdev_queue_stats_rx *rx,
				  struct netdev_queue_stats_tx *tx)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	struct netdev_queue_stats_rx one_rx;
	struct netdev_queue_stats_tx one_tx;
	u32 i;

	rx->packets = 0;
	rx->bytes = 0;
	rx->alloc_fail = 0;
	tx->packets = 0;
	tx->bytes = 0;
	tx->stop = 0;
	tx->wake = 0;
	for (i = nic->nvec; i < nic->max_vec; i++) {
		sluice_get_queue_stats_rx(netdev, i, &one_rx);
		sluice_get_queue_stats_tx(netdev, i, &one_tx);
		rx->packets += one_rx.packets;
		rx->bytes += one_rx.bytes;
		rx->alloc_fail += one_rx.alloc_fail;
		tx->packets += one_tx.packets;
		tx->bytes += one_tx.bytes;
		tx->stop += one_tx.stop;
		tx->wake += one_tx.wake;
	}
}

const struct netdev_stat_ops sluice_stat_ops = {
	.get_queue_stats_rx	= sluice_get_queue_stats_rx,
	.get_queue_stats_tx	= sluice_get_queue_stats_tx,
	.get_base_stats		= sluice_get_base_stats,
};

void sluice_get_eth_mac_stats(struct net_device *netdev,
			      struct ethtool_eth_mac_stats *stats)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	const u64 *dev = nic->dev_count;

	sluice_refresh_dev(nic, true);
	stats->FramesTransmittedOK = dev[SLUICE_DEV_TX_FRAMES];
	stats->FramesReceivedOK = dev[SLUICE_DEV_RX_FRAMES];
	stats->OctetsTransmittedOK = dev[SLUICE_DEV_TX_BYTES];
	stats->OctetsReceivedOK = dev[SLUICE_DEV_RX_BYTES];
	stats->MulticastFramesXmittedOK = dev[SLUICE_DEV_TX_MULTICAST];
	stats->BroadcastFramesXmittedOK = dev[SLUICE_DEV_TX_BROADCAST];
	stats->MulticastFramesReceivedOK = dev[SLUICE_DEV_RX_MULTICAST];
	stats->BroadcastFramesReceivedOK = dev[SLUICE_DEV_RX_BROADCAST];
	stats->FrameCheckSequenceErrors = dev[SLUICE_DEV_CRC_ERR];
	stats->AlignmentErrors = dev[SLUICE_DEV_ALIGN_ERR];
	stats->FramesLostDueToIntMACRcvError = dev[SLUICE_DEV_MISSED];
	stats->InRangeLengthErrors = dev[SLUICE_DEV_LENGTH_ERR];
	stats->FrameTooLongErrors = dev[SLUICE_DEV_OVERSIZE];
	stats->SingleCollisionFrames = dev[SLUICE_DEV_SINGLE_COLL];
	stats->MultipleCollisionFrames = dev[SLUICE_DEV_MULTI_COLL];
	stats->LateCollisions = dev[SLUICE_DEV_LATE_COLL];
	stats->FramesAbortedDueToXSColls = dev[SLUICE_DEV_EXCESS_COLL];
	stats->FramesWithDeferredXmissions = dev[SLUICE_DEV_DEFERRED];
	stats->CarrierSenseErrors = dev[SLUICE_DEV_NO_CARRIER];
}

static const struct ethtool_rmon_hist_range sluice_rmon_ranges[] = {
	{ 0, 64 }, { 65, 127 }, { 128, 255 }, { 256, 511 }, { 512, 1023 },
	{ 1024, 16384 }, {}
};

static_assert(ARRAY_SIZE(sluice_rmon_ranges) == SLUICE_HIST + 1);

void sluice_get_rmon_stats(struct net_device *netdev,
			   struct ethtool_rmon_stats *stats,
			   const struct ethtool_rmon_hist_range **ranges)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	const u64 *dev = nic->dev_count;
	u32 i;

	sluice_refresh_dev(nic, true);
	*ranges = sluice_rmon_ranges;
	stats->undersize_pkts = dev[SLUICE_DEV_UNDERSIZE];
	stats->oversize_pkts = dev[SLUICE_DEV_OVERSIZE];
	stats->fragments = dev[SLUICE_DEV_FRAGMENTS];
	stats->jabbers = dev[SLUICE_DEV_JABBER];
	for (i = 0; i < SLUICE_HIST; i++) {
		stats->hist[i] = dev[SLUICE_DEV_RX_HIST + i];
		stats->hist_tx[i] = dev[SLUICE_DEV_TX_HIST + i];
	}
}

void sluice_get_pause_stats(struct net_device *netdev,
			    struct ethtool_pause_stats *stats)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	sluice_refresh_dev(nic, true);
	stats->rx_pause_frames = nic->dev_count[SLUICE_DEV_RX_PAUSE];
	stats->tx_pause_frames = nic->dev_count[SLUICE_DEV_TX_PAUSE];
}
