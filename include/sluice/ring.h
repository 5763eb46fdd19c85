/* SPDX-License-Identifier: GPL-2.0-only */
/* Rings and the NAPI vector that owns a pair of them. */

#ifndef SLUICE_RING_H
#define SLUICE_RING_H

#include <linux/cache.h>
#include <linux/dma-mapping.h>
#include <linux/hrtimer.h>
#include <linux/netdevice.h>
#include <net/page_pool/helpers.h>
#include <sluice/stats.h>

struct sluice_nic;
struct sluice_vector;

/**
 * SLUICE_TX_PIECE_LEN - longest run of bytes one transmit descriptor carries
 *
 * The 8254x takes up to 16288; in-tree e1000 never exceeds 4 KiB, so that is
 * what every model of the device has been driven with.
 */
#define SLUICE_TX_PIECE_LEN	4096

/**
 * SLUICE_TX_WORST - most descriptors one stack frame can need
 *
 * 64 KiB in 4 KiB pieces, one more piece for each fragment and the head that
 * starts unaligned, one context or header; a header in front of the head makes
 * one piece more of it at most.
 */
#define SLUICE_TX_WORST		(SZ_64K / SLUICE_TX_PIECE_LEN + MAX_SKB_FRAGS + 1 + 1)

/**
 * SLUICE_RING_MIN - fewest descriptors of a ring
 *
 * Room for the stack's reserve and for the largest XDP frame beside it.
 */
#define SLUICE_RING_MIN		64

static_assert(SLUICE_RING_MIN - 1 >= SLUICE_TX_WORST + MAX_SKB_FRAGS + 1);

/**
 * SLUICE_DP_STATE - words that a descriptor format may keep in a ring
 *
 * They lie beside what the engine writes in the same moments, and are forgotten
 * by &sluice_dp.rx_init and &sluice_dp.tx_init.
 */
#define SLUICE_DP_STATE		4

/**
 * struct sluice_tx_slot - what one transmit descriptor points at
 * @skb: owner, of %SLUICE_TX_SKB
 * @xdpf: owner, of %SLUICE_TX_XDPF and %SLUICE_TX_XDP_TX
 * @dma: mapping to undo, if @len
 * @len: length of that mapping; 0 = nothing to undo
 * @bytes: of a first slot: bytes on the wire
 * @packets: of a first slot: packets on the wire
 * @descs: of a first slot: descriptors of the frame, so the next frame's place
 * @kind: &enum sluice_tx_kind
 * @done: of a first slot: the device has sent it; for formats that say so by
 *	identifier, in any order. The engine clears it, the format sets it
 */
struct sluice_tx_slot {
	union {
		struct sk_buff *skb;
		struct xdp_frame *xdpf;
	};
	dma_addr_t dma;
	u32 len;
	u32 bytes;
	u16 packets;
	u16 descs;
	u8 kind;
	bool done;
};

/**
 * struct sluice_rxq - a receive ring
 * @desc: descriptors, device memory format
 * @page: buffer of each slot; every slot has one, always
 * @posted: for each slot, how many had been posted before it, modulo 2^32: for
 *	formats whose completions name a slot, to know whether the device has it
 * @pool: where replacements come from
 * @doorbell: register that tells the device of posted buffers
 * @mask: size - 1
 * @buf_len: bytes of a frame that the device may write into one buffer
 * @frame_size: bytes of memory a buffer has with headroom and tailroom, whole
 *	pages; rings of one device may differ while they are exchanged
 * @vec: the vector that polls this ring
 * @stats: counters; they live in the vector and so outlive the ring
 * @broken: the device has said what cannot be; nothing is taken any more
 * @head: free-running index of the next completion
 * @kicked: @head at the last doorbell
 * @chain_loss: why the frame being gathered is lost, or 0
 * @chain_len: buffers gathered so far of a frame of several
 * @chain: that frame
 * @dp: state of the descriptor format
 * @xdp_rxq: what programs and frames know of this queue
 * @dma: bus address of @desc
 *
 * The ring is always full: a slot is given a buffer in the same breath as its
 * old one is taken, or keeps its old one, and memory shortage cannot run it dry.
 * A device with a tail register has all slots but the one before @head, others
 * have them all.
 */
struct sluice_rxq {
	__cacheline_group_begin_aligned(read_mostly);
	void *desc;
	struct page **page;
	u32 *posted;
	struct page_pool *pool;
	void __iomem *doorbell;
	u32 mask;
	u32 buf_len;
	u32 frame_size;
	struct sluice_vector *vec;
	struct sluice_rx_stats *stats;
	__cacheline_group_end_aligned(read_mostly);

	__cacheline_group_begin_aligned(poll);
	u32 head;
	u32 kicked;
	bool broken;
	u16 chain_loss;
	u16 chain_len;
	struct sluice_xdp_buff chain;
	u64 dp[SLUICE_DP_STATE];
	__cacheline_group_end_aligned(poll);

	__cacheline_group_begin_aligned(cold);
	struct xdp_rxq_info xdp_rxq;
	dma_addr_t dma;
	__cacheline_group_end_aligned(cold);
};

