// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vectors and rings: allocate what is wanted, put it to work, take it out.
 *
 * sluice_up() cannot fail and sluice_down() is its mirror, so every change of
 * configuration is: allocate new rings, down, free the old ones, up. If the
 * first step fails nothing has happened.
 */

#include <linux/dma-mapping.h>
#include <linux/iopoll.h>
#include "core.h"

#define SLUICE_IDLE_POLL_US	50
#define SLUICE_IDLE_TIMEOUT_US	100000	/* a full ring of jumbo frames at 1 Gb/s */

/* A larger ring is a wish: no process shall be killed for it, and the refusal
 * is one sentence, not a dump of the stack.
 */
#define SLUICE_RING_GFP	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

static void sluice_vector_free(struct sluice_vector *v)
{
	netif_napi_del(&v->napi);
	kfree(v);
}

static struct sluice_vector *sluice_vector_alloc(struct sluice_nic *nic, u32 i)
{
	struct sluice_vector *v = kzalloc(sizeof(*v), GFP_KERNEL);

	if (!v)
		return NULL;
	v->nic = nic;
	v->index = i;
	v->nq = netdev_get_tx_queue(nic->netdev, i);
	sluice_tx_timer_init(v);
	u64_stats_init(&v->rx_stats.syncp);
	u64_stats_init(&v->tx_stats.syncp);
	netif_napi_add(nic->netdev, &v->napi, nic->engine->poll);
	return v;
}

void sluice_vectors_free(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; i < nic->max_vec && nic->vec[i]; i++)
		sluice_vector_free(nic->vec[i]);
}

int sluice_vectors_alloc(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; i < nic->max_vec; i++) {
		nic->vec[i] = sluice_vector_alloc(nic, i);
		if (!nic->vec[i]) {
			sluice_vectors_free(nic);
			return -ENOMEM;
		}
	}
	return 0;
}

/* A ring's pages go back to their pool; some may still be with the stack, and
 * the pool outlives us until they come home.
 */
static void sluice_rxq_put_pages(struct sluice_rxq *q)
{
	u32 i;

	for (i = 0; i <= q->mask && q->page[i]; i++)
		page_pool_put_full_page(q->pool, q->page[i], false);
}

static int sluice_rxq_get_pages(struct sluice_rxq *q)
{
	u32 i;

	for (i = 0; i <= q->mask; i++) {
		q->page[i] = page_pool_alloc_pages(q->pool, SLUICE_RING_GFP);
		if (!q->page[i])
			return -ENOMEM;
	}
	return 0;
}

static struct page_pool *sluice_pool_create(const struct sluice_rxq *q)
{
	struct sluice_vector *v = q->vec;
	u32 hdr_len = v->nic->engine->hdr_len;
	struct page_pool_params params = {
		.flags		= PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV,
		.order		= get_order(q->frame_size),
		.pool_size	= q->mask + 1,
		.nid		= NUMA_NO_NODE,
		.dev		= &v->nic->pdev->dev,
		/* XDP_TX sends from the very page. */
		.dma_dir	= DMA_BIDIRECTIONAL,
		.offset		= XDP_PACKET_HEADROOM - hdr_len,
		.max_len	= q->buf_len + hdr_len,
		.netdev		= v->nic->netdev,
		.queue_idx	= v->index,
		.napi		= &v->napi,
	};
	struct page_pool *pool = page_pool_create(&params);

	/* Netlink has read now whom the pool serves; it serves nobody before
	 * sluice_vector_up().
	 */
	if (!IS_ERR(pool))
		pool->p.napi = NULL;
	return pool;
}

static int sluice_rxq_register_xdp(struct sluice_rxq *q)
{
	struct sluice_vector *v = q->vec;
	int err;

	err = __xdp_rxq_info_reg(&q->xdp_rxq, v->nic->netdev, v->index,
				 v->napi.napi_id, q->frame_size);
	if (err)
		return err;
	return xdp_rxq_info_reg_mem_model(&q->xdp_rxq, MEM_TYPE_PAGE_POOL,
					  q->pool);
}

static size_t sluice_rxq_bytes(const struct sluice_engine *engine, u32 size)
{
	return size * engine->rx_desc_size + engine->ring_extra;
}

static size_t sluice_txq_bytes(const struct sluice_engine *engine, u32 size)
{
	return size * engine->tx_desc_size + engine->ring_extra;
}

