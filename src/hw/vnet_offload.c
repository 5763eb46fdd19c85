// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checksums and segmentation: what the device does for us when we send, and what
 * it leaves to us when we receive.
 *
 * The second kind (GUEST_*) depends on what runs: nobody wants uncut frames who
 * has not asked for them (GRO_HW), and an XDP program none without checksum. It
 * is changed by a command; a device without that is reset, as in-tree virtio_net
 * does not dare.
 */

#include <kunit/visibility.h>
#include <linux/filter.h>
#include "vnet.h"
#include "vnet_hdr_desc.h"

#define VNET_HOST_CUTS		(BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | \
				 BIT_ULL(VIRTIO_NET_F_HOST_TSO6) | \
				 BIT_ULL(VIRTIO_NET_F_HOST_ECN) | \
				 BIT_ULL(VIRTIO_NET_F_HOST_USO))
#define VNET_GUEST_UNCUT	(BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_ECN) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_USO4) | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_USO6))
#define VNET_GUEST		(VNET_GUEST_UNCUT | \
				 BIT_ULL(VIRTIO_NET_F_GUEST_CSUM))

/* Two pages: 64 KiB then fit into what the engine takes for one frame. */
#define VNET_GRO_BUF_LEN	(2 * PAGE_SIZE - XDP_PACKET_HEADROOM - \
				 SLUICE_RX_TAILROOM)

/* Checks all it takes over, as the stack relies on it. Not inline: the kernel's
 * parser calls the device's own.
 */
bool vnet_rx_offload(struct sk_buff *skb, const struct sluice_xdp_buff *x)
{
	struct sluice_rxq *q = container_of(x->xdp.rxq, struct sluice_rxq, xdp_rxq);
	struct virtio_net_hdr_v1 hdr = vnet_hdr_read(x->xdp.data_hard_start,
						     vnet_rx_state(q)->hdr_len);

	return !virtio_net_hdr_to_skb(skb, (struct virtio_net_hdr *)&hdr, true);
}

/* What the stack has set, and the program if there is one, wants of the device. */
static u64 vnet_wanted_guest(struct sluice_nic *nic)
{
	const struct vnet_hw *hw = vnet_hw(nic);
	u64 wanted = BIT_ULL(VIRTIO_NET_F_GUEST_CSUM);

	if (hw->xdp || !(nic->features & NETIF_F_RXCSUM))
		return 0;
	if (nic->features & NETIF_F_GRO_HW)
		wanted |= VNET_GUEST_UNCUT;
	return wanted & hw->offered;
}

/**
 * vnet_wanted_features() - what shall be negotiated at the next reset
 * @nic: the device
 *
 * What can be changed by a command is negotiated in any case.
 *
 * Context: RTNL.
 * Return: the features.
 */
u64 vnet_wanted_features(struct sluice_nic *nic)
{
	struct vnet_hw *hw = vnet_hw(nic);

	if (hw->offered & BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))
		return hw->offered;
	return (hw->offered & ~VNET_GUEST) | vnet_wanted_guest(nic);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_wanted_features);

static int vnet_send_offloads(struct sluice_nic *nic,
			      struct netlink_ext_ack *extack)
{
	__le64 wanted = cpu_to_le64(vnet_wanted_guest(nic));
	int err;

	err = vnet_command(nic, VIRTIO_NET_CTRL_GUEST_OFFLOADS,
			   VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, &wanted,
			   sizeof(wanted));
	if (err)
		NL_SET_ERR_MSG_FMT_MOD(extack, "the device still leaves checksums to us (error %d)",
				       err);
	return err;
}

/* A reset has switched all on that is negotiated. */
void vnet_offload_start(struct sluice_nic *nic)
{
	struct vnet_hw *hw = vnet_hw(nic);

	if (vnet_has(nic, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) &&
	    vnet_wanted_guest(nic) != (hw->offered & VNET_GUEST))
		vnet_send_offloads(nic, NULL);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_offload_start);

/* Something that decides over the GUEST features has changed. */
static int vnet_renegotiate(struct sluice_nic *nic, bool buffers,
			    struct netlink_ext_ack *extack)
{
	struct vnet_hw *hw = vnet_hw(nic);

	if (!test_bit(SLUICE_UP, &nic->state))
		return 0;
	if (!buffers && vnet_has(nic, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))
		return vnet_send_offloads(nic, extack);
	if (!buffers && vnet_wanted_features(nic) == hw->features)
		return 0;
	return sluice_rebuild(nic, &nic->cfg, extack);
}

