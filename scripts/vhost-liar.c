// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device side of a virtio NIC in a process of its own: a vhost-user backend that keeps every
 * rule and reports the driver that breaks one, or breaks rules itself to see what a driver bears.
 *
 *   vhost-liar --socket PATH [--mac ADDRESS] [--seed N]
 *
 * It connects to the socket on which QEMU listens, and again when QEMU hangs up. It is honest until
 * it is told to lie. The same seed makes the same choices; what the driver sees of them depends on
 * when it looks.
 *
 * Standard input takes lines; each is answered by one line. Its end is the end of the process.
 *   totals         "lies NUMBER KIND=COUNT ...", with the frames of both directions and the rules
 *                  that the driver has broken
 *   rings          where each ring stands, by this side's books and by what lies in memory, and
 *                  where it stood when it was last stopped
 *   echo 0|1       whether each frame of the guest goes back to its sender
 *   send N SIZE    N frames to the guest, as it makes room for them; honest only
 *   forge N KIND   N frames more, each with this lie about what is received; honest only
 *   lie N F V      N lies, then honest again. One in F is such that a driver has to give up the
 *                  queue, and after each V the device vanishes; 0 is never
 *   honest         no more lies; what was held back is delivered
 *   vanish         close the connection, come back a moment later
 *
 * Guest and host are little-endian both, so nothing is converted.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_ether.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1U << (n))
#define BIT_ULL(n)	(1ULL << (n))
#define __printf(a, b)	__attribute__((format(printf, a, b)))

#define RX		0
#define TX		1
#define RINGS		2
#define MAX_REGIONS	8
#define MAX_PARTS	64
#define MAX_GATHERED	64
#define MAX_HELD	16
#define MAX_DESCS	32768
#define MAX_FRAME	65550
#define HDR_LEN		sizeof(struct virtio_net_hdr_v1)
#define STANDING	256

/* Descriptors that one turn takes, so that the other ring and the host get theirs. */
#define TURN		64
/* Milliseconds a driver gets to give up a queue before the device goes on as if nothing were. */
#define FATAL_PAUSE	100
/* What is late comes after at most so many milliseconds: no watchdog of a driver is that short. */
#define LATE		40
/* QEMU must have seen the end of a connection before the next one. */
#define AWAY		200

/* Random choices, the same for the same seed (xorshift64*). */

static __u64 random_state;

static __u32 roll(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1dULL) >> 32;
}

static __u32 below(__u32 limit)
{
	return roll() % limit;
}

static bool one_in(__u32 n)
{
	return !below(n);
}

static long long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Order of accesses to memory that a driver reads at the same time. */

