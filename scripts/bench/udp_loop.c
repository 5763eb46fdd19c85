// SPDX-License-Identifier: GPL-2.0-only
/*
 * A UDP socket in the guest, for measurements.
 *
 *   udp_loop send ADDRESS PORT COUNT BYTES   sendto() in a loop; prints the nanoseconds it took
 *   udp_loop hold PORT                       a socket that nobody reads: IP and UDP do their work,
 *                                            and when its buffer is full frames end there
 *   udp_loop echo PORT                       sends back what it gets
 *   udp_loop ask ADDRESS PORT COUNT          one byte and its echo; prints each time in nanoseconds
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LARGEST 1472

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

static struct sockaddr_in address(const char *text, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };

	if (text && !inet_aton(text, &to.sin_addr))
		errx(2, "address %s", text);
	return to;
}

static int do_send(char **arg)
{
	struct sockaddr_in to = address(arg[0], arg[1]);
	long count = atol(arg[2]), i;
	int size = atoi(arg[3]), fd = open_socket();
	char payload[LARGEST] = { 0 };
	long long start;

	if (size > LARGEST)
		errx(2, "%d bytes", size);
	start = now();
	for (i = 0; i < count; i++)
		if (sendto(fd, payload, size, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			err(1, "frame %ld", i);
	printf("%lld\n", now() - start);
	return 0;
}

static int open_port(const char *port)
{
	struct sockaddr_in own = address(NULL, port);
	int fd = open_socket();

	if (bind(fd, (struct sockaddr *)&own, sizeof(own)))
		err(1, "port %s", port);
	return fd;
}

static int do_hold(char **arg)
{
	open_port(arg[0]);
	pause();
	return 0;
}

static int do_echo(char **arg)
{
	struct sockaddr_in from;
	socklen_t length;
	int fd = open_port(arg[0]);
	char byte;

	for (;;) {
		length = sizeof(from);
		if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &length) != 1 ||
		    sendto(fd, &byte, 1, 0, (struct sockaddr *)&from, length) != 1)
			err(1, "echo");
	}
}

static int do_ask(char **arg)
{
	struct sockaddr_in to = address(arg[0], arg[1]);
	long count = atol(arg[2]), i;
	int fd = open_socket();
	long long start;
	char byte = 0;

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect");
	for (i = 0; i < count; i++) {
		start = now();
		if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1)
			err(1, "question %ld", i);
		printf("%lld\n", now() - start);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "send"))
		return do_send(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return do_hold(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "echo"))
		return do_echo(argv + 2);
	if (argc == 5 && !strcmp(argv[1], "ask"))
		return do_ask(argv + 2);
	errx(2, "udp_loop send ADDRESS PORT COUNT BYTES | hold PORT | echo PORT | "
	     "ask ADDRESS PORT COUNT");
}
