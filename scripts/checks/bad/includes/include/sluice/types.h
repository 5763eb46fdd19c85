/* SPDX-License-Identifier: GPL-2.0-only */
/* Against the order: types comes before ring. */
#include <linux/types.h>
#include <sluice/ring.h>
