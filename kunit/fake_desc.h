/* SPDX-License-Identifier: GPL-2.0-only */
/* Descriptors of the fake NIC: the neutral forms of the engine, as they are. */

#ifndef SLUICE_KUNIT_FAKE_DESC_H
#define SLUICE_KUNIT_FAKE_DESC_H

#include <sluice/types.h>

/**
 * struct fake_rx_desc - a posted buffer, and what the device says of it
 * @addr: where the device may write
 * @len: bytes written
 * @vlan_tci: tag taken out
 * @flags: &enum sluice_rx_flags
 * @done: written back
 * @unused: zero
 */
struct fake_rx_desc {
	__le64 addr;
	__le16 len;
	__le16 vlan_tci;
	u8 flags;
	u8 done;
	u8 unused[2];
};

static_assert(sizeof(struct fake_rx_desc) == 16);

/**
 * enum fake_tx_kind - what a transmit descriptor is
 * @FAKE_TX_DATA: a piece of a frame
 * @FAKE_TX_CONTEXT: offload context of the frames that follow
 */
enum fake_tx_kind {
	FAKE_TX_DATA,
	FAKE_TX_CONTEXT,
};

/**
 * struct fake_tx_desc - a piece of a frame, or an offload context
 * @addr: where the piece is
 * @len: its length
 * @flags: &enum sluice_tx_flags
 * @kind: &enum fake_tx_kind
 * @done: sent
 * @unused: zero
 * @paylen: as in &struct sluice_tx_offload; so are all that follow
 * @mss: context
 * @vlan_tci: piece
 * @l3_off: context
 * @l4_off: context
 * @csum_off: context
 * @hdr_len: context
 */
struct fake_tx_desc {
	__le64 addr;
	__le32 len;
	u8 flags;
	u8 kind;
	u8 done;
	u8 unused;
	__le32 paylen;
	__le16 mss;
	__le16 vlan_tci;
	__le16 l3_off;
	__le16 l4_off;
	__le16 csum_off;
	__le16 hdr_len;
};

static_assert(sizeof(struct fake_tx_desc) == 32);

#endif
