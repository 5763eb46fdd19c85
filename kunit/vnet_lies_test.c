// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio device that says what cannot be: one counter a lie, the queue takes
 * nothing more, and the reset that follows brings it back.
 */

#include <linux/rtnetlink.h>
#include "fake_virtio.h"

#define VLIE_LEN	100
#define VLIE_HDR	12	/* bytes of header, 5.1.6 */
#define VLIE_KINDS	(ARRAY_SIZE(fake_virtio_rings) + \
			 ARRAY_SIZE(fake_virtio_ordered))

/* Where a lie can be told. */
enum vlie_ring {
	VLIE_BOTH,
	VLIE_SPLIT,
	VLIE_PACKED,
};

/* By whom. */
enum vlie_order {
	VLIE_ANYBODY,
	VLIE_UNORDERED,
	VLIE_ORDERED,
};

/**
 * struct vlie - something that cannot be
 * @name: for people
 * @tell: says it, to a device that has three frames to send
 * @ring: where it can be said
 * @order: by a device that keeps the order, or by one that does not
 * @passed: frames that were good
 */
struct vlie {
	const char *name;
	void (*tell)(struct fake_nic *fake);
	enum vlie_ring ring;
	enum vlie_order order;
	u32 passed;
};

static struct fake_vq *vlie_rx(struct fake_nic *fake)
{
	return &fake_virtio(fake)->rx;
}

static struct fake_vq *vlie_tx(struct fake_nic *fake)
{
	return &fake_virtio(fake)->tx;
}

/* Something is used; it shows, and NAPI runs whatever it has asked for. */
static void vlie_say(struct fake_nic *fake, struct fake_vq *vq, u32 id)
{
	fake_vq_write(vq, id, VLIE_HDR + VLIE_LEN, 1);
	fake_vq_tell(vq);
}

/* Receive lies */

static void vlie_rx_beyond(struct fake_nic *fake)
{
	vlie_say(fake, vlie_rx(fake), vlie_rx(fake)->size);
}

static void vlie_rx_far_beyond(struct fake_nic *fake)
{
	vlie_say(fake, vlie_rx(fake), U32_MAX);
}

/* The low bits are those of a buffer that is out. */
static void vlie_rx_high_bits(struct fake_nic *fake)
{
	vlie_say(fake, vlie_rx(fake), vlie_rx(fake)->out[0].id | BIT(15));
}

static void vlie_rx_twice(struct fake_nic *fake)
{
	u16 id = vlie_rx(fake)->out[0].id;

	vlie_say(fake, vlie_rx(fake), id);
	vlie_say(fake, vlie_rx(fake), id);
}

/* The first of three buffers is good; its page must come home nevertheless. */
static void vlie_rx_chain(struct fake_nic *fake)
{
	struct virtio_net_hdr_v1 hdr = { .num_buffers = cpu_to_le16(3) };

	fake_virtio_fill(fake, 0, &hdr, NULL, 0);
	vlie_say(fake, vlie_rx(fake), vlie_rx(fake)->out[0].id);
	vlie_say(fake, vlie_rx(fake), vlie_rx(fake)->size);
}

/* Taken by the driver, and not shown to the device again. */
static void vlie_rx_returned(struct fake_nic *fake)
{
	u16 id = vlie_rx(fake)->out[0].id;

	vlie_say(fake, vlie_rx(fake), id);
	fake_virtio(fake)->cause = true;
	fake_virtio_interrupt(fake);
	vlie_say(fake, vlie_rx(fake), id);
}

/* More than the device was ever given; the entries in between are true. */
static void vlie_rx_jump(struct fake_nic *fake)
{
	struct fake_vq *vq = vlie_rx(fake);

	vq->used += vq->size + 1;
	fake_vq_tell(vq);
}

static void vlie_rx_back(struct fake_nic *fake)
{
	struct fake_vq *vq = vlie_rx(fake);

	vlie_say(fake, vq, vq->out[0].id);
	fake_virtio(fake)->cause = true;
	fake_virtio_interrupt(fake);
	vq->used--;
	fake_vq_tell(vq);
}

/* One entry for three buffers, and an index for one. */
static void vlie_rx_long(struct fake_nic *fake)
{
	vlie_say(fake, vlie_rx(fake), vlie_rx(fake)->out[2].id);
}

static const struct vlie vlie_rx_lies[] = {
	{ "id beyond the ring", vlie_rx_beyond },
	{ "id far beyond the ring", vlie_rx_far_beyond },
	{ "id with high bits", vlie_rx_high_bits },
	{ "id beyond in a frame", vlie_rx_chain },
	{ "same id twice", vlie_rx_twice, .passed = 1 },
	{ "id just returned", vlie_rx_returned, .passed = 1 },
	{ "more buffers than the index", vlie_rx_long, VLIE_SPLIT, VLIE_ORDERED },
	{ "index jumps", vlie_rx_jump, VLIE_SPLIT },
	{ "index goes back", vlie_rx_back, VLIE_SPLIT, .passed = 1 },
};

