/* SPDX-License-Identifier: GPL-2.0-only */
/* The contract between core, engine and a NIC's backend. */

#ifndef SLUICE_BACKEND_H
#define SLUICE_BACKEND_H

#include <linux/bitmap.h>
#include <linux/ethtool.h>
#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/workqueue.h>
#include <sluice/ring.h>

struct devlink;
struct devlink_health_reporter;

/**
 * SLUICE_MAX_VECTORS - most queue pairs of any backend
 */
#define SLUICE_MAX_VECTORS	8

/**
 * SLUICE_ALL_QUEUES - in place of the number of a queue
 */
#define SLUICE_ALL_QUEUES	U32_MAX

/**
 * SLUICE_RSS_TABLE - most entries of the table that spreads flows over vectors
 *
 * Sixteen a vector, and what a virtio device has at least.
 */
#define SLUICE_RSS_TABLE	128

/**
 * SLUICE_RSS_KEY - bytes of the Toeplitz key
 *
 * As many as the longest of what is hashed needs: addresses and ports of IPv6.
 */
#define SLUICE_RSS_KEY		40

/**
 * struct sluice_dp - one descriptor format, as the engine sees it
 * @rx_init: forget what a ring held; it is stopped
 * @rx_ready: is there a completion? Any context
 * @rx_peek: decode the next completion; true if there is one, and it is taken
 *	then. Tests ownership, then dma_rmb(), then reads the rest
 * @rx_post: put the buffer at a bus address into a slot; the device may write
 *	@rx_hdr_len bytes before the address and q->buf_len behind it
 * @rx_offload: give an skb what %SLUICE_RX_PARTIAL stands for; false if the
 *	device's word does not fit the frame. NULL if no device says such
 * @rx_kick: tell the device that every slot but the one before head is its own;
 *	true if that was a register access
 * @tx_init: forget what a ring held; it is closed, and its indexes are 0
 * @tx_push: called first for a frame that begins at @data with so much headroom
 *	that is ours to write: write its header in front of @data and return the
 *	header's bytes, which go with the frame's first piece; 0 if there is no room.
 *	The header of a frame that asks for nothing is a constant. NULL if the device
 *	takes no header there
 * @tx_ctx: called first for every other frame: fill the descriptor at an index with
 *	its offload context or header; false if it needs none or the device has it
 *	already, and the descriptor stays free
 * @tx_put: fill the descriptor at an index with one piece
 * @tx_kick: hand over all descriptors up to tail; true if that was a register
 *	access
 * @tx_awake: does the device look at the ring without a doorbell, as far as one can
 *	tell before it is shown what is queued? NULL if none does
 * @tx_done: has the device sent the frame that has these descriptors, first and
 *	last? With dma_rmb() before true
 * @tx_arm: ask for a completion interrupt; true if the request stays, else it is
 *	called again for the next one. Visible before the next @tx_done
 * @rx_arm: ask for an interrupt by the next completion, while NAPI still polls
 *	and nobody else can. Visible before the next @rx_ready
 * @rx_disarm: take that back, as a timer or a socket polls on; they ask again.
 *	NULL if interrupts stay off until @irq_enable
 * @irq_enable: NAPI has ended: undo the masking by the interrupt handler, if any,
 *	and poll again for what came too early to raise an interrupt
 * @tx_min_len: frames are padded to this length
 * @tx_hdr_descs: descriptors that @tx_ctx takes for every frame, at most one; what
 *	@tx_push writes makes it at most one piece longer instead
 * @tx_sums_length: to cut a frame the device adds lengths to checksums itself
 * @rx_hdr_len: most bytes that the device writes in front of a frame, in the
 *	headroom
 * @rx_hashes: a device of this format may say a frame's hash
 *
 * A format whose device says what cannot be sets the ring's @broken, says no to
 * everything from then on, and calls sluice_queue_broken().
 *
 * Instances are static const and every engine function that takes one is
 * __always_inline, so that the calls below fold into direct code: rhashtable's
 * pattern. scripts/checks proves it on the built object.
 */
