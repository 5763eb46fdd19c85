// SPDX-License-Identifier: GPL-2.0-only
/*
 * What virtio-net's rings and headers look like in memory, against literal
 * numbers of virtio 1.2 (2.7, 2.8, 5.1.6): none is built from the driver's own.
 */

#include <kunit/test.h>
#include <linux/unaligned.h>
#include "../src/hw/vnet_hdr_desc.h"
#include "../src/hw/vnet_packed_desc.h"
#include "../src/hw/vnet_split_desc.h"

static_assert(sizeof(struct virtio_net_hdr_v1) == 12);
static_assert(offsetof(struct virtio_net_hdr_v1, gso_type) == 1);
static_assert(offsetof(struct virtio_net_hdr_v1, hdr_len) == 2);
static_assert(offsetof(struct virtio_net_hdr_v1, gso_size) == 4);
static_assert(offsetof(struct virtio_net_hdr_v1, csum_start) == 6);
static_assert(offsetof(struct virtio_net_hdr_v1, csum_offset) == 8);
static_assert(offsetof(struct virtio_net_hdr_v1, num_buffers) == 10);
static_assert(sizeof(struct virtio_net_hdr_v1_hash) == 20);
static_assert(offsetof(struct virtio_net_hdr_v1_hash, hash_value) == 12);
static_assert(offsetof(struct virtio_net_hdr_v1_hash, hash_report) == 16);
static_assert(sizeof(struct vring_desc) == 16);
static_assert(sizeof(struct vring_used_elem) == 8);
static_assert(sizeof(struct vring_packed_desc) == 16);
static_assert(offsetof(struct vring_packed_desc, len) == 8);
static_assert(offsetof(struct vring_packed_desc, id) == 12);
static_assert(offsetof(struct vring_packed_desc, flags) == 14);
static_assert(sizeof(struct vring_packed_desc_event) == 4);
static_assert(VNET_HDR_LEN == 12);
static_assert(VNET_HDR_MOST == 20);

#define VCODEC_LEAST	4	/* descriptors of a ring: the control queue's */
#define VCODEC_MOST	32768	/* 2.7 and 2.8 */

/* All pairs of flags and segmentation. */
static void vcodec_rx_flags_test(struct kunit *test)
{
	u32 pair;

	for (pair = 0; pair < 1 << 16; pair++) {
		struct virtio_net_hdr_v1 hdr = {
			.flags		= pair & 0xff,
			.gso_type	= pair >> 8,
		};
		u8 expected = 0;

		if (pair >> 8 || pair & 1)
			expected = SLUICE_RX_PARTIAL;
		else if (pair & 2)
			expected = SLUICE_RX_CSUM_OK;
		KUNIT_ASSERT_EQ_MSG(test, vnet_hdr_flags(&hdr), expected,
				    "flags %#x, gso_type %#x", pair & 0xff,
				    pair >> 8);
	}
}

struct vcodec_tx_case {
	const char *name;
	struct sluice_tx_offload o;
	u8 bytes[12];
};

#define VCODEC_CSUM	.l3_off = 0x0102, .l4_off = 0x0304, .csum_off = 0x0a16
#define VCODEC_TSO	VCODEC_CSUM, .mss = 0x0506, .hdr_len = 0x0708, \
			.paylen = 0x0badf00d, .vlan_tci = 0xffff
#define VCODEC_TSO_FLAGS	(SLUICE_TX_CSUM | SLUICE_TX_TSO | SLUICE_TX_TCP)

#define VCODEC_USO_FLAGS	(SLUICE_TX_CSUM | SLUICE_TX_TSO)

/* flags, gso_type, then hdr_len, gso_size, csum_start, csum_offset, num_buffers,
 * low byte first.
 */
