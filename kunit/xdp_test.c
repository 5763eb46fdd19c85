// SPDX-License-Identifier: GPL-2.0-only
/*
 * XDP engine: verdicts, frames changed by the program, the shared transmit ring,
 * redirects. Programs are instructions as the verifier leaves them: the context is
 * the xdp_buff itself, and what a helper would change is changed by stores.
 */

#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <net/xdp.h>
#include "fake_fault.h"
#include "fake_foreign.h"
#include "fake_nic.h"
#include "fake_program.h"

#define XDP_LEN		100
#define XDP_CHAIN	(3 * SLUICE_RX_BUF_LEN - 7)
#define XDP_UNKNOWN	77

/* Move a pointer of the frame, and give a verdict. */
static struct bpf_prog *xdp_moving(struct kunit *test, u32 member, s32 delta,
				   u32 verdict)
{
	const struct bpf_insn insns[] = {
		BPF_LDX_MEM(BPF_DW, BPF_REG_2, BPF_REG_1, member),
		BPF_ALU64_IMM(BPF_ADD, BPF_REG_2, delta),
		BPF_STX_MEM(BPF_DW, BPF_REG_1, BPF_REG_2, member),
		BPF_MOV64_IMM(BPF_REG_0, verdict),
		BPF_EXIT_INSN(),
	};

	return fake_program(test, insns, ARRAY_SIZE(insns), true);
}

static struct bpf_prog *xdp_poke(struct kunit *test, s16 offset, u8 value,
				 u32 verdict)
{
	const struct bpf_insn insns[] = {
		BPF_LDX_MEM(BPF_DW, BPF_REG_2, BPF_REG_1,
			    offsetof(struct xdp_buff, data)),
		BPF_ST_MEM(BPF_B, BPF_REG_2, offset, value),
		BPF_MOV64_IMM(BPF_REG_0, verdict),
		BPF_EXIT_INSN(),
	};

	return fake_program(test, insns, ARRAY_SIZE(insns), true);
}

/* bpf_redirect(), which a module cannot name. */
static u64 xdp_redirect_to(u64 ifindex)
{
	struct bpf_redirect_info *ri = bpf_net_ctx_get_ri();

	ri->tgt_index = ifindex;
	ri->map_id = INT_MAX;
	ri->map_type = BPF_MAP_TYPE_UNSPEC;
	return XDP_REDIRECT;
}

static struct bpf_prog *xdp_redirect(struct kunit *test, int ifindex)
{
	const struct bpf_insn insns[] = {
		BPF_MOV64_IMM(BPF_REG_1, ifindex),
		BPF_EMIT_CALL(xdp_redirect_to),
		BPF_EXIT_INSN(),
	};

	return fake_program(test, insns, ARRAY_SIZE(insns), true);
}

static void xdp_receive(struct fake_nic *fake, u32 len)
{
	KUNIT_ASSERT_TRUE(fake->test,
			  fake_receive(fake->hw, fake_data(fake->test, len), len));
	fake_interrupt(fake);
}

static void xdp_send(struct fake_nic *fake)
{
	fake_send_all(fake->hw);
	fake_interrupt(fake);
}

struct xdp_fate {
	const char *name;
	u32 verdict;
	enum sluice_rx_counter counter;
};

/* A redirect to nowhere is refused by the kernel. */
static const struct xdp_fate xdp_fates[] = {
	{ "ABORTED", XDP_ABORTED, SLUICE_RX_XDP_ABORTED },
	{ "DROP", XDP_DROP, SLUICE_RX_XDP_DROP },
	{ "PASS", XDP_PASS, SLUICE_RX_PASSED },
	{ "TX", XDP_TX, SLUICE_RX_XDP_TX },
	{ "REDIRECT", XDP_REDIRECT, SLUICE_RX_XDP_REDIRECT_ERR },
	{ "unknown", XDP_UNKNOWN, SLUICE_RX_XDP_INVALID },
};

KUNIT_ARRAY_PARAM_DESC(xdp_fate, xdp_fates, name);

