// SPDX-License-Identifier: GPL-2.0-only
/*
 * What devlink does for the administrator: he is told of a device that hangs or
 * says what cannot be, which is reset then, and may begin all over by a reload.
 *
 * The instance's lock is taken before RTNL, and never by who has RTNL.
 */

#include <kunit/visibility.h>
#include <linux/rtnetlink.h>
#include <net/devlink.h>
#include "core.h"

/* A device that goes on to lie costs this many resets a second, not a CPU. */
#define SLUICE_HEALTH_DELAY	(HZ / 20)

/**
 * struct sluice_devlink - what the devlink instance keeps for us
 * @nic: the device
 * @rings: what a reload puts to work; none for an interface that is down
 */
struct sluice_devlink {
	struct sluice_nic *nic;
	struct sluice_rings rings;
};

/**
 * sluice_queue_broken() - report a ring that cannot go on without a reset
 * @v: its vector; the backend has seen to it that nothing more is taken
 * @dir: which ring of it
 * @why: what the device said, or did not
 *
 * Context: any.
 */
void sluice_queue_broken(struct sluice_vector *v, enum sluice_direction dir,
			 const char *why)
{
	struct sluice_health *health = &v->nic->health;

	WRITE_ONCE(health->fault[dir].vector, v->index);
	/* Who takes the reason finds the vector. */
	smp_store_release(&health->fault[dir].why, why);
	schedule_delayed_work(&health->work, SLUICE_HEALTH_DELAY);
}
EXPORT_SYMBOL_IF_KUNIT(sluice_queue_broken);

static void sluice_health_report(struct sluice_nic *nic,
				 enum sluice_direction dir, const char *why,
				 u64 *resets)
{
	struct sluice_fault *fault = &nic->health.fault[dir];
	char text[96];

	if (!why)
		return;
	snprintf(text, sizeof(text), "%s%u: %s", dir == SLUICE_TX ? "tx" : "rx",
		 READ_ONCE(fault->vector), why);
	if (net_ratelimit())
		netdev_err(nic->netdev, "%s; reported to devlink\n", text);
	devlink_health_report(fault->reporter, text, resets);
}

/* Of two faults the first one's reset mends both. One that comes after we looked
 * has scheduled us again.
 */
static void sluice_health_work(struct work_struct *work)
{
	struct sluice_nic *nic = container_of(to_delayed_work(work),
					      struct sluice_nic, health.work);
	struct sluice_fault *fault = nic->health.fault;
	const char *rx = xchg(&fault[SLUICE_RX].why, NULL);
	const char *tx = xchg(&fault[SLUICE_TX].why, NULL);
	u64 resets = READ_ONCE(nic->resets);

	sluice_health_report(nic, SLUICE_RX, rx, &resets);
	sluice_health_report(nic, SLUICE_TX, tx, &resets);
}

