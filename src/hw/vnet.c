// SPDX-License-Identifier: GPL-2.0-only
/* virtio-net over PCI: probe, negotiate, start, stop, interrupts and link. */

#include <kunit/visibility.h>
#include <linux/dma-map-ops.h>
#include <linux/etherdevice.h>
#include <linux/iommu.h>
#include <linux/iopoll.h>
#include <linux/swiotlb.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <sluice/boards.h>
#include "vnet.h"

#define VNET_RESET_POLL_US	100
#define VNET_RESET_TIMEOUT_US	1000000
#define VNET_MAX_RING		1024
#define VNET_MAX_OFFSET		U16_MAX

/* A frame that must be one buffer has at most four pages. */
#define VNET_MAX_LINEAR_MTU	(4 * PAGE_SIZE - XDP_PACKET_HEADROOM - \
				 SLUICE_RX_TAILROOM - SLUICE_RX_LONGEST)

/* What the driver can use of what a device may offer. */
#define VNET_CTRL_FEATURES	(BIT_ULL(VIRTIO_NET_F_CTRL_VQ) | \
				 BIT_ULL(VIRTIO_NET_F_CTRL_RX) | \
				 BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) | \
				 BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) | \
				 BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_ANNOUNCE) | \
				 BIT_ULL(VIRTIO_NET_F_NOTF_COAL) | \
				 BIT_ULL(VIRTIO_NET_F_VQ_NOTF_COAL) | \
				 BIT_ULL(VIRTIO_NET_F_MQ) | \
				 BIT_ULL(VIRTIO_NET_F_RSS) | \
				 BIT_ULL(VIRTIO_NET_F_HASH_REPORT))
#define VNET_OFFLOAD_FEATURES	(BIT_ULL(VIRTIO_NET_F_CSUM) | \
				 BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | \
				 BIT_ULL(VIRTIO_NET_F_HOST_TSO6) | \
				 BIT_ULL(VIRTIO_NET_F_HOST_ECN) | \
				 BIT_ULL(VIRTIO_NET_F_HOST_USO) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_ECN) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_USO4) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_USO6))
#define VNET_FEATURES		(BIT_ULL(VIRTIO_F_VERSION_1) | \
				 BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) | \
				 BIT_ULL(VIRTIO_F_ORDER_PLATFORM) | \
				 BIT_ULL(VIRTIO_F_RING_PACKED) | \
				 BIT_ULL(VIRTIO_F_IN_ORDER) | \
				 BIT_ULL(VIRTIO_F_NOTIFICATION_DATA) | \
				 BIT_ULL(VIRTIO_F_RING_RESET) | \
				 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | \
				 BIT_ULL(VIRTIO_NET_F_MAC) | \
				 BIT_ULL(VIRTIO_NET_F_MTU) | \
				 BIT_ULL(VIRTIO_NET_F_STATUS) | \
				 BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) | \
				 BIT_ULL(VIRTIO_NET_F_SPEED_DUPLEX) | \
				 VNET_CTRL_FEATURES | VNET_OFFLOAD_FEATURES)

static void vnet_add_status(struct sluice_nic *nic, u8 status)
{
	struct virtio_pci_modern_device *mdev = &vnet_hw(nic)->mdev;

	vp_modern_set_status(mdev, vp_modern_get_status(mdev) | status);
}

/* Silence it: the end of all DMA and interrupts (2.4, 4.1.4.3.2). */
static int vnet_silence(struct sluice_nic *nic)
{
	struct virtio_pci_modern_device *mdev = &vnet_hw(nic)->mdev;
	u8 status;

	vp_modern_set_status(mdev, 0);
	return read_poll_timeout(vp_modern_get_status, status, !status,
				 VNET_RESET_POLL_US, VNET_RESET_TIMEOUT_US,
				 false, mdev);
}

