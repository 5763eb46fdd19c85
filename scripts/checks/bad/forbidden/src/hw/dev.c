// SPDX-License-Identifier: GPL-2.0-only
static void order(void) { writel(1, reg); smp_wmb(); ioread32(reg); }
static void own(void) { dev_reset(); virtio_reset(); sluice_dev_go(); use(max_virtqueue_pairs); }
static void theirs(struct virtqueue *vq) { virtqueue_kick(vq); vring_create_virtqueue(0); }