static void xdp_verdict_test(struct kunit *test)
{
	const struct xdp_fate *fate = test->param_value;
	const u32 lens[] = { ETH_HLEN, ETH_ZLEN, SLUICE_RX_BUF_LEN, XDP_CHAIN };
	struct fake_nic *fake = test->priv;
	u32 i, frames = ARRAY_SIZE(lens), lasting = frames - 1;

	fake_use(fake, fake_verdict(test, fate->verdict, true));
	for (i = 0; i < frames; i++) {
		u32 slot = fake->hw->rx_head;
		void *buffer = fake_rx_posted(fake->hw, slot);

		xdp_receive(fake, lens[i]);
		/* A dropped frame of one buffer never leaves the ring. */
		if (fate->verdict <= XDP_DROP && i < lasting)
			KUNIT_EXPECT_PTR_EQ(test, buffer,
					    fake_rx_posted(fake->hw, slot));
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, fate->counter), frames);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->received),
			fate->verdict == XDP_PASS ? frames : 0);
	xdp_send(fake);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->hw->wire),
			fate->verdict == XDP_TX ? frames : 0);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_XDP_ACCEPTED),
			fate->verdict == XDP_TX ? frames : 0);
}

/* A program without frags support is not asked about frames of several buffers. */
static void xdp_no_frags_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;

	fake_use(fake, fake_verdict(test, XDP_PASS, false));
	xdp_receive(fake, XDP_CHAIN);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_NO_FRAGS), 1);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->received), 0);
	xdp_receive(fake, SLUICE_RX_BUF_LEN);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), 1);
}

/* What the program does to the frame is what goes on, up and out. */
static void xdp_adjust_head_test(struct kunit *test)
{
	static const s32 deltas[] = { -200, -16, -1, 1, 20, XDP_LEN - ETH_HLEN };
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, XDP_LEN);
	struct sk_buff *skb;
	u32 i, len;

	for (i = 0; i < ARRAY_SIZE(deltas); i++) {
		len = XDP_LEN - deltas[i];
		fake_use(fake, fake_adjust_head(test, deltas[i], XDP_PASS));
		xdp_receive(fake, XDP_LEN);
		skb = skb_dequeue(&fake->received);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_EQ(test, skb->len + ETH_HLEN, len);
		skb_push(skb, ETH_HLEN);
		/* What it grew by is the program's to fill. */
		skb_pull(skb, max(-deltas[i], 0));
		len = min(len, XDP_LEN);
		fake_take_bytes(fake, skb, data + max(deltas[i], 0), len);
	}
}

static void xdp_adjust_head_tx_test(struct kunit *test)
{
	static const s32 deltas[] = { -200, -1, 1, 20, XDP_LEN - ETH_HLEN };
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, XDP_LEN);
	struct sk_buff *skb;
	u32 i, len;

	for (i = 0; i < ARRAY_SIZE(deltas); i++) {
		len = XDP_LEN - deltas[i];
		fake_use(fake, fake_adjust_head(test, deltas[i], XDP_TX));
		xdp_receive(fake, XDP_LEN);
		xdp_send(fake);
		skb = __skb_dequeue(&fake->hw->wire);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_EQ(test, skb->len, max(len, ETH_ZLEN));
		/* The bytes that were received end the frame, but for padding. */
		if (deltas[i] < 0)
			skb_pull(skb, -deltas[i]);
		len = min(len, XDP_LEN);
		skb_trim(skb, len);
		fake_take_bytes(fake, skb, data + max(deltas[i], 0), len);
	}
}

/* No headroom left for the struct xdp_frame: a loss with a name. */
static void xdp_no_headroom_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	s32 all = -XDP_PACKET_HEADROOM + 8;

	fake_use(fake, fake_adjust_head(test, all, XDP_TX));
	xdp_receive(fake, XDP_LEN);
	xdp_receive(fake, XDP_CHAIN);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_TX_FULL), 2);
	fake_use(fake, fake_adjust_head(test, all, XDP_REDIRECT));
	xdp_receive(fake, XDP_LEN);
	xdp_receive(fake, XDP_CHAIN);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_REDIRECT_ERR), 2);
}

static void xdp_adjust_tail_test(struct kunit *test)
{
	static const s32 deltas[] = { 1, 900, -1, -40, -41, ETH_HLEN - XDP_LEN };
	struct fake_nic *fake = test->priv;
	u32 i, len, end = offsetof(struct xdp_buff, data_end);
	u8 *data = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct sk_buff *skb;

	KUNIT_ASSERT_NOT_NULL(test, data);
	for (i = 0; i < ARRAY_SIZE(deltas); i++) {
		len = XDP_LEN + deltas[i];
		fake_use(fake, xdp_moving(test, end, deltas[i], XDP_PASS));
		xdp_receive(fake, XDP_LEN);
		skb = skb_dequeue(&fake->received);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_EQ(test, skb->len + ETH_HLEN, len);
		kfree_skb(skb);
		if (len > XDP_LEN)
			continue;
		fake_use(fake, xdp_moving(test, end, deltas[i], XDP_TX));
		xdp_receive(fake, XDP_LEN);
		xdp_send(fake);
		/* What is cut off must not leave: padding is zeros. */
		fake_fill(data, XDP_LEN, XDP_LEN);
		memset(data + len, 0, PAGE_SIZE - len);
		fake_expect_wire(fake, data, max(len, ETH_ZLEN));
	}
}

