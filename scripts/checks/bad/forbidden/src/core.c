// SPDX-License-Identifier: GPL-2.0-only
#ifdef CONFIG_PCI_MSI
module_param(debug, int, 0);
#endif
MODULE_DEVICE_TABLE(pci, ids);
/* BUG_ON in a comment and module_param in "a string" are not findings */
static void use(void) { BUG_ON(1); BUILD_BUG_ON(0); writel(1, reg); dma_rmb(); smp_mb(); }
#define OLD (LINUX_VERSION_CODE < 1)
/* TODO: finish */
