# SPDX-License-Identifier: GPL-2.0-only
"""What devlink says of the guest's NICs, and what it is told to do with their health reporters."""
import json

REPORTERS = ("rx", "tx")


def handle(guest, i):
    """What devlink calls a NIC; its instance stays in the guest's first namespace."""
    return f"pci/{guest.pci(i)}"


def devlink(guest, words, **options):
    """devlink's answer, from its JSON if there is any."""
    text = guest.sh(f"devlink -j {words}", **options).stdout
    return json.loads(text) if text.strip() else None


def health(guest, i, reporter, action="show", words=""):
    """devlink health ACTION of one reporter of a NIC."""
    found = devlink(guest, f"health {action} {handle(guest, i)} reporter {reporter} {words}")
    return found["health"][handle(guest, i)][0] if action == "show" else found
