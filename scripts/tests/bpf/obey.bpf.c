// SPDX-License-Identifier: GPL-2.0-only
/* Does to each frame what the order inside it says. */

#include "obey.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, TO_CPU);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

#define HEADER 14

static __always_inline int put_header(struct xdp_md *ctx, const __u8 *header)
{
	void *data = (void *)(long)ctx->data;

	if (data + HEADER > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memcpy(data, header, HEADER);
	return 0;
}

static __always_inline int move_head(struct xdp_md *ctx, const struct order *order,
				     int offset)
{
	__u8 header[HEADER];

	__builtin_memcpy(header, order, HEADER);
	if (bpf_xdp_adjust_head(ctx, offset))
		return -1;
	return put_header(ctx, header);
}

static __always_inline int fill(struct xdp_md *ctx, int len)
{
	void *data = (void *)(long)ctx->data + HEADER;

	if (data + len > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memset(data, PUSH_FILL, len);
	return 0;
}

static __always_inline int push(struct xdp_md *ctx, const struct order *order, int len)
{
	return move_head(ctx, order, -len) || fill(ctx, len);
}

static __always_inline int put_meta(struct xdp_md *ctx, __u32 seq)
{
	__u32 *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return -1;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return -1;
	*meta = seq;
	return 0;
}

static __always_inline int do_op(struct xdp_md *ctx, const struct order *order)
{
	__u16 arg = bpf_ntohs(order->arg);

	switch (order->op) {
	case OP_TAIL:
		return bpf_xdp_adjust_tail(ctx, (__s16)arg);
	case OP_TAIL_TO:
		return bpf_xdp_adjust_tail(ctx, (int)arg - (int)bpf_xdp_get_buff_len(ctx));
	case OP_PUSH_32:
		return push(ctx, order, 32);
	case OP_PUSH_192:
		return push(ctx, order, 192);
	case OP_PULL_8:
		return move_head(ctx, order, 8);
	case OP_META:
		return put_meta(ctx, bpf_ntohl(order->seq));
	}
	return 0;
}

static __always_inline int redirect(__u32 to)
{
	if (to < TO_CPU)
		return bpf_redirect_map(&devices, to, XDP_ABORTED);
	if (to == TO_CPU)
		return bpf_redirect_map(&cpus, 1, XDP_ABORTED);
	return bpf_redirect_map(&sockets, 0, XDP_ABORTED);
}

static __always_inline int obey(struct xdp_md *ctx)
{
	struct order *order = order_at(ctx->data, ctx->data_end);
	__u32 verdict, to;

	if (!order) {
		count(COUNT_FOREIGN);
		return XDP_PASS;
	}
	verdict = order->verdict;
	to = order->to;
	count_frame(ctx);
	if (do_op(ctx, order))
		count(COUNT_HELPER_ERR);
	count_verdict(verdict);
	return verdict == XDP_REDIRECT ? redirect(to) : verdict;
}

SEC("xdp")
int obey_linear(struct xdp_md *ctx)
{
	return obey(ctx);
}

SEC("xdp.frags")
int obey_frags(struct xdp_md *ctx)
{
	return obey(ctx);
}

char _license[] SEC("license") = "GPL";
