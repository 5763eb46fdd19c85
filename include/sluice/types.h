/* SPDX-License-Identifier: GPL-2.0-only */
/* Neutral forms of what descriptors say: the language between engine and backends. */

#ifndef SLUICE_TYPES_H
#define SLUICE_TYPES_H

#include <linux/bits.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/xdp.h>

/**
 * DOC: receive buffer layout
 *
 * One buffer carries one descriptor's data. As a rule it is a page, the same
 * layout for every MTU and with or without an XDP program, so that attaching one
 * changes a pointer and nothing else::
 *
 *   0         256                     2304              PAGE_SIZE - shinfo
 *   | headroom | data, at most 2048    | tailroom ...     | skb_shared_info |
 *
 * A backend whose device delivers longer frames, or must deliver each in one
 * buffer, asks for more (&sluice_hw_ops.rx_buf_len); headroom and tailroom stay.
 * What a device writes in front of a frame lies at the end of the headroom.
 */

/**
 * SLUICE_RX_BUF_LEN - bytes the device may write into one buffer, as a rule
 *
 * The largest power of two that leaves room for headroom and skb_shared_info
 * in a 4 KiB page; Intel's RCTL.BSIZE offers powers of two only.
 */
#define SLUICE_RX_BUF_LEN	2048

/**
 * SLUICE_RX_MAX_FRAGS - buffers behind the first one that a frame may use
 *
 * 16 KiB, the longest frame on a wire, is eight buffers of the usual length, and
 * for frames of 64 KiB they are longer; a chain that wants more than the stack
 * can carry is the device lying.
 */
#define SLUICE_RX_MAX_FRAGS	min_t(u32, MAX_SKB_FRAGS, 16)

/**
 * SLUICE_RX_TAILROOM - bytes behind a buffer's data that belong to the stack
 */
#define SLUICE_RX_TAILROOM	SKB_DATA_ALIGN(sizeof(struct skb_shared_info))

/**
 * SLUICE_RX_LONGEST - bytes of Ethernet header and tag beside the MTU
 */
#define SLUICE_RX_LONGEST	(ETH_HLEN + VLAN_HLEN)

/**
 * SLUICE_XDP_LINEAR_MTU - largest MTU whose frames, tagged, fit such a buffer
 */
#define SLUICE_XDP_LINEAR_MTU	(SLUICE_RX_BUF_LEN - SLUICE_RX_LONGEST)

/**
 * enum sluice_rx_flags - what a completed receive descriptor says
 * @SLUICE_RX_EOP: the frame ends here
 * @SLUICE_RX_VLAN: the device took a tag out; it is in &sluice_rx_cmpl.vlan_tci
 * @SLUICE_RX_CSUM_OK: the device verified the L4 checksum and found it right
 * @SLUICE_RX_HW_ERR: the device marked the frame bad
 * @SLUICE_RX_CHAIN_BAD: the device says how many buffers the frame has, and it
 *	cannot have as many
 * @SLUICE_RX_PARTIAL: the sender left checksum or segmentation to who receives;
 *	the stack is told by &sluice_dp.rx_offload, a program never sees it
 */
enum sluice_rx_flags {
	SLUICE_RX_EOP		= BIT(0),
	SLUICE_RX_VLAN		= BIT(1),
	SLUICE_RX_CSUM_OK	= BIT(2),
	SLUICE_RX_HW_ERR	= BIT(3),
	SLUICE_RX_CHAIN_BAD	= BIT(4),
	SLUICE_RX_PARTIAL	= BIT(5),
};

/**
 * struct sluice_rx_cmpl - one completed receive descriptor, decoded
 * @slot: ring slot whose buffer was filled
 * @off: offset of the data in the buffer: %XDP_PACKET_HEADROOM, or up to
 *	&sluice_dp.rx_hdr_len less in all but the first buffer of a frame
 * @len: bytes written, as the device says; not yet bounded
 * @hash: the device's hash of the frame's flow, valid with @hash_type
 * @vlan_tci: tag control information, valid with %SLUICE_RX_VLAN
 * @flags: &enum sluice_rx_flags
 * @hash_type: what went into @hash, of &enum xdp_rss_hash_type; 0 = there is none
 */
