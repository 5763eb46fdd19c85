// SPDX-License-Identifier: GPL-2.0-only
/* Slow path of the virtio-net device in memory, and what kinds of it there are. */

#include <linux/etherdevice.h>
#include "../src/hw/vnet_packed_desc.h"
#include "../src/hw/vnet_split_desc.h"
#include "fake_virtio.h"

#define FAKE_PACKED	BIT_ULL(VIRTIO_F_RING_PACKED)
#define FAKE_EVENTS	BIT_ULL(VIRTIO_RING_F_EVENT_IDX)
#define FAKE_ORDERED	(BIT_ULL(VIRTIO_F_IN_ORDER) |		\
			 BIT_ULL(VIRTIO_F_ORDER_PLATFORM) |	\
			 BIT_ULL(VIRTIO_F_NOTIFICATION_DATA))
#define FAKE_HASHES	(BIT_ULL(VIRTIO_NET_F_HASH_REPORT) | FAKE_EVENTS)
#define FAKE_LARGE	(BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |	\
			 BIT_ULL(VIRTIO_NET_F_GUEST_CSUM))

const struct fake_virtio_kind fake_virtio_rings[4] = {
	{ "split", FAKE_LARGE },
	{ "split, event index", FAKE_LARGE | FAKE_EVENTS },
	{ "packed", FAKE_LARGE | FAKE_PACKED },
	{ "packed, event index", FAKE_LARGE | FAKE_PACKED | FAKE_EVENTS },
};

const struct fake_virtio_kind fake_virtio_ordered[4] = {
	{ "split, in order", FAKE_LARGE | FAKE_ORDERED },
	{ "split, in order, event index", FAKE_LARGE | FAKE_ORDERED | FAKE_EVENTS },
	{ "packed, in order", FAKE_LARGE | FAKE_ORDERED | FAKE_PACKED },
	{ "packed, in order, event index",
	  FAKE_LARGE | FAKE_ORDERED | FAKE_PACKED | FAKE_EVENTS },
};

const struct fake_virtio_kind fake_virtio_mixed[4] = {
	{ "split", FAKE_LARGE },
	{ "split, in order, event index", FAKE_LARGE | FAKE_ORDERED | FAKE_EVENTS },
	{ "packed, in order", FAKE_LARGE | FAKE_ORDERED | FAKE_PACKED },
	{ "packed, event index", FAKE_LARGE | FAKE_PACKED | FAKE_EVENTS },
};

const struct fake_virtio_kind fake_virtio_kinds[4] = {
	{ "split", FAKE_LARGE },
	{ "packed, event index", FAKE_LARGE | FAKE_PACKED | FAKE_EVENTS },
	{ "split, event index, one buffer", FAKE_EVENTS },
	{ "packed, one buffer", FAKE_PACKED },
};

const struct fake_virtio_kind fake_virtio_hashing[4] = {
	{ "split, hash", FAKE_HASHES | FAKE_LARGE },
	{ "packed, hash", FAKE_HASHES | FAKE_LARGE | FAKE_PACKED },
	{ "split, hash, one buffer", FAKE_HASHES },
	{ "packed, hash, one buffer", FAKE_HASHES | FAKE_PACKED },
};

static struct fake_virtio *fake_virtio_of(const struct sluice_nic *nic)
{
	return nic->hw;
}

static int fake_virtio_probe(struct sluice_nic *nic)
{
	struct pci_bus *bus = nic->pdev->bus;
	struct fake_pci *pci = container_of(bus->ops, struct fake_pci, ops);
	const struct fake_virtio_kind *kind = pci->model;
	struct fake_virtio *dev = fake_virtio_of(nic);

	dev->vnet.nic = nic;
	dev->vnet.offered = kind->features;
	dev->vnet.features = kind->features;
	dev->config = pci->config;
	dev->tx.index = 1;
	vnet_coalesce_init(nic);
	skb_queue_head_init(&dev->wire);
	nic->engine = vnet_has(nic, VIRTIO_F_RING_PACKED) ?
		      &sluice_vnet_packed_engine : &sluice_vnet_split_engine;
	eth_hw_addr_random(nic->netdev);
	nic->netdev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO |
				   NETIF_F_TSO6 | NETIF_F_TSO_ECN |
				   NETIF_F_RXCSUM | NETIF_F_RXHASH;
	nic->netdev->features = nic->netdev->hw_features;
	/* No frames but the test's own. */
	nic->netdev->priv_flags |= IFF_UNICAST_FLT | IFF_NO_ADDRCONF;
	return 0;
}

static void fake_virtio_remove(struct sluice_nic *nic)
{
	vnet_coalesce_remove(nic);
	skb_queue_purge(&fake_virtio_of(nic)->wire);
}

static int fake_virtio_reset(struct sluice_nic *nic)
{
	struct fake_virtio *dev = fake_virtio_of(nic);

	dev->resets++;
	dev->running = false;
	dev->cause = false;
	/* It forgets what it has asked for, too. */
	if (dev->vnet.mdev.common)
		vp_modern_set_status(&dev->vnet.mdev, 0);
	return 0;
}

