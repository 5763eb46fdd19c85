/* SPDX-License-Identifier: GPL-2.0-only */
/* XDP frames from elsewhere, which the NIC is to send. */

#ifndef SLUICE_KUNIT_FAKE_FOREIGN_H
#define SLUICE_KUNIT_FAKE_FOREIGN_H

#include "fake_nic.h"

struct xdp_frame *fake_foreign_behind(struct fake_nic *fake, u32 room, u32 len);
struct xdp_frame *fake_foreign(struct fake_nic *fake, u32 len);
void fake_foreign_frag(struct fake_nic *fake, struct xdp_frame *xdpf, u32 len);
int fake_xdp_xmit(struct fake_nic *fake, struct xdp_frame **frames, u32 n,
		  u32 flags);

#endif
