// SPDX-License-Identifier: GPL-2.0-only
/* Hashes that a virtio device says, and what it is asked to hash and to spread. */

#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include "fake_virtio.h"

#define VRSS_LEN	100
#define VRSS_HASH	0x11223344
#define VRSS_CHAIN	(3 * SLUICE_RX_BUF_LEN)
#define VRSS_TYPES	0x3f	/* 5.1.6.4.3.1, but for extension headers */
#define VRSS_BOTH	(BIT_ULL(VIRTIO_NET_F_RSS) | \
			 BIT_ULL(VIRTIO_NET_F_HASH_REPORT))
#define VRSS_ADDRESSES	(RXH_IP_SRC | RXH_IP_DST)
#define VRSS_PORTS	(VRSS_ADDRESSES | RXH_L4_B_0_1 | RXH_L4_B_2_3)

KUNIT_ARRAY_PARAM_DESC(vrss_kind, fake_virtio_hashing, name);

/* A frame, of which the device says this. */
static struct sk_buff *vrss_receive(struct fake_nic *fake, u32 len, u16 report)
{
	fake_virtio(fake)->hash.value = cpu_to_le32(VRSS_HASH);
	fake_virtio(fake)->hash.type = cpu_to_le16(report);
	fake_virtio_receive(fake, fake_data(fake->test, len), len);
	fake_virtio_interrupt(fake);
	return skb_dequeue(&fake->received);
}

static void vrss_expect(struct fake_nic *fake, u32 len, u16 report, bool l4,
			u32 hash)
{
	struct sk_buff *skb = vrss_receive(fake, len, report);
	u32 is_l4;

	KUNIT_ASSERT_NOT_NULL(fake->test, skb);
	is_l4 = skb->l4_hash;
	KUNIT_EXPECT_EQ_MSG(fake->test, skb->hash, hash, "report %u", report);
	KUNIT_EXPECT_EQ_MSG(fake->test, is_l4, l4, "report %u", report);
	skb_push(skb, ETH_HLEN);
	fake_take_bytes(fake, skb, fake_data(fake->test, len), len);
}

/* What the device says reaches the skb; a frame that has none gets none, least of
 * all its predecessor's.
 */
static void vrss_hash_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u16 report;

	for (report = 1; report < 10; report++) {
		bool l4 = report != 1 && report != 4 && report != 7;

		vrss_expect(fake, VRSS_LEN, report, l4, VRSS_HASH);
		vrss_expect(fake, VRSS_LEN, 0, false, 0);
	}
	vrss_expect(fake, VRSS_LEN, 10, false, 0);
	vrss_expect(fake, VRSS_LEN, U16_MAX, false, 0);
}

/* The first buffer's header speaks for all of the frame. */
static void vrss_chain_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	if (!vnet_has(fake->nic, VIRTIO_NET_F_MRG_RXBUF))
		return;
	vrss_expect(fake, VRSS_CHAIN, 2, true, VRSS_HASH);
	vrss_expect(fake, VRSS_CHAIN, 0, false, 0);
	vrss_expect(fake, VRSS_CHAIN, 4, false, VRSS_HASH);
}

/* ethtool -K rxhash off */
static void vrss_off_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	fake->nic->features &= ~NETIF_F_RXHASH;
	vrss_expect(fake, VRSS_LEN, 2, false, 0);
	fake->nic->features |= NETIF_F_RXHASH;
	vrss_expect(fake, VRSS_LEN, 2, true, VRSS_HASH);
}

/* Behind the longer header, frames of all lengths that fit one buffer. */
static void vrss_length_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 len;

	for (len = ETH_HLEN; len <= SLUICE_RX_BUF_LEN; len += 13)
		vrss_expect(fake, len, 2, true, VRSS_HASH);
	vrss_expect(fake, SLUICE_RX_BUF_LEN, 2, true, VRSS_HASH);
}

/* A device cannot say less than a header of 20 bytes and an Ethernet header. */
static void vrss_short_test(struct kunit *test)
{
	static const struct virtio_net_hdr_v1 hdr = {
		.num_buffers = cpu_to_le16(1),
	};
	static const u32 lens[] = { 0, 12, 12 + ETH_HLEN, 19, 20, 20 + ETH_HLEN - 1 };
	struct fake_nic *fake = test->priv;
	u32 i;

	fake_virtio_room(fake);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		fake_virtio_fill(fake, 0, &hdr, NULL, 0);
		fake_virtio_return(fake, 0, lens[i]);
	}
	fake_virtio_tell_rx(fake);
	fake_virtio_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_LENGTH_ERR),
			ARRAY_SIZE(lens));
	fake_virtio_expect_alive(fake);
}

/* The header of a frame to send is as long, in every place of the ring and in front
 * of the frame where there is room, and what it has more is zero.
 */