/* Transmit lies */

static void vlie_tx_beyond(struct fake_nic *fake)
{
	vlie_say(fake, vlie_tx(fake), vlie_tx(fake)->size);
}

static void vlie_tx_far_beyond(struct fake_nic *fake)
{
	vlie_say(fake, vlie_tx(fake), U32_MAX);
}

/* A descriptor in the middle of a frame. */
static void vlie_tx_middle(struct fake_nic *fake)
{
	vlie_say(fake, vlie_tx(fake), vlie_tx(fake)->out[1].id + 1);
}

/* A frame that was under way only the first time. */
static void vlie_tx_twice(struct fake_nic *fake)
{
	u16 id = vlie_tx(fake)->out[1].id, descs = vlie_tx(fake)->out[1].descs;

	fake_vq_write(vlie_tx(fake), id, 0, descs);
	vlie_say(fake, vlie_tx(fake), id);
}

/* A frame that is the stack's again. */
static void vlie_tx_sent(struct fake_nic *fake)
{
	struct fake_out out = vlie_tx(fake)->out[0];

	fake_vq_write(vlie_tx(fake), out.id, 0, out.descs);
	fake_vq_tell(vlie_tx(fake));
	fake_virtio(fake)->cause = true;
	fake_virtio_interrupt(fake);
	vlie_say(fake, vlie_tx(fake), out.id);
}

/* One entry for three frames, and an index for one. */
static void vlie_tx_long(struct fake_nic *fake)
{
	vlie_say(fake, vlie_tx(fake), vlie_tx(fake)->out[2].id);
}

/* A place where no frame is yet. */
static void vlie_tx_never(struct fake_nic *fake)
{
	const struct sluice_txq *q = fake_txq(fake);

	vlie_say(fake, vlie_tx(fake), q->tail & q->mask);
}

/* A frame that the device has not been shown. */
static void vlie_tx_not_kicked(struct fake_nic *fake)
{
	u32 at = fake_txq(fake)->tail & fake_txq(fake)->mask;

	fake_transmit(fake, fake_skb(fake, VLIE_LEN), true);
	vlie_say(fake, vlie_tx(fake), at);
}

static void vlie_tx_jump(struct fake_nic *fake)
{
	vlie_tx(fake)->used += vlie_tx(fake)->nout + 1;
	fake_vq_tell(vlie_tx(fake));
}

static void vlie_tx_back(struct fake_nic *fake)
{
	vlie_tx(fake)->used--;
	fake_vq_tell(vlie_tx(fake));
}

static const struct vlie vlie_tx_lies[] = {
	{ "id beyond the ring", vlie_tx_beyond },
	{ "id far beyond the ring", vlie_tx_far_beyond },
	{ "id of a second descriptor", vlie_tx_middle },
	{ "same id twice", vlie_tx_twice, .order = VLIE_UNORDERED },
	{ "id of a frame sent before", vlie_tx_sent, .passed = 1 },
	{ "more frames than the index", vlie_tx_long, VLIE_SPLIT, VLIE_ORDERED,
	  .passed = 1 },
	{ "id of no frame", vlie_tx_never },
	{ "id of a frame not shown", vlie_tx_not_kicked, VLIE_SPLIT },
	{ "index jumps", vlie_tx_jump, VLIE_SPLIT },
	{ "index goes back", vlie_tx_back, VLIE_SPLIT },
};

/**
 * struct vlie_case - a lie to a kind of device
 * @kind: the device; first, as the suite's init takes it for that
 * @lie: the lie
 */
struct vlie_case {
	struct fake_virtio_kind kind;
	const struct vlie *lie;
};

static bool vlie_fits(const struct vlie *lie, const struct fake_virtio_kind *kind)
{
	bool packed = kind->features & BIT_ULL(VIRTIO_F_RING_PACKED);
	bool ordered = kind->features & BIT_ULL(VIRTIO_F_IN_ORDER);

	return (lie->ring == VLIE_BOTH || packed == (lie->ring == VLIE_PACKED)) &&
	       (lie->order == VLIE_ANYBODY ||
		ordered == (lie->order == VLIE_ORDERED));
}

static struct fake_virtio_kind vlie_kind(u32 i)
{
	u32 n = ARRAY_SIZE(fake_virtio_rings);

	return i < n ? fake_virtio_rings[i] : fake_virtio_ordered[i - n];
}

/* The case after the one before, of n lies to all rings; NULL after the last. */
static const void *vlie_next(const struct vlie *lies, u32 n,
			     const struct vlie_case *prev, char *desc)
{
	static struct vlie_case now;
	static u32 at;

	for (at = prev ? at + 1 : 0; at < n * VLIE_KINDS; at++) {
		now.kind = vlie_kind(at % VLIE_KINDS);
		now.lie = &lies[at / VLIE_KINDS];
		if (!vlie_fits(now.lie, &now.kind))
			continue;
		scnprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s: %s", now.kind.name,
			  now.lie->name);
		return &now;
	}
	return NULL;
}

