// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device side: what a NIC does with its rings, and what a broken or hostile
 * one could do. It knows bus addresses and registers, nothing of the driver.
 */

#include <linux/dma-direct.h>
#include "fake_desc.h"
#include "fake_nic.h"

static void *fake_bus_to_memory(const struct fake_hw *hw, dma_addr_t addr)
{
	return phys_to_virt(dma_to_phys(hw->dma_dev, addr));
}

static bool fake_may_dma(const struct fake_hw *hw)
{
	return hw->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

static struct fake_rx_desc *fake_rx_desc(const struct fake_hw *hw, u32 slot)
{
	return (struct fake_rx_desc *)fake_bus_to_memory(hw, hw->rx_base) + slot;
}

static struct fake_tx_desc *fake_tx_desc(const struct fake_hw *hw, u32 slot)
{
	return (struct fake_tx_desc *)fake_bus_to_memory(hw, hw->tx_base) + slot;
}

/* Receive descriptors that are the device's. */
u32 fake_rx_room(const struct fake_hw *hw)
{
	return (READ_ONCE(hw->rx_tail) - hw->rx_head) & (hw->rx_size - 1);
}

/* The buffer in a slot, whoever's it is now. */
void *fake_rx_posted(struct fake_hw *hw, u32 slot)
{
	return fake_bus_to_memory(hw, le64_to_cpu(fake_rx_desc(hw, slot)->addr));
}

/**
 * fake_rx_write() - fill the next receive descriptor
 * @hw: the device
 * @frame: with what; nothing in it has to be true
 * Return: true; false if the device may not or has no descriptor.
 */
bool fake_rx_write(struct fake_hw *hw, const struct fake_frame *frame)
{
	struct fake_rx_desc *d;

	if (!hw->receiving || !fake_may_dma(hw) || !fake_rx_room(hw))
		return false;
	d = fake_rx_desc(hw, hw->rx_head);
	if (frame->data)
		memcpy(fake_bus_to_memory(hw, le64_to_cpu(d->addr)), frame->data,
		       min_t(u32, frame->bytes, SLUICE_RX_BUF_LEN));
	d->len = cpu_to_le16(frame->len);
	d->vlan_tci = cpu_to_le16(frame->vlan_tci);
	d->flags = frame->flags;
	/* The driver believes all of it once it sees this. */
	dma_wmb();
	WRITE_ONCE(d->done, 1);
	hw->rx_head = (hw->rx_head + 1) & (hw->rx_size - 1);
	hw->cause = true;
	return true;
}

/**
 * fake_receive() - receive a frame, in as many buffers as it takes
 * @hw: the device
 * @data: its bytes
 * @len: how many
 * Return: true; false if there is no room for all of it, and it is lost.
 */
bool fake_receive(struct fake_hw *hw, const void *data, u32 len)
{
	u32 left = len;

	if (fake_rx_room(hw) < DIV_ROUND_UP(len, SLUICE_RX_BUF_LEN))
		return false;
	do {
		u32 bytes = min_t(u32, left, SLUICE_RX_BUF_LEN);
		struct fake_frame frame = {
			.data	= data,
			.bytes	= bytes,
			.len	= bytes,
			.flags	= bytes == left ? SLUICE_RX_EOP : 0,
		};

		if (!fake_rx_write(hw, &frame))
			return false;
		data += bytes;
		left -= bytes;
	} while (left);
	return true;
}

/* Transmit descriptors handed over and not sent. */
u32 fake_tx_waiting(const struct fake_hw *hw)
{
	return (READ_ONCE(hw->tx_tail) - hw->tx_head) & (hw->tx_size - 1);
}

static void fake_take_context(struct fake_hw *hw, const struct fake_tx_desc *d)
{
	hw->context = (struct sluice_tx_offload){
		.paylen		= le32_to_cpu(d->paylen),
		.mss		= le16_to_cpu(d->mss),
		.l3_off		= le16_to_cpu(d->l3_off),
		.l4_off		= le16_to_cpu(d->l4_off),
		.csum_off	= le16_to_cpu(d->csum_off),
		.hdr_len	= le16_to_cpu(d->hdr_len),
	};
}

/* Bytes of the frame at a descriptor, up to and with its last piece. */
static u32 fake_tx_len(const struct fake_hw *hw, u32 at)
{
	const struct fake_tx_desc *d;
	u32 len = 0;

	do {
		d = fake_tx_desc(hw, at);
		if (d->kind == FAKE_TX_DATA)
			len += le32_to_cpu(d->len);
		at = (at + 1) & (hw->tx_size - 1);
	} while (!(d->kind == FAKE_TX_DATA && d->flags & SLUICE_TX_LAST) &&
		 at != hw->tx_tail);
	return len;
}

/* Returns whether the frame ends with this descriptor. */
static bool fake_take_piece(struct fake_hw *hw, const struct fake_tx_desc *d,
			    struct sk_buff *skb)
{
	u32 len = le32_to_cpu(d->len);

	if (d->kind == FAKE_TX_CONTEXT) {
		fake_take_context(hw, d);
		return false;
	}
	skb_put_data(skb, fake_bus_to_memory(hw, le64_to_cpu(d->addr)), len);
	fake_sent(skb)->pieces++;
	fake_sent(skb)->offload = hw->context;
	fake_sent(skb)->offload.vlan_tci = le16_to_cpu(d->vlan_tci);
	fake_sent(skb)->offload.flags = d->flags;
	return d->flags & SLUICE_TX_LAST;
}

/**
 * fake_send_frame() - read one frame and put it on the wire, without a report
 * @hw: the device, with descriptors waiting
 * Return: the slot of the frame's last descriptor; U32_MAX without memory.
 */
u32 fake_send_frame(struct fake_hw *hw)
{
	struct sk_buff *skb = alloc_skb(fake_tx_len(hw, hw->tx_head), GFP_ATOMIC);
	u32 slot;
	bool last;

	if (!skb)
		return U32_MAX;
	fake_sent(skb)->pieces = 0;
	do {
		slot = hw->tx_head;
		last = fake_take_piece(hw, fake_tx_desc(hw, slot), skb);
		hw->tx_head = (slot + 1) & (hw->tx_size - 1);
	} while (!last && hw->tx_head != hw->tx_tail);
	__skb_queue_tail(&hw->wire, skb);
	return slot;
}

/* Report what ended in a slot as sent, in whatever order. */
void fake_complete(struct fake_hw *hw, u32 slot)
{
	WRITE_ONCE(fake_tx_desc(hw, slot)->done, 1);
	hw->cause = true;
}

/**
 * fake_send() - send frames and report them, in ring order
 * @hw: the device
 * @frames: how many at most
 * Return: how many were sent.
 */
u32 fake_send(struct fake_hw *hw, u32 frames)
{
	u32 sent, slot;

	for (sent = 0; sent < frames; sent++) {
		if (!hw->sending || !fake_may_dma(hw) || !fake_tx_waiting(hw))
			break;
		slot = fake_send_frame(hw);
		if (slot == U32_MAX)
			break;
		fake_complete(hw, slot);
	}
	return sent;
}

void fake_send_all(struct fake_hw *hw)
{
	fake_send(hw, U32_MAX);
}
