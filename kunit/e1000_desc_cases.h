/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the descriptor codecs of the 8254x must say, as tables of literal numbers.
 *
 * The numbers are read off the Software Developer's Manual (3.2.3, 3.3.5 to
 * 3.3.7) and not built from the driver's masks: a wrong mask must show. The only
 * names of the driver here are the neutral flags of include/sluice/types.h.
 */

#ifndef SLUICE_KUNIT_E1000_DESC_CASES_H
#define SLUICE_KUNIT_E1000_DESC_CASES_H

#include <linux/array_size.h>
#include <sluice/types.h>

/* Receive: status and error bytes to flags */

struct rxd_case {
	const char *name;
	u8 status;
	u8 errors;
	u8 flags;
};

static const struct rxd_case rxd_cases[] = {
	{ "nothing", 0x00, 0x00, 0 },
	/* status, one bit at a time */
	{ "DD", 0x01, 0x00, 0 },
	{ "EOP", 0x02, 0x00, SLUICE_RX_EOP },
	{ "IXSM", 0x04, 0x00, 0 },
	{ "VP", 0x08, 0x00, SLUICE_RX_VLAN },
	{ "reserved bit 4", 0x10, 0x00, 0 },
	{ "TCPCS", 0x20, 0x00, SLUICE_RX_CSUM_OK },
	{ "IPCS: not the L4 checksum", 0x40, 0x00, 0 },
	{ "PIF", 0x80, 0x00, 0 },
	/* errors, one bit at a time */
	{ "CE", 0x00, 0x01, SLUICE_RX_HW_ERR },
	{ "SE", 0x00, 0x02, SLUICE_RX_HW_ERR },
	{ "SEQ", 0x00, 0x04, SLUICE_RX_HW_ERR },
	{ "reserved error bit 3", 0x00, 0x08, 0 },
	{ "CXE", 0x00, 0x10, SLUICE_RX_HW_ERR },
	{ "TCPE: the stack sees the frame", 0x00, 0x20, 0 },
	{ "IPE: the stack sees the frame", 0x00, 0x40, 0 },
	{ "RXE", 0x00, 0x80, SLUICE_RX_HW_ERR },
	/* the checksum is good only when looked at, not ignored, not wrong */
	{ "TCPCS, IXSM", 0x24, 0x00, 0 },
	{ "TCPCS, TCPE", 0x20, 0x20, 0 },
	{ "TCPCS, IXSM, TCPE", 0x24, 0x20, 0 },
	{ "TCPCS, IPE", 0x20, 0x40, SLUICE_RX_CSUM_OK },
	/* as devices write them */
	{ "QEMU's whole frame", 0x07, 0x00, SLUICE_RX_EOP },
	{ "QEMU's tagged frame", 0x0f, 0x00, SLUICE_RX_EOP | SLUICE_RX_VLAN },
	{ "part of a chain", 0x01, 0x00, 0 },
	{ "TCP, both sums good", 0x63, 0x00, SLUICE_RX_EOP | SLUICE_RX_CSUM_OK },
	{ "TCP, tagged, both sums good", 0x6b, 0x00,
	  SLUICE_RX_EOP | SLUICE_RX_VLAN | SLUICE_RX_CSUM_OK },
	{ "TCP, bad L4 sum", 0x63, 0x20, SLUICE_RX_EOP },
	{ "bad FCS", 0x07, 0x01, SLUICE_RX_EOP | SLUICE_RX_HW_ERR },
	{ "everything", 0xff, 0xff,
	  SLUICE_RX_EOP | SLUICE_RX_VLAN | SLUICE_RX_HW_ERR },
};

/* For all 65,536 pairs of bytes: when each flag is set. */
struct rxd_rule {
	u8 flag;
	u8 status_set;
	u8 status_clear;
	u8 errors_clear;	/* all of them clear */
	u8 errors_any;		/* at least one set, unless this is 0 */
};

static const struct rxd_rule rxd_rules[] = {
	{ SLUICE_RX_EOP, .status_set = 0x02 },
	{ SLUICE_RX_VLAN, .status_set = 0x08 },
	{ SLUICE_RX_CSUM_OK, .status_set = 0x20, .status_clear = 0x04,
	  .errors_clear = 0x20 },
	{ SLUICE_RX_HW_ERR, .errors_any = 0x97 },
};

