// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's side of a virtqueue, split and packed: read what the driver has
 * made available, write what has been used, tell and be told. It is written after
 * virtio 1.2, 2.7 and 2.8, and takes over nothing from the driver.
 */

#include <linux/dma-direct.h>
#include <linux/virtio_ring.h>
#include "fake_virtio.h"

#define FAKE_AVAIL	BIT(VRING_PACKED_DESC_F_AVAIL)
#define FAKE_USED	BIT(VRING_PACKED_DESC_F_USED)
#define FAKE_WRAP	BIT(VRING_PACKED_EVENT_F_WRAP_CTR)

static u16 fake_le16(__virtio16 word)
{
	return le16_to_cpu((__force __le16)word);
}

static __virtio16 fake_to_le16(u16 word)
{
	return (__force __virtio16)cpu_to_le16(word);
}

/* What is at a bus address. */
void *fake_vq_memory(const struct fake_vq *vq, u64 addr)
{
	return phys_to_virt(dma_to_phys(vq->dev, addr));
}

static struct vring_packed_desc *fake_vq_packed(const struct fake_vq *vq, u16 at)
{
	return (struct vring_packed_desc *)vq->desc + at % vq->size;
}

/* Is an index in a round with wrap counter 1, as the first one is (2.8.1)? */
static bool fake_vq_wrap(const struct fake_vq *vq, u16 at)
{
	return at / vq->size % 2 == 0;
}

static void fake_chain_add(struct fake_chain *chain, u64 addr, u32 len, u16 flags)
{
	if (chain->n == FAKE_VQ_PIECES)
		return;
	chain->piece[chain->n++] = (struct fake_piece){
		.addr	= addr,
		.len	= len,
		.write	= flags & VRING_DESC_F_WRITE,
	};
}

static bool fake_split_read(struct fake_vq *vq, struct fake_chain *chain)
{
	const struct vring_avail *avail = vq->driver;
	const struct vring_desc *table = vq->desc, *d;
	u16 at, flags;

	if (vq->taken == fake_le16(READ_ONCE(avail->idx)))
		return false;
	/* The entry and its descriptors were written before the index. */
	dma_rmb();
	at = fake_le16(avail->ring[vq->taken++ % vq->size]);
	chain->id = at;
	do {
		d = &table[at % vq->size];
		vq->disorder += at != vq->place++ % vq->size;
		flags = fake_le16(d->flags);
		fake_chain_add(chain, le64_to_cpu((__force __le64)d->addr),
			       le32_to_cpu((__force __le32)d->len), flags);
		at = fake_le16(d->next);
	} while (flags & VRING_DESC_F_NEXT && chain->n < FAKE_VQ_PIECES);
	return true;
}

static bool fake_packed_is_avail(const struct fake_vq *vq, u16 at)
{
	u16 flags = le16_to_cpu(READ_ONCE(fake_vq_packed(vq, at)->flags));
	bool avail = flags & FAKE_AVAIL, used = flags & FAKE_USED;

	if (avail == used || avail != fake_vq_wrap(vq, at))
		return false;
	/* The rest of the descriptor was written before its flags. */
	dma_rmb();
	return true;
}

/* The last descriptor of a chain has its name (2.8.6). */
static bool fake_packed_read(struct fake_vq *vq, struct fake_chain *chain)
{
	const struct vring_packed_desc *d;
	u16 flags;

	if (!fake_packed_is_avail(vq, vq->taken))
		return false;
	/* The rest was written before the flags of the first. */
	dma_rmb();
	do {
		d = fake_vq_packed(vq, vq->taken++);
		flags = le16_to_cpu(d->flags);
		fake_chain_add(chain, le64_to_cpu(d->addr), le32_to_cpu(d->len),
			       flags);
	} while (flags & VRING_DESC_F_NEXT && chain->n < FAKE_VQ_PIECES);
	chain->id = le16_to_cpu(d->id);
	return true;
}

/**
 * fake_vq_read() - read the next chain that the driver has made available
 * @vq: the queue
 * @chain: filled in
 * Return: true; false if there is none.
 */
