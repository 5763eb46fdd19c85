// SPDX-License-Identifier: GPL-2.0-only
/* Keeps what the stack received on one interface, for a byte-for-byte comparison.
 *
 * framesink IF FILE [ETHERTYPE] binds, goes to the background when it is
 * ready, and appends a record for each frame that was not sent by this host:
 * length and VLAN tag (TCI, or -1), both 32 bits of the machine, then the frame.
 */

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "bound_socket.h"

#define FRAME_MAX 65536

static int32_t tag_of(struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	struct tpacket_auxdata aux;

	if (!cmsg || cmsg->cmsg_level != SOL_PACKET || cmsg->cmsg_type != PACKET_AUXDATA)
		return -1;
	memcpy(&aux, CMSG_DATA(cmsg), sizeof(aux));
	return aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci : -1;
}

static void keep_one(int fd, int out, int ethertype)
{
	static struct { uint32_t len; int32_t tag; unsigned char data[FRAME_MAX]; } record;
	struct iovec iov = { record.data, sizeof(record.data) };
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct sockaddr_ll from;
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(fd, &msg, 0);
	size_t size = 2 * sizeof(uint32_t) + len;

	if (len < ETH_HLEN || from.sll_pkttype == PACKET_OUTGOING ||
	    (record.data[12] << 8 | record.data[13]) != ethertype)
		return;
	record.len = len;
	record.tag = tag_of(&msg);
	if (write(out, &record, size) != (ssize_t)size)
		die("write");
}

int main(int argc, char **argv)
{
	int ethertype, fd, out, one = 1;

	if (argc < 3) {
		fprintf(stderr, "framesink IF FILE [ETHERTYPE]\n");
		return 2;
	}
	ethertype = argc > 3 ? strtol(argv[3], NULL, 0) : 0x88b5;
	out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (out < 0)
		die(argv[2]);
	fd = open_socket(argv[1], ETH_P_ALL);
	if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)))
		die("PACKET_AUXDATA");
	if (daemon(0, 0))
		die("daemon");
	for (;;)
		keep_one(fd, out, ethertype);
}