static void xdp_metadata_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct sk_buff *skb;
	u32 len;

	for (len = 4; len <= 32; len += 4) {
		fake_use(fake, xdp_moving(test, offsetof(struct xdp_buff, data_meta),
					  -(s32)len, XDP_PASS));
		xdp_receive(fake, XDP_LEN);
		skb = skb_dequeue(&fake->received);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_EQ(test, skb_metadata_len(skb), len);
		kfree_skb(skb);
	}
}

/* The program's writes reach the device. */
static void xdp_rewrite_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u8 *data = fake_data(test, XDP_LEN);
	s16 at;

	for (at = 0; at < XDP_LEN; at += 9) {
		fake_fill(data, XDP_LEN, XDP_LEN);
		data[at] ^= 0xff;
		fake_use(fake, xdp_poke(test, at, data[at], XDP_TX));
		xdp_receive(fake, XDP_LEN);
		xdp_send(fake);
		fake_expect_wire(fake, data, XDP_LEN);
	}
}

/* Also into a buffer that stays in the ring: what a cache still holds would be
 * written over the next frame.
 */
static void xdp_rewrite_drop_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u8 *buffer, value = fake_data(test, XDP_LEN)[20] ^ 0xff;

	buffer = fake_rx_posted(fake->hw, fake->hw->rx_head);
	fake_use(fake, xdp_poke(test, 20, value, XDP_DROP));
	xdp_receive(fake, XDP_LEN);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_DROP), 1);
	KUNIT_EXPECT_EQ(test, buffer[20], value);
}

static void xdp_tx_chain_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct fake_sent sent;
	u32 buffers, len;

	fake_use(fake, fake_verdict(test, XDP_TX, true));
	for (buffers = 1; buffers <= 8; buffers++) {
		len = buffers * SLUICE_RX_BUF_LEN - 3;
		xdp_receive(fake, len);
		xdp_send(fake);
		sent = fake_expect_wire(fake, fake_data(test, len), len);
		KUNIT_EXPECT_EQ(test, sent.pieces, buffers);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 8);
}

/* Frames of one poll leave by one doorbell for every 16. */
static void xdp_tx_bulk_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 i;

	fake_use(fake, fake_verdict(test, XDP_TX, true));
	for (i = 0; i < 40; i++)
		fake_receive(fake->hw, fake_data(test, XDP_LEN + i), XDP_LEN + i);
	fake_interrupt(fake);
	KUNIT_EXPECT_EQ(test, fake->hw->tx_kicks, 3);
	xdp_send(fake);
	for (i = 0; i < 40; i++)
		fake_expect_wire(fake, fake_data(test, XDP_LEN + i), XDP_LEN + i);
}

/* XDP leaves the stack its reserve: it can never stop the queue. */
static void xdp_tx_full_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 room = fake->hw->tx_size - 1 - SLUICE_TX_WORST, i;

	fake_use(fake, fake_verdict(test, XDP_TX, true));
	for (i = 0; i < room + 20; i++)
		xdp_receive(fake, XDP_LEN);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_TX), room);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_TX_FULL), 20);
	KUNIT_EXPECT_EQ(test, sluice_txq_room(fake_txq(fake)), SLUICE_TX_WORST);
	KUNIT_EXPECT_FALSE(test, netif_queue_stopped(fake->netdev));
	KUNIT_EXPECT_TRUE(test, fake_transmit(fake, fake_skb(fake, XDP_LEN), false));
	KUNIT_EXPECT_TRUE(test, netif_queue_stopped(fake->netdev));
	xdp_send(fake);
	KUNIT_EXPECT_FALSE(test, netif_queue_stopped(fake->netdev));
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), room + 1);
}