struct sluice_dp {
	void (*rx_init)(struct sluice_rxq *q);
	bool (*rx_ready)(const struct sluice_rxq *q);
	bool (*rx_peek)(struct sluice_rxq *q, struct sluice_rx_cmpl *c);
	void (*rx_post)(struct sluice_rxq *q, u32 slot, dma_addr_t dma);
	bool (*rx_kick)(struct sluice_rxq *q);
	bool (*rx_offload)(struct sk_buff *skb, const struct sluice_xdp_buff *x);
	void (*tx_init)(struct sluice_txq *q);
	u32 (*tx_push)(struct sluice_txq *q, u32 index, void *data, u32 headroom,
		       const struct sluice_tx_offload *o);
	bool (*tx_ctx)(struct sluice_txq *q, u32 index,
		       const struct sluice_tx_offload *o);
	void (*tx_put)(struct sluice_txq *q, u32 index, dma_addr_t dma, u32 len,
		       const struct sluice_tx_offload *o);
	bool (*tx_kick)(struct sluice_txq *q);
	bool (*tx_awake)(struct sluice_txq *q);
	bool (*tx_done)(struct sluice_txq *q, u32 first, u32 last);
	bool (*tx_arm)(struct sluice_txq *q);
	void (*rx_arm)(struct sluice_rxq *q);
	void (*rx_disarm)(struct sluice_rxq *q);
	void (*irq_enable)(struct sluice_vector *v);
	u32 tx_min_len;
	u32 tx_hdr_descs;
	bool tx_sums_length;
	u32 rx_hdr_len;
	bool rx_hashes;
};

/**
 * struct sluice_engine - the engine instantiated for one descriptor format
 * @netdev_ops: net_device_ops with the format's own start_xmit and xdp_xmit
 * @poll: NAPI poll
 * @rx_fill: post every slot's buffer; the ring is stopped
 * @tx_init: forget what a ring held
 * @tx_drain: hand over what still waits for a doorbell, whose ringer may find
 *	the ring closed, and clean what the device has sent; under the tx lock
 * @tx_flush: hand over what waits for a doorbell, and clean; under the tx lock
 * @rx_pending: is there a completion that NAPI has not taken?
 * @rx_discard: pass over all of these; NAPI is off. How many frames they were
 * @rx_desc_size: bytes of ring memory for each receive descriptor
 * @tx_desc_size: bytes of ring memory for each transmit descriptor
 * @ring_extra: bytes of ring memory beside them
 * @hdr_len: most bytes of header in front of a frame, both ways
 */
struct sluice_engine {
	const struct net_device_ops *netdev_ops;
	int (*poll)(struct napi_struct *napi, int budget);
	void (*rx_fill)(struct sluice_rxq *q);
	void (*tx_init)(struct sluice_txq *q);
	void (*tx_drain)(struct sluice_txq *q);
	void (*tx_flush)(struct sluice_txq *q);
	bool (*rx_pending)(const struct sluice_rxq *q);
	u32 (*rx_discard)(struct sluice_rxq *q);
	u8 rx_desc_size;
	u8 tx_desc_size;
	u8 ring_extra;
	u8 hdr_len;
};

/**
 * enum sluice_dev_counter - counters that the device itself keeps
 * @SLUICE_DEV_RX_FRAMES: good frames received
 * @SLUICE_DEV_RX_BYTES: their bytes with FCS
 * @SLUICE_DEV_RX_MULTICAST: multicast frames received
 * @SLUICE_DEV_RX_BROADCAST: broadcast frames received
 * @SLUICE_DEV_TX_FRAMES: good frames sent
 * @SLUICE_DEV_TX_BYTES: their bytes
 * @SLUICE_DEV_TX_MULTICAST: multicast frames sent
 * @SLUICE_DEV_TX_BROADCAST: broadcast frames sent
 * @SLUICE_DEV_MISSED: frames lost for want of buffers or FIFO
 * @SLUICE_DEV_NO_BUFFER: times a frame found no buffer
 * @SLUICE_DEV_CRC_ERR: frames with a wrong FCS
 * @SLUICE_DEV_ALIGN_ERR: frames with an odd number of nibbles
 * @SLUICE_DEV_RX_ERR: frames with a PHY error
 * @SLUICE_DEV_LENGTH_ERR: length field and length disagree
 * @SLUICE_DEV_CARRIER_ERR: carrier extension errors
 * @SLUICE_DEV_UNDERSIZE: frames under 64 bytes with a right FCS
 * @SLUICE_DEV_FRAGMENTS: frames under 64 bytes with a wrong FCS
 * @SLUICE_DEV_OVERSIZE: frames above the limit with a right FCS
 * @SLUICE_DEV_JABBER: frames above the limit with a wrong FCS
 * @SLUICE_DEV_SINGLE_COLL: frames sent after one collision
 * @SLUICE_DEV_MULTI_COLL: frames sent after several
 * @SLUICE_DEV_LATE_COLL: late collisions
 * @SLUICE_DEV_EXCESS_COLL: frames given up after 16 collisions
 * @SLUICE_DEV_DEFERRED: transmissions deferred
 * @SLUICE_DEV_NO_CARRIER: transmissions without carrier sense
 * @SLUICE_DEV_RX_PAUSE: pause frames received
 * @SLUICE_DEV_TX_PAUSE: pause frames sent
 * @SLUICE_DEV_RX_HIST: first of %SLUICE_HIST received frames by length
 * @SLUICE_DEV_TX_HIST: first of %SLUICE_HIST sent frames by length
 * @SLUICE_DEV_COUNTERS: how many there are
 */
