// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the instructions of a guest's kernel, as a plugin of QEMU's emulator:
 *   -plugin insn_counter.so,counts=PATH
 *
 * All that it knows is in a file that scripts/bench/instructions.py maps too: which functions begin
 * and end what is counted (brackets), and how often each block of code has run inside of them.
 *
 * A bracket opens when its function is entered and closes when code runs that can only run when the
 * function has returned: code of its caller. So no return has to be seen. Brackets lie in each other
 * as the calls do: an interrupt that is not to be counted is a bracket of its own.
 *
 * An instruction with a repeat prefix is a block of its own that follows itself; it counts once.
 *
 * One thread emulates all processors, so nothing here is atomic. No package has the header of this
 * interface: the declarations are after docs/devel/tcg-plugins.rst of QEMU 7.2, version 1 of it.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT		__attribute__((visibility("default")))
#define API_VERSION	1
#define NO_REGISTERS	0

struct qemu_plugin_tb;
struct qemu_info;

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*call)(uint64_t id,
					   struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*call)(unsigned int cpu,
					  void *data), int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

/* As in instructions.py; every member is a word of 8 bytes. */
#define BRACKETS	64
#define BLOCKS		(4 << 20)
#define CPUS		8
#define DEPTH		16
#define KERNEL		(1ULL << 63)

enum { ROLE_UNKNOWN, ROLE_NONE, ROLE_BRACKET };

struct bracket {
	uint64_t enter;
	uint64_t after, after_end;	/* code of the caller, which closes it */
	uint64_t direct;		/* only when it was the caller that has called */
	uint64_t counted;
};

struct block {
	uint64_t address;
	uint64_t instructions;
	uint64_t runs;
	uint64_t role;
};

struct shared {
	uint64_t on;
	uint64_t used;			/* blocks; more than BLOCKS: too many */
	uint64_t brackets;
	struct bracket bracket[BRACKETS];
	struct block block[BLOCKS];
};

struct cpu {
	struct bracket *open[DEPTH];
	unsigned int depth;
	struct block *last;
};

static struct shared *shared;
static struct cpu cpus[CPUS];

EXPORT int qemu_plugin_version = API_VERSION;

static int is_after(const struct bracket *bracket, uint64_t address)
{
	return address >= bracket->after && address < bracket->after_end;
}

static uint64_t role_of(uint64_t address)
{
	uint64_t i;

	for (i = 0; i < shared->brackets; i++)
		if (shared->bracket[i].enter == address)
			return ROLE_BRACKET + i;
	return ROLE_NONE;
}

static void close_brackets(struct cpu *cpu, uint64_t address)
{
	while (cpu->depth && is_after(cpu->open[cpu->depth - 1], address))
		cpu->depth--;
}

static void open_bracket(struct cpu *cpu, struct bracket *bracket)
{
	if (bracket->direct && !(cpu->last && is_after(bracket, cpu->last->address)))
		return;
	if (cpu->depth < DEPTH)
		cpu->open[cpu->depth++] = bracket;
}

static int is_repeated(const struct cpu *cpu, const struct block *block)
{
	return block->instructions == 1 && cpu->last == block;
}

static void run_block(unsigned int number, void *data)
{
	struct cpu *cpu = &cpus[number % CPUS];
	struct block *block = data;

	if (!shared->on) {
		cpu->depth = 0;
		return;
	}
	if (block->role == ROLE_UNKNOWN)
		block->role = role_of(block->address);
	close_brackets(cpu, block->address);
	if (block->role >= ROLE_BRACKET)
		open_bracket(cpu, &shared->bracket[block->role - ROLE_BRACKET]);
	if (cpu->depth && cpu->open[cpu->depth - 1]->counted && !is_repeated(cpu, block))
		block->runs++;
	cpu->last = block;
}

static void translate_block(uint64_t id, struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	struct block *block;

	(void)id;
	if (address < KERNEL || shared->used++ >= BLOCKS)
		return;
	block = &shared->block[shared->used - 1];
	block->address = address;
	block->instructions = qemu_plugin_tb_n_insns(tb);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, run_block, NO_REGISTERS, block);
}

static int map_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*shared)))
		return -1;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return shared == MAP_FAILED ? -1 : 0;
}

EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "counts=", 7) || map_file(argv[0] + 7)) {
		perror("insn_counter.so,counts=PATH");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate_block);
	return 0;
}
