/* SPDX-License-Identifier: GPL-2.0-only */
#include <sluice/backend.h>
extern const struct sluice_board alpha_part_9;
