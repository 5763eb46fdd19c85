// SPDX-License-Identifier: GPL-2.0-only
/* Datapath of the 8254x: its descriptor format, for the engine to inline. */

#include <sluice/datapath.h>
#include "e1000.h"
#include "e1000_desc.h"

static __always_inline void e1000_rx_init(struct sluice_rxq *q)
{
}

static __always_inline bool e1000_rx_ready(const struct sluice_rxq *q)
{
	const struct e1000_rx_desc *d = (struct e1000_rx_desc *)q->desc +
					(q->head & q->mask);

	if (!(READ_ONCE(d->status) & E1000_RXD_DD))
		return false;
	/* Whoever sees it may look at what came with it. */
	dma_rmb();
	return true;
}

static __always_inline bool e1000_rx_peek(struct sluice_rxq *q,
					  struct sluice_rx_cmpl *c)
{
	u32 slot = q->head & q->mask;
	const struct e1000_rx_desc *d = (struct e1000_rx_desc *)q->desc + slot;
	u8 status = READ_ONCE(d->status);

	if (!(status & E1000_RXD_DD))
		return false;
	/* Length, errors and tag were written before DD. */
	dma_rmb();
	c->slot = slot;
	c->off = XDP_PACKET_HEADROOM;
	c->len = le16_to_cpu(READ_ONCE(d->length));
	c->vlan_tci = le16_to_cpu(READ_ONCE(d->special));
	c->flags = e1000_rxd_flags(status, READ_ONCE(d->errors));
	return true;
}

/* The device reads the old status back with the address, so it is cleared. No
 * barrier: the descriptor is the device's only when the tail register says so.
 */
static __always_inline void e1000_rx_post(struct sluice_rxq *q, u32 slot,
					  dma_addr_t dma)
{
	struct e1000_rx_desc *d = (struct e1000_rx_desc *)q->desc + slot;

	*d = (struct e1000_rx_desc){ .addr = cpu_to_le64(dma) };
}

/* writel() orders the descriptors before the tail. */
static __always_inline bool e1000_rx_kick(struct sluice_rxq *q)
{
	writel((q->head - 1) & q->mask, q->doorbell);
	return true;
}

static __always_inline void e1000_tx_init(struct sluice_txq *q)
{
	q->ctx[0] = 0;
}

/* The context is kept by the device until the next one (3.3.5), so flows that
 * look alike share one. A TSO context carries the payload's length and is never
 * shared.
 */
static __always_inline bool e1000_tx_ctx(struct sluice_txq *q, u32 index,
					 const struct sluice_tx_offload *o)
{
	struct e1000_ctx_desc *d = (struct e1000_ctx_desc *)q->desc +
				   (index & q->mask);
	u64 offsets, command;

	if (!(o->flags & (SLUICE_TX_CSUM | SLUICE_TX_TSO)))
		return false;
	offsets = e1000_ctx_offsets(o);
	command = e1000_ctx_command(o);
	if (q->ctx[0] == offsets && q->ctx[1] == command &&
	    !(o->flags & SLUICE_TX_TSO))
		return false;
	q->ctx[0] = offsets;
	q->ctx[1] = command;
	d->offsets = cpu_to_le64(offsets);
	d->command = cpu_to_le64(command);
	return true;
}

static __always_inline void e1000_tx_put(struct sluice_txq *q, u32 index,
					 dma_addr_t dma, u32 len,
					 const struct sluice_tx_offload *o)
{
	struct e1000_tx_desc *d = (struct e1000_tx_desc *)q->desc +
				  (index & q->mask);

	d->addr = cpu_to_le64(dma);
	d->lower = cpu_to_le32(e1000_txd_lower(o->flags) | len);
	d->upper = cpu_to_le32(e1000_txd_upper(o));
}

static __always_inline bool e1000_tx_kick(struct sluice_txq *q)
{
	writel(q->tail & q->mask, q->doorbell);
	return true;
}

static __always_inline bool e1000_tx_done(struct sluice_txq *q, u32 first,
					  u32 last)
{
	const struct e1000_tx_desc *d = (struct e1000_tx_desc *)q->desc +
					(last & q->mask);

	if (!(READ_ONCE(d->upper) & cpu_to_le32(E1000_TXD_DD)))
		return false;
	/* The slot is reused, and its mapping undone, only after this. */
	dma_rmb();
	return true;
}

static __always_inline bool e1000_tx_arm(struct sluice_txq *q)
{
	struct sluice_nic *nic = q->vec->nic;
	struct e1000_hw *hw = e1000_hw(nic);

	WRITE_ONCE(hw->ims, hw->ims | E1000_IRQ_TXDW);
	e1000_write(nic, E1000_IMS, E1000_IRQ_TXDW);
	return true;
}

static __always_inline void e1000_rx_arm(struct sluice_rxq *q)
{
}

/* See e1000_irq() for who masks, and why not always. */
static __always_inline void e1000_irq_enable(struct sluice_vector *v)
{
	if (likely(!READ_ONCE(v->masked)))
		return;
	WRITE_ONCE(v->masked, false);
	e1000_write(v->nic, E1000_IMS, READ_ONCE(e1000_hw(v->nic)->ims));
}

static const struct sluice_dp e1000_dp = {
	.rx_init	= e1000_rx_init,
	.rx_ready	= e1000_rx_ready,
	.rx_peek	= e1000_rx_peek,
	.rx_post	= e1000_rx_post,
	.rx_kick	= e1000_rx_kick,
	.tx_init	= e1000_tx_init,
	.tx_ctx		= e1000_tx_ctx,
	.tx_put		= e1000_tx_put,
	.tx_kick	= e1000_tx_kick,
	.tx_done	= e1000_tx_done,
	.tx_arm		= e1000_tx_arm,
	.rx_arm		= e1000_rx_arm,
	.irq_enable	= e1000_irq_enable,
	/* Padding by the device may corrupt frames (in-tree e1000's remark). */
	.tx_min_len	= ETH_ZLEN,
	.tx_sums_length	= true,
};

SLUICE_DP_DEFINE(e1000, e1000_dp, sizeof(struct e1000_rx_desc),
		 sizeof(struct e1000_tx_desc), 0, 0);
