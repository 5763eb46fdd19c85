// SPDX-License-Identifier: GPL-2.0-only
/* Statistics registers of the 8254x (13.7). */

#include "e1000.h"

struct e1000_stat_reg {
	u16 reg;
	u8 counter;		/* enum sluice_dev_counter */
	bool wide;		/* low half here, high half in the next register */
};

/* In the order they are read. What the interface statistics need comes first:
 * each read is a VM exit.
 */
static const struct e1000_stat_reg e1000_stat_regs[] = {
	{ E1000_MPC, SLUICE_DEV_MISSED },
	{ E1000_CRCERRS, SLUICE_DEV_CRC_ERR },
	{ E1000_ALGNERRC, SLUICE_DEV_ALIGN_ERR },
	{ E1000_RXERRC, SLUICE_DEV_RX_ERR },
	{ E1000_RLEC, SLUICE_DEV_LENGTH_ERR },
	{ E1000_ROC, SLUICE_DEV_OVERSIZE },
	{ E1000_RUC, SLUICE_DEV_UNDERSIZE },
	{ E1000_MPRC, SLUICE_DEV_RX_MULTICAST },
	{ E1000_ECOL, SLUICE_DEV_EXCESS_COLL },
	{ E1000_LATECOL, SLUICE_DEV_LATE_COLL },
	{ E1000_TNCRS, SLUICE_DEV_NO_CARRIER },
#define E1000_STAT_ERRORS	11
	{ E1000_RNBC, SLUICE_DEV_NO_BUFFER },
	{ E1000_CEXTERR, SLUICE_DEV_CARRIER_ERR },
	{ E1000_RFC, SLUICE_DEV_FRAGMENTS },
	{ E1000_RJC, SLUICE_DEV_JABBER },
	{ E1000_SCC, SLUICE_DEV_SINGLE_COLL },
	{ E1000_MCC, SLUICE_DEV_MULTI_COLL },
	{ E1000_DC, SLUICE_DEV_DEFERRED },
	{ E1000_XONRXC, SLUICE_DEV_RX_PAUSE },
	{ E1000_XOFFRXC, SLUICE_DEV_RX_PAUSE },
	{ E1000_XONTXC, SLUICE_DEV_TX_PAUSE },
	{ E1000_XOFFTXC, SLUICE_DEV_TX_PAUSE },
	{ E1000_GPRC, SLUICE_DEV_RX_FRAMES },
	{ E1000_TORL, SLUICE_DEV_RX_BYTES, true },
	{ E1000_BPRC, SLUICE_DEV_RX_BROADCAST },
	{ E1000_GPTC, SLUICE_DEV_TX_FRAMES },
	{ E1000_TOTL, SLUICE_DEV_TX_BYTES, true },
	{ E1000_MPTC, SLUICE_DEV_TX_MULTICAST },
	{ E1000_BPTC, SLUICE_DEV_TX_BROADCAST },
	{ E1000_PRC64, SLUICE_DEV_RX_HIST },
	{ E1000_PRC64 + 4, SLUICE_DEV_RX_HIST + 1 },
	{ E1000_PRC64 + 8, SLUICE_DEV_RX_HIST + 2 },
	{ E1000_PRC64 + 12, SLUICE_DEV_RX_HIST + 3 },
	{ E1000_PRC64 + 16, SLUICE_DEV_RX_HIST + 4 },
	{ E1000_PRC64 + 20, SLUICE_DEV_RX_HIST + 5 },
	{ E1000_PTC64, SLUICE_DEV_TX_HIST },
	{ E1000_PTC64 + 4, SLUICE_DEV_TX_HIST + 1 },
	{ E1000_PTC64 + 8, SLUICE_DEV_TX_HIST + 2 },
	{ E1000_PTC64 + 12, SLUICE_DEV_TX_HIST + 3 },
	{ E1000_PTC64 + 16, SLUICE_DEV_TX_HIST + 4 },
	{ E1000_PTC64 + 20, SLUICE_DEV_TX_HIST + 5 },
};

static_assert(ARRAY_SIZE(e1000_stat_regs) <= E1000_STAT_REGS);

/* A register that clears cannot read as much again at once: that would take as
 * many events within two microseconds as there were since the last reading.
 */
static enum e1000_counter_kind e1000_stat_kind(struct sluice_nic *nic, u32 reg,
					       u32 seen)
{
	u32 again = e1000_read(nic, reg);

	if (again < seen)
		return E1000_COUNTER_CLEARS;
	return e1000_read(nic, reg) < again ? E1000_COUNTER_CLEARS :
					      E1000_COUNTER_KEEPS;
}

/* Events since the last reading. What the two probing reads of a register that
 * clears took away is lost; that happens once in its life.
 */
static u32 e1000_stat_delta(struct sluice_nic *nic, u32 index, u32 value)
{
	struct e1000_hw *hw = e1000_hw(nic);
	u32 delta = value;

	if (value == ~0U)
		return 0;
	if (value && hw->kind[index] == E1000_COUNTER_UNKNOWN)
		hw->kind[index] = e1000_stat_kind(nic, e1000_stat_regs[index].reg,
						  value);
	if (hw->kind[index] == E1000_COUNTER_KEEPS) {
		/* Less than before: something has reset it. */
		if (value >= hw->last[index])
			delta = value - hw->last[index];
		hw->last[index] = value;
	}
	return delta;
}

static u64 e1000_stat_read(struct sluice_nic *nic, u32 index)
{
	const struct e1000_stat_reg *r = &e1000_stat_regs[index];
	u32 low = e1000_read(nic, r->reg), high;

	if (!r->wide)
		return e1000_stat_delta(nic, index, low);
	/* Reading the high half clears both, in the emulator too. */
	high = e1000_read(nic, r->reg + 4);
	return high == ~0U ? 0 : (u64)high << 32 | low;
}

void e1000_read_counters(struct sluice_nic *nic, bool all)
{
	u32 i, n = all ? ARRAY_SIZE(e1000_stat_regs) : E1000_STAT_ERRORS;

	for (i = 0; i < n; i++)
		nic->dev_count[e1000_stat_regs[i].counter] +=
			e1000_stat_read(nic, i);
}
