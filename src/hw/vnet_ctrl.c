// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control queue of virtio-net (virtio 1.2, 5.1.6.5): one command at a time,
 * and a bounded wait for its answer.
 *
 * Its memory is a page: a ring of four descriptors, of which each command takes
 * two, then the command, then the answer.
 */

#include <kunit/visibility.h>
#include <linux/iopoll.h>
#include "vnet.h"
#include "vnet_packed_desc.h"
#include "vnet_split_desc.h"

#define VNET_CTRL_SIZE		4
#define VNET_CTRL_DESCS		2
#define VNET_CTRL_COMMAND	512
#define VNET_CTRL_ANSWER	(PAGE_SIZE - 1)
#define VNET_CTRL_LONGEST	(VNET_CTRL_ANSWER - VNET_CTRL_COMMAND)
#define VNET_CTRL_POLL_US	10
#define VNET_CTRL_TIMEOUT_US	1000000

/* Descriptors in ring order, as IN_ORDER wants (2.7.5.2). */
static void vnet_ctrl_put_split(struct vnet_ctrl *c, u32 len)
{
	struct vnet_split r = vnet_split(c->memory, VNET_CTRL_SIZE, false);
	u16 at = c->sent * VNET_CTRL_DESCS % VNET_CTRL_SIZE;
	struct vring_desc *d = &r.desc[at];

	d[0].addr = __cpu_to_virtio64(true, c->dma + VNET_CTRL_COMMAND);
	d[0].len = __cpu_to_virtio32(true, len);
	d[0].flags = __cpu_to_virtio16(true, VRING_DESC_F_NEXT);
	d[0].next = __cpu_to_virtio16(true, at + 1);
	d[1].addr = __cpu_to_virtio64(true, c->dma + VNET_CTRL_ANSWER);
	d[1].len = __cpu_to_virtio32(true, 1);
	d[1].flags = __cpu_to_virtio16(true, VRING_DESC_F_WRITE);
	r.avail->flags = __cpu_to_virtio16(true, VRING_AVAIL_F_NO_INTERRUPT);
	r.avail->ring[c->sent % VNET_CTRL_SIZE] = __cpu_to_virtio16(true, at);
	/* The descriptors before the index that shows them. */
	dma_wmb();
	WRITE_ONCE(r.avail->idx, __cpu_to_virtio16(true, c->sent + 1));
}

static void vnet_ctrl_put_packed(struct vnet_ctrl *c, u32 len)
{
	struct vnet_packed r = vnet_packed(c->memory, VNET_CTRL_SIZE);
	u32 at = c->sent * VNET_CTRL_DESCS, mask = VNET_CTRL_SIZE - 1;
	struct vring_packed_desc *d = &r.desc[at & mask];
	u16 flags = vnet_packed_avail_flags(at, mask);

	r.driver->flags = cpu_to_le16(VRING_PACKED_EVENT_FLAG_DISABLE);
	d[0].addr = cpu_to_le64(c->dma + VNET_CTRL_COMMAND);
	d[0].len = cpu_to_le32(len);
	d[0].id = 0;
	d[1].addr = cpu_to_le64(c->dma + VNET_CTRL_ANSWER);
	d[1].len = cpu_to_le32(1);
	d[1].id = 0;
	d[1].flags = cpu_to_le16(flags | VRING_DESC_F_WRITE);
	/* The rest of the descriptors before the flags that show them. */
	dma_wmb();
	WRITE_ONCE(d[0].flags, cpu_to_le16(flags | VRING_DESC_F_NEXT));
}

static bool vnet_ctrl_answered(struct sluice_nic *nic)
{
	const struct vnet_ctrl *c = &vnet_hw(nic)->ctrl;
	struct vnet_packed packed = vnet_packed(c->memory, VNET_CTRL_SIZE);
	struct vnet_split split = vnet_split(c->memory, VNET_CTRL_SIZE, false);
	u32 at = c->sent * VNET_CTRL_DESCS, mask = VNET_CTRL_SIZE - 1;
	u16 flags = le16_to_cpu(READ_ONCE(packed.desc[at & mask].flags));

	if (vnet_has(nic, VIRTIO_F_RING_PACKED))
		return vnet_packed_is_used(flags, at, mask);
	return READ_ONCE(split.used->idx) ==
	       __cpu_to_virtio16(true, c->sent + 1);
}

/* Behind a command, in the words of a doorbell. */
static u16 vnet_ctrl_next(struct sluice_nic *nic)
{
	u16 next = vnet_hw(nic)->ctrl.sent + 1;

	if (!vnet_has(nic, VIRTIO_F_RING_PACKED))
		return next;
	return vnet_packed_event(next * VNET_CTRL_DESCS, VNET_CTRL_SIZE - 1);
}