static void vrss_send_test(struct kunit *test)
{
	static const struct virtio_net_hdr_v1 no_offloads;
	static const u32 rooms[] = { 20, 18, 0, 22, 12 };
	static const struct fake_hash nothing;
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, VRSS_LEN);
	u32 i;

	for (i = 0; i < 4 * (fake_txq(fake)->mask + 1); i++) {
		u32 room = rooms[i % ARRAY_SIZE(rooms)];
		struct fake_vsent sent;

		KUNIT_ASSERT_TRUE(test, fake_transmit(fake,
						      fake_skb_behind(fake, room,
								      VRSS_LEN),
						      false));
		KUNIT_ASSERT_EQ(test, fake_virtio_send_all(fake), 1);
		sent = fake_virtio_expect_wire(fake, data, VRSS_LEN);
		KUNIT_ASSERT_EQ(test, sent.pushed, room >= 20);
		KUNIT_ASSERT_MEMEQ(test, &sent.hdr, &no_offloads,
				   sizeof(no_offloads));
		KUNIT_ASSERT_MEMEQ(test, &sent.hash, &nothing, sizeof(nothing));
	}
}

/* What a program is told. */
static void vrss_program_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct sluice_xdp_buff x = { .hash = VRSS_HASH };
	const struct xdp_md *ctx = (const struct xdp_md *)&x;
	enum xdp_rss_hash_type type = 0;
	u32 hash = 0;

	KUNIT_EXPECT_EQ(test, fake->netdev->xdp_metadata_ops->xmo_rx_hash(ctx, &hash,
									  &type),
			-ENODATA);
	x.hash_type = XDP_RSS_TYPE_L4_IPV6_UDP;
	KUNIT_EXPECT_EQ(test, fake->netdev->xdp_metadata_ops->xmo_rx_hash(ctx, &hash,
									  &type),
			0);
	KUNIT_EXPECT_EQ(test, hash, VRSS_HASH);
	KUNIT_EXPECT_EQ(test, type, XDP_RSS_TYPE_L4_IPV6_UDP);
}

/**
 * struct vrss_word - what a device says of itself, and what becomes of it
 * @name: for people
 * @offered: features
 * @key: longest key
 * @table: longest table
 * @pairs: pairs of queues
 * @types: what it hashes
 * @short_config: its configuration ends before all of that
 * @features: what is used
 * @entries: of the table
 */
struct vrss_word {
	const char *name;
	u64 offered;
	u8 key;
	u16 table;
	u16 pairs;
	u32 types;
	bool short_config;
	u64 features;
	u32 entries;
};

#define VRSS_HASH_ONLY	BIT_ULL(VIRTIO_NET_F_HASH_REPORT)
#define VRSS_RSS_ONLY	BIT_ULL(VIRTIO_NET_F_RSS)

static const struct vrss_word vrss_words[] = {
	{ "as specified", VRSS_BOTH, 40, 128, 2, 0x1ff, .features = VRSS_BOTH,
	  .entries = 128 },
	{ "more than is of use", VRSS_BOTH, 255, U16_MAX, U16_MAX, U32_MAX,
	  .features = VRSS_BOTH, .entries = 128 },
	{ "nothing offered", 0, 40, 128, 2, 0x1ff },
	{ "RSS only", VRSS_RSS_ONLY, 40, 128, 2, 0x1ff,
	  .features = VRSS_RSS_ONLY, .entries = 128 },
	{ "hashes only", VRSS_HASH_ONLY, 40, 1, 1, 0x1ff,
	  .features = VRSS_HASH_ONLY },
	{ "no key", VRSS_BOTH, 0, 128, 2, 0x1ff },
	{ "a key too short for IPv6", VRSS_BOTH, 39, 128, 2, 0x1ff },
	{ "no hashes", VRSS_BOTH, 40, 128, 2, 0 },
	{ "unknown hashes", VRSS_BOTH, 40, 128, 2, 0xfffffe00 },
	{ "no table", VRSS_BOTH, 40, 0, 2, 0x1ff, .features = VRSS_HASH_ONLY },
	{ "no power of two", VRSS_BOTH, 40, 127, 2, 0x1ff, .features = VRSS_BOTH,
	  .entries = 64 },
	{ "no power of two, long", VRSS_BOTH, 40, 129, 2, 0x1ff,
	  .features = VRSS_BOTH, .entries = 128 },
	{ "one entry", VRSS_BOTH, 40, 1, 2, 0x1ff, .features = VRSS_BOTH,
	  .entries = 1 },
	{ "no pairs", VRSS_BOTH, 40, 128, 0, 0x1ff, .features = VRSS_HASH_ONLY },
	{ "one pair", VRSS_BOTH, 40, 128, 1, 0x1ff, .features = VRSS_HASH_ONLY },
	{ "a short configuration", VRSS_BOTH, 40, 128, 2, 0x1ff,
	  .short_config = true },
};