bool fake_vq_read(struct fake_vq *vq, struct fake_chain *chain)
{
	chain->n = 0;
	return vq->packed ? fake_packed_read(vq, chain) :
			    fake_split_read(vq, chain);
}

/* The device has it from now on. */
void fake_vq_keep(struct fake_vq *vq, const struct fake_chain *chain)
{
	if (vq->nout == FAKE_VQ_MOST)
		return;
	vq->out[vq->nout++] = (struct fake_out){
		.id	= chain->id,
		.descs	= chain->n,
		.first	= chain->piece[0],
	};
}

/* The device no longer has the n-th of what it has. */
struct fake_out fake_vq_forget(struct fake_vq *vq, u32 nth)
{
	struct fake_out out = vq->out[nth];

	vq->nout--;
	memmove(&vq->out[nth], &vq->out[nth + 1],
		(vq->nout - nth) * sizeof(vq->out[0]));
	return out;
}

static void fake_split_write(struct fake_vq *vq, u32 id, u32 len)
{
	struct vring_used *used = vq->device;

	used->ring[vq->used++ % vq->size] = (struct vring_used_elem){
		.id	= (__force __virtio32)cpu_to_le32(id),
		.len	= (__force __virtio32)cpu_to_le32(len),
	};
}

static void fake_packed_write(struct fake_vq *vq, u32 id, u32 len, u32 descs)
{
	struct vring_packed_desc *d = fake_vq_packed(vq, vq->used);
	u16 flags = fake_vq_wrap(vq, vq->used) ? FAKE_AVAIL | FAKE_USED : 0;

	d->id = cpu_to_le16(id);
	d->len = cpu_to_le32(len);
	/* The driver believes all of it once it sees the flags. */
	dma_wmb();
	WRITE_ONCE(d->flags, cpu_to_le16(flags));
	vq->used += descs;
}

/**
 * fake_vq_write() - say that a chain has been used, true or not
 * @vq: the queue
 * @id: its name
 * @len: bytes written to it
 * @descs: its descriptors, which a packed ring skips
 *
 * A split ring does not show it before fake_vq_tell().
 */
void fake_vq_write(struct fake_vq *vq, u32 id, u32 len, u32 descs)
{
	if (vq->packed)
		fake_packed_write(vq, id, len, descs);
	else
		fake_split_write(vq, id, len);
}

/**
 * fake_vq_batch() - say that the oldest chains have been used, by one entry
 * @vq: the queue, of a device that keeps the order
 * @n: how many
 * @len: bytes written to the last of them
 *
 * The entry is where that of the first would be (2.7.9, 2.8.9).
 */
void fake_vq_batch(struct fake_vq *vq, u32 n, u32 len)
{
	struct fake_out last = {};
	u32 i, descs = 0;

	for (i = 0; i < n; i++) {
		last = fake_vq_forget(vq, 0);
		descs += last.descs;
	}
	fake_vq_write(vq, last.id, len, descs);
	if (!vq->packed)
		vq->used += n - 1;
}

static bool fake_split_wants_interrupt(const struct fake_vq *vq, u16 old)
{
	const struct vring_avail *avail = vq->driver;

	if (vq->event_idx)
		return vring_need_event(fake_le16(READ_ONCE(avail->ring[vq->size])),
					vq->used, old);
	return !(fake_le16(READ_ONCE(avail->flags)) & VRING_AVAIL_F_NO_INTERRUPT);
}

/* The place in the ring after which the driver wants to be told has been passed:
 * counted from there in steps, and not by the arithmetic of 2.8.10.
 */
static bool fake_packed_passed(const struct fake_vq *vq, u16 old, u16 off_wrap)
{
	u16 at;

	for (at = old; at != vq->used; at++)
		if (at % vq->size == (off_wrap & ~FAKE_WRAP) &&
		    fake_vq_wrap(vq, at) == !!(off_wrap & FAKE_WRAP))
			return true;
	return false;
}

