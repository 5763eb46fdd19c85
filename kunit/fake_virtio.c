// SPDX-License-Identifier: GPL-2.0-only
/* Frames through the virtio-net device in memory. */

#include <linux/etherdevice.h>
#include <linux/virtio_ring.h>
#include "fake_virtio.h"

#define FAKE_ALIVE_LEN	111

KUNIT_ARRAY_PARAM_DESC(fake_virtio_ring, fake_virtio_rings, name);

const void *fake_virtio_event_gen_params(const void *prev, char *desc)
{
	const struct fake_virtio_kind *kind = prev;

	do
		kind = fake_virtio_ring_gen_params(kind, desc);
	while (kind && !(kind->features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX)));
	return kind;
}

/* A suite's init: an open NIC of the test's kind in test->priv. */
int fake_virtio_init(struct kunit *test)
{
	const struct fake_virtio_kind *kind = test->param_value ?:
					      &fake_virtio_kinds[0];
	struct fake_nic *fake = fake_nic_plug(test, &fake_virtio_board, kind);

	test->priv = fake;
	fake_open(fake);
	return 0;
}

/* NAPI runs if the driver has asked for an interrupt by what has happened. */
void fake_virtio_interrupt(struct fake_nic *fake)
{
	if (fake_virtio(fake)->cause)
		fake_interrupt(fake);
}

