// SPDX-License-Identifier: GPL-2.0-only
/* Interrupt lines: which, and for whom. */

#include "core.h"

/* With MSI-X the first interrupt is for what is not a queue's. */
static int sluice_vector_irq(const struct sluice_vector *v)
{
	struct pci_dev *pdev = v->nic->pdev;

	return pci_irq_vector(pdev, pci_dev_msi_enabled(pdev) ? v->index + 1 : 0);
}

static void sluice_irq_check(struct sluice_nic *nic, int irq, int err)
{
	if (err)
		netdev_err(nic->netdev, "cannot get interrupt %d (error %d)\n",
			   irq, err);
}

static int sluice_irq_request_vector(struct sluice_vector *v)
{
	struct sluice_nic *nic = v->nic;
	int err = 0, irq = sluice_vector_irq(v);

	snprintf(v->irq_name, sizeof(v->irq_name), "%s-%u", nic->netdev->name,
		 v->index);
	if (pci_dev_msi_enabled(nic->pdev))
		err = request_irq(irq, nic->board->ops->irq_queue, 0,
				  v->irq_name, v);
	sluice_irq_check(nic, irq, err);
	if (!err)
		netif_napi_set_irq(&v->napi, irq);
	return err;
}

static void sluice_irq_free_vector(struct sluice_vector *v)
{
	netif_napi_set_irq(&v->napi, -1);
	if (pci_dev_msi_enabled(v->nic->pdev))
		free_irq(sluice_vector_irq(v), v);
}

/* A line may be shared and may fire at once, for a neighbour: everything that
 * the handler touches exists before.
 */
int sluice_irq_request(struct sluice_nic *nic)
{
	struct pci_dev *pdev = nic->pdev;
	u32 i;
	int err;

	err = request_irq(pci_irq_vector(pdev, 0), nic->board->ops->irq,
			  pci_dev_msi_enabled(pdev) ? 0 : IRQF_SHARED,
			  nic->netdev->name, nic);
	sluice_irq_check(nic, pci_irq_vector(pdev, 0), err);
	if (err)
		return err;
	for (i = 0; i < nic->max_vec; i++) {
		err = sluice_irq_request_vector(nic->vec[i]);
		if (err)
			goto free;
	}
	return 0;

free:
	while (i--)
		sluice_irq_free_vector(nic->vec[i]);
	free_irq(pci_irq_vector(pdev, 0), nic);
	return err;
}

void sluice_irq_free(struct sluice_nic *nic)
{
	u32 i;

	for (i = 0; i < nic->max_vec; i++)
		sluice_irq_free_vector(nic->vec[i]);
	free_irq(pci_irq_vector(nic->pdev, 0), nic);
}

/* No handler of ours runs when this returns, or will. */
void sluice_irq_synchronize(struct sluice_nic *nic)
{
	u32 i;

	synchronize_irq(pci_irq_vector(nic->pdev, 0));
	for (i = 0; i < nic->max_vec; i++)
		synchronize_irq(sluice_vector_irq(nic->vec[i]));
}
