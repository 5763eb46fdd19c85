/* SPDX-License-Identifier: GPL-2.0-only */

static int bad_ignored(const struct sluice_dp *dp, struct napi_struct *napi, int done)
{
	napi_complete_done(napi, done);
	dp->irq_enable(vector_of(napi));
	return done;
}

static int bad_busy(const struct sluice_dp *dp, struct napi_struct *napi, int budget)
{
	int done = 0;

	if (unlikely(!budget))
		return 0;
	done = sluice_poll_rx(dp, vector_of(napi), budget);
	if (done == budget || napi_complete_done(napi, done))
		dp->irq_enable(vector_of(napi));
	return done;
}

static int bad_netpoll(const struct sluice_dp *dp, struct napi_struct *napi, int budget)
{
	int done = sluice_poll_rx(dp, vector_of(napi), budget);

	if (done < budget && napi_complete_done(napi, done))
		dp->irq_enable(vector_of(napi));
	return done;
}

static int good(const struct sluice_dp *dp, struct napi_struct *napi, int budget)
{
	int done;

	if (unlikely(!budget))
		return 0;
	done = sluice_poll_rx(dp, vector_of(napi), budget);
	if (done < budget && napi_complete_done(napi, done))
		dp->irq_enable(vector_of(napi));
	return done;
}
