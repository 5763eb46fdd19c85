// SPDX-License-Identifier: GPL-2.0-only
/* The control queue of virtio-net: a device that answers, refuses, and does not. */

#include <linux/kprobes.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_ring.h>
#include "fake_virtio.h"

#define VCTL_INDEX	2	/* number of the queue */
#define VCTL_SIZE	4
#define VCTL_LONGEST	3581	/* bytes that go with a command */
#define VCTL_OK		0	/* 5.1.6.5 */
#define VCTL_ERR	1
#define VCTL_NONE	0x100	/* says that it is done, and nothing else */
#define VCTL_SILENT	0x200	/* says nothing */

KUNIT_ARRAY_PARAM_DESC(vctl_ring, fake_virtio_rings, name);

/**
 * struct vctl - a control queue, and what its device does
 * @fake: the NIC
 * @config: the device's configuration, which is told where the queue is
 * @sleep: the device works while the driver sleeps
 * @vq: the queue
 * @answer: what it says to all
 * @chain: the last command, as it has come
 * @commands: how many it has seen
 */
struct vctl {
	struct fake_nic *fake;
	struct virtio_pci_modern_common_cfg *config;
	struct kprobe sleep;
	struct fake_vq vq;
	u32 answer;
	struct fake_chain chain;
	u32 commands;
};

static int vctl_work(struct kprobe *probe, struct pt_regs *regs)
{
	struct vctl *ctl = container_of(probe, struct vctl, sleep);
	u8 *answer;

	if (current->kunit_test != ctl->fake->test ||
	    ctl->answer == VCTL_SILENT || !fake_vq_read(&ctl->vq, &ctl->chain))
		return 0;
	answer = fake_vq_memory(&ctl->vq, ctl->chain.piece[1].addr);
	if (ctl->answer < VCTL_NONE)
		*answer = ctl->answer;
	fake_vq_write(&ctl->vq, ctl->chain.id, 1, ctl->chain.n);
	fake_vq_tell(&ctl->vq);
	ctl->commands++;
	return 0;
}

static void vctl_destroy(void *data)
{
	struct vctl *ctl = data;
	struct vnet_hw *hw = vnet_hw(ctl->fake->nic);

	unregister_kprobe(&ctl->sleep);
	if (hw->ctrl.memory)
		dma_free_coherent(ctl->vq.dev, PAGE_SIZE, hw->ctrl.memory,
				  hw->ctrl.dma);
	hw->ctrl.memory = NULL;
}

static u64 vctl_address(__le32 low, __le32 high)
{
	return le32_to_cpu(low) | (u64)le32_to_cpu(high) << 32;
}

/* The driver has started the queue: where it is, is in the configuration. */
static void vctl_start(struct vctl *ctl)
{
	struct sluice_nic *nic = ctl->fake->nic;
	struct virtio_pci_common_cfg *cfg = &ctl->config->cfg;
	struct fake_vq *vq = &ctl->vq;

	memset(ctl->config, 0, sizeof(*ctl->config));
	vnet_ctrl_start(nic);
	KUNIT_EXPECT_EQ(ctl->fake->test, le16_to_cpu(cfg->queue_select), VCTL_INDEX);
	KUNIT_EXPECT_EQ(ctl->fake->test, le16_to_cpu(cfg->queue_size), VCTL_SIZE);
	KUNIT_EXPECT_EQ(ctl->fake->test, le16_to_cpu(cfg->queue_enable), 1);
	vq->desc = fake_vq_memory(vq, vctl_address(cfg->queue_desc_lo,
						   cfg->queue_desc_hi));
	vq->driver = fake_vq_memory(vq, vctl_address(cfg->queue_avail_lo,
						     cfg->queue_avail_hi));
	vq->device = fake_vq_memory(vq, vctl_address(cfg->queue_used_lo,
						     cfg->queue_used_hi));
	vq->taken = 0;
	vq->used = 0;
	vq->told = 0;
	vq->doorbell = FAKE_VQ_QUIET;
}

