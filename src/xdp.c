// SPDX-License-Identifier: GPL-2.0-only
/* XDP control: attach, replace, detach; the per-packet part is in the engine. */

#include <kunit/visibility.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_vlan.h>
#include "core.h"

/**
 * sluice_xdp_check_mtu() - do an MTU and a program go together?
 * @nic: the device
 * @mtu: the MTU
 * @prog: the program, or NULL
 * @extack: where the refusal is explained; NULL = the log
 *
 * ndo_change_mtu is given no extack, so its refusal goes to the log.
 *
 * Context: RTNL.
 * Return: 0 or %-EINVAL.
 */
int sluice_xdp_check_mtu(struct sluice_nic *nic, u32 mtu,
			 const struct bpf_prog *prog,
			 struct netlink_ext_ack *extack)
{
	u32 limit = nic->board->max_linear_mtu;

	if (!prog || prog->aux->xdp_has_frags || mtu <= limit)
		return 0;
	if (extack)
		NL_SET_ERR_MSG_FMT_MOD(extack,
				       "MTU %u: at most %u without frags; load it as \"xdp.frags\"",
				       mtu, limit);
	else
		netdev_err(nic->netdev,
			   "MTU %u refused: the XDP program has no frags support, which limits the MTU to %u; detach it or load it as \"xdp.frags\"\n",
			   mtu, limit);
	return -EINVAL;
}

/* Only a device that leaves checksums to us, or gives frames in pieces though it
 * could do otherwise, must know.
 */
static int sluice_xdp_ready(struct sluice_nic *nic, const struct bpf_prog *prog,
			    struct netlink_ext_ack *extack)
{
	const struct sluice_hw_ops *ops = nic->board->ops;

	return ops->xdp_ready ? ops->xdp_ready(nic, prog, extack) : 0;
}

/* Whoever bears less must find the device ready for it. */
static bool sluice_xdp_bears_less(const struct bpf_prog *prog,
				  const struct bpf_prog *than)
{
	return prog && (!than || !prog->aux->xdp_has_frags);
}

/* Buffers are XDP-ready with and without a program, so the pointer is all that
 * changes: no ring is touched, no frame lost, the link does not move. Polls
 * that have read the old pointer finish within its grace period.
 */
static int sluice_xdp_set_prog(struct sluice_nic *nic, struct netdev_bpf *bpf)
{
	bool before = sluice_xdp_bears_less(bpf->prog, nic->xdp_prog);
	struct bpf_prog *old;
	int err;

	err = sluice_xdp_check_mtu(nic, nic->netdev->mtu, bpf->prog,
				   bpf->extack);
	if (!err && before)
		err = sluice_xdp_ready(nic, bpf->prog, bpf->extack);
	if (err)
		return err;
	old = xchg(&nic->xdp_prog, bpf->prog);
	if (old)
		bpf_prog_put(old);
	if (!before)
		sluice_xdp_ready(nic, bpf->prog, bpf->extack);
	return 0;
}

int sluice_bpf(struct net_device *netdev, struct netdev_bpf *bpf)
{
	struct sluice_nic *nic = netdev_priv(netdev);

	switch (bpf->command) {
	case XDP_SETUP_PROG:
		return sluice_xdp_set_prog(nic, bpf);
	case XDP_SETUP_PROG_HW:
		NL_SET_ERR_MSG_MOD(bpf->extack,
				   "the NIC cannot run programs itself; attach in native mode (xdpdrv)");
		return -EOPNOTSUPP;
	case XDP_SETUP_XSK_POOL:
		/* No extack comes with this command. */
		netdev_info(netdev, "AF_XDP zero copy is not supported; bind with XDP_COPY\n");
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}
EXPORT_SYMBOL_IF_KUNIT(sluice_bpf);

static int sluice_xdp_rx_vlan_tag(const struct xdp_md *ctx, __be16 *proto,
				  u16 *tci)
{
	const struct sluice_xdp_buff *x = (const void *)ctx;

	if (!(x->flags & SLUICE_RX_VLAN))
		return -ENODATA;
	*proto = htons(ETH_P_8021Q);
	*tci = x->vlan_tci;
	return 0;
}

static int sluice_xdp_rx_hash(const struct xdp_md *ctx, u32 *hash,
			      enum xdp_rss_hash_type *type)
{
	const struct sluice_xdp_buff *x = (const void *)ctx;

	if (!x->hash_type)
		return -ENODATA;
	*hash = x->hash;
	*type = x->hash_type;
	return 0;
}

/* What a device cannot say is not offered: no device so far can say both. */
const struct xdp_metadata_ops sluice_xdp_hash_ops = {
	.xmo_rx_hash = sluice_xdp_rx_hash,
};

const struct xdp_metadata_ops sluice_xdp_vlan_ops = {
	.xmo_rx_vlan_tag = sluice_xdp_rx_vlan_tag,
};