/* Context is how many resets there had been before; NULL = asked for by hand. */
static int sluice_health_recover(struct devlink_health_reporter *reporter,
				 void *context, struct netlink_ext_ack *extack)
{
	struct sluice_nic *nic = devlink_health_reporter_priv(reporter);
	const u64 *before = context;
	int err = 0;

	rtnl_lock();
	if (!before || *before == nic->resets)
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

/* Where each vector's ring of the reporter's direction stands. */
static int sluice_health_diagnose(struct devlink_health_reporter *reporter,
				  struct devlink_fmsg *fmsg,
				  struct netlink_ext_ack *extack)
{
	struct sluice_nic *nic = devlink_health_reporter_priv(reporter);
	bool tx = reporter == nic->health.fault[SLUICE_TX].reporter;
	u32 i;

	rtnl_lock();
	devlink_fmsg_u64_pair_put(fmsg, "resets", nic->resets);
	devlink_fmsg_arr_pair_nest_start(fmsg, "vectors");
	for (i = 0; i < nic->nvec && test_bit(SLUICE_UP, &nic->state); i++) {
		devlink_fmsg_obj_nest_start(fmsg);
		devlink_fmsg_u32_pair_put(fmsg, "vector", i);
		if (tx)
			sluice_show_tx(fmsg, nic->vec[i]->tx);
		else
			sluice_show_rx(fmsg, nic->vec[i]->rx);
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

static const struct devlink_health_reporter_ops sluice_reporter_ops[] = {
	[SLUICE_RX] = {
		.name		= "rx",
		.recover	= sluice_health_recover,
		.diagnose	= sluice_health_diagnose,
		.dump		= sluice_health_dump,
	},
	[SLUICE_TX] = {
		.name		= "tx",
		.recover	= sluice_health_recover,
		.diagnose	= sluice_health_diagnose,
		.dump		= sluice_health_dump,
	},
};

static int sluice_info_get(struct devlink *devlink, struct devlink_info_req *req,
			   struct netlink_ext_ack *extack)
{
	struct sluice_devlink *priv = devlink_priv(devlink);
	int err;

	err = devlink_info_version_fixed_put(req,
					     DEVLINK_INFO_VERSION_GENERIC_ASIC_ID,
					     priv->nic->board->name);
	return err;
}

/* All that may fail for want of memory comes before the old rings stop. */
static int sluice_reload_rings(struct sluice_nic *nic, struct sluice_rings *new,
			       struct netlink_ext_ack *extack)
{
	struct sluice_rings old;
	int err;

	new->n = 0;
	if (!netif_device_present(nic->netdev)) {
		NL_SET_ERR_MSG_MOD(extack,
				   "the device is given up or recovers from a PCI error; unbind and bind it to retry");
		return -ENODEV;
	}
	if (!test_bit(SLUICE_UP, &nic->state))
		return 0;
	err = sluice_rings_alloc(nic, &nic->cfg, new);
	if (err) {
		NL_SET_ERR_MSG_MOD(extack,
				   "no memory for new rings; the old ones go on");
		return err;
	}
	sluice_down(nic, &old, !test_bit(SLUICE_GONE, &nic->state));
	sluice_rings_free(nic, &old);
	return 0;
}

/* RTNL is kept until sluice_reload_up(): nobody finds the device between. */
static int sluice_reload_down(struct devlink *devlink, bool netns_change,
			      enum devlink_reload_action action,
			      enum devlink_reload_limit limit,
			      struct netlink_ext_ack *extack)
{
	struct sluice_devlink *priv = devlink_priv(devlink);
	int err;

	if (netns_change) {
		NL_SET_ERR_MSG_MOD(extack,
				   "a reload does not change the namespace; move the interface with ip link");
		return -EOPNOTSUPP;
	}
	rtnl_lock();
	err = sluice_reload_rings(priv->nic, &priv->rings, extack);
	if (err)
		rtnl_unlock();
	return err;
}

/* A reporter in error leaves the next fault to the administrator. */
static void sluice_health_restore(struct sluice_nic *nic)
{
	int dir;

	for (dir = 0; dir < SLUICE_DIRECTIONS; dir++)
		devlink_health_reporter_state_update(nic->health.fault[dir].reporter,
						     DEVLINK_HEALTH_REPORTER_STATE_HEALTHY);
}

/* The device works again, and not by what the reporters have done. */
void sluice_devlink_resume(struct sluice_nic *nic)
{
	devl_lock(nic->health.devlink);
	sluice_health_restore(nic);
	devl_unlock(nic->health.devlink);
}

/* An interface that is down cannot be opened if its device does not come back. */
static int sluice_reload_closed(struct sluice_nic *nic)
{
	int err = nic->board->ops->reset(nic);

	if (err)
		netif_device_detach(nic->netdev);
	return err;
}

static int sluice_reload_up(struct devlink *devlink,
			    enum devlink_reload_action action,
			    enum devlink_reload_limit limit, u32 *performed,
			    struct netlink_ext_ack *extack)
{
	struct sluice_devlink *priv = devlink_priv(devlink);
	struct sluice_nic *nic = priv->nic;
	int err;

	*performed = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT);
	err = priv->rings.n ? sluice_reset_and_up(nic, &priv->rings) :
			      sluice_reload_closed(nic);
	rtnl_unlock();
	if (err) {
		NL_SET_ERR_MSG_MOD(extack,
				   "the device does not answer after its reset; unbind and bind it to retry");
		return err;
	}
	sluice_health_restore(nic);
	return 0;
}

static const struct devlink_ops sluice_devlink_ops = {
	.info_get	= sluice_info_get,
	.reload_actions	= BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT),
	.reload_down	= sluice_reload_down,
	.reload_up	= sluice_reload_up,
};

/**
 * sluice_devlink_probe() - make the devlink instance and its reporters
 * @nic: the device
 *
 * Context: process.
 * Return: 0 or negative errno; sluice_devlink_remove() undoes half of it, too.
 */
int sluice_devlink_probe(struct sluice_nic *nic)
{
	struct sluice_health *health = &nic->health;
	struct devlink_health_reporter *reporter;
	struct sluice_devlink *priv;
	int dir;

	INIT_DELAYED_WORK(&health->work, sluice_health_work);
	health->devlink = devlink_alloc(&sluice_devlink_ops, sizeof(*priv),
					&nic->pdev->dev);
	if (!health->devlink)
		return -ENOMEM;
	priv = devlink_priv(health->devlink);
	priv->nic = nic;
	for (dir = 0; dir < SLUICE_DIRECTIONS; dir++) {
		/* No grace period: the delay is one, and it ends by itself. */
		reporter = devlink_health_reporter_create(health->devlink,
							  &sluice_reporter_ops[dir],
							  0, nic);
		if (IS_ERR(reporter))
			return PTR_ERR(reporter);
		health->fault[dir].reporter = reporter;
	}
	return 0;
}

void sluice_devlink_register(struct sluice_nic *nic)
{
	devlink_register(nic->health.devlink);
}

/* The interface is gone: nothing breaks any more. */
void sluice_devlink_unregister(struct sluice_nic *nic)
{
	cancel_delayed_work_sync(&nic->health.work);
	devlink_unregister(nic->health.devlink);
}

void sluice_devlink_remove(struct sluice_nic *nic)
{
	struct sluice_health *health = &nic->health;
	int dir;

	if (!health->devlink)
		return;
	for (dir = 0; dir < SLUICE_DIRECTIONS; dir++)
		if (health->fault[dir].reporter)
			devlink_health_reporter_destroy(health->fault[dir].reporter);
	devlink_free(health->devlink);
}
