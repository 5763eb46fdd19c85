/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptors of the 8254x: layout and pure codecs, no ring and no register.
 * Software Developer's Manual 3.2.3 (receive), 3.3.3 to 3.3.7 (transmit).
 */

#ifndef SLUICE_HW_E1000_DESC_H
#define SLUICE_HW_E1000_DESC_H

#include <linux/bitfield.h>
#include <sluice/types.h>

/* Legacy receive descriptor, as posted (status 0) and as written back. */
struct e1000_rx_desc {
	__le64 addr;
	__le16 length;
	__le16 csum;
	u8 status;
	u8 errors;
	__le16 special;
};

static_assert(sizeof(struct e1000_rx_desc) == 16);
static_assert(offsetof(struct e1000_rx_desc, status) == 12);

#define E1000_RXD_DD		BIT(0)
#define E1000_RXD_EOP		BIT(1)
#define E1000_RXD_IXSM		BIT(2)	/* no checksum was looked at */
#define E1000_RXD_VP		BIT(3)
#define E1000_RXD_TCPCS		BIT(5)	/* the L4 checksum was looked at */
#define E1000_RXD_ERR_CE	BIT(0)
#define E1000_RXD_ERR_SE	BIT(1)
#define E1000_RXD_ERR_SEQ	BIT(2)
#define E1000_RXD_ERR_CXE	BIT(4)
#define E1000_RXD_ERR_TCPE	BIT(5)
#define E1000_RXD_ERR_RXE	BIT(7)
#define E1000_RXD_ERR_FRAME	(E1000_RXD_ERR_CE | E1000_RXD_ERR_SE | \
				 E1000_RXD_ERR_SEQ | E1000_RXD_ERR_CXE | \
				 E1000_RXD_ERR_RXE)

/* Transmit descriptor: legacy and extended data form share the layout. */
struct e1000_tx_desc {
	__le64 addr;
	__le32 lower;
	__le32 upper;
};

static_assert(sizeof(struct e1000_tx_desc) == 16);

#define E1000_TXD_DTYP_DATA	BIT(20)
#define E1000_TXD_EOP		BIT(24)
#define E1000_TXD_IFCS		BIT(25)
#define E1000_TXD_TSE		BIT(26)
#define E1000_TXD_RS		BIT(27)
#define E1000_TXD_DEXT		BIT(29)
#define E1000_TXD_VLE		BIT(30)
#define E1000_TXD_DD		BIT(0)
#define E1000_TXD_IXSM		BIT(8)
#define E1000_TXD_TXSM		BIT(9)
#define E1000_TXD_SPECIAL	GENMASK(31, 16)

/* Context descriptor: where the headers and sums of the following frames are. */
struct e1000_ctx_desc {
	__le64 offsets;
	__le64 command;
};

static_assert(sizeof(struct e1000_ctx_desc) == sizeof(struct e1000_tx_desc));

#define E1000_CTX_IPCSS		GENMASK_ULL(7, 0)
#define E1000_CTX_IPCSO		GENMASK_ULL(15, 8)
#define E1000_CTX_IPCSE		GENMASK_ULL(31, 16)
#define E1000_CTX_TUCSS		GENMASK_ULL(39, 32)
#define E1000_CTX_TUCSO		GENMASK_ULL(47, 40)
#define E1000_CTX_PAYLEN	GENMASK_ULL(19, 0)
#define E1000_CTX_TCP		BIT_ULL(24)
#define E1000_CTX_IP		BIT_ULL(25)
#define E1000_CTX_TSE		BIT_ULL(26)
#define E1000_CTX_DEXT		BIT_ULL(29)
#define E1000_CTX_HDRLEN	GENMASK_ULL(47, 40)
#define E1000_CTX_MSS		GENMASK_ULL(63, 48)

static inline u8 e1000_rxd_flags(u8 status, u8 errors)
{
	u8 flags = 0;

	if (status & E1000_RXD_EOP)
		flags |= SLUICE_RX_EOP;
	if (status & E1000_RXD_VP)
		flags |= SLUICE_RX_VLAN;
	if ((status & (E1000_RXD_TCPCS | E1000_RXD_IXSM)) == E1000_RXD_TCPCS &&
	    !(errors & E1000_RXD_ERR_TCPE))
		flags |= SLUICE_RX_CSUM_OK;
	if (errors & E1000_RXD_ERR_FRAME)
		flags |= SLUICE_RX_HW_ERR;
	return flags;
}

/* Command half of a data descriptor, without its length. */
static inline u32 e1000_txd_lower(u8 flags)
{
	u32 lower = E1000_TXD_IFCS;

	if (flags & (SLUICE_TX_CSUM | SLUICE_TX_TSO))
		lower |= E1000_TXD_DEXT | E1000_TXD_DTYP_DATA;
	if (flags & SLUICE_TX_TSO)
		lower |= E1000_TXD_TSE;
	if (flags & SLUICE_TX_VLAN)
		lower |= E1000_TXD_VLE;
	if (flags & SLUICE_TX_LAST)
		lower |= E1000_TXD_EOP | E1000_TXD_RS;
	return lower;
}

static inline u32 e1000_txd_upper(const struct sluice_tx_offload *o)
{
	u32 upper = 0;

	if (o->flags & SLUICE_TX_CSUM)
		upper |= E1000_TXD_TXSM;
	if ((o->flags & SLUICE_TX_TSO) && (o->flags & SLUICE_TX_IPV4))
		upper |= E1000_TXD_IXSM;
	if (o->flags & SLUICE_TX_VLAN)
		upper |= FIELD_PREP(E1000_TXD_SPECIAL, o->vlan_tci);
	return upper;
}

/* An end offset of 0 means: to the end of the frame. */
static inline u64 e1000_ctx_offsets(const struct sluice_tx_offload *o)
{
	u64 offsets = FIELD_PREP(E1000_CTX_TUCSS, o->l4_off) |
		      FIELD_PREP(E1000_CTX_TUCSO, o->csum_off);

	if (!(o->flags & SLUICE_TX_TSO))
		return offsets;
	offsets |= FIELD_PREP(E1000_CTX_IPCSS, o->l3_off);
	if (o->flags & SLUICE_TX_IPV4)
		offsets |= FIELD_PREP(E1000_CTX_IPCSO, o->l3_off + 10) |
			   FIELD_PREP(E1000_CTX_IPCSE, o->l4_off - 1);
	return offsets;
}

static inline u64 e1000_ctx_command(const struct sluice_tx_offload *o)
{
	u64 command = E1000_CTX_DEXT;

	if (o->flags & SLUICE_TX_TCP)
		command |= E1000_CTX_TCP;
	if (!(o->flags & SLUICE_TX_TSO))
		return command;
	command |= E1000_CTX_TSE | FIELD_PREP(E1000_CTX_PAYLEN, o->paylen) |
		   FIELD_PREP(E1000_CTX_HDRLEN, o->hdr_len) |
		   FIELD_PREP(E1000_CTX_MSS, o->mss);
	if (o->flags & SLUICE_TX_IPV4)
		command |= E1000_CTX_IP;
	return command;
}

#endif
