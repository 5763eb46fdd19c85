// SPDX-License-Identifier: GPL-2.0-only
/* Asks the driver for the hash of a frame's flow; must be loaded bound to its device. */

#include "obey.h"

/* As wide as the kernel's, whose members the headers for programs have not. */
enum xdp_rss_hash_type { NO_HASH, OVER_PORTS = 1 << 3 };

extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, __u32 *hash,
				    enum xdp_rss_hash_type *type) __ksym;

SEC("xdp.frags")
int hash_read(struct xdp_md *ctx)
{
	enum xdp_rss_hash_type type = NO_HASH;
	__u32 hash = 0;

	if (!bpf_xdp_metadata_rx_hash(ctx, &hash, &type) &&
	    type & OVER_PORTS) {
		count(COUNT_HASH);
		count_add(COUNT_HASH_SUM, hash);
	} else {
		count(COUNT_NO_HASH);
	}
	count_verdict(XDP_DROP);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
