// SPDX-License-Identifier: GPL-2.0-only
/* net_device operations other than the datapath's, and the way through a reset. */

#include <kunit/visibility.h>
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include <linux/tcp.h>
#include <net/xdp.h>
#include <sluice/trace.h>
#include "core.h"

static void sluice_log_link_up(struct sluice_nic *nic,
			       const struct sluice_link *link)
{
	if (link->speed == (u32)SPEED_UNKNOWN)
		netif_info(nic, link, nic->netdev, "link up\n");
	else
		netif_info(nic, link, nic->netdev, "link up, %u Mb/s %s duplex\n",
			   link->speed,
			   link->duplex == DUPLEX_FULL ? "full" : "half");
}

void sluice_update_link(struct sluice_nic *nic)
{
	struct net_device *netdev = nic->netdev;
	struct sluice_link link;

	nic->board->ops->link(nic, &link);
	if (link.up == netif_carrier_ok(netdev))
		return;
	if (link.up) {
		netif_carrier_on(netdev);
		sluice_log_link_up(nic, &link);
	} else {
		netif_carrier_off(netdev);
		netif_info(nic, link, netdev, "link down\n");
	}
}

void sluice_link_work(struct work_struct *work)
{
	struct sluice_nic *nic = container_of(work, struct sluice_nic,
					      link_work);

	rtnl_lock();
	if (test_bit(SLUICE_UP, &nic->state))
		sluice_update_link(nic);
	rtnl_unlock();
}

void sluice_apply_rx_mode(struct sluice_nic *nic)
{
	if (!test_bit(SLUICE_UP, &nic->state))
		return;
	netif_addr_lock_bh(nic->netdev);
	nic->board->ops->set_rx_mode(nic);
	netif_addr_unlock_bh(nic->netdev);
}

int sluice_open(struct net_device *netdev)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	struct sluice_rings rings;
	int err;

	if (test_bit(SLUICE_GONE, &nic->state)) {
		err = nic->board->ops->reset(nic);
		if (err)
			return err;
	}
	nic->features = netdev->features;
	err = sluice_rings_alloc(nic, &nic->cfg, &rings);
	if (err)
		return err;
	err = sluice_irq_request(nic);
	if (err)
		goto free_rings;
	sluice_up(nic, &rings);
	sluice_update_link(nic);
	xdp_features_set_redirect_target(netdev, true);
	return 0;

free_rings:
	sluice_rings_free(nic, &rings);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(sluice_open);

int sluice_stop(struct net_device *netdev)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	struct sluice_rings rings;

	/* A suspended or lost device has been taken down already. */
	if (!test_bit(SLUICE_UP, &nic->state))
		return 0;
	xdp_features_clear_redirect_target(netdev);
	netif_carrier_off(netdev);
	sluice_down(nic, &rings, !test_bit(SLUICE_GONE, &nic->state));
	sluice_irq_free(nic);
	sluice_rings_free(nic, &rings);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(sluice_stop);

/**
 * sluice_reset_and_up() - reset a device that is down and put rings to work
 * @nic: the device, taken down by sluice_down()
 * @rings: the rings; used up, also on failure
 *
 * Address, filters, VLANs, features, coalescing, program and counters stay.
 *
 * Context: RTNL.
 * Return: 0, or negative errno if the device does not come back; the interface
 * is detached then.
 */
int sluice_reset_and_up(struct sluice_nic *nic, struct sluice_rings *rings)
{
	int err = nic->board->ops->reset(nic);

	if (!err) {
		sluice_up(nic, rings);
		sluice_update_link(nic);
		return 0;
	}
	netdev_err(nic->netdev,
		   "device does not answer after a reset (error %d), giving it up; unbind and bind it to retry\n",
		   err);
	xdp_features_clear_redirect_target(nic->netdev);
	netif_carrier_off(nic->netdev);
	netif_device_detach(nic->netdev);
	sluice_irq_free(nic);
	sluice_rings_free(nic, rings);
	return err;
}

/* What the device had not sent is counted as lost. */
int sluice_reset(struct sluice_nic *nic)
{
	struct sluice_rings rings;

	ASSERT_RTNL();
	if (!test_bit(SLUICE_UP, &nic->state))
		return 0;
	WRITE_ONCE(nic->resets, nic->resets + 1);
	trace_sluice_reset(nic->netdev, nic->resets);
	sluice_down(nic, &rings, false);
	return sluice_reset_and_up(nic, &rings);
}

/* Some devices are asked to tell when most is sent: one that has sent some is slow,
 * and a reset would lose the rest.
 */