enum sluice_dev_counter {
	SLUICE_DEV_RX_FRAMES,
	SLUICE_DEV_RX_BYTES,
	SLUICE_DEV_RX_MULTICAST,
	SLUICE_DEV_RX_BROADCAST,
	SLUICE_DEV_TX_FRAMES,
	SLUICE_DEV_TX_BYTES,
	SLUICE_DEV_TX_MULTICAST,
	SLUICE_DEV_TX_BROADCAST,
	SLUICE_DEV_MISSED,
	SLUICE_DEV_NO_BUFFER,
	SLUICE_DEV_CRC_ERR,
	SLUICE_DEV_ALIGN_ERR,
	SLUICE_DEV_RX_ERR,
	SLUICE_DEV_LENGTH_ERR,
	SLUICE_DEV_CARRIER_ERR,
	SLUICE_DEV_UNDERSIZE,
	SLUICE_DEV_FRAGMENTS,
	SLUICE_DEV_OVERSIZE,
	SLUICE_DEV_JABBER,
	SLUICE_DEV_SINGLE_COLL,
	SLUICE_DEV_MULTI_COLL,
	SLUICE_DEV_LATE_COLL,
	SLUICE_DEV_EXCESS_COLL,
	SLUICE_DEV_DEFERRED,
	SLUICE_DEV_NO_CARRIER,
	SLUICE_DEV_RX_PAUSE,
	SLUICE_DEV_TX_PAUSE,
	SLUICE_DEV_RX_HIST,
	SLUICE_DEV_TX_HIST = SLUICE_DEV_RX_HIST + 6,
	SLUICE_DEV_COUNTERS = SLUICE_DEV_TX_HIST + 6,
};

/**
 * SLUICE_HIST - length classes of the RMON histograms: 64, 127, 255, 511, 1023, above
 */
#define SLUICE_HIST	6

/**
 * struct sluice_link - state of the wire
 * @speed: Mb/s, %SPEED_UNKNOWN while down
 * @duplex: %DUPLEX_FULL, %DUPLEX_HALF or %DUPLEX_UNKNOWN
 * @up: the link carries frames
 */
struct sluice_link {
	u32 speed;
	u8 duplex;
	bool up;
};

/**
 * struct sluice_config - what the user may size
 * @rx_size: receive descriptors, a power of two
 * @tx_size: transmit descriptors, a power of two
 * @channels: vectors in use
 */
struct sluice_config {
	u32 rx_size;
	u32 tx_size;
	u32 channels;
};

/**
 * struct sluice_tx_aggr - how many frames may share a doorbell, and how long
 *	they may wait for each other
 * @max_frames: this many are handed over at once; less than two: none waits
 * @max_bytes: and so are as many as have these bytes
 * @time_usecs: none waits longer
 *
 * ethtool's tx-aggr coalescing, written under RTNL and read by every transmit.
 */
struct sluice_tx_aggr {
	u32 max_frames;
	u32 max_bytes;
	u32 time_usecs;
};

/**
 * struct sluice_rss - which vector takes a received flow
 * @hashes: the device hashes frames; else nothing of this is for it
 * @entries: entries of @table, a power of two; 0 = it does not spread by hash
 * @table: number of the vector, for each value of the hash's last bits; rewritten
 *	when the channels change, until the user has set it
 * @key: of the hash, which is Toeplitz'
 */