static void write_before_write(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void read_before_read(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static void write_before_read(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, value)	__atomic_store_n(&(x), value, __ATOMIC_RELAXED)

/* What the driver has done wrong. An honest device's word against the driver's. */

static unsigned long faults;

static __printf(1, 2) bool fault(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (faults++ < 20) {
		fputs("the driver: ", stderr);
		vfprintf(stderr, format, arguments);
		fputc('\n', stderr);
	}
	va_end(arguments);
	return false;
}

/* The guest's memory */

struct region {
	__u64 guest;
	__u64 user;
	__u64 size;
	char *host;
	void *map;
	size_t mapped;
};

static struct region regions[MAX_REGIONS];
static unsigned int region_count;

static void forget_memory(void)
{
	while (region_count) {
		region_count--;
		munmap(regions[region_count].map, regions[region_count].mapped);
	}
}

/* NULL: not memory of the guest. user: an address of QEMU's, as those of rings are. */
static void *memory_at(__u64 address, __u64 length, bool user)
{
	struct region *r;

	for (r = regions; r < regions + region_count; r++) {
		__u64 offset = address - (user ? r->user : r->guest);

		if (offset < r->size && length <= r->size - offset)
			return r->host + offset;
	}
	return NULL;
}

/* Rings */

/**
 * struct buffer - what the driver has made available as one
 * @id: by which it is used
 * @descs: its descriptors, which in a packed ring are as many places
 * @parts: its pieces of memory
 * @room: bytes in all of them
 * @part: the pieces
 */
struct buffer {
	__u16 id;
	__u16 descs;
	unsigned int parts;
	size_t room;
	struct iovec part[MAX_PARTS];
};

/**
 * struct claim - what the device says of a buffer that it has used
 * @id: of the buffer
 * @length: bytes that it has written
 * @header: what it writes in front of the frame
 * @noise: bits of a packed descriptor's flags that mean nothing there
 * @frame: bytes of the frame that are written in truth
 * @held: it is said later
 */
struct claim {
	__u32 id;
	__u32 length;
	struct virtio_net_hdr_v1 header;
	__u16 noise;
	__u32 frame;
	bool held;
};

/* A buffer that is used later than it could be. */
struct held {
	struct buffer buffer;
	struct claim claim;
	long long until;
};

/* A place in a packed ring, or in a split one a number that only grows. */
struct cursor {
	__u16 at;
	bool wrap;
};

struct ring;

/* The two formats of a ring (virtio 1.2, 2.7 and 2.8). */
struct format {
	bool (*map)(struct ring *r);
	void (*start)(struct ring *r);
	__u32 (*base)(const struct ring *r);
	bool (*more)(struct ring *r);
	bool (*take)(struct ring *r, struct buffer *b);
	bool (*is_waiting)(struct ring *r, __u16 id);
	void (*stage)(struct ring *r, const struct buffer *b, const struct claim *c);
	void (*publish)(struct ring *r);
	bool (*wants_call)(struct ring *r);
	void (*ask_kick)(struct ring *r, bool on);
	void (*confuse)(struct ring *r);
	int (*describe)(const struct ring *r, char *text, size_t size);
};

/**
 * struct ring - a queue of the device
 * @index: RX or TX
 * @num: its size
 * @address: of its parts, as QEMU names them
 * @base: where it starts, as QEMU remembers it
 * @desc: descriptors
 * @driver: what the driver writes: available ring, or event suppression
 * @device: what the device writes: used ring, or event suppression
 * @kick: eventfd of the driver's notifications
 * @call: eventfd of the device's
 * @enabled: frames may pass
 * @running: it may be looked at
 * @format: split or packed
 * @avail: the next buffer to take
 * @used: the next one to give back
 * @first: the place of the first one staged, whose flags are written last
 * @first_flags: these
 * @staged: buffers not yet shown
 * @uncalled: what the driver was not yet asked about: does it want to be interrupted?
 * @skew: by how much the used index is wrong
 * @quiet_until: the driver has time until then to find out that it was lied to
 * @upset: a lie was told after which the driver cannot know what the device has
 * @told: lies so far
 * @next_fatal: the next of those lies
 * @last_id: the last one used
 * @taken: ids that the device has
 * @held: buffers that are used later
 * @kicks: notifications of the driver's that came
 * @heard: of these, before the last turn
 * @calls: how many were sent to it
 * @stopped: where the ring stood when it was last stopped
 * @rest: where the ring stood when the connection was closed
 * @rest_base: and what QEMU had said of it
 * @rest_desc: and where it was
 * @rest_mark: what was written into it then
 */
struct ring {
	unsigned int index;
	__u32 num;
	struct vhost_vring_addr address;
	__u32 base;
	void *desc;
	void *driver;
	void *device;
	int kick;
	int call;
	bool enabled;
	bool running;
	const struct format *format;
	struct cursor avail;
	struct cursor used;
	struct cursor first;
	__u16 first_flags;
	unsigned int staged;
	__u16 uncalled;
	__u16 skew;
	long long quiet_until;
	bool upset;
	__u64 told;
	unsigned int next_fatal;
	__u16 last_id;
	bool taken[MAX_DESCS];
	unsigned int held_count;
	struct held held[MAX_HELD];
	__u64 kicks;
	__u64 heard;
	__u64 calls;
	char stopped[STANDING];
	struct cursor rest[2];
	__u32 rest_base;
	__u64 rest_desc;
	__u16 rest_mark;
};

static struct ring rings[RINGS] = {
	{ .index = RX, .kick = -1, .call = -1 },
	{ .index = TX, .kick = -1, .call = -1 },
};

static __u64 features;

static bool has(unsigned int feature)
{
	return features & BIT_ULL(feature);
}

static const char *name_of(const struct ring *r)
{
	return r->index == TX ? "transmit" : "receive";
}

static void call(struct ring *r)
{
	__u64 one = 1;

	r->calls++;
	if (r->call >= 0 && write(r->call, &one, sizeof(one)) < 0 && errno != EAGAIN)
		warn("interrupt");
}

/* Buffers */

/* By the device: to receive is to write. */
static bool is_written(const struct ring *r)
{
	return r->index == RX;
}

static void start_buffer(struct buffer *b, __u16 id)
{
	b->id = id;
	b->descs = 0;
	b->parts = 0;
	b->room = 0;
}

static bool add_part(struct ring *r, struct buffer *b, __u64 address, __u32 length, __u16 flags)
{
	bool to_write = flags & VRING_DESC_F_WRITE;
	void *memory = memory_at(address, length, false);

	if (flags & VRING_DESC_F_INDIRECT)
		return fault("an indirect descriptor, which was not negotiated");
	if (to_write != is_written(r))
		return fault("a %s descriptor to %s", name_of(r), to_write ? "write" : "read");
	if (!memory)
		return fault("a %s descriptor of %u bytes at %llx, which is not its memory",
			     name_of(r), length, address);
	if (b->parts == MAX_PARTS || b->descs == r->num)
		return fault("a %s chain of more than %u descriptors", name_of(r), b->descs);
	b->part[b->parts++] = (struct iovec){ memory, length };
	b->descs++;
	b->room += length;
	return true;
}

static bool own(struct ring *r, const struct buffer *b)
{
	if (b->id >= r->num)
		return fault("%s id %u in a ring of %u", name_of(r), b->id, r->num);
	/* after some lies who has what is a matter of opinion */
	if (r->taken[b->id] && !r->upset)
		return fault("%s id %u, which the device still has", name_of(r), b->id);
	r->taken[b->id] = true;
	return true;
}

static void copy(const struct buffer *b, size_t at, void *data, size_t length, bool to_guest)
{
	char *bytes = data;
	unsigned int i;

	for (i = 0; i < b->parts && length; i++) {
		size_t size = b->part[i].iov_len, now;
		char *piece = b->part[i].iov_base;

		if (at >= size) {
			at -= size;
			continue;
		}
		now = size - at < length ? size - at : length;
		memcpy(to_guest ? piece + at : bytes, to_guest ? bytes : piece + at, now);
		bytes += now;
		length -= now;
		at = 0;
	}
}

/* Split */

static bool split_map(struct ring *r)
{
	__u64 size = r->num;

	if (size & (size - 1))
		return false;
	r->desc = memory_at(r->address.desc_user_addr, size * sizeof(struct vring_desc), true);
	r->driver = memory_at(r->address.avail_user_addr, 6 + 2 * size, true);
	r->device = memory_at(r->address.used_user_addr,
			      6 + size * sizeof(struct vring_used_elem), true);
	return r->desc && r->driver && r->device;
}

static void split_start(struct ring *r)
{
	const struct vring_used *used = r->device;

	r->avail.at = r->base;
	r->used.at = used->idx;
}

static __u32 split_base(const struct ring *r)
{
	return r->avail.at;
}

static bool split_more(struct ring *r)
{
	const struct vring_avail *avail = r->driver;
	__u16 count = READ_ONCE(avail->idx) - r->avail.at;

	if (count > r->num) {
		r->running = false;
		return fault("%u buffers available in a %s ring of %u", count, name_of(r), r->num);
	}
	read_before_read();
	return count;
}

static bool split_chain(struct ring *r, struct buffer *b)
{
	const struct vring_desc *table = r->desc;
	__u32 at = b->id;

	for (;;) {
		struct vring_desc desc;

		if (at >= r->num)
			return fault("%s descriptor %u of %u", name_of(r), at, r->num);
		desc = table[at];
		if (!add_part(r, b, desc.addr, desc.len, desc.flags))
			return false;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return true;
		at = desc.next;
	}
}

static bool split_take(struct ring *r, struct buffer *b)
{
	const struct vring_avail *avail = r->driver;

	start_buffer(b, avail->ring[r->avail.at++ & (r->num - 1)]);
	return own(r, b) && split_chain(r, b);
}

/* Available, and not yet taken. */
static bool split_is_waiting(struct ring *r, __u16 id)
{
	const struct vring_avail *avail = r->driver;
	__u16 at;

	for (at = r->avail.at; at != READ_ONCE(avail->idx); at++)
		if (avail->ring[at & (r->num - 1)] == id)
			return true;
	return false;
}

static void split_stage(struct ring *r, const struct buffer *b, const struct claim *c)
{
	struct vring_used *used = r->device;

	(void)b;
	used->ring[r->used.at++ & (r->num - 1)] =
		(struct vring_used_elem){ .id = c->id, .len = c->length };
	r->uncalled++;
}

static void split_publish(struct ring *r)
{
	struct vring_used *used = r->device;

	/* the entries, and what is in the buffers, before the index */
	write_before_write();
	WRITE_ONCE(used->idx, r->used.at + r->skew);
}

static bool split_wants_call(struct ring *r)
{
	const struct vring_avail *avail = r->driver;

	if (has(VIRTIO_RING_F_EVENT_IDX))
		return vring_need_event(READ_ONCE(avail->ring[r->num]), r->used.at,
					r->used.at - r->uncalled);
	return !(READ_ONCE(avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}

static __u16 *split_avail_event(const struct ring *r)
{
	struct vring_used *used = r->device;

	return (__u16 *)&used->ring[r->num];
}

static void split_ask_kick(struct ring *r, bool on)
{
	struct vring_used *used = r->device;

	if (!has(VIRTIO_RING_F_EVENT_IDX)) {
		WRITE_ONCE(used->flags, on ? 0 : VRING_USED_F_NO_NOTIFY);
		return;
	}
	WRITE_ONCE(used->flags, 0);
	if (on)
		WRITE_ONCE(*split_avail_event(r), r->avail.at);
}

static void split_confuse(struct ring *r)
{
	struct vring_used *used = r->device;

	WRITE_ONCE(used->flags, roll());
	/* without the feature that memory is not the device's */
	if (has(VIRTIO_RING_F_EVENT_IDX))
		WRITE_ONCE(*split_avail_event(r), roll());
}

static int split_describe(const struct ring *r, char *text, size_t size)
{
	const struct vring_avail *avail = r->driver;
	const struct vring_used *used = r->device;

	return snprintf(text, size, "next %u, used %u, driver at %u asks %#x/%u, device asks %#x/%u",
			r->avail.at, r->used.at, avail->idx, avail->flags, avail->ring[r->num],
			used->flags, *split_avail_event(r));
}

static const struct format split = {
	.map		= split_map,
	.start		= split_start,
	.base		= split_base,
	.more		= split_more,
	.take		= split_take,
	.is_waiting	= split_is_waiting,
	.stage		= split_stage,
	.publish	= split_publish,
	.wants_call	= split_wants_call,
	.ask_kick	= split_ask_kick,
	.confuse	= split_confuse,
	.describe	= split_describe,
};

/* Packed */

#define AVAIL_BIT	BIT(VRING_PACKED_DESC_F_AVAIL)
#define USED_BIT	BIT(VRING_PACKED_DESC_F_USED)
#define WRAP_BIT	BIT(VRING_PACKED_EVENT_F_WRAP_CTR)

static void advance(const struct ring *r, struct cursor *c, __u16 places)
{
	__u32 at = c->at + places;

	if (at >= r->num) {
		at -= r->num;
		c->wrap = !c->wrap;
	}
	c->at = at;
}

static __u16 half_base(struct cursor c)
{
	return c.at | (c.wrap ? WRAP_BIT : 0);
}

static struct cursor from_half_base(__u16 half)
{
	return (struct cursor){ half & ~WRAP_BIT, half & WRAP_BIT };
}

/* The mark is from before, so the driver has not started the ring anew. The flag alone would not
 * do: QEMU sets it in every ring to send when the link goes down.
 */
static bool is_same_ring(const struct ring *r)
{
	const struct vring_packed_desc_event *device = r->device;

	return r->rest_desc && r->rest_desc == r->address.desc_user_addr &&
	       device->flags == VRING_PACKED_EVENT_FLAG_DISABLE &&
	       device->off_wrap == r->rest_mark;
}

/* QEMU cannot know where a packed ring was when the connection broke. It has stayed where the ring
 * began; what it takes there for frames, and throws away, are frames only if the ring was there.
 * Else it is the inner descriptor of a chain, which no device marks as used.
 */
static bool has_gone_on(const struct ring *r)
{
	return r->rest_base != r->base && half_base(r->rest[0]) == (__u16)r->rest_base;
}

static bool packed_map(struct ring *r)
{
	r->desc = memory_at(r->address.desc_user_addr,
			    r->num * sizeof(struct vring_packed_desc), true);
	r->driver = memory_at(r->address.avail_user_addr, 4, true);
	r->device = memory_at(r->address.used_user_addr, 4, true);
	return r->desc && r->driver && r->device;
}

static void packed_start(struct ring *r)
{
	r->avail = from_half_base(r->base);
	r->used = from_half_base(r->base >> 16);
	if (is_same_ring(r) && !has_gone_on(r)) {
		r->avail = r->rest[0];
		r->used = r->rest[1];
	}
	r->rest_desc = 0;
}

static __u32 packed_base(const struct ring *r)
{
	return half_base(r->avail) | (__u32)half_base(r->used) << 16;
}

static bool is_available(const struct ring *r, struct cursor c)
{
	const struct vring_packed_desc *table = r->desc;
	__u16 flags = READ_ONCE(table[c.at].flags);

	return !!(flags & AVAIL_BIT) == c.wrap && !!(flags & USED_BIT) != c.wrap;
}

static bool packed_more(struct ring *r)
{
	if (!is_available(r, r->avail))
		return false;
	read_before_read();
	return true;
}

static bool packed_take(struct ring *r, struct buffer *b)
{
	const struct vring_packed_desc *table = r->desc;
	struct vring_packed_desc desc;

	start_buffer(b, 0);
	do {
		if (!is_available(r, r->avail))
			return fault("a %s chain that ends before its last descriptor", name_of(r));
		desc = table[r->avail.at];
		if (!add_part(r, b, desc.addr, desc.len, desc.flags))
			return false;
		advance(r, &r->avail, 1);
	} while (desc.flags & VRING_DESC_F_NEXT);
	/* only the last one has an id to speak of (2.8.6) */
	b->id = desc.id;
	return own(r, b);
}

static bool packed_is_waiting(struct ring *r, __u16 id)
{
	const struct vring_packed_desc *table = r->desc;
	struct cursor c = r->avail;

	while (is_available(r, c)) {
		if (table[c.at].id == id)
			return true;
		advance(r, &c, 1);
	}
	return false;
}

static __u16 used_flags(const struct ring *r, const struct claim *c)
{
	__u16 flags = (r->used.wrap ? AVAIL_BIT | USED_BIT : 0) ^ c->noise;

	return flags | (c->length ? VRING_DESC_F_WRITE : 0);
}

static void packed_stage(struct ring *r, const struct buffer *b, const struct claim *c)
{
	struct vring_packed_desc *desc = (struct vring_packed_desc *)r->desc + r->used.at;

	desc->id = c->id;
	desc->len = c->length;
	if (!r->staged++) {
		r->first = r->used;
		r->first_flags = used_flags(r, c);
	} else {
		write_before_write();
		WRITE_ONCE(desc->flags, used_flags(r, c));
	}
	advance(r, &r->used, b->descs);
	r->uncalled += b->descs;
}

/* All that was staged appears at once, with the first descriptor's flags. */
static void packed_publish(struct ring *r)
{
	struct vring_packed_desc *table = r->desc;

	if (!r->staged)
		return;
	write_before_write();
	WRITE_ONCE(table[r->first.at].flags, r->first_flags);
	r->staged = 0;
}

static bool packed_wants_call(struct ring *r)
{
	struct vring_packed_desc_event event;
	__u16 at;

	memcpy(&event, r->driver, sizeof(event));
	if (event.flags != VRING_PACKED_EVENT_FLAG_DESC)
		return event.flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	at = event.off_wrap & ~WRAP_BIT;
	if (!!(event.off_wrap & WRAP_BIT) != r->used.wrap)
		at -= r->num;
	return vring_need_event(at, r->used.at, r->used.at - r->uncalled);
}

static void packed_ask_kick(struct ring *r, bool on)
{
	struct vring_packed_desc_event *event = r->device;

	if (!on) {
		WRITE_ONCE(event->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
	} else if (has(VIRTIO_RING_F_EVENT_IDX)) {
		WRITE_ONCE(event->off_wrap, half_base(r->avail));
		write_before_write();
		WRITE_ONCE(event->flags, VRING_PACKED_EVENT_FLAG_DESC);
	} else {
		WRITE_ONCE(event->flags, VRING_PACKED_EVENT_FLAG_ENABLE);
	}
}

static void packed_confuse(struct ring *r)
{
	struct vring_packed_desc_event *event = r->device;

	WRITE_ONCE(event->off_wrap, roll());
	WRITE_ONCE(event->flags, roll());
}

/* A place with bit 15 is one of an odd round: 8000 is the first of all. */
static int packed_describe(const struct ring *r, char *text, size_t size)
{
	const struct vring_packed_desc_event *driver = r->driver, *device = r->device;
	const struct vring_packed_desc *table = r->desc;

	return snprintf(text, size,
			"next %04x %s flags %04x, used %04x, driver asks %u/%04x, device asks %u/%04x",
			half_base(r->avail), is_available(r, r->avail) ? "waits" : "empty",
			table[r->avail.at].flags, half_base(r->used), driver->flags,
			driver->off_wrap, device->flags, device->off_wrap);
}

static const struct format packed = {
	.map		= packed_map,
	.start		= packed_start,
	.base		= packed_base,
	.more		= packed_more,
	.take		= packed_take,
	.is_waiting	= packed_is_waiting,
	.stage		= packed_stage,
	.publish	= packed_publish,
	.wants_call	= packed_wants_call,
	.ask_kick	= packed_ask_kick,
	.confuse	= packed_confuse,
	.describe	= packed_describe,
};

/* Either */

static bool has_buffers(struct ring *r)
{
	return r->running && r->format->more(r);
}

/* After a fault the ring stands still, as a device that needs a reset does (2.1.2). */
static bool take(struct ring *r, struct buffer *b)
{
	if (!has_buffers(r))
		return false;
	if (r->format->take(r, b))
		return true;
	r->running = false;
	return false;
}

static void stage(struct ring *r, const struct buffer *b, const struct claim *c)
{
	r->format->stage(r, b, c);
	r->last_id = b->id;
	r->taken[b->id] = false;
}

static void show(struct ring *r)
{
	if (!r->running)
		return;
	r->format->publish(r);
	/* what is shown before the look at what the driver asks for */
	write_before_read();
	if (r->uncalled && r->format->wants_call(r))
		call(r);
	r->uncalled = 0;
}

/* Lies */

static __u64 lies, lies_wanted, fatal_every, vanish_every;

static bool lying(void)
{
	return lies < lies_wanted;
}

struct lie {
	const char *name;
	unsigned int where;
	bool (*tell)(struct ring *r, struct buffer *b, struct claim *c);
	__u64 count;
};

#define ON_RX		1
#define ON_TX		2
#define ON_SPLIT	4
#define ON_PACKED	8
#define ON_RINGS	(ON_RX | ON_TX)
#define ON_FORMATS	(ON_SPLIT | ON_PACKED)

static __u32 any_of(const __u32 *choices, size_t count)
{
	return choices[below(count)];
}

static bool tell_length_long(struct ring *r, struct buffer *b, struct claim *c)
{
	const __u32 lengths[] = { b->room + 1, b->room + 1 + below(4096), 0xffff, 0x10000,
				  0x10000 + b->room, INT_MAX, 0x80000000, UINT_MAX };

	(void)r;
	c->length = any_of(lengths, ARRAY_SIZE(lengths));
	return true;
}

static bool tell_length_zero(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)r;
	(void)b;
	c->length = 0;
	return true;
}

/* Not even the header. */
static bool tell_length_short(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)r;
	(void)b;
	c->length = 1 + below(HDR_LEN - 1);
	return true;
}

/* The header, and less than an Ethernet header behind it. */
static bool tell_length_bare(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)r;
	(void)b;
	c->length = HDR_LEN + below(ETH_HLEN);
	return true;
}

static bool tell_buffers_zero(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)r;
	(void)b;
	c->header.num_buffers = 0;
	return true;
}

static bool tell_buffers_max(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)r;
	(void)b;
	c->header.num_buffers = one_in(2) ? 0xffff : 0x8000 + below(0x7fff);
	return true;
}

