# SPDX-License-Identifier: GPL-2.0-only
"""Suspend to idle and resume keep everything that was configured, and the ledger."""
