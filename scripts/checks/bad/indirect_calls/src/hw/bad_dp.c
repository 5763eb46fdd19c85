// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

struct description {
	int (*peek)(void);
	void (*kick)(int found);
};

static int bad_peek(void)
{
	return 1;
}

static void bad_kick(int found)
{
	WRITE_ONCE(found, 0);
}

/* Not const: the compiler must read the pointers at run time. */
struct description bad_description = {
	.peek = bad_peek,
	.kick = bad_kick,
};

static const struct description good_description = {
	.peek = bad_peek,
	.kick = bad_kick,
};

static __always_inline int engine(const struct description *format)
{
	int found = format->peek();

	format->kick(found);
	return found;
}

int sluice_bad_poll(void);
int sluice_bad_xmit(void);
void sluice_bad_tail_call(int found);
bool sluice_good_patched(void);

int sluice_bad_poll(void)
{
	return engine(&good_description);
}

int sluice_bad_xmit(void)
{
	return engine(&bad_description);
}

void sluice_bad_tail_call(int found)
{
	bad_description.kick(found);
}

/* Goes through pv_ops, until the kernel patches it: no finding. */
bool sluice_good_patched(void)
{
	return irqs_disabled();
}

MODULE_DESCRIPTION("a description that is not const");
MODULE_LICENSE("GPL");