/* The next frames are taken for the rest of this one, or there are none. */
static bool tell_buffers_more(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)r;
	(void)b;
	c->header.num_buffers = 2 + below(one_in(4) ? 300 : 18);
	return true;
}

static bool tell_header_flags(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)r;
	(void)b;
	c->header.flags = roll();
	c->header.csum_start = below(c->frame + 64);
	c->header.csum_offset = below(64);
	return true;
}

static bool tell_header_gso(struct ring *r, struct buffer *b, struct claim *c)
{
	const __u32 sizes[] = { 0, 1, below(1500), 0xffff };

	(void)r;
	(void)b;
	c->header.gso_type = one_in(2) ? roll() : below(6);
	c->header.gso_size = any_of(sizes, ARRAY_SIZE(sizes));
	c->header.hdr_len = below(128);
	c->header.flags = roll();
	return true;
}

static bool tell_header_csum(struct ring *r, struct buffer *b, struct claim *c)
{
	const __u32 starts[] = { c->frame, c->frame - 1, c->frame + below(4096), 0xffff, 0x8000 };

	(void)r;
	(void)b;
	c->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	c->header.csum_start = any_of(starts, ARRAY_SIZE(starts));
	c->header.csum_offset = one_in(2) ? roll() : 16;
	return true;
}

