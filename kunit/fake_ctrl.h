/* SPDX-License-Identifier: GPL-2.0-only */
/* The control queue of the virtio-net device in memory, and what it was told. */

#ifndef SLUICE_KUNIT_FAKE_CTRL_H
#define SLUICE_KUNIT_FAKE_CTRL_H

#include <linux/kprobes.h>
#include "fake_virtio.h"

#define FAKE_CTRL_SIZE		4	/* descriptors of the queue */
#define FAKE_CTRL_OK		0	/* 5.1.6.5 */
#define FAKE_CTRL_ERR		1
#define FAKE_CTRL_NONE		0x100	/* says that it is done, and nothing else */
#define FAKE_CTRL_SILENT	0x200	/* says nothing */
#define FAKE_CTRL_LOGGED	16	/* commands remembered */
#define FAKE_CTRL_BYTES		32	/* of each */

/**
 * struct fake_logged - a command that the device has got
 * @len: its length
 * @bytes: its beginning
 */
struct fake_logged {
	u32 len;
	u8 bytes[FAKE_CTRL_BYTES];
};

/**
 * struct fake_ctrl - a control queue, and what its device does
 * @fake: the NIC
 * @config: the device's configuration, which is told where the queue is
 * @sleep: the device works while the driver sleeps
 * @vq: the queue
 * @answer: what it says to all
 * @refuses: number of the one that it refuses, counted from 1
 * @by_work: it is a work of the driver that asks
 * @chain: the last command, as it has come
 * @log: the beginning of each, in a circle
 * @commands: how many it has seen
 */
struct fake_ctrl {
	struct fake_nic *fake;
	struct virtio_pci_modern_common_cfg *config;
	struct kprobe sleep;
	struct fake_vq vq;
	u32 answer;
	u32 refuses;
	bool by_work;
	struct fake_chain chain;
	struct fake_logged log[FAKE_CTRL_LOGGED];
	u32 commands;
};

struct fake_ctrl *fake_ctrl_create(struct kunit *test);
void fake_ctrl_start(struct fake_ctrl *ctl);
void fake_ctrl_expect(struct fake_ctrl *ctl, const u8 *bytes, u32 len);
void fake_ctrl_expect_logged(struct fake_ctrl *ctl, u32 nth, const u8 *bytes,
			     u32 len);

#endif