/* Takes a half built ring as well. */
static void sluice_rxq_free(struct sluice_nic *nic, struct sluice_rxq *q)
{
	if (!q)
		return;
	if (q->pool && q->page)
		sluice_rxq_put_pages(q);
	if (xdp_rxq_info_is_reg(&q->xdp_rxq))
		xdp_rxq_info_unreg(&q->xdp_rxq);
	if (q->pool)
		page_pool_destroy(q->pool);
	if (q->desc)
		dma_free_coherent(&nic->pdev->dev,
				  sluice_rxq_bytes(nic->engine, q->mask + 1),
				  q->desc, q->dma);
	kvfree(q->posted);
	kvfree(q->page);
	kfree(q);
}

static int sluice_rxq_fill(struct sluice_rxq *q)
{
	struct page_pool *pool = sluice_pool_create(q);
	int err;

	if (IS_ERR(pool))
		return PTR_ERR(pool);
	q->pool = pool;
	err = sluice_rxq_register_xdp(q);
	return err ?: sluice_rxq_get_pages(q);
}

/**
 * sluice_rx_buf_len() - bytes of a frame that one buffer shall take
 * @nic: the device
 * @mtu: the MTU it shall have
 * @features: the netdev features it shall have
 *
 * Context: RTNL.
 * Return: the bytes.
 */
u32 sluice_rx_buf_len(struct sluice_nic *nic, u32 mtu, netdev_features_t features)
{
	const struct sluice_hw_ops *ops = nic->board->ops;

	return ops->rx_buf_len ? ops->rx_buf_len(nic, mtu, features) :
				 SLUICE_RX_BUF_LEN;
}

static struct sluice_rxq *sluice_rxq_alloc(struct sluice_vector *v, u32 size)
{
	struct sluice_nic *nic = v->nic;
	struct sluice_rxq *q = kzalloc(sizeof(*q), GFP_KERNEL);

	if (!q)
		return NULL;
	q->vec = v;
	q->stats = &v->rx_stats;
	q->mask = size - 1;
	q->buf_len = sluice_rx_buf_len(nic, nic->netdev->mtu, nic->features);
	q->frame_size = PAGE_SIZE << get_order(XDP_PACKET_HEADROOM + q->buf_len +
					       SLUICE_RX_TAILROOM);
	q->page = kvcalloc(size, sizeof(*q->page), SLUICE_RING_GFP);
	q->posted = kvcalloc(size, sizeof(*q->posted), SLUICE_RING_GFP);
	q->desc = dma_alloc_coherent(&nic->pdev->dev,
				     sluice_rxq_bytes(nic->engine, size),
				     &q->dma, SLUICE_RING_GFP);
	if (!q->page || !q->posted || !q->desc || sluice_rxq_fill(q)) {
		sluice_rxq_free(nic, q);
		return NULL;
	}
	return q;
}

static void sluice_txq_free(struct sluice_nic *nic, struct sluice_txq *q)
{
	if (!q)
		return;
	if (q->desc)
		dma_free_coherent(&nic->pdev->dev,
				  sluice_txq_bytes(nic->engine, q->mask + 1),
				  q->desc, q->dma);
	kvfree(q->slot);
	kfree(q);
}

static struct sluice_txq *sluice_txq_alloc(struct sluice_vector *v, u32 size)
{
	struct sluice_nic *nic = v->nic;
	struct sluice_txq *q = kzalloc(sizeof(*q), GFP_KERNEL);

	if (!q)
		return NULL;
	q->vec = v;
	q->nq = v->nq;
	q->stats = &v->tx_stats;
	q->dev = &nic->pdev->dev;
	q->direct = nic->direct;
	q->mask = size - 1;
	q->slot = kvcalloc(size, sizeof(*q->slot), SLUICE_RING_GFP);
	q->desc = dma_alloc_coherent(q->dev,
				     sluice_txq_bytes(nic->engine, size),
				     &q->dma, SLUICE_RING_GFP);
	if (!q->slot || !q->desc) {
		sluice_txq_free(nic, q);
		return NULL;
	}
	return q;
}

void sluice_rings_free(struct sluice_nic *nic, struct sluice_rings *rings)
{
	u32 i;

	for (i = 0; i < rings->n; i++) {
		sluice_rxq_free(nic, rings->rx[i]);
		sluice_txq_free(nic, rings->tx[i]);
	}
}

int sluice_rings_alloc(struct sluice_nic *nic, const struct sluice_config *cfg,
		       struct sluice_rings *rings)
{
	u32 i;

