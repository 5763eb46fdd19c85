# SPDX-License-Identifier: GPL-2.0-only
"""PCI hot-unplug, unbind, dead reads, PCI error recovery and shutdown, under traffic."""