int vnet_negotiate(struct sluice_nic *nic)
{
	struct vnet_hw *hw = vnet_hw(nic);

	hw->features = vnet_wanted_features(nic);
	vnet_add_status(nic, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	vnet_add_status(nic, VIRTIO_CONFIG_S_DRIVER);
	vp_modern_set_features(&hw->mdev, hw->features);
	vnet_add_status(nic, VIRTIO_CONFIG_S_FEATURES_OK);
	if (vp_modern_get_status(&hw->mdev) & VIRTIO_CONFIG_S_FEATURES_OK)
		return 0;
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_negotiate);

static int vnet_reset(struct sluice_nic *nic)
{
	int err = vnet_silence(nic);

	if (err) {
		set_bit(SLUICE_GONE, &nic->state);
		return -ENODEV;
	}
	clear_bit(SLUICE_GONE, &nic->state);
	return vnet_negotiate(nic);
}

/* Nothing moves before DRIVER_OK, which waits for bus mastering in vnet_run(). */
static void vnet_start(struct sluice_nic *nic)
{
	int err = vnet_reset(nic);

	if (err)
		netdev_err(nic->netdev, "the device does not start (error %d)\n",
			   err);
	if (pci_dev_msi_enabled(nic->pdev))
		vp_modern_config_vector(&vnet_hw(nic)->mdev, 0);
	vnet_start_queues(nic);
	vnet_ctrl_start(nic);
}

static void vnet_send_pairs(struct sluice_nic *nic)
{
	__le16 pairs = cpu_to_le16(nic->nvec);

	/* RSS has a number of pairs of its own, and ends with this command. */
	if (vnet_has(nic, VIRTIO_NET_F_MQ) && !vnet_has(nic, VIRTIO_NET_F_RSS))
		vnet_command(nic, VIRTIO_NET_CTRL_MQ,
			     VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &pairs,
			     sizeof(pairs));
}

/* Settings first: no frame can come as long as there is no buffer for it. */
static void vnet_run(struct sluice_nic *nic)
{
	vnet_add_status(nic, VIRTIO_CONFIG_S_DRIVER_OK);
	vnet_send_pairs(nic);
	vnet_rss_start(nic);
	vnet_filter_start(nic);
	vnet_offload_start(nic);
	vnet_coalesce_start(nic);
	vnet_show_buffers(nic);
}

/* Whoever does not answer has been told, and is no bus master any more. */
static void vnet_stop(struct sluice_nic *nic)
{
	if (vnet_silence(nic))
		netdev_err(nic->netdev, "the device does not stop\n");
}

/* A device that has been reset raises none. */
static void vnet_irq_off(struct sluice_nic *nic)
{
}

/* Interrupts */

static irqreturn_t vnet_irq_queue(int irq, void *data)
{
	struct sluice_vector *v = data;

	v->nic->irqs++;
	vnet_irq_silence(v);
	napi_schedule_irqoff(&v->napi);
	return IRQ_HANDLED;
}

irqreturn_t vnet_irq(int irq, void *data)
{
	struct sluice_nic *nic = data;
	u8 isr;

	/* MSI-X: this one is for the configuration only, and needs no reading. */
	if (pci_dev_msi_enabled(nic->pdev)) {
		schedule_work(&nic->link_work);
		return IRQ_HANDLED;
	}
	isr = ioread8(vnet_hw(nic)->mdev.isr);
	if (!isr) {
		nic->irqs_foreign++;
		return IRQ_NONE;
	}
	if (isr & VIRTIO_PCI_ISR_CONFIG)
		schedule_work(&nic->link_work);
	return vnet_irq_queue(irq, nic->vec[0]);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_irq);

/* Link */

static u16 vnet_read_status(struct sluice_nic *nic)
{
	return vnet_has(nic, VIRTIO_NET_F_STATUS) ?
	       ioread16(vnet_config(nic, status)) : VIRTIO_NET_S_LINK_UP;
}

/* A speed or duplex that cannot be is unknown. */
void vnet_read_link(struct sluice_nic *nic, struct sluice_link *link)
{
	u32 speed, duplex;

	link->up = vnet_read_status(nic) & VIRTIO_NET_S_LINK_UP;
	link->speed = SPEED_UNKNOWN;
	link->duplex = DUPLEX_UNKNOWN;
	if (!vnet_has(nic, VIRTIO_NET_F_SPEED_DUPLEX))
		return;
	speed = ioread32(vnet_config(nic, speed));
	duplex = ioread8(vnet_config(nic, duplex));
	if (ethtool_validate_speed(speed))
		link->speed = speed;
	if (ethtool_validate_duplex(duplex))
		link->duplex = duplex;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_read_link);

/* After a migration the neighbours must learn where the address is now. */
static void vnet_announce(struct sluice_nic *nic)
{
	if (!vnet_has(nic, VIRTIO_NET_F_GUEST_ANNOUNCE) ||
	    !(vnet_read_status(nic) & VIRTIO_NET_S_ANNOUNCE))
		return;
	__netdev_notify_peers(nic->netdev);
	vnet_command(nic, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK,
		     NULL, 0);
}

void vnet_link(struct sluice_nic *nic, struct sluice_link *link)
{
	u8 status = vp_modern_get_status(&vnet_hw(nic)->mdev);

	if (status & VIRTIO_CONFIG_S_NEEDS_RESET)
		sluice_queue_broken(nic->vec[0], SLUICE_RX,
				    "the device asks for a reset");
	vnet_announce(nic);
	vnet_read_link(nic, link);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_link);

static int vnet_get_link_ksettings(struct sluice_nic *nic,
				   struct ethtool_link_ksettings *ks)
{
	struct sluice_link link;

	vnet_read_link(nic, &link);
	ks->base.speed = link.speed;
	ks->base.duplex = link.duplex;
	ks->base.port = PORT_OTHER;
	ks->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

/* Probe */

static void vnet_probe_address(struct sluice_nic *nic)
{
	u8 addr[ETH_ALEN];
	int i;

	for (i = 0; i < ETH_ALEN && vnet_has(nic, VIRTIO_NET_F_MAC); i++)
		addr[i] = ioread8(vnet_config(nic, mac) + i);
	if (i && is_valid_ether_addr(addr)) {
		eth_hw_addr_set(nic->netdev, addr);
		return;
	}
	eth_hw_addr_random(nic->netdev);
	dev_warn(&nic->pdev->dev, "the device has no valid address, using the random %pM\n",
		 nic->netdev->dev_addr);
}

/* The host's word is the largest that it carries, and what it wants us to use. */
static int vnet_probe_mtu(struct sluice_nic *nic)
{
	u32 mtu;

	if (!vnet_has(nic, VIRTIO_NET_F_MRG_RXBUF))
		nic->max_mtu = VNET_MAX_LINEAR_MTU;
	if (!vnet_has(nic, VIRTIO_NET_F_MTU))
		return 0;
	mtu = ioread16(vnet_config(nic, mtu));
	if (mtu < ETH_MIN_MTU)
		return dev_err_probe(&nic->pdev->dev, -EINVAL,
				     "the device's MTU of %u is less than %u: change host_mtu\n",
				     mtu, ETH_MIN_MTU);
	nic->max_mtu = min(nic->max_mtu, mtu);
	nic->netdev->mtu = nic->max_mtu;
	return 0;
}

/**
 * struct vnet_field - where the field ends that comes with a feature
 * @feature: the feature
 * @end: offset in the device's configuration
 */
struct vnet_field {
	u32 feature;
	u32 end;
};

/* Those of RSS are looked at by vnet_rss_probe(). */
static const struct vnet_field vnet_fields[] = {
	{ VIRTIO_NET_F_MAC, offsetofend(struct virtio_net_config, mac) },
	{ VIRTIO_NET_F_STATUS, offsetofend(struct virtio_net_config, status) },
	{ VIRTIO_NET_F_MQ,
	  offsetofend(struct virtio_net_config, max_virtqueue_pairs) },
	{ VIRTIO_NET_F_MTU, offsetofend(struct virtio_net_config, mtu) },
	{ VIRTIO_NET_F_SPEED_DUPLEX, offsetofend(struct virtio_net_config, duplex) },
};

/* Features without their fields: behind the last one there may be no memory. */
static u64 vnet_features_without_field(const struct virtio_pci_modern_device *mdev)
{
	u64 without = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vnet_fields); i++)
		if (vnet_fields[i].end > mdev->device_len)
			without |= BIT_ULL(vnet_fields[i].feature);
	if (mdev->common_len <
	    offsetofend(struct virtio_pci_modern_common_cfg, queue_reset))
		without |= BIT_ULL(VIRTIO_F_RING_RESET);
	return without;
}

