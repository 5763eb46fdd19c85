// SPDX-License-Identifier: GPL-2.0-only
/* The registers of an 8254x as memory, and the parts behind them: NVM and PHY. */

#include <linux/bitfield.h>
#include <linux/irq.h>
#include <linux/mii.h>
#include <linux/rtnetlink.h>
#include "fake_e1000.h"

#define FAKE_NVM_SUM	0xbaba	/* Software Developer's Manual 5.6.35 */

static void fake_e1000_nvm_step(struct fake_e1000 *dev)
{
	u32 eerd = fake_e1000_reg(dev, E1000_EERD);
	u32 word = FIELD_GET(E1000_EERD_ADDR, eerd);

	if (!(eerd & E1000_EERD_START) || dev->defects.nvm_silent)
		return;
	fake_e1000_set(dev, E1000_EERD, E1000_EERD_DONE |
		       FIELD_PREP(E1000_EERD_DATA,
				  dev->nvm[word % FAKE_E1000_NVM_WORDS]));
}

static u16 fake_e1000_phy_access(struct fake_e1000 *dev, u32 mdic)
{
	u32 reg = FIELD_GET(E1000_MDIC_REG, mdic);

	if (mdic & E1000_MDIC_OP_WRITE) {
		dev->phy_writes++;
		dev->phy[reg] = FIELD_GET(E1000_MDIC_DATA, mdic);
		if (reg == MII_BMCR)
			dev->phy[reg] &= ~(BMCR_ANRESTART | BMCR_RESET);
	}
	return dev->phy[reg];
}

static void fake_e1000_phy_step(struct fake_e1000 *dev)
{
	u32 mdic = fake_e1000_reg(dev, E1000_MDIC);

	if (!(mdic & (E1000_MDIC_OP_READ | E1000_MDIC_OP_WRITE)) ||
	    mdic & E1000_MDIC_READY || dev->defects.phy_silent)
		return;
	mdic &= ~E1000_MDIC_DATA;
	if (dev->defects.phy_error)
		mdic |= E1000_MDIC_ERROR;
	else
		mdic |= fake_e1000_phy_access(dev, fake_e1000_reg(dev, E1000_MDIC));
	fake_e1000_set(dev, E1000_MDIC, mdic | E1000_MDIC_READY);
}

/* The driver sleeps: time for the device to work. */
static int fake_e1000_step(struct kprobe *probe, struct pt_regs *regs)
{
	struct fake_e1000 *dev = container_of(probe, struct fake_e1000, sleep);

	if (current->kunit_test != dev->test)
		return 0;
	if (dev->defects.gone) {
		memset(dev->regs, 0xff, FAKE_E1000_BAR);
		return 0;
	}
	fake_e1000_nvm_step(dev);
	fake_e1000_phy_step(dev);
	dev->regs[E1000_CTRL / 4] &= ~E1000_CTRL_RST;
	return 0;
}

/* From now on every register reads as ones: unplugged, or its bus is down. */
void fake_e1000_go(struct fake_e1000 *dev)
{
	dev->defects.gone = true;
	memset(dev->regs, 0xff, FAKE_E1000_BAR);
}

/* Set the last word so that all add up to what they should. */
void fake_e1000_seal_nvm(struct fake_e1000 *dev)
{
	u16 sum = 0;
	u32 i;

	for (i = 0; i < FAKE_E1000_NVM_WORDS - 1; i++)
		sum += dev->nvm[i];
	dev->nvm[i] = FAKE_NVM_SUM - sum;
}

static void fake_e1000_init(struct fake_e1000 *dev)
{
	dev->nvm[0] = 0x5452;	/* 52:54:00:12:34:56 */
	dev->nvm[1] = 0x1200;
	dev->nvm[2] = 0x5634;
	fake_e1000_seal_nvm(dev);
	dev->phy[MII_BMCR] = BMCR_ANENABLE | BMCR_FULLDPLX | BMCR_SPEED1000;
	dev->phy[MII_PHYSID1] = 0x0141;
	dev->phy[MII_PHYSID2] = 0x0c20;
	dev->phy[MII_ADVERTISE] = ADVERTISE_ALL | ADVERTISE_CSMA;
	dev->phy[MII_CTRL1000] = ADVERTISE_1000FULL;
	fake_e1000_set(dev, E1000_STATUS, E1000_STATUS_LU | E1000_STATUS_FD |
					  FIELD_PREP(E1000_STATUS_SPEED, 2));
}

/* The board that sluice has for this device. */
static const struct sluice_board *fake_e1000_board(u32 device)
{
	struct device_driver *sluice = driver_find("sluice", &pci_bus_type);
	const struct pci_device_id *id = to_pci_driver(sluice)->id_table;

	while (id->vendor && id->device != device)
		id++;
	return (void *)id->driver_data;
}

static void fake_e1000_destroy(void *data)
{
	struct fake_e1000 *dev = data;

	if (dev->pci.dev)
		fake_pci_remove(&dev->pci);
	unregister_kprobe(&dev->sleep);
}

/**
 * fake_e1000_create() - make a device, not yet plugged in
 * @test: it goes when this ends
 * @device: PCI device id of the model
 * Return: the device.
 */
struct fake_e1000 *fake_e1000_create(struct kunit *test, u32 device)
{
	struct fake_e1000 *dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);
	struct fake_fault_at at = { .function = "pcim_iomap_table" };
	int err;

	KUNIT_ASSERT_NOT_NULL(test, dev);
	dev->test = test;
	dev->pci.board = fake_e1000_board(device);
	KUNIT_ASSERT_NOT_NULL(test, dev->pci.board);
	dev->regs = kunit_kzalloc(test, FAKE_E1000_BAR, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dev->regs);
	dev->table[0] = dev->regs;
	at.result = (unsigned long)dev->table;
	dev->map = fake_fault_create(test, &at, 1);
	dev->sleep.symbol_name = "usleep_range_state";
	dev->sleep.pre_handler = fake_e1000_step;
	KUNIT_ASSERT_EQ(test, register_kprobe(&dev->sleep), 0);
	err = kunit_add_action_or_reset(test, fake_e1000_destroy, dev);
	KUNIT_ASSERT_EQ(test, err, 0);
	fake_e1000_init(dev);
	return dev;
}

/**
 * fake_e1000_plug() - plug it in
 * @dev: the device
 * Return: whether sluice's probe took it.
 */
bool fake_e1000_plug(struct fake_e1000 *dev)
{
	fake_fault_arm(dev->map, 1);
	KUNIT_ASSERT_EQ(dev->test, fake_pci_add(&dev->pci), 0);
	KUNIT_ASSERT_EQ(dev->test, dev->map->failed, 1);
	dev->nic = pci_get_drvdata(dev->pci.dev);
	if (dev->nic)
		dev->netdev = dev->nic->netdev;
	return dev->nic;
}

/* Raise an interrupt; the cause is gone once it has been read. */
void fake_e1000_interrupt(struct fake_e1000 *dev, u32 cause)
{
	fake_e1000_set(dev, E1000_ICR, cause);
	local_bh_disable();
	generic_handle_irq_safe(dev->pci.irq);
	if (!dev->defects.gone)
		fake_e1000_set(dev, E1000_ICR, 0);
	local_bh_enable();
	flush_work(&dev->nic->link_work);
}