static const struct vcodec_tx_case vcodec_tx_cases[] = {
	{ "nothing", {}, {} },
	{ "nothing asked for", { VCODEC_TSO }, {} },
	{ "what has no place in the header",
	  { VCODEC_TSO, .flags = SLUICE_TX_IPV4 | SLUICE_TX_TCP | SLUICE_TX_VLAN |
				 SLUICE_TX_LAST | SLUICE_TX_ECN }, {} },
	{ "checksum", { VCODEC_CSUM, .flags = SLUICE_TX_CSUM },
	  { 1, 0, 0, 0, 0, 0, 0x04, 0x03, 0x12, 0x07 } },
	{ "TSO v4", { VCODEC_TSO, .flags = VCODEC_TSO_FLAGS | SLUICE_TX_IPV4 },
	  { 1, 1, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x12, 0x07 } },
	{ "TSO v6", { VCODEC_TSO, .flags = VCODEC_TSO_FLAGS },
	  { 1, 4, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x12, 0x07 } },
	{ "TSO v4, ECN", { VCODEC_TSO, .flags = VCODEC_TSO_FLAGS |
						SLUICE_TX_IPV4 | SLUICE_TX_ECN },
	  { 1, 0x81, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x12, 0x07 } },
	{ "TSO v6, ECN", { VCODEC_TSO, .flags = VCODEC_TSO_FLAGS | SLUICE_TX_ECN },
	  { 1, 0x84, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x12, 0x07 } },
	{ "USO v4", { VCODEC_TSO, .flags = VCODEC_USO_FLAGS | SLUICE_TX_IPV4 },
	  { 1, 5, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x12, 0x07 } },
	{ "USO v6", { VCODEC_TSO, .flags = VCODEC_USO_FLAGS },
	  { 1, 5, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x12, 0x07 } },
	{ "largest offsets", { .l4_off = 0xffff, .csum_off = 0xffff,
			       .flags = SLUICE_TX_CSUM },
	  { 1, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0 } },
};

KUNIT_ARRAY_PARAM_DESC(vcodec_tx, vcodec_tx_cases, name);

static void vcodec_tx_header_test(struct kunit *test)
{
	const struct vcodec_tx_case *c = test->param_value;
	struct virtio_net_hdr_v1 hdr;

	memset(&hdr, 0xff, sizeof(hdr));
	vnet_hdr_write(&hdr, &c->o);
	KUNIT_EXPECT_MEMEQ(test, (u8 *)&hdr, c->bytes, sizeof(hdr));
}

/* The driver's own words, once, though the device writes on. The frame is where it
 * is with every other NIC, and the header, of either length, in front of it.
 */
static void vcodec_expect_read(struct kunit *test, u32 hdr_len)
{
	u8 *buffer = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct virtio_net_hdr_v1 hdr;
	u8 i;

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	for (i = 0; i < hdr_len; i++)
		buffer[XDP_PACKET_HEADROOM - hdr_len + i] = i + 1;
	hdr = vnet_hdr_read(buffer, hdr_len);
	memset(buffer, 0xff, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, hdr.flags, 1);
	KUNIT_EXPECT_EQ(test, hdr.gso_type, 2);
	KUNIT_EXPECT_EQ(test, le16_to_cpu((__force __le16)hdr.hdr_len), 0x0403);
	KUNIT_EXPECT_EQ(test, le16_to_cpu((__force __le16)hdr.gso_size), 0x0605);
	KUNIT_EXPECT_EQ(test, le16_to_cpu((__force __le16)hdr.csum_start), 0x0807);
	KUNIT_EXPECT_EQ(test, le16_to_cpu((__force __le16)hdr.csum_offset), 0x0a09);
	KUNIT_EXPECT_EQ(test, le16_to_cpu((__force __le16)hdr.num_buffers), 0x0c0b);
}

static void vcodec_read_test(struct kunit *test)
{
	vcodec_expect_read(test, 12);
	vcodec_expect_read(test, 20);
}

struct vcodec_hash_case {
	u16 report;
	u32 type;
};

