// SPDX-License-Identifier: GPL-2.0-only

static u32 good_own_registers(struct fake_device *device, u32 reg)
{
	return device->regs[reg / 4];
}
