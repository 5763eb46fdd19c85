// SPDX-License-Identifier: GPL-2.0-only
/* Datapath of the fake NIC: its descriptor format, for the engine to inline. */

#include <sluice/datapath.h>
#include "fake_desc.h"
#include "fake_nic.h"

static __always_inline void fake_rx_init(struct sluice_rxq *q)
{
}

static __always_inline bool fake_rx_ready(const struct sluice_rxq *q)
{
	const struct fake_rx_desc *d = (struct fake_rx_desc *)q->desc +
				       (q->head & q->mask);

	if (!READ_ONCE(d->done))
		return false;
	/* Whoever sees it may look at what came with it. */
	dma_rmb();
	return true;
}

static __always_inline bool fake_rx_peek(struct sluice_rxq *q,
					 struct sluice_rx_cmpl *c)
{
	u32 slot = q->head & q->mask;
	const struct fake_rx_desc *d = (struct fake_rx_desc *)q->desc + slot;

	if (!READ_ONCE(d->done))
		return false;
	/* Everything else was written before. */
	dma_rmb();
	c->slot = slot;
	c->off = XDP_PACKET_HEADROOM;
	c->len = le16_to_cpu(READ_ONCE(d->len));
	c->vlan_tci = le16_to_cpu(READ_ONCE(d->vlan_tci));
	c->flags = READ_ONCE(d->flags);
	return true;
}

static __always_inline void fake_rx_post(struct sluice_rxq *q, u32 slot,
					 dma_addr_t dma)
{
	struct fake_rx_desc *d = (struct fake_rx_desc *)q->desc + slot;

	*d = (struct fake_rx_desc){ .addr = cpu_to_le64(dma) };
}

static __always_inline bool fake_rx_kick(struct sluice_rxq *q)
{
	struct fake_hw *hw = fake_hw(q->vec->nic);

	/* The descriptors before the tail that shows them. */
	dma_wmb();
	WRITE_ONCE(hw->rx_tail, (q->head - 1) & q->mask);
	hw->rx_kicks++;
	return true;
}

static __always_inline void fake_tx_init(struct sluice_txq *q)
{
	q->ctx[0] = 0;
}

/* Shared like e1000's: kept by the device until the next one, and never shared
 * if it carries a payload's length.
 */
static __always_inline bool fake_tx_ctx(struct sluice_txq *q, u32 index,
					const struct sluice_tx_offload *o)
{
	struct fake_tx_desc *d = (struct fake_tx_desc *)q->desc +
				 (index & q->mask);
	u64 where = BIT_ULL(63) | (u64)o->l3_off << 32 | (u64)o->l4_off << 16 |
		    o->csum_off;

	if (!(o->flags & (SLUICE_TX_CSUM | SLUICE_TX_TSO)))
		return false;
	if (q->ctx[0] == where && !(o->flags & SLUICE_TX_TSO))
		return false;
	q->ctx[0] = o->flags & SLUICE_TX_TSO ? BIT_ULL(62) : where;
	*d = (struct fake_tx_desc){
		.kind		= FAKE_TX_CONTEXT,
		.flags		= o->flags,
		.paylen		= cpu_to_le32(o->paylen),
		.mss		= cpu_to_le16(o->mss),
		.l3_off		= cpu_to_le16(o->l3_off),
		.l4_off		= cpu_to_le16(o->l4_off),
		.csum_off	= cpu_to_le16(o->csum_off),
		.hdr_len	= cpu_to_le16(o->hdr_len),
	};
	return true;
}

static __always_inline void fake_tx_put(struct sluice_txq *q, u32 index,
					dma_addr_t dma, u32 len,
					const struct sluice_tx_offload *o)
{
	struct fake_tx_desc *d = (struct fake_tx_desc *)q->desc +
				 (index & q->mask);

	*d = (struct fake_tx_desc){
		.addr		= cpu_to_le64(dma),
		.len		= cpu_to_le32(len),
		.flags		= o->flags,
		.kind		= FAKE_TX_DATA,
		.vlan_tci	= cpu_to_le16(o->vlan_tci),
	};
}

static __always_inline bool fake_tx_kick(struct sluice_txq *q)
{
	struct fake_hw *hw = fake_hw(q->vec->nic);

	/* The descriptors before the tail that shows them. */
	dma_wmb();
	WRITE_ONCE(hw->tx_tail, q->tail & q->mask);
	hw->tx_kicks++;
	if (hw->eager)
		fake_send_all(hw);
	return true;
}

static __always_inline bool fake_tx_awake(struct sluice_txq *q)
{
	return fake_hw(q->vec->nic)->awake;
}

static __always_inline bool fake_tx_done(struct sluice_txq *q, u32 first,
					 u32 last)
{
	const struct fake_tx_desc *d = (struct fake_tx_desc *)q->desc +
				       (last & q->mask);

	if (!READ_ONCE(d->done))
		return false;
	/* The slot is reused, and its mapping undone, only after this. */
	dma_rmb();
	return true;
}

static __always_inline bool fake_tx_arm(struct sluice_txq *q)
{
	struct fake_hw *hw = fake_hw(q->vec->nic);

	hw->tx_armed = true;
	hw->arms++;
	if (!hw->spends)
		return true;
	hw->spends--;
	fake_send(hw, 2);
	return false;
}

static __always_inline void fake_rx_arm(struct sluice_rxq *q)
{
}

static __always_inline void fake_irq_enable(struct sluice_vector *v)
{
	fake_hw(v->nic)->irq_enables++;
}

static const struct sluice_dp fake_dp = {
	.rx_init	= fake_rx_init,
	.rx_ready	= fake_rx_ready,
	.rx_peek	= fake_rx_peek,
	.rx_post	= fake_rx_post,
	.rx_kick	= fake_rx_kick,
	.tx_init	= fake_tx_init,
	.tx_ctx		= fake_tx_ctx,
	.tx_put		= fake_tx_put,
	.tx_kick	= fake_tx_kick,
	.tx_awake	= fake_tx_awake,
	.tx_done	= fake_tx_done,
	.tx_arm		= fake_tx_arm,
	.rx_arm		= fake_rx_arm,
	.irq_enable	= fake_irq_enable,
	.tx_min_len	= ETH_ZLEN,
	.tx_sums_length	= true,
};

SLUICE_DP_DEFINE(fake, fake_dp, sizeof(struct fake_rx_desc),
		 sizeof(struct fake_tx_desc), 0, 0);