/* 5.1.6.4.4, and what is not there: no hash. */
static const struct vcodec_hash_case vcodec_hashes[] = {
	{ 0, XDP_RSS_TYPE_NONE },
	{ 1, XDP_RSS_L3_IPV4 },
	{ 2, XDP_RSS_L3_IPV4 | XDP_RSS_L4 | XDP_RSS_L4_TCP },
	{ 3, XDP_RSS_L3_IPV4 | XDP_RSS_L4 | XDP_RSS_L4_UDP },
	{ 4, XDP_RSS_L3_IPV6 },
	{ 5, XDP_RSS_L3_IPV6 | XDP_RSS_L4 | XDP_RSS_L4_TCP },
	{ 6, XDP_RSS_L3_IPV6 | XDP_RSS_L4 | XDP_RSS_L4_UDP },
	{ 7, XDP_RSS_L3_IPV6 | XDP_RSS_L3_DYNHDR },
	{ 8, XDP_RSS_L3_IPV6 | XDP_RSS_L3_DYNHDR | XDP_RSS_L4 | XDP_RSS_L4_TCP },
	{ 9, XDP_RSS_L3_IPV6 | XDP_RSS_L3_DYNHDR | XDP_RSS_L4 | XDP_RSS_L4_UDP },
	{ 10, XDP_RSS_TYPE_NONE },
	{ 0x0100, XDP_RSS_TYPE_NONE },
	{ 0x0102, XDP_RSS_TYPE_NONE },
	{ 0xffff, XDP_RSS_TYPE_NONE },
};

static void vcodec_hash_test(struct kunit *test)
{
	u8 *buffer = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	u8 *hash = buffer + XDP_PACKET_HEADROOM - 8;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	for (i = 0; i < ARRAY_SIZE(vcodec_hashes); i++) {
		const struct vcodec_hash_case *c = &vcodec_hashes[i];
		struct sluice_rx_cmpl cmpl = { .hash_type = 0xff };

		put_unaligned_le32(0x04030201 + i, hash);
		put_unaligned_le16(c->report, hash + 4);
		vnet_hash_read(buffer, &cmpl);
		KUNIT_EXPECT_EQ_MSG(test, cmpl.hash_type, c->type, "report %#x",
				    c->report);
		KUNIT_EXPECT_EQ(test, cmpl.hash, 0x04030201 + i);
	}
}

/**
 * struct vcodec_part - a part of a ring's memory
 * @at: where it begins
 * @bytes: how many it has
 * @align: of what it is a multiple
 */
struct vcodec_part {
	void *at;
	size_t bytes;
	u32 align;
};

/* All parts are aligned, one behind the other and inside of the memory. */
static void vcodec_expect_parts(struct kunit *test,
				const struct vcodec_part *part, u32 n,
				size_t bytes, u32 size)
{
	unsigned long end = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		unsigned long at = (unsigned long)part[i].at;

		KUNIT_EXPECT_EQ_MSG(test, at % part[i].align, 0,
				    "part %u of %u descriptors", i, size);
		KUNIT_EXPECT_GE_MSG(test, at, end, "part %u of %u descriptors", i,
				    size);
		end = at + part[i].bytes;
	}
	KUNIT_EXPECT_LE_MSG(test, end, bytes, "%u descriptors", size);
}

/* 2.7: 16 bytes a descriptor; 6 + 2 * size; 6 + 8 * size. And no entry of the used
 * ring, of 8 bytes, lies in two pages.
 */
static void vcodec_split_layout_test(struct kunit *test)
{
	u32 size;

	for (size = VCODEC_LEAST; size <= VCODEC_MOST; size *= 2) {
		struct vnet_split rx = vnet_split(NULL, size, false);
		struct vnet_split tx = vnet_split(NULL, size, true);
		const struct vcodec_part rx_parts[] = {
			{ rx.desc, 16 * size, 16 },
			{ rx.avail, 6 + 2 * size, 2 },
			{ rx.used, 6 + 8 * size, 4 },
		};
		const struct vcodec_part tx_parts[] = {
			{ tx.desc, 16 * size, 16 },
			{ tx.hdr, 20 * size, 4 },
			{ tx.avail, 6 + 2 * size, 2 },
			{ tx.used, 6 + 8 * size, 4 },
		};

		vcodec_expect_parts(test, rx_parts, ARRAY_SIZE(rx_parts),
				    size * VNET_SPLIT_RX_SIZE + VNET_RING_EXTRA,
				    size);
		vcodec_expect_parts(test, tx_parts, ARRAY_SIZE(tx_parts),
				    size * VNET_SPLIT_TX_SIZE + VNET_RING_EXTRA,
				    size);
		KUNIT_EXPECT_EQ(test, (unsigned long)&rx.used->ring[0] % 8, 0);
		KUNIT_EXPECT_EQ(test, (unsigned long)&tx.used->ring[0] % 8, 0);
	}
}