static inline bool rxd_rule_holds(const struct rxd_rule *r, u8 status, u8 errors)
{
	return (status & r->status_set) == r->status_set &&
	       !(status & r->status_clear) && !(errors & r->errors_clear) &&
	       (!r->errors_any || (errors & r->errors_any));
}

static inline u8 rxd_flags_by_rule(u8 status, u8 errors)
{
	u8 flags = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rxd_rules); i++)
		if (rxd_rule_holds(&rxd_rules[i], status, errors))
			flags |= rxd_rules[i].flag;
	return flags;
}

/* Transmit: offloads to the two words of a data descriptor */

#define TCI	0xa5f3	/* every nibble differs */

struct txd_case {
	const char *name;
	u8 flags;
	u32 lower;
	u32 upper;
};

static const struct txd_case txd_cases[] = {
	{ "plain, more to come", 0, 0x02000000, 0 },
	{ "plain, last", SLUICE_TX_LAST, 0x0b000000, 0 },
	{ "tag, more to come", SLUICE_TX_VLAN, 0x42000000, 0xa5f30000 },
	{ "tag, last", SLUICE_TX_VLAN | SLUICE_TX_LAST, 0x4b000000, 0xa5f30000 },
	{ "UDP sum, more to come", SLUICE_TX_CSUM, 0x22100000, 0x00000200 },
	{ "UDP sum, last", SLUICE_TX_CSUM | SLUICE_TX_LAST, 0x2b100000,
	  0x00000200 },
	{ "UDP sum over IPv4", SLUICE_TX_CSUM | SLUICE_TX_IPV4 | SLUICE_TX_LAST,
	  0x2b100000, 0x00000200 },
	{ "TCP sum", SLUICE_TX_CSUM | SLUICE_TX_TCP | SLUICE_TX_LAST, 0x2b100000,
	  0x00000200 },
	{ "TCP sum, tag", SLUICE_TX_CSUM | SLUICE_TX_TCP | SLUICE_TX_VLAN |
	  SLUICE_TX_LAST, 0x6b100000, 0xa5f30200 },
	{ "TSO v4, more to come", SLUICE_TX_CSUM | SLUICE_TX_TSO |
	  SLUICE_TX_TCP | SLUICE_TX_IPV4, 0x26100000, 0x00000300 },
	{ "TSO v4, last", SLUICE_TX_CSUM | SLUICE_TX_TSO | SLUICE_TX_TCP |
	  SLUICE_TX_IPV4 | SLUICE_TX_LAST, 0x2f100000, 0x00000300 },
	{ "TSO v6", SLUICE_TX_CSUM | SLUICE_TX_TSO | SLUICE_TX_TCP |
	  SLUICE_TX_LAST, 0x2f100000, 0x00000200 },
	{ "TSO v4, tag", SLUICE_TX_CSUM | SLUICE_TX_TSO | SLUICE_TX_TCP |
	  SLUICE_TX_IPV4 | SLUICE_TX_VLAN | SLUICE_TX_LAST, 0x6f100000,
	  0xa5f30300 },
	{ "TSO v6, tag", SLUICE_TX_CSUM | SLUICE_TX_TSO | SLUICE_TX_TCP |
	  SLUICE_TX_VLAN | SLUICE_TX_LAST, 0x6f100000, 0xa5f30200 },
};

/* For all 64 combinations of flags: the flags that set each bit, and whether all
 * of them are needed. Bits that no rule names are never set (the tag aside).
 */
struct txd_rule {
	u32 lower;
	u32 upper;
	u8 flags;
	bool all;
};