static void vctl_init_queue(struct vctl *ctl)
{
	struct sluice_nic *nic = ctl->fake->nic;

	ctl->vq.dev = &nic->pdev->dev;
	ctl->vq.size = VCTL_SIZE;
	ctl->vq.index = VCTL_INDEX;
	ctl->vq.packed = vnet_has(nic, VIRTIO_F_RING_PACKED);
	ctl->vq.event_idx = vnet_has(nic, VIRTIO_RING_F_EVENT_IDX);
	ctl->sleep.symbol_name = "usleep_range_state";
	ctl->sleep.pre_handler = vctl_work;
}

static struct vctl *vctl_create(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct vnet_hw *hw = vnet_hw(fake->nic);
	struct vctl *ctl = kunit_kzalloc(test, sizeof(*ctl), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, ctl);
	ctl->fake = fake;
	ctl->config = kunit_kzalloc(test, sizeof(*ctl->config), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctl->config);
	vctl_init_queue(ctl);
	KUNIT_ASSERT_EQ(test, register_kprobe(&ctl->sleep), 0);
	err = kunit_add_action_or_reset(test, vctl_destroy, ctl);
	KUNIT_ASSERT_EQ(test, err, 0);
	hw->mdev.common = (void __iomem *)&ctl->config->cfg;
	hw->ctrl.index = VCTL_INDEX;
	hw->ctrl.doorbell = (void __iomem *)&ctl->vq.doorbell;
	hw->ctrl.memory = dma_alloc_coherent(ctl->vq.dev, PAGE_SIZE,
					     &hw->ctrl.dma, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hw->ctrl.memory);
	vctl_start(ctl);
	return ctl;
}

static int vctl_command(struct vctl *ctl, u8 class, u8 command, const void *data,
			size_t len)
{
	int err;

	rtnl_lock();
	err = vnet_command(ctl->fake->nic, class, command, data, len);
	rtnl_unlock();
	return err;
}

/* The device has got this command: to be read, and an answer to be written. */
static void vctl_expect(struct vctl *ctl, const u8 *bytes, u32 len)
{
	const struct fake_piece *piece = ctl->chain.piece;
	struct kunit *test = ctl->fake->test;

	KUNIT_EXPECT_TRUE(test, fake_vq_kicked(&ctl->vq));
	KUNIT_ASSERT_EQ(test, ctl->chain.n, 2);
	KUNIT_EXPECT_FALSE(test, piece[0].write);
	KUNIT_EXPECT_TRUE(test, piece[1].write);
	KUNIT_EXPECT_EQ(test, piece[1].len, 1);
	KUNIT_ASSERT_EQ(test, piece[0].len, len);
	KUNIT_EXPECT_MEMEQ(test, (u8 *)fake_vq_memory(&ctl->vq, piece[0].addr),
			   bytes, len);
}

/* Commands of all lengths, many times through the ring. */
static void vctl_command_test(struct kunit *test)
{
	struct vctl *ctl = vctl_create(test);
	u8 *bytes = fake_data(test, VCTL_LONGEST + 2);
	u32 i, len;

	for (i = 0; i < 10 * VCTL_SIZE; i++) {
		len = i * VCTL_LONGEST / (10 * VCTL_SIZE - 1);
		bytes[0] = i;
		bytes[1] = i + 100;
		KUNIT_EXPECT_EQ(test, vctl_command(ctl, i, i + 100, bytes + 2, len),
				0);
		KUNIT_ASSERT_EQ(test, ctl->commands, i + 1);
		vctl_expect(ctl, bytes, 2 + len);
	}
}

