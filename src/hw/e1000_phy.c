// SPDX-License-Identifier: GPL-2.0-only
/* NVM, PHY and link of the 8254x. */

#include <linux/iopoll.h>
#include <linux/mii.h>
#include "e1000.h"

#define E1000_NVM_SUM		0xbaba	/* 5.6.35: all words add up to this */
#define E1000_PHY_ADDR		1	/* the only PHY there is (8.1) */
#define E1000_POLL_US		10
#define E1000_TIMEOUT_US	10000	/* either unit answers within 100 us */

static int e1000_nvm_word(struct sluice_nic *nic, u32 offset, u16 *word)
{
	u32 value;
	int err;

	e1000_write(nic, E1000_EERD, E1000_EERD_START |
				     FIELD_PREP(E1000_EERD_ADDR, offset));
	err = read_poll_timeout(e1000_read, value, value & E1000_EERD_DONE,
				E1000_POLL_US, E1000_TIMEOUT_US, false, nic,
				E1000_EERD);
	if (err || value == ~0U)
		return -EIO;
	*word = FIELD_GET(E1000_EERD_DATA, value);
	return 0;
}

int e1000_nvm_read(struct sluice_nic *nic, u32 offset, u32 words, u16 *data)
{
	u32 i;
	int err;

	for (i = 0; i < words; i++) {
		err = e1000_nvm_word(nic, offset + i, &data[i]);
		if (err)
			return err;
	}
	return 0;
}

int e1000_nvm_check(struct sluice_nic *nic)
{
	u16 word[E1000_NVM_WORDS], sum = 0;
	int err, i;

	err = e1000_nvm_read(nic, 0, E1000_NVM_WORDS, word);
	if (err)
		return err;
	for (i = 0; i < E1000_NVM_WORDS; i++)
		sum += word[i];
	return sum == E1000_NVM_SUM ? 0 : -EBADMSG;
}

static int e1000_mdic(struct sluice_nic *nic, u32 command, u16 *data)
{
	u32 value;
	int err;

	e1000_write(nic, E1000_MDIC,
		    command | FIELD_PREP(E1000_MDIC_PHY, E1000_PHY_ADDR));
	err = read_poll_timeout(e1000_read, value, value & E1000_MDIC_READY,
				E1000_POLL_US, E1000_TIMEOUT_US, false, nic,
				E1000_MDIC);
	if (err || (value & E1000_MDIC_ERROR))
		return -EIO;
	*data = FIELD_GET(E1000_MDIC_DATA, value);
	return 0;
}

static int e1000_phy_read(struct sluice_nic *nic, u32 reg, u16 *data)
{
	return e1000_mdic(nic, E1000_MDIC_OP_READ |
			       FIELD_PREP(E1000_MDIC_REG, reg), data);
}

static int e1000_phy_write(struct sluice_nic *nic, u32 reg, u16 data)
{
	u16 echo;

	return e1000_mdic(nic, E1000_MDIC_OP_WRITE |
			       FIELD_PREP(E1000_MDIC_REG, reg) | data, &echo);
}

void e1000_link(struct sluice_nic *nic, struct sluice_link *link)
{
	static const u32 speeds[] = { SPEED_10, SPEED_100, SPEED_1000,
				      SPEED_1000 };
	u32 status = e1000_read(nic, E1000_STATUS);

	link->up = status != ~0U && (status & E1000_STATUS_LU);
	link->speed = SPEED_UNKNOWN;
	link->duplex = DUPLEX_UNKNOWN;
	if (!link->up)
		return;
	link->speed = speeds[FIELD_GET(E1000_STATUS_SPEED, status)];
	link->duplex = status & E1000_STATUS_FD ? DUPLEX_FULL : DUPLEX_HALF;
}

static int e1000_get_autoneg(struct sluice_nic *nic,
			     struct ethtool_link_ksettings *ks)
{
	u16 bmcr, adv, ctrl1000, lpa;
	int err;

	err = e1000_phy_read(nic, MII_BMCR, &bmcr) ?:
	      e1000_phy_read(nic, MII_ADVERTISE, &adv) ?:
	      e1000_phy_read(nic, MII_CTRL1000, &ctrl1000) ?:
	      e1000_phy_read(nic, MII_LPA, &lpa);
	if (err)
		return err;
	ks->base.autoneg = bmcr & BMCR_ANENABLE ? AUTONEG_ENABLE :
						  AUTONEG_DISABLE;
	mii_adv_mod_linkmode_adv_t(ks->link_modes.advertising, adv);
	mii_ctrl1000_mod_linkmode_adv_t(ks->link_modes.advertising, ctrl1000);
	mii_lpa_mod_linkmode_lpa_t(ks->link_modes.lp_advertising, lpa);
	if (ks->base.autoneg == AUTONEG_ENABLE)
		ethtool_link_ksettings_add_link_mode(ks, advertising, Autoneg);
	return 0;
}