static const void *vlie_rx_gen_params(const void *prev, char *desc)
{
	return vlie_next(vlie_rx_lies, ARRAY_SIZE(vlie_rx_lies), prev, desc);
}

static const void *vlie_tx_gen_params(const void *prev, char *desc)
{
	return vlie_next(vlie_tx_lies, ARRAY_SIZE(vlie_tx_lies), prev, desc);
}

/* NAPI runs, whatever it has asked for. */
static void vlie_poll(struct fake_nic *fake)
{
	fake_virtio(fake)->cause = true;
	fake_virtio_interrupt(fake);
}

/* Three frames of two descriptors under way; all buffers with the device, and a
 * frame in the first.
 */
static void vlie_prepare(struct fake_nic *fake)
{
	struct virtio_net_hdr_v1 hdr = { .num_buffers = cpu_to_le16(1) };
	u8 *data = fake_data(fake->test, VLIE_LEN);
	u32 i;

	for (i = 0; i < 3; i++) {
		struct sk_buff *skb = fake_skb(fake, VLIE_LEN);

		fake_add_frag(fake, skb, 0, VLIE_LEN);
		KUNIT_ASSERT_TRUE(fake->test, fake_transmit(fake, skb, false));
	}
	KUNIT_ASSERT_EQ(fake->test, fake_virtio_send(fake), 3);
	fake_virtio_room(fake);
	fake_virtio_fill(fake, 0, &hdr, data, VLIE_LEN);
}

/* A true word of a queue that has lied is not taken. Nobody resets meanwhile. */
static void vlie_expect_dead(struct fake_nic *fake, struct fake_vq *vq)
{
	u64 rx = fake_rx_count(fake, SLUICE_RX_FRAMES);
	u64 tx = fake_tx_count(fake, SLUICE_TX_COMPLETED);

	vlie_say(fake, vq, vq->out[2].id);
	vlie_poll(fake);
	vlie_poll(fake);
	KUNIT_EXPECT_EQ(fake->test, fake_rx_count(fake, SLUICE_RX_FRAMES), rx);
	KUNIT_EXPECT_EQ(fake->test, fake_tx_count(fake, SLUICE_TX_COMPLETED), tx);
}

/* One reset, after which nothing is as it was but the counters. */
static void vlie_expect_recovery(struct fake_nic *fake)
{
	u32 resets = fake_virtio(fake)->resets;
	u64 in = sluice_txq_pending(fake_txq(fake)) ?
		 3 - fake_tx_count(fake, SLUICE_TX_COMPLETED) : 0;

	flush_delayed_work(&fake->nic->health.work);
	KUNIT_EXPECT_EQ(fake->test, fake->nic->resets, 1);
	KUNIT_EXPECT_EQ(fake->test, fake_virtio(fake)->resets, resets + 1);
	KUNIT_EXPECT_GE(fake->test, fake_tx_count(fake, SLUICE_TX_RESET_DROP), in);
	fake_expect_ledger(fake);
	fake_virtio_expect_alive(fake);
	KUNIT_EXPECT_FALSE(fake->test,
			   delayed_work_pending(&fake->nic->health.work));
}

static void vlie_rx_test(struct kunit *test)
{
	const struct vlie_case *c = test->param_value;
	struct fake_nic *fake = test->priv;

	vlie_prepare(fake);
	rtnl_lock();
	c->lie->tell(fake);
	vlie_poll(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_RING_ERR), 1);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED),
			c->lie->passed);
	/* Nothing that was not true has been taken for a frame. */
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_FRAMES),
			c->lie->passed);
	vlie_expect_dead(fake, vlie_rx(fake));
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_RING_ERR), 1);
	rtnl_unlock();
	vlie_expect_recovery(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RING_ERR), 0);
}

static void vlie_tx_test(struct kunit *test)
{
	const struct vlie_case *c = test->param_value;
	struct fake_nic *fake = test->priv;

	vlie_prepare(fake);
	rtnl_lock();
	c->lie->tell(fake);
	vlie_poll(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RING_ERR), 1);
	/* Nothing that was not true has been taken for sent. */
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED),
			c->lie->passed);
	vlie_expect_dead(fake, vlie_tx(fake));
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RING_ERR), 1);
	rtnl_unlock();
	vlie_expect_recovery(fake);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_RING_ERR), 0);
}

static struct kunit_case vlie_cases[] = {
	KUNIT_CASE_PARAM(vlie_rx_test, vlie_rx_gen_params),
	KUNIT_CASE_PARAM(vlie_tx_test, vlie_tx_gen_params),
	{}
};

static struct kunit_suite vlie_suite = {
	.name		= "sluice_vnet_lies",
	.init		= fake_virtio_init,
	.exit		= fake_nic_exit,
	.test_cases	= vlie_cases,
	.attr.speed	= KUNIT_SPEED_VERY_SLOW,
};

kunit_test_suite(vlie_suite);