struct sluice_rss {
	bool hashes;
	u16 entries;
	u8 table[SLUICE_RSS_TABLE];
	u8 key[SLUICE_RSS_KEY];
};

/**
 * struct sluice_hw_ops - slow path of a backend
 * @probe: identify the device, read its address, set limits and features of
 *	nic->netdev; negative errno with a message
 * @remove: release what probe took; may be NULL
 * @reset: bring the device to a known, silent state; negative errno if it does
 *	not answer
 * @start: program the rings and all settings, then let frames in and out; no
 *	producer is let at the transmit ring before it returns
 * @rx_stop: stop reception if that can be done alone; frames already in the
 *	ring stay there
 * @tx_stop: stop transmission and, at the latest now, reception; return when no
 *	DMA is under way
 * @rx_buf_len: bytes of a frame that one buffer shall take, for an MTU and
 *	netdev features; NULL = %SLUICE_RX_BUF_LEN
 * @xdp_ready: see to it that the device delivers what a program can bear, NULL =
 *	there is none: no frame of %SLUICE_RX_PARTIAL, and one buffer a frame if it
 *	knows no frags; 0, or negative errno and all is as before. May be NULL
 * @irq_on: allow interrupts; bus mastering is on now, and was not in @start
 * @irq_off: forbid them
 * @irq: the interrupt handler of the line; with MSI-X, for all but queues
 * @irq_queue: with MSI-X, that of a vector, whose &struct sluice_vector it gets
 * @link: read the link's state
 * @set_rx_mode: apply all that decides which frames are let in: flags, address
 *	lists, MTU, VLAN filtering; under the address lock, so it must not sleep
 * @fix_features: take back features that do not go together; may be NULL
 * @set_features: apply nic->features other than loopback and filtering, of which
 *	some have changed; 0 or negative errno
 * @vlan_filter: nic->vlans changed at a VLAN id
 * @set_rss: nic->rss changed while the device runs; 0 or negative errno. This and
 *	the next two are needed with nic->rss.hashes only
 * @get_hash_fields: which fields of a flow are hashed, as %ETHTOOL_GRXFH
 * @set_hash_fields: change that, as %ETHTOOL_SRXFH
 * @get_link_ksettings: as ethtool's; RTNL
 * @set_link_ksettings: as ethtool's; RTNL
 * @restart_autoneg: RTNL
 * @get_pause: read flow control
 * @set_pause: set flow control; 0 or negative errno
 * @get_coalesce: fill in how interrupts of a queue, or of %SLUICE_ALL_QUEUES, are
 *	moderated; may be NULL
 * @set_coalesce: set it, extack on refusal and all is as before; with the former
 * @regs_len: bytes of the register dump, a constant of the backend
 * @get_regs: the dump
 * @nvm_words: words of 16 bits in the NVM
 * @nvm_read: read words from an offset in words
 * @nvm_check: does the NVM's checksum hold? 0 or negative errno
 * @identify: LED on or off, or back to normal (-1)
 * @loopback: PHY loopback on or off; 0 or negative errno
 * @test_regs: offline register test; bits that did not hold, 0 = good
 * @test_irq: raise an interrupt by software
 * @read_counters: add the device's counters to nic->dev_count; @all of them or
 *	just the errors; under nic->dev_lock
 * Context: RTNL and process context unless said otherwise.
 */
