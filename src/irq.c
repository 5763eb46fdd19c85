// SPDX-License-Identifier: GPL-2.0-only
/* Interrupt lines: which, and for whom. */

#include "core.h"

/* The line may be shared and may fire at once, for a neighbour: everything that
 * the handler touches exists before.
 */
int sluice_irq_request(struct sluice_nic *nic)
{
	struct sluice_vector *v = nic->vec[0];
	int err;

	err = request_irq(nic->pdev->irq, nic->board->ops->irq, IRQF_SHARED,
			  nic->netdev->name, nic);
	if (err) {
		netdev_err(nic->netdev, "cannot get interrupt %d (error %d)\n",
			   nic->pdev->irq, err);
		return err;
	}
	netif_napi_set_irq(&v->napi, nic->pdev->irq);
	return 0;
}

void sluice_irq_free(struct sluice_nic *nic)
{
	netif_napi_set_irq(&nic->vec[0]->napi, -1);
	free_irq(nic->pdev->irq, nic);
}
