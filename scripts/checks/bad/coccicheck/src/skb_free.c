// SPDX-License-Identifier: GPL-2.0-only

static void good_in_process_context(struct sk_buff *skb)
{
	kfree_skb(skb);
}
