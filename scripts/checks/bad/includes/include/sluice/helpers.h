/* SPDX-License-Identifier: GPL-2.0-only */
/* A header without a place in the order. */
#include <sluice/types.h>
