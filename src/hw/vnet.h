/* SPDX-License-Identifier: GPL-2.0-only */
/* Private state of the virtio-net backend. */

#ifndef SLUICE_VNET_H
#define SLUICE_VNET_H

#include <linux/dim.h>
#include <linux/interrupt.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci_modern.h>
#include <sluice/backend.h>

struct vnet_mode;

/**
 * struct vnet_ctrl - the control queue
 * @memory: its ring, the command and the answer
 * @dma: bus address of @memory
 * @doorbell: where it is notified
 * @index: number of the queue
 * @sent: commands since the device was started
 * @dead: it has not answered; nothing is sent until the device is started again
 */
struct vnet_ctrl {
	void *memory;
	dma_addr_t dma;
	void __iomem *doorbell;
	u16 index;
	u16 sent;
	bool dead;
};

/**
 * struct vnet_moder - for how much an interrupt of a queue waits
 * @usecs: this long
 * @frames: or until there are so many
 */
struct vnet_moder {
	u32 usecs;
	u32 frames;
};

/**
 * struct vnet_dim - adaptive-rx of one queue
 * @dim: net_dim's state
 * @v: the queue's vector, once it has been sampled
 * @events: interrupts that were sampled
 * @on: the user wants it
 */
struct vnet_dim {
	struct dim dim;
	struct sluice_vector *v;
	u16 events;
	bool on;
};

/**
 * struct vnet_hw - what the backend remembers of a device
 * @mdev: where its capabilities are mapped
 * @offered: features that the device offers and the driver can use
 * @features: what is negotiated of them
 * @doorbell: where each queue is notified
 * @ctrl: the control queue
 * @moder: of each queue, by its number
 * @dim: of each receive queue
 * @xdp: a program is attached, or is about to be
 * @linear: it knows no frags
 * @hash_known: of VIRTIO_NET_RSS_HASH_TYPE_*, what device and driver know
 * @hash_types: what of it the device shall hash by
 * @rx_mode_work: tells the device which frames to let in
 * @nic: the device
 */
struct vnet_hw {
	struct virtio_pci_modern_device mdev;
	u64 offered;
	u64 features;
	void __iomem *doorbell[2 * SLUICE_MAX_VECTORS];
	struct vnet_ctrl ctrl;
	struct vnet_moder moder[2 * SLUICE_MAX_VECTORS];
	struct vnet_dim dim[SLUICE_MAX_VECTORS];
	bool xdp;
	bool linear;
	u32 hash_known;
	u32 hash_types;
	struct work_struct rx_mode_work;
	struct sluice_nic *nic;
};

static inline struct vnet_hw *vnet_hw(const struct sluice_nic *nic)
{
	return nic->hw;
}

static inline bool vnet_has(const struct sluice_nic *nic, u32 feature)
{
	return vnet_hw(nic)->features & BIT_ULL(feature);
}

/* Offset of a field in the device's configuration. */
#define vnet_config(nic, field)						\
	(vnet_hw(nic)->mdev.device + offsetof(struct virtio_net_config, field))

/* vnet.c */
void vnet_probe_features(struct sluice_nic *nic);
int vnet_probe_config(struct sluice_nic *nic);
irqreturn_t vnet_irq(int irq, void *data);
void vnet_link(struct sluice_nic *nic, struct sluice_link *link);
void vnet_read_link(struct sluice_nic *nic, struct sluice_link *link);
int vnet_negotiate(struct sluice_nic *nic);

/* vnet_queue.c */
struct vnet_mode vnet_mode(const struct sluice_nic *nic);
void __iomem *vnet_map_doorbell(struct sluice_nic *nic, u16 index);
void vnet_unmap_doorbells(struct sluice_nic *nic);
void vnet_rx_reset(struct sluice_rxq *q);
void vnet_tx_reset(struct sluice_txq *q);
bool vnet_rx_broken(struct sluice_rxq *q, const char *why);
void vnet_tx_broken(struct sluice_txq *q, const char *why);
void vnet_enable_queue(struct sluice_nic *nic, u16 index, u32 size,
		       dma_addr_t dma, bool tx);
void vnet_notify_all(struct sluice_nic *nic);
void vnet_start_queues(struct sluice_nic *nic);
void vnet_show_buffers(struct sluice_nic *nic);
void vnet_stop_receiving(struct sluice_nic *nic);
void vnet_irq_silence(struct sluice_vector *v);

/* vnet_split_dp.c and vnet_packed_dp.c */
extern const struct sluice_engine sluice_vnet_split_engine;
extern const struct sluice_engine sluice_vnet_packed_engine;
void vnet_split_rx_show(struct sluice_rxq *q);
void vnet_packed_rx_show(struct sluice_rxq *q);
void vnet_split_irq_silence(struct sluice_vector *v);
void vnet_packed_irq_silence(struct sluice_vector *v);

/* vnet_ctrl.c */
int vnet_ctrl_probe(struct sluice_nic *nic, u16 index);
void vnet_ctrl_remove(struct sluice_nic *nic);
void vnet_ctrl_start(struct sluice_nic *nic);
int vnet_command(struct sluice_nic *nic, u8 class, u8 command, const void *data,
		 size_t len);

/* vnet_coalesce.c */
void vnet_coalesce_init(struct sluice_nic *nic);
void vnet_coalesce_remove(struct sluice_nic *nic);
void vnet_coalesce_start(struct sluice_nic *nic);
void vnet_get_coalesce(struct sluice_nic *nic, u32 queue,
		       struct ethtool_coalesce *ec);
int vnet_set_coalesce(struct sluice_nic *nic, u32 queue,
		      const struct ethtool_coalesce *ec,
		      struct netlink_ext_ack *extack);
void vnet_dim_sample(struct sluice_vector *v);

/* vnet_filter.c */
void vnet_filter_init(struct sluice_nic *nic);
void vnet_filter_probe(struct sluice_nic *nic);
void vnet_filter_remove(struct sluice_nic *nic);
void vnet_filter_start(struct sluice_nic *nic);
void vnet_set_rx_mode(struct sluice_nic *nic);
void vnet_vlan_filter(struct sluice_nic *nic, u16 vid);

/* vnet_rss.c */
void vnet_rss_probe(struct sluice_nic *nic);
void vnet_rss_start(struct sluice_nic *nic);
int vnet_set_rss(struct sluice_nic *nic);
int vnet_get_hash_fields(struct sluice_nic *nic, struct ethtool_rxnfc *info);
int vnet_set_hash_fields(struct sluice_nic *nic,
			 const struct ethtool_rxnfc *info);

/* vnet_offload.c */
void vnet_offload_probe(struct sluice_nic *nic);
u64 vnet_wanted_features(struct sluice_nic *nic);
void vnet_offload_start(struct sluice_nic *nic);
bool vnet_rx_offload(struct sk_buff *skb, const struct sluice_xdp_buff *x);
u32 vnet_rx_buf_len(struct sluice_nic *nic, u32 mtu, netdev_features_t features);
int vnet_set_features(struct sluice_nic *nic, netdev_features_t changed);
netdev_features_t vnet_fix_features(netdev_features_t features);
int vnet_xdp_ready(struct sluice_nic *nic, const struct bpf_prog *prog,
		   struct netlink_ext_ack *extack);

#endif
