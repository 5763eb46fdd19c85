// SPDX-License-Identifier: GPL-2.0-only
/* Sends numbered test frames through the stack's own transmit path.
 *
 * framegun IF COUNT LENGTH SOURCE VERDICT TO: a packet socket goes
 * through the queueing discipline and ndo_start_xmit as any socket does; a
 * full queue makes it wait, so that every frame is sent exactly once. Prints
 * the number of frames that the stack took.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../bpf/order.h"
#include "bound_socket.h"

#define FRAME_MAX 16200

static void fill_frame(unsigned char *frame, char **arg)
{
	static const unsigned char src[6] = { 2, 0, 0, 0, 0, 0x77 };
	struct order *order = (struct order *)frame;

	for (int i = 0; i < FRAME_MAX; i++)
		frame[i] = i;
	memset(order, 0, sizeof(*order));
	memset(order->dst, 0xff, sizeof(order->dst));
	memcpy(order->src, src, sizeof(src));
	order->ethertype = htons(ORDER_ETHERTYPE);
	order->magic = htonl(ORDER_MAGIC);
	order->source = atoi(arg[3]);
	order->verdict = atoi(arg[4]);
	order->to = atoi(arg[5]);
}

static void send_one(int fd, const void *frame, size_t len)
{
	while (send(fd, frame, len, 0) != (ssize_t)len) {
		if (errno != ENOBUFS && errno != EAGAIN)
			die("send");
		usleep(100);
	}
}

int main(int argc, char **argv)
{
	static unsigned char frame[FRAME_MAX];
	struct order *order = (struct order *)frame;
	long count, len, seq;
	int fd;

	if (argc < 7) {
		fprintf(stderr, "framegun IF COUNT LENGTH SOURCE VERDICT TO\n");
		return 2;
	}
	count = atol(argv[2]);
	len = atol(argv[3]);
	if (len < (long)sizeof(*order) || len > FRAME_MAX) {
		fprintf(stderr, "length %ld is not within %zu to %d\n", len,
			sizeof(*order), FRAME_MAX);
		return 2;
	}
	fd = open_socket(argv[1], 0);
	fill_frame(frame, argv + 1);
	for (seq = 0; seq < count; seq++) {
		order->seq = htonl(seq);
		send_one(fd, frame, len);
	}
	printf("%ld\n", seq);
	return 0;
}
