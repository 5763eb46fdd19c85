/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet socket on one interface, as all programs here need it. */

#ifndef BOUND_SOCKET_H
#define BOUND_SOCKET_H

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* There is more to keep than a socket may usually hold. */
#define RECEIVE_BUFFER (64 << 20)

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline int open_socket(const char *ifname, int protocol)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = if_nametoindex(ifname),
	};
	/* Nothing of other interfaces before it is bound. */
	int fd = socket(AF_PACKET, SOCK_RAW, 0), buffer = RECEIVE_BUFFER;

	if (fd < 0 || !addr.sll_ifindex ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die(ifname);
	return fd;
}

#endif
