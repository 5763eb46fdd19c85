/* SPDX-License-Identifier: GPL-2.0-only */
#include <sluice/types.h>
#include "../../src/core.h"