/* No page to replace the frame's: lost, and not sent or passed as well. */
static void xdp_alloc_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = { { "page_pool_alloc_pages", 0 } };
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	static const u32 verdicts[] = { XDP_TX, XDP_PASS, XDP_REDIRECT };
	struct fake_nic *fake = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++) {
		fake_use(fake, fake_verdict(test, verdicts[i], true));
		fake_fault_arm(fault, 1);
		xdp_receive(fake, XDP_LEN);
		fake_fault_arm(fault, 0);
		KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_ALLOC_FAIL),
				i + 1);
	}
	/* A drop needs no page and asks for none. */
	fake_use(fake, fake_verdict(test, XDP_DROP, true));
	fake_fault_arm(fault, 1);
	xdp_receive(fake, XDP_LEN);
	KUNIT_EXPECT_EQ(test, fault->calls, 0);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_DROP), 1);
	xdp_send(fake);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&fake->hw->wire), 0);
}

static void xdp_foreign_all(struct fake_nic *fake, struct xdp_frame **frames,
			    u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		frames[i] = fake_foreign(fake, XDP_LEN + i);
}

static void xdp_xmit_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct xdp_frame *frames[16];
	u32 i;

	/* Without a flush they wait. */
	xdp_foreign_all(fake, frames, ARRAY_SIZE(frames));
	KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, frames, 8, 0), 8);
	KUNIT_EXPECT_EQ(test, fake->hw->tx_kicks, 0);
	KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, frames + 8, 8, XDP_XMIT_FLUSH), 8);
	KUNIT_EXPECT_EQ(test, fake->hw->tx_kicks, 1);
	xdp_send(fake);
	for (i = 0; i < ARRAY_SIZE(frames); i++)
		fake_expect_wire(fake, fake_data(test, XDP_LEN + i), XDP_LEN + i);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_XDP_ACCEPTED), 16);
}

static void xdp_xmit_frags_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct xdp_frame *xdpf = fake_foreign(fake, XDP_LEN);
	struct fake_sent sent;
	u8 *data;

	fake_foreign_frag(fake, xdpf, 1000);
	fake_foreign_frag(fake, xdpf, PAGE_SIZE);
	data = kunit_kzalloc(test, XDP_LEN + 1000 + PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, data);
	fake_fill(data, XDP_LEN, XDP_LEN);
	KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, &xdpf, 1, XDP_XMIT_FLUSH), 1);
	xdp_send(fake);
	sent = fake_expect_wire(fake, data, XDP_LEN + 1000 + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sent.pieces, 3);
}

/* What is refused stays the caller's, and what was taken is sent. */
static void xdp_xmit_map_fail_test(struct kunit *test)
{
	static const struct fake_fault_at at[] = {
		{ "dma_map_page_attrs", DMA_MAPPING_ERROR },
	};
	struct fake_fault *fault = fake_fault_create(test, at, ARRAY_SIZE(at));
	struct fake_nic *fake = test->priv;
	struct xdp_frame *frames[4];
	u32 nth, full = 0;

	/* Two mappings a frame. */
	for (nth = 1; nth <= 8; nth++) {
		u32 i, good = (nth - 1) / 2;

		xdp_foreign_all(fake, frames, ARRAY_SIZE(frames));
		for (i = 0; i < ARRAY_SIZE(frames); i++)
			fake_foreign_frag(fake, frames[i], 500);
		fake_fault_arm(fault, nth);
		KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, frames, 4, 0), good);
		fake_fault_arm(fault, 0);
		KUNIT_EXPECT_EQ(test, fake_send(fake->hw, U32_MAX), good);
		fake_interrupt(fake);
		full += 4 - good;
		KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_XDP_FULL), full);
	}
	KUNIT_EXPECT_EQ(test, fake_txq(fake)->head, fake_txq(fake)->tail);
}

static void xdp_xmit_full_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	u32 room = fake->hw->tx_size - 1 - SLUICE_TX_WORST, in = 0;
	struct xdp_frame *frames[16];
	int sent;

	do {
		xdp_foreign_all(fake, frames, ARRAY_SIZE(frames));
		sent = fake_xdp_xmit(fake, frames, ARRAY_SIZE(frames), 0);
		KUNIT_ASSERT_GE(test, sent, 0);
		in += sent;
	} while (sent == ARRAY_SIZE(frames));
	KUNIT_EXPECT_EQ(test, in, room);
	/* Nobody else would ring. */
	KUNIT_EXPECT_EQ(test, fake_tx_waiting(fake->hw), room);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_XDP_FULL), 16 - sent);
	xdp_send(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), room);
}

