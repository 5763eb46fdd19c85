/* SPDX-License-Identifier: GPL-2.0-only */
/* Private state of the e1000 backend, shared by its slow and fast path. */

#ifndef SLUICE_HW_E1000_H
#define SLUICE_HW_E1000_H

#include <linux/io.h>
#include <sluice/boards.h>
#include "e1000_regs.h"

/* Quirks of a model (struct sluice_board). The 82544 has neither the interrupt
 * throttle and absolute delay registers nor LEDCTL: they are reserved there.
 */
#define E1000_QUIRK_NO_ITR	BIT(0)
#define E1000_QUIRK_NO_LEDCTL	BIT(1)

/* A statistics register either clears when read, as the datasheet says, or keeps
 * its value, as some of the emulator's do. Told apart at the first value seen.
 */
enum e1000_counter_kind {
	E1000_COUNTER_UNKNOWN,
	E1000_COUNTER_CLEARS,
	E1000_COUNTER_KEEPS,
};

#define E1000_STAT_REGS		48
#define E1000_NVM_WORDS		64

struct e1000_hw {
	u32 rctl;			/* as last written; under the address lock */
	u32 ims;			/* causes we want; only ever grows while up */
	u32 itr_usecs;
	u32 ledctl;			/* as the NVM set it */
	u32 flow;			/* E1000_CTRL_RFCE | E1000_CTRL_TFCE */
	bool flow_autoneg;
	u16 bmcr;			/* PHY registers as the user wants them */
	u16 advertise;
	u16 ctrl1000;
	u64 ra[E1000_RA_ENTRIES];	/* filter tables as last written */
	u32 mta[E1000_MTA_WORDS];
	u8 kind[E1000_STAT_REGS];	/* enum e1000_counter_kind */
	u32 last[E1000_STAT_REGS];	/* of registers that keep their value */
};

static inline struct e1000_hw *e1000_hw(const struct sluice_nic *nic)
{
	return nic->hw;
}

static inline void e1000_write(const struct sluice_nic *nic, u32 reg, u32 value)
{
	writel(value, nic->regs + reg);
}

static inline u32 e1000_read(const struct sluice_nic *nic, u32 reg)
{
	return readl(nic->regs + reg);
}

extern const struct sluice_engine sluice_e1000_engine;

/* e1000_phy.c: NVM, PHY and link */
int e1000_nvm_read(struct sluice_nic *nic, u32 offset, u32 words, u16 *data);
int e1000_nvm_check(struct sluice_nic *nic);
int e1000_phy_probe(struct sluice_nic *nic);
int e1000_phy_restore(struct sluice_nic *nic);
void e1000_link(struct sluice_nic *nic, struct sluice_link *link);
int e1000_get_link_ksettings(struct sluice_nic *nic,
			     struct ethtool_link_ksettings *ks);
int e1000_set_link_ksettings(struct sluice_nic *nic,
			     const struct ethtool_link_ksettings *ks);
int e1000_restart_autoneg(struct sluice_nic *nic);
void e1000_get_pause(struct sluice_nic *nic, struct ethtool_pauseparam *pause);
int e1000_set_pause(struct sluice_nic *nic,
		    const struct ethtool_pauseparam *pause);
int e1000_loopback(struct sluice_nic *nic, bool on);

/* e1000_filter.c: which frames are let in */
void e1000_filter_reset(struct sluice_nic *nic);
void e1000_set_rx_mode(struct sluice_nic *nic);
void e1000_vlan_filter(struct sluice_nic *nic, u16 vid);

/* e1000_stats.c */
void e1000_read_counters(struct sluice_nic *nic, bool all);

/* e1000_debug.c: register dump, register test, LED */
extern const u32 e1000_dump_len;
void e1000_get_regs(struct sluice_nic *nic, u32 *regs);
u64 e1000_test_regs(struct sluice_nic *nic);
void e1000_identify(struct sluice_nic *nic, int on);

#endif
