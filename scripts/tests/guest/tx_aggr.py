#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Shows or sets how frames share a doorbell: words of ethtool -C that Debian 12's does not know.

tx_aggr.py IF                            prints "FRAMES BYTES USECS"
tx_aggr.py IF [frames=N] [bytes=N] [usecs=N]
"""
import sys

from netlink_family import Family, attribute, number, u32

COALESCE_GET, COALESCE_SET = 19, 20
HEADER, HEADER_DEV_NAME, NESTED = 1, 2, 0x8000
KINDS = {"frames": 27, "bytes": 26, "usecs": 28}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    name, *words = sys.argv[1:]
    ethtool = Family("ethtool")
    header = attribute(HEADER | NESTED, attribute(HEADER_DEV_NAME, name.encode() + b"\0"))
    if not words:
        found = ethtool.request(COALESCE_GET, header)
        print(*(number(found[kind]) for kind in KINDS.values()))
        return
    wanted = dict(word.split("=") for word in words)
    try:
        ethtool.order(COALESCE_SET, header + b"".join(u32(KINDS[word], int(value))
                                                      for word, value in wanted.items()))
    except OSError as refused:
        sys.exit(f"{refused.strerror} (error {refused.errno})")


if __name__ == "__main__":
    main()
