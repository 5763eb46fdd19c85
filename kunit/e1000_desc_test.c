// SPDX-License-Identifier: GPL-2.0-only
/* Descriptor codecs of the 8254x against tables of literal numbers. */

#include <kunit/test.h>
#include "../src/hw/e1000_desc.h"
#include "e1000_desc_cases.h"

KUNIT_ARRAY_PARAM_DESC(rxd, rxd_cases, name);
KUNIT_ARRAY_PARAM_DESC(txd, txd_cases, name);
KUNIT_ARRAY_PARAM_DESC(ctx, ctx_cases, name);

static void rxd_flags_test(struct kunit *test)
{
	const struct rxd_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, e1000_rxd_flags(c->status, c->errors), c->flags);
}

/* All pairs of status and errors. */
static void rxd_rules_test(struct kunit *test)
{
	u32 pair;

	for (pair = 0; pair < 1 << 16; pair++)
		KUNIT_ASSERT_EQ_MSG(test,
				    e1000_rxd_flags(pair & 0xff, pair >> 8),
				    rxd_flags_by_rule(pair & 0xff, pair >> 8),
				    "status %#x, errors %#x", pair & 0xff,
				    pair >> 8);
}

static void txd_words_test(struct kunit *test)
{
	const struct txd_case *c = test->param_value;
	struct sluice_tx_offload o = { .vlan_tci = TCI, .flags = c->flags };

	KUNIT_EXPECT_EQ(test, e1000_txd_lower(c->flags), c->lower);
	KUNIT_EXPECT_EQ(test, e1000_txd_upper(&o), c->upper);
}

/* All combinations of flags. */
static void txd_rules_test(struct kunit *test)
{
	struct sluice_tx_offload o = { .vlan_tci = TCI };

	for (o.flags = 0; o.flags < 64; o.flags++)
		KUNIT_EXPECT_EQ_MSG(test, txd_by_rule(o.flags),
				    (u64)e1000_txd_upper(&o) << 32 |
				    e1000_txd_lower(o.flags),
				    "flags %#x", o.flags);
}

static void ctx_words_test(struct kunit *test)
{
	const struct ctx_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, e1000_ctx_offsets(&c->o), c->offsets);
	KUNIT_EXPECT_EQ(test, e1000_ctx_command(&c->o), c->command);
}

/* Byte order: what the device writes is found where it was written. */
static void rxd_bytes_test(struct kunit *test)
{
	struct e1000_rx_desc d;

	memcpy(&d, rxd_bytes, sizeof(d));
	KUNIT_EXPECT_EQ(test, le64_to_cpu(d.addr), WIRE_ADDR);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(d.length), WIRE_LENGTH);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(d.csum), WIRE_CSUM);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(d.special), TCI);
	KUNIT_EXPECT_EQ(test, d.status, 0x0f);
	KUNIT_EXPECT_EQ(test, d.errors, 0x81);
}

static void txd_bytes_test(struct kunit *test)
{
	struct sluice_tx_offload o = {
		.flags		= TSO_V4 | SLUICE_TX_VLAN | SLUICE_TX_LAST,
		.vlan_tci	= TCI,
	};
	struct e1000_tx_desc d = {
		.addr	= cpu_to_le64(WIRE_ADDR),
		.lower	= cpu_to_le32(e1000_txd_lower(o.flags) | 0x5dc),
		.upper	= cpu_to_le32(e1000_txd_upper(&o)),
	};

	KUNIT_EXPECT_MEMEQ(test, &d, txd_bytes, sizeof(d));
	/* The device sets the first bit of the upper word. */
	KUNIT_EXPECT_EQ(test, E1000_TXD_DD, 1);
}

static void ctx_bytes_test(struct kunit *test)
{
	struct e1000_ctx_desc d = {};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ctx_cases); i++) {
		if (strcmp(ctx_cases[i].name, "TSO v4"))
			continue;
		d.offsets = cpu_to_le64(e1000_ctx_offsets(&ctx_cases[i].o));
		d.command = cpu_to_le64(e1000_ctx_command(&ctx_cases[i].o));
	}
	KUNIT_EXPECT_MEMEQ(test, &d, ctx_bytes, sizeof(d));
}

static struct kunit_case e1000_desc_cases[] = {
	KUNIT_CASE_PARAM(rxd_flags_test, rxd_gen_params),
	KUNIT_CASE(rxd_rules_test),
	KUNIT_CASE_PARAM(txd_words_test, txd_gen_params),
	KUNIT_CASE(txd_rules_test),
	KUNIT_CASE_PARAM(ctx_words_test, ctx_gen_params),
	KUNIT_CASE(rxd_bytes_test),
	KUNIT_CASE(txd_bytes_test),
	KUNIT_CASE(ctx_bytes_test),
	{}
};

static struct kunit_suite e1000_desc_suite = {
	.name		= "sluice_e1000_desc",
	.test_cases	= e1000_desc_cases,
};

kunit_test_suite(e1000_desc_suite);
