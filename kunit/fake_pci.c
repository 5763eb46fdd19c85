// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PCI function on a bus of its own, in a domain of its own: configuration space
 * is an array, the interrupt is raised by a call. Its driver is a copy of sluice's
 * that binds to nothing else, so probe and remove are real, and DMA_API_DEBUG
 * looks for what is left mapped when they are over.
 */

#include <linux/irq.h>
#include "fake_nic.h"

#define FAKE_DOMAIN	0x10000	/* above ACPI's, as VMD's */
#define FAKE_DOMAINS	16
#define FAKE_VENDOR	0xfffe	/* nobody's */
#define FAKE_DEVICE	0x0001
#define FAKE_BAR_SIZE	SZ_128K

static struct fake_pci *fake_pci_of(const struct pci_bus *bus)
{
	return container_of(bus->ops, struct fake_pci, ops);
}

static int fake_config_read(struct pci_bus *bus, unsigned int devfn, int where,
			    int size, u32 *value)
{
	struct fake_pci *pci = fake_pci_of(bus);
	int i;

	*value = 0;
	if (devfn || where + size > sizeof(pci->config))
		return PCIBIOS_DEVICE_NOT_FOUND;
	for (i = 0; i < size; i++)
		*value |= (u32)pci->config[where + i] << 8 * i;
	return PCIBIOS_SUCCESSFUL;
}

static bool fake_config_writable(int where)
{
	return where == PCI_COMMAND || where == PCI_COMMAND + 1 ||
	       where == PCI_CACHE_LINE_SIZE || where == PCI_LATENCY_TIMER ||
	       where == PCI_INTERRUPT_LINE;
}

static int fake_config_write(struct pci_bus *bus, unsigned int devfn, int where,
			     int size, u32 value)
{
	struct fake_pci *pci = fake_pci_of(bus);
	int i;

	if (devfn || where + size > sizeof(pci->config))
		return PCIBIOS_DEVICE_NOT_FOUND;
	for (i = 0; i < size; i++)
		if (fake_config_writable(where + i))
			pci->config[where + i] = value >> 8 * i;
	return PCIBIOS_SUCCESSFUL;
}

static void fake_config_init(struct fake_pci *pci)
{
	put_unaligned_le16(FAKE_VENDOR, pci->config + PCI_VENDOR_ID);
	put_unaligned_le16(FAKE_DEVICE, pci->config + PCI_DEVICE_ID);
	put_unaligned_le16(PCI_CLASS_NETWORK_ETHERNET,
			   pci->config + PCI_CLASS_DEVICE);
	put_unaligned_le16(FAKE_VENDOR, pci->config + PCI_SUBSYSTEM_VENDOR_ID);
	put_unaligned_le16(pci->sysdata.domain - FAKE_DOMAIN,
			   pci->config + PCI_SUBSYSTEM_ID);
}

static int fake_driver_register(struct fake_pci *pci)
{
	struct device_driver *found = driver_find("sluice", &pci_bus_type);
	struct pci_driver *sluice;

	if (!found)
		return -ENODEV;
	sluice = to_pci_driver(found);
	scnprintf(pci->name, sizeof(pci->name), "sluice_fake_%x",
		  pci->sysdata.domain);
	pci->id[0] = (struct pci_device_id){
		.vendor		= FAKE_VENDOR,
		.device		= FAKE_DEVICE,
		.subvendor	= FAKE_VENDOR,
		.subdevice	= pci->sysdata.domain - FAKE_DOMAIN,
		.driver_data	= (kernel_ulong_t)pci->board,
	};
	pci->driver = (struct pci_driver){
		.name		= pci->name,
		.id_table	= pci->id,
		.probe		= sluice->probe,
		.remove		= sluice->remove,
		.shutdown	= sluice->shutdown,
		.err_handler	= sluice->err_handler,
		.driver.pm	= sluice->driver.pm,
	};
	return pci_register_driver(&pci->driver);
}

static int fake_irq_create(struct fake_pci *pci)
{
	pci->irq = irq_alloc_desc(NUMA_NO_NODE);
	if (pci->irq < 0)
		return pci->irq;
	irq_set_chip_and_handler(pci->irq, &dummy_irq_chip, handle_simple_irq);
	irq_modify_status(pci->irq, IRQ_NOREQUEST, IRQ_NOPROBE);
	return 0;
}

/* Addresses where nothing is: nobody reads or writes them. */
static int fake_bar_create(struct fake_pci *pci)
{
	struct resource *bar = &pci->dev->resource[0];

	bar->name = pci_name(pci->dev);
	bar->flags = IORESOURCE_MEM;
	return allocate_resource(&iomem_resource, bar, FAKE_BAR_SIZE, SZ_4G,
				 RESOURCE_SIZE_MAX, FAKE_BAR_SIZE, NULL, NULL);
}

static int fake_bus_create(struct fake_pci *pci)
{
	LIST_HEAD(no_resources);

	pci->bus = pci_create_root_bus(NULL, 0, &pci->ops, &pci->sysdata,
				       &no_resources);
	if (!pci->bus)
		return -ENOMEM;
	pci_scan_child_bus(pci->bus);
	pci->dev = pci_get_slot(pci->bus, 0);
	if (!pci->dev)
		return -ENODEV;
	pci->dev->irq = pci->irq;
	return fake_bar_create(pci);
}

static int fake_domain(void)
{
	int domain;

	for (domain = FAKE_DOMAIN; domain < FAKE_DOMAIN + FAKE_DOMAINS; domain++)
		if (!pci_find_bus(domain, 0))
			return domain;
	return -EBUSY;
}

/**
 * fake_pci_add() - plug a function in and have its driver probe it
 * @pci: zeroed, but for its board
 * Return: 0, or negative errno with nothing left behind. Whether the driver took
 * it is in the function's driver data.
 */
int fake_pci_add(struct fake_pci *pci)
{
	int err;

	pci->ops.read = fake_config_read;
	pci->ops.write = fake_config_write;
	pci->sysdata.node = NUMA_NO_NODE;
	pci->sysdata.domain = fake_domain();
	if (pci->sysdata.domain < 0)
		return pci->sysdata.domain;
	fake_config_init(pci);
	err = fake_irq_create(pci);
	if (err)
		return err;
	err = fake_driver_register(pci);
	if (err) {
		irq_free_desc(pci->irq);
		return err;
	}
	pci_lock_rescan_remove();
	err = fake_bus_create(pci);
	if (!err)
		pci_bus_add_devices(pci->bus);
	pci_unlock_rescan_remove();
	if (err)
		fake_pci_remove(pci);
	return err;
}

static void fake_bus_remove(struct pci_bus *bus, struct pci_dev *dev)
{
	struct pci_host_bridge *bridge = to_pci_host_bridge(bus->bridge);

	pci_stop_root_bus(bus);
	pci_dev_put(dev);
	pci_remove_root_bus(bus);
	pci_free_host_bridge(bridge);
}

/* Pull the function out; sluice's remove runs. */
void fake_pci_remove(struct fake_pci *pci)
{
	pci_lock_rescan_remove();
	if (pci->bus)
		fake_bus_remove(pci->bus, pci->dev);
	pci_unlock_rescan_remove();
	pci->bus = NULL;
	pci->dev = NULL;
	pci_unregister_driver(&pci->driver);
	irq_free_desc(pci->irq);
}
