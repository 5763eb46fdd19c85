// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens when a device says what cannot be: its queue takes nothing more,
 * the administrator is told through devlink, and the device is reset.
 */

#include <kunit/visibility.h>
#include <linux/rtnetlink.h>
#include <net/devlink.h>
#include "core.h"

/* A device that goes on to lie costs this many resets a second, not a CPU. */
#define SLUICE_HEALTH_DELAY	(HZ / 20)

/**
 * sluice_queue_broken() - report a ring whose device cannot be believed
 * @v: its vector; the backend has seen to it that nothing more is taken
 * @ring: which ring of it
 * @why: what the device said
 *
 * Context: any.
 */
void sluice_queue_broken(struct sluice_vector *v, const char *ring,
			 const char *why)
{
	struct sluice_health *health = &v->nic->health;

	WRITE_ONCE(health->broken, v);
	WRITE_ONCE(health->ring, ring);
	WRITE_ONCE(health->why, why);
	schedule_delayed_work(&health->work, SLUICE_HEALTH_DELAY);
}
EXPORT_SYMBOL_IF_KUNIT(sluice_queue_broken);

static void sluice_health_work(struct work_struct *work)
{
	struct sluice_health *health = container_of(to_delayed_work(work),
						    struct sluice_health, work);
	struct sluice_vector *v = READ_ONCE(health->broken);
	char text[96];

	snprintf(text, sizeof(text), "%s%u: %s", READ_ONCE(health->ring),
		 v->index, READ_ONCE(health->why));
	if (net_ratelimit())
		netdev_err(v->nic->netdev, "%s; resetting\n", text);
	devlink_health_report(health->reporter, text, v);
}

static int sluice_health_recover(struct devlink_health_reporter *reporter,
				 void *context, struct netlink_ext_ack *extack)
{
	struct sluice_nic *nic = devlink_health_reporter_priv(reporter);
	int err;

	rtnl_lock();
	err = sluice_reset(nic);
	rtnl_unlock();
	return err;
}

static void sluice_show_rx(struct devlink_fmsg *fmsg, const struct sluice_rxq *q)
{
	devlink_fmsg_u32_pair_put(fmsg, "rx_size", q->mask + 1);
	devlink_fmsg_u32_pair_put(fmsg, "rx_head", q->head & q->mask);
	devlink_fmsg_u32_pair_put(fmsg, "rx_unshown", q->head - q->kicked);
	devlink_fmsg_bool_pair_put(fmsg, "rx_broken", q->broken);
}

static void sluice_show_tx(struct devlink_fmsg *fmsg, const struct sluice_txq *q)
{
	devlink_fmsg_u32_pair_put(fmsg, "tx_size", q->mask + 1);
	devlink_fmsg_u32_pair_put(fmsg, "tx_head", q->head & q->mask);
	devlink_fmsg_u32_pair_put(fmsg, "tx_in_ring", sluice_txq_pending(q));
	devlink_fmsg_bool_pair_put(fmsg, "tx_broken", q->broken);
}

/* Where the rings of each vector stand. */
static int sluice_health_diagnose(struct devlink_health_reporter *reporter,
				  struct devlink_fmsg *fmsg,
				  struct netlink_ext_ack *extack)
{
	struct sluice_nic *nic = devlink_health_reporter_priv(reporter);
	u32 i;

	rtnl_lock();
	devlink_fmsg_u64_pair_put(fmsg, "resets", nic->resets);
	devlink_fmsg_arr_pair_nest_start(fmsg, "vectors");
	for (i = 0; i < nic->nvec && test_bit(SLUICE_UP, &nic->state); i++) {
		devlink_fmsg_obj_nest_start(fmsg);
		devlink_fmsg_u32_pair_put(fmsg, "vector", i);
		sluice_show_rx(fmsg, nic->vec[i]->rx);
		sluice_show_tx(fmsg, nic->vec[i]->tx);
		devlink_fmsg_obj_nest_end(fmsg);
	}
	devlink_fmsg_arr_pair_nest_end(fmsg);
	rtnl_unlock();
	return 0;
}

static int sluice_health_dump(struct devlink_health_reporter *reporter,
			      struct devlink_fmsg *fmsg, void *context,
			      struct netlink_ext_ack *extack)
{
	return sluice_health_diagnose(reporter, fmsg, extack);
}

static const struct devlink_health_reporter_ops sluice_queue_reporter = {
	.name		= "queue",
	.recover	= sluice_health_recover,
	.diagnose	= sluice_health_diagnose,
	.dump		= sluice_health_dump,
};

static int sluice_info_get(struct devlink *devlink, struct devlink_info_req *req,
			   struct netlink_ext_ack *extack)
{
	struct sluice_nic **nic = devlink_priv(devlink);
	int err;

	err = devlink_info_version_fixed_put(req,
					     DEVLINK_INFO_VERSION_GENERIC_ASIC_ID,
					     (*nic)->board->name);
	return err;
}

static const struct devlink_ops sluice_devlink_ops = {
	.info_get	= sluice_info_get,
};

/**
 * sluice_health_probe() - make the devlink instance and its reporter
 * @nic: the device
 *
 * Context: process.
 * Return: 0 or negative errno; sluice_health_remove() undoes half of it, too.
 */
int sluice_health_probe(struct sluice_nic *nic)
{
	struct sluice_health *health = &nic->health;
	struct devlink_health_reporter *reporter;
	struct devlink *devlink;

	INIT_DELAYED_WORK(&health->work, sluice_health_work);
	devlink = devlink_alloc(&sluice_devlink_ops, sizeof(nic),
				&nic->pdev->dev);
	if (!devlink)
		return -ENOMEM;
	*(struct sluice_nic **)devlink_priv(devlink) = nic;
	health->devlink = devlink;
	/* No grace period: the delay is one, and it ends by itself. */
	reporter = devlink_health_reporter_create(devlink, &sluice_queue_reporter,
						  0, nic);
	if (IS_ERR(reporter))
		return PTR_ERR(reporter);
	health->reporter = reporter;
	return 0;
}

void sluice_health_register(struct sluice_nic *nic)
{
	devlink_register(nic->health.devlink);
}

/* The interface is gone: nothing breaks any more. */
void sluice_health_unregister(struct sluice_nic *nic)
{
	cancel_delayed_work_sync(&nic->health.work);
	devlink_unregister(nic->health.devlink);
}

void sluice_health_remove(struct sluice_nic *nic)
{
	struct sluice_health *health = &nic->health;

	if (!health->devlink)
		return;
	if (health->reporter)
		devlink_health_reporter_destroy(health->reporter);
	devlink_free(health->devlink);
}
