/* SPDX-License-Identifier: GPL-2.0-only */
extern const int sluice_alpha_board;
