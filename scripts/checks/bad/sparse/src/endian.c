// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

static u32 wrong(__le32 word)
{
	return word + 1;
}

static int use(void)
{
	return wrong(cpu_to_le32(1));
}
module_init(use);
MODULE_DESCRIPTION("a missing conversion");
MODULE_LICENSE("GPL");