static bool fake_packed_wants_interrupt(const struct fake_vq *vq, u16 old)
{
	const struct vring_packed_desc_event *event = vq->driver;
	u16 flags = le16_to_cpu(READ_ONCE(event->flags));

	if (flags == VRING_PACKED_EVENT_FLAG_DESC)
		return fake_packed_passed(vq, old,
					  le16_to_cpu(READ_ONCE(event->off_wrap)));
	return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
}

/**
 * fake_vq_tell() - show all that has been used
 * @vq: the queue
 * Return: whether the driver has asked for an interrupt by it.
 */
bool fake_vq_tell(struct fake_vq *vq)
{
	struct vring_used *used = vq->device;
	u16 old = vq->told;

	vq->told = vq->used;
	if (!vq->packed) {
		/* The entries before the index that shows them. */
		dma_wmb();
		WRITE_ONCE(used->idx, fake_to_le16(vq->used));
	}
	/* What is shown before the answer to: do you sleep? */
	virt_mb();
	if (old == vq->used)
		return false;
	return vq->packed ? fake_packed_wants_interrupt(vq, old) :
			    fake_split_wants_interrupt(vq, old);
}

static void fake_split_ask(struct fake_vq *vq, u16 at, u16 flags)
{
	struct vring_used *used = vq->device;
	__virtio16 *event = (__virtio16 *)&used->ring[vq->size];

	if (vq->event_idx)
		WRITE_ONCE(*event, fake_to_le16(at));
	else
		WRITE_ONCE(used->flags, fake_to_le16(flags));
}

static void fake_packed_ask(struct fake_vq *vq, u16 at, u16 flags)
{
	struct vring_packed_desc_event *event = vq->device;

	if (flags == VRING_PACKED_EVENT_FLAG_DESC)
		WRITE_ONCE(event->off_wrap, cpu_to_le16(at % vq->size |
							(fake_vq_wrap(vq, at) ?
							 FAKE_WRAP : 0)));
	WRITE_ONCE(event->flags, cpu_to_le16(flags));
}

/* The driver shall notify of the next thing that it makes available. */
void fake_vq_want_kick(struct fake_vq *vq)
{
	if (vq->packed)
		fake_packed_ask(vq, 0, VRING_PACKED_EVENT_FLAG_ENABLE);
	else
		fake_split_ask(vq, vq->taken, 0);
	/* The request before the look at what is there already. */
	virt_mb();
}

/* It shall notify when it has passed an index. */
void fake_vq_want_kick_at(struct fake_vq *vq, u16 at)
{
	if (vq->packed)
		fake_packed_ask(vq, at, VRING_PACKED_EVENT_FLAG_DESC);
	else
		fake_split_ask(vq, at, 0);
}

/* It shall not notify; as an index: of the one that was passed just now. */
void fake_vq_want_no_kick(struct fake_vq *vq)
{
	if (vq->packed)
		fake_packed_ask(vq, 0, VRING_PACKED_EVENT_FLAG_DISABLE);
	else
		fake_split_ask(vq, vq->taken - 1, VRING_USED_F_NO_NOTIFY);
}

/* Where the driver will describe what comes next (4.1.5.2). */
static u16 fake_vq_next(const struct fake_vq *vq)
{
	const struct vring_avail *avail = vq->driver;
	u16 at = vq->taken;

	if (!vq->packed)
		return fake_le16(READ_ONCE(avail->idx));
	while (fake_packed_is_avail(vq, at))
		at++;
	return at % vq->size | (fake_vq_wrap(vq, at) ? FAKE_WRAP : 0);
}

/* Has it notified, with the number of this queue and, if that has been agreed on,
 * with its place in the ring, since the last time asked?
 */
bool fake_vq_kicked(struct fake_vq *vq)
{
	u32 word = xchg(&vq->doorbell, FAKE_VQ_QUIET);

	if (vq->says_next)
		return word == ((u32)fake_vq_next(vq) << 16 | vq->index);
	return word == ((FAKE_VQ_QUIET & 0xffff0000) | vq->index);
}
