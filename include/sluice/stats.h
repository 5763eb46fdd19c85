/* SPDX-License-Identifier: GPL-2.0-only */
/* Per-queue counters: one enum a ring kind, one array, one publication a poll. */

#ifndef SLUICE_STATS_H
#define SLUICE_STATS_H

#include <linux/u64_stats_sync.h>
#include <sluice/types.h>

/**
 * enum sluice_rx_counter - counters of one receive queue
 * @SLUICE_RX_FRAMES: frames the device gave, good or bad
 * @SLUICE_RX_BYTES: their bytes, without FCS
 * @SLUICE_RX_PASSED: handed to the stack
 * @SLUICE_RX_XDP_DROP: XDP_DROP
 * @SLUICE_RX_XDP_TX: sent back by XDP_TX
 * @SLUICE_RX_XDP_REDIRECT: redirected
 * @SLUICE_RX_XDP_ABORTED: loss: the program said XDP_ABORTED
 * @SLUICE_RX_XDP_INVALID: loss: the program returned no known verdict
 * @SLUICE_RX_XDP_TX_FULL: loss: XDP_TX found no room beside the stack's reserve
 * @SLUICE_RX_XDP_REDIRECT_ERR: loss: the redirect target refused the frame
 * @SLUICE_RX_XDP_NO_FRAGS: loss: frame of several buffers, program without frags
 * @SLUICE_RX_ALLOC_FAIL: loss: no page to replace the frame's buffer
 * @SLUICE_RX_SKB_FAIL: loss: no skb
 * @SLUICE_RX_LENGTH_ERR: loss: the device wrote a length that cannot be
 * @SLUICE_RX_CHAIN_ERR: loss: more buffers than a frame can have
 * @SLUICE_RX_HW_ERR_DROP: loss: the device marked the frame bad
 * @SLUICE_RX_HDR_ERR: loss: what the device says of the frame's headers cannot be
 * @SLUICE_RX_XDP_PARTIAL: loss: frame without checksum or uncut, program attached
 * @SLUICE_RX_RESET_DROP: loss: the device had given it, and the ring was emptied
 * @SLUICE_RX_DOORBELLS: writes of the doorbell (not frames)
 * @SLUICE_RX_POLLS: NAPI polls (not frames)
 * @SLUICE_RX_RING_ERR: completions that cannot be; the queue stops (not frames)
 * @SLUICE_RX_COUNTERS: how many there are
 */
enum sluice_rx_counter {
	SLUICE_RX_FRAMES,
	SLUICE_RX_BYTES,
	SLUICE_RX_PASSED,
	SLUICE_RX_XDP_DROP,
	SLUICE_RX_XDP_TX,
	SLUICE_RX_XDP_REDIRECT,
	SLUICE_RX_XDP_ABORTED,
	SLUICE_RX_XDP_INVALID,
	SLUICE_RX_XDP_TX_FULL,
	SLUICE_RX_XDP_REDIRECT_ERR,
	SLUICE_RX_XDP_NO_FRAGS,
	SLUICE_RX_ALLOC_FAIL,
	SLUICE_RX_SKB_FAIL,
	SLUICE_RX_LENGTH_ERR,
	SLUICE_RX_CHAIN_ERR,
	SLUICE_RX_HW_ERR_DROP,
	SLUICE_RX_HDR_ERR,
	SLUICE_RX_XDP_PARTIAL,
	SLUICE_RX_RESET_DROP,
	SLUICE_RX_DOORBELLS,
	SLUICE_RX_POLLS,
	SLUICE_RX_RING_ERR,
	SLUICE_RX_COUNTERS,
};

/**
 * enum sluice_tx_counter - counters of one transmit queue
 * @SLUICE_TX_ACCEPTED: frames taken from the stack
 * @SLUICE_TX_XDP_ACCEPTED: frames taken from XDP_TX and ndo_xdp_xmit
 * @SLUICE_TX_COMPLETED: frames the device reported sent (a TSO frame is one)
 * @SLUICE_TX_PACKETS: packets on the wire for them (a TSO frame is many)
 * @SLUICE_TX_BYTES: bytes on the wire, without FCS and tags that the device adds
 * @SLUICE_TX_DMA_ERR: loss: a piece could not be mapped
 * @SLUICE_TX_OFFLOAD_ERR: loss: headers could not be prepared for offload
 * @SLUICE_TX_PAD_ERR: loss: no memory to pad a short frame
 * @SLUICE_TX_RESET_DROP: loss: still in the ring when it was purged
 * @SLUICE_TX_XDP_FULL: ndo_xdp_xmit refused a frame; its caller keeps it
 * @SLUICE_TX_STOPS: times the queue was stopped for want of descriptors
 * @SLUICE_TX_WAKES: times it was woken
 * @SLUICE_TX_DOORBELLS: writes of the doorbell
 * @SLUICE_TX_HELD: frames whose doorbell was left to a later frame
 * @SLUICE_TX_TIMERS: times a timer was started that rings if there is none
 * @SLUICE_TX_TIMEOUTS: hangs seen by the stack's watchdog
 * @SLUICE_TX_RING_ERR: completions that cannot be; the queue stops
 * @SLUICE_TX_COUNTERS: how many there are
 */
