// SPDX-License-Identifier: GPL-2.0-only
/* At tc: datagrams to one port are dropped, those to another one sent back where they came from. */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PORT_DROP 7001
#define PORT_BACK 7002

struct headers {
	struct ethhdr ether;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

static __always_inline int udp_port(struct __sk_buff *skb)
{
	struct headers *h = (void *)(long)skb->data;

	if ((void *)(h + 1) > (void *)(long)skb->data_end ||
	    h->ether.h_proto != bpf_htons(ETH_P_IP) || h->ip.protocol != IPPROTO_UDP)
		return 0;
	return bpf_ntohs(h->udp.dest);
}

SEC("tc")
int classify(struct __sk_buff *skb)
{
	switch (udp_port(skb)) {
	case PORT_DROP:
		return TC_ACT_SHOT;
	case PORT_BACK:
		return bpf_redirect(skb->ifindex, 0);
	default:
		return TC_ACT_UNSPEC;
	}
}

char _license[] SEC("license") = "GPL";
