/* SPDX-License-Identifier: GPL-2.0-only */
/* NAPI, and the line that makes an engine out of a descriptor format. */

#ifndef SLUICE_DATAPATH_H
#define SLUICE_DATAPATH_H

#include <sluice/rx.h>

/**
 * sluice_poll_tx() - clean the transmit ring from NAPI
 * @dp: descriptor format
 * @v: the vector
 * @budget: NAPI's; 0 is netpoll, which may have interrupted the lock's holder
 * Context: NAPI.
 */
static __always_inline void sluice_poll_tx(const struct sluice_dp *dp,
					   struct sluice_vector *v, int budget)
{
	struct sluice_txq *q = v->tx;

	if (READ_ONCE(q->head) == READ_ONCE(q->kicked))
		return;
	if (likely(budget))
		__netif_tx_lock(v->nq, smp_processor_id());
	else if (!__netif_tx_trylock(v->nq))
		return;
	sluice_tx_reap(dp, q, budget);
	__netif_tx_unlock(v->nq);
}

/**
 * sluice_poll_rx() - one poll of the receive ring, from program to statistics
 * @dp: descriptor format
 * @v: the vector
 * @budget: most completions to take
 * Context: NAPI.
 * Return: how many completions were taken.
 */
static __always_inline int sluice_poll_rx(const struct sluice_dp *dp,
					  struct sluice_vector *v, int budget)
{
	struct sluice_poll p = {
		.v = v,
		.q = v->rx,
		.prog = READ_ONCE(v->nic->xdp_prog),
	};
	int done = sluice_rx_poll(dp, &p, budget);

	p.tally[SLUICE_RX_POLLS] = 1;
	sluice_rx_stats_publish(&v->rx_stats, p.tally);
	return done;
}

/**
 * sluice_poll() - NAPI poll
 * @dp: descriptor format
 * @napi: the NAPI
 * @budget: 0 = transmit only, and no XDP
 * Context: NAPI.
 * Return: work done; the full budget asks for another poll.
 */
static __always_inline int sluice_poll(const struct sluice_dp *dp,
				       struct napi_struct *napi, int budget)
{
	struct sluice_vector *v = container_of(napi, struct sluice_vector, napi);
	int done;

	sluice_poll_tx(dp, v, budget);
	if (unlikely(!budget))
		return 0;
	done = sluice_poll_rx(dp, v, budget);
	if (done == budget)
		return done;
	dp->rx_arm(v->rx);
	if (napi_complete_done(napi, done))
		dp->irq_enable(v);
	else if (dp->rx_disarm)
		dp->rx_disarm(v->rx);
	return done;
}

/**
 * sluice_rx_fill_all() - post all buffers of a stopped ring from the start
 * @dp: descriptor format
 * @q: the ring
 * Context: RTNL, the ring is stopped.
 */
static __always_inline void sluice_rx_fill_all(const struct sluice_dp *dp,
					       struct sluice_rxq *q)
{
	u32 slot;

	q->head = 0;
	q->kicked = 0;
	q->broken = false;
	dp->rx_init(q);
	for (slot = 0; slot <= q->mask; slot++)
		sluice_rx_post(dp, q, slot);
}

/**
 * SLUICE_DP_DEFINE - make an engine out of a descriptor format
 * @name: prefix of everything it defines; sluice_##name##_engine is the result
 * @dp: static const struct sluice_dp
 * @rx_size: bytes of ring memory for each receive descriptor
 * @tx_size: bytes of ring memory for each transmit descriptor
 * @extra: bytes of ring memory beside them
 * @hdr: @dp's rx_hdr_len, which bounds what &sluice_dp.tx_push writes too
 *
 * The stack's own indirect call (ndo_start_xmit, ndo_xdp_xmit, poll) lands in
 * code specialised for the format; there is none behind it.
 */
#define SLUICE_DP_DEFINE(name, dp, rx_size, tx_size, extra, hdr)	\
static netdev_tx_t sluice_##name##_xmit(struct sk_buff *skb,		\
					struct net_device *netdev)	\
{									\
	return sluice_xmit(&(dp), skb, netdev);				\
}									\
									\
static int sluice_##name##_xdp_xmit(struct net_device *netdev, int n,	\
				    struct xdp_frame **frames, u32 flags)\
{									\
	return sluice_xdp_xmit(&(dp), netdev, n, frames, flags);	\
}									\
									\
static int sluice_##name##_poll(struct napi_struct *napi, int budget)	\
{									\
	return sluice_poll(&(dp), napi, budget);			\
}									\
									\
static void sluice_##name##_rx_fill(struct sluice_rxq *q)		\
{									\
	sluice_rx_fill_all(&(dp), q);					\
}									\
									\
static void sluice_##name##_tx_init(struct sluice_txq *q)		\
{									\
	(dp).tx_init(q);						\
}									\
									\
static void sluice_##name##_tx_drain(struct sluice_txq *q)		\
{									\
	sluice_tx_doorbell(&(dp), q);					\
	sluice_tx_clean(&(dp), q, 0);					\
}									\
									\
static void sluice_##name##_tx_flush(struct sluice_txq *q)		\
{									\
	sluice_tx_flush(&(dp), q);					\
}									\
									\
static bool sluice_##name##_rx_pending(const struct sluice_rxq *q)	\
{									\
	return (dp).rx_ready(q);					\
}									\
									\
static u32 sluice_##name##_rx_discard(struct sluice_rxq *q)		\
{									\
	return sluice_rx_discard(&(dp), q);				\
}									\
									\
static const struct net_device_ops sluice_##name##_netdev_ops = {	\
	.ndo_open		= sluice_open,				\
	.ndo_stop		= sluice_stop,				\
	.ndo_start_xmit		= sluice_##name##_xmit,			\
	.ndo_xdp_xmit		= sluice_##name##_xdp_xmit,		\
	.ndo_bpf		= sluice_bpf,				\
	.ndo_change_mtu		= sluice_change_mtu,			\
	.ndo_set_mac_address	= sluice_set_mac,			\
	.ndo_validate_addr	= eth_validate_addr,			\
	.ndo_set_rx_mode	= sluice_set_rx_mode,			\
	.ndo_set_features	= sluice_set_features,			\
	.ndo_fix_features	= sluice_fix_features,			\
	.ndo_features_check	= sluice_features_check,		\
	.ndo_get_stats64	= sluice_get_stats64,			\
	.ndo_tx_timeout		= sluice_tx_timeout,			\
	.ndo_vlan_rx_add_vid	= sluice_vlan_add,			\
	.ndo_vlan_rx_kill_vid	= sluice_vlan_kill,			\
};									\
									\
const struct sluice_engine sluice_##name##_engine = {			\
	.netdev_ops	= &sluice_##name##_netdev_ops,			\
	.poll		= sluice_##name##_poll,				\
	.rx_fill	= sluice_##name##_rx_fill,			\
	.tx_init	= sluice_##name##_tx_init,			\
	.tx_drain	= sluice_##name##_tx_drain,			\
	.tx_flush	= sluice_##name##_tx_flush,			\
	.rx_pending	= sluice_##name##_rx_pending,			\
	.rx_discard	= sluice_##name##_rx_discard,			\
	.rx_desc_size	= rx_size,					\
	.tx_desc_size	= tx_size,					\
	.ring_extra	= extra,					\
	.hdr_len	= hdr,						\
}

#endif
