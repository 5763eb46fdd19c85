# SPDX-License-Identifier: GPL-2.0-only
"""A shell in a guest whose NIC is up: the terminal is the guest's until the shell ends."""
import os
import shlex
import shutil
import sys

from guest import PROJECT, Guest, Nic

BANNER = """\
{dev}: {model}, driver {driver}, 10.0.2.15/24 (the host's loopback is 10.0.2.2).
{left} and {right} are connected to each other and down.  The host's files are read-only below a
copy in memory; the project is at {project}.  End with exit or ^D.
"""


def terminal_args():
    """hvc0 is this terminal; the serial console stays the log."""
    return ["-chardev", "stdio,id=terminal,mux=off,signal=off",
            "-device", "virtconsole,chardev=terminal"]


def terminal_settings():
    """The guest cannot ask the terminal for its kind and size."""
    columns, rows = shutil.get_terminal_size()
    return f"export TERM={shlex.quote(os.environ.get('TERM', 'linux'))};" \
           f"stty rows {rows} cols {columns}"


def greet(g):
    dev = g.ifname(0)
    g.sh(f"ip link set {dev} up; ip addr add 10.0.2.15/24 dev {dev};"
         "ip route add default via 10.0.2.2")
    link = g.sh(f"basename $(readlink /sys/class/net/{dev}/device/driver)").stdout.strip()
    return BANNER.format(dev=dev, model=g.nics[0].model.name, driver=link, left=g.ifname(1),
                         right=g.ifname(2), project=PROJECT)


def main():
    nics = [Nic(wire="user"), Nic(wire=("pair", 0)), Nic(wire=("pair", 0))]
    print("booting...", flush=True)
    with Guest(nics=nics, extra_args=terminal_args(), interactive=True) as g:
        g.put("/run/banner", greet(g).encode())
        g.spawn(f"exec </dev/hvc0 >/dev/hvc0 2>&1; {terminal_settings()}; cd {PROJECT};"
                "cat /run/banner; export PS1='guest:\\w# ';"
                "exec setsid -c -w bash --norc -i").wait(None)
    print(f"\r\nconsole log: {g.log.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