/* No program sees a frame without checksum, and one that knows no frags gets
 * buffers that take whole frames.
 */
int vnet_xdp_ready(struct sluice_nic *nic, const struct bpf_prog *prog,
		   struct netlink_ext_ack *extack)
{
	struct vnet_hw *hw = vnet_hw(nic);
	u32 mtu = nic->netdev->mtu, len = vnet_rx_buf_len(nic, mtu, nic->features);
	bool xdp = hw->xdp, linear = hw->linear;
	int err;

	hw->xdp = prog;
	hw->linear = prog && !prog->aux->xdp_has_frags;
	len -= vnet_rx_buf_len(nic, mtu, nic->features);
	if (!len && hw->xdp == xdp)
		return 0;
	err = vnet_renegotiate(nic, len, extack);
	if (err) {
		hw->xdp = xdp;
		hw->linear = linear;
	}
	return err;
}

netdev_features_t vnet_fix_features(netdev_features_t features)
{
	return features & NETIF_F_RXCSUM ? features : features & ~NETIF_F_GRO_HW;
}

int vnet_set_features(struct sluice_nic *nic, netdev_features_t changed)
{
	if (!(changed & (NETIF_F_GRO_HW | NETIF_F_RXCSUM)))
		return 0;
	return vnet_renegotiate(nic, changed & NETIF_F_GRO_HW, NULL);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_set_features);

/* A frame without MRG_RXBUF, or for a program without frags, must fit one buffer,
 * any other as many as the engine takes.
 */
u32 vnet_rx_buf_len(struct sluice_nic *nic, u32 mtu, netdev_features_t features)
{
	const struct vnet_hw *hw = vnet_hw(nic);
	u32 longest = mtu + SLUICE_RX_LONGEST;

	if (hw->linear || !(hw->offered & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF)))
		return max_t(u32, SLUICE_RX_BUF_LEN, longest);
	if (features & NETIF_F_GRO_HW ||
	    longest > SLUICE_RX_BUF_LEN * (SLUICE_RX_MAX_FRAGS + 1))
		return VNET_GRO_BUF_LEN;
	return SLUICE_RX_BUF_LEN;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_rx_buf_len);

static netdev_features_t vnet_tx_features(u64 offered)
{
	netdev_features_t features = NETIF_F_HW_CSUM | NETIF_F_SG;

	if (!(offered & BIT_ULL(VIRTIO_NET_F_CSUM)))
		return 0;
	if (offered & BIT_ULL(VIRTIO_NET_F_HOST_TSO4))
		features |= NETIF_F_TSO;
	if (offered & BIT_ULL(VIRTIO_NET_F_HOST_TSO6))
		features |= NETIF_F_TSO6;
	if (offered & BIT_ULL(VIRTIO_NET_F_HOST_ECN))
		features |= NETIF_F_TSO_ECN;
	if (offered & BIT_ULL(VIRTIO_NET_F_HOST_USO))
		features |= NETIF_F_GSO_UDP_L4;
	return features;
}

/* Uncut frames have more than one buffer. */
static netdev_features_t vnet_rx_features(u64 offered)
{
	if (!(offered & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)))
		return 0;
	if (!(offered & BIT_ULL(VIRTIO_NET_F_GUEST_TSO4)) ||
	    !(offered & BIT_ULL(VIRTIO_NET_F_GUEST_TSO6)))
		return NETIF_F_RXCSUM;
	return NETIF_F_RXCSUM | NETIF_F_GRO_HW;
}

/* Nothing is accepted without what it needs (2.2.1, 5.1.3.1). */
static u64 vnet_offload_offered(u64 offered)
{
	if (!(offered & BIT_ULL(VIRTIO_NET_F_CSUM)))
		offered &= ~VNET_HOST_CUTS;
	if (!(offered & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)) ||
	    !(offered & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF)))
		offered &= ~VNET_GUEST_UNCUT;
	/* With nothing to choose from QEMU refuses the command. */
	if (!(offered & VNET_GUEST))
		offered &= ~BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	return offered;
}

void vnet_offload_probe(struct sluice_nic *nic)
{
	struct net_device *netdev = nic->netdev;
	struct vnet_hw *hw = vnet_hw(nic);

	hw->offered = vnet_offload_offered(hw->offered);
	netdev->hw_features = vnet_tx_features(hw->offered) |
			      vnet_rx_features(hw->offered);
	netdev->features |= netdev->hw_features;
	netdev->vlan_features |= vnet_tx_features(hw->offered);
}
