// SPDX-License-Identifier: GPL-2.0-only
/* Loads, attaches, replaces and reads the test programs inside the guest.
 *
 * ip and bpftool are used where their behaviour is the point; this exists for
 * what Debian 12's cannot do (device-bound programs, tcx, a native program in
 * offload mode) and for 1,000 replacements without 1,000 process starts.
 *
 * Maps are pinned under /sys/fs/bpf/INTERFACE and shared by all objects that
 * are loaded for that interface, so counts survive a replaced program.
 */

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "../bpf/order.h"

#ifndef BPF_F_XDP_DEV_BOUND_ONLY
#define BPF_F_XDP_DEV_BOUND_ONLY (1U << 6)
#endif
#define TCX_INGRESS 46	/* enum bpf_attach_type: newer than Debian 12's header */

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(errno));
	exit(1);
}

static unsigned int ifindex_of(const char *ifname)
{
	unsigned int ifindex = if_nametoindex(ifname);

	if (!ifindex)
		die("no interface %s", ifname);
	return ifindex;
}

static const char *pin_dir(const char *ifname)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/sys/fs/bpf/%s", ifname);
	return dir;
}

static __u32 mode_flags(const char *mode)
{
	if (!strcmp(mode, "native"))
		return XDP_FLAGS_DRV_MODE;
	if (!strcmp(mode, "generic"))
		return XDP_FLAGS_SKB_MODE;
	if (!strcmp(mode, "offload"))
		return XDP_FLAGS_HW_MODE;
	errno = EINVAL;
	die("mode %s is none of native, generic, offload", mode);
	return 0;
}

static const char *pin_path(const char *ifname, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", pin_dir(ifname), name);
	return path;
}

static int pinned_map(const char *ifname, const char *name)
{
	int fd = bpf_obj_get(pin_path(ifname, name));

	if (fd < 0)
		die("no map %s", pin_path(ifname, name));
	return fd;
}

/* Not libbpf's own pinning by name: Debian 12's refuses to use a DEVMAP again,
 * because the kernel adds a flag of its own to it.
 */
static void reuse_maps(const char *ifname, struct bpf_object *object)
{
	struct bpf_map *map;
	int fd;

	bpf_object__for_each_map(map, object) {
		fd = bpf_obj_get(pin_path(ifname, bpf_map__name(map)));
		if (fd >= 0 && bpf_map__reuse_fd(map, fd))
			die("reuse %s", bpf_map__name(map));
	}
}

static void pin_maps(const char *ifname, struct bpf_object *object)
{
	const char *path;
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		path = pin_path(ifname, bpf_map__name(map));
		if (!bpf_map__is_internal(map) && access(path, F_OK) &&
		    bpf_obj_pin(bpf_map__fd(map), path))
			die("pin %s", path);
	}
}

static struct bpf_object *open_object(const char *ifname, const char *file)
{
	struct bpf_object *object;

	if (mkdir(pin_dir(ifname), 0700) && errno != EEXIST)
		die("%s (is bpffs mounted?)", pin_dir(ifname));
	object = bpf_object__open_file(file, NULL);
	if (!object)
		die("%s", file);
	reuse_maps(ifname, object);
	return object;
}

static struct bpf_program *find_program(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	if (!program)
		die("no program %s", name);
	return program;
}

/* Only the named program is loaded: one that the kernel refuses must not hide it. */
static int load_program(const char *ifname, const char *file, const char *name, int bound)
{
	struct bpf_object *object = open_object(ifname, file);
	struct bpf_program *wanted = find_program(object, name);
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, program == wanted);
	if (bound) {
		bpf_program__set_ifindex(wanted, ifindex_of(ifname));
		bpf_program__set_flags(wanted, bpf_program__flags(wanted) |
				       BPF_F_XDP_DEV_BOUND_ONLY);
	}
	if (bpf_object__load(object))
		die("load %s of %s", name, file);
	pin_maps(ifname, object);
	return bpf_program__fd(wanted);
}

static int cmd_attach(char **arg)
{
	int bound = arg[4] && !strcmp(arg[4], "bound");
	int fd = load_program(arg[0], arg[1], arg[2], bound);

	if (bpf_xdp_attach(ifindex_of(arg[0]), fd, mode_flags(arg[3]), NULL))
		die("attach %s", arg[2]);
	return 0;
}