static bool tell_header_length(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)r;
	(void)b;
	c->header.hdr_len = c->frame + 1 + below(0xffff - c->frame);
	c->header.gso_type = one_in(2) ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE;
	c->header.gso_size = 1 + below(1448);
	return true;
}

static bool tell_transmit_length(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)r;
	(void)b;
	c->length = roll();
	return true;
}

/* Later than others that came after it, which is no lie but seldom done. */
static bool tell_late(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)b;
	if (r->held_count == MAX_HELD)
		return false;
	c->held = true;
	return true;
}

/* Bits of a used descriptor that the driver has to ignore. */
static bool tell_flags_noise(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)r;
	(void)b;
	c->noise = roll() & ~(AVAIL_BIT | USED_BIT);
	return true;
}

static void nap(void)
{
	usleep(below(300));
}

/* For a moment, what says that a descriptor is used does not, or says half of it. */
static bool tell_flags_wrap(struct ring *r, struct buffer *b, struct claim *c)
{
	static const __u16 half[] = { AVAIL_BIT, USED_BIT, AVAIL_BIT | USED_BIT };
	struct vring_packed_desc *desc;

	(void)b;
	show(r);
	desc = (struct vring_packed_desc *)r->desc + r->used.at;
	desc->id = roll();
	desc->len = roll();
	write_before_write();
	/* one bit of the two makes it available once more: the driver has made it that */
	WRITE_ONCE(desc->flags, used_flags(r, c) ^ half[below(ARRAY_SIZE(half))]);
	call(r);
	nap();
	return true;
}

/* An interrupt for nothing. */
static bool tell_call(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)b;
	(void)c;
	call(r);
	return true;
}

/* Nonsense in the field by which the device asks to be kicked: it is awake anyway. */
static bool tell_event(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)b;
	(void)c;
	r->format->confuse(r);
	return true;
}

static struct lie mild[] = {
	{ "length_long", ON_RX | ON_FORMATS, tell_length_long, 0 },
	{ "length_zero", ON_RX | ON_FORMATS, tell_length_zero, 0 },
	{ "length_short", ON_RX | ON_FORMATS, tell_length_short, 0 },
	{ "length_bare", ON_RX | ON_FORMATS, tell_length_bare, 0 },
	{ "buffers_zero", ON_RX | ON_FORMATS, tell_buffers_zero, 0 },
	{ "buffers_max", ON_RX | ON_FORMATS, tell_buffers_max, 0 },
	{ "buffers_more", ON_RX | ON_FORMATS, tell_buffers_more, 0 },
	{ "header_flags", ON_RX | ON_FORMATS, tell_header_flags, 0 },
	{ "header_gso", ON_RX | ON_FORMATS, tell_header_gso, 0 },
	{ "header_csum", ON_RX | ON_FORMATS, tell_header_csum, 0 },
	{ "header_length", ON_RX | ON_FORMATS, tell_header_length, 0 },
	{ "transmit_length", ON_TX | ON_FORMATS, tell_transmit_length, 0 },
	{ "late", ON_RINGS | ON_FORMATS, tell_late, 0 },
	{ "flags_noise", ON_RINGS | ON_PACKED, tell_flags_noise, 0 },
	{ "flags_wrap", ON_RINGS | ON_PACKED, tell_flags_wrap, 0 },
	{ "call", ON_RINGS | ON_FORMATS, tell_call, 0 },
	{ "event", ON_RINGS | ON_FORMATS, tell_event, 0 },
};

/* Lies after which the driver cannot know any more what the device has. */

static void wait_for_reset(struct ring *r)
{
	r->quiet_until = milliseconds() + FATAL_PAUSE;
}

static bool tell_id_range(struct ring *r, struct buffer *b, struct claim *c)
{
	const __u32 ids[] = { r->num, r->num + below(0x10000 - r->num), 0xffff, 0x10000 + b->id,
			      0x80000000 + b->id, UINT_MAX };

	/* a packed descriptor has 16 bits for it */
	c->id = any_of(ids, r->format == &packed ? 3 : ARRAY_SIZE(ids));
	wait_for_reset(r);
	return true;
}

/* One that the driver has not made available, else it is a buffer used early, and no lie. */
static bool tell_id_unknown(struct ring *r, struct buffer *b, struct claim *c)
{
	int tries;

	(void)b;
	for (tries = 0; tries < 16; tries++) {
		__u32 id = below(r->num);

		if (r->taken[id] || r->format->is_waiting(r, id))
			continue;
		c->id = id;
		wait_for_reset(r);
		return true;
	}
	return false;
}

static bool tell_id_twice(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)b;
	c->id = r->last_id;
	wait_for_reset(r);
	return true;
}

/* The second descriptor of a chain. In a packed ring none but the chain has an id. */
static bool tell_id_inner(struct ring *r, struct buffer *b, struct claim *c)
{
	const struct vring_desc *table = r->desc;

	if (b->descs < 2)
		return false;
	c->id = table[b->id].next;
	wait_for_reset(r);
	return true;
}

static bool tell_index_jump(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)b;
	(void)c;
	r->skew = r->num + 1 + below(0x8000 - r->num);
	wait_for_reset(r);
	return true;
}

