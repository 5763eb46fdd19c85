/* SPDX-License-Identifier: GPL-2.0-only */
extern int sluice_alpha_poll(void);
