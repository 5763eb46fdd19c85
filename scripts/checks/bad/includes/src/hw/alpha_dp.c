// SPDX-License-Identifier: GPL-2.0-only
#include <sluice/tx.h>
#include "alpha_regs.h"
#include "alpha_phy.h"
#include "../core.h"