/* What a device says of itself is bounded, and done without if it cannot be. */
static void vrss_probe_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct sluice_nic *nic = fake->nic;
	struct vnet_hw *hw = vnet_hw(nic);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vrss_words); i++) {
		const struct vrss_word *w = &vrss_words[i];
		struct virtio_net_config config = {
			.max_virtqueue_pairs	= cpu_to_le16(w->pairs),
			.rss_max_key_size	= w->key,
			.rss_max_indirection_table_length = cpu_to_le16(w->table),
			.supported_hash_types	= cpu_to_le32(w->types),
		};

		memset(&nic->rss, 0, sizeof(nic->rss));
		fake->netdev->hw_features &= ~NETIF_F_RXHASH;
		hw->mdev.device = (void __iomem *)&config;
		hw->mdev.device_len = w->short_config ? 23 : 24;
		hw->offered = w->offered;
		vnet_rss_probe(nic);
		KUNIT_EXPECT_EQ_MSG(test, hw->offered, w->features, "%s", w->name);
		KUNIT_EXPECT_EQ_MSG(test, nic->rss.entries, w->entries, "%s",
				    w->name);
		KUNIT_EXPECT_EQ_MSG(test, nic->rss.hashes, !!w->features, "%s",
				    w->name);
		KUNIT_EXPECT_EQ_MSG(test,
				    !!(fake->netdev->hw_features & NETIF_F_RXHASH),
				    !!(w->features & VRSS_HASH_ONLY), "%s", w->name);
		if (w->features)
			KUNIT_EXPECT_EQ(test, hw->hash_types, VRSS_TYPES);
	}
}

static int vrss_fields(struct fake_nic *fake, u32 cmd, u32 flow, u64 *fields)
{
	const struct ethtool_ops *ops = fake->netdev->ethtool_ops;
	struct ethtool_rxnfc info = { .cmd = cmd, .flow_type = flow,
				      .data = *fields };
	int err;

	rtnl_lock();
	err = cmd == ETHTOOL_SRXFH ? ops->set_rxnfc(fake->netdev, &info) :
				     ops->get_rxnfc(fake->netdev, &info, NULL);
	rtnl_unlock();
	*fields = info.data;
	return err;
}

/**
 * struct vrss_wish - fields that a user wants to be hashed
 * @flow: of which flows
 * @fields: the fields
 * @err: what becomes of it
 * @types: what the device is then told to hash
 */
struct vrss_wish {
	u32 flow;
	u64 fields;
	int err;
	u32 types;
};

/* IPv4 1, TCPv4 2, UDPv4 4, IPv6 8, TCPv6 0x10, UDPv6 0x20; this one has no UDPv6. */
static const struct vrss_wish vrss_wishes[] = {
	{ TCP_V4_FLOW, VRSS_ADDRESSES, 0, 0x1d },
	{ TCP_V4_FLOW, VRSS_PORTS, 0, 0x1f },
	{ UDP_V4_FLOW, VRSS_ADDRESSES, 0, 0x1b },
	{ TCP_V6_FLOW, VRSS_ADDRESSES, 0, 0x0b },
	{ UDP_V6_FLOW, VRSS_ADDRESSES, 0, 0x0b },
	{ UDP_V6_FLOW, VRSS_PORTS, -EOPNOTSUPP, 0x0b },
	{ IPV4_FLOW, VRSS_ADDRESSES, 0, 0x0b },
	{ IPV4_FLOW, VRSS_PORTS, -EINVAL, 0x0b },
	{ TCP_V4_FLOW, RXH_IP_SRC, -EINVAL, 0x0b },
	{ TCP_V4_FLOW, RXH_DISCARD, -EINVAL, 0x0b },
	{ SCTP_V4_FLOW, VRSS_PORTS, -EOPNOTSUPP, 0x0b },
};

/* Wishes are heard as far as the device can fulfil them. A refusal changes nothing. */
static void vrss_fields_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct vnet_hw *hw = vnet_hw(fake->nic);
	u64 fields = VRSS_ADDRESSES;
	u32 i;

	KUNIT_EXPECT_EQ(test, vrss_fields(fake, ETHTOOL_SRXFH, TCP_V4_FLOW, &fields),
			-EOPNOTSUPP);
	fake->nic->rss.hashes = true;
	hw->hash_known = 0x1f;
	hw->hash_types = 0x1f;
	fake_close(fake);
	for (i = 0; i < ARRAY_SIZE(vrss_wishes); i++) {
		const struct vrss_wish *w = &vrss_wishes[i];

		fields = w->fields;
		KUNIT_EXPECT_EQ_MSG(test, vrss_fields(fake, ETHTOOL_SRXFH, w->flow,
						      &fields), w->err, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, hw->hash_types, w->types, "%u", i);
		KUNIT_EXPECT_EQ(test, vrss_fields(fake, ETHTOOL_GRXFH, w->flow,
						  &fields),
				w->flow == SCTP_V4_FLOW ? -EOPNOTSUPP : 0);
		if (!w->err)
			KUNIT_EXPECT_EQ_MSG(test, fields, w->fields, "%u", i);
	}
}