/* The device takes guest-physical addresses, the DMA API would hand out others. */
static int vnet_check_iommu(struct sluice_nic *nic)
{
	if (vnet_hw(nic)->offered & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) ||
	    !device_iommu_mapped(&nic->pdev->dev))
		return 0;
	return dev_err_probe(&nic->pdev->dev, -EOPNOTSUPP,
			     "bypasses its IOMMU: start it with iommu_platform=on, or us with iommu=pt\n");
}

/* Without ACCESS_PLATFORM the DMA API hands out physical addresses, at the price
 * of two calls a frame. They do something only where it was told to bounce, or
 * where caches have to be written back first.
 */
static bool vnet_is_direct(struct sluice_nic *nic)
{
	struct device *dev = &nic->pdev->dev;

	return !(vnet_hw(nic)->offered & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)) &&
	       dev_is_dma_coherent(dev) && !is_swiotlb_force_bounce(dev);
}

void vnet_probe_features(struct sluice_nic *nic)
{
	struct vnet_hw *hw = vnet_hw(nic);

	hw->offered = vp_modern_get_features(&hw->mdev) & VNET_FEATURES &
		      ~vnet_features_without_field(&hw->mdev);
	if (!(hw->offered & BIT_ULL(VIRTIO_NET_F_CTRL_VQ)))
		hw->offered &= ~VNET_CTRL_FEATURES;
	nic->direct = vnet_is_direct(nic);
	vnet_offload_probe(nic);
	vnet_rss_probe(nic);
	/* Who rings for another's queue, see vnet_notify_all(), cannot say how far that
	 * one is: its owner may be ahead by then.
	 */
	if (hw->offered & BIT_ULL(VIRTIO_NET_F_RSS))
		hw->offered &= ~BIT_ULL(VIRTIO_F_NOTIFICATION_DATA);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_probe_features);

