/* SPDX-License-Identifier: GPL-2.0-only */
/* What a test frame asks of the XDP program, and the names of what the program counts.
 *
 * The order travels in the frame, so that one attached program serves every
 * cell of a test matrix and the test decides, frame by frame, what happens.
 * scripts/xdp.py reads the enums of this file: keep one name per line.
 */

#ifndef ORDER_H
#define ORDER_H

#include <linux/types.h>

#define ORDER_ETHERTYPE	0x88b5		/* IEEE 802 local experimental 1 */
#define ORDER_MAGIC	0x534c5844	/* "SLXD", big endian on the wire */

struct order {
	__u8 dst[6];
	__u8 src[6];
	__be16 ethertype;
	__be32 magic;
	__u8 verdict;
	__u8 op;
	__be16 arg;
	__be32 seq;
	__u8 to;
	__u8 source;
} __attribute__((packed));

enum order_op {
	OP_NONE,
	OP_TAIL,	/* move the tail by the signed arg */
	OP_TAIL_TO,	/* move the tail so that arg bytes are left */
	OP_PUSH_32,	/* 32 bytes of PUSH_FILL behind the Ethernet header */
	OP_PUSH_192,
	OP_PULL_8,	/* take out the 8 bytes behind the Ethernet header */
	OP_META,	/* the sequence number becomes metadata */
};

#define PUSH_FILL	0xa5

enum order_to {
	TO_DEV_0,
	TO_DEV_1,
	TO_DEV_2,
	TO_DEV_3,
	TO_CPU,
	TO_XSK,
	TO_MAX,
};

enum count {
	COUNT_ABORTED,
	COUNT_DROP,
	COUNT_PASS,
	COUNT_TX,
	COUNT_REDIRECT,
	COUNT_UNKNOWN,
	COUNT_FOREIGN,		/* no order in the frame */
	COUNT_BYTES,
	COUNT_FRAGS,		/* the frame was longer than its linear part */
	COUNT_HELPER_ERR,	/* an adjust helper refused */
	COUNT_TAG,		/* the driver reported a stripped tag */
	COUNT_TAG_TCI,		/* sum of the reported TCIs */
	COUNT_NO_TAG,		/* the driver said -ENODATA */
	COUNT_TAG_ERR,		/* the driver said something else */
	COUNT_HASH,		/* the driver said a hash over ports too */
	COUNT_HASH_SUM,		/* sum of these */
	COUNT_NO_HASH,		/* the driver said something else */
	COUNT_STACK,		/* seen at tc ingress */
	COUNT_STACK_META,	/* ... with the right metadata in front */
	COUNT_STACK_BAD_META,
	COUNT_MAX,
};

#endif
