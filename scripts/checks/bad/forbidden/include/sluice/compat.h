/* SPDX-License-Identifier: GPL-2.0-only */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#endif
