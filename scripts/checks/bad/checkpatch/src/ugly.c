// SPDX-License-Identifier: GPL-2.0-only

#include <linux/kernel.h>

int ugly(int a)
{
	if(a == 1) {
		return a*2;
	}
	return 0;
}

int CamelCase(int Autoneg)
{
	return Autoneg;
}
