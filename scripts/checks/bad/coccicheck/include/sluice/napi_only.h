/* SPDX-License-Identifier: GPL-2.0-only */

static void good_in_napi(struct sluice_rxq *q)
{
	xdp_return_buff(&q->chain.xdp);
}