/* 2.8: 16 bytes a descriptor; two event structures of 4 bytes. */
static void vcodec_packed_layout_test(struct kunit *test)
{
	u32 size;

	for (size = VCODEC_LEAST; size <= VCODEC_MOST; size *= 2) {
		struct vnet_packed r = vnet_packed(NULL, size);
		const struct vcodec_part parts[] = {
			{ r.desc, 16 * size, 16 },
			{ r.driver, 4, 4 },
			{ r.device, 4, 4 },
			{ r.hdr, 20 * size, 4 },
		};

		vcodec_expect_parts(test, parts, 3,
				    size * VNET_PACKED_RX_SIZE + VNET_RING_EXTRA,
				    size);
		vcodec_expect_parts(test, parts, 4,
				    size * VNET_PACKED_TX_SIZE + VNET_RING_EXTRA,
				    size);
	}
}

/* What 2.8 says of one place in one round: bit 7 is AVAIL, bit 15 is USED. */
static void vcodec_expect_place(struct kunit *test, u32 at, u32 size, bool wrap)
{
	u16 used = wrap ? 0x8080 : 0, mask = size - 1, i;
	u16 event = at % size + (wrap ? 0x8000 : 0);
	static const u16 states[] = { 0, 0x0080, 0x8000, 0x8080 };

	KUNIT_ASSERT_EQ(test, vnet_packed_wrap(at, mask), wrap);
	KUNIT_ASSERT_EQ(test, vnet_packed_avail_flags(at, mask),
			wrap ? 0x0080 : 0x8000);
	KUNIT_ASSERT_EQ(test, vnet_packed_event(at, mask), event);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		KUNIT_ASSERT_EQ(test, vnet_packed_is_used(states[i], at, mask),
				states[i] == used);
		/* The other bits say nothing of it. */
		KUNIT_ASSERT_EQ(test, vnet_packed_is_used(states[i] | 0x7f7f, at,
							  mask),
				states[i] == used);
	}
}

/* Four rounds from an index on, at which a round begins. */
static void vcodec_expect_rounds(struct kunit *test, u32 from, u32 size, bool wrap)
{
	u32 round, i, step = max(size / 16, 1);

	for (round = 0; round < 4; round++, wrap = !wrap, from += size) {
		for (i = 0; i < size; i += step)
			vcodec_expect_place(test, from + i, size, wrap);
		vcodec_expect_place(test, from + size - 1, size, wrap);
	}
}

/* From the start, through the end of 16 bits and of 32. The wrap counter is 1 in
 * the first round, so 0 in the one before.
 */
static void vcodec_packed_flags_test(struct kunit *test)
{
	u32 size;

	for (size = 64; size <= VCODEC_MOST; size *= 2) {
		vcodec_expect_rounds(test, 0, size, true);
		vcodec_expect_rounds(test, (1 << 16) - size, size, false);
		vcodec_expect_rounds(test, -size, size, false);
	}
}

/* 16 bits of an index are enough to tell its round. */
static void vcodec_packed_short_test(struct kunit *test)
{
	u32 size, at;

	for (size = 64; size <= VCODEC_MOST; size *= 2)
		for (at = (1 << 16) - 100; at < (1 << 16) + 100; at++)
			KUNIT_ASSERT_EQ(test, vnet_packed_event(at, size - 1),
					vnet_packed_event((u16)at, size - 1));
}

static struct kunit_case vcodec_cases[] = {
	KUNIT_CASE(vcodec_rx_flags_test),
	KUNIT_CASE_PARAM(vcodec_tx_header_test, vcodec_tx_gen_params),
	KUNIT_CASE(vcodec_read_test),
	KUNIT_CASE(vcodec_hash_test),
	KUNIT_CASE(vcodec_split_layout_test),
	KUNIT_CASE(vcodec_packed_layout_test),
	KUNIT_CASE(vcodec_packed_flags_test),
	KUNIT_CASE(vcodec_packed_short_test),
	{}
};

static struct kunit_suite vcodec_suite = {
	.name		= "sluice_vnet_codec",
	.test_cases	= vcodec_cases,
};

kunit_test_suite(vcodec_suite);
