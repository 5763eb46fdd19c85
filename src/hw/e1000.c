// SPDX-License-Identifier: GPL-2.0-only
/* The 8254x: identify, reset, start, stop and interrupts. */

#include <linux/delay.h>
#include <linux/etherdevice.h>
#include "e1000.h"

#define E1000_BAR		0
#define E1000_MAX_MTU		16110	/* 16128 bytes with headers and FCS */
#define E1000_MAX_RING		4096
#define E1000_MAX_OFFSET	255	/* context offsets are bytes (3.3.6) */
#define E1000_IRQ_DEFAULT	(E1000_IRQ_RXT0 | E1000_IRQ_RXO | E1000_IRQ_LSC)
#define E1000_IRQ_NAPI		(E1000_IRQ_RXT0 | E1000_IRQ_RXO | E1000_IRQ_TXDW)
#define E1000_ITR_USECS		50	/* 20,000 interrupts/s, as in-tree */
#define E1000_ITR_MAX_USECS	16776	/* 16 bits of 256 ns */
#define E1000_PBA_RX_40K	40	/* leaves transmit a 16 KiB frame and more */
#define E1000_TIPG_COPPER	0x00602008	/* 13.4.34, IEEE 802.3 copper */
#define E1000_PAUSE_TIME	0xffff
#define E1000_FC_HIGH		0x8000	/* of the 40 KiB: send XOFF ... */
#define E1000_FC_LOW		0x6000	/* ... and XON again */

/* A frame's header fields are FCS, source and type as IEEE 802.3 31B wants. */
static void e1000_start_flow_control(struct sluice_nic *nic)
{
	e1000_write(nic, E1000_FCAL, 0x00c28001);
	e1000_write(nic, E1000_FCAH, 0x0100);
	e1000_write(nic, E1000_FCT, ETH_P_PAUSE);
	e1000_write(nic, E1000_FCTTV, E1000_PAUSE_TIME);
	e1000_write(nic, E1000_FCRTL, E1000_FC_LOW | E1000_FCRTL_XONE);
	e1000_write(nic, E1000_FCRTH, E1000_FC_HIGH);
}

static void e1000_write_itr(struct sluice_nic *nic)
{
	if (!(nic->board->quirks & E1000_QUIRK_NO_ITR))
		e1000_write(nic, E1000_ITR,
			    e1000_hw(nic)->itr_usecs * NSEC_PER_USEC / 256);
}

/* No delay timers: a lone frame must not wait, and floods are throttled by ITR. */
static void e1000_start_moderation(struct sluice_nic *nic)
{
	e1000_write(nic, E1000_RDTR, 0);
	e1000_write(nic, E1000_TIDV, 0);
	if (nic->board->quirks & E1000_QUIRK_NO_ITR)
		return;
	e1000_write(nic, E1000_RADV, 0);
	e1000_write(nic, E1000_TADV, 0);
	e1000_write_itr(nic);
}

static void e1000_start_tx(struct sluice_nic *nic)
{
	struct sluice_txq *q = nic->vec[0]->tx;

	q->doorbell = nic->regs + E1000_TDT;
	e1000_write(nic, E1000_TDBAL, lower_32_bits(q->dma));
	e1000_write(nic, E1000_TDBAH, upper_32_bits(q->dma));
	e1000_write(nic, E1000_TDLEN,
		    (q->mask + 1) * nic->engine->tx_desc_size);
	e1000_write(nic, E1000_TDH, 0);
	e1000_write(nic, E1000_TDT, 0);
	e1000_write(nic, E1000_TIPG, E1000_TIPG_COPPER);
	e1000_write(nic, E1000_TCTL,
		    E1000_TCTL_EN | E1000_TCTL_PSP | E1000_TCTL_RTLC |
		    FIELD_PREP(E1000_TCTL_CT, 15) |
		    FIELD_PREP(E1000_TCTL_COLD, 63));
}

