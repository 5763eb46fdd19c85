// SPDX-License-Identifier: GPL-2.0-only
/*
 * What virtio-net hashes of a received frame, and which queue it gives it to
 * (virtio 1.2, 5.1.6.5.6.4 and 5.1.6.5.7), by commands. With HASH_REPORT it also
 * says the hash, in a longer header (vnet_hdr_desc.h).
 */

#include <kunit/visibility.h>
#include <linux/log2.h>
#include "vnet.h"
#include "vnet_rss_desc.h"

#define VNET_RSS_FEATURES	(BIT_ULL(VIRTIO_NET_F_RSS) | \
				 BIT_ULL(VIRTIO_NET_F_HASH_REPORT))
#define VNET_RSS_CONFIG_LEN	offsetofend(struct virtio_net_config, \
					    supported_hash_types)
#define VNET_RXH_ADDRESSES	(RXH_IP_SRC | RXH_IP_DST)
#define VNET_RXH_PORTS		(VNET_RXH_ADDRESSES | RXH_L4_B_0_1 | RXH_L4_B_2_3)

/**
 * struct vnet_flow - a kind of flow, and what the device calls its hashes
 * @type: the kind, as ethtool's
 * @addresses: by addresses
 * @ports: by ports too, 0 = it has none
 */
struct vnet_flow {
	u32 type;
	u32 addresses;
	u32 ports;
};

/* Not those that look into IPv6's extension headers: ethtool has no word for them. */
static const struct vnet_flow vnet_flows[] = {
	{ IPV4_FLOW, VIRTIO_NET_RSS_HASH_TYPE_IPv4 },
	{ IPV6_FLOW, VIRTIO_NET_RSS_HASH_TYPE_IPv6 },
	{ TCP_V4_FLOW, VIRTIO_NET_RSS_HASH_TYPE_IPv4, VIRTIO_NET_RSS_HASH_TYPE_TCPv4 },
	{ TCP_V6_FLOW, VIRTIO_NET_RSS_HASH_TYPE_IPv6, VIRTIO_NET_RSS_HASH_TYPE_TCPv6 },
	{ UDP_V4_FLOW, VIRTIO_NET_RSS_HASH_TYPE_IPv4, VIRTIO_NET_RSS_HASH_TYPE_UDPv4 },
	{ UDP_V6_FLOW, VIRTIO_NET_RSS_HASH_TYPE_IPv6, VIRTIO_NET_RSS_HASH_TYPE_UDPv6 },
};

static const struct vnet_flow *vnet_find_flow(u32 type)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vnet_flows); i++)
		if (vnet_flows[i].type == type)
			return &vnet_flows[i];
	return NULL;
}

/* Without RSS the device hashes only, and takes the queues as it likes. */
int vnet_set_rss(struct sluice_nic *nic)
{
	bool spread = vnet_has(nic, VIRTIO_NET_F_RSS);
	u8 command[VNET_RSS_LONGEST] __aligned(4);
	size_t len = vnet_rss_write(&nic->rss, vnet_hw(nic)->hash_types,
				    spread ? nic->nvec : 0, command);

	return vnet_command(nic, VIRTIO_NET_CTRL_MQ,
			    spread ? VIRTIO_NET_CTRL_MQ_RSS_CONFIG :
				     VIRTIO_NET_CTRL_MQ_HASH_CONFIG, command, len);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_set_rss);

/* A device that refuses uses its first queue only; the kernel's log says so. */
void vnet_rss_start(struct sluice_nic *nic)
{
	if (nic->rss.hashes)
		vnet_set_rss(nic);
}

int vnet_get_hash_fields(struct sluice_nic *nic, struct ethtool_rxnfc *info)
{
	const struct vnet_flow *flow = vnet_find_flow(info->flow_type);
	u32 types = vnet_hw(nic)->hash_types;

	info->data = 0;
	if (!flow)
		return -EOPNOTSUPP;
	if (types & flow->ports)
		info->data = VNET_RXH_PORTS;
	else if (types & flow->addresses)
		info->data = VNET_RXH_ADDRESSES;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_get_hash_fields);

