// SPDX-License-Identifier: GPL-2.0-only
static const void *boards[] = { &sluice_dev_one, dev_two };
