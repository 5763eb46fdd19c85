// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts that frames share (virtio 1.3, Notifications Coalescing): of all
 * queues, of each, and as net_dim finds it best for the receive queues.
 */

#include <kunit/visibility.h>
#include <linux/rtnetlink.h>
#include "vnet.h"

/* Completions that wait longer look like a hang to the watchdog. */
#define VNET_MODER_MAX_USECS	100000

static int vnet_send_moder(struct sluice_nic *nic, u16 vq,
			   const struct vnet_moder *m)
{
	struct virtio_net_ctrl_coal_vq c = {
		.vqn			= cpu_to_le16(vq),
		.coal.max_packets	= cpu_to_le32(m->frames),
		.coal.max_usecs		= cpu_to_le32(m->usecs),
	};

	return vnet_command(nic, VIRTIO_NET_CTRL_NOTF_COAL,
			    VIRTIO_NET_CTRL_NOTF_COAL_VQ_SET, &c, sizeof(c));
}

/* All queues of one direction; the commands for these are two but alike. */
static int vnet_send_moder_all(struct sluice_nic *nic, bool tx,
			       const struct vnet_moder *m)
{
	struct virtio_net_ctrl_coal c = {
		.max_packets	= cpu_to_le32(m->frames),
		.max_usecs	= cpu_to_le32(m->usecs),
	};
	int err = 0;
	u32 i;

	if (vnet_has(nic, VIRTIO_NET_F_NOTF_COAL))
		return vnet_command(nic, VIRTIO_NET_CTRL_NOTF_COAL,
				    tx ? VIRTIO_NET_CTRL_NOTF_COAL_TX_SET :
					 VIRTIO_NET_CTRL_NOTF_COAL_RX_SET,
				    &c, sizeof(c));
	for (i = 0; !err && i < nic->nvec; i++)
		err = vnet_send_moder(nic, 2 * i + tx, m);
	return err;
}

/* All that was chosen, as it was chosen. */
static void vnet_tell_moder(struct sluice_nic *nic)
{
	const struct vnet_moder *moder = vnet_hw(nic)->moder;
	u32 i;

	if (vnet_has(nic, VIRTIO_NET_F_VQ_NOTF_COAL)) {
		for (i = 0; i < 2 * nic->nvec; i++)
			vnet_send_moder(nic, i, &moder[i]);
		return;
	}
	vnet_send_moder_all(nic, false, &moder[0]);
	vnet_send_moder_all(nic, true, &moder[1]);
}

/* The device shall tell before its ring is empty. */
static u32 vnet_dim_frames(struct sluice_nic *nic, u32 wanted)
{
	return min(wanted, nic->cfg.rx_size / 2);
}

/* A device that has been reset waits for nothing, and its rings may be smaller. */
void vnet_coalesce_start(struct sluice_nic *nic)
{
	struct vnet_hw *hw = vnet_hw(nic);
	u32 i;

	for (i = 0; i < nic->nvec; i++)
		if (hw->dim[i].on)
			hw->moder[2 * i].frames =
				vnet_dim_frames(nic, hw->moder[2 * i].frames);
	if (memchr_inv(hw->moder, 0, sizeof(hw->moder)))
		vnet_tell_moder(nic);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_coalesce_start);

static int vnet_set_moder(struct sluice_nic *nic, u32 queue, bool tx,
			  const struct vnet_moder *m)
{
	bool all = queue == SLUICE_ALL_QUEUES;
	int err = 0;
	u32 i;

	if (test_bit(SLUICE_UP, &nic->state))
		err = all ? vnet_send_moder_all(nic, tx, m) :
			    vnet_send_moder(nic, 2 * queue + tx, m);
	for (i = 0; !err && i < SLUICE_MAX_VECTORS; i++)
		if (all || i == queue)
			vnet_hw(nic)->moder[2 * i + tx] = *m;
	return err;
}

