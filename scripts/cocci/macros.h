/* SPDX-License-Identifier: GPL-2.0-only */
/* For spatch only: macros that it cannot read as C where they stand, as something that it can. */

#define __ETHTOOL_DECLARE_LINK_MODE_MASK(name)	unsigned long name[2]
