// SPDX-License-Identifier: GPL-2.0-only
/* Kbuild does not name this file. */
