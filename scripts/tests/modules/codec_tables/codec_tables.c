// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the tables of kunit/e1000_desc_cases.h over the descriptor codecs, in the
 * kernel and by the compiler that the driver is built with.
 *
 * One line a case in the kernel log; insmod fails with EINVAL if one is wrong.
 */

#include <linux/module.h>
#include <e1000_desc.h>
#include <e1000_desc_cases.h>

static int cases, failures;

static void judge(const char *table, const char *name, bool good)
{
	cases++;
	failures += !good;
	pr_info("codec %s: %s: %s\n", good ? "ok" : "FAILED", table, name);
}

/* The numbers are what a reader of a failure needs. */
static void compare(const char *table, const char *name, u64 want, u64 seen)
{
	if (want != seen)
		pr_info("codec: %s: %s: want %#llx, seen %#llx\n", table, name,
			want, seen);
	judge(table, name, want == seen);
}

static void run_rxd_cases(void)
{
	const struct rxd_case *c;
	int i;

	for (i = 0; i < ARRAY_SIZE(rxd_cases); i++) {
		c = &rxd_cases[i];
		compare("rxd", c->name, c->flags,
			e1000_rxd_flags(c->status, c->errors));
	}
}

static void run_rxd_rules(void)
{
	u32 pair, wrong = 0;

	for (pair = 0; pair < 1 << 16; pair++)
		wrong += e1000_rxd_flags(pair & 0xff, pair >> 8) !=
			 rxd_flags_by_rule(pair & 0xff, pair >> 8);
	compare("rxd", "wrong pairs of status and errors", 0, wrong);
}

static void run_txd_cases(void)
{
	const struct txd_case *c;
	int i;

	for (i = 0; i < ARRAY_SIZE(txd_cases); i++) {
		struct sluice_tx_offload o = { .vlan_tci = TCI };

		c = &txd_cases[i];
		o.flags = c->flags;
		compare("txd lower", c->name, c->lower,
			e1000_txd_lower(c->flags));
		compare("txd upper", c->name, c->upper, e1000_txd_upper(&o));
	}
}

static void run_txd_rules(void)
{
	struct sluice_tx_offload o = { .vlan_tci = TCI };
	char name[16];

	for (o.flags = 0; o.flags < 64; o.flags++) {
		snprintf(name, sizeof(name), "flags %#x", o.flags);
		compare("txd", name, txd_by_rule(o.flags),
			(u64)e1000_txd_upper(&o) << 32 |
			e1000_txd_lower(o.flags));
	}
}

static void run_ctx_cases(void)
{
	const struct ctx_case *c;
	int i;

	for (i = 0; i < ARRAY_SIZE(ctx_cases); i++) {
		c = &ctx_cases[i];
		compare("ctx offsets", c->name, c->offsets,
			e1000_ctx_offsets(&c->o));
		compare("ctx command", c->name, c->command,
			e1000_ctx_command(&c->o));
	}
}

static const struct sluice_tx_offload *ctx_named(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ctx_cases); i++)
		if (!strcmp(ctx_cases[i].name, name))
			return &ctx_cases[i].o;
	return NULL;
}

static void run_rxd_bytes(void)
{
	struct e1000_rx_desc d;

	memcpy(&d, rxd_bytes, sizeof(d));
	compare("rxd bytes", "address", WIRE_ADDR, le64_to_cpu(d.addr));
	compare("rxd bytes", "length", WIRE_LENGTH, le16_to_cpu(d.length));
	compare("rxd bytes", "checksum", WIRE_CSUM, le16_to_cpu(d.csum));
	compare("rxd bytes", "tag", TCI, le16_to_cpu(d.special));
	compare("rxd bytes", "status", 0x0f, d.status);
	compare("rxd bytes", "errors", 0x81, d.errors);
}

static void run_txd_bytes(void)
{
	struct sluice_tx_offload o = {
		.flags = TSO_V4 | SLUICE_TX_VLAN | SLUICE_TX_LAST,
		.vlan_tci = TCI,
	};
	struct e1000_tx_desc d = {
		.addr = cpu_to_le64(WIRE_ADDR),
		.lower = cpu_to_le32(e1000_txd_lower(o.flags) | 0x5dc),
		.upper = cpu_to_le32(e1000_txd_upper(&o)),
	};

	judge("txd bytes", "TSO v4, tag, last",
	      !memcmp(&d, txd_bytes, sizeof(d)));
	compare("txd bytes", "DD is the first bit of the upper word", 1,
		E1000_TXD_DD);
}

static void run_ctx_bytes(void)
{
	const struct sluice_tx_offload *o = ctx_named("TSO v4");
	struct e1000_ctx_desc d = {
		.offsets = cpu_to_le64(e1000_ctx_offsets(o)),
		.command = cpu_to_le64(e1000_ctx_command(o)),
	};

	judge("ctx bytes", "TSO v4", !memcmp(&d, ctx_bytes, sizeof(d)));
}

static int __init codec_tables_init(void)
{
	run_rxd_cases();
	run_rxd_rules();
	run_txd_cases();
	run_txd_rules();
	run_ctx_cases();
	run_rxd_bytes();
	run_txd_bytes();
	run_ctx_bytes();
	pr_info("codec total: %d cases, %d failed\n", cases, failures);
	return failures ? -EINVAL : 0;
}

static void __exit codec_tables_exit(void)
{
}

module_init(codec_tables_init);
module_exit(codec_tables_exit);
MODULE_DESCRIPTION("Tables over the descriptor codecs of Sluice's e1000 backend");
MODULE_LICENSE("GPL");
