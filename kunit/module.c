// SPDX-License-Identifier: GPL-2.0-only
/* The suites are found by KUnit when the module is loaded. */

#include <linux/module.h>

MODULE_DESCRIPTION("KUnit tests of sluice on a NIC made of memory");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
