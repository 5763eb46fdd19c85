/* SPDX-License-Identifier: GPL-2.0-only */

static void bad_without(struct sluice_tx_stats *stats)
{
	u64_stats_inc(&stats->count[0]);
}

static void bad_on_one_path(struct sluice_tx_stats *stats, u32 n)
{
	if (n > 1)
		u64_stats_update_begin(&stats->syncp);
	u64_stats_add(&stats->count[0], n);
	u64_stats_update_end(&stats->syncp);
}

static void bad_behind(struct sluice_tx_stats *stats)
{
	u64_stats_update_begin(&stats->syncp);
	u64_stats_inc(&stats->count[0]);
	u64_stats_update_end(&stats->syncp);
	u64_stats_inc(&stats->count[1]);
}

static void bad_open(struct sluice_tx_stats *stats, u32 n)
{
	u64_stats_update_begin(&stats->syncp);
	if (!n)
		return;
	u64_stats_add(&stats->count[0], n);
	u64_stats_update_end(&stats->syncp);
}

static void good(struct sluice_rx_stats *stats, const u32 *tally, u32 n)
{
	u32 i;

	u64_stats_update_begin(&stats->syncp);
	for (i = 0; i < n; i++)
		u64_stats_add(&stats->count[i], tally[i]);
	u64_stats_update_end(&stats->syncp);
}