struct sluice_rx_cmpl {
	u32 slot;
	u32 len;
	u32 hash;
	u16 vlan_tci;
	u8 flags;
	u8 hash_type;
	u16 off;
};

/**
 * struct sluice_xdp_buff - xdp_buff with the descriptor's metadata behind it
 * @xdp: what the program sees; first, as metadata kfuncs are handed its address
 * @hash: hash of the frame's flow
 * @vlan_tci: the stripped tag
 * @flags: &enum sluice_rx_flags of all the frame's descriptors
 * @hash_type: what went into @hash, or 0
 */
struct sluice_xdp_buff {
	struct xdp_buff xdp;
	u32 hash;
	u16 vlan_tci;
	u8 flags;
	u8 hash_type;
};

static_assert(offsetof(struct sluice_xdp_buff, xdp) == 0);

/**
 * enum sluice_tx_flags - offloads a frame asks for
 * @SLUICE_TX_CSUM: fill in the L4 checksum
 * @SLUICE_TX_TSO: cut into segments of &sluice_tx_offload.mss: TCP's, or UDP's of a
 *	datagram each if %SLUICE_TX_TCP is not set
 * @SLUICE_TX_IPV4: the L3 header is IPv4 (its checksum is part of TSO)
 * @SLUICE_TX_TCP: the L4 header is TCP
 * @SLUICE_TX_VLAN: insert &sluice_tx_offload.vlan_tci
 * @SLUICE_TX_LAST: this piece ends the frame
 * @SLUICE_TX_ECN: with %SLUICE_TX_TSO: only the first segment may carry CWR
 */
enum sluice_tx_flags {
	SLUICE_TX_CSUM	= BIT(0),
	SLUICE_TX_TSO	= BIT(1),
	SLUICE_TX_IPV4	= BIT(2),
	SLUICE_TX_TCP	= BIT(3),
	SLUICE_TX_VLAN	= BIT(4),
	SLUICE_TX_LAST	= BIT(5),
	SLUICE_TX_ECN	= BIT(6),
};

/**
 * struct sluice_tx_offload - what the device shall do to one frame
 * @paylen: bytes behind the headers, with %SLUICE_TX_TSO
 * @mss: payload bytes a segment, with %SLUICE_TX_TSO
 * @vlan_tci: tag to insert, with %SLUICE_TX_VLAN
 * @l3_off: offset of the IP header
 * @l4_off: offset of the TCP or UDP header, where the sum starts
 * @csum_off: offset of the L4 checksum field from the start of the frame
 * @hdr_len: bytes of headers up to the payload, with %SLUICE_TX_TSO
 * @flags: &enum sluice_tx_flags
 * @pushed: bytes that &sluice_dp.tx_push has written in front of the frame
 */
struct sluice_tx_offload {
	u32 paylen;
	u16 mss;
	u16 vlan_tci;
	u16 l3_off;
	u16 l4_off;
	u16 csum_off;
	u16 hdr_len;
	u8 flags;
	u8 pushed;
};

/**
 * enum sluice_tx_kind - who owns what a transmit slot points at
 * @SLUICE_TX_NONE: no frame starts here
 * @SLUICE_TX_SKB: first slot of an skb
 * @SLUICE_TX_XDPF: first slot of a frame from ndo_xdp_xmit, mapped by us
 * @SLUICE_TX_XDP_TX: first slot of an XDP_TX frame, mapped by its page pool
 */
enum sluice_tx_kind {
	SLUICE_TX_NONE,
	SLUICE_TX_SKB,
	SLUICE_TX_XDPF,
	SLUICE_TX_XDP_TX,
};

#endif
