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
	u64_stats_init(&v->rx_stats.syncp);
	u64_stats_init(&v->tx_stats.syncp);
	netif_napi_add(nic->netdev, &v->napi, nic->board->engine->poll);
	return v;
}

void sluice_vectors_free(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; i < nic->nvec && nic->vec[i]; i++)
		sluice_vector_free(nic->vec[i]);
}

int sluice_vectors_alloc(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; i < nic->nvec; i++) {
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

static struct page_pool *sluice_pool_create(struct sluice_vector *v, u32 size)
{
	struct page_pool_params params = {
		.flags		= PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV,
		.pool_size	= size,
		.nid		= NUMA_NO_NODE,
		.dev		= &v->nic->pdev->dev,
		/* XDP_TX sends from the very page. */
		.dma_dir	= DMA_BIDIRECTIONAL,
		.offset		= XDP_PACKET_HEADROOM,
		.max_len	= SLUICE_RX_BUF_LEN,
		.netdev		= v->nic->netdev,
		.queue_idx	= v->index,
	};

	return page_pool_create(&params);
}

static int sluice_rxq_register_xdp(struct sluice_rxq *q)
{
	struct sluice_vector *v = q->vec;
	int err;

	err = __xdp_rxq_info_reg(&q->xdp_rxq, v->nic->netdev, v->index,
				 v->napi.napi_id, PAGE_SIZE);
	if (err)
		return err;
	return xdp_rxq_info_reg_mem_model(&q->xdp_rxq, MEM_TYPE_PAGE_POOL,
					  q->pool);
}

/* Takes a half built ring as well. */
static void sluice_rxq_free(struct sluice_nic *nic, struct sluice_rxq *q)
{
	size_t bytes;

	if (!q)
		return;
	bytes = (q->mask + 1) * nic->board->engine->rx_desc_size;
	if (q->pool && q->page)
		sluice_rxq_put_pages(q);
	if (xdp_rxq_info_is_reg(&q->xdp_rxq))
		xdp_rxq_info_unreg(&q->xdp_rxq);
	if (q->pool)
		page_pool_destroy(q->pool);
	if (q->desc)
		dma_free_coherent(&nic->pdev->dev, bytes, q->desc, q->dma);
	kvfree(q->page);
	kfree(q);
}

static int sluice_rxq_fill(struct sluice_nic *nic, struct sluice_rxq *q)
{
	struct page_pool *pool = sluice_pool_create(q->vec, q->mask + 1);
	int err;

	if (IS_ERR(pool))
		return PTR_ERR(pool);
	q->pool = pool;
	err = sluice_rxq_register_xdp(q);
	return err ?: sluice_rxq_get_pages(q);
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
	q->page = kvcalloc(size, sizeof(*q->page), SLUICE_RING_GFP);
	q->desc = dma_alloc_coherent(&nic->pdev->dev,
				     size * nic->board->engine->rx_desc_size,
				     &q->dma, SLUICE_RING_GFP);
	if (!q->page || !q->desc || sluice_rxq_fill(nic, q)) {
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
		dma_free_coherent(&nic->pdev->dev, (q->mask + 1) *
				  nic->board->engine->tx_desc_size, q->desc,
				  q->dma);
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
	q->mask = size - 1;
	q->slot = kvcalloc(size, sizeof(*q->slot), SLUICE_RING_GFP);
	q->desc = dma_alloc_coherent(q->dev,
				     size * nic->board->engine->tx_desc_size,
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

	for (i = 0; i < nic->nvec; i++) {
		sluice_rxq_free(nic, rings->rx[i]);
		sluice_txq_free(nic, rings->tx[i]);
	}
}

int sluice_rings_alloc(struct sluice_nic *nic, const struct sluice_config *cfg,
		       struct sluice_rings *rings)
{
	u32 i;

	memset(rings, 0, sizeof(*rings));
	for (i = 0; i < nic->nvec; i++) {
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
	q->armed = false;
	q->ctx[0] = 0;
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

/* A frame half gathered is one that the device has not given yet. Its pages go
 * straight to the pool: xdp_return_buff() is for NAPI's context only.
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
	q->chain_len = 0;
	q->chain_loss = 0;
}

/* Let NAPI take what was received before reception stopped. */
static void sluice_drain_rx(struct sluice_nic *nic)
{
	const struct sluice_engine *engine = nic->board->engine;
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
	const struct sluice_engine *engine = nic->board->engine;
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
	netif_queue_set_napi(v->nic->netdev, v->index, NETDEV_QUEUE_TYPE_TX,
			     NULL);
	netif_queue_set_napi(v->nic->netdev, v->index, NETDEV_QUEUE_TYPE_RX,
			     NULL);
	napi_disable(&v->napi);
	page_pool_disable_direct_recycling(v->rx->pool);
}

/**
 * sluice_up() - put rings to work
 * @nic: the device, down, with its interrupt requested
 * @rings: what to put to work; it is the device's from here on
 *
 * Context: RTNL.
 */
void sluice_up(struct sluice_nic *nic, struct sluice_rings *rings)
{
	u32 i;

	ASSERT_RTNL();
	for (i = 0; i < nic->nvec; i++) {
		struct sluice_vector *v = nic->vec[i];

		v->masked = false;
		v->rx = rings->rx[i];
		nic->board->engine->rx_fill(v->rx);
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
 * the transmit ring are shut out and the device finishes; only then NAPI goes,
 * and interrupts after it: the end of a poll may still have unmasked them.
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
	for (i = 0; i < nic->nvec; i++)
		sluice_vector_down(nic->vec[i]);
	ops->irq_off(nic);
	synchronize_irq(nic->pdev->irq);
	ops->tx_stop(nic);
	pci_clear_master(nic->pdev);
	for (i = 0; i < nic->nvec; i++) {
		rings->rx[i] = nic->vec[i]->rx;
		rings->tx[i] = nic->vec[i]->tx;
		nic->vec[i]->rx = NULL;
		nic->vec[i]->tx = NULL;
		sluice_rxq_drop_chain(rings->rx[i]);
		sluice_txq_purge(rings->tx[i]);
	}
}