/* The tail moves last: until then the device has nowhere to put a frame. */
static void e1000_start_rx(struct sluice_nic *nic)
{
	struct sluice_rxq *q = nic->vec[0]->rx;

	q->doorbell = nic->regs + E1000_RDT;
	e1000_write(nic, E1000_RDBAL, lower_32_bits(q->dma));
	e1000_write(nic, E1000_RDBAH, upper_32_bits(q->dma));
	e1000_write(nic, E1000_RDLEN,
		    (q->mask + 1) * nic->engine->rx_desc_size);
	e1000_write(nic, E1000_RDH, 0);
	e1000_write(nic, E1000_RDT, 0);
	netif_addr_lock_bh(nic->netdev);
	e1000_set_rx_mode(nic);
	netif_addr_unlock_bh(nic->netdev);
	e1000_write(nic, E1000_RDT, q->mask);
}

static int e1000_set_features(struct sluice_nic *nic, netdev_features_t changed)
{
	u32 ctrl = e1000_read(nic, E1000_CTRL) & ~E1000_CTRL_VME;

	if (nic->features & NETIF_F_HW_VLAN_CTAG_RX)
		ctrl |= E1000_CTRL_VME;
	e1000_write(nic, E1000_CTRL, ctrl);
	e1000_write(nic, E1000_RXCSUM, nic->features & NETIF_F_RXCSUM ?
		    E1000_RXCSUM_TUOFL | E1000_RXCSUM_IPOFL : 0);
	return 0;
}

/* The 8254x inserts tags only in the mode in which it also strips them: both are
 * CTRL.VME.
 */
static netdev_features_t e1000_fix_features(netdev_features_t features)
{
	if (features & NETIF_F_HW_VLAN_CTAG_RX)
		return features | NETIF_F_HW_VLAN_CTAG_TX;
	return features & ~NETIF_F_HW_VLAN_CTAG_TX;
}

static void e1000_start(struct sluice_nic *nic)
{
	u32 ctrl = e1000_read(nic, E1000_CTRL);

	ctrl &= ~(E1000_CTRL_RFCE | E1000_CTRL_TFCE);
	e1000_write(nic, E1000_CTRL, ctrl | E1000_CTRL_SLU | e1000_hw(nic)->flow);
	e1000_write(nic, E1000_VET, ETH_P_8021Q);
	e1000_set_features(nic, 0);
	WRITE_ONCE(e1000_hw(nic)->ims, E1000_IRQ_DEFAULT);
	if (nic->features & NETIF_F_LOOPBACK)
		e1000_loopback(nic, true);
	else if (e1000_phy_restore(nic))
		netdev_err(nic->netdev, "the PHY does not answer\n");
	e1000_start_flow_control(nic);
	e1000_start_moderation(nic);
	e1000_start_tx(nic);
	e1000_start_rx(nic);
}

static void e1000_rx_stop(struct sluice_nic *nic)
{
	struct e1000_hw *hw = e1000_hw(nic);

	netif_addr_lock_bh(nic->netdev);
	hw->rctl = 0;
	e1000_write(nic, E1000_RCTL, 0);
	netif_addr_unlock_bh(nic->netdev);
}

/* Frames under way in either direction end within 10 ms (in-tree e1000). */
static void e1000_tx_stop(struct sluice_nic *nic)
{
	e1000_write(nic, E1000_TCTL, E1000_TCTL_PSP);
	e1000_read(nic, E1000_STATUS);	/* flush the posted write */
	usleep_range(10000, 11000);
}

static void e1000_irq_on(struct sluice_nic *nic)
{
	e1000_write(nic, E1000_IMS, READ_ONCE(e1000_hw(nic)->ims));
}

static void e1000_irq_off(struct sluice_nic *nic)
{
	e1000_write(nic, E1000_IMC, ~0U);
	e1000_read(nic, E1000_STATUS);	/* flush the posted write */
}

/* Reading the cause acknowledges it and drops the line: for a lone frame that is
 * all there is, one register access. Masking would take two more, so it is left
 * until an interrupt finds NAPI at work already.
 *
 * The order is what keeps the device from staying masked: first the mask, then
 * the flag, then napi_schedule(). A poll that ends before the flag is set leaves
 * the mask alone, and the poll scheduled here undoes it; a poll that sees the
 * flag undoes a mask that has reached the device.
 */
static void e1000_irq_napi(struct sluice_vector *v)
{
	if (test_bit(NAPI_STATE_SCHED, &v->napi.state) && !READ_ONCE(v->masked)) {
		e1000_write(v->nic, E1000_IMC, E1000_IRQ_NAPI);
		WRITE_ONCE(v->masked, true);
	}
	napi_schedule_irqoff(&v->napi);
}