struct sluice_hw_ops {
	int (*probe)(struct sluice_nic *nic);
	void (*remove)(struct sluice_nic *nic);
	int (*reset)(struct sluice_nic *nic);
	void (*start)(struct sluice_nic *nic);
	void (*rx_stop)(struct sluice_nic *nic);
	void (*tx_stop)(struct sluice_nic *nic);
	u32 (*rx_buf_len)(struct sluice_nic *nic, u32 mtu,
			  netdev_features_t features);
	int (*xdp_ready)(struct sluice_nic *nic, const struct bpf_prog *prog,
			 struct netlink_ext_ack *extack);
	void (*irq_on)(struct sluice_nic *nic);
	void (*irq_off)(struct sluice_nic *nic);
	irq_handler_t irq;
	irq_handler_t irq_queue;
	void (*link)(struct sluice_nic *nic, struct sluice_link *link);
	void (*set_rx_mode)(struct sluice_nic *nic);
	netdev_features_t (*fix_features)(netdev_features_t features);
	int (*set_features)(struct sluice_nic *nic, netdev_features_t changed);
	void (*vlan_filter)(struct sluice_nic *nic, u16 vid);
	int (*set_rss)(struct sluice_nic *nic);
	int (*get_hash_fields)(struct sluice_nic *nic,
			       struct ethtool_rxnfc *info);
	int (*set_hash_fields)(struct sluice_nic *nic,
			       const struct ethtool_rxnfc *info);
	int (*get_link_ksettings)(struct sluice_nic *nic,
				  struct ethtool_link_ksettings *ks);
	int (*set_link_ksettings)(struct sluice_nic *nic,
				  const struct ethtool_link_ksettings *ks);
	int (*restart_autoneg)(struct sluice_nic *nic);
	void (*get_pause)(struct sluice_nic *nic,
			  struct ethtool_pauseparam *pause);
	int (*set_pause)(struct sluice_nic *nic,
			 const struct ethtool_pauseparam *pause);
	void (*get_coalesce)(struct sluice_nic *nic, u32 queue,
			     struct ethtool_coalesce *ec);
	int (*set_coalesce)(struct sluice_nic *nic, u32 queue,
			    const struct ethtool_coalesce *ec,
			    struct netlink_ext_ack *extack);
	const u32 *regs_len;
	void (*get_regs)(struct sluice_nic *nic, u32 *regs);
	u32 nvm_words;
	int (*nvm_read)(struct sluice_nic *nic, u32 offset, u32 words, u16 *data);
	int (*nvm_check)(struct sluice_nic *nic);
	void (*identify)(struct sluice_nic *nic, int on);
	int (*loopback)(struct sluice_nic *nic, bool on);
	u64 (*test_regs)(struct sluice_nic *nic);
	void (*test_irq)(struct sluice_nic *nic);
	void (*read_counters)(struct sluice_nic *nic, bool all);
};

/**
 * struct sluice_board - one device model: its backend and what it may do
 * @name: for people
 * @ops: slow path
 * @ethtool_ops: what ethtool may ask
 * @engine: datapath that the device is known to have
 * @quirks: bits that only the backend reads
 * @hw_size: bytes of the backend's private state
 * @max_vectors: most queue pairs, at most %SLUICE_MAX_VECTORS; with more than one
 *	the stack's default qdisc is mq
 * @max_ring: most descriptors of a ring
 * @max_mtu: largest MTU
 * @max_linear_mtu: largest MTU of a program that knows no frags
 * @max_offset: largest byte offset into a frame that an offload can name
 * @rebuild_resets: it takes other rings only by a reset
 */
struct sluice_board {
	const char *name;
	const struct sluice_hw_ops *ops;
	const struct ethtool_ops *ethtool_ops;
	const struct sluice_engine *engine;
	unsigned long quirks;
	size_t hw_size;
	u32 max_vectors;
	u32 max_ring;
	u32 max_mtu;
	u32 max_linear_mtu;
	u32 max_offset;
	bool rebuild_resets;
};

/**
 * enum sluice_state - bits of nic->state
 * @SLUICE_UP: rings are installed and the device runs; RTNL
 * @SLUICE_GONE: a register read said that the device is no longer there
 */
enum sluice_state {
	SLUICE_UP,
	SLUICE_GONE,
};

/**
 * enum sluice_direction - which of a vector's two rings
 * @SLUICE_RX: the receive ring
 * @SLUICE_TX: the transmit ring
 * @SLUICE_DIRECTIONS: how many there are
 */
enum sluice_direction {
	SLUICE_RX,
	SLUICE_TX,
	SLUICE_DIRECTIONS,
};

/**
 * struct sluice_fault - what is wrong with the rings of one direction
 * @reporter: devlink's, which is told of it
 * @vector: index of the last of them that broke
 * @why: what was wrong with it; NULL = nothing that is not reported
 */
struct sluice_fault {
	struct devlink_health_reporter *reporter;
	u32 vector;
	const char *why;
};

/**
 * struct sluice_health - how to recover from a device that hangs or lies
 * @devlink: where the administrator reads of it
 * @work: reports and resets
 * @fault: what it has to report, by &enum sluice_direction
 */
