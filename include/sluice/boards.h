/* SPDX-License-Identifier: GPL-2.0-only */
/* The boards that the backends offer. Only src/pci.c names them. */

#ifndef SLUICE_BOARDS_H
#define SLUICE_BOARDS_H

#include <sluice/backend.h>

/* Intel 82540EM, 8086:100e; src/hw/e1000.c */
extern const struct sluice_board sluice_82540em;

/* Intel 82545EM, 8086:100f; src/hw/e1000.c */
extern const struct sluice_board sluice_82545em;

/* Intel 82544GC, 8086:100c; src/hw/e1000.c */
extern const struct sluice_board sluice_82544gc;

/* virtio-net, 1af4:1041 and 1af4:1000; src/hw/vnet.c */
extern const struct sluice_board sluice_virtio_net;

#endif
