/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio-net device that exists in memory only, under the driver's own engines
 * for split and packed rings.
 *
 * fake_virtio_board.c is its slow path: features that a test has chosen, and
 * doorbells that are words of memory. fake_virtqueue.c is the device's side of
 * a ring, honest or not, after virtio 1.2 and not after the driver.
 * fake_virtio.c moves frames through it.
 */

#ifndef SLUICE_KUNIT_FAKE_VIRTIO_H
#define SLUICE_KUNIT_FAKE_VIRTIO_H

#include "../src/hw/vnet.h"
#include "fake_nic.h"

/**
 * FAKE_VQ_PIECES - most descriptors of one frame
 */
#define FAKE_VQ_PIECES	(SLUICE_TX_WORST + 1)

/**
 * FAKE_VQ_MOST - most descriptors of a ring
 */
#define FAKE_VQ_MOST	1024

/**
 * FAKE_VQ_QUIET - what a doorbell holds that nobody has rung
 *
 * Without NOTIFICATION_DATA it is two bytes wide, and the other two stay.
 */
#define FAKE_VQ_QUIET	0xdeaddead

/**
 * struct fake_virtio_kind - what a test's device is
 * @name: for people
 * @features: what is negotiated
 */
struct fake_virtio_kind {
	const char *name;
	u64 features;
};

/* Ring formats, with and without event indexes. */
extern const struct fake_virtio_kind fake_virtio_rings[4];

/* The same of devices that keep the order, with all that goes with hardware: barriers
 * of its own, and doorbells that say more.
 */
extern const struct fake_virtio_kind fake_virtio_ordered[4];

/* Of these eight as many as have each two of format, event index and order in each
 * combination: each kind costs half a second on a kernel that watches.
 */
extern const struct fake_virtio_kind fake_virtio_mixed[4];

/* So for formats, event indexes, and frames of several buffers with checksums left to
 * us.
 */
extern const struct fake_virtio_kind fake_virtio_kinds[4];

/* Those that say a hash in front of each frame. */
extern const struct fake_virtio_kind fake_virtio_hashing[4];

/* Of the formats, those with event indexes. */
const void *fake_virtio_event_gen_params(const void *prev, char *desc);

/**
 * struct fake_piece - a descriptor of a chain
 * @addr: where it points
 * @len: bytes there
 * @write: the device may write there, and not read
 */
struct fake_piece {
	u64 addr;
	u32 len;
	bool write;
};

/**
 * struct fake_chain - what the driver has made available, as read
 * @id: what the device names it by
 * @n: descriptors
 * @piece: the descriptors
 */
struct fake_chain {
	u16 id;
	u32 n;
	struct fake_piece piece[FAKE_VQ_PIECES];
};

/**
 * struct fake_out - a chain that the device has, and has not returned
 * @id: its name
 * @descs: its descriptors
 * @first: the first of them
 */
struct fake_out {
	u16 id;
	u16 descs;
	struct fake_piece first;
};

/**
 * struct fake_vq - a virtqueue, as the device sees it
 * @dev: whose bus addresses it uses
 * @desc: descriptor area
 * @driver: driver area
 * @device: device area
 * @size: descriptors
 * @packed: the format
 * @event_idx: notifications are asked for by index
 * @says_next: the driver notifies by four bytes, which say how far it has got
 * @taken: split: chains taken; packed: their descriptors; runs freely
 * @used: split: chains returned; packed: their descriptors; runs freely
 * @told: @used when the driver was last told
 * @place: split: descriptors taken; runs freely
 * @disorder: of these, how many were not the next ones in the table
 * @doorbell: the register that the driver notifies through
 * @index: what it writes there
 * @out: chains that the device has
 * @nout: how many
 */
struct fake_vq {
	struct device *dev;
	void *desc;
	void *driver;
	void *device;
	u32 size;
	bool packed;
	bool event_idx;
	bool says_next;
	u16 taken;
	u16 used;
	u16 told;
	u16 place;
	u32 disorder;
	u32 doorbell;
	u16 index;
	struct fake_out out[FAKE_VQ_MOST];
	u32 nout;
};

/**
 * struct fake_hash - what is behind the 12 bytes of a usual header, with HASH_REPORT
 * @value: the hash
 * @type: what it was made of
 * @padding: nothing
 */
