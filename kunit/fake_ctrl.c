// SPDX-License-Identifier: GPL-2.0-only
/* The device's side of the control queue: it answers, refuses, and does not. */

#include <linux/virtio_ring.h>
#include "fake_ctrl.h"

#define FAKE_CTRL_INDEX	2	/* number of the queue */

static bool fake_ctrl_is_asked(const struct fake_ctrl *ctl)
{
	return ctl->by_work ? current->flags & PF_WQ_WORKER :
			      current->kunit_test == ctl->fake->test;
}

static void fake_ctrl_remember(struct fake_ctrl *ctl)
{
	const struct fake_piece *piece = &ctl->chain.piece[0];
	struct fake_logged *log = &ctl->log[ctl->commands % FAKE_CTRL_LOGGED];

	log->len = piece->len;
	memcpy(log->bytes, fake_vq_memory(&ctl->vq, piece->addr),
	       min(piece->len, FAKE_CTRL_BYTES));
}

static int fake_ctrl_work(struct kprobe *probe, struct pt_regs *regs)
{
	struct fake_ctrl *ctl = container_of(probe, struct fake_ctrl, sleep);
	u8 *answer;

	if (!fake_ctrl_is_asked(ctl) || ctl->answer == FAKE_CTRL_SILENT ||
	    !fake_vq_read(&ctl->vq, &ctl->chain))
		return 0;
	fake_ctrl_remember(ctl);
	answer = fake_vq_memory(&ctl->vq, ctl->chain.piece[1].addr);
	if (ctl->commands + 1 == ctl->refuses)
		*answer = FAKE_CTRL_ERR;
	else if (ctl->answer < FAKE_CTRL_NONE)
		*answer = ctl->answer;
	fake_vq_write(&ctl->vq, ctl->chain.id, 1, ctl->chain.n);
	fake_vq_tell(&ctl->vq);
	ctl->commands++;
	return 0;
}

static void fake_ctrl_destroy(void *data)
{
	struct fake_ctrl *ctl = data;
	struct vnet_hw *hw = vnet_hw(ctl->fake->nic);

	unregister_kprobe(&ctl->sleep);
	if (hw->ctrl.memory)
		dma_free_coherent(ctl->vq.dev, PAGE_SIZE, hw->ctrl.memory,
				  hw->ctrl.dma);
	hw->ctrl.memory = NULL;
}

static u64 fake_ctrl_address(__le32 low, __le32 high)
{
	return le32_to_cpu(low) | (u64)le32_to_cpu(high) << 32;
}

/* The driver has started the queue: where it is, is in the configuration. */
void fake_ctrl_start(struct fake_ctrl *ctl)
{
	struct sluice_nic *nic = ctl->fake->nic;
	struct virtio_pci_common_cfg *cfg = &ctl->config->cfg;
	struct fake_vq *vq = &ctl->vq;

	memset(ctl->config, 0, sizeof(*ctl->config));
	vnet_ctrl_start(nic);
	KUNIT_EXPECT_EQ(ctl->fake->test, le16_to_cpu(cfg->queue_select),
			FAKE_CTRL_INDEX);
	KUNIT_EXPECT_EQ(ctl->fake->test, le16_to_cpu(cfg->queue_size),
			FAKE_CTRL_SIZE);
	KUNIT_EXPECT_EQ(ctl->fake->test, le16_to_cpu(cfg->queue_enable), 1);
	vq->desc = fake_vq_memory(vq, fake_ctrl_address(cfg->queue_desc_lo,
							cfg->queue_desc_hi));
	vq->driver = fake_vq_memory(vq, fake_ctrl_address(cfg->queue_avail_lo,
							  cfg->queue_avail_hi));
	vq->device = fake_vq_memory(vq, fake_ctrl_address(cfg->queue_used_lo,
							  cfg->queue_used_hi));
	vq->taken = 0;
	vq->used = 0;
	vq->told = 0;
	vq->place = 0;
	vq->doorbell = FAKE_VQ_QUIET;
}

static void fake_ctrl_init_queue(struct fake_ctrl *ctl)
{
	struct sluice_nic *nic = ctl->fake->nic;

	ctl->vq.dev = &nic->pdev->dev;
	ctl->vq.size = FAKE_CTRL_SIZE;
	ctl->vq.index = FAKE_CTRL_INDEX;
	ctl->vq.packed = vnet_has(nic, VIRTIO_F_RING_PACKED);
	ctl->vq.event_idx = vnet_has(nic, VIRTIO_RING_F_EVENT_IDX);
	ctl->vq.says_next = vnet_has(nic, VIRTIO_F_NOTIFICATION_DATA);
	ctl->sleep.symbol_name = "usleep_range_state";
	ctl->sleep.pre_handler = fake_ctrl_work;
}

struct fake_ctrl *fake_ctrl_create(struct kunit *test)
{
	struct fake_nic *fake = test->priv;
	struct vnet_hw *hw = vnet_hw(fake->nic);
	struct fake_ctrl *ctl = kunit_kzalloc(test, sizeof(*ctl), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, ctl);
	ctl->fake = fake;
	ctl->config = kunit_kzalloc(test, sizeof(*ctl->config), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctl->config);
	fake_ctrl_init_queue(ctl);
	KUNIT_ASSERT_EQ(test, register_kprobe(&ctl->sleep), 0);
	err = kunit_add_action_or_reset(test, fake_ctrl_destroy, ctl);
	KUNIT_ASSERT_EQ(test, err, 0);
	hw->mdev.common = (void __iomem *)&ctl->config->cfg;
	hw->ctrl.index = FAKE_CTRL_INDEX;
	hw->ctrl.doorbell = (void __iomem *)&ctl->vq.doorbell;
	hw->ctrl.memory = dma_alloc_coherent(ctl->vq.dev, PAGE_SIZE,
					     &hw->ctrl.dma, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hw->ctrl.memory);
	fake_ctrl_start(ctl);
	return ctl;
}

/* The device has got this command: to be read, and an answer to be written. */
void fake_ctrl_expect(struct fake_ctrl *ctl, const u8 *bytes, u32 len)
{
	const struct fake_piece *piece = ctl->chain.piece;
	struct kunit *test = ctl->fake->test;

	KUNIT_EXPECT_TRUE(test, fake_vq_kicked(&ctl->vq));
	KUNIT_EXPECT_EQ(test, ctl->vq.disorder, 0);
	KUNIT_ASSERT_EQ(test, ctl->chain.n, 2);
	KUNIT_EXPECT_FALSE(test, piece[0].write);
	KUNIT_EXPECT_TRUE(test, piece[1].write);
	KUNIT_EXPECT_EQ(test, piece[1].len, 1);
	KUNIT_ASSERT_EQ(test, piece[0].len, len);
	KUNIT_EXPECT_MEMEQ(test, (u8 *)fake_vq_memory(&ctl->vq, piece[0].addr),
			   bytes, len);
}

/* So was the n-th command, counted from 0. */
void fake_ctrl_expect_logged(struct fake_ctrl *ctl, u32 nth, const u8 *bytes,
			     u32 len)
{
	const struct fake_logged *log = &ctl->log[nth % FAKE_CTRL_LOGGED];
	struct kunit *test = ctl->fake->test;

	KUNIT_ASSERT_LT(test, nth, ctl->commands);
	KUNIT_ASSERT_EQ(test, log->len, len);
	KUNIT_EXPECT_MEMEQ(test, log->bytes, bytes, len);
}
