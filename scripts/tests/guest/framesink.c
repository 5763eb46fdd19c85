// SPDX-License-Identifier: GPL-2.0-only
/* Keeps what the stack received on one interface, for a byte-for-byte comparison.
 *
 * framesink IF FILE [ETHERTYPE] binds, goes to the background when it is
 * ready, and appends a record for each frame that was not sent by this host:
 * length and VLAN tag (TCI, or -1), both 32 bits of the machine, then the frame.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 65536
#define RECEIVE_BUFFER (64 << 20)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_socket(const char *ifname)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(ifname),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	int one = 1, buffer = RECEIVE_BUFFER;

	if (fd < 0 || !addr.sll_ifindex ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die(ifname);
	return fd;
}

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
	int ethertype, fd, out;

	if (argc < 3) {
		fprintf(stderr, "framesink IF FILE [ETHERTYPE]\n");
		return 2;
	}
	ethertype = argc > 3 ? strtol(argv[3], NULL, 0) : 0x88b5;
	out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (out < 0)
		die(argv[2]);
	fd = open_socket(argv[1]);
	if (daemon(0, 0))
		die("daemon");
	for (;;)
		keep_one(fd, out, ethertype);
}
