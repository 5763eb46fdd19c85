// SPDX-License-Identifier: GPL-2.0-only
/* One AF_XDP socket that receives on queue 0 and counts, or reports why it may not.
 *
 * xsksink IF copy|zerocopy SECONDS [sg]: binds, puts itself into the pinned
 * XSKMAP of IF, says "ready", then receives until SECONDS pass without a frame
 * and prints "frames N bytes N sum N" (sum: of all bytes, modulo 2^32).
 * The system calls are used directly: Debian 12's libbpf has no AF_XDP part.
 */

#include <linux/if_xdp.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)	/* newer than Debian 12's header */
#endif
#define CHUNK 4096
#define RING 512

struct ring {
	uint32_t *producer;
	uint32_t *consumer;
	void *entries;
};

struct tally {
	unsigned long frames;
	unsigned long bytes;
	uint32_t sum;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void set_size(int fd, int option, int size)
{
	if (setsockopt(fd, SOL_XDP, option, &size, sizeof(size)))
		die("ring size");
}

static unsigned char *register_umem(int fd)
{
	struct xdp_umem_reg umem = { .len = (uint64_t)RING * CHUNK, .chunk_size = CHUNK };
	void *area = mmap(NULL, umem.len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (area == MAP_FAILED)
		die("umem");
	umem.addr = (uintptr_t)area;
	if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)))
		die("XDP_UMEM_REG");
	return area;
}

static struct ring map_ring(int fd, const struct xdp_ring_offset *offset, size_t entry,
			    off_t where)
{
	char *base = mmap(NULL, offset->desc + RING * entry, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, fd, where);

	if (base == MAP_FAILED)
		die("ring");
	return (struct ring){
		(uint32_t *)(base + offset->producer),
		(uint32_t *)(base + offset->consumer),
		base + offset->desc,
	};
}

static void map_rings(int fd, struct ring *fill, struct ring *rx)
{
	struct xdp_mmap_offsets offsets;
	socklen_t len = sizeof(offsets);

	set_size(fd, XDP_UMEM_FILL_RING, RING);
	set_size(fd, XDP_UMEM_COMPLETION_RING, RING);
	set_size(fd, XDP_RX_RING, RING);
	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &len))
		die("XDP_MMAP_OFFSETS");
	*fill = map_ring(fd, &offsets.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
	*rx = map_ring(fd, &offsets.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
}

static void give(struct ring *fill, uint64_t addr)
{
	uint32_t at = *fill->producer;

	((uint64_t *)fill->entries)[at % RING] = addr;
	__atomic_store_n(fill->producer, at + 1, __ATOMIC_RELEASE);
}

static void bind_socket(int fd, char **argv, int sg)
{
	struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = (strcmp(argv[2], "copy") ? XDP_ZEROCOPY : XDP_COPY) |
			      (sg ? XDP_USE_SG : 0),
		.sxdp_ifindex = if_nametoindex(argv[1]),
	};

	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("bind");
}

static void enter_map(int fd, const char *ifname)
{
	uint32_t key = 0, value = fd;
	char path[96];
	int map;

	snprintf(path, sizeof(path), "/sys/fs/bpf/%s/sockets", ifname);
	map = bpf_obj_get(path);
	if (map < 0 || bpf_map_update_elem(map, &key, &value, BPF_ANY))
		die(path);
}

static void take(struct ring *rx, struct ring *fill, const unsigned char *area,
		 struct tally *tally)
{
	uint32_t at = *rx->consumer;
	const struct xdp_desc *desc = &((struct xdp_desc *)rx->entries)[at % RING];

	for (uint32_t i = 0; i < desc->len; i++)
		tally->sum += area[desc->addr + i];
	tally->bytes += desc->len;
	tally->frames += !(desc->options & 1);	/* XDP_PKT_CONTD: more of it follows */
	give(fill, desc->addr & ~(uint64_t)(CHUNK - 1));
	__atomic_store_n(rx->consumer, at + 1, __ATOMIC_RELEASE);
}

static void receive(int fd, struct ring *rx, struct ring *fill, const unsigned char *area,
		    int idle_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct tally tally = { 0 };

	while (poll(&pollfd, 1, idle_ms) > 0)
		while (__atomic_load_n(rx->producer, __ATOMIC_ACQUIRE) != *rx->consumer)
			take(rx, fill, area, &tally);
	printf("frames %lu bytes %lu sum %u\n", tally.frames, tally.bytes, tally.sum);
}

int main(int argc, char **argv)
{
	struct ring fill, rx;
	unsigned char *area;
	int fd;

	if (argc < 4) {
		fprintf(stderr, "xsksink IF copy|zerocopy SECONDS [sg]\n");
		return 2;
	}
	fd = socket(AF_XDP, SOCK_RAW, 0);
	if (fd < 0)
		die("socket");
	area = register_umem(fd);
	map_rings(fd, &fill, &rx);
	for (int i = 0; i < RING; i++)
		give(&fill, (uint64_t)i * CHUNK);
	bind_socket(fd, argv, argc > 4);
	enter_map(fd, argv[1]);
	printf("ready\n");
	fflush(stdout);
	receive(fd, &rx, &fill, area, atoi(argv[3]) * 1000);
	return 0;
}
