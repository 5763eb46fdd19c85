// SPDX-License-Identifier: GPL-2.0-only
static void order(void) { writel(1, reg); smp_wmb(); ioread32(reg); }