/**
 * struct sluice_txq - a transmit ring
 * @desc: descriptors, device memory format
 * @slot: what each descriptor points at
 * @doorbell: register that tells the device of frames
 * @mask: size - 1
 * @dev: device that maps
 * @direct: it takes physical addresses as they are, see &sluice_nic.direct
 * @vec: the vector that cleans this ring
 * @nq: the stack's queue; its lock guards all that follows
 * @stats: counters; they live in the vector and so outlive the ring
 * @tail: free-running index of the next descriptor to fill
 * @head: free-running index of the oldest descriptor not yet cleaned
 * @kicked: @tail at the last doorbell
 * @waiting: frames of the stack since then
 * @waiting_bytes: their bytes
 * @streak: frames of the stack in close succession, see sluice_tx_in_stream()
 * @received: what the device had received when they began
 * @sent_at: when the last of them came, in ns
 * @armed: the device has been asked for completion interrupts, for all of them
 * @broken: the device has said what cannot be; nothing completes any more
 * @ctx: the offload context the device last saw, 0 = none; for formats that
 *	have such
 * @dp: state of the descriptor format
 * @dma: bus address of @desc
 *
 * Everybody who fills or cleans holds the tx lock of @nq: ndo_start_xmit,
 * XDP_TX, ndo_xdp_xmit and NAPI. The producers need it anyway, as they share one
 * ring; cleaning under it as well lets a producer clean what the device has
 * sent by the time the doorbell returns, which saves the completion interrupt.
 */
struct sluice_txq {
	__cacheline_group_begin_aligned(read_mostly);
	void *desc;
	struct sluice_tx_slot *slot;
	void __iomem *doorbell;
	u32 mask;
	bool direct;
	struct device *dev;
	struct sluice_vector *vec;
	struct netdev_queue *nq;
	struct sluice_tx_stats *stats;
	__cacheline_group_end_aligned(read_mostly);

	__cacheline_group_begin_aligned(locked);
	u32 tail;
	u32 head;
	u32 kicked;
	u32 waiting;
	u32 waiting_bytes;
	u32 streak;
	u32 received;
	u64 sent_at;
	bool armed;
	bool broken;
	u64 ctx[2];
	u64 dp[SLUICE_DP_STATE];
	__cacheline_group_end_aligned(locked);

	dma_addr_t dma;
};

/**
 * struct sluice_vector - one interrupt, one NAPI, one pair of rings
 * @napi: the NAPI
 * @nic: owner
 * @rx: receive ring, NULL while closed
 * @tx: transmit ring, NULL while closed
 * @tx_open: frames may enter @tx; changes under the tx lock only. The stack is
 *	held back by its queue's state, ndo_xdp_xmit by nothing but this
 * @tx_timer: rings for frames of @tx that wait for others
 * @nq: the stack's transmit queue
 * @index: number of the vector and of both queues
 * @irq_name: what /proc/interrupts calls the vector's own interrupt
 * @masked: the device's interrupt is masked, see the backend's handler
 * @rx_stats: counters of the receive queue, from probe to remove
 * @tx_stats: counters of the transmit queue, from probe to remove
 */
struct sluice_vector {
	struct napi_struct napi;
	struct sluice_nic *nic;
	struct sluice_rxq *rx;
	struct sluice_txq *tx;
	struct hrtimer tx_timer;
	struct netdev_queue *nq;
	u32 index;
	char irq_name[IFNAMSIZ + 4];
	bool tx_open;
	bool masked;
	struct sluice_rx_stats rx_stats;
	struct sluice_tx_stats tx_stats;
};

/**
 * sluice_txq_pending() - descriptors between clean and fill
 * @q: the ring
 * Context: tx lock for an exact answer, any for a glance.
 * Return: how many descriptors wait for completion.
 */
static inline u32 sluice_txq_pending(const struct sluice_txq *q)
{
	return READ_ONCE(q->tail) - READ_ONCE(q->head);
}

/**
 * sluice_txq_room() - descriptors that may be filled
 * @q: the ring
 *
 * One stays empty: tail equal to head means an empty ring to the device.
 * Context: tx lock for an exact answer, any for a glance.
 * Return: how many descriptors may be filled.
 */
static inline u32 sluice_txq_room(const struct sluice_txq *q)
{
	return q->mask - sluice_txq_pending(q);
}

/**
 * sluice_tx_slot() - slot of a free-running index
 * @q: the ring
 * @index: the index
 * Context: tx lock.
 * Return: the slot.
 */
static __always_inline struct sluice_tx_slot *
sluice_tx_slot(const struct sluice_txq *q, u32 index)
{
	return &q->slot[index & q->mask];
}

/**
 * sluice_tx_release_pieces() - undo all mappings of a frame
 * @q: the ring
 * @first: free-running index of its first descriptor
 * @descs: how many it has
 *
 * Whole heads and fragments are mapped once and cut into pieces afterwards;
 * the slot of the first piece remembers the mapping. dma_unmap_page() undoes
 * dma_map_single() too: both are the same mapping of physical memory.
 * Context: tx lock.
 */
static __always_inline void sluice_tx_release_pieces(struct sluice_txq *q,
						     u32 first, u32 descs)
{
	struct sluice_tx_slot *slot;
	u32 i;

	for (i = first; i != first + descs; i++) {
		slot = sluice_tx_slot(q, i);
		if (slot->len)
			dma_unmap_page(q->dev, slot->dma, slot->len,
				       DMA_TO_DEVICE);
		slot->len = 0;
	}
}

#endif