/* The line is shared: causes that we never asked for are latched all the time
 * and do not make an interrupt ours. A cause that we did ask for is ours even
 * while masked, as reading it has taken it away.
 */
static irqreturn_t e1000_irq(int irq, void *data)
{
	struct sluice_nic *nic = data;
	u32 icr = e1000_read(nic, E1000_ICR);

	if (unlikely(icr == ~0U)) {
		set_bit(SLUICE_GONE, &nic->state);
		return IRQ_NONE;
	}
	if (unlikely(test_bit(SLUICE_GONE, &nic->state)))
		clear_bit(SLUICE_GONE, &nic->state);
	if (!(icr & READ_ONCE(e1000_hw(nic)->ims))) {
		nic->irqs_foreign++;
		return IRQ_NONE;
	}
	nic->irqs++;
	if (icr & E1000_IRQ_LSC)
		schedule_work(&nic->link_work);
	if (icr & E1000_IRQ_NAPI)
		e1000_irq_napi(nic->vec[0]);
	return IRQ_HANDLED;
}

static void e1000_test_irq(struct sluice_nic *nic)
{
	e1000_write(nic, E1000_ICS, E1000_IRQ_RXT0);
}

/* 14.9: silence it, let DMA in flight end, reset, wait for the NVM to reload. */
static int e1000_reset(struct sluice_nic *nic)
{
	e1000_write(nic, E1000_IMC, ~0U);
	e1000_write(nic, E1000_RCTL, 0);
	e1000_write(nic, E1000_TCTL, E1000_TCTL_PSP);
	usleep_range(1000, 2000);
	e1000_write(nic, E1000_CTRL, e1000_read(nic, E1000_CTRL) | E1000_CTRL_RST);
	usleep_range(5000, 6000);
	if (e1000_read(nic, E1000_STATUS) == ~0U) {
		set_bit(SLUICE_GONE, &nic->state);
		return -ENODEV;
	}
	clear_bit(SLUICE_GONE, &nic->state);
	e1000_write(nic, E1000_IMC, ~0U);
	e1000_read(nic, E1000_ICR);
	e1000_write(nic, E1000_PBA, E1000_PBA_RX_40K);
	e1000_filter_reset(nic);
	/* Now, before a counter that began again can pass where it stood. */
	spin_lock_bh(&nic->dev_lock);
	e1000_read_counters(nic, true);
	spin_unlock_bh(&nic->dev_lock);
	return 0;
}

static void e1000_get_coalesce(struct sluice_nic *nic, u32 queue,
			       struct ethtool_coalesce *ec)
{
	if (!(nic->board->quirks & E1000_QUIRK_NO_ITR))
		ec->rx_coalesce_usecs = e1000_hw(nic)->itr_usecs;
}

static int e1000_set_coalesce(struct sluice_nic *nic, u32 queue,
			      const struct ethtool_coalesce *ec,
			      struct netlink_ext_ack *extack)
{
	u32 usecs = ec->rx_coalesce_usecs;

	if (usecs && nic->board->quirks & E1000_QUIRK_NO_ITR) {
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "the %s has no interrupt throttle register",
				       nic->board->name);
		return -EOPNOTSUPP;
	}
	if (usecs > E1000_ITR_MAX_USECS) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "rx-usecs %u: the limit is %u",
				       usecs, E1000_ITR_MAX_USECS);
		return -EINVAL;
	}
	e1000_hw(nic)->itr_usecs = usecs;
	if (test_bit(SLUICE_UP, &nic->state))
		e1000_write_itr(nic);
	return 0;
}

static void e1000_probe_address(struct sluice_nic *nic)
{
	u16 word[ETH_ALEN / 2];
	u8 addr[ETH_ALEN];
	int i, err;

	err = e1000_nvm_check(nic) ?:
	      e1000_nvm_read(nic, 0, ARRAY_SIZE(word), word);
	for (i = 0; !err && i < ARRAY_SIZE(word); i++)
		put_unaligned_le16(word[i], addr + 2 * i);
	if (!err && is_valid_ether_addr(addr)) {
		eth_hw_addr_set(nic->netdev, addr);
		return;
	}
	eth_hw_addr_random(nic->netdev);
	dev_warn(&nic->pdev->dev,
		 "no valid address in NVM (error %d), using the random %pM\n",
		 err, nic->netdev->dev_addr);
}

