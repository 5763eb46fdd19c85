// SPDX-License-Identifier: GPL-2.0-only
#include <sluice/backend.h>
#include <sluice/tx.h>
#include "alpha_regs.h"
#include "beta_desc.h"
#include "../core.h"
