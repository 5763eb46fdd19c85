// SPDX-License-Identifier: GPL-2.0-only
#include "core.h"
#include <sluice/tx.h>
#include "hw/alpha_regs.h"
#include "../kunit/fake.h"
#include "absent.h"
/* #include <sluice/tx.h> in a comment, and sluice_alpha_board too, are not findings */
#include <sluice/boards.h>
static const void *board = &alpha_part_9;