static int vrss_set(struct fake_nic *fake, u8 hfunc, u32 *table, u8 *key)
{
	struct ethtool_rxfh_param rxfh = { .hfunc = hfunc, .indir = table,
					   .key = key };
	struct netlink_ext_ack extack = {};
	int err;

	rtnl_lock();
	err = fake->netdev->ethtool_ops->set_rxfh(fake->netdev, &rxfh, &extack);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(fake->test, !!err, !!extack._msg);
	return err;
}

static void vrss_expect_set(struct fake_nic *fake, const u32 *table, const u8 *key)
{
	u32 seen[SLUICE_RSS_TABLE] = {};
	u8 seen_key[SLUICE_RSS_KEY] = {};
	struct ethtool_rxfh_param rxfh = { .indir = seen, .key = seen_key };
	int err = fake->netdev->ethtool_ops->get_rxfh(fake->netdev, &rxfh);

	KUNIT_EXPECT_EQ(fake->test, err, 0);
	KUNIT_EXPECT_EQ(fake->test, rxfh.hfunc, ETH_RSS_HASH_TOP);
	KUNIT_EXPECT_MEMEQ(fake->test, seen, table, 4 * sizeof(*table));
	KUNIT_EXPECT_MEMEQ(fake->test, seen_key, key, SLUICE_RSS_KEY);
}

/* Table and key go to the device together; what it refuses is not kept. */
static void vrss_set_test(struct kunit *test)
{
	u32 table[4] = { 3, 2, 1, 0 }, other[4] = { 1, 1, 1, 1 };
	u8 key[SLUICE_RSS_KEY], other_key[SLUICE_RSS_KEY];
	struct fake_nic *fake = test->priv;

	fake_fill(key, sizeof(key), 1);
	fake_fill(other_key, sizeof(other_key), 2);
	KUNIT_EXPECT_EQ(test, vrss_set(fake, 0, table, key), -EOPNOTSUPP);
	fake->nic->rss.hashes = true;
	fake->nic->rss.entries = ARRAY_SIZE(table);
	KUNIT_EXPECT_EQ(test, vrss_set(fake, ETH_RSS_HASH_XOR, table, key),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, fake_virtio(fake)->commands, 0);
	KUNIT_EXPECT_EQ(test, vrss_set(fake, ETH_RSS_HASH_TOP, table, key), 0);
	KUNIT_EXPECT_EQ(test, fake_virtio(fake)->commands, 1);
	vrss_expect_set(fake, table, key);
	fake_virtio(fake)->refuses = true;
	KUNIT_EXPECT_EQ(test, vrss_set(fake, 0, other, other_key), -EIO);
	vrss_expect_set(fake, table, key);
	fake_virtio(fake)->refuses = false;
	KUNIT_EXPECT_EQ(test, vrss_set(fake, 0, other, NULL), 0);
	vrss_expect_set(fake, other, key);
	KUNIT_EXPECT_EQ(test, vrss_set(fake, 0, NULL, other_key), 0);
	vrss_expect_set(fake, other, other_key);
}

static struct kunit_case vrss_cases[] = {
	KUNIT_CASE_PARAM(vrss_hash_test, vrss_kind_gen_params),
	KUNIT_CASE_PARAM(vrss_chain_test, vrss_kind_gen_params),
	KUNIT_CASE_PARAM(vrss_off_test, vrss_kind_gen_params),
	KUNIT_CASE_PARAM(vrss_length_test, vrss_kind_gen_params),
	KUNIT_CASE_PARAM(vrss_short_test, vrss_kind_gen_params),
	KUNIT_CASE_PARAM(vrss_send_test, vrss_kind_gen_params),
	KUNIT_CASE(vrss_program_test),
	KUNIT_CASE(vrss_probe_test),
	KUNIT_CASE(vrss_fields_test),
	KUNIT_CASE(vrss_set_test),
	{}
};

static struct kunit_suite vrss_suite = {
	.name		= "sluice_vnet_rss",
	.init		= fake_virtio_init,
	.exit		= fake_nic_exit,
	.test_cases	= vrss_cases,
	.attr.speed	= KUNIT_SPEED_VERY_SLOW,
};

kunit_test_suite(vrss_suite);
