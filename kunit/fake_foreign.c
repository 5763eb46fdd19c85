// SPDX-License-Identifier: GPL-2.0-only
/* XDP frames from elsewhere, which the NIC is to send. */

#include <net/xdp.h>
#include "fake_foreign.h"

/* In a page of its own, behind so many bytes that are the NIC's to write. */
struct xdp_frame *fake_foreign_behind(struct fake_nic *fake, u32 room, u32 len)
{
	struct xdp_frame *xdpf = (void *)get_zeroed_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fake->test, xdpf);
	memset(xdpf + 1, FAKE_HEADROOM, room);
	xdpf->data = (void *)(xdpf + 1) + room;
	xdpf->len = len;
	xdpf->headroom = room;
	xdpf->mem.type = MEM_TYPE_PAGE_SHARED;
	xdpf->frame_sz = PAGE_SIZE;
	fake_fill(xdpf->data, len, len);
	return xdpf;
}

/* With as much headroom as frames have, as a rule. */
struct xdp_frame *fake_foreign(struct fake_nic *fake, u32 len)
{
	return fake_foreign_behind(fake, XDP_PACKET_HEADROOM -
				   sizeof(struct xdp_frame), len);
}

/* Append a page to it. */
void fake_foreign_frag(struct fake_nic *fake, struct xdp_frame *xdpf, u32 len)
{
	struct skb_shared_info *sinfo = xdp_get_shared_info_from_frame(xdpf);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	KUNIT_ASSERT_NOT_NULL(fake->test, page);
	skb_frag_fill_page_desc(&sinfo->frags[sinfo->nr_frags++], page, 0, len);
	sinfo->xdp_frags_size += len;
	xdpf->flags |= XDP_FLAGS_HAS_FRAGS;
}

/* Returns what ndo_xdp_xmit does; what it did not take is freed. */
int fake_xdp_xmit(struct fake_nic *fake, struct xdp_frame **frames, u32 n,
		  u32 flags)
{
	struct net_device *netdev = fake->netdev;
	int i, sent;

	local_bh_disable();
	sent = netdev->netdev_ops->ndo_xdp_xmit(netdev, n, frames, flags);
	for (i = max(sent, 0); i < n; i++)
		xdp_return_frame(frames[i]);
	local_bh_enable();
	return sent;
}
