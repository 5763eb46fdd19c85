# SPDX-License-Identifier: GPL-2.0-only
"""Issue: unit tables over the descriptor codecs, run in the guest's kernel by a test module."""
