// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which frames the 8254x lets in (13.4.22, 13.5): exact addresses, multicast
 * hash, VLAN table, and the bits of RCTL.
 *
 * Tables are written where they differ from what was written last, as each
 * register is a VM exit; and RCTL only if it changes, because QEMU stops
 * receiving for a second after every write of it.
 */

#include <linux/etherdevice.h>
#include "e1000.h"

static void e1000_write_ra(struct sluice_nic *nic, u32 index, u64 value)
{
	struct e1000_hw *hw = e1000_hw(nic);

	if (hw->ra[index] == value)
		return;
	hw->ra[index] = value;
	e1000_write(nic, E1000_RA + 8 * index, lower_32_bits(value));
	e1000_write(nic, E1000_RA + 8 * index + 4, upper_32_bits(value));
}

static u64 e1000_ra(const u8 *addr)
{
	return get_unaligned_le32(addr) |
	       (u64)(get_unaligned_le16(addr + 4) | E1000_RAH_AV) << 32;
}

/* Own address first, then as many of the secondary ones as fit.
 * Returns false if some do not.
 */
static bool e1000_write_unicast(struct sluice_nic *nic)
{
	struct net_device *netdev = nic->netdev;
	struct netdev_hw_addr *ha;
	u32 i = 0;

	e1000_write_ra(nic, i++, e1000_ra(netdev->dev_addr));
	netdev_for_each_uc_addr(ha, netdev) {
		if (i == E1000_RA_ENTRIES)
			return false;
		e1000_write_ra(nic, i++, e1000_ra(ha->addr));
	}
	while (i < E1000_RA_ENTRIES)
		e1000_write_ra(nic, i++, 0);
	return true;
}

/* With RCTL.MO 0 the hash is the upper twelve bits of the address (13.5.1). */
static void e1000_write_multicast(struct sluice_nic *nic)
{
	struct e1000_hw *hw = e1000_hw(nic);
	u32 mta[E1000_MTA_WORDS] = {}, i;
	struct netdev_hw_addr *ha;

	netdev_for_each_mc_addr(ha, nic->netdev) {
		u32 hash = get_unaligned_le16(ha->addr + 4) >> 4;

		mta[hash / 32] |= BIT(hash % 32);
	}
	for (i = 0; i < E1000_MTA_WORDS; i++) {
		if (hw->mta[i] == mta[i])
			continue;
		hw->mta[i] = mta[i];
		e1000_write(nic, E1000_MTA + 4 * i, mta[i]);
	}
}

/* SECRC: the FCS is of no use to anybody here, and without it the last buffer of
 * a frame never holds nothing but a piece of it.
 */
static u32 e1000_rctl(const struct sluice_nic *nic, bool unicast_fits)
{
	const struct net_device *netdev = nic->netdev;
	u32 rctl = E1000_RCTL_EN | E1000_RCTL_BAM | E1000_RCTL_SECRC;

	if (netdev->mtu > ETH_DATA_LEN)
		rctl |= E1000_RCTL_LPE;
	if (netdev->flags & IFF_PROMISC)
		return rctl | E1000_RCTL_UPE | E1000_RCTL_MPE;
	if (!unicast_fits)
		rctl |= E1000_RCTL_UPE;
	if (netdev->flags & IFF_ALLMULTI)
		rctl |= E1000_RCTL_MPE;
	if (nic->features & NETIF_F_HW_VLAN_CTAG_FILTER)
		rctl |= E1000_RCTL_VFE;
	return rctl;
}

void e1000_set_rx_mode(struct sluice_nic *nic)
{
	struct e1000_hw *hw = e1000_hw(nic);
	u32 rctl = e1000_rctl(nic, e1000_write_unicast(nic));

	e1000_write_multicast(nic);
	if (rctl == hw->rctl)
		return;
	hw->rctl = rctl;
	e1000_write(nic, E1000_RCTL, rctl);
}

void e1000_vlan_filter(struct sluice_nic *nic, u16 vid)
{
	u32 word = vid / 32;

	e1000_write(nic, E1000_VFTA + 4 * word,
		    bitmap_read(nic->vlans, word * 32, 32));
}

/* A reset leaves the tables undefined (13.5), so all of them are written. */
void e1000_filter_reset(struct sluice_nic *nic)
{
	struct e1000_hw *hw = e1000_hw(nic);
	u32 i;

	for (i = 0; i < 2 * E1000_RA_ENTRIES; i++)
		e1000_write(nic, E1000_RA + 4 * i, 0);
	for (i = 0; i < E1000_MTA_WORDS; i++)
		e1000_write(nic, E1000_MTA + 4 * i, 0);
	for (i = 0; i < E1000_VFTA_WORDS; i++)
		e1000_write(nic, E1000_VFTA + 4 * i,
			    bitmap_read(nic->vlans, i * 32, 32));
	memset(hw->ra, 0, sizeof(hw->ra));
	memset(hw->mta, 0, sizeof(hw->mta));
	hw->rctl = 0;
}
