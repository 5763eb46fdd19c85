/* SPDX-License-Identifier: GPL-2.0-only */

static netdev_tx_t bad_way_out(const struct sluice_dp *dp, struct sk_buff *skb, struct sluice_txq *q)
{
	if (skb->len > q->longest) {
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	if (sluice_tx_take(dp, q, skb))
		sluice_tx_flush(dp, q);
	return NETDEV_TX_OK;
}

static netdev_tx_t bad_busy(const struct sluice_dp *dp, struct sk_buff *skb, struct sluice_txq *q)
{
	if (sluice_txq_room(q) < SLUICE_TX_WORST)
		return NETDEV_TX_BUSY;
	if (sluice_tx_take(dp, q, skb))
		sluice_tx_flush(dp, q);
	return NETDEV_TX_OK;
}

static netdev_tx_t bad_ignored(const struct sluice_dp *dp, struct sk_buff *skb, struct sluice_txq *q)
{
	sluice_tx_take(dp, q, skb);
	return NETDEV_TX_OK;
}

static netdev_tx_t bad_answer(const struct sluice_dp *dp, struct sk_buff *skb, struct sluice_txq *q)
{
	if (sluice_tx_take(dp, q, skb) && q->armed)
		sluice_tx_flush(dp, q);
	return NETDEV_TX_OK;
}

static netdev_tx_t good(const struct sluice_dp *dp, struct sk_buff *skb, struct sluice_txq *q)
{
	if (sluice_tx_take(dp, q, skb))
		sluice_tx_flush(dp, q);
	return NETDEV_TX_OK;
}

/* Bad: the first and the last way out. */
static bool sluice_tx_take(const struct sluice_dp *dp, struct sluice_txq *q, struct sk_buff *skb)
{
	struct sluice_tx_offload o = {};

	if (unlikely(skb_put_padto(skb, dp->tx_min_len)))
		return false;
	if (unlikely(sluice_tx_offload_parse(skb, &o)))
		return sluice_tx_drop(q, skb, SLUICE_TX_OFFLOAD_ERR);
	if (likely(!sluice_tx_map_skb(dp, q, skb, &o)))
		return sluice_tx_commit(q, skb);
	return !netdev_xmit_more();
}

static bool bad_stop(struct sluice_txq *q, struct sk_buff *skb)
{
	bool kick = __netdev_tx_sent_queue(q->nq, skb->len, netdev_xmit_more());

	if (unlikely(sluice_txq_room(q) < SLUICE_TX_WORST))
		netif_tx_stop_queue(q->nq);
	return kick;
}

static bool bad_bql(struct sluice_txq *q, struct sk_buff *skb)
{
	netdev_tx_sent_queue(q->nq, skb->len);
	return !netdev_xmit_more();
}

static bool bad_bql_ignored(struct sluice_txq *q, struct sk_buff *skb)
{
	__netdev_tx_sent_queue(q->nq, skb->len, netdev_xmit_more());
	return !netdev_xmit_more();
}

static bool good_commit(struct sluice_txq *q, struct sk_buff *skb)
{
	bool kick = __netdev_tx_sent_queue(q->nq, skb->len, netdev_xmit_more());

	if (unlikely(sluice_txq_room(q) < SLUICE_TX_WORST)) {
		netif_tx_stop_queue(q->nq);
		return true;
	}
	return kick;
}

static int bad_xdp_xmit(const struct sluice_dp *dp, struct sluice_vector *v,
			struct xdp_frame **frames, u32 n)
{
	u32 sent;

	__netif_tx_lock_bh(v->nq);
	sent = sluice_xdp_queue_all(dp, v, frames, n, SLUICE_TX_XDPF);
	if (sent == n)
		sluice_tx_flush(dp, v->tx);
	__netif_tx_unlock_bh(v->nq);
	return sent;
}

static int good_xdp_xmit(const struct sluice_dp *dp, struct sluice_vector *v,
			 struct xdp_frame **frames, u32 n, u32 flags)
{
	u32 sent;

	__netif_tx_lock_bh(v->nq);
	sent = sluice_xdp_queue_all(dp, v, frames, n, SLUICE_TX_XDPF);
	if (v->tx_open && ((flags & XDP_XMIT_FLUSH) || sent < n))
		sluice_tx_flush(dp, v->tx);
	__netif_tx_unlock_bh(v->nq);
	return sent;
}

static int bad_poll(const struct sluice_dp *dp, struct sluice_poll *p, int budget)
{
	struct sluice_rx_cmpl c = {};
	int done = 0;

	while (dp->rx_peek(p->q, &c)) {
		sluice_rx_one(dp, p, &c);
		if (++done == budget)
			return done;
		if (p->nbulk == SLUICE_XDP_BULK)
			sluice_xdp_tx_flush(dp, p);
	}
	if (p->nbulk)
		sluice_xdp_tx_flush(dp, p);
	if (p->redirected)
		xdp_do_flush();
	return done;
}

static int good_poll(const struct sluice_dp *dp, struct sluice_poll *p, int budget)
{
	struct sluice_rx_cmpl c = {};
	int done = 0;

	while (done < budget && dp->rx_peek(p->q, &c)) {
		sluice_rx_one(dp, p, &c);
		done++;
		if (p->nbulk == SLUICE_XDP_BULK)
			sluice_xdp_tx_flush(dp, p);
	}
	if (p->nbulk)
		sluice_xdp_tx_flush(dp, p);
	if (p->redirected)
		xdp_do_flush();
	return done;
}
