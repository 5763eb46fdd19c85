// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

int no_prototype(void)
{
	int set_only;

	set_only = 1;
	return 0;
}
MODULE_LICENSE("GPL");