static const struct txd_rule txd_rules[] = {
	{ .lower = 1 << 25, .flags = 0, .all = true },		/* IFCS */
	{ .lower = 1 << 24, .flags = SLUICE_TX_LAST },		/* EOP */
	{ .lower = 1 << 27, .flags = SLUICE_TX_LAST },		/* RS */
	{ .lower = 1 << 20, .flags = SLUICE_TX_CSUM | SLUICE_TX_TSO },	/* DTYP */
	{ .lower = 1 << 29, .flags = SLUICE_TX_CSUM | SLUICE_TX_TSO },	/* DEXT */
	{ .lower = 1 << 26, .flags = SLUICE_TX_TSO },		/* TSE */
	{ .lower = 1 << 30, .flags = SLUICE_TX_VLAN },		/* VLE */
	{ .upper = 1 << 9, .flags = SLUICE_TX_CSUM },		/* TXSM */
	{ .upper = 1 << 8, .flags = SLUICE_TX_TSO | SLUICE_TX_IPV4,	/* IXSM */
	  .all = true },
	{ .upper = (u32)TCI << 16, .flags = SLUICE_TX_VLAN },
};

static inline u64 txd_by_rule(u8 flags)
{
	u64 words = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(txd_rules); i++) {
		const struct txd_rule *r = &txd_rules[i];

		if (r->all ? (flags & r->flags) == r->flags : flags & r->flags)
			words |= (u64)r->upper << 32 | r->lower;
	}
	return words;
}

/* Transmit: offloads to the two quadwords of a context descriptor */

struct ctx_case {
	const char *name;
	struct sluice_tx_offload o;
	u64 offsets;
	u64 command;
};

#define CSUM	SLUICE_TX_CSUM
#define TSO_V6	(SLUICE_TX_CSUM | SLUICE_TX_TSO | SLUICE_TX_TCP)
#define TSO_V4	(TSO_V6 | SLUICE_TX_IPV4)