	*rings = (struct sluice_rings){ .n = cfg->channels };
	for (i = 0; i < rings->n; i++) {
		rings->rx[i] = sluice_rxq_alloc(nic->vec[i], cfg->rx_size);
		rings->tx[i] = sluice_txq_alloc(nic->vec[i], cfg->tx_size);
		if (!rings->rx[i] || !rings->tx[i]) {
			sluice_rings_free(nic, rings);
			return -ENOMEM;
		}
	}
	return 0;
}

static void sluice_txq_install(struct sluice_vector *v, struct sluice_txq *q)
{
	q->head = 0;
	q->tail = 0;
	q->kicked = 0;
	q->waiting = 0;
	q->waiting_bytes = 0;
	q->streak = 0;
	q->armed = false;
	q->broken = false;
	v->nic->engine->tx_init(q);
	netdev_tx_reset_queue(v->nq);
	v->tx = q;
}

static void sluice_txq_open(struct sluice_vector *v)
{
	__netif_tx_lock_bh(v->nq);
	v->tx_open = true;
	netif_tx_wake_queue(v->nq);
	__netif_tx_unlock_bh(v->nq);
}

/* Shut all producers out. The stack is stopped in the same critical section:
 * cleaning wakes the queue of an open ring only.
 */
static void sluice_txq_close(struct sluice_vector *v)
{
	__netif_tx_lock_bh(v->nq);
	v->tx_open = false;
	netif_tx_stop_queue(v->nq);
	__netif_tx_unlock_bh(v->nq);
}

/* What the device never sent is lost, by name. */
static void sluice_txq_purge(struct sluice_txq *q)
{
	u32 lost = 0;

	while (q->head != q->tail) {
		struct sluice_tx_slot *first = sluice_tx_slot(q, q->head);
		u32 descs = first->descs;

		sluice_tx_release_pieces(q, q->head, descs);
		if (first->kind == SLUICE_TX_SKB)
			dev_kfree_skb_any(first->skb);
		else
			xdp_return_frame(first->xdpf);
		first->kind = SLUICE_TX_NONE;
		q->head += descs;
		lost++;
	}
	/* ndo_xdp_xmit counts what it refuses while the ring is closed. */
	__netif_tx_lock_bh(q->nq);
	sluice_tx_stats_add(q->stats, SLUICE_TX_RESET_DROP, lost);
	__netif_tx_unlock_bh(q->nq);
}

static bool sluice_txq_idle(const struct sluice_engine *engine,
			    struct sluice_txq *q)
{
	bool idle;

	__netif_tx_lock_bh(q->nq);
	engine->tx_drain(q);
	idle = q->head == q->kicked;
	__netif_tx_unlock_bh(q->nq);
	return idle;
}

/* The pages of a frame half gathered go straight to the pool: xdp_return_buff() is
 * for NAPI's context only. It counts when its end has come.
 */
static void sluice_rxq_drop_chain(struct sluice_rxq *q)
{
	struct xdp_buff *xdp = &q->chain.xdp;
	struct skb_shared_info *sinfo;
	u32 i;

	if (q->chain_len && xdp_buff_has_frags(xdp)) {
		sinfo = xdp_get_shared_info_from_buff(xdp);
		for (i = 0; i < sinfo->nr_frags; i++)
			page_pool_put_full_page(q->pool,
						skb_frag_page(&sinfo->frags[i]),
						false);
	}
	if (q->chain_len)
		page_pool_put_full_page(q->pool,
					virt_to_page(xdp->data_hard_start),
					false);
	if (q->chain_len)
		q->chain_loss = SLUICE_RX_RESET_DROP;
	q->chain_len = 0;
}

/* What the device has given and NAPI has not taken is lost, by name: nobody waits
 * for NAPI if the device is not to be trusted, and else not for ever.
 */
static void sluice_rxq_purge(struct sluice_nic *nic, struct sluice_rxq *q)
{
	u32 lost;

	sluice_rxq_drop_chain(q);
	lost = nic->engine->rx_discard(q);
	local_bh_disable();
	sluice_rx_stats_add(q->stats, SLUICE_RX_FRAMES, lost);
	sluice_rx_stats_add(q->stats, SLUICE_RX_RESET_DROP, lost);
	local_bh_enable();
}

/* Let NAPI take what was received before reception stopped. */
static void sluice_drain_rx(struct sluice_nic *nic)
{
	const struct sluice_engine *engine = nic->engine;
	bool pending;
	u32 i;

	for (i = 0; i < nic->nvec; i++) {
		struct sluice_vector *v = nic->vec[i];

		local_bh_disable();
		napi_schedule(&v->napi);
		local_bh_enable();
		napi_synchronize(&v->napi);
		read_poll_timeout(engine->rx_pending, pending, !pending,
				  SLUICE_IDLE_POLL_US, SLUICE_IDLE_TIMEOUT_US,
				  false, v->rx);
		napi_synchronize(&v->napi);
	}
}

