/* SPDX-License-Identifier: GPL-2.0-only */

static void bad_sent(struct sluice_tx_slot *slot)
{
	consume_skb(slot->skb);
}

static void bad_lost(struct sluice_tx_slot *slot)
{
	kfree_skb(slot->skb);
}

static void bad_budget(struct sluice_tx_slot *slot)
{
	napi_consume_skb(slot->skb, 64);
}

static void good(struct sluice_tx_slot *slot, int budget)
{
	if (slot->lost)
		dev_kfree_skb_any(slot->skb);
	else
		napi_consume_skb(slot->skb, budget);
}