/* A new ring begins; where its areas are is the driver's choice. */
static void fake_vq_start(struct fake_vq *vq, struct sluice_nic *nic, u32 size,
			  dma_addr_t dma, bool tx)
{
	struct vnet_packed packed;
	struct vnet_split split;

	vq->dev = &nic->pdev->dev;
	vq->size = size;
	vq->packed = vnet_has(nic, VIRTIO_F_RING_PACKED);
	vq->event_idx = vnet_has(nic, VIRTIO_RING_F_EVENT_IDX);
	vq->says_next = vnet_has(nic, VIRTIO_F_NOTIFICATION_DATA);
	vq->taken = 0;
	vq->used = 0;
	vq->told = 0;
	vq->place = 0;
	vq->disorder = 0;
	vq->nout = 0;
	vq->doorbell = FAKE_VQ_QUIET;
	vq->desc = fake_vq_memory(vq, dma);
	packed = vnet_packed(vq->desc, size);
	split = vnet_split(vq->desc, size, tx);
	vq->driver = vq->packed ? (void *)packed.driver : (void *)split.avail;
	vq->device = vq->packed ? (void *)packed.device : (void *)split.used;
}

static void fake_virtio_start(struct sluice_nic *nic)
{
	struct fake_virtio *dev = fake_virtio_of(nic);
	struct sluice_rxq *rx = nic->vec[0]->rx;
	struct sluice_txq *tx = nic->vec[0]->tx;

	fake_vq_start(&dev->rx, nic, rx->mask + 1, rx->dma, false);
	fake_vq_start(&dev->tx, nic, tx->mask + 1, tx->dma, true);
	rx->doorbell = (void __iomem *)&dev->rx.doorbell;
	tx->doorbell = (void __iomem *)&dev->tx.doorbell;
}

static void fake_virtio_run(struct sluice_nic *nic)
{
	fake_virtio_of(nic)->running = true;
	vnet_show_buffers(nic);
}

static void fake_virtio_rx_stop(struct sluice_nic *nic)
{
}

static void fake_virtio_stop(struct sluice_nic *nic)
{
	fake_virtio_of(nic)->running = false;
}

static void fake_virtio_irq_off(struct sluice_nic *nic)
{
}

static irqreturn_t fake_virtio_irq(int irq, void *data)
{
	struct sluice_nic *nic = data;
	struct fake_virtio *dev = fake_virtio_of(nic);

	if (!dev->cause) {
		nic->irqs_foreign++;
		return IRQ_NONE;
	}
	dev->cause = false;
	nic->irqs++;
	vnet_irq_silence(nic->vec[0]);
	napi_schedule_irqoff(&nic->vec[0]->napi);
	return IRQ_HANDLED;
}

/* The driver's, of a device that has a configuration. */
static void fake_virtio_link(struct sluice_nic *nic, struct sluice_link *link)
{
	if (vnet_hw(nic)->mdev.common) {
		vnet_link(nic, link);
		return;
	}
	*link = (struct sluice_link){
		.up	= true,
		.speed	= SPEED_UNKNOWN,
		.duplex	= DUPLEX_UNKNOWN,
	};
}

static void fake_virtio_set_rx_mode(struct sluice_nic *nic)
{
}

static int fake_virtio_set_features(struct sluice_nic *nic,
				    netdev_features_t changed)
{
	return 0;
}

static int fake_virtio_set_rss(struct sluice_nic *nic)
{
	fake_virtio_of(nic)->commands++;
	return fake_virtio_of(nic)->refuses ? -EREMOTEIO : 0;
}

/* What is not here is only for ethtool and VLANs, and no test asks for it. */
static const struct sluice_hw_ops fake_virtio_ops = {
	.probe		= fake_virtio_probe,
	.remove		= fake_virtio_remove,
	.reset		= fake_virtio_reset,
	.start		= fake_virtio_start,
	.rx_stop	= fake_virtio_rx_stop,
	.tx_stop	= fake_virtio_stop,
	.irq_on		= fake_virtio_run,
	.irq_off	= fake_virtio_irq_off,
	.irq		= fake_virtio_irq,
	.link		= fake_virtio_link,
	.set_rx_mode	= fake_virtio_set_rx_mode,
	.set_features	= fake_virtio_set_features,
	.set_rss	= fake_virtio_set_rss,
	.get_hash_fields = vnet_get_hash_fields,
	.set_hash_fields = vnet_set_hash_fields,
	.rx_buf_len	= vnet_rx_buf_len,
	.get_coalesce	= vnet_get_coalesce,
	.set_coalesce	= vnet_set_coalesce,
};

const struct sluice_board fake_virtio_board = {
	.name		= "fake virtio-net",
	.ops		= &fake_virtio_ops,
	.ethtool_ops	= &sluice_ethtool_ops,
	.engine		= &sluice_vnet_split_engine,
	.hw_size	= sizeof(struct fake_virtio),
	.max_vectors	= SLUICE_MAX_VECTORS,
	.max_ring	= FAKE_VQ_MOST,
	.max_mtu	= FAKE_MAX_MTU,
	.max_linear_mtu	= SLUICE_XDP_LINEAR_MTU,
	.max_offset	= U16_MAX,
};
