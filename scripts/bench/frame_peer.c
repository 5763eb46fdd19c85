// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other end of an emulated wire for measurements: sends as fast as the NIC takes frames, and
 * takes what the guest sends.
 *
 *   frame_peer OWN-SOCKET GUEST-SOCKET FRAME-IN-HEX OFFSET
 *
 * Lines on standard input, each with one answer:
 *   flows COUNT  "flows": the byte at the offset counts through so many
 *   send COUNT   "sent NANOSECONDS": until the last frame was taken
 *   peek         "received COUNT NANOSECONDS": from the first to the last, since "received"
 *   received     the same, and begins again
 *
 * It takes frames every 200 us and not one by one: to wake it for each would be most of what a
 * frame costs on a slow machine, and is no part of a driver. So that the sender never has to wait
 * for it, a socket of its own network namespace holds more than the ten that are usual; without
 * root it waits.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BATCH		32
#define TAKE_NS		200000
#define QUEUE_FILE	"/proc/sys/net/unix/max_dgram_qlen"
#define QUEUE_FRAMES	1024
#define FRAME_MAX	(1 << 16)
#define BUFFER_BYTES	(16 << 20)

static struct sockaddr_un guest = { .sun_family = AF_UNIX };
static unsigned char frames[BATCH][FRAME_MAX];
static struct mmsghdr messages[BATCH];
static struct iovec pieces[BATCH];
static unsigned int offset;
/* What the thread that takes frames counts, and the other one asks for. */
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;
static unsigned long long received, first_at, last_at;

static unsigned long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

/* The length that sockets get which are opened from now on. */
static void lengthen_queue(void)
{
	FILE *file;

	if (unshare(CLONE_NEWNET))
		return;
	file = fopen(QUEUE_FILE, "w");
	if (!file || fprintf(file, "%d\n", QUEUE_FRAMES) < 0 || fclose(file))
		err(1, QUEUE_FILE);
}

static int open_socket(const char *own)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), size = BUFFER_BYTES;

	strncpy(address.sun_path, own, sizeof(address.sun_path) - 1);
	unlink(own);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "%s", own);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

static void *take_frames(void *data)
{
	static char bytes[BATCH][FRAME_MAX];
	const struct timespec pause = { .tv_nsec = TAKE_NS };
	struct mmsghdr taken[BATCH] = { 0 };
	struct iovec places[BATCH];
	int fd = *(int *)data, i, count;

	for (i = 0; i < BATCH; i++) {
		places[i] = (struct iovec){ bytes[i], FRAME_MAX };
		taken[i].msg_hdr = (struct msghdr){ .msg_iov = &places[i], .msg_iovlen = 1 };
	}
	for (;;) {
		count = recvmmsg(fd, taken, BATCH, MSG_WAITFORONE, NULL);
		if (count < 0 && errno != EINTR)
			err(1, "receive");
		if (count <= 0)
			continue;
		pthread_mutex_lock(&counting);
		last_at = now();
		if (!first_at)
			first_at = last_at;
		received += count;
		pthread_mutex_unlock(&counting);
		if (count < BATCH)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

static size_t read_frame(const char *hex)
{
	size_t length = strlen(hex) / 2, i;

	if (!length || length > FRAME_MAX)
		errx(1, "a frame of %zu bytes", length);
	for (i = 0; i < length; i++)
		sscanf(hex + 2 * i, "%2hhx", &frames[0][i]);
	return length;
}

static void fill_messages(const char *hex)
{
	size_t length = read_frame(hex);
	int i;

	for (i = 0; i < BATCH; i++) {
		memcpy(frames[i], frames[0], length);
		pieces[i] = (struct iovec){ frames[i], length };
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &guest, .msg_namelen = sizeof(guest),
			.msg_iov = &pieces[i], .msg_iovlen = 1,
		};
	}
}

static void set_flows(unsigned int flows)
{
	int i;

	for (i = 0; i < BATCH; i++)
		frames[i][offset] = i % flows;
	printf("flows\n");
}

static void send_frames(int fd, long count)
{
	unsigned long long start = now();
	int sent, many;

	while (count > 0) {
		many = count < BATCH ? count : BATCH;
		sent = sendmmsg(fd, messages, many, 0);
		if (sent < 0 && errno != EINTR)
			err(1, "send");
		count -= sent > 0 ? sent : 0;
	}
	printf("sent %llu\n", now() - start);
}

/* With again: the next one is the first; none may come between the two. */
static void tell_received(bool again)
{
	pthread_mutex_lock(&counting);
	printf("received %llu %llu\n", received, last_at - first_at);
	if (again) {
		received = 0;
		first_at = 0;
		last_at = 0;
	}
	pthread_mutex_unlock(&counting);
}

static void obey(int fd, const char *line)
{
	long count;

	if (sscanf(line, "send %ld", &count) == 1) {
		send_frames(fd, count);
	} else if (sscanf(line, "flows %ld", &count) == 1 && count > 0) {
		set_flows(count);
	} else if (!strcmp(line, "peek\n")) {
		tell_received(false);
	} else if (!strcmp(line, "received\n")) {
		tell_received(true);
	} else {
		errx(2, "what is %s", line);
	}
}

int main(int argc, char **argv)
{
	pthread_t taker;
	char line[64];
	int fd;

	if (argc != 5)
		errx(2, "frame_peer OWN-SOCKET GUEST-SOCKET FRAME-IN-HEX OFFSET");
	strncpy(guest.sun_path, argv[2], sizeof(guest.sun_path) - 1);
	offset = atoi(argv[4]);
	lengthen_queue();
	fd = open_socket(argv[1]);
	fill_messages(argv[3]);
	pthread_create(&taker, NULL, take_frames, &fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin))
		obey(fd, line);
	return 0;
}
