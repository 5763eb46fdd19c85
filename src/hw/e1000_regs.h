/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers of the 8254x, as far as Sluice uses them. Offsets and bits: PCI/PCI-X
 * Family of Gigabit Ethernet Controllers Software Developer's Manual, chapter 13.
 */

#ifndef SLUICE_HW_E1000_REGS_H
#define SLUICE_HW_E1000_REGS_H

#include <linux/bits.h>

/* General */
#define E1000_CTRL		0x00000
#define E1000_CTRL_FD		BIT(0)
#define E1000_CTRL_ASDE		BIT(5)
#define E1000_CTRL_SLU		BIT(6)
#define E1000_CTRL_SPEED	GENMASK(9, 8)
#define E1000_CTRL_SPEED_1000	2
#define E1000_CTRL_FRCSPD	BIT(11)
#define E1000_CTRL_FRCDPX	BIT(12)
#define E1000_CTRL_SWDPIN0	BIT(18)
#define E1000_CTRL_SWDPIO0	BIT(22)
#define E1000_CTRL_RST		BIT(26)
#define E1000_CTRL_RFCE		BIT(27)
#define E1000_CTRL_TFCE		BIT(28)
#define E1000_CTRL_VME		BIT(30)
#define E1000_STATUS		0x00008
#define E1000_STATUS_FD		BIT(0)
#define E1000_STATUS_LU		BIT(1)
#define E1000_STATUS_SPEED	GENMASK(7, 6)
#define E1000_EERD		0x00014
#define E1000_EERD_START	BIT(0)
#define E1000_EERD_DONE		BIT(4)
#define E1000_EERD_ADDR		GENMASK(15, 8)
#define E1000_EERD_DATA		GENMASK(31, 16)
#define E1000_MDIC		0x00020
#define E1000_MDIC_DATA		GENMASK(15, 0)
#define E1000_MDIC_REG		GENMASK(20, 16)
#define E1000_MDIC_PHY		GENMASK(25, 21)
#define E1000_MDIC_OP_WRITE	BIT(26)
#define E1000_MDIC_OP_READ	BIT(27)
#define E1000_MDIC_READY	BIT(28)
#define E1000_MDIC_ERROR	BIT(30)
#define E1000_FCAL		0x00028
#define E1000_FCAH		0x0002c
#define E1000_FCT		0x00030
#define E1000_VET		0x00038
#define E1000_FCTTV		0x00170
#define E1000_LEDCTL		0x00e00
#define E1000_LEDCTL_LED0_MODE	GENMASK(3, 0)
#define E1000_LEDCTL_LED_ON	0xe
#define E1000_LEDCTL_LED_OFF	0xf
#define E1000_PBA		0x01000
#define E1000_FCRTL		0x02160
#define E1000_FCRTL_XONE	BIT(31)
#define E1000_FCRTH		0x02168

/* Interrupts */
#define E1000_ICR		0x000c0
#define E1000_ITR		0x000c4
#define E1000_ICS		0x000c8
#define E1000_IMS		0x000d0
#define E1000_IMC		0x000d8
#define E1000_IRQ_TXDW		BIT(0)
#define E1000_IRQ_LSC		BIT(2)
#define E1000_IRQ_RXO		BIT(6)
#define E1000_IRQ_RXT0		BIT(7)

/* Receive */
#define E1000_RCTL		0x00100
#define E1000_RCTL_EN		BIT(1)
#define E1000_RCTL_UPE		BIT(3)
#define E1000_RCTL_MPE		BIT(4)
#define E1000_RCTL_LPE		BIT(5)
#define E1000_RCTL_BAM		BIT(15)
#define E1000_RCTL_VFE		BIT(18)
#define E1000_RCTL_SECRC	BIT(26)
#define E1000_RDBAL		0x02800
#define E1000_RDBAH		0x02804
#define E1000_RDLEN		0x02808
#define E1000_RDH		0x02810
#define E1000_RDT		0x02818
#define E1000_RDTR		0x02820
#define E1000_RADV		0x0282c
#define E1000_RXCSUM		0x05000
#define E1000_RXCSUM_IPOFL	BIT(8)
#define E1000_RXCSUM_TUOFL	BIT(9)
#define E1000_MTA		0x05200
#define E1000_MTA_WORDS		128
#define E1000_RA		0x05400
#define E1000_RA_ENTRIES	15	/* the datasheet has 16; the last is the manageability unit's */
#define E1000_RAH_AV		BIT(31)
#define E1000_VFTA		0x05600
#define E1000_VFTA_WORDS	128

/* Transmit */
#define E1000_TCTL		0x00400
#define E1000_TCTL_EN		BIT(1)
#define E1000_TCTL_PSP		BIT(3)
#define E1000_TCTL_CT		GENMASK(11, 4)
#define E1000_TCTL_COLD		GENMASK(21, 12)
#define E1000_TCTL_RTLC		BIT(24)
#define E1000_TIPG		0x00410
#define E1000_TDBAL		0x03800
#define E1000_TDBAH		0x03804
#define E1000_TDLEN		0x03808
#define E1000_TDH		0x03810
#define E1000_TDT		0x03818
#define E1000_TIDV		0x03820
#define E1000_TADV		0x0382c

/* Statistics */
#define E1000_CRCERRS		0x04000
#define E1000_ALGNERRC		0x04004
#define E1000_RXERRC		0x0400c
#define E1000_MPC		0x04010
#define E1000_SCC		0x04014
#define E1000_ECOL		0x04018
#define E1000_MCC		0x0401c
#define E1000_LATECOL		0x04020
#define E1000_DC		0x04030
#define E1000_TNCRS		0x04034
#define E1000_CEXTERR		0x0403c
#define E1000_RLEC		0x04040
#define E1000_XONRXC		0x04048
#define E1000_XONTXC		0x0404c
#define E1000_XOFFRXC		0x04050
#define E1000_XOFFTXC		0x04054
#define E1000_PRC64		0x0405c
#define E1000_GPRC		0x04074
#define E1000_BPRC		0x04078
#define E1000_MPRC		0x0407c
#define E1000_GPTC		0x04080
#define E1000_RNBC		0x040a0
#define E1000_RUC		0x040a4
#define E1000_RFC		0x040a8
#define E1000_ROC		0x040ac
#define E1000_RJC		0x040b0
#define E1000_TORL		0x040c0
#define E1000_TORH		0x040c4
#define E1000_TOTL		0x040c8
#define E1000_TOTH		0x040cc
#define E1000_PTC64		0x040d8
#define E1000_MPTC		0x040f0
#define E1000_BPTC		0x040f4

#endif
