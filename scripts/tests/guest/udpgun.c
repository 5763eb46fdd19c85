// SPDX-License-Identifier: GPL-2.0-only
/* Sends numbered datagrams, one system call each: nothing tells the driver that
 * more will come.
 *
 * udpgun ADDRESS PORT FIRST COUNT: the numbers are FIRST and the following, in
 * the first four of 18 bytes, the shortest frame.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAYLOAD 18

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint32_t payload[(PAYLOAD + 3) / 4] = { 0 };
	long number, end;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (argc < 5 || fd < 0 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "udpgun ADDRESS PORT FIRST COUNT\n");
		return 2;
	}
	to.sin_port = htons(atoi(argv[2]));
	number = atol(argv[3]);
	for (end = number + atol(argv[4]); number < end; number++) {
		payload[0] = htonl(number);
		while (sendto(fd, payload, PAYLOAD, 0, (struct sockaddr *)&to,
			      sizeof(to)) != PAYLOAD) {
			if (errno != ENOBUFS && errno != EAGAIN) {
				perror("sendto");
				return 1;
			}
			usleep(100);
		}
	}
	return 0;
}