enum sluice_tx_counter {
	SLUICE_TX_ACCEPTED,
	SLUICE_TX_XDP_ACCEPTED,
	SLUICE_TX_COMPLETED,
	SLUICE_TX_PACKETS,
	SLUICE_TX_BYTES,
	SLUICE_TX_DMA_ERR,
	SLUICE_TX_OFFLOAD_ERR,
	SLUICE_TX_PAD_ERR,
	SLUICE_TX_RESET_DROP,
	SLUICE_TX_XDP_FULL,
	SLUICE_TX_STOPS,
	SLUICE_TX_WAKES,
	SLUICE_TX_DOORBELLS,
	SLUICE_TX_HELD,
	SLUICE_TX_TIMERS,
	SLUICE_TX_TIMEOUTS,
	SLUICE_TX_RING_ERR,
	SLUICE_TX_COUNTERS,
};

/**
 * struct sluice_rx_stats - published counters of a receive queue
 * @syncp: makes 64-bit reads whole on 32-bit machines
 * @count: indexed by &enum sluice_rx_counter; written by the queue's NAPI only
 */
struct sluice_rx_stats {
	struct u64_stats_sync syncp;
	u64_stats_t count[SLUICE_RX_COUNTERS];
};

/**
 * struct sluice_tx_stats - published counters of a transmit queue
 * @syncp: makes 64-bit reads whole on 32-bit machines
 * @count: indexed by &enum sluice_tx_counter; written under the queue's tx lock
 */
struct sluice_tx_stats {
	struct u64_stats_sync syncp;
	u64_stats_t count[SLUICE_TX_COUNTERS];
};

/**
 * sluice_rx_stats_publish() - add a poll's tally to the queue's counters
 * @stats: counters of the queue
 * @tally: what the poll counted, indexed by &enum sluice_rx_counter
 * Context: the queue's NAPI, once a poll.
 */
static __always_inline void
sluice_rx_stats_publish(struct sluice_rx_stats *stats, const u32 *tally)
{
	u32 i;

	u64_stats_update_begin(&stats->syncp);
	for (i = 0; i < SLUICE_RX_COUNTERS; i++)
		u64_stats_add(&stats->count[i], tally[i]);
	u64_stats_update_end(&stats->syncp);
}

/**
 * sluice_rx_stats_add() - add to one receive counter, outside of a tally
 * @stats: counters of the queue
 * @which: the counter
 * @value: how much
 * Context: the queue's NAPI, or softirqs are off and NAPI too.
 */
static __always_inline void
sluice_rx_stats_add(struct sluice_rx_stats *stats, enum sluice_rx_counter which,
		    u64 value)
{
	u64_stats_update_begin(&stats->syncp);
	u64_stats_add(&stats->count[which], value);
	u64_stats_update_end(&stats->syncp);
}

/**
 * sluice_tx_stats_add() - add to one transmit counter
 * @stats: counters of the queue
 * @which: the counter
 * @value: how much
 * Context: the queue's tx lock is held.
 */
static __always_inline void
sluice_tx_stats_add(struct sluice_tx_stats *stats, enum sluice_tx_counter which,
		    u64 value)
{
	u64_stats_update_begin(&stats->syncp);
	u64_stats_add(&stats->count[which], value);
	u64_stats_update_end(&stats->syncp);
}

/**
 * sluice_stats_read() - take one consistent copy of a queue's counters
 * @syncp: the counters' sequence
 * @count: the counters
 * @out: where to, as many as @n
 * @n: how many
 * Context: any.
 */
static inline void sluice_stats_read(const struct u64_stats_sync *syncp,
				     const u64_stats_t *count, u64 *out, u32 n)
{
	unsigned int start;
	u32 i;

	do {
		start = u64_stats_fetch_begin(syncp);
		for (i = 0; i < n; i++)
			out[i] = u64_stats_read(&count[i]);
	} while (u64_stats_fetch_retry(syncp, start));
}

#endif