static void xdp_xmit_refused_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct xdp_frame *frames[2];

	xdp_foreign_all(fake, frames, 2);
	KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, frames, 2, ~XDP_XMIT_FLAGS_MASK),
			-EINVAL);
	netif_carrier_off(fake->netdev);
	xdp_foreign_all(fake, frames, 2);
	KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, frames, 2, XDP_XMIT_FLUSH), -ENETDOWN);
	fake_close(fake);
	/* As between down and up of a resize: carrier, and no ring. */
	netif_carrier_on(fake->netdev);
	xdp_foreign_all(fake, frames, 2);
	KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, frames, 2, XDP_XMIT_FLUSH), 0);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_XDP_FULL), 2);
	netif_carrier_off(fake->netdev);
}

/* Frames of stack, XDP_TX and redirect in one ring, sent in the order they came. */
static void xdp_shared_ring_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct xdp_frame *xdpf;
	u32 i;

	fake_use(fake, fake_verdict(test, XDP_TX, true));
	for (i = 0; i < 99; i += 3) {
		fake_transmit(fake, fake_skb(fake, XDP_LEN + i), true);
		xdp_receive(fake, XDP_LEN + i + 1);
		xdpf = fake_foreign(fake, XDP_LEN + i + 2);
		KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, &xdpf, 1, XDP_XMIT_FLUSH), 1);
	}
	xdp_send(fake);
	for (i = 0; i < 99; i++)
		fake_expect_wire(fake, fake_data(test, XDP_LEN + i), XDP_LEN + i);
	/* And purged, all three kinds of them. */
	fake_transmit(fake, fake_skb(fake, XDP_LEN), true);
	xdp_receive(fake, XDP_LEN);
	xdpf = fake_foreign(fake, XDP_LEN);
	KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, &xdpf, 1, XDP_XMIT_FLUSH), 1);
	fake_close(fake);
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_RESET_DROP), 3);
	fake_open(fake);
}

/* Returns how many frames were completed when it was over, and NAPI not yet run. */
static u64 xdp_netpoll(struct fake_nic *fake)
{
	unsigned long flags;
	u64 completed;

	local_irq_save(flags);
	sluice_fake_engine.poll(&fake->nic->vec[0]->napi, 0);
	completed = fake_tx_count(fake, SLUICE_TX_COMPLETED);
	local_irq_restore(flags);
	return completed;
}

/* Netpoll comes with interrupts off, where an XDP frame may not be freed: it is
 * left to NAPI, which is called.
 */
static void xdp_netpoll_test(struct kunit *test)
{
	struct xdp_frame *xdpf = fake_foreign(test->priv, XDP_LEN);
	struct fake_nic *fake = test->priv;
	u32 waited;

	fake_transmit(fake, fake_skb(fake, XDP_LEN), false);
	fake_send_all(fake->hw);
	KUNIT_EXPECT_EQ(test, xdp_netpoll(fake), 1);
	KUNIT_EXPECT_EQ(test, fake_xdp_xmit(fake, &xdpf, 1, XDP_XMIT_FLUSH), 1);
	fake_send_all(fake->hw);
	KUNIT_EXPECT_EQ(test, xdp_netpoll(fake), 1);
	for (waited = 0; waited < 10000; waited += 20) {
		if (fake_tx_count(fake, SLUICE_TX_COMPLETED) == 2)
			break;
		msleep(20);
	}
	KUNIT_EXPECT_EQ(test, fake_tx_count(fake, SLUICE_TX_COMPLETED), 2);
}

/* From one NIC to another: the page goes home to the pool it came from. */
static void xdp_redirect_test(struct kunit *test)
{
	static const u32 lens[] = { XDP_LEN, SLUICE_RX_BUF_LEN, XDP_CHAIN };
	struct fake_nic *fake = test->priv, *other = fake_nic_create(test);
	u32 i;

	fake_open(other);
	/* A target takes nothing that is longer than its MTU. */
	KUNIT_ASSERT_EQ(test, fake_set_mtu(other, FAKE_MAX_MTU), 0);
	fake_use(fake, xdp_redirect(test, other->netdev->ifindex));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		xdp_receive(fake, lens[i]);
		xdp_send(other);
		fake_expect_wire(other, fake_data(test, lens[i]), lens[i]);
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_REDIRECT), i);
	KUNIT_EXPECT_EQ(test, fake_tx_count(other, SLUICE_TX_XDP_ACCEPTED), i);
	KUNIT_EXPECT_EQ(test, fake_tx_count(other, SLUICE_TX_COMPLETED), i);
	/* Down, it is no target. */
	fake_close(other);
	xdp_receive(fake, XDP_LEN);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_REDIRECT_ERR), 1);
	fake_expect_ledger(other);
}

