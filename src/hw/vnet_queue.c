// SPDX-License-Identifier: GPL-2.0-only
/* Virtqueues of virtio-net: set up, shown, stopped, and found to lie. */

#include <kunit/visibility.h>
#include <linux/iopoll.h>
#include "vnet.h"
#include "vnet_packed_desc.h"
#include "vnet_split_desc.h"

#define VNET_QUEUE_POLL_US	20
#define VNET_QUEUE_TIMEOUT_US	1000000

struct vnet_mode vnet_mode(const struct sluice_nic *nic)
{
	return (struct vnet_mode){
		.event_idx	= vnet_has(nic, VIRTIO_RING_F_EVENT_IDX),
		.in_order	= vnet_has(nic, VIRTIO_F_IN_ORDER),
		.says_next	= vnet_has(nic, VIRTIO_F_NOTIFICATION_DATA),
		.platform	= vnet_has(nic, VIRTIO_F_ORDER_PLATFORM),
	};
}

static u8 vnet_hdr_len(const struct sluice_nic *nic)
{
	return vnet_has(nic, VIRTIO_NET_F_HASH_REPORT) ? VNET_HDR_MOST :
							 VNET_HDR_LEN;
}

/* A ring is filled before the start that negotiates: of features that change, what
 * will be negotiated then.
 */
void vnet_rx_reset(struct sluice_rxq *q)
{
	struct sluice_nic *nic = q->vec->nic;
	u64 wanted = vnet_wanted_features(nic);

	*vnet_rx_state(q) = (struct vnet_rx_state){
		.index		= 2 * q->vec->index,
		.mode		= vnet_mode(nic),
		.hdr_len	= vnet_hdr_len(nic),
		.mergeable	= vnet_has(nic, VIRTIO_NET_F_MRG_RXBUF),
		.checked	= wanted & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM),
		.spread		= vnet_has(nic, VIRTIO_NET_F_RSS),
	};
}

void vnet_tx_reset(struct sluice_txq *q)
{
	const struct sluice_nic *nic = q->vec->nic;

	*vnet_tx_state(q) = (struct vnet_tx_state){
		.index		= 2 * q->vec->index + 1,
		.asked		= U16_MAX,
		.mode		= vnet_mode(nic),
		.hdr_len	= vnet_hdr_len(nic),
	};
}

/* Those that lie too far from each other to be mapped at once are mapped each. */
static void vnet_unmap_doorbell(struct sluice_nic *nic, void __iomem *doorbell)
{
	struct virtio_pci_modern_device *mdev = &vnet_hw(nic)->mdev;

	if (doorbell && !mdev->notify_base)
		pci_iounmap(mdev->pci_dev, doorbell);
}

/* NOTIFICATION_DATA writes four bytes there, which not every machine does at any
 * address.
 */
void __iomem *vnet_map_doorbell(struct sluice_nic *nic, u16 index)
{
	void __iomem *doorbell;

	doorbell = vp_modern_map_vq_notify(&vnet_hw(nic)->mdev, index, NULL);
	if (vnet_has(nic, VIRTIO_F_NOTIFICATION_DATA) &&
	    !IS_ALIGNED((unsigned long)doorbell, sizeof(u32))) {
		vnet_unmap_doorbell(nic, doorbell);
		return NULL;
	}
	return doorbell;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_map_doorbell);

void vnet_unmap_doorbells(struct sluice_nic *nic)
{
	struct vnet_hw *hw = vnet_hw(nic);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(hw->doorbell); i++)
		vnet_unmap_doorbell(nic, hw->doorbell[i]);
	vnet_unmap_doorbell(nic, hw->ctrl.doorbell);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_unmap_doorbells);

/* Nothing that such a queue says can be believed any more. */
bool vnet_rx_broken(struct sluice_rxq *q, const char *why)
{
	q->broken = true;
	sluice_rx_stats_add(q->stats, SLUICE_RX_RING_ERR, 1);
	sluice_queue_broken(q->vec, SLUICE_RX, why);
	return false;
}

void vnet_tx_broken(struct sluice_txq *q, const char *why)
{
	q->broken = true;
	sluice_tx_stats_add(q->stats, SLUICE_TX_RING_ERR, 1);
	sluice_queue_broken(q->vec, SLUICE_TX, why);
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

/* A frame for a queue without buffers waits at the one whose tap it came through,
 * with all behind it, and QEMU looks at it again only when that one is notified,
 * which it may never be as nothing comes through it any more.
 */
void vnet_notify_all(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; i < nic->nvec; i++)
		iowrite16(2 * i, vnet_hw(nic)->doorbell[2 * i]);
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

/* Not with frames under way, nor on their way from another CPU: QEMU 7.2 first
 * sends what its wire had no room for, then takes more from the ring, and ends
 * with an assertion if the wire is full again (flush_or_purge_queued_packets).
 */
static bool vnet_begin_reset(struct sluice_nic *nic, struct sluice_vector *v)
{
	struct virtio_pci_modern_common_cfg __iomem *cfg =
		(struct virtio_pci_modern_common_cfg __iomem *)
		vnet_hw(nic)->mdev.common;
	bool idle;

	__netif_tx_lock_bh(v->nq);
	idle = v->tx->head == v->tx->tail;
	if (idle) {
		vp_iowrite16(2 * v->index, &cfg->cfg.queue_select);
		vp_iowrite16(1, &cfg->queue_reset);
	}
	__netif_tx_unlock_bh(v->nq);
	return idle;
}

/* vp_modern_set_queue_reset() would wait for ever. */
static void vnet_reset_rx_queue(struct sluice_nic *nic, struct sluice_vector *v)
{
	struct virtio_pci_modern_device *mdev = &vnet_hw(nic)->mdev;
	u16 index = 2 * v->index;
	int busy, err;

	if (!vnet_begin_reset(nic, v))
		return;
	err = read_poll_timeout(vp_modern_get_queue_reset, busy, !busy,
				VNET_QUEUE_POLL_US, VNET_QUEUE_TIMEOUT_US, false,
				mdev, index);
	if (err)
		netdev_err(nic->netdev, "queue %u does not stop (error %d)\n",
			   index, err);
}

/* Otherwise the device receives until it is stopped as a whole. */
void vnet_stop_receiving(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; vnet_has(nic, VIRTIO_F_RING_RESET) && i < nic->nvec; i++)
		vnet_reset_rx_queue(nic, nic->vec[i]);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_stop_receiving);

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