struct sluice_health {
	struct devlink *devlink;
	struct delayed_work work;
	struct sluice_fault fault[SLUICE_DIRECTIONS];
};

/**
 * struct sluice_nic - one network device
 * @netdev: the net_device this is the private part of
 * @pdev: its PCI function
 * @board: its model
 * @engine: its datapath; the board's, unless its probe has chosen another
 * @regs: registers, where the backend has mapped a BAR of them
 * @xdp_prog: attached program; written under RTNL, read once a poll
 * @vec: vectors
 * @nvec: how many are in use
 * @max_vec: how many there are, from probe on
 * @irqs: interrupts that were ours
 * @irqs_foreign: interrupts of a neighbour on the same line
 * @cfg: ring sizes and channels; RTNL
 * @tx_aggr: how doorbells are shared
 * @max_ring: most descriptors of a ring; the board's, unless its probe found less
 * @max_mtu: largest MTU; the board's, unless its probe found less
 * @health: what happens when the device hangs or lies
 * @state: &enum sluice_state
 * @msg_enable: ethtool's message level
 * @resets: times the device was reset in operation
 * @link_work: reads the link after an interrupt said it changed
 * @dev_lock: guards @dev_count and the device's clear-on-read counters
 * @dev_count: device counters since probe
 * @features: netdev features that the device is set to; netdev->features
 *	follows only after ndo_set_features
 * @vlans: VLAN ids let in
 * @rss: how received flows are hashed and spread; RTNL
 * @direct: the device reads memory at its physical address, whatever the DMA API
 *	would do: frames are sent without it. From probe on
 * @hw: backend's private state, zeroed at probe
 */
struct sluice_nic {
	struct net_device *netdev;
	struct pci_dev *pdev;
	const struct sluice_board *board;
	const struct sluice_engine *engine;
	void __iomem *regs;
	struct bpf_prog *xdp_prog;
	struct sluice_vector *vec[SLUICE_MAX_VECTORS];
	u32 nvec;
	u32 max_vec;
	u64 irqs;
	u64 irqs_foreign;

	struct sluice_config cfg;
	struct sluice_tx_aggr tx_aggr;
	u32 max_ring;
	u32 max_mtu;
	struct sluice_health health;
	unsigned long state;
	u32 msg_enable;
	u64 resets;
	struct work_struct link_work;
	spinlock_t dev_lock;	/* dev_count, and the registers behind it */
	u64 dev_count[SLUICE_DEV_COUNTERS];
	netdev_features_t features;
	DECLARE_BITMAP(vlans, VLAN_N_VID);
	struct sluice_rss rss;
	bool direct;
	void *hw;
};

/* ethtool.c: for a board without and with MAC, PHY and NVM of its own. */
extern const struct ethtool_ops sluice_ethtool_ops;
extern const struct ethtool_ops sluice_ethtool_phy_ops;

int sluice_map_bar(struct sluice_nic *nic, int bar);
void sluice_queue_broken(struct sluice_vector *v, enum sluice_direction dir,
			 const char *why);
int sluice_rebuild(struct sluice_nic *nic, const struct sluice_config *cfg,
		   struct netlink_ext_ack *extack);

int sluice_open(struct net_device *netdev);
int sluice_stop(struct net_device *netdev);
int sluice_change_mtu(struct net_device *netdev, int mtu);
int sluice_set_mac(struct net_device *netdev, void *addr);
int sluice_set_features(struct net_device *netdev, netdev_features_t features);
netdev_features_t sluice_fix_features(struct net_device *netdev,
				      netdev_features_t features);
netdev_features_t sluice_features_check(struct sk_buff *skb,
					struct net_device *netdev,
					netdev_features_t features);
void sluice_set_rx_mode(struct net_device *netdev);
void sluice_get_stats64(struct net_device *netdev,
			struct rtnl_link_stats64 *stats);
void sluice_tx_timeout(struct net_device *netdev, unsigned int txq);
int sluice_vlan_add(struct net_device *netdev, __be16 proto, u16 vid);
int sluice_vlan_kill(struct net_device *netdev, __be16 proto, u16 vid);
int sluice_bpf(struct net_device *netdev, struct netdev_bpf *bpf);

#endif
