// SPDX-License-Identifier: GPL-2.0-only
/* Slow path of the fake NIC: what the core asks of every backend. */

#include <linux/etherdevice.h>
#include "fake_nic.h"

static int fake_probe(struct sluice_nic *nic)
{
	struct pci_bus *bus = nic->pdev->bus;
	struct fake_pci *pci = container_of(bus->ops, struct fake_pci, ops);
	struct net_device *netdev = nic->netdev;
	struct fake_hw *hw = fake_hw(nic);
	int err = sluice_map_bar(nic, 0);

	if (err)
		return err;
	hw->dma_dev = &nic->pdev->dev;
	hw->config = pci->config;
	hw->link_up = true;
	skb_queue_head_init(&hw->wire);
	eth_hw_addr_random(netdev);
	netdev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO |
			      NETIF_F_TSO6 | NETIF_F_RXCSUM |
			      NETIF_F_HW_VLAN_CTAG_TX | NETIF_F_HW_VLAN_CTAG_RX |
			      NETIF_F_HW_VLAN_CTAG_FILTER;
	netdev->features = netdev->hw_features;
	/* No frames but the test's own. */
	netdev->priv_flags |= IFF_UNICAST_FLT | IFF_NO_ADDRCONF;
	return 0;
}

static void fake_remove(struct sluice_nic *nic)
{
	skb_queue_purge(&fake_hw(nic)->wire);
}

static int fake_reset(struct sluice_nic *nic)
{
	struct fake_hw *hw = fake_hw(nic);

	hw->resets++;
	hw->receiving = false;
	hw->sending = false;
	hw->irq_on = false;
	hw->cause = false;
	if (hw->fail_reset) {
		set_bit(SLUICE_GONE, &nic->state);
		return -ENODEV;
	}
	clear_bit(SLUICE_GONE, &nic->state);
	return 0;
}

static void fake_start(struct sluice_nic *nic)
{
	struct fake_hw *hw = fake_hw(nic);
	struct sluice_rxq *rx = nic->vec[0]->rx;
	struct sluice_txq *tx = nic->vec[0]->tx;

	hw->rx_base = rx->dma;
	hw->rx_size = rx->mask + 1;
	hw->rx_head = 0;
	hw->rx_tail = rx->mask;
	hw->tx_base = tx->dma;
	hw->tx_size = tx->mask + 1;
	hw->tx_head = 0;
	hw->tx_tail = 0;
	hw->tx_armed = false;
	hw->receiving = true;
	hw->sending = true;
}

static void fake_rx_stop(struct sluice_nic *nic)
{
	fake_hw(nic)->receiving = false;
}

static void fake_tx_stop(struct sluice_nic *nic)
{
	fake_hw(nic)->sending = false;
}

static void fake_irq_on(struct sluice_nic *nic)
{
	fake_hw(nic)->irq_on = true;
}

static void fake_irq_off(struct sluice_nic *nic)
{
	fake_hw(nic)->irq_on = false;
}

static irqreturn_t fake_irq(int irq, void *data)
{
	struct sluice_nic *nic = data;
	struct fake_hw *hw = fake_hw(nic);

	if (!hw->cause || !hw->irq_on) {
		nic->irqs_foreign++;
		return IRQ_NONE;
	}
	hw->cause = false;
	nic->irqs++;
	napi_schedule_irqoff(&nic->vec[0]->napi);
	return IRQ_HANDLED;
}

static void fake_link(struct sluice_nic *nic, struct sluice_link *link)
{
	link->up = fake_hw(nic)->link_up;
	link->speed = link->up ? SPEED_1000 : SPEED_UNKNOWN;
	link->duplex = link->up ? DUPLEX_FULL : DUPLEX_UNKNOWN;
}

static void fake_set_rx_mode(struct sluice_nic *nic)
{
}

static int fake_set_features(struct sluice_nic *nic, netdev_features_t changed)
{
	return 0;
}

static void fake_vlan_filter(struct sluice_nic *nic, u16 vid)
{
}

static void fake_read_counters(struct sluice_nic *nic, bool all)
{
	fake_hw(nic)->counter_reads++;
}

/* What is not here is only for ethtool, and no test asks for it. */
static const struct sluice_hw_ops fake_ops = {
	.probe		= fake_probe,
	.remove		= fake_remove,
	.reset		= fake_reset,
	.start		= fake_start,
	.rx_stop	= fake_rx_stop,
	.tx_stop	= fake_tx_stop,
	.irq_on		= fake_irq_on,
	.irq_off	= fake_irq_off,
	.irq		= fake_irq,
	.link		= fake_link,
	.set_rx_mode	= fake_set_rx_mode,
	.set_features	= fake_set_features,
	.vlan_filter	= fake_vlan_filter,
	.read_counters	= fake_read_counters,
};

const struct sluice_board fake_board = {
	.name		= "fake NIC",
	.ops		= &fake_ops,
	.ethtool_ops	= &sluice_ethtool_phy_ops,
	.engine		= &sluice_fake_engine,
	.hw_size	= sizeof(struct fake_hw),
	.max_vectors	= SLUICE_MAX_VECTORS,
	.max_ring	= FAKE_MAX_RING,
	.max_mtu	= FAKE_MAX_MTU,
	.max_linear_mtu	= SLUICE_XDP_LINEAR_MTU,
	.max_offset	= FAKE_MAX_OFFSET,
};
