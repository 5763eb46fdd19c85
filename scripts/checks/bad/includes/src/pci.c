// SPDX-License-Identifier: GPL-2.0-only
/* The registry may name a backend. */
extern const int sluice_alpha_board;