void vnet_get_coalesce(struct sluice_nic *nic, u32 queue,
		       struct ethtool_coalesce *ec)
{
	u32 i = queue == SLUICE_ALL_QUEUES ? 0 : queue;
	const struct vnet_moder *m = &vnet_hw(nic)->moder[2 * i];

	ec->rx_coalesce_usecs = m[0].usecs;
	ec->rx_max_coalesced_frames = m[0].frames;
	ec->tx_coalesce_usecs = m[1].usecs;
	ec->tx_max_coalesced_frames = m[1].frames;
	ec->use_adaptive_rx_coalesce = vnet_hw(nic)->dim[i].on;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_get_coalesce);

static bool vnet_moder_is(const struct vnet_moder *m, u32 usecs, u32 frames)
{
	return m->usecs == usecs && m->frames == frames;
}

static int vnet_check_usecs(const struct ethtool_coalesce *ec,
			    struct netlink_ext_ack *extack)
{
	u32 usecs = max(ec->rx_coalesce_usecs, ec->tx_coalesce_usecs);

	if (usecs <= VNET_MODER_MAX_USECS)
		return 0;
	NL_SET_ERR_MSG_FMT_MOD(extack, "%u microseconds: the limit is %u", usecs,
			       VNET_MODER_MAX_USECS);
	return -EINVAL;
}

/* Of one queue ethtool says again what net_dim had chosen when it asked, which
 * is no wish.
 */
static bool vnet_moder_is_old(struct sluice_nic *nic, u32 queue)
{
	return queue != SLUICE_ALL_QUEUES && vnet_hw(nic)->dim[queue].on;
}

/* A refusal says what the device would have to offer. */
static int vnet_check_coalesce(struct sluice_nic *nic, u32 queue,
			       const struct ethtool_coalesce *ec,
			       struct netlink_ext_ack *extack)
{
	struct ethtool_coalesce now = {};
	bool rx_same;

	vnet_get_coalesce(nic, queue, &now);
	rx_same = now.rx_coalesce_usecs == ec->rx_coalesce_usecs &&
		  now.rx_max_coalesced_frames == ec->rx_max_coalesced_frames;
	if (ec->use_adaptive_rx_coalesce && !rx_same &&
	    !vnet_moder_is_old(nic, queue)) {
		NL_SET_ERR_MSG_MOD(extack,
				   "rx-usecs and rx-frames are adaptive-rx's to choose; turn it off first");
		return -EINVAL;
	}
	if (vnet_has(nic, VIRTIO_NET_F_VQ_NOTF_COAL))
		return 0;
	if (queue != SLUICE_ALL_QUEUES || ec->use_adaptive_rx_coalesce) {
		NL_SET_ERR_MSG_MOD(extack,
				   "one queue alone, and adaptive-rx, need a device with VQ_NOTF_COAL");
		return -EOPNOTSUPP;
	}
	if (vnet_has(nic, VIRTIO_NET_F_NOTF_COAL) ||
	    (rx_same && now.tx_coalesce_usecs == ec->tx_coalesce_usecs &&
	     now.tx_max_coalesced_frames == ec->tx_max_coalesced_frames))
		return 0;
	NL_SET_ERR_MSG_MOD(extack,
			   "interrupts are the host's to throttle: the device does not offer NOTF_COAL");
	return -EOPNOTSUPP;
}

static int vnet_change_moder(struct sluice_nic *nic, u32 queue,
			     const struct ethtool_coalesce *ec)
{
	u32 i = queue == SLUICE_ALL_QUEUES ? 0 : queue;
	struct vnet_moder rx = { ec->rx_coalesce_usecs,
				 ec->rx_max_coalesced_frames };
	struct vnet_moder tx = { ec->tx_coalesce_usecs,
				 ec->tx_max_coalesced_frames };
	const struct vnet_hw *hw = vnet_hw(nic);
	/* What net_dim chose for the others goes with it. */
	bool ends = hw->dim[i].on && !ec->use_adaptive_rx_coalesce;
	int err = 0;

	if (!vnet_moder_is(&hw->moder[2 * i + 1], tx.usecs, tx.frames))
		err = vnet_set_moder(nic, queue, true, &tx);
	if (!err && !ec->use_adaptive_rx_coalesce &&
	    (ends || !vnet_moder_is(&hw->moder[2 * i], rx.usecs, rx.frames)))
		err = vnet_set_moder(nic, queue, false, &rx);
	return err;
}