static void sluice_drain_tx(struct sluice_nic *nic)
{
	const struct sluice_engine *engine = nic->engine;
	bool idle;
	u32 i;

	for (i = 0; i < nic->nvec; i++)
		read_poll_timeout(sluice_txq_idle, idle, idle,
				  SLUICE_IDLE_POLL_US, SLUICE_IDLE_TIMEOUT_US,
				  false, engine, nic->vec[i]->tx);
}

/* The pool recycles through NAPI from here on, and not before: rings that are
 * never put to work are freed while the NAPI of the old ones runs.
 */
static void sluice_vector_up(struct sluice_vector *v)
{
	v->rx->pool->p.napi = &v->napi;
	napi_enable(&v->napi);
	netif_queue_set_napi(v->nic->netdev, v->index, NETDEV_QUEUE_TYPE_RX,
			     &v->napi);
	netif_queue_set_napi(v->nic->netdev, v->index, NETDEV_QUEUE_TYPE_TX,
			     &v->napi);
}

static void sluice_vector_down(struct sluice_vector *v)
{
	/* The ring is closed, so nobody starts it again. */
	hrtimer_cancel(&v->tx_timer);
	netif_queue_set_napi(v->nic->netdev, v->index, NETDEV_QUEUE_TYPE_TX,
			     NULL);
	netif_queue_set_napi(v->nic->netdev, v->index, NETDEV_QUEUE_TYPE_RX,
			     NULL);
	napi_disable(&v->napi);
	page_pool_disable_direct_recycling(v->rx->pool);
}

/**
 * sluice_up() - put rings to work
 * @nic: the device, down, with its interrupts requested
 * @rings: what to put to work; it is the device's from here on
 *
 * The stack knows of as many queues as there are rings when this is called.
 *
 * Context: RTNL.
 */
void sluice_up(struct sluice_nic *nic, struct sluice_rings *rings)
{
	u32 i;

	ASSERT_RTNL();
	/* sluice_xdp_xmit() may be looking. */
	WRITE_ONCE(nic->nvec, rings->n);
	for (i = 0; i < nic->nvec; i++) {
		struct sluice_vector *v = nic->vec[i];

		v->masked = false;
		v->rx = rings->rx[i];
		nic->engine->rx_fill(v->rx);
		sluice_txq_install(v, rings->tx[i]);
		sluice_vector_up(v);
	}
	nic->board->ops->start(nic);
	pci_set_master(nic->pdev);
	set_bit(SLUICE_UP, &nic->state);
	/* An address may have been added since start looked. */
	sluice_apply_rx_mode(nic);
	nic->board->ops->irq_on(nic);
	for (i = 0; i < nic->nvec; i++)
		sluice_txq_open(nic->vec[i]);
}

/**
 * sluice_down() - take the rings out of work
 * @nic: the device, up
 * @rings: the rings, the caller's from here on; their statistics stay
 * @orderly: wait for frames under way; else the device is not to be trusted
 *
 * Source first: reception stops and NAPI takes the rest; then the producers of
 * the transmit ring are shut out and the device finishes. A device that cannot
 * stop only one direction is still until now: what it has received meanwhile is
 * taken then. Only after that NAPI goes, and interrupts after it: the end of a
 * poll may still have unmasked them.
 *
 * Bus mastering is on exactly while rings are in work. A device that registers
 * no longer reach, or that somebody left receiving, can so not write to memory
 * that has been given to others.
 *
 * Context: RTNL.
 */