static void vnet_ctrl_put(struct sluice_nic *nic, u32 len)
{
	struct vnet_ctrl *c = &vnet_hw(nic)->ctrl;

	*(u8 *)(c->memory + VNET_CTRL_ANSWER) = VIRTIO_NET_ERR;
	if (vnet_has(nic, VIRTIO_F_RING_PACKED))
		vnet_ctrl_put_packed(c, len);
	else
		vnet_ctrl_put_split(c, len);
	vnet_notify(c->doorbell, c->index, vnet_mode(nic), vnet_ctrl_next(nic));
}

/* In-tree virtio_net waits for ever. */
static int vnet_ctrl_wait(struct sluice_nic *nic)
{
	struct vnet_ctrl *c = &vnet_hw(nic)->ctrl;
	bool answered;
	int err;

	err = read_poll_timeout(vnet_ctrl_answered, answered, answered,
				VNET_CTRL_POLL_US, VNET_CTRL_TIMEOUT_US, false,
				nic);
	if (err) {
		c->dead = true;
		return err;
	}
	c->sent++;
	/* The answer was written before the completion. */
	dma_rmb();
	return READ_ONCE(*(u8 *)(c->memory + VNET_CTRL_ANSWER)) ? -EREMOTEIO : 0;
}

/**
 * vnet_command() - tell the device something, and wait for its answer
 * @nic: the device, started
 * @class: VIRTIO_NET_CTRL_*
 * @command: what of it
 * @data: what goes with it
 * @len: how many bytes
 *
 * A device that does not answer within a second is not asked again until it has
 * been started anew.
 *
 * Context: RTNL, process.
 * Return: 0; %-EOPNOTSUPP without a control queue that answers, %-EMSGSIZE,
 * %-ETIMEDOUT, or %-EREMOTEIO if the device has refused.
 */
int vnet_command(struct sluice_nic *nic, u8 class, u8 command, const void *data,
		 size_t len)
{
	struct vnet_ctrl *c = &vnet_hw(nic)->ctrl;
	struct virtio_net_ctrl_hdr hdr = { .class = class, .cmd = command };
	int err;

	ASSERT_RTNL();
	if (!c->memory || c->dead)
		return -EOPNOTSUPP;
	if (len > VNET_CTRL_LONGEST - sizeof(hdr))
		return -EMSGSIZE;
	memcpy(c->memory + VNET_CTRL_COMMAND, &hdr, sizeof(hdr));
	memcpy(c->memory + VNET_CTRL_COMMAND + sizeof(hdr), data, len);
	vnet_ctrl_put(nic, sizeof(hdr) + len);
	err = vnet_ctrl_wait(nic);
	if (err)
		netdev_err(nic->netdev, "the device %s (command %u.%u, error %d)\n",
			   err == -EREMOTEIO ? "refuses what it offers" :
					       "does not answer", class, command, err);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_command);

/* The device has been reset; a new ring begins. */
void vnet_ctrl_start(struct sluice_nic *nic)
{
	struct vnet_ctrl *c = &vnet_hw(nic)->ctrl;

	if (!c->memory)
		return;
	memset(c->memory, 0, PAGE_SIZE);
	c->sent = 0;
	c->dead = false;
	vnet_enable_queue(nic, c->index, VNET_CTRL_SIZE, c->dma, false);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_ctrl_start);

int vnet_ctrl_probe(struct sluice_nic *nic, u16 index)
{
	struct vnet_ctrl *c = &vnet_hw(nic)->ctrl;
	u16 size;

	if (!vnet_has(nic, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	size = vp_modern_get_queue_size(&vnet_hw(nic)->mdev, index);
	if (size < VNET_CTRL_SIZE)
		return dev_err_probe(&nic->pdev->dev, -EINVAL,
				     "a control queue of %u entries, less than %u\n",
				     size, VNET_CTRL_SIZE);
	c->index = index;
	c->doorbell = vnet_map_doorbell(nic, index);
	if (!c->doorbell)
		return -ENODEV;
	c->memory = dma_alloc_coherent(&nic->pdev->dev, PAGE_SIZE, &c->dma,
				       GFP_KERNEL);
	return c->memory ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_ctrl_probe);

void vnet_ctrl_remove(struct sluice_nic *nic)
{
	struct vnet_ctrl *c = &vnet_hw(nic)->ctrl;

	if (c->memory)
		dma_free_coherent(&nic->pdev->dev, PAGE_SIZE, c->memory, c->dma);
	c->memory = NULL;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_ctrl_remove);