struct fake_hash {
	__le32 value;
	__le16 type;
	__le16 padding;
};

/**
 * struct fake_virtio - the backend's private state and, behind it, the device
 * @vnet: as the driver knows it
 * @config: configuration space; DMA needs bus mastering
 * @rx: receive queue
 * @tx: transmit queue
 * @wire: frames sent, &struct fake_vsent in the control buffer
 * @hash: what it says of received frames
 * @refuses: commands on hashing
 * @commands: how many of these it has had
 * @running: the driver has let it run
 * @cause: an interrupt is pending
 * @resets: resets
 */
struct fake_virtio {
	struct vnet_hw vnet;
	const u8 *config;
	struct fake_vq rx;
	struct fake_vq tx;
	struct sk_buff_head wire;
	struct fake_hash hash;
	bool refuses;
	u32 commands;
	bool running;
	bool cause;
	u32 resets;
};

static_assert(offsetof(struct fake_virtio, vnet) == 0);

/**
 * struct fake_vsent - what the device was asked to do to a frame it sent
 * @hdr: header
 * @hash: the rest of it
 * @id: name of the frame
 * @pieces: descriptors with bytes of the frame
 * @pushed: its header was in the first of these, and in no descriptor of its own
 */
struct fake_vsent {
	struct virtio_net_hdr_v1 hdr;
	struct fake_hash hash;
	u16 id;
	u16 pieces;
	bool pushed;
};

static_assert(sizeof(struct fake_vsent) <= sizeof_field(struct sk_buff, cb));

/* fake_virtio_board.c */
extern const struct sluice_board fake_virtio_board;

/* fake_virtqueue.c: the device's side of one ring */
void *fake_vq_memory(const struct fake_vq *vq, u64 addr);
bool fake_vq_read(struct fake_vq *vq, struct fake_chain *chain);
void fake_vq_keep(struct fake_vq *vq, const struct fake_chain *chain);
void fake_vq_write(struct fake_vq *vq, u32 id, u32 len, u32 descs);
void fake_vq_batch(struct fake_vq *vq, u32 n, u32 len);
bool fake_vq_tell(struct fake_vq *vq);
struct fake_out fake_vq_forget(struct fake_vq *vq, u32 nth);
void fake_vq_want_kick(struct fake_vq *vq);
void fake_vq_want_kick_at(struct fake_vq *vq, u16 at);
void fake_vq_want_no_kick(struct fake_vq *vq);
bool fake_vq_kicked(struct fake_vq *vq);

/* fake_virtio.c: life of a test, and frames */
int fake_virtio_init(struct kunit *test);
void fake_virtio_interrupt(struct fake_nic *fake);
u32 fake_virtio_room(struct fake_nic *fake);
void fake_virtio_fill(struct fake_nic *fake, u32 nth,
		      const struct virtio_net_hdr_v1 *hdr, const void *data,
		      u32 bytes);
void fake_virtio_return(struct fake_nic *fake, u32 nth, u32 len);
void fake_virtio_tell_rx(struct fake_nic *fake);
void fake_virtio_receive(struct fake_nic *fake, const void *data, u32 len);
void fake_virtio_receive_with(struct fake_nic *fake, const void *data, u32 len,
			      struct virtio_net_hdr_v1 hdr);
u32 fake_virtio_send(struct fake_nic *fake);
void fake_virtio_complete(struct fake_nic *fake, u32 nth);
void fake_virtio_complete_batch(struct fake_nic *fake, u32 n);
u32 fake_virtio_send_all(struct fake_nic *fake);
void fake_virtio_skip_all(struct fake_nic *fake);
struct fake_vsent fake_virtio_expect_wire(struct fake_nic *fake,
					  const void *data, u32 len);
void fake_virtio_expect_frame(struct fake_nic *fake, const void *data, u32 len);
void fake_virtio_expect_alive(struct fake_nic *fake);

static inline struct fake_virtio *fake_virtio(const struct fake_nic *fake)
{
	return (struct fake_virtio *)fake->nic->hw;
}

static inline struct fake_vsent *fake_vsent(struct sk_buff *skb)
{
	return (struct fake_vsent *)skb->cb;
}

#endif
