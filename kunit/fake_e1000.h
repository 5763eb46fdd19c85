/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An 8254x whose registers are memory. It answers a command when the driver
 * sleeps, as a device does that needs some time; everything else holds what was
 * written last.
 */

#ifndef SLUICE_KUNIT_FAKE_E1000_H
#define SLUICE_KUNIT_FAKE_E1000_H

#include <linux/kprobes.h>
#include "../src/hw/e1000_regs.h"
#include "fake_fault.h"
#include "fake_nic.h"

#define FAKE_E1000_BAR		SZ_128K
#define FAKE_E1000_NVM_WORDS	64
#define FAKE_E1000_PHY_REGS	32

/* What is wrong with it. */
struct fake_e1000_defects {
	bool nvm_silent;	/* EERD never says done */
	bool phy_silent;	/* MDIC never says ready */
	bool phy_error;		/* MDIC says error */
	bool gone;		/* all registers read as ones, after any sleep too */
};

struct fake_e1000 {
	struct kunit *test;
	struct fake_pci pci;
	struct fake_fault *map;
	struct kprobe sleep;
	struct fake_e1000_defects defects;
	u32 *regs;
	void *table[PCI_STD_NUM_BARS];
	u16 nvm[FAKE_E1000_NVM_WORDS];
	u16 phy[FAKE_E1000_PHY_REGS];
	u32 phy_writes;
	struct sluice_nic *nic;
	struct net_device *netdev;
};

struct fake_e1000 *fake_e1000_create(struct kunit *test, u32 device);
bool fake_e1000_plug(struct fake_e1000 *dev);
void fake_e1000_seal_nvm(struct fake_e1000 *dev);
void fake_e1000_interrupt(struct fake_e1000 *dev, u32 cause);
void fake_e1000_go(struct fake_e1000 *dev);

static inline u32 fake_e1000_reg(const struct fake_e1000 *dev, u32 reg)
{
	return dev->regs[reg / 4];
}

static inline void fake_e1000_set(struct fake_e1000 *dev, u32 reg, u32 value)
{
	dev->regs[reg / 4] = value;
}

#endif
