// SPDX-License-Identifier: GPL-2.0-only
#include <linux/virtio_net.h>
static int core(void) { return dev_reset() + DEV_LIMIT + sluice_dev_go(); }
/* dev_reset() in a comment, and what only ends like a backend: */
static int good(void) { return sluice_device_go() + netdev_reset() + use(dev) + my_dev_reset(); }
