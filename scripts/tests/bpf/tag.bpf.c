// SPDX-License-Identifier: GPL-2.0-only
/* Asks the driver for the stripped VLAN tag; must be loaded bound to its device. */

#include <linux/errno.h>
#include "obey.h"

extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *vlan_proto,
					__u16 *vlan_tci) __ksym;

static __always_inline void count_tag(struct xdp_md *ctx)
{
	__be16 proto = 0;
	__u16 tci = 0;
	int err;

	err = bpf_xdp_metadata_rx_vlan_tag(ctx, &proto, &tci);
	if (!err && proto == bpf_htons(0x8100)) {
		count(COUNT_TAG);
		count_add(COUNT_TAG_TCI, tci);
	} else if (err == -ENODATA) {
		count(COUNT_NO_TAG);
	} else {
		count(COUNT_TAG_ERR);
	}
}

SEC("xdp.frags")
int tag_read(struct xdp_md *ctx)
{
	struct order *order = order_at(ctx->data, ctx->data_end);
	int verdict;

	if (!order) {
		count(COUNT_FOREIGN);
		return XDP_PASS;
	}
	verdict = order->verdict;
	count_tag(ctx);
	count_verdict(verdict);
	return verdict;
}

char _license[] SEC("license") = "GPL";
