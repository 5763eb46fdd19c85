// SPDX-License-Identifier: GPL-2.0-only
/* Counts what reaches the stack, and the metadata that an XDP program left for it. */

#include "obey.h"

#define TC_ACT_UNSPEC (-1)

static __always_inline void count_meta(struct __sk_buff *skb, __u32 seq)
{
	__u32 *meta = (void *)(long)skb->data_meta;

	if (skb->data_meta == skb->data)
		return;
	if ((void *)(meta + 1) <= (void *)(long)skb->data && *meta == seq)
		count(COUNT_STACK_META);
	else
		count(COUNT_STACK_BAD_META);
}

SEC("tc")
int stack_count(struct __sk_buff *skb)
{
	struct order *order = order_at(skb->data, skb->data_end);

	if (order) {
		count(COUNT_STACK);
		count_meta(skb, bpf_ntohl(order->seq));
	}
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