static bool tell_index_back(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)b;
	(void)c;
	r->skew = -2 - below(r->num);
	wait_for_reset(r);
	return true;
}

/* The index says that an entry is there which still is the one of a round before. */
static bool tell_index_early(struct ring *r, struct buffer *b, struct claim *c)
{
	(void)b;
	(void)c;
	r->skew = 1;
	show(r);
	call(r);
	nap();
	r->skew = 0;
	wait_for_reset(r);
	return true;
}

static struct lie fatal[] = {
	{ "id_inner", ON_TX | ON_SPLIT, tell_id_inner, 0 },
	{ "id_range", ON_RINGS | ON_FORMATS, tell_id_range, 0 },
	{ "id_unknown", ON_RINGS | ON_FORMATS, tell_id_unknown, 0 },
	{ "id_twice", ON_RINGS | ON_FORMATS, tell_id_twice, 0 },
	{ "index_jump", ON_RINGS | ON_SPLIT, tell_index_jump, 0 },
	{ "index_back", ON_RINGS | ON_SPLIT, tell_index_back, 0 },
	{ "index_early", ON_RINGS | ON_SPLIT, tell_index_early, 0 },
};

static unsigned int where_is(const struct ring *r)
{
	return (r->index == TX ? ON_TX : ON_RX) | (r->format == &packed ? ON_PACKED : ON_SPLIT);
}

static bool is_of(const struct lie *lie, const struct ring *r)
{
	unsigned int here = where_is(r);

	return (lie->where & here) == here;
}

static struct lie *any_mild(const struct ring *r)
{
	struct lie *lie;

	do
		lie = mild + below(ARRAY_SIZE(mild));
	while (!is_of(lie, r));
	return lie;
}

/* In turn, because they are few. */
static struct lie *next_fatal(struct ring *r)
{
	struct lie *lie;

	do
		lie = fatal + r->next_fatal++ % ARRAY_SIZE(fatal);
	while (!is_of(lie, r));
	return lie;
}

static struct lie *choose_lie(struct ring *r)
{
	return fatal_every && one_in(fatal_every) ? next_fatal(r) : any_mild(r);
}

static void lie_about(struct ring *r, struct buffer *b, struct claim *c)
{
	struct lie *lie = choose_lie(r);

	if (!lie->tell(r, b, c))
		return;
	lie->count++;
	r->told++;
	lies++;
	r->upset |= lie >= fatal && lie < fatal + ARRAY_SIZE(fatal);
}

/* Frames to tell lies about */