static int vnet_probe_transport(struct sluice_nic *nic)
{
	struct pci_dev *pdev = nic->pdev;
	struct vnet_hw *hw = vnet_hw(nic);
	int err;

	hw->nic = nic;
	hw->mdev.pci_dev = pdev;
	err = vp_modern_probe(&hw->mdev);
	if (err) {
		hw->mdev.common = NULL;
		return dev_err_probe(&pdev->dev, err,
				     "legacy only: start it with disable-modern=off\n");
	}
	if (vnet_silence(nic))
		return dev_err_probe(&pdev->dev, -ENODEV, "the device does not reset\n");
	vnet_probe_features(nic);
	if (!(hw->offered & BIT_ULL(VIRTIO_F_VERSION_1)))
		return dev_err_probe(&pdev->dev, -EOPNOTSUPP,
				     "the device does not offer VERSION_1\n");
	err = vnet_check_iommu(nic);
	if (err)
		return err;
	err = vnet_negotiate(nic);
	if (err)
		return dev_err_probe(&pdev->dev, err, "the device refuses what it offers\n");
	nic->engine = vnet_has(nic, VIRTIO_F_RING_PACKED) ?
		      &sluice_vnet_packed_engine : &sluice_vnet_split_engine;
	return 0;
}

/* With one interrupt line there is one vector, as its handler cannot know whose
 * interrupt it is.
 */
static void vnet_probe_vectors(struct sluice_nic *nic, u32 pairs)
{
	int n = min_t(u32, pairs, SLUICE_MAX_VECTORS) + 1;

	n = pci_alloc_irq_vectors(nic->pdev, 2, n, PCI_IRQ_MSIX);
	nic->max_vec = n < 0 ? 1 : n - 1;
	nic->cfg.channels = min(nic->max_vec, num_online_cpus());
}

