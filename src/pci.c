// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI side: which devices are ours, probe and remove, power management, error
 * recovery.
 *
 * The id table is complete but no alias is exported (no MODULE_DEVICE_TABLE), so
 * nothing loads this module over the in-tree driver; insmod takes every device
 * that is free.
 */

#include <kunit/visibility.h>
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/xdp.h>
#include <sluice/boards.h>
#include "core.h"

static const struct pci_device_id sluice_pci_ids[] = {
	{ PCI_VDEVICE(INTEL, 0x100c), (kernel_ulong_t)&sluice_82544gc },
	{ PCI_VDEVICE(INTEL, 0x100e), (kernel_ulong_t)&sluice_82540em },
	{ PCI_VDEVICE(INTEL, 0x100f), (kernel_ulong_t)&sluice_82545em },
	{ PCI_VDEVICE(REDHAT_QUMRANET, 0x1000), (kernel_ulong_t)&sluice_virtio_net },
	{ PCI_VDEVICE(REDHAT_QUMRANET, 0x1041), (kernel_ulong_t)&sluice_virtio_net },
	{ }
};

static void sluice_init_nic(struct sluice_nic *nic, struct pci_dev *pdev,
			    const struct sluice_board *board)
{
	nic->pdev = pdev;
	nic->board = board;
	nic->engine = board->engine;
	nic->max_vec = 1;
	nic->max_ring = board->max_ring;
	nic->max_mtu = board->max_mtu;
	nic->cfg.rx_size = 256;
	nic->cfg.tx_size = 256;
	nic->cfg.channels = 1;
	sluice_coalesce_init(nic);
	nic->msg_enable = NETIF_MSG_DRV | NETIF_MSG_PROBE | NETIF_MSG_LINK;
	spin_lock_init(&nic->dev_lock);
	INIT_WORK(&nic->link_work, sluice_link_work);
}

static struct sluice_nic *sluice_alloc_nic(struct pci_dev *pdev,
					   const struct sluice_board *board)
{
	struct net_device *netdev;
	struct sluice_nic *nic;

	netdev = alloc_etherdev_mqs(sizeof(*nic), board->max_vectors,
				    board->max_vectors);
	if (!netdev)
		return NULL;
	SET_NETDEV_DEV(netdev, &pdev->dev);
	nic = netdev_priv(netdev);
	nic->netdev = netdev;
	sluice_init_nic(nic, pdev, board);
	nic->hw = devm_kzalloc(&pdev->dev, board->hw_size, GFP_KERNEL);
	if (!nic->hw) {
		free_netdev(netdev);
		return NULL;
	}
	return nic;
}

static void sluice_free_nic(struct sluice_nic *nic)
{
	sluice_devlink_remove(nic);
	sluice_vectors_free(nic);
	free_netdev(nic->netdev);
}

static int sluice_enable(struct sluice_nic *nic)
{
	struct pci_dev *pdev = nic->pdev;
	int err;

	err = pcim_enable_device(pdev);
	if (err)
		return dev_err_probe(&pdev->dev, err, "cannot enable device\n");
	err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (err)
		return dev_err_probe(&pdev->dev, err, "no usable DMA mask\n");
	return 0;
}

/**
 * sluice_map_bar() - map the registers of a device that has them in one BAR
 * @nic: the device, enabled
 * @bar: the BAR
 *
 * For a backend's probe; undone by itself.
 *
 * Context: process.
 * Return: 0 with nic->regs set, or negative errno with a message.
 */
int sluice_map_bar(struct sluice_nic *nic, int bar)
{
	struct pci_dev *pdev = nic->pdev;
	int err = pcim_iomap_regions(pdev, BIT(bar), KBUILD_MODNAME);

	if (err)
		return dev_err_probe(&pdev->dev, err,
				     "cannot map the registers in BAR %d\n",
				     bar);
	nic->regs = pcim_iomap_table(pdev)[bar];
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(sluice_map_bar);

static void sluice_init_netdev(struct sluice_nic *nic)
{
	struct net_device *netdev = nic->netdev;

	netdev->netdev_ops = nic->engine->netdev_ops;
	netdev->ethtool_ops = nic->board->ethtool_ops;
	netdev->stat_ops = &sluice_stat_ops;
	netdev->xdp_metadata_ops = netdev->hw_features & NETIF_F_RXHASH ?
				   &sluice_xdp_hash_ops : &sluice_xdp_vlan_ops;
	netdev->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT |
			       NETDEV_XDP_ACT_RX_SG;
	netdev->features |= NETIF_F_HIGHDMA;
	netdev->vlan_features |= NETIF_F_HIGHDMA;
	netdev->min_mtu = ETH_MIN_MTU;
	netdev->max_mtu = nic->max_mtu;
	netdev->needed_headroom = nic->engine->hdr_len;
	netdev->watchdog_timeo = 5 * HZ;
	netdev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
}

/* The backend has found out which engine it is, and with how many vectors. */
static int sluice_register(struct sluice_nic *nic)
{
	int err;

	err = sluice_vectors_alloc(nic) ?: sluice_devlink_probe(nic);
	if (err)
		return err;
	sluice_init_netdev(nic);
	sluice_set_idle_config(nic, &nic->cfg, NULL);
	netif_carrier_off(nic->netdev);
	/* First, as an interface may be opened, and break, at once. */
	sluice_devlink_register(nic);
	err = register_netdev(nic->netdev);
	if (!err)
		return 0;
	sluice_devlink_unregister(nic);
	return dev_err_probe(&nic->pdev->dev, err,
			     "cannot register a net_device\n");
}

static int sluice_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	const struct sluice_board *board = (const void *)id->driver_data;
	struct sluice_nic *nic;
	int err;

	/* driver_override comes without an entry of our table. */
	if (!board)
		return dev_err_probe(&pdev->dev, -ENODEV,
				     "not a NIC that sluice drives; clear its driver_override\n");
	nic = sluice_alloc_nic(pdev, board);
	if (!nic)
		return -ENOMEM;
	pci_set_drvdata(pdev, nic);
	err = sluice_enable(nic);
	if (err)
		goto free_nic;
	err = board->ops->probe(nic);
	if (err)
		goto free_nic;
	/* What sluice_slot_reset() restores. */
	pci_save_state(pdev);
	err = sluice_register(nic);
	if (err)
		goto remove_hw;
	netif_info(nic, probe, nic->netdev, "%s at %s, %pM\n", board->name,
		   pci_name(pdev), nic->netdev->dev_addr);
	return 0;

remove_hw:
	if (board->ops->remove)
		board->ops->remove(nic);
free_nic:
	sluice_free_nic(nic);
	return err;
}

