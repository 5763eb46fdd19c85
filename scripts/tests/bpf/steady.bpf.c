// SPDX-License-Identifier: GPL-2.0-only
/* One verdict each, whatever the frame says: for replacing one by another under load. */

#include "obey.h"

static __always_inline int steady(struct xdp_md *ctx, int verdict)
{
	if (!order_at(ctx->data, ctx->data_end)) {
		count(COUNT_FOREIGN);
		return XDP_PASS;
	}
	count(verdict);
	return verdict;
}

SEC("xdp.frags")
int steady_drop(struct xdp_md *ctx)
{
	return steady(ctx, XDP_DROP);
}

SEC("xdp.frags")
int steady_tx(struct xdp_md *ctx)
{
	return steady(ctx, XDP_TX);
}

SEC("xdp.frags")
int steady_pass(struct xdp_md *ctx)
{
	return steady(ctx, XDP_PASS);
}

/* Without a map that belongs to one kind of program only, as a devmap does: it
 * may take the place of one with frags support and keep its counts.
 */
SEC("xdp")
int steady_linear(struct xdp_md *ctx)
{
	return steady(ctx, XDP_DROP);
}

char _license[] SEC("license") = "GPL";