static void e1000_probe_features(struct net_device *netdev)
{
	netdev_features_t offloads = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO;

	netdev->hw_features = offloads | NETIF_F_RXCSUM | NETIF_F_LOOPBACK |
			      NETIF_F_HW_VLAN_CTAG_TX | NETIF_F_HW_VLAN_CTAG_RX |
			      NETIF_F_HW_VLAN_CTAG_FILTER;
	netdev->features = netdev->hw_features & ~NETIF_F_LOOPBACK;
	netdev->vlan_features = offloads;
	netdev->priv_flags |= IFF_UNICAST_FLT;
}

static int e1000_probe(struct sluice_nic *nic)
{
	struct e1000_hw *hw = e1000_hw(nic);
	int err;

	err = sluice_map_bar(nic, E1000_BAR);
	if (err)
		return err;
	err = e1000_reset(nic);
	if (err)
		return dev_err_probe(&nic->pdev->dev, err,
				     "device does not answer, all its registers read as ones\n");
	err = e1000_phy_probe(nic);
	if (err)
		return dev_err_probe(&nic->pdev->dev, err, "no PHY answers\n");
	hw->itr_usecs = E1000_ITR_USECS;
	hw->flow = E1000_CTRL_RFCE | E1000_CTRL_TFCE;
	hw->flow_autoneg = true;
	if (!(nic->board->quirks & E1000_QUIRK_NO_LEDCTL))
		hw->ledctl = e1000_read(nic, E1000_LEDCTL);
	e1000_probe_address(nic);
	e1000_probe_features(nic->netdev);
	/* What the registers held before is not ours to report. */
	memset(nic->dev_count, 0, sizeof(nic->dev_count));
	return 0;
}

static const struct sluice_hw_ops e1000_ops = {
	.probe			= e1000_probe,
	.reset			= e1000_reset,
	.start			= e1000_start,
	.rx_stop		= e1000_rx_stop,
	.tx_stop		= e1000_tx_stop,
	.irq_on			= e1000_irq_on,
	.irq_off		= e1000_irq_off,
	.irq			= e1000_irq,
	.link			= e1000_link,
	.set_rx_mode		= e1000_set_rx_mode,
	.fix_features		= e1000_fix_features,
	.set_features		= e1000_set_features,
	.vlan_filter		= e1000_vlan_filter,
	.get_link_ksettings	= e1000_get_link_ksettings,
	.set_link_ksettings	= e1000_set_link_ksettings,
	.restart_autoneg	= e1000_restart_autoneg,
	.get_pause		= e1000_get_pause,
	.set_pause		= e1000_set_pause,
	.get_coalesce		= e1000_get_coalesce,
	.set_coalesce		= e1000_set_coalesce,
	.regs_len		= &e1000_dump_len,
	.get_regs		= e1000_get_regs,
	.nvm_words		= E1000_NVM_WORDS,
	.nvm_read		= e1000_nvm_read,
	.nvm_check		= e1000_nvm_check,
	.identify		= e1000_identify,
	.loopback		= e1000_loopback,
	.test_regs		= e1000_test_regs,
	.test_irq		= e1000_test_irq,
	.read_counters		= e1000_read_counters,
};

#define E1000_BOARD(_name, _quirks)				\
	{							\
		.name		= _name,			\
		.ops		= &e1000_ops,			\
		.ethtool_ops	= &sluice_ethtool_phy_ops,	\
		.engine		= &sluice_e1000_engine,		\
		.quirks		= _quirks,			\
		.hw_size	= sizeof(struct e1000_hw),	\
		.max_vectors	= 1,				\
		.max_ring	= E1000_MAX_RING,		\
		.max_mtu	= E1000_MAX_MTU,		\
		.max_linear_mtu	= SLUICE_XDP_LINEAR_MTU,	\
		.max_offset	= E1000_MAX_OFFSET,		\
	}

const struct sluice_board sluice_82540em = E1000_BOARD("82540EM", 0);
const struct sluice_board sluice_82545em = E1000_BOARD("82545EM", 0);
const struct sluice_board sluice_82544gc =
	E1000_BOARD("82544GC", E1000_QUIRK_NO_ITR | E1000_QUIRK_NO_LEDCTL);