static void sluice_remove(struct pci_dev *pdev)
{
	struct sluice_nic *nic = pci_get_drvdata(pdev);

	unregister_netdev(nic->netdev);
	cancel_work_sync(&nic->link_work);
	sluice_devlink_unregister(nic);
	if (nic->board->ops->remove)
		nic->board->ops->remove(nic);
	sluice_free_nic(nic);
}

/* Take the datapath off the device and keep everything else. The device is
 * detached already if an error was detected before.
 */
static void sluice_halt(struct sluice_nic *nic, bool orderly)
{
	struct sluice_rings rings;

	ASSERT_RTNL();
	netif_device_detach(nic->netdev);
	if (!test_bit(SLUICE_UP, &nic->state))
		return;
	xdp_features_clear_redirect_target(nic->netdev);
	sluice_down(nic, &rings, orderly);
	sluice_irq_free(nic);
	sluice_rings_free(nic, &rings);
}

static int sluice_continue(struct sluice_nic *nic)
{
	int err = 0;

	ASSERT_RTNL();
	clear_bit(SLUICE_GONE, &nic->state);
	if (netif_running(nic->netdev))
		err = sluice_open(nic->netdev);
	if (!err)
		netif_device_attach(nic->netdev);
	return err;
}

static int sluice_suspend(struct device *dev)
{
	struct sluice_nic *nic = dev_get_drvdata(dev);

	rtnl_lock();
	sluice_halt(nic, true);
	rtnl_unlock();
	return 0;
}

static int sluice_resume(struct device *dev)
{
	struct sluice_nic *nic = dev_get_drvdata(dev);
	int err;

	rtnl_lock();
	err = nic->board->ops->reset(nic) ?: sluice_continue(nic);
	rtnl_unlock();
	if (!err)
		sluice_devlink_resume(nic);
	return err;
}

static DEFINE_SIMPLE_DEV_PM_OPS(sluice_pm_ops, sluice_suspend, sluice_resume);

/* kexec and power-off: the next kernel must find no DMA under way. */
static void sluice_shutdown(struct pci_dev *pdev)
{
	struct sluice_nic *nic = pci_get_drvdata(pdev);

	rtnl_lock();
	sluice_halt(nic, false);
	rtnl_unlock();
}

static pci_ers_result_t sluice_error_detected(struct pci_dev *pdev,
					      pci_channel_state_t state)
{
	struct sluice_nic *nic = pci_get_drvdata(pdev);

	if (state == pci_channel_io_perm_failure)
		set_bit(SLUICE_GONE, &nic->state);
	rtnl_lock();
	sluice_halt(nic, false);
	rtnl_unlock();
	return state == pci_channel_io_perm_failure ?
	       PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t sluice_slot_reset(struct pci_dev *pdev)
{
	struct sluice_nic *nic = pci_get_drvdata(pdev);

	pci_restore_state(pdev);
	pci_save_state(pdev);
	if (pci_enable_device_mem(pdev))
		return PCI_ERS_RESULT_DISCONNECT;
	return nic->board->ops->reset(nic) ? PCI_ERS_RESULT_DISCONNECT :
					     PCI_ERS_RESULT_RECOVERED;
}

static void sluice_error_resume(struct pci_dev *pdev)
{
	struct sluice_nic *nic = pci_get_drvdata(pdev);
	int err;

	rtnl_lock();
	err = sluice_continue(nic);
	rtnl_unlock();
	if (err)
		netdev_err(nic->netdev,
			   "cannot open again after a PCI error; unbind and bind the device to retry\n");
	else
		sluice_devlink_resume(nic);
}

static const struct pci_error_handlers sluice_error_handlers = {
	.error_detected	= sluice_error_detected,
	.slot_reset	= sluice_slot_reset,
	.resume		= sluice_error_resume,
};

static struct pci_driver sluice_driver = {
	.name		= KBUILD_MODNAME,
	.id_table	= sluice_pci_ids,
	.probe		= sluice_probe,
	.remove		= sluice_remove,
	.shutdown	= sluice_shutdown,
	.driver.pm	= pm_sleep_ptr(&sluice_pm_ops),
	.err_handler	= &sluice_error_handlers,
};
module_pci_driver(sluice_driver);

MODULE_DESCRIPTION("Ethernet driver with native XDP for emulated NICs");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1");