/* Attach, replace and detach change a pointer: no frame is lost, no reference. */
static void xdp_attach_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct bpf_prog *pass = fake_verdict(test, XDP_PASS, true);
	struct bpf_prog *drop = fake_verdict(test, XDP_DROP, false);
	struct bpf_prog *progs[] = { NULL, pass, drop, pass, NULL, drop, drop, NULL };
	u32 i, dropped = 0, resets = fake->hw->resets;

	for (i = 0; i < ARRAY_SIZE(progs); i++) {
		fake_receive(fake->hw, fake_data(test, XDP_LEN), XDP_LEN);
		fake_use(fake, progs[i]);
		fake_interrupt(fake);
		dropped += progs[i] == drop;
	}
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_XDP_DROP), dropped);
	KUNIT_EXPECT_EQ(test, fake_rx_count(fake, SLUICE_RX_PASSED), i - dropped);
	KUNIT_EXPECT_EQ(test, fake->hw->resets, resets);
	KUNIT_EXPECT_EQ(test, atomic64_read(&pass->aux->refcnt), 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&drop->aux->refcnt), 1);
}

static void xdp_mtu_test(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct bpf_prog *linear = fake_verdict(test, XDP_PASS, false);
	struct bpf_prog *frags = fake_verdict(test, XDP_PASS, true);

	KUNIT_EXPECT_EQ(test, fake_set_mtu(fake, SLUICE_XDP_LINEAR_MTU + 1), 0);
	KUNIT_EXPECT_EQ(test, fake_attach(fake, linear), -EINVAL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&linear->aux->refcnt), 1);
	KUNIT_EXPECT_EQ(test, fake_attach(fake, frags), 0);
	KUNIT_EXPECT_EQ(test, fake_set_mtu(fake, FAKE_MAX_MTU), 0);
	KUNIT_EXPECT_EQ(test, fake_set_mtu(fake, SLUICE_XDP_LINEAR_MTU), 0);
	KUNIT_EXPECT_EQ(test, fake_attach(fake, linear), 0);
	KUNIT_EXPECT_EQ(test, fake_set_mtu(fake, SLUICE_XDP_LINEAR_MTU + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, fake->netdev->mtu, SLUICE_XDP_LINEAR_MTU);
	KUNIT_EXPECT_EQ(test, fake_set_mtu(fake, ETH_DATA_LEN), 0);
}

static struct kunit_case xdp_cases[] = {
	KUNIT_CASE_PARAM(xdp_verdict_test, xdp_fate_gen_params),
	KUNIT_CASE(xdp_no_frags_test),
	KUNIT_CASE(xdp_adjust_head_test),
	KUNIT_CASE(xdp_adjust_head_tx_test),
	KUNIT_CASE(xdp_no_headroom_test),
	KUNIT_CASE(xdp_adjust_tail_test),
	KUNIT_CASE(xdp_metadata_test),
	KUNIT_CASE(xdp_rewrite_test),
	KUNIT_CASE(xdp_rewrite_drop_test),
	KUNIT_CASE(xdp_tx_chain_test),
	KUNIT_CASE(xdp_tx_bulk_test),
	KUNIT_CASE(xdp_tx_full_test),
	KUNIT_CASE(xdp_alloc_fail_test),
	KUNIT_CASE(xdp_xmit_test),
	KUNIT_CASE(xdp_xmit_frags_test),
	KUNIT_CASE(xdp_xmit_map_fail_test),
	KUNIT_CASE(xdp_xmit_full_test),
	KUNIT_CASE(xdp_xmit_refused_test),
	KUNIT_CASE(xdp_shared_ring_test),
	KUNIT_CASE(xdp_netpoll_test),
	KUNIT_CASE(xdp_redirect_test),
	KUNIT_CASE(xdp_attach_test),
	KUNIT_CASE(xdp_mtu_test),
	{}
};

static struct kunit_suite xdp_suite = {
	.name		= "sluice_xdp",
	.init		= fake_nic_init,
	.exit		= fake_program_exit,
	.test_cases	= xdp_cases,
};

kunit_test_suite(xdp_suite);
