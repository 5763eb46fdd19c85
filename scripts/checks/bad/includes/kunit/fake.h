/* SPDX-License-Identifier: GPL-2.0-only */
#include <sluice/ring.h>
#include "../src/hw/beta_desc.h"
#include "../src/hw/alpha_phy.h"