int vnet_set_coalesce(struct sluice_nic *nic, u32 queue,
		      const struct ethtool_coalesce *ec,
		      struct netlink_ext_ack *extack)
{
	struct vnet_moder old[2 * SLUICE_MAX_VECTORS];
	struct vnet_hw *hw = vnet_hw(nic);
	u32 i, first = queue == SLUICE_ALL_QUEUES ? 0 : queue;
	int err = vnet_check_usecs(ec, extack) ?:
		  vnet_check_coalesce(nic, queue, ec, extack);

	if (err)
		return err;
	memcpy(old, hw->moder, sizeof(old));
	err = vnet_change_moder(nic, queue, ec);
	if (err) {
		memcpy(hw->moder, old, sizeof(old));
		vnet_tell_moder(nic);
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "the device refuses this (error %d); all is as it was",
				       err);
		return err;
	}
	/* What does not change is no word about the other queues. */
	if (hw->dim[first].on == !!ec->use_adaptive_rx_coalesce)
		return 0;
	for (i = 0; i < SLUICE_MAX_VECTORS; i++)
		if (queue == SLUICE_ALL_QUEUES || i == queue)
			WRITE_ONCE(hw->dim[i].on, ec->use_adaptive_rx_coalesce);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vnet_set_coalesce);

/* Adaptive */

static void vnet_dim_work(struct work_struct *work)
{
	struct vnet_dim *d = container_of(work, struct vnet_dim, dim.work);
	struct sluice_nic *nic = d->v->nic;
	struct dim_cq_moder chosen = net_dim_get_rx_moderation(d->dim.mode,
							       d->dim.profile_ix);
	struct vnet_moder m = { chosen.usec, vnet_dim_frames(nic, chosen.pkts) };

	rtnl_lock();
	/* A device that refuses is not asked again. */
	if (d->on && test_bit(SLUICE_UP, &nic->state) &&
	    d->v->index < nic->nvec &&
	    vnet_set_moder(nic, d->v->index, false, &m))
		WRITE_ONCE(d->on, false);
	rtnl_unlock();
	d->dim.state = DIM_START_MEASURE;
}

/* The end of a poll that an interrupt began; others are continued. While NAPI still
 * polls, as net_dim bears one caller at a time.
 */
void vnet_dim_sample(struct sluice_vector *v)
{
	struct vnet_dim *d = &vnet_hw(v->nic)->dim[v->index];
	const u64_stats_t *count = v->rx_stats.count;
	struct dim_sample sample = {};

	if (likely(!READ_ONCE(d->on)))
		return;
	d->v = v;
	dim_update_sample(++d->events,
			  u64_stats_read(&count[SLUICE_RX_FRAMES]),
			  u64_stats_read(&count[SLUICE_RX_BYTES]), &sample);
	net_dim(&d->dim, sample);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_dim_sample);

void vnet_coalesce_init(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; i < SLUICE_MAX_VECTORS; i++)
		INIT_WORK(&vnet_hw(nic)->dim[i].dim.work, vnet_dim_work);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_coalesce_init);

/* The interface is gone: nobody samples any more. */
void vnet_coalesce_remove(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; i < SLUICE_MAX_VECTORS; i++)
		cancel_work_sync(&vnet_hw(nic)->dim[i].dim.work);
}
EXPORT_SYMBOL_IF_KUNIT(vnet_coalesce_remove);
