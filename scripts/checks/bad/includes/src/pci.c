// SPDX-License-Identifier: GPL-2.0-only
/* The registry may name a board. */
#include <sluice/boards.h>
static const void *board = &alpha_part_9;
