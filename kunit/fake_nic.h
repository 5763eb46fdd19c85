/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A NIC that exists in memory only: one more instance of the engine, driven by
 * the same core, with a device side made of functions that a test calls.
 *
 * The driver side is real: PCI function, probe, net_device, interrupt, NAPI, DMA
 * mappings. The device side touches memory only through the bus addresses that it
 * was given. Boot with "swiotlb=force" and these are bounce buffers: a missing
 * sync then loses data, and a mapping can be made to fail.
 */

#ifndef SLUICE_KUNIT_FAKE_NIC_H
#define SLUICE_KUNIT_FAKE_NIC_H

#include <kunit/test.h>
#include <linux/pci.h>
#include <linux/skbuff.h>
#include <sluice/backend.h>

#define FAKE_MAX_RING		4096
#define FAKE_MAX_MTU		16110
#define FAKE_MAX_OFFSET		255
#define FAKE_HEADROOM		0xa5	/* what is in front of a frame */

/**
 * struct fake_hw - registers and inner state of the device
 * @dma_dev: whose bus addresses it uses
 * @config: configuration space; DMA needs bus mastering
 * @rx_base: bus address of the receive ring
 * @rx_size: its descriptors
 * @rx_head: next descriptor that the device fills
 * @rx_tail: first descriptor that is not the device's
 * @tx_base: bus address of the transmit ring
 * @tx_size: its descriptors
 * @tx_head: next descriptor that the device sends
 * @tx_tail: first descriptor that is not the device's
 * @context: offload context last seen
 * @wire: frames sent, &struct fake_sent in the control buffer
 * @receiving: reception is on
 * @sending: transmission is on
 * @irq_on: interrupts are allowed
 * @cause: an interrupt is pending
 * @tx_armed: completion interrupts were asked for
 * @arms: how often
 * @spends: of the next of them, so many are spent at once: the device sends two
 *	frames as it is asked, and asks to be asked again
 * @awake: look for frames without a doorbell
 * @eager: send within the write of the tail register, as QEMU's e1000 does
 * @link_up: state of the wire
 * @rx_kicks: writes of the receive tail
 * @tx_kicks: writes of the transmit tail
 * @irq_enables: polls that have ended
 * @resets: resets
 * @fail_reset: the next resets fail
 */
struct fake_hw {
	struct device *dma_dev;
	const u8 *config;
	dma_addr_t rx_base;
	u32 rx_size;
	u32 rx_head;
	u32 rx_tail;
	dma_addr_t tx_base;
	u32 tx_size;
	u32 tx_head;
	u32 tx_tail;
	struct sluice_tx_offload context;
	struct sk_buff_head wire;
	bool receiving;
	bool sending;
	bool irq_on;
	bool cause;
	bool tx_armed;
	u32 arms;
	u32 spends;
	bool awake;
	bool eager;
	bool link_up;
	u32 rx_kicks;
	u32 tx_kicks;
	u32 irq_enables;
	u32 resets;
	u32 counter_reads;
	bool fail_reset;
};

/**
 * struct fake_sent - what the device was asked to do to a frame it sent
 * @offload: context and flags
 * @pieces: descriptors that carried data
 */
struct fake_sent {
	struct sluice_tx_offload offload;
	u32 pieces;
};

/**
 * struct fake_pci - a PCI function alone on a bus of its own
 * @board: what it is
 * @model: for the probe of a board of which there are several kinds
 * @driver: binds to that function only; its operations are sluice's
 * @name: of @driver
 * @id: what @driver binds to
 * @ops: access to @config
 * @sysdata: of the bus
 * @bus: the bus
 * @dev: the function
 * @irq: its interrupt
 * @config: configuration space
 */
struct fake_pci {
	const struct sluice_board *board;
	const void *model;
	struct pci_driver driver;
	char name[32];
	struct pci_device_id id[2];
	struct pci_ops ops;
	struct pci_sysdata sysdata;
	struct pci_bus *bus;
	struct pci_dev *dev;
	int irq;
	u8 config[PCI_CFG_SPACE_SIZE];
};