/* The count of commands wraps; the ring is as old as that. */
static void vctl_wrap_test(struct kunit *test)
{
	struct vctl *ctl = vctl_create(test);
	u16 old = U16_MAX - 2 * VCTL_SIZE + 1, i;
	struct vring_avail *avail = ctl->vq.driver;

	vnet_hw(ctl->fake->nic)->ctrl.sent = old;
	ctl->vq.taken = ctl->vq.packed ? 2 * old : old;
	ctl->vq.used = ctl->vq.taken;
	ctl->vq.told = ctl->vq.taken;
	if (!ctl->vq.packed)
		avail->idx = (__force __virtio16)cpu_to_le16(old);
	fake_vq_tell(&ctl->vq);
	for (i = 1; i <= 4 * VCTL_SIZE; i++) {
		KUNIT_EXPECT_EQ(test, vctl_command(ctl, i, i, "x", 1), 0);
		KUNIT_ASSERT_EQ(test, ctl->commands, i);
		vctl_expect(ctl, (u8[]){ i, i, 'x' }, 3);
	}
}

/* No is no, and so is all but yes; the next command is asked nevertheless. */
static void vctl_refusal_test(struct kunit *test)
{
	static const u32 answers[] = { VCTL_ERR, 2, 0xff, VCTL_NONE };
	struct vctl *ctl = vctl_create(test);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		ctl->answer = answers[i];
		KUNIT_EXPECT_EQ_MSG(test, vctl_command(ctl, 1, 1, "x", 1),
				    -EREMOTEIO, "answer %u", answers[i]);
		ctl->answer = VCTL_OK;
		KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 2, "y", 1), 0);
		vctl_expect(ctl, "\1\2y", 3);
	}
}

/* No answer: the wait ends, nothing is asked any more, and a reset helps. */
static void vctl_silence_test(struct kunit *test)
{
	struct vctl *ctl = vctl_create(test);

	KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 1, "x", 1), 0);
	ctl->answer = VCTL_SILENT;
	KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 1, "x", 1), -ETIMEDOUT);
	ctl->answer = VCTL_OK;
	fake_vq_kicked(&ctl->vq);
	KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 1, "x", 1), -EOPNOTSUPP);
	KUNIT_EXPECT_FALSE(test, fake_vq_kicked(&ctl->vq));
	KUNIT_EXPECT_EQ(test, ctl->commands, 1);
	vctl_start(ctl);
	KUNIT_EXPECT_EQ(test, vctl_command(ctl, 3, 4, "z", 1), 0);
	vctl_expect(ctl, "\3\4z", 3);
}

/* What is too long is refused before anything is written. */
static void vctl_length_test(struct kunit *test)
{
	struct vctl *ctl = vctl_create(test);
	u8 *bytes = fake_data(test, 2 * PAGE_SIZE);
	static const u32 lens[] = { VCTL_LONGEST + 1, PAGE_SIZE, 2 * PAGE_SIZE };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lens); i++)
		KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 1, bytes, lens[i]),
				-EMSGSIZE);
	KUNIT_EXPECT_FALSE(test, fake_vq_kicked(&ctl->vq));
	KUNIT_EXPECT_FALSE(test, fake_vq_read(&ctl->vq, &ctl->chain));
	KUNIT_EXPECT_EQ(test, vctl_command(ctl, 1, 1, bytes, VCTL_LONGEST), 0);
}

static struct kunit_case vctl_cases[] = {
	KUNIT_CASE_PARAM(vctl_command_test, vctl_ring_gen_params),
	KUNIT_CASE_PARAM(vctl_wrap_test, vctl_ring_gen_params),
	KUNIT_CASE_PARAM(vctl_refusal_test, vctl_ring_gen_params),
	KUNIT_CASE_PARAM_ATTR(vctl_silence_test, vctl_ring_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM(vctl_length_test, vctl_ring_gen_params),
	{}
};

static struct kunit_suite vctl_suite = {
	.name		= "sluice_vnet_ctrl",
	.init		= fake_virtio_init,
	.exit		= fake_nic_exit,
	.test_cases	= vctl_cases,
};

kunit_test_suite(vctl_suite);
