# SPDX-License-Identifier: GPL-2.0-only
"""Issue: suspend to idle and resume keep everything that was configured, and the ledger."""