static bool fake_virtio_may_dma(const struct fake_virtio *dev)
{
	return dev->running && dev->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/**
 * fake_virtio_room() - take over all buffers that there are
 * @fake: the NIC
 * Return: how many the device has.
 */
u32 fake_virtio_room(struct fake_nic *fake)
{
	struct fake_virtio *dev = fake_virtio(fake);
	struct fake_chain chain;

	while (fake_virtio_may_dma(dev) && fake_vq_read(&dev->rx, &chain)) {
		KUNIT_EXPECT_EQ(fake->test, chain.n, 1);
		KUNIT_EXPECT_TRUE(fake->test, chain.piece[0].write);
		fake_vq_keep(&dev->rx, &chain);
	}
	fake_vq_want_kick(&dev->rx);
	return dev->rx.nout;
}

/* Of a header, 5.1.6. */
static u32 fake_virtio_hdr_len(const struct fake_nic *fake)
{
	return vnet_has(fake->nic, VIRTIO_NET_F_HASH_REPORT) ? 20 : 12;
}

/**
 * fake_virtio_fill() - write into a buffer
 * @fake: the NIC
 * @nth: the buffer, of those that the device has
 * @hdr: header in front, or NULL
 * @data: bytes
 * @bytes: how many
 */
void fake_virtio_fill(struct fake_nic *fake, u32 nth,
		      const struct virtio_net_hdr_v1 *hdr, const void *data,
		      u32 bytes)
{
	struct fake_vq *vq = &fake_virtio(fake)->rx;
	const struct fake_piece *piece = &vq->out[nth].first;
	void *buffer = fake_vq_memory(vq, piece->addr);
	u32 hdr_len = hdr ? fake_virtio_hdr_len(fake) : 0;

	KUNIT_ASSERT_LT(fake->test, nth, vq->nout);
	KUNIT_ASSERT_LE(fake->test, hdr_len + bytes, piece->len);
	if (hdr)
		memcpy(buffer, hdr, sizeof(*hdr));
	if (hdr_len > sizeof(*hdr))
		memcpy(buffer + sizeof(*hdr), &fake_virtio(fake)->hash,
		       sizeof(struct fake_hash));
	if (bytes)
		memcpy(buffer + hdr_len, data, bytes);
}

/* Return a buffer with the length that the device claims. */
void fake_virtio_return(struct fake_nic *fake, u32 nth, u32 len)
{
	struct fake_vq *vq = &fake_virtio(fake)->rx;
	struct fake_out out = fake_vq_forget(vq, nth);

	fake_vq_write(vq, out.id, len, out.descs);
}

void fake_virtio_tell_rx(struct fake_nic *fake)
{
	struct fake_virtio *dev = fake_virtio(fake);

	if (fake_vq_tell(&dev->rx))
		dev->cause = true;
}

/* How many buffers of the sizes posted a frame takes. */
static u32 fake_virtio_buffers(struct fake_vq *vq, u32 len)
{
	u32 n, room = 0;

	for (n = 0; n < vq->nout && room < len; n++)
		room += vq->out[n].first.len;
	return n;
}

/**
 * fake_virtio_receive_with() - receive a frame, in as many buffers as it takes
 * @fake: the NIC
 * @data: its bytes
 * @len: how many
 * @hdr: its header, but for the number of buffers
 */
void fake_virtio_receive_with(struct fake_nic *fake, const void *data, u32 len,
			      struct virtio_net_hdr_v1 hdr)
{
	struct fake_vq *vq = &fake_virtio(fake)->rx;
	u32 hdr_len = fake_virtio_hdr_len(fake), bytes, buffers;

	KUNIT_ASSERT_GE(fake->test, fake_virtio_room(fake), 1);
	buffers = fake_virtio_buffers(vq, hdr_len + len);
	hdr.num_buffers = cpu_to_le16(buffers);
	while (buffers--) {
		bytes = min(len, vq->out[0].first.len - hdr_len);
		fake_virtio_fill(fake, 0, hdr_len ? &hdr : NULL, data, bytes);
		fake_virtio_return(fake, 0, hdr_len + bytes);
		data += bytes;
		len -= bytes;
		hdr_len = 0;
	}
	KUNIT_ASSERT_EQ_MSG(fake->test, len, 0, "more bytes than buffers");
	fake_virtio_tell_rx(fake);
}

void fake_virtio_receive(struct fake_nic *fake, const void *data, u32 len)
{
	fake_virtio_receive_with(fake, data, len, (struct virtio_net_hdr_v1){});
}

/* The next frame that the stack got has these bytes. */
void fake_virtio_expect_frame(struct fake_nic *fake, const void *data, u32 len)
{
	struct sk_buff *skb = skb_dequeue(&fake->received);

	KUNIT_ASSERT_NOT_NULL_MSG(fake->test, skb, "%u bytes did not arrive", len);
	skb_push(skb, ETH_HLEN);
	fake_take_bytes(fake, skb, data, len);
}

static u32 fake_chain_len(const struct fake_chain *chain)
{
	u32 i, len = 0;

	for (i = 0; i < chain->n; i++)
		len += chain->piece[i].len;
	return len;
}

/* All of a chain's bytes: header and frame. */
static struct sk_buff *fake_chain_skb(struct fake_nic *fake,
				      const struct fake_chain *chain)
{
	struct fake_vq *vq = &fake_virtio(fake)->tx;
	struct sk_buff *skb = alloc_skb(fake_chain_len(chain), GFP_ATOMIC);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(fake->test, skb);
	for (i = 0; i < chain->n; i++) {
		const struct fake_piece *piece = &chain->piece[i];

		KUNIT_EXPECT_FALSE(fake->test, piece->write);
		skb_put_data(skb, fake_vq_memory(vq, piece->addr), piece->len);
	}
	return skb;
}

/* A device may cut at the header's length and not at a descriptor (2.7.4). */
static void fake_virtio_to_wire(struct fake_nic *fake, struct sk_buff *skb,
				const struct fake_chain *chain)
{
	struct fake_vsent *sent = fake_vsent(skb);
	u32 hdr_len = fake_virtio_hdr_len(fake);

	KUNIT_ASSERT_GE(fake->test, skb->len, hdr_len + ETH_HLEN);
	memcpy(&sent->hdr, skb->data, sizeof(sent->hdr));
	memset(&sent->hash, 0, sizeof(sent->hash));
	if (hdr_len > sizeof(sent->hdr))
		memcpy(&sent->hash, skb->data + sizeof(sent->hdr),
		       sizeof(sent->hash));
	__skb_pull(skb, hdr_len);
	sent->id = chain->id;
	sent->pushed = chain->piece[0].len > hdr_len;
	sent->pieces = chain->n - !sent->pushed;
	__skb_queue_tail(&fake_virtio(fake)->wire, skb);
}

/**
 * fake_virtio_send() - put all frames on the wire that there are, without a report
 * @fake: the NIC
 * Return: how many were sent.
 */
u32 fake_virtio_send(struct fake_nic *fake)
{
	struct fake_virtio *dev = fake_virtio(fake);
	struct fake_chain chain;
	u32 sent = 0;

	while (fake_virtio_may_dma(dev) && fake_vq_read(&dev->tx, &chain)) {
		fake_virtio_to_wire(fake, fake_chain_skb(fake, &chain), &chain);
		fake_vq_keep(&dev->tx, &chain);
		sent++;
	}
	fake_vq_want_kick(&dev->tx);
	return sent;
}

/* Report the n-th frame of those under way as sent. */
void fake_virtio_complete(struct fake_nic *fake, u32 nth)
{
	struct fake_virtio *dev = fake_virtio(fake);
	struct fake_out out = fake_vq_forget(&dev->tx, nth);

	fake_vq_write(&dev->tx, out.id, 0, out.descs);
	if (fake_vq_tell(&dev->tx))
		dev->cause = true;
}

/* Report the first of those under way as sent, by one entry for all. */
void fake_virtio_complete_batch(struct fake_nic *fake, u32 n)
{
	struct fake_virtio *dev = fake_virtio(fake);

	fake_vq_batch(&dev->tx, n, 0);
	if (fake_vq_tell(&dev->tx))
		dev->cause = true;
}

/**
 * fake_virtio_send_all() - send all frames that there are and report them, in order
 * @fake: the NIC
 * Return: how many were sent.
 */
u32 fake_virtio_send_all(struct fake_nic *fake)
{
	u32 sent = fake_virtio_send(fake);

	while (fake_virtio(fake)->tx.nout)
		fake_virtio_complete(fake, 0);
	fake_virtio_interrupt(fake);
	return sent;
}

/* The same, and nobody looks at the frames. */
void fake_virtio_skip_all(struct fake_nic *fake)
{
	struct fake_virtio *dev = fake_virtio(fake);
	struct fake_chain chain;

	while (fake_vq_read(&dev->tx, &chain))
		fake_vq_write(&dev->tx, chain.id, 0, chain.n);
	if (fake_vq_tell(&dev->tx))
		dev->cause = true;
	fake_vq_want_kick(&dev->tx);
	fake_virtio_interrupt(fake);
}

/**
 * fake_virtio_expect_wire() - the next frame that was sent has these bytes
 * @fake: the NIC
 * @data: the bytes
 * @len: how many
 * Return: what else the device was told.
 */
struct fake_vsent fake_virtio_expect_wire(struct fake_nic *fake,
					  const void *data, u32 len)
{
	struct sk_buff *skb = __skb_dequeue(&fake_virtio(fake)->wire);
	struct fake_vsent sent;

	KUNIT_ASSERT_NOT_NULL_MSG(fake->test, skb, "%u bytes were not sent", len);
	sent = *fake_vsent(skb);
	fake_take_bytes(fake, skb, data, len);
	return sent;
}

/* After all that happened before, frames still go both ways. */
void fake_virtio_expect_alive(struct fake_nic *fake)
{
	u8 *data = fake_data(fake->test, FAKE_ALIVE_LEN);

	skb_queue_purge(&fake->received);
	__skb_queue_purge(&fake_virtio(fake)->wire);
	fake_virtio_receive(fake, data, FAKE_ALIVE_LEN);
	fake_virtio_interrupt(fake);
	fake_virtio_expect_frame(fake, data, FAKE_ALIVE_LEN);
	KUNIT_EXPECT_TRUE(fake->test,
			  fake_transmit(fake, fake_skb(fake, FAKE_ALIVE_LEN), false));
	KUNIT_EXPECT_EQ(fake->test, fake_virtio_send_all(fake), 1);
	fake_virtio_expect_wire(fake, data, FAKE_ALIVE_LEN);
	KUNIT_EXPECT_EQ(fake->test, sluice_txq_pending(fake_txq(fake)), 0);
	fake_expect_bql_idle(fake);
}
