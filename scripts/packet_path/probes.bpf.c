// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts one interface's packets at the stations of the stack, and every packet
 * that the stack gives up.
 *
 * Of the kernel's structures only what is used here: where it lies, the type
 * information of the running kernel says.
 */

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
};

struct dst_entry {
	struct net_device *dev;
};

struct sk_buff {
	struct net_device *dev;
	unsigned long _skb_refdst;
	int skb_iif;
};

struct sock {
	__u16 sk_protocol;
};

struct nf_hook_state {
	__u8 hook;
	__u8 pf;
	struct net_device *in;
	struct net_device *out;
};

#pragma clang attribute pop

#define NO_REFERENCE	1UL
#define HOOK_FORWARD	2

/* probes.py knows their order. */
enum station {
	GRO, STACK, LOCAL, FORWARDED, TCP, UDP, ICMP, OUT, DRIVER, HOOK
};

enum answer {
	LOST, HELD, GOES_ON
};

/* What detail says depends on the station. */
struct seen_key {
	__u32 station;
	__u32 detail;
};

struct lost_key {
	__u32 received;
	__u32 reason;
	char where[64];
};

/* An index means something in one network namespace only. */
const volatile struct {
	__s32 ifindex;
	__u32 netns;
} watched SEC(".rodata.watched");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct seen_key);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct lost_key);
	__type(value, __u64);
} lost SEC(".maps");

static __always_inline void count(void *map, const void *key)
{
	__u64 zero = 0, *value;

	bpf_map_update_elem(map, key, &zero, BPF_NOEXIST);
	value = bpf_map_lookup_elem(map, key);
	if (value)
		__sync_fetch_and_add(value, 1);
}

static __always_inline bool is_watched(const struct net_device *dev)
{
	return BPF_CORE_READ(dev, ifindex) == watched.ifindex &&
	       BPF_CORE_READ(dev, nd_net.net, ns.inum) == watched.netns;
}

static __always_inline int see(enum station station, __u32 detail)
{
	struct seen_key key = { station, detail };

	count(&seen, &key);
	return 0;
}

static __always_inline int see_skb(enum station station, const struct sk_buff *skb)
{
	return is_watched(BPF_CORE_READ(skb, dev)) ? see(station, 0) : 0;
}

/* On the way out the device is the route's; a forwarded packet has no socket. */
static __always_inline int see_out(const struct sk_buff *skb, const struct sock *sk)
{
	unsigned long ref = BPF_CORE_READ(skb, _skb_refdst) & ~NO_REFERENCE;
	const struct dst_entry *dst = (const struct dst_entry *)ref;

	if (is_watched(BPF_CORE_READ(dst, dev)))
		see(OUT, BPF_CORE_READ(sk, sk_protocol));
	return 0;
}

#define AT(station, section, name)				\
	SEC(section)						\
	int BPF_PROG(name, struct sk_buff *skb)			\
	{							\
		return see_skb(station, skb);			\
	}

#define AT_OUTPUT(section, name)				\
	SEC(section)						\
	int BPF_PROG(name, struct net *net, struct sock *sk, struct sk_buff *skb) \
	{							\
		return see_out(skb, sk);			\
	}

AT(GRO, "tp_btf/napi_gro_receive_entry", napi_gro_receive_entry)
AT(GRO, "tp_btf/napi_gro_frags_entry", napi_gro_frags_entry)
AT(STACK, "tp_btf/netif_receive_skb", netif_receive_skb)
AT(LOCAL, "fentry/ip_local_deliver", ip_local_deliver)
AT(LOCAL, "fentry/ip6_input", ip6_input)
AT(FORWARDED, "fentry/ip_forward", ip_forward)
AT(FORWARDED, "fentry/ip6_forward", ip6_forward)
AT(TCP, "fentry/tcp_v4_rcv", tcp_v4_rcv)
AT(TCP, "fentry/tcp_v6_rcv", tcp_v6_rcv)
AT(UDP, "fentry/udp_rcv", udp_rcv)
AT(UDP, "fentry/udpv6_rcv", udpv6_rcv)
AT(ICMP, "fentry/icmp_rcv", icmp_rcv)
AT(ICMP, "fentry/icmpv6_rcv", icmpv6_rcv)
AT_OUTPUT("fentry/ip_output", ip_output)
AT_OUTPUT("fentry/ip_mc_output", ip_mc_output)
AT_OUTPUT("fentry/ip6_output", ip6_output)
AT(DRIVER, "tp_btf/net_dev_start_xmit", net_dev_start_xmit)

static __always_inline int see_hook(const struct nf_hook_state *state, bool received, int ret)
{
	enum answer answer = ret == 1 ? GOES_ON : ret == 0 ? HELD : LOST;

	return see(HOOK, received << 24 | BPF_CORE_READ(state, pf) << 16 |
			 BPF_CORE_READ(state, hook) << 8 | answer);
}

/* What comes in is counted where it comes in, what goes out where it goes out; and if it
 * is what came in and is lost there, then it is that interface's loss, too.
 */
SEC("fexit/nf_hook_slow")
int BPF_PROG(nf_hook_slow, struct sk_buff *skb, struct nf_hook_state *state,
	     const void *entries, unsigned int first, int ret)
{
	if (BPF_CORE_READ(state, hook) <= HOOK_FORWARD && is_watched(BPF_CORE_READ(state, in)))
		return see_hook(state, true, ret);
	if (is_watched(BPF_CORE_READ(state, out)))
		return see_hook(state, false, ret);
	if (ret < 0 && is_watched(BPF_CORE_READ(state, in)))
		return see_hook(state, true, ret);
	return 0;
}

/*
 * A packet keeps the number of the interface it has come in by. It may have no
 * device any more, and UDP keeps something else in that place: then there is no
 * namespace to be read, and the number must do.
 */
static __always_inline bool has_come_in(const struct sk_buff *skb)
{
	__u32 netns = BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);

	return BPF_CORE_READ(skb, skb_iif) == watched.ifindex &&
	       (!netns || netns == watched.netns);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(kfree_skb, struct sk_buff *skb, void *location, __u32 reason)
{
	struct lost_key key = { .received = has_come_in(skb), .reason = reason };

	if (!key.received && !is_watched(BPF_CORE_READ(skb, dev)))
		return 0;
	BPF_SNPRINTF(key.where, sizeof(key.where), "%ps", location);
	count(&lost, &key);
	return 0;
}

char _license[] SEC("license") = "GPL";
