// SPDX-License-Identifier: GPL-2.0-only
/* For the eyes of people: register dump, register test and LED of the 8254x. */

#include "e1000.h"

static const u16 e1000_dump[] = {
	E1000_CTRL, E1000_STATUS, E1000_RCTL, E1000_RDLEN, E1000_RDH, E1000_RDT,
	E1000_RDTR, E1000_TCTL, E1000_TDLEN, E1000_TDH, E1000_TDT, E1000_TIDV,
};

const u32 e1000_dump_len = sizeof(u32) * ARRAY_SIZE(e1000_dump);

/* The order is in-tree e1000's, which ethtool -d decodes by driver name; ours is
 * printed as hex words: CTRL STATUS RCTL RDLEN RDH RDT RDTR TCTL TDLEN TDH TDT
 * TIDV.
 */
void e1000_get_regs(struct sluice_nic *nic, u32 *regs)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(e1000_dump); i++)
		regs[i] = e1000_read(nic, e1000_dump[i]);
}

/* Registers that hold what is written, and which of their bits do. None of them
 * has an effect while reception and transmission are off.
 */
static const struct {
	u16 reg;
	u32 mask;
} e1000_holding[] = {
	{ E1000_VET, 0xffff },
	{ E1000_RDBAH, ~0U },
	{ E1000_RDLEN, 0xfff80 },
	{ E1000_RDH, 0xffff },
	{ E1000_TDBAH, ~0U },
	{ E1000_TDLEN, 0xfff80 },
	{ E1000_TDH, 0xffff },
	{ E1000_MTA, ~0U },
	{ E1000_VFTA, ~0U },
	{ E1000_RA + 8, ~0U },
};

static u32 e1000_test_reg(struct sluice_nic *nic, u32 reg, u32 mask)
{
	static const u32 patterns[] = { 0x5a5a5a5a, 0xa5a5a5a5, 0, ~0U };
	u32 i, wrong = 0, saved = e1000_read(nic, reg);

	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		e1000_write(nic, reg, patterns[i] & mask);
		wrong |= (e1000_read(nic, reg) ^ patterns[i]) & mask;
	}
	e1000_write(nic, reg, saved);
	return wrong;
}

u64 e1000_test_regs(struct sluice_nic *nic)
{
	u64 wrong = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(e1000_holding); i++)
		wrong |= e1000_test_reg(nic, e1000_holding[i].reg,
					e1000_holding[i].mask);
	return wrong;
}

/* The 82544 has no LEDCTL; its LED hangs on a software pin (in-tree e1000). */
static void e1000_identify_pin(struct sluice_nic *nic, int on)
{
	u32 ctrl = e1000_read(nic, E1000_CTRL);

	ctrl &= ~(E1000_CTRL_SWDPIN0 | E1000_CTRL_SWDPIO0);
	if (on >= 0)
		ctrl |= E1000_CTRL_SWDPIO0 | (on ? E1000_CTRL_SWDPIN0 : 0);
	e1000_write(nic, E1000_CTRL, ctrl);
}

void e1000_identify(struct sluice_nic *nic, int on)
{
	struct e1000_hw *hw = e1000_hw(nic);
	u32 led = hw->ledctl & ~E1000_LEDCTL_LED0_MODE;

	if (nic->board->quirks & E1000_QUIRK_NO_LEDCTL) {
		e1000_identify_pin(nic, on);
		return;
	}
	if (on < 0)
		led = hw->ledctl;
	else
		led |= on ? E1000_LEDCTL_LED_ON : E1000_LEDCTL_LED_OFF;
	e1000_write(nic, E1000_LEDCTL, led);
}
