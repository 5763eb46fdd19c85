// SPDX-License-Identifier: GPL-2.0-only

static int bad_early_return(struct sluice_vector *v)
{
	__netif_tx_lock(v->nq, smp_processor_id());
	if (!v->tx_open)
		return 0;
	send(v->tx);
	__netif_tx_unlock(v->nq);
	return 1;
}

static void bad_no_unlock(struct sluice_vector *v)
{
	__netif_tx_lock_bh(v->nq);
	v->tx_open = true;
}

static void bad_after_trylock(struct sluice_vector *v)
{
	if (!__netif_tx_trylock(v->nq))
		return;
	if (!v->tx_open)
		return;
	send(v->tx);
	__netif_tx_unlock(v->nq);
}

static void bad_unlock_on_one_path(struct sluice_vector *v)
{
	if (v->tx_open)
		__netif_tx_lock_bh(v->nq);
	send(v->tx);
	__netif_tx_unlock_bh(v->nq);
}

static void bad_twice_unlocked(struct sluice_vector *v)
{
	__netif_tx_lock_bh(v->nq);
	if (!v->tx_open)
		__netif_tx_unlock_bh(v->nq);
	__netif_tx_unlock_bh(v->nq);
}

static void bad_twice_locked(struct sluice_vector *v)
{
	__netif_tx_lock_bh(v->nq);
	send(v->tx);
	__netif_tx_lock_bh(v->nq);
	__netif_tx_unlock_bh(v->nq);
}

static void bad_enables_softirqs(struct sluice_vector *v)
{
	__netif_tx_lock(v->nq, smp_processor_id());
	send(v->tx);
	__netif_tx_unlock_bh(v->nq);
}

static void bad_leaves_softirqs_off(struct sluice_vector *v)
{
	__netif_tx_lock_bh(v->nq);
	send(v->tx);
	__netif_tx_unlock(v->nq);
}

static void good(struct sluice_vector *v, int budget)
{
	if (likely(budget))
		__netif_tx_lock(v->nq, smp_processor_id());
	else if (!__netif_tx_trylock(v->nq))
		return;
	sluice_tx_clean(v->tx, budget);
	__netif_tx_unlock(v->nq);
}

static void good_loop(struct sluice_vector *v, u32 n)
{
	while (n--) {
		__netif_tx_lock_bh(v->nq);
		if (!v->tx_open) {
			__netif_tx_unlock_bh(v->nq);
			continue;
		}
		send(v->tx);
		__netif_tx_unlock_bh(v->nq);
	}
}
