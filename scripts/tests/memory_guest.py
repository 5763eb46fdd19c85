# SPDX-License-Identifier: GPL-2.0-only
"""A guest that can go on without the host's files: a suspend kills 9p, which cannot be restored."""
import shlex

import bpf
import kernels
from guest import Guest

# As the guest sees it, and as its initramfs does, where the guest's root is below /root.
ROOT = "/tmp/memory-root"
BARE_ROOT = f"/root{ROOT}"
# The shell too: busybox's would prefer its own applets to all of these.
TOOLS = ["dash", "ip", "bridge", "ethtool", "setpci", "pkill"]
SEARCH = "/usr/sbin:/bin"


class MemoryGuest(Guest):
    """After move_to_memory() every command runs in a root of its own on a tmpfs.

    busybox stands in for what is not among TOOLS.
    """

    # One that QEMU has entered as Xen does never wakes up from memory.
    image = staticmethod(kernels.packed_image)
    in_memory = False

    def move_to_memory(self):
        """Copy tools, their libraries and the tests' programs, and leave the host's root."""
        programs = " ".join(map(shlex.quote, [*map(str, bpf.build().iterdir()), self.module()]))
        tools = " ".join(f"$(command -v {tool})" for tool in TOOLS)
        self.sh(f"set -e; mkdir -p {ROOT}/usr/sbin {ROOT}/bin {ROOT}/tmp {ROOT}/proc {ROOT}/sys "
                f"{ROOT}/dev; cp -L {tools} {ROOT}/usr/sbin; cp -L --parents {programs} "
                f"$(ldd {tools} {programs} 2>/dev/null | grep -o '/[^ :)]*[.]so[^ :)]*' | sort -u) "
                f"{ROOT}", timeout=60)
        self.sh(f"set -e; cp /bin/busybox {BARE_ROOT}/bin; "
                f"chroot {BARE_ROOT} /bin/busybox --install -s /bin; "
                f"for d in proc sys dev; do mount --rbind /$d {BARE_ROOT}/$d; done", bare=True)
        self.in_memory = True

    def sh(self, cmd, timeout=30, check=True, bare=False):
        cmd, bare = self._placed(cmd, bare)
        return super().sh(cmd, timeout, check, bare)

    def spawn(self, cmd, bare=False):
        return super().spawn(*self._placed(cmd, bare))

    def _placed(self, cmd, bare):
        if bare or not self.in_memory:
            return cmd, bare
        return f"PATH={SEARCH} chroot {BARE_ROOT} /usr/sbin/dash -c {shlex.quote(cmd)}", True