static int vnet_probe_queues(struct sluice_nic *nic)
{
	struct vnet_hw *hw = vnet_hw(nic);
	u32 i, size, pairs = 1;

	if (vnet_has(nic, VIRTIO_NET_F_MQ) || vnet_has(nic, VIRTIO_NET_F_RSS))
		pairs = ioread16(vnet_config(nic, max_virtqueue_pairs));
	/* Behind them is the control queue, and queues have numbers of two bytes. */
	if (!pairs || 2 * pairs > U16_MAX)
		return dev_err_probe(&nic->pdev->dev, -EINVAL,
				     "the device claims to have %u pairs of queues\n",
				     pairs);
	vnet_probe_vectors(nic, pairs);
	for (i = 0; i < 2 * nic->max_vec; i++) {
		hw->doorbell[i] = vnet_map_doorbell(nic, i);
		if (!hw->doorbell[i])
			return dev_err_probe(&nic->pdev->dev, -EINVAL,
					     "queue %u cannot be notified\n", i);
		size = vp_modern_get_queue_size(&hw->mdev, i) ?: 1;
		nic->max_ring = min_t(u32, nic->max_ring,
				      rounddown_pow_of_two(size));
	}
	return vnet_ctrl_probe(nic, 2 * pairs);
}

static int vnet_probe_rings(struct sluice_nic *nic)
{
	int err = vnet_probe_queues(nic);

	if (err)
		return err;
	if (nic->max_ring < SLUICE_RING_MIN)
		return dev_err_probe(&nic->pdev->dev, -EOPNOTSUPP,
				     "queues of %u entries, less than %u: change rx_queue_size, tx_queue_size\n",
				     nic->max_ring, SLUICE_RING_MIN);
	nic->cfg.rx_size = min(nic->cfg.rx_size, nic->max_ring);
	nic->cfg.tx_size = min(nic->cfg.tx_size, nic->max_ring);
	return 0;
}

/* What a device says of itself, within bounds. */
int vnet_probe_config(struct sluice_nic *nic)
{
	int err = vnet_probe_rings(nic) ?: vnet_probe_mtu(nic);

	if (!err)
		vnet_probe_address(nic);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_probe_config);

static void vnet_remove(struct sluice_nic *nic)
{
	vnet_filter_remove(nic);
	vnet_coalesce_remove(nic);
	vnet_silence(nic);
	vnet_ctrl_remove(nic);
	vnet_unmap_doorbells(nic);
	vp_modern_remove(&vnet_hw(nic)->mdev);
}

static int vnet_probe(struct sluice_nic *nic)
{
	int err;

	vnet_filter_init(nic);
	vnet_coalesce_init(nic);
	err = vnet_probe_transport(nic) ?: vnet_probe_config(nic);
	if (!err) {
		vnet_filter_probe(nic);
		return 0;
	}
	if (vnet_hw(nic)->mdev.common)
		vnet_remove(nic);
	return err;
}

static const struct sluice_hw_ops vnet_ops = {
	.probe			= vnet_probe,
	.remove			= vnet_remove,
	.reset			= vnet_reset,
	.start			= vnet_start,
	.rx_stop		= vnet_stop_receiving,
	.tx_stop		= vnet_stop,
	.irq_on			= vnet_run,
	.irq_off		= vnet_irq_off,
	.irq			= vnet_irq,
	.irq_queue		= vnet_irq_queue,
	.link			= vnet_link,
	.set_rx_mode		= vnet_set_rx_mode,
	.vlan_filter		= vnet_vlan_filter,
	.set_rss		= vnet_set_rss,
	.get_hash_fields	= vnet_get_hash_fields,
	.set_hash_fields	= vnet_set_hash_fields,
	.rx_buf_len		= vnet_rx_buf_len,
	.xdp_ready		= vnet_xdp_ready,
	.fix_features		= vnet_fix_features,
	.set_features		= vnet_set_features,
	.get_link_ksettings	= vnet_get_link_ksettings,
	.get_coalesce		= vnet_get_coalesce,
	.set_coalesce		= vnet_set_coalesce,
};

const struct sluice_board sluice_virtio_net = {
	.name		= "virtio-net",
	.ops		= &vnet_ops,
	.ethtool_ops	= &sluice_ethtool_ops,
	.engine		= &sluice_vnet_split_engine,
	.hw_size	= sizeof(struct vnet_hw),
	.max_vectors	= SLUICE_MAX_VECTORS,
	.max_ring	= VNET_MAX_RING,
	.max_mtu	= ETH_MAX_MTU,
	.max_linear_mtu	= VNET_MAX_LINEAR_MTU,
	.max_offset	= VNET_MAX_OFFSET,
	.rebuild_resets	= true,
};