static const int e1000_link_modes[] = {
	ETHTOOL_LINK_MODE_10baseT_Half_BIT, ETHTOOL_LINK_MODE_10baseT_Full_BIT,
	ETHTOOL_LINK_MODE_100baseT_Half_BIT, ETHTOOL_LINK_MODE_100baseT_Full_BIT,
	ETHTOOL_LINK_MODE_1000baseT_Full_BIT, ETHTOOL_LINK_MODE_Autoneg_BIT,
	ETHTOOL_LINK_MODE_TP_BIT, ETHTOOL_LINK_MODE_Pause_BIT,
	ETHTOOL_LINK_MODE_Asym_Pause_BIT,
};

int e1000_get_link_ksettings(struct sluice_nic *nic,
			     struct ethtool_link_ksettings *ks)
{
	struct sluice_link link;

	linkmode_set_bit_array(e1000_link_modes, ARRAY_SIZE(e1000_link_modes),
			       ks->link_modes.supported);
	e1000_link(nic, &link);
	ks->base.speed = link.speed;
	ks->base.duplex = link.duplex;
	ks->base.port = PORT_TP;
	ks->base.phy_address = E1000_PHY_ADDR;
	return e1000_get_autoneg(nic, ks);
}

static int e1000_phy_apply(struct sluice_nic *nic)
{
	struct e1000_hw *hw = e1000_hw(nic);
	u16 restart = hw->bmcr & BMCR_ANENABLE ? BMCR_ANRESTART : 0;

	return e1000_phy_write(nic, MII_ADVERTISE, hw->advertise) ?:
	       e1000_phy_write(nic, MII_CTRL1000, hw->ctrl1000) ?:
	       e1000_phy_write(nic, MII_BMCR, hw->bmcr | restart);
}

/* A bus reset or a suspend to RAM takes the PHY's settings away. Where it has
 * not, the link is left alone: to negotiate anew would cost half a second.
 */
int e1000_phy_restore(struct sluice_nic *nic)
{
	struct e1000_hw *hw = e1000_hw(nic);
	u16 bmcr, advertise, ctrl1000;
	int err;

	err = e1000_phy_read(nic, MII_BMCR, &bmcr) ?:
	      e1000_phy_read(nic, MII_ADVERTISE, &advertise) ?:
	      e1000_phy_read(nic, MII_CTRL1000, &ctrl1000);
	if (err)
		return err;
	if (bmcr == hw->bmcr && advertise == hw->advertise &&
	    ctrl1000 == hw->ctrl1000)
		return 0;
	return e1000_phy_apply(nic);
}

int e1000_restart_autoneg(struct sluice_nic *nic)
{
	e1000_hw(nic)->bmcr = BMCR_ANENABLE | BMCR_FULLDPLX | BMCR_SPEED1000;
	return e1000_phy_apply(nic);
}

static int e1000_force_link(struct sluice_nic *nic,
			    const struct ethtool_link_ksettings *ks)
{
	bool full = ks->base.duplex == DUPLEX_FULL;
	u16 speed = ks->base.speed == SPEED_100 ? BMCR_SPEED100 : 0;

	if ((ks->base.speed != SPEED_10 && ks->base.speed != SPEED_100) ||
	    (!full && ks->base.duplex != DUPLEX_HALF)) {
		netdev_err(nic->netdev,
			   "cannot force %u Mb/s, duplex %u: only 10 and 100, half and full; 1000BASE-T must negotiate a clock\n",
			   ks->base.speed, ks->base.duplex);
		return -EINVAL;
	}
	e1000_hw(nic)->bmcr = speed | (full ? BMCR_FULLDPLX : 0);
	return e1000_phy_apply(nic);
}

static bool e1000_link_settable(const struct ethtool_link_ksettings *ks)
{
	__ETHTOOL_DECLARE_LINK_MODE_MASK(supported) = {};

	linkmode_set_bit_array(e1000_link_modes, ARRAY_SIZE(e1000_link_modes),
			       supported);
	return ks->base.port == PORT_TP && !ks->base.eth_tp_mdix_ctrl &&
	       ks->base.phy_address == E1000_PHY_ADDR &&
	       linkmode_subset(ks->link_modes.advertising, supported);
}

