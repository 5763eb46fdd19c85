// SPDX-License-Identifier: GPL-2.0-only

static int bad_rtnl(struct sluice_nic *nic)
{
	rtnl_lock();
	if (!netif_running(nic->netdev))
		return -ENETDOWN;
	rtnl_unlock();
	return 0;
}

static void bad_address_lock(struct sluice_nic *nic)
{
	netif_addr_lock_bh(nic->netdev);
	if (!test_bit(SLUICE_UP, &nic->state))
		return;
	nic->board->ops->set_rx_mode(nic);
	netif_addr_unlock_bh(nic->netdev);
}

static void bad_spinlock(struct sluice_nic *nic)
{
	spin_lock_bh(&nic->dev_lock);
	if (nic->gone)
		return;
	spin_unlock_bh(&nic->dev_lock);
}

static void bad_softirqs(struct sluice_nic *nic)
{
	local_bh_disable();
	if (nic->gone)
		return;
	local_bh_enable();
}

static void bad_sleep(struct sluice_nic *nic)
{
	netif_addr_lock_bh(nic->netdev);
	usleep_range(10, 20);
	netif_addr_unlock_bh(nic->netdev);
}

static void bad_wait(struct sluice_vector *v)
{
	local_bh_disable();
	napi_schedule(&v->napi);
	napi_synchronize(&v->napi);
	local_bh_enable();
}

static int good(struct sluice_nic *nic)
{
	int err = -ENETDOWN;

	rtnl_lock();
	if (netif_running(nic->netdev)) {
		netif_addr_lock_bh(nic->netdev);
		nic->board->ops->set_rx_mode(nic);
		netif_addr_unlock_bh(nic->netdev);
		usleep_range(10, 20);
		err = 0;
	}
	rtnl_unlock();
	return err;
}
