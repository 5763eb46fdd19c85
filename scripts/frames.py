# SPDX-License-Identifier: GPL-2.0-only
"""Builds and parses Ethernet frames, with right or deliberately wrong checksums; reads pcap files.

Addresses are text ("52:54:00:51:1c:00", "10.1.0.1", "fd00::1"); frames are bytes without the FCS.
"""
import collections
import ipaddress
import struct

ETH_P_IP = 0x0800
ETH_P_ARP = 0x0806
ETH_P_8021Q = 0x8100
ETH_P_IPV6 = 0x86DD
ETH_P_8021AD = 0x88A8
IPPROTO_ICMP = 1
IPPROTO_TCP = 6
IPPROTO_UDP = 17
IPPROTO_ICMPV6 = 58
BROADCAST = "ff:ff:ff:ff:ff:ff"
TCP_FIN, TCP_SYN, TCP_RST, TCP_PSH, TCP_ACK = 1, 2, 4, 8, 16

Flow = collections.namedtuple("Flow", "dst_mac src_mac src dst sport dport",
                              defaults=(1000, 2000))


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def mac_text(data):
    return data.hex(":")


def checksum(data):
    """Internet checksum (RFC 1071) of data."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ether(dst, src, ethertype, payload=b""):
    return mac_bytes(dst) + mac_bytes(src) + struct.pack("!H", ethertype) + payload


def vlan(frame, vid, priority=0, tpid=ETH_P_8021Q):
    """The frame with one more tag, outermost."""
    return frame[:12] + struct.pack("!HH", tpid, priority << 13 | vid) + frame[12:]


def pad(frame, size=60):
    return frame + bytes(max(0, size - len(frame)))


def pattern(size, seed=0):
    """Payload in which every byte depends on its place, so that a shifted copy shows."""
    return bytes((seed + i * 7 + (i >> 8)) & 0xFF for i in range(size))


def ipv4(src, dst, protocol, payload, ttl=64, bad_checksum=False, ident=0, fragment=0):
    def header(value):
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, ttl,
                           protocol, value, ipaddress.IPv4Address(src).packed,
                           ipaddress.IPv4Address(dst).packed)
    value = checksum(header(0)) ^ (0x5555 if bad_checksum else 0)
    return header(value) + payload


def ipv6(src, dst, next_header, payload, hop_limit=64):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), next_header, hop_limit,
                       ipaddress.IPv6Address(src).packed,
                       ipaddress.IPv6Address(dst).packed) + payload


def pseudo_header(src, dst, protocol, length):
    a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if a.version == 4:
        return a.packed + b.packed + struct.pack("!BBH", 0, protocol, length)
    return a.packed + b.packed + struct.pack("!IHBB", length, 0, 0, protocol)


def transport_checksum(src, dst, protocol, segment, offset, bad):
    """The segment with its checksum at offset filled in: right, or wrong when bad."""
    segment = segment[:offset] + b"\0\0" + segment[offset + 2:]
    value = checksum(pseudo_header(src, dst, protocol, len(segment)) + segment)
    if protocol == IPPROTO_UDP:
        value = value or 0xFFFF
    return segment[:offset] + struct.pack("!H", value ^ (0x5555 if bad else 0)) \
        + segment[offset + 2:]


def udp(src, dst, sport, dport, payload, bad_checksum=False):
    segment = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    return transport_checksum(src, dst, IPPROTO_UDP, segment, 6, bad_checksum)


def tcp(src, dst, sport, dport, payload=b"", seq=0, ack=0, flags=TCP_ACK, window=65535,
        bad_checksum=False):
    segment = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, window, 0, 0)
    return transport_checksum(src, dst, IPPROTO_TCP, segment + payload, 16, bad_checksum)


def ip_frame(flow, protocol, segment, bad_ip_checksum=False):
    """Ethernet + IPv4 or IPv6 (as the addresses say) around a transport segment."""
    if ipaddress.ip_address(flow.src).version == 4:
        packet = ipv4(flow.src, flow.dst, protocol, segment, bad_checksum=bad_ip_checksum)
        return ether(flow.dst_mac, flow.src_mac, ETH_P_IP, packet)
    return ether(flow.dst_mac, flow.src_mac, ETH_P_IPV6,
                 ipv6(flow.src, flow.dst, protocol, segment))


def udp_frame(flow, payload, bad_checksum=False, bad_ip_checksum=False):
    segment = udp(flow.src, flow.dst, flow.sport, flow.dport, payload, bad_checksum)
    return ip_frame(flow, IPPROTO_UDP, segment, bad_ip_checksum)


def tcp_frame(flow, payload=b"", bad_checksum=False, bad_ip_checksum=False, **fields):
    segment = tcp(flow.src, flow.dst, flow.sport, flow.dport, payload,
                  bad_checksum=bad_checksum, **fields)
    return ip_frame(flow, IPPROTO_TCP, segment, bad_ip_checksum)


def icmp_echo(flow, ident=1, seq=1, payload=b"", reply=False):
    """ICMP (v4 or v6) echo request; the checksum of v6 covers the pseudo header."""
    if ipaddress.ip_address(flow.src).version == 4:
        kind, protocol = (0 if reply else 8), IPPROTO_ICMP
    else:
        kind, protocol = (129 if reply else 128), IPPROTO_ICMPV6
    message = struct.pack("!BBHHH", kind, 0, 0, ident, seq) + payload
    if protocol == IPPROTO_ICMPV6:
        message = transport_checksum(flow.src, flow.dst, protocol, message, 2, False)
    else:
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    return ip_frame(flow, protocol, message)


def arp(operation, sender_mac, sender_ip, target_ip, target_mac="00:00:00:00:00:00",
        dst_mac=BROADCAST):
    """ARP request (operation 1) or reply (2)."""
    body = struct.pack("!HHBBH", 1, ETH_P_IP, 6, 4, operation)
    body += mac_bytes(sender_mac) + ipaddress.IPv4Address(sender_ip).packed
    body += mac_bytes(target_mac) + ipaddress.IPv4Address(target_ip).packed
    return pad(ether(dst_mac, sender_mac, ETH_P_ARP, body))


class Packet:
    """A parsed frame.  Fields that the frame does not have are None.

    tags is a list of (tpid, tci), outermost first; payload is what follows the last parsed header,
    cut to the length that IP states (so without Ethernet padding).
    """

    def __init__(self, frame):
        self.frame = frame
        self.dst_mac, self.src_mac = mac_text(frame[:6]), mac_text(frame[6:12])
        self.tags = []
        self.version = self.src = self.dst = self.protocol = None
        self.sport = self.dport = self.tcp_flags = self.seq = self.ack = None
        self.ip_checksum_ok = self.checksum_ok = None
        offset = 12
        self.ethertype = self._u16(offset)
        while self.ethertype in (ETH_P_8021Q, ETH_P_8021AD):
            self.tags.append((self.ethertype, self._u16(offset + 2)))
            offset += 4
            self.ethertype = self._u16(offset)
        self.payload = frame[offset + 2:]
        if self.ethertype == ETH_P_IP:
            self._parse_ipv4(self.payload)
        elif self.ethertype == ETH_P_IPV6:
            self._parse_ipv6(self.payload)

    def _u16(self, offset):
        return struct.unpack_from("!H", self.frame, offset)[0]

    def _parse_ipv4(self, data):
        header = (data[0] & 15) * 4
        length, self.protocol = struct.unpack_from("!H", data, 2)[0], data[9]
        self.version, self.ip_length = 4, length
        self.src = str(ipaddress.IPv4Address(data[12:16]))
        self.dst = str(ipaddress.IPv4Address(data[16:20]))
        self.ip_checksum_ok = checksum(data[:header]) == 0
        self.ident, self.fragment = struct.unpack_from("!HH", data, 4)
        self.payload = data[header:length]
        if not self.fragment & 0x3FFF:
            self._parse_transport()

    def _parse_ipv6(self, data):
        length, self.protocol = struct.unpack_from("!HB", data, 4)
        self.version, self.ip_length = 6, 40 + length
        self.src = str(ipaddress.IPv6Address(data[8:24]))
        self.dst = str(ipaddress.IPv6Address(data[24:40]))
        self.payload = data[40:40 + length]
        self._parse_transport()

    def _parse_transport(self):
        segment = self.payload
        if self.protocol == IPPROTO_ICMP:
            self.checksum_ok = checksum(segment) == 0
            return
        if self.protocol not in (IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6):
            return
        pseudo = pseudo_header(self.src, self.dst, self.protocol, len(segment))
        self.checksum_ok = checksum(pseudo + segment) == 0
        if self.protocol == IPPROTO_ICMPV6:
            return
        self.sport, self.dport = struct.unpack_from("!HH", segment)
        header = 8
        if self.protocol == IPPROTO_TCP:
            self.seq, self.ack, start, self.tcp_flags = struct.unpack_from("!IIBB", segment, 4)
            header = (start >> 4) * 4
        self.payload = segment[header:]


def parse(frame):
    return Packet(frame)


def read_pcap(path):
    """Frames of a capture file as [(seconds, frame)]; a last record still being written is left."""
    with open(path, "rb") as f:
        data = f.read()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    frames, offset = [], 24
    while offset + 16 <= len(data):
        seconds, micros, size, _ = struct.unpack_from(order + "4I", data, offset)
        if offset + 16 + size > len(data):
            break
        frames.append((seconds + micros / 1e6, data[offset + 16:offset + 16 + size]))
        offset += 16 + size
    return frames