/* By addresses, or by ports too, and no other way. */
int vnet_set_hash_fields(struct sluice_nic *nic, const struct ethtool_rxnfc *info)
{
	const struct vnet_flow *flow = vnet_find_flow(info->flow_type);
	struct vnet_hw *hw = vnet_hw(nic);
	u32 old = hw->hash_types, types;
	int err = 0;

	if (!flow)
		return -EOPNOTSUPP;
	types = (old & ~flow->ports) | flow->addresses;
	if (info->data == VNET_RXH_PORTS && flow->ports)
		types |= flow->ports;
	else if (info->data != VNET_RXH_ADDRESSES)
		return -EINVAL;
	if (types & ~hw->hash_known)
		return -EOPNOTSUPP;
	hw->hash_types = types;
	if (test_bit(SLUICE_UP, &nic->state))
		err = vnet_set_rss(nic);
	if (err)
		hw->hash_types = old;
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_set_hash_fields);

static u32 vnet_read_hash_types(struct sluice_nic *nic)
{
	u32 i, types = 0;

	for (i = 0; i < ARRAY_SIZE(vnet_flows); i++)
		types |= vnet_flows[i].addresses | vnet_flows[i].ports;
	return types & ioread32(vnet_config(nic, supported_hash_types));
}

/* A device can take a key for IPv6, at least 40 bytes (5.1.4.1), and hashes
 * something. One that says otherwise is done without.
 */
static bool vnet_can_hash(struct sluice_nic *nic)
{
	struct vnet_hw *hw = vnet_hw(nic);

	if (hw->mdev.device_len < VNET_RSS_CONFIG_LEN)
		return false;
	hw->hash_known = vnet_read_hash_types(nic);
	return hw->hash_known &&
	       ioread8(vnet_config(nic, rss_max_key_size)) >= SLUICE_RSS_KEY;
}

/* Tables have a power of two, and there is nothing to spread over one queue. */
static u32 vnet_read_table_len(struct sluice_nic *nic)
{
	u32 len = ioread16(vnet_config(nic, rss_max_indirection_table_length));

	if (!len || ioread16(vnet_config(nic, max_virtqueue_pairs)) < 2)
		return 0;
	return rounddown_pow_of_two(min_t(u32, len, SLUICE_RSS_TABLE));
}

/**
 * vnet_rss_probe() - find out whether the device hashes, and spreads frames by it
 * @nic: the device, of which is known what it offers
 *
 * Before features are negotiated, so that the length of a frame's header, of which
 * HASH_REPORT decides, is always the same.
 *
 * Context: process.
 */
void vnet_rss_probe(struct sluice_nic *nic)
{
	struct net_device *netdev = nic->netdev;
	struct vnet_hw *hw = vnet_hw(nic);

	if (!(hw->offered & VNET_RSS_FEATURES))
		return;
	if (!vnet_can_hash(nic)) {
		dev_warn(&nic->pdev->dev, "its word on hashing cannot be: RSS and HASH_REPORT are not used\n");
		hw->offered &= ~VNET_RSS_FEATURES;
		return;
	}
	if (hw->offered & BIT_ULL(VIRTIO_NET_F_RSS))
		nic->rss.entries = vnet_read_table_len(nic);
	if (!nic->rss.entries)
		hw->offered &= ~BIT_ULL(VIRTIO_NET_F_RSS);
	nic->rss.hashes = hw->offered & VNET_RSS_FEATURES;
	hw->hash_types = hw->hash_known;
	netdev_rss_key_fill(nic->rss.key, SLUICE_RSS_KEY);
	if (hw->offered & BIT_ULL(VIRTIO_NET_F_HASH_REPORT)) {
		netdev->hw_features |= NETIF_F_RXHASH;
		netdev->features |= NETIF_F_RXHASH;
	}
}
EXPORT_SYMBOL_IF_KUNIT(vnet_rss_probe);
