// SPDX-License-Identifier: GPL-2.0-only

static int bad_branch(struct sluice_nic *nic, u32 usecs, struct netlink_ext_ack *extack)
{
	if (usecs > nic->max)
		return -EINVAL;
	NL_SET_ERR_MSG_MOD(extack, "nothing can be set");
	return -EOPNOTSUPP;
}

static int bad_braces(struct sluice_nic *nic, u32 usecs, struct netlink_ext_ack *extack)
{
	int err = check(nic, usecs, extack);

	if (err)
		return err;
	if (usecs > nic->max) {
		nic->refused++;
		return -EINVAL;
	}
	return 0;
}

static int bad_end(struct sluice_nic *nic, u32 size, struct netlink_ext_ack *extack)
{
	if (is_power_of_2(size))
		return 0;
	return -EINVAL;
}

static int bad_relayed(struct sluice_nic *nic, struct sluice_rings *rings,
		       struct netlink_ext_ack *extack)
{
	int err;

	err = sluice_rings_alloc(nic, &nic->cfg, rings);
	if (err)
		return err;
	return 0;
}

static int bad_withheld(struct sluice_nic *nic, u32 usecs, struct netlink_ext_ack *extack)
{
	return nic->board->ops->set_coalesce(nic, usecs);
}

static int good_handed_on(struct sluice_nic *nic, u32 usecs, struct netlink_ext_ack *extack)
{
	return nic->board->ops->set_coalesce(nic, usecs, extack);
}

static int good_relayed(struct sluice_nic *nic, struct sluice_rings *rings,
			struct netlink_ext_ack *extack)
{
	int err;

	err = sluice_rings_alloc(nic, &nic->cfg, rings);
	if (err) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "no memory for rx %u", nic->cfg.rx_size);
		return err;
	}
	err = sluice_check_ring(nic, "rx", nic->cfg.rx_size, extack) ?:
	      sluice_check_ring(nic, "tx", nic->cfg.tx_size, extack);
	if (err)
		return err;
	return nic->board->ops->set_coalesce(nic, nic->usecs, extack);
}

static int good_branch(struct sluice_nic *nic, u32 usecs, struct netlink_ext_ack *extack)
{
	if (usecs > nic->max) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "rx-usecs %u: the limit is %u", usecs, nic->max);
		return -EINVAL;
	}
	return 0;
}

static int good_or_log(struct sluice_nic *nic, u32 mtu, struct netlink_ext_ack *extack)
{
	if (mtu <= nic->max)
		return 0;
	if (extack)
		NL_SET_ERR_MSG_FMT_MOD(extack, "MTU %u: at most %u", mtu, nic->max);
	else
		netdev_err(nic->netdev, "MTU %u: at most %u\n", mtu, nic->max);
	return -EINVAL;
}

static int good_without_extack(struct sluice_nic *nic)
{
	return -EOPNOTSUPP;
}
