// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes a device's driver through its PCI error handlers, as pcie_do_recovery()
 * of the PCI core does: a conventional PCI device reports no errors itself.
 *
 * Between error_detected and slot_reset the device loses what a bus reset takes
 * from its configuration space. insmod fails with EIO if a handler's answer is
 * not the expected one.
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>

static char *address;
module_param(address, charp, 0);
MODULE_PARM_DESC(address, "device, as 0000:00:04.0");

static bool permanent;
module_param(permanent, bool, 0);
MODULE_PARM_DESC(permanent, "report a permanent failure, which nothing follows");

static unsigned int rounds = 1;
module_param(rounds, uint, 0);
MODULE_PARM_DESC(rounds, "recoveries, one after the other");

static unsigned int pause_ms;
module_param(pause_ms, uint, 0);
MODULE_PARM_DESC(pause_ms, "milliseconds for traffic after each recovery");

static struct pci_dev *find_device(void)
{
	unsigned int domain, bus, slot, function;

	if (!address || sscanf(address, "%x:%x:%x.%u", &domain, &bus, &slot,
			       &function) != 4)
		return NULL;
	return pci_get_domain_bus_and_slot(domain, bus,
					   PCI_DEVFN(slot, function));
}

static const struct pci_error_handlers *handlers_of(struct pci_dev *pdev)
{
	const struct pci_error_handlers *h = NULL;

	if (pdev->driver)
		h = pdev->driver->err_handler;
	if (!h || !h->error_detected || !h->slot_reset || !h->resume)
		return NULL;
	return h;
}

static void lose_configuration(struct pci_dev *pdev)
{
	pci_write_config_word(pdev, PCI_COMMAND, 0);
	pci_write_config_dword(pdev, PCI_BASE_ADDRESS_0, 0);
	pci_write_config_byte(pdev, PCI_INTERRUPT_LINE, 0);
}

static int fail(struct pci_dev *pdev, const struct pci_error_handlers *h)
{
	pci_ers_result_t answer;

	pdev->error_state = pci_channel_io_perm_failure;
	answer = h->error_detected(pdev, pci_channel_io_perm_failure);
	pci_info(pdev, "permanent failure: answer %u\n", answer);
	return answer == PCI_ERS_RESULT_DISCONNECT ? 0 : -EIO;
}

static int recover(struct pci_dev *pdev, const struct pci_error_handlers *h)
{
	pci_ers_result_t detected, reset;

	pdev->error_state = pci_channel_io_frozen;
	detected = h->error_detected(pdev, pci_channel_io_frozen);
	lose_configuration(pdev);
	pdev->error_state = pci_channel_io_normal;
	reset = h->slot_reset(pdev);
	pci_info(pdev, "frozen: answers %u, %u\n", detected, reset);
	if (detected != PCI_ERS_RESULT_NEED_RESET ||
	    reset != PCI_ERS_RESULT_RECOVERED)
		return -EIO;
	h->resume(pdev);
	return 0;
}

static int run_locked(struct pci_dev *pdev)
{
	const struct pci_error_handlers *h = handlers_of(pdev);

	if (!h) {
		pci_err(pdev, "no driver with all error handlers\n");
		return -EOPNOTSUPP;
	}
	return permanent ? fail(pdev, h) : recover(pdev, h);
}

static int run(struct pci_dev *pdev)
{
	int err;

	device_lock(&pdev->dev);
	err = run_locked(pdev);
	device_unlock(&pdev->dev);
	return err;
}

static int __init pci_error_init(void)
{
	struct pci_dev *pdev = find_device();
	unsigned int i;
	int err = 0;

	if (!pdev) {
		pr_err("no device at address=%s\n", address);
		return -ENODEV;
	}
	for (i = 0; i < rounds && !err; i++) {
		err = run(pdev);
		msleep(pause_ms);
	}
	pci_dev_put(pdev);
	return err;
}

/* A device that failed for good may be bound again, as if it was replaced. */
static void __exit pci_error_exit(void)
{
	struct pci_dev *pdev = find_device();

	if (!pdev)
		return;
	pdev->error_state = pci_channel_io_normal;
	pci_dev_put(pdev);
}

module_init(pci_error_init);
module_exit(pci_error_exit);
MODULE_DESCRIPTION("Calls the PCI error handlers of a device's driver");
MODULE_LICENSE("GPL");