/**
 * struct fake_nic - state of one test
 * @test: the test
 * @pci: the function
 * @netdev: made by sluice's probe
 * @nic: its private part
 * @hw: the device, of fake_board
 * @received: what the stack got
 */
struct fake_nic {
	struct kunit *test;
	struct fake_pci pci;
	struct net_device *netdev;
	struct sluice_nic *nic;
	struct fake_hw *hw;
	struct sk_buff_head received;
};

/**
 * struct fake_frame - what the device puts into one receive descriptor
 * @data: bytes; NULL writes none
 * @bytes: how many
 * @len: length it claims
 * @vlan_tci: tag it claims to have taken out
 * @flags: &enum sluice_rx_flags
 */
struct fake_frame {
	const void *data;
	u32 bytes;
	u16 len;
	u16 vlan_tci;
	u8 flags;
};

/* fake_dp.c */
extern const struct sluice_engine sluice_fake_engine;

/* fake_board.c */
extern const struct sluice_board fake_board;

static inline struct fake_hw *fake_hw(const struct sluice_nic *nic)
{
	return nic->hw;
}

/* fake_pci.c: the PCI function */
int fake_pci_add(struct fake_pci *pci);
void fake_pci_remove(struct fake_pci *pci);

/* fake_device.c: what a device does, called by tests */
bool fake_rx_write(struct fake_hw *hw, const struct fake_frame *frame);
bool fake_receive(struct fake_hw *hw, const void *data, u32 len);
u32 fake_rx_room(const struct fake_hw *hw);
void *fake_rx_posted(struct fake_hw *hw, u32 slot);
u32 fake_send_frame(struct fake_hw *hw);
u32 fake_send(struct fake_hw *hw, u32 frames);
void fake_send_all(struct fake_hw *hw);
void fake_complete(struct fake_hw *hw, u32 slot);
u32 fake_tx_waiting(const struct fake_hw *hw);

/* fake_nic.c: life of a test, and the stack's side */
int fake_nic_init(struct kunit *test);
void fake_nic_exit(struct kunit *test);
struct fake_nic *fake_nic_create(struct kunit *test);
struct fake_nic *fake_nic_plug(struct kunit *test,
			       const struct sluice_board *board,
			       const void *model);
void fake_open(struct fake_nic *fake);
void fake_close(struct fake_nic *fake);
int fake_set_mtu(struct fake_nic *fake, int mtu);
void fake_interrupt(struct fake_nic *fake);
int fake_poll(struct fake_nic *fake, int budget);
void fake_timeout(struct fake_nic *fake);
struct sk_buff *fake_skb_behind(struct fake_nic *fake, u32 room, u32 len);
struct sk_buff *fake_skb(struct fake_nic *fake, u32 len);
void fake_add_frag(struct fake_nic *fake, struct sk_buff *skb, u32 offset,
		   u32 len);
bool fake_transmit(struct fake_nic *fake, struct sk_buff *skb, bool more);
u64 fake_rx_count(struct fake_nic *fake, enum sluice_rx_counter which);
u64 fake_tx_count(struct fake_nic *fake, enum sluice_tx_counter which);
void fake_expect_ledger(struct fake_nic *fake);
void fake_expect_bql_idle(struct fake_nic *fake);
void fake_fill(void *data, u32 len, u8 seed);
u8 *fake_data(struct kunit *test, u32 len);
struct fake_sent fake_expect_wire(struct fake_nic *fake, const void *data,
				  u32 len);
void fake_take_bytes(struct fake_nic *fake, struct sk_buff *skb,
		     const void *data, u32 len);

static inline struct sluice_rxq *fake_rxq(const struct fake_nic *fake)
{
	return fake->nic->vec[0]->rx;
}

static inline struct sluice_txq *fake_txq(const struct fake_nic *fake)
{
	return fake->nic->vec[0]->tx;
}

static inline struct fake_sent *fake_sent(struct sk_buff *skb)
{
	return (struct fake_sent *)skb->cb;
}

static_assert(sizeof(struct fake_sent) <= sizeof_field(struct sk_buff, cb));

#endif
