// SPDX-License-Identifier: GPL-2.0-only
/* Virtqueues of virtio-net: set up, shown, stopped, and found to lie. */

#include <kunit/visibility.h>
#include <linux/iopoll.h>
#include "vnet.h"
#include "vnet_packed_desc.h"
#include "vnet_split_desc.h"

#define VNET_QUEUE_POLL_US	20
#define VNET_QUEUE_TIMEOUT_US	1000000

void vnet_rx_reset(struct sluice_rxq *q)
{
	const struct sluice_nic *nic = q->vec->nic;

	*vnet_rx_state(q) = (struct vnet_rx_state){
		.index		= 2 * q->vec->index,
		.event_idx	= vnet_has(nic, VIRTIO_RING_F_EVENT_IDX),
		.mergeable	= vnet_has(nic, VIRTIO_NET_F_MRG_RXBUF),
		.checked	= vnet_has(nic, VIRTIO_NET_F_GUEST_CSUM),
	};
}

void vnet_tx_reset(struct sluice_txq *q)
{
	const struct sluice_nic *nic = q->vec->nic;

	*vnet_tx_state(q) = (struct vnet_tx_state){
		.index		= 2 * q->vec->index + 1,
		.event_idx	= vnet_has(nic, VIRTIO_RING_F_EVENT_IDX),
	};
}

/* Nothing that such a queue says can be believed any more. */
bool vnet_rx_broken(struct sluice_rxq *q, const char *why)
{
	q->broken = true;
	sluice_rx_stats_add(q->stats, SLUICE_RX_RING_ERR, 1);
	sluice_queue_broken(q->vec, "rx", why);
	return false;
}

void vnet_tx_broken(struct sluice_txq *q, const char *why)
{
	q->broken = true;
	sluice_tx_stats_add(q->stats, SLUICE_TX_RING_ERR, 1);
	sluice_queue_broken(q->vec, "tx", why);
}

/**
 * vnet_enable_queue() - tell the device where a queue is, and let it be used
 * @nic: the device, not started yet
 * @index: number of the queue
 * @size: its descriptors
 * @dma: bus address of its memory
 * @tx: the memory has headers of frames to send
 *
 * A queue has three areas: of descriptors, of the driver and of the device (2.6).
 */
void vnet_enable_queue(struct sluice_nic *nic, u16 index, u32 size,
		       dma_addr_t dma, bool tx)
{
	struct virtio_pci_modern_device *mdev = &vnet_hw(nic)->mdev;
	struct vnet_packed packed = vnet_packed(NULL, size);
	struct vnet_split split = vnet_split(NULL, size, tx);
	dma_addr_t driver = (unsigned long)split.avail;
	dma_addr_t device = (unsigned long)split.used;

	if (vnet_has(nic, VIRTIO_F_RING_PACKED)) {
		driver = (unsigned long)packed.driver;
		device = (unsigned long)packed.device;
	}
	vp_modern_set_queue_size(mdev, index, size);
	vp_modern_queue_address(mdev, index, dma, dma + driver, dma + device);
	vp_modern_set_queue_enable(mdev, index, true);
}

static void vnet_start_vector(struct sluice_nic *nic, struct sluice_vector *v)
{
	struct vnet_hw *hw = vnet_hw(nic);
	u16 rx = 2 * v->index, tx = rx + 1;

	v->rx->doorbell = hw->doorbell[rx];
	v->tx->doorbell = hw->doorbell[tx];
	if (pci_dev_msi_enabled(nic->pdev)) {
		vp_modern_queue_vector(&hw->mdev, rx, v->index + 1);
		vp_modern_queue_vector(&hw->mdev, tx, v->index + 1);
	}
	vnet_enable_queue(nic, rx, v->rx->mask + 1, v->rx->dma, false);
	vnet_enable_queue(nic, tx, v->tx->mask + 1, v->tx->dma, true);
}

void vnet_start_queues(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; i < nic->nvec; i++)
		vnet_start_vector(nic, nic->vec[i]);
}

void vnet_show_buffers(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; i < nic->nvec; i++) {
		if (vnet_has(nic, VIRTIO_F_RING_PACKED))
			vnet_packed_rx_show(nic->vec[i]->rx);
		else
			vnet_split_rx_show(nic->vec[i]->rx);
	}
}
EXPORT_SYMBOL_IF_KUNIT(vnet_show_buffers);

/* vp_modern_set_queue_reset() would wait for ever. */
static void vnet_reset_queue(struct sluice_nic *nic, u16 index)
{
	struct virtio_pci_modern_device *mdev = &vnet_hw(nic)->mdev;
	struct virtio_pci_modern_common_cfg __iomem *cfg =
		(struct virtio_pci_modern_common_cfg __iomem *)mdev->common;
	int busy, err;

	vp_iowrite16(index, &cfg->cfg.queue_select);
	vp_iowrite16(1, &cfg->queue_reset);
	err = read_poll_timeout(vp_modern_get_queue_reset, busy, !busy,
				VNET_QUEUE_POLL_US, VNET_QUEUE_TIMEOUT_US, false,
				mdev, index);
	if (err)
		netdev_err(nic->netdev, "queue %u does not stop (error %d)\n",
			   index, err);
}

/* Without RING_RESET only the whole device can be stopped. */
void vnet_stop_receiving(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; vnet_has(nic, VIRTIO_F_RING_RESET) && i < nic->nvec; i++)
		vnet_reset_queue(nic, 2 * i);
}

/* From the interrupt on until somebody asks again. */
void vnet_irq_silence(struct sluice_vector *v)
{
	/* A device may interrupt in spite of its reset, when there are no rings. */
	if (unlikely(!test_bit(SLUICE_UP, &v->nic->state)))
		return;
	if (vnet_has(v->nic, VIRTIO_F_RING_PACKED))
		vnet_packed_irq_silence(v);
	else
		vnet_split_irq_silence(v);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_irq_silence);