static __u8 guest_mac[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const __u8 own_mac[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x01 };
static unsigned char noise[2 * MAX_FRAME];

static void make_noise(void)
{
	size_t i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = roll();
}

static __u16 any_type(void)
{
	static const __u16 types[] = { 0x88b5, ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, ETH_P_8021Q };

	return one_in(8) ? roll() : types[below(ARRAY_SIZE(types))];
}

/* Enough of TCP in IPv4 for whoever looks at headers to go on looking. */
static void add_tcp_head(unsigned char *frame)
{
	static const unsigned char ip[] = { 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6 };

	memcpy(frame + ETH_HLEN, ip, sizeof(ip));
	frame[ETH_HLEN + 20 + 12] = 0x50;
}

static void make_frame(unsigned char *frame, __u32 length)
{
	__u16 type = any_type();

	memcpy(frame, noise + below(MAX_FRAME), length);
	memcpy(frame, guest_mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, own_mac, ETH_ALEN);
	frame[12] = type >> 8;
	frame[13] = type;
	if (type == ETH_P_IP && length >= 60 && one_in(2))
		add_tcp_head(frame);
}

static __u32 any_frame_length(const struct buffer *b)
{
	__u32 length = one_in(8) ? 60 + below(1455) : 60 + below(200);

	return HDR_LEN + length <= b->room ? length : b->room - HDR_LEN;
}

static void fill(struct buffer *b, struct claim *c)
{
	static unsigned char bytes[MAX_FRAME];

	make_frame(bytes, c->frame);
	copy(b, 0, &c->header, HDR_LEN, true);
	copy(b, HDR_LEN, bytes, c->frame, true);
}

/* Held back */

static void hold(struct ring *r, const struct buffer *b, const struct claim *c)
{
	r->held[r->held_count++] = (struct held){
		.buffer = *b,
		.claim = *c,
		.until = milliseconds() + below(LATE),
	};
}

static void release_one(struct ring *r, unsigned int i)
{
	stage(r, &r->held[i].buffer, &r->held[i].claim);
	r->held[i] = r->held[--r->held_count];
}

static void release_all(struct ring *r)
{
	while (r->held_count)
		release_one(r, below(r->held_count));
}

static void release_due(struct ring *r)
{
	long long now = milliseconds();
	unsigned int i;

	for (i = 0; i < r->held_count; i++)
		if (r->held[i].until <= now)
			release_one(r, i);
}

/* A turn of lies */

static __u64 sent, received, sent_bytes, received_bytes;

static struct claim truth(const struct ring *r, const struct buffer *b)
{
	struct claim c = { .id = b->id };

	if (r->index == RX) {
		c.frame = any_frame_length(b);
		c.length = HDR_LEN + c.frame;
		c.header.num_buffers = 1;
		sent++;
	} else {
		received++;
	}
	return c;
}

static void use_with_lies(struct ring *r, struct buffer *b)
{
	struct claim c = truth(r, b);

	/* one in sixteen is honest: what a lie leaves behind may hurt only then */
	if (!one_in(16))
		lie_about(r, b, &c);
	if (r->index == RX)
		fill(b, &c);
	if (c.held)
		hold(r, b, &c);
	else
		stage(r, b, &c);
}

static bool is_small(const struct ring *r, const struct buffer *b)
{
	if (r->index == TX || b->room >= HDR_LEN + ETH_ZLEN)
		return false;
	return !fault("a receive buffer of %zu bytes", b->room);
}

static bool is_quiet(struct ring *r)
{
	if (!r->quiet_until)
		return false;
	if (milliseconds() < r->quiet_until)
		return true;
	r->quiet_until = 0;
	r->skew = 0;
	return false;
}

/* A flood would leave the guest no time to send anything to tell lies about. */
static bool is_ahead(const struct ring *r)
{
	return r->told > 8 * rings[RX + TX - r->index].told + 4 * TURN;
}

static bool lie_turn(struct ring *r)
{
	unsigned int left = 1 + below(is_ahead(r) ? 4 : TURN);
	static struct buffer b;

	if (!r->running || is_quiet(r))
		return false;
	release_due(r);
	while (left && lying() && !r->quiet_until && take(r, &b) && !is_small(r, &b)) {
		use_with_lies(r, &b);
		left--;
	}
	show(r);
	return !left && !is_ahead(r);
}

/* What was taken is given back first, so that the index tells it all. */
static void return_held(struct ring *r)
{
	if (!r->running)
		return;
	r->skew = 0;
	release_all(r);
	show(r);
}

static void give_up_lying(void)
{
	struct ring *r;

	lies_wanted = lies;
	for (r = rings; r < rings + RINGS; r++) {
		r->quiet_until = 0;
		return_held(r);
	}
}

/* Honest transmission: each frame is checked, counted and perhaps sent back */

static struct {
	unsigned char bytes[MAX_FRAME];
	size_t length;
	struct virtio_net_hdr_v1 header;
} frame;

static bool echoing;
static __u64 to_send;
static __u32 send_size;

static bool check_offload(const struct virtio_net_hdr_v1 *header, size_t length)
{
	if (header->flags & ~(has(VIRTIO_NET_F_CSUM) ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0))
		return fault("header flags %#x", header->flags);
	if (header->gso_type)
		return fault("segmentation %#x, which was not negotiated", header->gso_type);
	if (header->flags &&
	    header->csum_start + header->csum_offset + sizeof(__u16) > length)
		return fault("a checksum at %u of %zu bytes",
			     header->csum_start + header->csum_offset, length);
	return true;
}

static bool check_frame(const struct buffer *b)
{
	if (b->room < HDR_LEN + ETH_HLEN || b->room > HDR_LEN + MAX_FRAME)
		return fault("a frame of %zd bytes", b->room - HDR_LEN);
	copy(b, 0, &frame.header, HDR_LEN, false);
	frame.length = b->room - HDR_LEN;
	if (frame.header.num_buffers)
		return fault("num_buffers %u in a frame to send", frame.header.num_buffers);
	return check_offload(&frame.header, frame.length);
}

static __u16 checksum(const unsigned char *data, size_t length)
{
	__u32 sum = 0;
	size_t i;

	for (i = 0; i < length; i++)
		sum += data[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* What the driver left to the device, so that the frame is whole. */
static void complete_checksum(void)
{
	struct virtio_net_hdr_v1 *h = &frame.header;
	unsigned char *field = frame.bytes + h->csum_start + h->csum_offset;
	__u16 sum;

	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return;
	sum = checksum(frame.bytes + h->csum_start, frame.length - h->csum_start);
	field[0] = sum >> 8;
	field[1] = sum;
}

static void turn_around(void)
{
	unsigned char destination[ETH_ALEN];

	memcpy(destination, frame.bytes, ETH_ALEN);
	memcpy(frame.bytes, frame.bytes + ETH_ALEN, ETH_ALEN);
	memcpy(frame.bytes + ETH_ALEN, destination, ETH_ALEN);
}

static void read_frame(const struct buffer *b)
{
	received++;
	received_bytes += frame.length;
	copy(b, HDR_LEN, frame.bytes, frame.length, false);
	complete_checksum();
	turn_around();
	memset(&frame.header, 0, sizeof(frame.header));
}

/* Honest reception */

static struct buffer gathered[MAX_GATHERED];
static unsigned int gathered_count;
static size_t gathered_room;

/* Where a frame may not be spread over buffers each must hold all that was negotiated (5.1.6.3). */
static bool check_room(const struct buffer *b)
{
	bool large = has(VIRTIO_NET_F_GUEST_TSO4) || has(VIRTIO_NET_F_GUEST_TSO6);
	size_t least = HDR_LEN;

	if (!has(VIRTIO_NET_F_MRG_RXBUF))
		least = HDR_LEN + (large ? 65550 : 1514);
	if (b->room >= least)
		return true;
	return fault("a receive buffer of %zu bytes, which is less than %zu", b->room, least);
}

static bool gather(struct ring *r, size_t length)
{
	while (gathered_room < HDR_LEN + length) {
		struct buffer *b = &gathered[gathered_count];

		if (gathered_count == MAX_GATHERED || !take(r, b))
			return false;
		check_room(b);
		gathered_room += b->room;
		gathered_count++;
	}
	return true;
}

static void drop_gathered(void)
{
	gathered_count = 0;
	gathered_room = 0;
}

static __u32 spread(const struct buffer *b, size_t at, const struct virtio_net_hdr_v1 *header)
{
	__u32 head = at ? 0 : HDR_LEN, left = frame.length - at;
	__u32 now = left < b->room - head ? left : b->room - head;

	if (head)
		copy(b, 0, (void *)header, HDR_LEN, true);
	copy(b, head, frame.bytes + at, now, true);
	return now;
}

static void use_gathered(struct ring *r)
{
	struct virtio_net_hdr_v1 header = { .num_buffers = gathered_count };
	struct buffer *b;
	size_t at = 0;

	for (b = gathered; b < gathered + gathered_count; b++) {
		__u32 now = spread(b, at, &header);
		struct claim c = { .id = b->id, .length = now + (at ? 0 : HDR_LEN) };

		stage(r, b, &c);
		at += now;
	}
	drop_gathered();
}

/* False: the guest has no room yet. */
static bool deliver(struct ring *r)
{
	if (!r->running || !r->enabled || !gather(r, frame.length))
		return false;
	use_gathered(r);
	sent++;
	sent_bytes += frame.length;
	return true;
}

/* Every byte depends on its place and on the number of its frame. */
static void generate(void)
{
	__u32 number = to_send, i;

	memcpy(frame.bytes, guest_mac, ETH_ALEN);
	memcpy(frame.bytes + ETH_ALEN, own_mac, ETH_ALEN);
	frame.bytes[12] = 0x88;
	frame.bytes[13] = 0xb5;
	for (i = ETH_HLEN; i < send_size; i++)
		frame.bytes[i] = number + i * 7 + (i >> 8);
	frame.length = send_size;
}

static bool echo_waits;

static bool send_turn(struct ring *r)
{
	unsigned int left = TURN;

	while (left && to_send && !echo_waits) {
		generate();
		if (!deliver(r))
			break;
		to_send--;
		left--;
	}
	show(r);
	return !left;
}

/* One frame of the guest; false: nothing can be done now. */
static bool receive_one(struct ring *r)
{
	static struct buffer b;
	struct claim c = { 0 };

	if (echo_waits || !take(r, &b))
		return false;
	c.id = b.id;
	if (r->enabled && check_frame(&b)) {
		read_frame(&b);
		echo_waits = echoing;
	}
	stage(r, &b, &c);
	return true;
}

static void echo(void)
{
	if (echo_waits)
		echo_waits = !deliver(&rings[RX]);
}

static bool receive_turn(struct ring *r)
{
	unsigned int left = TURN;

	echo();
	while (left && receive_one(r)) {
		echo();
		left--;
	}
	show(r);
	return !left;
}

/* Lies to order: the driver has to lose each frame, and no other. */

static struct lie *ordered;
static __u64 to_forge;

static bool order(const char *kind, __u64 count)
{
	struct lie *lie;

	for (lie = mild; lie < mild + ARRAY_SIZE(mild); lie++)
		if (lie->where & ON_RX && !strcmp(lie->name, kind)) {
			ordered = lie;
			to_forge = count;
			return true;
		}
	return false;
}

static bool forge_turn(struct ring *r)
{
	unsigned int left = TURN;
	static struct buffer b;

	while (left && to_forge && !gathered_count && take(r, &b)) {
		struct claim c = truth(r, &b);

		ordered->tell(r, &b, &c);
		fill(&b, &c);
		stage(r, &b, &c);
		ordered->count++;
		lies++;
		to_forge--;
		left--;
	}
	show(r);
	return !left;
}

/* The driver's kick is what wakes the device; it must not come between the look and the sleep. */
static bool sleep_well(struct ring *r, bool interested)
{
	if (!r->running)
		return true;
	r->format->ask_kick(r, interested);
	write_before_read();
	return !interested || !has_buffers(r);
}

static bool honest_turn(void)
{
	bool more = receive_turn(&rings[TX]);

	more |= send_turn(&rings[RX]) | forge_turn(&rings[RX]);
	if (more)
		return true;
	more = !sleep_well(&rings[TX], !echo_waits);
	return more | !sleep_well(&rings[RX], rings[RX].enabled &&
						(echo_waits || to_send || to_forge));
}

/* vhost-user: what QEMU says (docs/interop/vhost-user.rst of its source) */

enum request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	RESET_OWNER = 4,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	REQUESTS,
};

#define VERSION			1
#define REPLY			4
#define NEED_REPLY		8
#define NO_FD			256
#define F_PROTOCOL_FEATURES	30
#define PROTOCOL_F_MQ		0
#define PROTOCOL_F_REPLY_ACK	3

struct memory_regions {
	__u32 count;
	__u32 padding;
	struct {
		__u64 guest;
		__u64 size;
		__u64 user;
		__u64 offset;
	} region[MAX_REGIONS];
};

/* The first three come as twelve bytes, what follows as a piece of its own. */
struct message {
	__u32 request;
	__u32 flags;
	__u32 size;
	union {
		__u64 u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct memory_regions memory;
	};
};

#define HEAD	(3 * sizeof(__u32))

static int server = -1;
static int fds[MAX_REGIONS];
static unsigned int fd_count;
static unsigned long connections, starts;

static void reply(struct message *m, __u32 size)
{
	struct iovec pieces[] = { { m, HEAD }, { &m->u64, size } };
	struct msghdr whole = { .msg_iov = pieces, .msg_iovlen = ARRAY_SIZE(pieces) };

	m->flags = VERSION | REPLY;
	m->size = size;
	if (sendmsg(server, &whole, MSG_NOSIGNAL) != (ssize_t)(HEAD + size))
		warn("answer to request %u", m->request);
}

static void get_features(struct message *m)
{
	m->u64 = BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_RING_PACKED) |
		 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |
		 BIT_ULL(VIRTIO_NET_F_CSUM) | BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) |
		 BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |
		 BIT_ULL(F_PROTOCOL_FEATURES);
	reply(m, sizeof(m->u64));
}

