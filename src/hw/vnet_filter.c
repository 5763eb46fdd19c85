// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which frames virtio-net lets in (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3), by
 * commands. The device forgets all of it when it is reset.
 */

#include <kunit/visibility.h>
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include "vnet.h"

/* More addresses than this, of either kind, and all of the kind are let in; a
 * device may have room for less, and then does the same (QEMU: 64).
 */
#define VNET_MAC_MAX	128

/**
 * struct vnet_mac_table - one list of addresses as the device reads it
 * @entries: how many
 * @addr: the addresses
 */
struct vnet_mac_table {
	__le32 entries;
	u8 addr[VNET_MAC_MAX][ETH_ALEN];
} __packed;

/**
 * struct vnet_rx_mode - what shall be let in
 * @promisc: everything
 * @allmulti: every multicast frame
 * @unicast: own and secondary addresses
 * @multicast: groups
 */
struct vnet_rx_mode {
	u8 promisc;
	u8 allmulti;
	struct vnet_mac_table unicast;
	struct vnet_mac_table multicast;
};

static bool vnet_add_addr(struct vnet_mac_table *t, const u8 *addr)
{
	u32 n = le32_to_cpu(t->entries);

	if (n == VNET_MAC_MAX)
		return false;
	ether_addr_copy(t->addr[n], addr);
	t->entries = cpu_to_le32(n + 1);
	return true;
}

/* The own address is one of the list: without CTRL_MAC_ADDR the device knows no
 * other than its first.
 */
static void vnet_collect_rx_mode(struct net_device *netdev,
				 struct vnet_rx_mode *m)
{
	struct netdev_hw_addr *ha;

	netif_addr_lock_bh(netdev);
	m->promisc = !!(netdev->flags & IFF_PROMISC);
	m->allmulti = !!(netdev->flags & IFF_ALLMULTI);
	vnet_add_addr(&m->unicast, netdev->dev_addr);
	netdev_for_each_uc_addr(ha, netdev)
		m->promisc |= !vnet_add_addr(&m->unicast, ha->addr);
	netdev_for_each_mc_addr(ha, netdev)
		m->allmulti |= !vnet_add_addr(&m->multicast, ha->addr);
	netif_addr_unlock_bh(netdev);
}

static size_t vnet_mac_table_len(const struct vnet_mac_table *t)
{
	return sizeof(t->entries) + le32_to_cpu(t->entries) * ETH_ALEN;
}

/* Both lists follow each other without a gap. Seen from all of @m, as the second
 * one comes to lie where the first one had room, and beyond.
 */
static void vnet_send_mac_table(struct sluice_nic *nic, struct vnet_rx_mode *m)
{
	void *lists = (void *)m + offsetof(struct vnet_rx_mode, unicast);
	size_t unicast = vnet_mac_table_len(&m->unicast);
	size_t multicast = vnet_mac_table_len(&m->multicast);

	memmove(lists + unicast, &m->multicast, multicast);
	vnet_command(nic, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
		     lists, unicast + multicast);
}

/* Whatever the old and the new table have in common must not be lost meanwhile,
 * and the device changes them at once.
 */
static void vnet_send_rx_mode(struct sluice_nic *nic)
{
	struct vnet_rx_mode *m = kzalloc(sizeof(*m), GFP_KERNEL);

	/* The filter stays as it was; the kernel has said why. */
	if (!m)
		return;
	vnet_collect_rx_mode(nic->netdev, m);
	if (vnet_has(nic, VIRTIO_NET_F_CTRL_MAC_ADDR))
		vnet_command(nic, VIRTIO_NET_CTRL_MAC,
			     VIRTIO_NET_CTRL_MAC_ADDR_SET, m->unicast.addr[0],
			     ETH_ALEN);
	/* It is overwritten when sent, so the addresses come last. */
	vnet_command(nic, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC,
		     &m->promisc, sizeof(m->promisc));
	vnet_command(nic, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI,
		     &m->allmulti, sizeof(m->allmulti));
	vnet_send_mac_table(nic, m);
	kfree(m);
}

static void vnet_rx_mode_work(struct work_struct *work)
{
	struct vnet_hw *hw = container_of(work, struct vnet_hw, rx_mode_work);
	struct sluice_nic *nic = hw->nic;

	rtnl_lock();
	if (test_bit(SLUICE_UP, &nic->state))
		vnet_send_rx_mode(nic);
	rtnl_unlock();
}

/* Called under the address lock, where nobody may wait for an answer. */
void vnet_set_rx_mode(struct sluice_nic *nic)
{
	if (vnet_has(nic, VIRTIO_NET_F_CTRL_RX))
		schedule_work(&vnet_hw(nic)->rx_mode_work);
}

static void vnet_send_vlan(struct sluice_nic *nic, u16 vid)
{
	__le16 le_vid = cpu_to_le16(vid);

	vnet_command(nic, VIRTIO_NET_CTRL_VLAN,
		     test_bit(vid, nic->vlans) ? VIRTIO_NET_CTRL_VLAN_ADD :
						 VIRTIO_NET_CTRL_VLAN_DEL,
		     &le_vid, sizeof(le_vid));
}

void vnet_vlan_filter(struct sluice_nic *nic, u16 vid)
{
	if (test_bit(SLUICE_UP, &nic->state))
		vnet_send_vlan(nic, vid);
}

void vnet_filter_start(struct sluice_nic *nic)
{
	u16 vid;

	if (vnet_has(nic, VIRTIO_NET_F_CTRL_RX))
		vnet_send_rx_mode(nic);
	if (!vnet_has(nic, VIRTIO_NET_F_CTRL_VLAN))
		return;
	for_each_set_bit(vid, nic->vlans, VLAN_N_VID)
		vnet_send_vlan(nic, vid);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_filter_start);

void vnet_filter_init(struct sluice_nic *nic)
{
	INIT_WORK(&vnet_hw(nic)->rx_mode_work, vnet_rx_mode_work);
}

void vnet_filter_probe(struct sluice_nic *nic)
{
	struct net_device *netdev = nic->netdev;

	if (vnet_has(nic, VIRTIO_NET_F_CTRL_RX))
		netdev->priv_flags |= IFF_UNICAST_FLT;
	if (vnet_has(nic, VIRTIO_NET_F_CTRL_VLAN))
		netdev->features |= NETIF_F_HW_VLAN_CTAG_FILTER;
}

void vnet_filter_remove(struct sluice_nic *nic)
{
	cancel_work_sync(&vnet_hw(nic)->rx_mode_work);
}