static bool sluice_tx_hangs(struct sluice_txq *q)
{
	struct sluice_vector *v = q->vec;
	u32 head = q->head;

	sluice_tx_stats_add(q->stats, SLUICE_TX_TIMEOUTS, 1);
	v->nic->engine->tx_flush(q);
	netdev_warn(v->nic->netdev, "tx%u %s: head %u, tail %u, %u of %u descriptors used\n",
		    v->index, q->head == head ? "hangs" : "is slow",
		    q->head & q->mask, q->tail & q->mask, sluice_txq_pending(q),
		    q->mask + 1);
	return q->head == head;
}

/* The watchdog has frozen the queues, which holds back the stack but not XDP. */
void sluice_tx_timeout(struct net_device *netdev, unsigned int txq)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	struct sluice_vector *v = nic->vec[txq];
	bool hangs = false;

	__netif_tx_lock(v->nq, smp_processor_id());
	if (v->tx_open)
		hangs = sluice_tx_hangs(v->tx);
	__netif_tx_unlock(v->nq);
	if (hangs)
		sluice_queue_broken(v, SLUICE_TX, "it hangs");
}
EXPORT_SYMBOL_IF_KUNIT(sluice_tx_timeout);

/* Most devices' buffers fit every MTU, and only the filter and what a program
 * bears change.
 */
int sluice_change_mtu(struct net_device *netdev, int mtu)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	u32 old = netdev->mtu;
	int err;

	err = sluice_xdp_check_mtu(nic, mtu, nic->xdp_prog, NULL);
	if (err)
		return err;
	WRITE_ONCE(netdev->mtu, mtu);
	if (test_bit(SLUICE_UP, &nic->state) &&
	    sluice_rx_buf_len(nic, mtu, nic->features) !=
	    sluice_rx_buf_len(nic, old, nic->features))
		err = sluice_rebuild(nic, &nic->cfg, NULL);
	else
		sluice_apply_rx_mode(nic);
	if (err)
		WRITE_ONCE(netdev->mtu, old);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(sluice_change_mtu);

int sluice_set_mac(struct net_device *netdev, void *addr)
{
	int err = eth_prepare_mac_addr_change(netdev, addr);

	if (err)
		return err;
	eth_commit_mac_addr_change(netdev, addr);
	sluice_apply_rx_mode(netdev_priv(netdev));
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(sluice_set_mac);

void sluice_set_rx_mode(struct net_device *netdev)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	if (test_bit(SLUICE_UP, &nic->state))
		nic->board->ops->set_rx_mode(nic);
}
EXPORT_SYMBOL_IF_KUNIT(sluice_set_rx_mode);

int sluice_vlan_add(struct net_device *netdev, __be16 proto, u16 vid)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	set_bit(vid, nic->vlans);
	if (netif_device_present(netdev))
		nic->board->ops->vlan_filter(nic, vid);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(sluice_vlan_add);

int sluice_vlan_kill(struct net_device *netdev, __be16 proto, u16 vid)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	clear_bit(vid, nic->vlans);
	if (netif_device_present(netdev))
		nic->board->ops->vlan_filter(nic, vid);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(sluice_vlan_kill);

netdev_features_t sluice_fix_features(struct net_device *netdev,
				      netdev_features_t features)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	if (!nic->board->ops->fix_features)
		return features;
	return nic->board->ops->fix_features(features);
}
EXPORT_SYMBOL_IF_KUNIT(sluice_fix_features);

int sluice_set_features(struct net_device *netdev, netdev_features_t features)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	netdev_features_t changed = features ^ netdev->features;
	netdev_features_t old = nic->features;
	int err = 0;

	if (changed & NETIF_F_LOOPBACK)
		err = nic->board->ops->loopback(nic, features & NETIF_F_LOOPBACK);
	if (err)
		return err;
	nic->features = features;
	err = nic->board->ops->set_features(nic, changed);
	if (err)
		nic->features = old;
	sluice_apply_rx_mode(nic);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(sluice_set_features);

/* Offloads name places in a frame by offsets that the device must be able to
 * express.
 */
netdev_features_t sluice_features_check(struct sk_buff *skb,
					struct net_device *netdev,
					netdev_features_t features)
{
	struct sluice_nic *nic = netdev_priv(netdev);
	u32 max = nic->board->max_offset;

	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		if (skb_checksum_start_offset(skb) + skb->csum_offset > max)
			features &= ~(NETIF_F_CSUM_MASK | NETIF_F_GSO_MASK);
		else if (skb_is_gso_tcp(skb) && skb_tcp_all_headers(skb) > max)
			features &= ~NETIF_F_GSO_MASK;
	}
	return vlan_features_check(skb, features);
}
EXPORT_SYMBOL_IF_KUNIT(sluice_features_check);