void sluice_down(struct sluice_nic *nic, struct sluice_rings *rings,
		 bool orderly)
{
	const struct sluice_hw_ops *ops = nic->board->ops;
	u32 i;

	ASSERT_RTNL();
	clear_bit(SLUICE_UP, &nic->state);
	/* A poll that began before may still ring a doorbell. */
	for (i = 0; i < nic->nvec; i++)
		napi_synchronize(&nic->vec[i]->napi);
	ops->rx_stop(nic);
	if (orderly)
		sluice_drain_rx(nic);
	for (i = 0; i < nic->nvec; i++)
		sluice_txq_close(nic->vec[i]);
	if (orderly)
		sluice_drain_tx(nic);
	ops->tx_stop(nic);
	pci_clear_master(nic->pdev);
	if (orderly)
		sluice_drain_rx(nic);
	for (i = 0; i < nic->nvec; i++)
		sluice_vector_down(nic->vec[i]);
	ops->irq_off(nic);
	sluice_irq_synchronize(nic);
	rings->n = nic->nvec;
	for (i = 0; i < nic->nvec; i++) {
		rings->rx[i] = nic->vec[i]->rx;
		rings->tx[i] = nic->vec[i]->tx;
		nic->vec[i]->rx = NULL;
		nic->vec[i]->tx = NULL;
		sluice_rxq_purge(nic, rings->rx[i]);
		sluice_txq_purge(rings->tx[i]);
	}
}

static void sluice_hold_queues(struct sluice_nic *nic, u32 from, u32 to)
{
	for (; from < to; from++)
		netif_tx_stop_queue(nic->vec[from]->nq);
}

/* The stack may know of queues without rings as long as they are stopped, which
 * the watchdog does not bear for long. Only to add queues can fail.
 */
static int sluice_grow_channels(struct sluice_nic *nic, u32 channels,
				struct netlink_ext_ack *extack)
{
	u32 i, n = max(channels, nic->nvec);
	int err;

	sluice_hold_queues(nic, nic->nvec, channels);
	err = netif_set_real_num_queues(nic->netdev, n, n);
	for (i = nic->nvec; err && i < channels; i++)
		netif_tx_start_queue(nic->vec[i]->nq);
	if (err)
		NL_SET_ERR_MSG_FMT_MOD(extack, "cannot have %u queues (error %d)",
				       channels, err);
	return err;
}

static void sluice_shrink_channels(struct sluice_nic *nic, u32 channels)
{
	u32 i;

	netif_set_real_num_queues(nic->netdev, channels, channels);
	for (i = channels; i < nic->nvec; i++)
		netif_tx_start_queue(nic->vec[i]->nq);
}

/* Whoever has asked for the change learns what it took: not each of the stack's
 * hooks has an extack.
 */
static void sluice_say_reset(struct sluice_nic *nic,
			     struct netlink_ext_ack *extack)
{
	if (!nic->board->rebuild_resets)
		return;
	NL_SET_ERR_MSG_MOD(extack, "the device was reset for it");
	if (!extack)
		netdev_info(nic->netdev, "the device was reset for a new setting\n");
}

/**
 * sluice_rebuild() - go on with new rings
 * @nic: the device, up
 * @cfg: what they shall be like
 * @extack: where a refusal is explained, and a reset announced; NULL = the log
 *
 * The new ones are complete before the old ones stop, and these are freed after
 * the new ones have started: QEMU's e1000 keeps a frame for an interface that
 * does not receive, but for a second only.
 *
 * Context: RTNL.
 * Return: 0 with @cfg in force, or negative errno; the old rings go on then.
 */
int sluice_rebuild(struct sluice_nic *nic, const struct sluice_config *cfg,
		   struct netlink_ext_ack *extack)
{
	struct sluice_rings new, old;
	int err;

	err = sluice_rings_alloc(nic, cfg, &new);
	if (err) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "no memory for rx %u, tx %u; the old rings go on",
				       cfg->rx_size, cfg->tx_size);
		return err;
	}
	err = sluice_grow_channels(nic, cfg->channels, extack);
	if (err) {
		sluice_rings_free(nic, &new);
		return err;
	}
	sluice_down(nic, &old, true);
	sluice_shrink_channels(nic, cfg->channels);
	nic->cfg = *cfg;
	sluice_rss_follow_channels(nic);
	sluice_up(nic, &new);
	sluice_rings_free(nic, &old);
	sluice_say_reset(nic, extack);
	return 0;
}

/**
 * sluice_set_idle_config() - what the rings of a device that is down shall be like
 * @nic: the device, down
 * @cfg: the configuration
 * @extack: where a refusal is explained, or NULL
 *
 * Context: RTNL.
 * Return: 0, or negative errno with everything as it was.
 */
int sluice_set_idle_config(struct sluice_nic *nic,
			   const struct sluice_config *cfg,
			   struct netlink_ext_ack *extack)
{
	int err = netif_set_real_num_queues(nic->netdev, cfg->channels,
					    cfg->channels);

	if (err) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "cannot have %u queues (error %d)",
				       cfg->channels, err);
		return err;
	}
	nic->cfg = *cfg;
	sluice_rss_follow_channels(nic);
	return 0;
}