static int cmd_detach(char **arg)
{
	if (bpf_xdp_detach(ifindex_of(arg[0]), mode_flags(arg[1]), NULL))
		die("detach");
	return 0;
}

static int cmd_tcx(char **arg)
{
	int fd = load_program(arg[0], arg[1], arg[2], 0);
	int link;

	link = bpf_link_create(fd, ifindex_of(arg[0]), TCX_INGRESS, NULL);
	if (link < 0)
		die("tcx link");
	if (bpf_obj_pin(link, pin_path(arg[0], "tcx")))
		die("pin %s", pin_path(arg[0], "tcx"));
	return 0;
}

static int cmd_counts(char **arg)
{
	int fd = pinned_map(arg[0], "counts");
	__u64 value, zero = 0;
	__u32 key;

	for (key = 0; key < COUNT_MAX; key++) {
		if (bpf_map_lookup_elem(fd, &key, &value))
			die("count %u", key);
		printf("%llu\n", (unsigned long long)value);
		if (arg[1] && bpf_map_update_elem(fd, &key, &zero, BPF_ANY))
			die("reset %u", key);
	}
	return 0;
}

static void set_entry(const char *ifname, const char *map, __u32 key, __u32 value)
{
	if (bpf_map_update_elem(pinned_map(ifname, map), &key, &value, BPF_ANY))
		die("%s[%u] = %u", map, key, value);
}

static int cmd_devmap(char **arg)
{
	set_entry(arg[0], "devices", atoi(arg[1]), ifindex_of(arg[2]));
	return 0;
}

static int cmd_cpumap(char **arg)
{
	set_entry(arg[0], "cpus", atoi(arg[1]), atoi(arg[2]));
	return 0;
}

static void must_attach(const char *ifname, int fd, __u32 flags)
{
	if (bpf_xdp_attach(ifindex_of(ifname), fd, flags, NULL))
		die("attach program %d to %s", fd, ifname);
}

/* The kernel patches its XDP dispatcher whenever a program is attached that no
 * interface has yet, or the last interface loses it. QEMU before 8.1 can run a
 * stale translation of code that another CPU patches (it locks the page only
 * after translating), and the guest dies of an int3. So each program is also
 * attached to an interface without traffic: the toggling then patches nothing.
 */
static int load_anchored(char **arg, const char *name, const char *anchor)
{
	int fd = load_program(arg[0], arg[1], name, 0);

	must_attach(anchor, fd, XDP_FLAGS_SKB_MODE);
	return fd;
}

/* attach drop, replace by tx, replace by pass, detach; the pauses leave frames
 * the time to meet each state, the missing pause between tx and pass a race.
 */
static int cmd_toggle(char **arg)
{
	int drop = load_anchored(arg, "steady_drop", arg[4]);
	int pass = load_anchored(arg, "steady_pass", arg[5]);
	int tx = load_anchored(arg, "steady_tx", arg[6]);
	int rounds = atoi(arg[2]);
	int pause = atoi(arg[3]);

	while (rounds--) {
		must_attach(arg[0], drop, XDP_FLAGS_DRV_MODE);
		usleep(pause);
		must_attach(arg[0], tx, XDP_FLAGS_DRV_MODE);
		must_attach(arg[0], pass, XDP_FLAGS_DRV_MODE);
		usleep(pause);
		must_attach(arg[0], -1, XDP_FLAGS_DRV_MODE);
		usleep(pause);
	}
	return 0;
}

static const struct command {
	const char *name;
	const char *args;
	int min;
	int (*run)(char **arg);
} commands[] = {
	{ "attach", "IF OBJECT PROGRAM native|generic|offload [bound]", 4, cmd_attach },
	{ "detach", "IF native|generic", 2, cmd_detach },
	{ "tcx", "IF OBJECT PROGRAM", 3, cmd_tcx },
	{ "counts", "IF [reset]", 1, cmd_counts },
	{ "devmap", "IF KEY TARGET", 3, cmd_devmap },
	{ "cpumap", "IF CPU QUEUE_SIZE", 3, cmd_cpumap },
	{ "toggle", "IF OBJECT ROUNDS PAUSE_US ANCHOR ANCHOR ANCHOR", 7, cmd_toggle },
};

static int usage(void)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(stderr, "xdpctl %s %s\n", commands[i].name, commands[i].args);
	return 2;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (argc > 1 && !strcmp(argv[1], commands[i].name) &&
		    argc - 2 >= commands[i].min)
			return commands[i].run(argv + 2);
	return usage();
}
