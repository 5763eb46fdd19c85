// SPDX-License-Identifier: GPL-2.0-only

static void bad(void)
{
	DECLARE_SOMETHING(of_a_kind) = {};
	writel(0, NULL);
}
