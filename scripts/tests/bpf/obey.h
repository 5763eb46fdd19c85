/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the order of a frame and counting it: for every program of this directory. */

#ifndef OBEY_H
#define OBEY_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "order.h"

#define VLAN_ETHERTYPE	0x8100
#define VLAN_LEN	4

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline void count_add(__u32 which, __u64 value)
{
	__u64 *slot = bpf_map_lookup_elem(&counts, &which);

	/* Polls of several queues may run at once: never lose a count. */
	if (slot)
		__sync_fetch_and_add(slot, value);
}

static __always_inline void count(__u32 which)
{
	count_add(which, 1);
}

static __always_inline int is_order(const struct order *order)
{
	return order->ethertype == bpf_htons(ORDER_ETHERTYPE) &&
	       order->magic == bpf_htonl(ORDER_MAGIC);
}

/* With a tag in band everything behind the addresses lies 4 bytes later: the
 * pointer is moved, so its address fields are wrong then, all others right.
 */
static __always_inline struct order *order_at(long data, long data_end)
{
	struct order *order = (void *)data;

	if ((void *)(order + 1) + VLAN_LEN > (void *)data_end)
		return NULL;
	if (order->ethertype == bpf_htons(VLAN_ETHERTYPE))
		order = (void *)order + VLAN_LEN;
	return is_order(order) ? order : NULL;
}

static __always_inline void count_verdict(int verdict)
{
	count(verdict > XDP_REDIRECT ? COUNT_UNKNOWN : verdict);
}

static __always_inline void count_frame(struct xdp_md *ctx)
{
	__u64 len = bpf_xdp_get_buff_len(ctx);

	count_add(COUNT_BYTES, len);
	if (len > ctx->data_end - ctx->data)
		count(COUNT_FRAGS);
}

#endif