static void set_features(struct message *m)
{
	features = m->u64;
}

static void get_protocol_features(struct message *m)
{
	m->u64 = BIT_ULL(PROTOCOL_F_MQ) | BIT_ULL(PROTOCOL_F_REPLY_ACK);
	reply(m, sizeof(m->u64));
}

static void get_queue_num(struct message *m)
{
	m->u64 = 1;
	reply(m, sizeof(m->u64));
}

static void nothing(struct message *m)
{
	(void)m;
}

static void add_region(const struct memory_regions *said, unsigned int i)
{
	struct region *r = &regions[region_count++];

	r->size = said->region[i].size;
	r->guest = said->region[i].guest;
	r->user = said->region[i].user;
	r->mapped = r->size + said->region[i].offset;
	r->map = mmap(NULL, r->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
	if (r->map == MAP_FAILED)
		err(1, "%llu bytes of the guest's memory", r->size);
	r->host = (char *)r->map + said->region[i].offset;
}

static void map_ring(struct ring *r)
{
	r->running = r->format->map(r);
	if (!r->running)
		fault("a %s ring outside of its memory, or not of a size it may have", name_of(r));
}

/* New memory below running rings changes no state of theirs. */
static void map_rings(void)
{
	struct ring *r;

	for (r = rings; r < rings + RINGS; r++)
		if (r->running)
			map_ring(r);
}

/* What was only gathered is available still. */
static void return_gathered(struct ring *r)
{
	unsigned int i;

	for (i = gathered_count; i; i--) {
		struct buffer *b = &gathered[i - 1];

		r->taken[b->id] = false;
		if (r->format == &split) {
			r->avail.at--;
		} else {
			r->avail.wrap ^= r->avail.at < b->descs;
			r->avail.at += (r->avail.at < b->descs ? r->num : 0) - b->descs;
		}
	}
	drop_gathered();
}

/* So that nothing points to the guest's memory but the rings. */
static void return_buffers(void)
{
	struct ring *r;

	return_gathered(&rings[RX]);
	for (r = rings; r < rings + RINGS; r++)
		return_held(r);
}

static void set_mem_table(struct message *m)
{
	unsigned int i;

	if (m->memory.count > MAX_REGIONS || m->memory.count != fd_count)
		errx(1, "%u regions of memory with %u files", m->memory.count, fd_count);
	return_buffers();
	forget_memory();
	for (i = 0; i < fd_count; i++)
		add_region(&m->memory, i);
	map_rings();
}

static struct ring *ring_of(__u32 index)
{
	if (index >= RINGS)
		errx(1, "there is no ring %u", index);
	return &rings[index];
}

static void set_vring_num(struct message *m)
{
	if (!m->state.num || m->state.num > MAX_DESCS)
		errx(1, "a ring of %u descriptors", m->state.num);
	ring_of(m->state.index)->num = m->state.num;
}

static void set_vring_addr(struct message *m)
{
	ring_of(m->addr.index)->address = m->addr;
}

static void set_vring_base(struct message *m)
{
	ring_of(m->state.index)->base = m->state.num;
}

static void set_vring_enable(struct message *m)
{
	ring_of(m->state.index)->enabled = m->state.num;
}

static int take_fd(__u64 said)
{
	if (said & NO_FD || !fd_count)
		return -1;
	return fds[--fd_count];
}

static void replace_fd(int *fd, int with)
{
	if (*fd >= 0)
		close(*fd);
	*fd = with;
	if (with >= 0)
		fcntl(with, F_SETFL, O_NONBLOCK);
}

static void start_ring(struct ring *r)
{
	r->format = has(VIRTIO_F_RING_PACKED) ? &packed : &split;
	memset(r->taken, 0, sizeof(r->taken));
	r->held_count = 0;
	r->staged = 0;
	r->uncalled = 0;
	r->skew = 0;
	r->quiet_until = 0;
	r->upset = false;
	if (r->index == RX)
		drop_gathered();
	map_ring(r);
	if (!r->running)
		return;
	r->format->start(r);
	starts++;
}

static void set_vring_kick(struct message *m)
{
	struct ring *r = ring_of(m->u64 & 0xff);

	replace_fd(&r->kick, take_fd(m->u64));
	start_ring(r);
}

/* Interrupts since the ring was started went where nobody listens. */
static void set_vring_call(struct message *m)
{
	struct ring *r = ring_of(m->u64 & 0xff);

	replace_fd(&r->call, take_fd(m->u64));
	if (r->running)
		call(r);
}

/* Both sides' view of a ring. Only of one that runs is the memory known to be there. */
static void describe(const struct ring *r, char *text)
{
	int length = snprintf(text, STANDING, "%llu kicks, %llu of them unheard, %llu calls%s; ",
			      r->kicks, r->kicks - r->heard, r->calls,
			      r->enabled ? "" : ", disabled");

	if (r->running)
		r->format->describe(r, text + length, STANDING - length);
	else
		snprintf(text + length, STANDING - length, "it does not run");
}

static void get_vring_base(struct message *m)
{
	struct ring *r = ring_of(m->state.index);

	describe(r, r->stopped);
	if (r->index == RX)
		return_gathered(r);
	return_held(r);
	r->running = false;
	m->state.num = r->format ? r->format->base(r) : 0;
	reply(m, sizeof(m->state));
}

static void (*const handlers[REQUESTS])(struct message *m) = {
	[GET_FEATURES]		= get_features,
	[SET_FEATURES]		= set_features,
	[SET_OWNER]		= nothing,
	[RESET_OWNER]		= nothing,
	[SET_MEM_TABLE]		= set_mem_table,
	[SET_VRING_NUM]		= set_vring_num,
	[SET_VRING_ADDR]	= set_vring_addr,
	[SET_VRING_BASE]	= set_vring_base,
	[GET_VRING_BASE]	= get_vring_base,
	[SET_VRING_KICK]	= set_vring_kick,
	[SET_VRING_CALL]	= set_vring_call,
	[SET_VRING_ERR]		= nothing,
	[GET_PROTOCOL_FEATURES]	= get_protocol_features,
	[SET_PROTOCOL_FEATURES]	= nothing,
	[GET_QUEUE_NUM]		= get_queue_num,
	[SET_VRING_ENABLE]	= set_vring_enable,
};

/* The connection */

static void keep_fds(struct msghdr *head)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), fd_count * sizeof(int));
	}
}

static void drop_fds(void)
{
	while (fd_count)
		close(fds[--fd_count]);
}

/* Files come with the head of a message. False: the other side has gone. */
static bool read_message(struct message *m)
{
	char control[CMSG_SPACE(sizeof(fds))];
	struct iovec iov = { m, HEAD };
	struct msghdr head = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			       .msg_controllen = sizeof(control) };

	if (recvmsg(server, &head, MSG_WAITALL | MSG_CMSG_CLOEXEC) != (ssize_t)HEAD)
		return false;
	keep_fds(&head);
	if (m->size > sizeof(*m) - offsetof(struct message, u64))
		errx(1, "request %u of %u bytes", m->request, m->size);
	return !m->size || recv(server, &m->u64, m->size, MSG_WAITALL) == (ssize_t)m->size;
}