int e1000_set_link_ksettings(struct sluice_nic *nic,
			     const struct ethtool_link_ksettings *ks)
{
	const unsigned long *modes = ks->link_modes.advertising;
	struct e1000_hw *hw = e1000_hw(nic);
	u16 advertise = linkmode_adv_to_mii_adv_t(modes);
	u16 ctrl1000 = linkmode_adv_to_mii_ctrl1000_t(modes);

	if (!e1000_link_settable(ks)) {
		netdev_err(nic->netdev,
			   "only autonegotiation, speed, duplex and supported modes can be set\n");
		return -EINVAL;
	}
	if (ks->base.autoneg != AUTONEG_ENABLE)
		return e1000_force_link(nic, ks);
	if (!(advertise & ADVERTISE_ALL) && !ctrl1000) {
		netdev_err(nic->netdev,
			   "nothing to advertise: name a speed, 0x2f are all of them\n");
		return -EINVAL;
	}
	hw->advertise = advertise | ADVERTISE_CSMA;
	hw->ctrl1000 = ctrl1000;
	return e1000_restart_autoneg(nic);
}

/* The firmware's link is kept if it has one. Loopback or power-down may be left
 * by whoever was here before, since a reset of the MAC does not reach the PHY.
 */
int e1000_phy_probe(struct sluice_nic *nic)
{
	struct e1000_hw *hw = e1000_hw(nic);
	u16 id;
	int err;

	err = e1000_phy_read(nic, MII_PHYSID1, &id) ?:
	      e1000_phy_read(nic, MII_ADVERTISE, &hw->advertise) ?:
	      e1000_phy_read(nic, MII_CTRL1000, &hw->ctrl1000);
	if (err)
		return err;
	if (!id || id == 0xffff)
		return -ENODEV;
	hw->bmcr = BMCR_ANENABLE | BMCR_FULLDPLX | BMCR_SPEED1000;
	return e1000_phy_restore(nic);
}

void e1000_get_pause(struct sluice_nic *nic, struct ethtool_pauseparam *pause)
{
	struct e1000_hw *hw = e1000_hw(nic);

	pause->autoneg = hw->flow_autoneg;
	pause->rx_pause = !!(hw->flow & E1000_CTRL_RFCE);
	pause->tx_pause = !!(hw->flow & E1000_CTRL_TFCE);
}

static int e1000_advertise_pause(struct sluice_nic *nic,
				 const struct ethtool_pauseparam *pause)
{
	struct e1000_hw *hw = e1000_hw(nic);

	hw->advertise &= ~(ADVERTISE_PAUSE_CAP | ADVERTISE_PAUSE_ASYM);
	hw->advertise |=
		mii_advertise_flowctrl((pause->rx_pause ? FLOW_CTRL_RX : 0) |
				       (pause->tx_pause ? FLOW_CTRL_TX : 0));
	return e1000_phy_write(nic, MII_ADVERTISE, hw->advertise);
}

/* What we ask for is applied as it is: the emulated link partner negotiates
 * nothing. With autonegotiation it is advertised too, for a partner that does.
 */
int e1000_set_pause(struct sluice_nic *nic,
		    const struct ethtool_pauseparam *pause)
{
	struct e1000_hw *hw = e1000_hw(nic);
	u32 ctrl;
	int err;

	err = pause->autoneg ? e1000_advertise_pause(nic, pause) : 0;
	if (err)
		return err;
	hw->flow_autoneg = pause->autoneg;
	hw->flow = (pause->rx_pause ? E1000_CTRL_RFCE : 0) |
		   (pause->tx_pause ? E1000_CTRL_TFCE : 0);
	ctrl = e1000_read(nic, E1000_CTRL);
	ctrl &= ~(E1000_CTRL_RFCE | E1000_CTRL_TFCE);
	e1000_write(nic, E1000_CTRL, ctrl | hw->flow);
	return 0;
}

/* The PHY turns frames around behind its own MAC interface; speed and duplex are
 * forced on both sides as nobody is there to negotiate with (8.10).
 */
int e1000_loopback(struct sluice_nic *nic, bool on)
{
	u32 ctrl = e1000_read(nic, E1000_CTRL);

	ctrl &= ~(E1000_CTRL_FRCSPD | E1000_CTRL_FRCDPX);
	if (on)
		ctrl |= E1000_CTRL_FRCSPD | E1000_CTRL_FRCDPX | E1000_CTRL_FD |
			FIELD_PREP(E1000_CTRL_SPEED, E1000_CTRL_SPEED_1000);
	e1000_write(nic, E1000_CTRL, ctrl);
	if (!on)
		return e1000_phy_apply(nic);
	return e1000_phy_write(nic, MII_BMCR, BMCR_LOOPBACK | BMCR_FULLDPLX |
					      BMCR_SPEED1000);
}
