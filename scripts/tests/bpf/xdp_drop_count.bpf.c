// SPDX-License-Identifier: GPL-2.0-only
/* Counts every frame and drops ICMP: the map holds seen frames at 0 and dropped ones at 1. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { SEEN, DROPPED, COUNTERS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} frame_count SEC(".maps");

static __always_inline void count(__u32 which)
{
	__u64 *value = bpf_map_lookup_elem(&frame_count, &which);

	if (value)
		__sync_fetch_and_add(value, 1);
}

static __always_inline int is_icmp(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end)
		return 0;
	return eth->h_proto == bpf_htons(ETH_P_IP) && ip->protocol == IPPROTO_ICMP;
}

SEC("xdp")
int xdp_drop_count(struct xdp_md *ctx)
{
	count(SEEN);
	if (!is_icmp(ctx))
		return XDP_PASS;
	count(DROPPED);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