static bool answers_itself(__u32 request)
{
	return request == GET_FEATURES || request == GET_PROTOCOL_FEATURES ||
	       request == GET_QUEUE_NUM || request == GET_VRING_BASE;
}

static void handle(struct message *m)
{
	bool acknowledge = m->flags & NEED_REPLY && !answers_itself(m->request);

	if (m->request >= REQUESTS || !handlers[m->request])
		errx(1, "request %u, which was never offered", m->request);
	handlers[m->request](m);
	drop_fds();
	if (acknowledge) {
		m->u64 = 0;
		reply(m, sizeof(m->u64));
	}
}

/* Where the ring stands is written down, because QEMU does not know it. */
static void rest(struct ring *r)
{
	struct vring_packed_desc_event *device = r->device;
	static __u16 marks;

	if (!r->running || r->format != &packed)
		return;
	packed_ask_kick(r, false);
	/* the place means nothing beside that flag */
	r->rest_mark = ++marks;
	WRITE_ONCE(device->off_wrap, r->rest_mark);
	r->rest[0] = r->avail;
	r->rest[1] = r->used;
	r->rest_base = r->base;
	r->rest_desc = r->address.desc_user_addr;
}

static void forget_ring(struct ring *r)
{
	r->running = false;
	r->enabled = false;
	replace_fd(&r->kick, -1);
	replace_fd(&r->call, -1);
}

static long long away_until;

static void hang_up(void)
{
	struct ring *r;

	return_buffers();
	for (r = rings; r < rings + RINGS; r++) {
		rest(r);
		forget_ring(r);
	}
	forget_memory();
	close(server);
	server = -1;
	away_until = milliseconds() + AWAY;
}

static void take_message(void)
{
	struct message m;

	if (read_message(&m)) {
		handle(&m);
		return;
	}
	drop_fds();
	hang_up();
}

static struct sockaddr_un address = { .sun_family = AF_UNIX };

static void come_back(void)
{
	if (milliseconds() < away_until)
		return;
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!connect(server, (struct sockaddr *)&address, sizeof(address))) {
		connections++;
		return;
	}
	close(server);
	server = -1;
	away_until = milliseconds() + AWAY;
}

/* Commands */

static void say_kinds(const struct lie *among, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		printf(" %s=%llu", among[i].name, among[i].count);
}

static __u64 vanished;

static void say_totals(void)
{
	printf("lies %llu", lies);
	say_kinds(mild, ARRAY_SIZE(mild));
	say_kinds(fatal, ARRAY_SIZE(fatal));
	printf(" vanished=%llu sent=%llu sent_bytes=%llu received=%llu received_bytes=%llu",
	       vanished, sent, sent_bytes, received, received_bytes);
	printf(" unsent=%llu faults=%lu starts=%lu connections=%lu running=%d\n", to_send, faults,
	       starts, connections, rings[RX].running + rings[TX].running);
}

static void say_rings(void)
{
	char now[STANDING];
	struct ring *r;

	for (r = rings; r < rings + RINGS; r++) {
		describe(r, now);
		printf("%s: %s (when it was stopped: %s)%s", name_of(r), now,
		       r->stopped[0] ? r->stopped : "never", r->index == TX ? "" : "; ");
	}
	printf("; an echo %s\n", echo_waits ? "waits" : "does not wait");
}

static void obey(const char *line)
{
	unsigned long long count;
	unsigned int size;
	char kind[32];

	if (!strcmp(line, "rings\n")) {
		say_rings();
		return;
	}
	if (!strcmp(line, "totals\n")) {
		say_totals();
		return;
	}
	if (!strcmp(line, "honest\n")) {
		give_up_lying();
	} else if (sscanf(line, "lie %llu %llu %llu", &count, &fatal_every, &vanish_every) == 3) {
		lies_wanted = lies + count;
	} else if (!strcmp(line, "vanish\n")) {
		hang_up();
	} else if (sscanf(line, "echo %u", &size) == 1) {
		echoing = size;
	} else if (sscanf(line, "send %llu %u", &count, &size) == 2 && size >= ETH_HLEN &&
		   size <= MAX_FRAME) {
		to_send += count;
		send_size = size;
	} else if (sscanf(line, "forge %llu %31s", &count, kind) != 2 || !order(kind, count)) {
		errx(1, "no command: %s", line);
	}
	puts("done");
}

static void read_command(void)
{
	static char line[128];
	static size_t length;

	if (read(STDIN_FILENO, line + length, 1) <= 0)
		exit(0);
	if (line[length++] != '\n' && length < sizeof(line) - 1)
		return;
	line[length] = 0;
	length = 0;
	obey(line);
}

/* QEMU 7.2 gives up a device that vanishes while its rings are being started. */
static bool is_settled(const struct ring *r)
{
	return r->running && !r->upset;
}

/* A lie about the device itself. Only with all it has taken given back does QEMU, which may send
 * what the guest has queued into the void meanwhile, go on where this side stopped.
 */
static void maybe_vanish(void)
{
	static __u64 last;

	if (!vanish_every || lies < last + vanish_every || server < 0)
		return;
	if (!is_settled(&rings[RX]) || !is_settled(&rings[TX]))
		return;
	last = lies;
	vanished++;
	lies++;
	hang_up();
}

static bool turn(void)
{
	struct ring *r;
	bool more;

	for (r = rings; r < rings + RINGS; r++)
		r->heard = r->kicks;
	if (!lying())
		return honest_turn();
	more = lie_turn(&rings[RX]) | lie_turn(&rings[TX]);
	maybe_vanish();
	if (!lying())
		give_up_lying();
	return more;
}

static int patience(bool more)
{
	if (more)
		return 0;
	/* a liar does not wait for kicks, nor does one who has nobody to talk to */
	return lying() || server < 0 ? 1 : -1;
}

static void calm(struct ring *r)
{
	__u64 count;

	if (read(r->kick, &count, sizeof(count)) > 0)
		r->kicks += count;
	else if (errno != EAGAIN)
		err(1, "kick");
}

static void wait_for_events(bool more)
{
	struct pollfd inputs[] = { { STDIN_FILENO, POLLIN, 0 }, { server, POLLIN, 0 },
				   { rings[RX].kick, POLLIN, 0 }, { rings[TX].kick, POLLIN, 0 } };

	poll(inputs, ARRAY_SIZE(inputs), patience(more));
	if (inputs[2].revents)
		calm(&rings[RX]);
	if (inputs[3].revents)
		calm(&rings[TX]);
	if (inputs[0].revents)
		read_command();
	if (inputs[1].revents && server >= 0)
		take_message();
}

static void read_mac(const char *text)
{
	__u8 *m = guest_mac;

	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4,
		   m + 5) != ETH_ALEN)
		errx(2, "no address: %s", text);
}

static void read_option(int option)
{
	switch (option) {
	case 'p':
		if (strlen(optarg) >= sizeof(address.sun_path))
			errx(2, "a path too long: %s", optarg);
		memcpy(address.sun_path, optarg, strlen(optarg) + 1);
		break;
	case 'm':
		read_mac(optarg);
		break;
	case 's':
		random_state = strtoull(optarg, NULL, 0);
		break;
	default:
		errx(2, "the first lines of the source say what the options are");
	}
}

static void read_options(int count, char **words)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 'p' },
		{ "mac", required_argument, NULL, 'm' },
		{ "seed", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(count, words, "", options, NULL)) != -1)
		read_option(option);
	if (!address.sun_path[0])
		errx(2, "--socket is missing");
}

int main(int count, char **words)
{
	bool more = false;

	read_options(count, words);
	/* zero would stay zero */
	random_state = random_state * 2 + 1;
	make_noise();
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		wait_for_events(more);
		if (server < 0)
			come_back();
		more = turn();
	}
}