static const struct ctx_case ctx_cases[] = {
	/* checksum: TUCSS is where L4 starts, TUCSO its field */
	{ "TCP over IPv4",
	  { .flags = CSUM | SLUICE_TX_TCP | SLUICE_TX_IPV4, .l3_off = 14,
	    .l4_off = 34, .csum_off = 50 },
	  0x0000322200000000, 0x0000000021000000 },
	{ "UDP over IPv4",
	  { .flags = CSUM | SLUICE_TX_IPV4, .l3_off = 14, .l4_off = 34,
	    .csum_off = 40 },
	  0x0000282200000000, 0x0000000020000000 },
	{ "TCP over IPv6",
	  { .flags = CSUM | SLUICE_TX_TCP, .l3_off = 14, .l4_off = 54,
	    .csum_off = 70 },
	  0x0000463600000000, 0x0000000021000000 },
	{ "UDP over IPv6",
	  { .flags = CSUM, .l3_off = 14, .l4_off = 54, .csum_off = 60 },
	  0x00003c3600000000, 0x0000000020000000 },
	{ "UDP over IPv4, tag in the frame",
	  { .flags = CSUM | SLUICE_TX_IPV4, .l3_off = 18, .l4_off = 38,
	    .csum_off = 44 },
	  0x00002c2600000000, 0x0000000020000000 },
	/* a checksum alone leaves the fields of segmentation empty */
	{ "checksum, segmentation fields ignored",
	  { .flags = CSUM | SLUICE_TX_TCP, .l4_off = 34, .csum_off = 50,
	    .paylen = 0xfffff, .mss = 0xffff, .hdr_len = 0xff },
	  0x0000322200000000, 0x0000000021000000 },
	/* the ends of the offset fields */
	{ "offsets 0", { .flags = CSUM }, 0, 0x0000000020000000 },
	{ "offsets 255",
	  { .flags = CSUM, .l4_off = 255, .csum_off = 255 },
	  0x0000ffff00000000, 0x0000000020000000 },
	{ "start 255, field 0", { .flags = CSUM, .l4_off = 255 },
	  0x000000ff00000000, 0x0000000020000000 },
	{ "start 0, field 255", { .flags = CSUM, .csum_off = 255 },
	  0x0000ff0000000000, 0x0000000020000000 },
	/* segmentation: IPv4 also names its header and its checksum */
	{ "TSO v4",
	  { .flags = TSO_V4, .l3_off = 14, .l4_off = 34, .csum_off = 50,
	    .hdr_len = 54, .mss = 1460, .paylen = 64000 },
	  0x000032220021180e, 0x05b436002700fa00 },
	{ "TSO v4, TCP options",
	  { .flags = TSO_V4, .l3_off = 14, .l4_off = 34, .csum_off = 50,
	    .hdr_len = 66, .mss = 1448, .paylen = 1449 },
	  0x000032220021180e, 0x05a84200270005a9 },
	{ "TSO v4, tag in the frame",
	  { .flags = TSO_V4, .l3_off = 18, .l4_off = 38, .csum_off = 54,
	    .hdr_len = 58, .mss = 1460, .paylen = 2920 },
	  0x0000362600251c12, 0x05b43a0027000b68 },
	{ "TSO v6: no header checksum to fill in",
	  { .flags = TSO_V6, .l3_off = 14, .l4_off = 54, .csum_off = 70,
	    .hdr_len = 74, .mss = 1440, .paylen = 64000 },
	  0x000046360000000e, 0x05a04a002500fa00 },
	/* the ends of the length fields */
	{ "TSO, all lengths 0", { .flags = TSO_V6 }, 0, 0x0000000025000000 },
	{ "paylen 1", { .flags = TSO_V6, .paylen = 1 }, 0, 0x0000000025000001 },
	{ "paylen of 20 bits", { .flags = TSO_V6, .paylen = 0xfffff }, 0,
	  0x00000000250fffff },
	{ "paylen's top bit", { .flags = TSO_V6, .paylen = 0x80000 }, 0,
	  0x0000000025080000 },
	{ "mss 1", { .flags = TSO_V6, .mss = 1 }, 0, 0x0001000025000000 },
	{ "mss of 16 bits", { .flags = TSO_V6, .mss = 0xffff }, 0,
	  0xffff000025000000 },
	{ "mss's top bit", { .flags = TSO_V6, .mss = 0x8000 }, 0,
	  0x8000000025000000 },
	{ "hdr_len 1", { .flags = TSO_V6, .hdr_len = 1 }, 0,
	  0x0000010025000000 },
	{ "hdr_len of 8 bits", { .flags = TSO_V6, .hdr_len = 0xff }, 0,
	  0x0000ff0025000000 },
	{ "IP header at 0", { .flags = TSO_V4, .l4_off = 20 }, 0x0000001400130a00,
	  0x0000000027000000 },
	{ "IP header as far as its checksum can be named",
	  { .flags = TSO_V4, .l3_off = 245, .l4_off = 255, .csum_off = 255 },
	  0x0000ffff00fefff5, 0x0000000027000000 },
	/* a value too large must not reach the neighbours: PAYLEN's is DTYP */
	{ "paylen of 21 bits stays out of DTYP",
	  { .flags = TSO_V6, .paylen = 0x100001 }, 0, 0x0000000025000001 },
	{ "hdr_len of 9 bits stays out of MSS",
	  { .flags = TSO_V6, .hdr_len = 0x102 }, 0, 0x0000020025000000 },
	{ "offsets of 9 bits stay out of each other",
	  { .flags = CSUM, .l4_off = 0x122, .csum_off = 0x132 },
	  0x0000322200000000, 0x0000000020000000 },
};

/* Bytes in memory, as the device reads and writes them: little endian */

#define WIRE_ADDR	0x1122334455667788
#define WIRE_LENGTH	0x05ea
#define WIRE_CSUM	0xbeef

static const u8 rxd_bytes[16] = {
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	0xea, 0x05, 0xef, 0xbe, 0x0f, 0x81, 0xf3, 0xa5,
};

/* TSO v4, tag, last; 0x5dc bytes at WIRE_ADDR */
static const u8 txd_bytes[16] = {
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	0xdc, 0x05, 0x10, 0x6f, 0x00, 0x03, 0xf3, 0xa5,
};

/* ctx_cases[] "TSO v4": IPCSS IPCSO IPCSE TUCSS TUCSO TUCSE, PAYLEN and DTYP,
 * TUCMD, STA, HDRLEN, MSS
 */
static const u8 ctx_bytes[16] = {
	0x0e, 0x18, 0x21, 0x00, 0x22, 0x32, 0x00, 0x00,
	0x00, 0xfa, 0x00, 0x27, 0x00, 0x36, 0xb4, 0x05,
};

#endif
