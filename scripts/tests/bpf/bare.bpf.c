// SPDX-License-Identifier: GPL-2.0-only
/* One verdict each without a look at the frame: what is measured is the driver. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

SEC("xdp")
int bare_drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp")
int bare_tx(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("xdp")
int bare_redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&devices, 0, XDP_ABORTED);
}

SEC("xdp")
int bare_socket(struct xdp_md *ctx)
{
	return bpf_redirect_map(&sockets, 0, XDP_ABORTED);
}

char _license[] SEC("license") = "GPL";
