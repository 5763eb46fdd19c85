# SPDX-License-Identifier: GPL-2.0-only
"""Everything ethtool can ask and set, on each of the 8254x; and what it must refuse."""
import re
import struct

import pytest

import frames
from counters import Growth, wait_for
from device_access import (CTRL, CTRL_RFCE, CTRL_SWDPIN0, CTRL_SWDPIO0, CTRL_TFCE, ITR, LEDCTL,
                           VFTA, DeviceAccess, bar, qtest_arguments)
from drivers import DRIVER, IS_SLUICE, assert_ledgers, sluice_only
from guest import Guest, Nic, read_text
from steady_traffic import BothWays, assert_carries_frames, frame_to
from taps import TEST_TYPE
from topology import HOST_MAC, bring_up, wait_carrier

pytest_plugins = ["device_access"]

# Each model by the name that the driver has for it; of virtio-net there is one.
NAMES = {"e1000": "82540EM", "e1000-82545em": "82545EM", "e1000-82544gc": "82544GC"}
if not Nic.default_model.can("8254x"):
    NAMES = {Nic.default_model.name: "virtio-net"}
MODELS = list(NAMES)
of_8254x, offloads, self_tests, flow_control, counters = map(
    pytest.mark.needs, ["8254x", "offloads", "self test", "flow control", "counters"])
# The 82544 has neither interrupt throttling nor an LED register.
WITHOUT_ITR = WITHOUT_LEDCTL = 2
RING_MIN, (RX_MAX, TX_MAX) = 64, Nic.default_model.rings
NVM_BYTES = 128
NVM_SUM = 0xbaba
INTX_OFF = 0x400
RCTL_EN = TCTL_EN = STATUS_LINK_UP = 2
# No driver binds to it. Its registers are 4 KiB, and where ports are missing they read as 0.
INTRUDER, INTRUDER_ID = "ich9-ahci", "8086:2922"
# The emulator says it on its standard error when a PHY begins to negotiate.
NEGOTIATION = "e1000x_link_negotiation_start"


@pytest.fixture(scope="module")
def guest(qtest_path):
    """One NIC of each model, each on a wire to the test."""
    with Guest(nics=[Nic(model=model) for model in MODELS], driver=DRIVER,
               extra_args=[*qtest_arguments(qtest_path), "-device", INTRUDER,
                           "-trace", NEGOTIATION]) as running:
        running.sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1")
        for i in range(len(MODELS)):
            running.sh(f"sysctl -qw net.ipv6.conf.{running.ifname(i)}.disable_ipv6=1")
            bring_up(running, i)
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest)


@pytest.fixture(params=range(len(MODELS)), ids=MODELS)
def i(request):
    """Each of the three NICs."""
    return request.param


@pytest.fixture
def device(guest, i, qtest_path):
    """The same NIC behind the driver's back."""
    access = DeviceAccess(guest, i, qtest_path)
    yield access
    access.close()


def ethtool(guest, i, option, arguments=""):
    return guest.sh(f"ethtool {option} {guest.ifname(i)} {arguments}").stdout


def value(text, name):
    """The value behind a name in ethtool's output; the last one, which is the current setting."""
    return re.findall(rf"^\s*{re.escape(name)}:\s*(.*?)\s*$", text, re.M)[-1]


def test_driver_information(guest, i):
    """ethtool -i: the driver's name, the model and the PCI address."""
    text = ethtool(guest, i, "-i")
    assert value(text, "bus-info") == guest.pci(i)
    assert value(text, "driver") == ("sluice" if IS_SLUICE else Nic.default_model.module)
    assert not IS_SLUICE or value(text, "firmware-version") == NAMES[MODELS[i]]


@of_8254x
def test_link_settings(guest, i):
    """Link settings: 1000 Mb/s, full duplex, negotiated, over a twisted pair."""
    text = ethtool(guest, i, "")
    expected = {"Speed": "1000Mb/s", "Duplex": "Full", "Auto-negotiation": "on",
                "Port": "Twisted Pair", "Link detected": "yes"}
    assert {name: value(text, name) for name in expected} == expected
    assert "1000baseT/Full" in text


def test_ring_sizes(guest, i):
    """ethtool -g: the limits and the sizes in use."""
    text = ethtool(guest, i, "-g")
    limit, current = text.split("Current hardware settings")
    assert (value(limit, "RX"), value(limit, "TX")) == (str(RX_MAX), str(TX_MAX))
    assert int(value(current, "RX")) & (int(value(current, "RX")) - 1) == 0


@sluice_only
def test_rings_are_resized_under_traffic_without_a_lost_frame(guest, i):
    """ethtool -G under traffic in both directions: every frame of the test and of pktgen counts."""
    sizes = [(RING_MIN, RING_MIN), (RX_MAX, TX_MAX), (256, min(TX_MAX, 1024))]
    with BothWays(guest, i) as traffic:
        for rx, tx in sizes:
            ethtool(guest, i, "-G", f"rx {rx} tx {tx}")
            current = ethtool(guest, i, "-g").split("Current hardware settings")[1]
            assert (value(current, "RX"), value(current, "TX")) == (str(rx), str(tx))
            seen = traffic.sent
            wait_for(lambda: traffic.sent, lambda sent: sent > seen + 20, 20, "more traffic")
    traffic.assert_none_lost(starts=len(sizes))


@sluice_only
@pytest.mark.needs("lossless start")
def test_frame_on_the_wire_outlives_a_resize(guest, i):
    """A full ring, and a frame in front of it: QEMU loses that one if the tail moves while
    reception is off, as it did when the last of the ring was taken."""
    count = RING_MIN + 5
    address, grown = guest.pci(i), Growth(lambda: guest.ethtool_stats(i))
    ethtool(guest, i, "-G", f"rx {RING_MIN}")
    guest.sh(f"setpci -s {address} COMMAND={INTX_OFF:x}:{INTX_OFF:x}")
    guest.wire(i).send_many(frame_to(guest, i) for _ in range(count))
    ethtool(guest, i, "-G", "rx 256")
    guest.sh(f"setpci -s {address} COMMAND=0:{INTX_OFF:x}")
    grown.wait("rx0_passed", count)


def registers(guest, i):
    """The words of the register dump."""
    text = guest.sh(f"ethtool -d {guest.ifname(i)} raw on | od -An -v -tu4 -w4").stdout
    return [int(word) for word in text.split()]


@of_8254x
@sluice_only
def test_register_dump_shows_the_rings(guest, i):
    """ethtool -d: RDLEN and TDLEN are those of the rings, receiver and transmitter are on."""
    ethtool(guest, i, "-G", "rx 512 tx 128")
    _, status, rctl, rdlen, _, _, _, tctl, tdlen, tdh, tdt, _ = registers(guest, i)
    ethtool(guest, i, "-G", "rx 256 tx 256")
    assert (rdlen, tdlen) == (512 * 16, 128 * 16)
    assert rctl & RCTL_EN and tctl & TCTL_EN and status & STATUS_LINK_UP
    assert tdh == tdt


@of_8254x
def test_eeprom_starts_with_the_address_and_sums_up(guest, i):
    """ethtool -e: the first six bytes are the MAC address, the words have the known sum."""
    text = guest.sh(f"ethtool -e {guest.ifname(i)} raw on | od -An -v -tx1").stdout
    nvm = bytes.fromhex(text.replace("\n", " "))
    assert nvm[:6] == frames.mac_bytes(guest.nics[i].mac)
    assert len(nvm) >= NVM_BYTES
    words = struct.unpack("<64H", nvm[:NVM_BYTES])
    assert sum(words) & 0xffff == NVM_SUM
    part = guest.sh(f"ethtool -e {guest.ifname(i)} offset 3 length 5 raw on | od -An -tx1").stdout
    assert bytes.fromhex(part) == nvm[3:8]


def down_and_up(guest, i):
    guest.sh(f"ip link set {guest.ifname(i)} down")
    bring_up(guest, i)


@flow_control
def test_interrupt_throttling_is_set_and_read_back(guest, i, device):
    """ethtool -C rx-usecs on the models that have the register: in it, in units of 256 ns."""
    if i == WITHOUT_ITR:
        pytest.skip("the 82544GC has no interrupt throttle register; its refusal is another test")
    before = value(ethtool(guest, i, "-c"), "rx-usecs")
    ethtool(guest, i, "-C", "rx-usecs 100")
    assert value(ethtool(guest, i, "-c"), "rx-usecs") == "100"
    assert device.register(ITR) == 100_000 // 256
    down_and_up(guest, i)
    assert device.register(ITR) == 100_000 // 256
    assert_carries_frames(guest, i)
    ethtool(guest, i, "-C", f"rx-usecs {before}")
    assert value(ethtool(guest, i, "-c"), "rx-usecs") == before


@of_8254x
@sluice_only
def test_throttling_is_refused_where_the_model_has_no_register(guest):
    """The 82544GC: ethtool -C is refused by a sentence that says what is missing."""
    refused = guest.sh(f"ethtool -C {guest.ifname(WITHOUT_ITR)} rx-usecs 100", check=False)
    assert refused.status != 0
    assert "82544GC" in refused.stdout and "interrupt" in refused.stdout


@sluice_only
def test_one_combined_channel(guest, i):
    """ethtool -l: one queue pair, with its one interrupt."""
    limit, current = ethtool(guest, i, "-l").split("Current hardware settings")
    assert value(limit, "Combined") == value(current, "Combined") == "1"


FEATURES = {"rx-checksumming": "on", "tx-checksumming": "on", "scatter-gather": "on",
            "tcp-segmentation-offload": "on", "tx-tcp-segmentation": "on",
            "tx-tcp6-segmentation": "off [fixed]", "tx-udp-segmentation": "off [fixed]",
            "generic-receive-offload": "on", "rx-vlan-offload": "on", "tx-vlan-offload": "on",
            "rx-vlan-filter": "on", "loopback": "off"}


@offloads
@sluice_only
def test_features_on_by_default(guest, i):
    """ethtool -k: each offload of the driver is on, and can be switched."""
    text = ethtool(guest, i, "-k")
    assert {name: value(text, name) for name in FEATURES} == FEATURES


def settable_features(guest):
    """ethtool -k without the one feature that "tso on" means too but that starts off."""
    lines = ethtool(guest, 0, "-k").splitlines()
    return [line for line in lines if "mangleid" not in line]


@pytest.mark.parametrize("feature", [
    *(pytest.param(name, marks=offloads) for name in ("rx", "tx", "sg", "tso", "gso")), "gro"])
def test_feature_is_switched_off_and_on(guest, feature):
    """ethtool -K: the request takes effect and the NIC still carries frames."""
    name = {"rx": "rx-checksumming", "tx": "tx-checksumming", "sg": "scatter-gather",
            "tso": "tcp-segmentation-offload", "gso": "generic-segmentation-offload",
            "gro": "generic-receive-offload"}[feature]
    before = settable_features(guest)
    ethtool(guest, 0, "-K", f"{feature} off")
    assert value(ethtool(guest, 0, "-k"), name).startswith("off")
    assert_carries_frames(guest, 0, 5)
    ethtool(guest, 0, "-K", f"{feature} on")
    if feature != "rx" or IS_SLUICE:  # the in-tree driver starts with it off
        assert settable_features(guest) == before


def led(device, i):
    """The register that has the LED, without what else it has."""
    if i == WITHOUT_LEDCTL:
        return device.register(CTRL) & (CTRL_SWDPIO0 | CTRL_SWDPIN0)
    return device.register(LEDCTL)


def led_states(device, i):
    """What the register is while the LED is on and while it is off."""
    if i == WITHOUT_LEDCTL:
        return {CTRL_SWDPIO0 | CTRL_SWDPIN0, CTRL_SWDPIO0}
    others = led(device, i) & ~0xf
    return {others | 0xe, others | 0xf}


@of_8254x
@sluice_only
def test_identify_blinks_for_its_time(guest, i, device):
    """ethtool -p: the LED is forced on and off in turn, and then is the device's again."""
    before, states = led(device, i), led_states(device, i)
    seen = set()
    blinking = guest.spawn(f"ethtool -p {guest.ifname(i)} 3")
    wait_for(lambda: seen.add(led(device, i)) or seen, states.issubset, 20, "on and off")
    assert blinking.wait().status == 0
    assert seen <= states | {before}
    # the value of a pin that is an input again says nothing
    assert led(device, i) & ~CTRL_SWDPIN0 == before & ~CTRL_SWDPIN0
    assert_carries_frames(guest, i, 5)


def test_software_timestamps_are_offered(guest, i):
    """ethtool -T: software transmit and receive timestamps, no hardware clock."""
    text = ethtool(guest, i, "-T")
    for name in ("software-transmit", "software-receive", "software-system-clock"):
        assert name in text
    assert value(text, "PTP Hardware Clock") == "none"


def self_test(guest, i, kind):
    """ethtool -t: which of the five tests have failed."""
    done = guest.sh(f"ethtool -t {guest.ifname(i)} {kind}", timeout=60, check=False)
    results = re.findall(r"^(\w+) .*\)\s+(-?\d+)$", done.stdout, re.M)
    assert len(results) == 5, done.stdout
    failed = {name for name, result in results if int(result)}
    assert f"The test result is {'FAIL' if failed else 'PASS'}" in done.stdout
    assert bool(done.status) == bool(failed)
    return failed


def wait_link(guest, i):
    """Until the device has negotiated again, which the end of loopback makes it do."""
    wait_for(lambda: registers(guest, i)[1], lambda status: status & STATUS_LINK_UP, 20, "the link")
    wait_carrier(guest, guest.ifname(i))


@self_tests
@pytest.mark.parametrize("kind", ["online", "offline"])
def test_self_test_passes_and_leaves_the_nic_working(guest, i, kind):
    """ethtool -t: every line passes; settings, link and traffic are as before."""
    settings = [ethtool(guest, i, option) for option in ("-g", "-k", "-a")]
    assert not self_test(guest, i, kind)
    wait_link(guest, i)
    assert settings == [ethtool(guest, i, option) for option in ("-g", "-k", "-a")]
    assert_carries_frames(guest, i)


@self_tests
@sluice_only
def test_self_test_fails_by_name_without_a_link(guest, i):
    """ethtool -t online with the cable out: the link test fails and no other."""
    ifname = guest.ifname(i)
    guest.qmp("set_link", name=guest.nics[i].id, up=False)
    wait_carrier(guest, ifname, on=False)
    failed = self_test(guest, i, "online")
    guest.qmp("set_link", name=guest.nics[i].id, up=True)
    assert failed == {"link"}
    wait_link(guest, i)
    assert not self_test(guest, i, "online")


@self_tests
@sluice_only
def test_self_test_fails_by_name_when_registers_do_not_hold(guest, i, device):
    """ethtool -t offline: another device's registers lie over the filters; that is noticed."""
    page = (bar(guest, i) + VFTA) & ~0xfff
    guest.sh(f"setpci -d {INTRUDER_ID} BASE_ADDRESS_5={page:#x} COMMAND=2:2")
    device.set_register(VFTA, 1)
    assert device.register(VFTA) == 0
    failed = self_test(guest, i, "offline")
    guest.sh(f"setpci -d {INTRUDER_ID} COMMAND=0:2")
    assert failed == {"registers"}
    wait_link(guest, i)
    assert not self_test(guest, i, "offline")
    wait_link(guest, i)
    assert_carries_frames(guest, i)


@self_tests
@sluice_only
def test_self_test_fails_by_name_without_interrupts(guest, i):
    """ethtool -t offline with the interrupt disabled in PCI: it fails, and loopback with it."""
    address = guest.pci(i)
    guest.sh(f"setpci -s {address} COMMAND=400:400")
    failed = self_test(guest, i, "offline")
    guest.sh(f"setpci -s {address} COMMAND=0:400")
    assert failed == {"interrupt", "loopback"}
    wait_link(guest, i)
    assert not self_test(guest, i, "offline")
    wait_link(guest, i)
    assert_carries_frames(guest, i)


@flow_control
def test_pause_is_set_and_read_back(guest, i, device):
    """ethtool -A and -a: flow control, both directions and each alone, as the device has it."""
    before = ethtool(guest, i, "-a")
    for rx, tx in (("on", "off"), ("off", "on"), ("off", "off"), ("on", "on")):
        ethtool(guest, i, "-A", f"autoneg off rx {rx} tx {tx}")
        wait_carrier(guest, guest.ifname(i))
        text = ethtool(guest, i, "-a")
        assert (value(text, "RX"), value(text, "TX")) == (rx, tx)
        assert pause(device) == (rx, tx)
    words = dict(re.findall(r"^(Autonegotiate|RX|TX):\s*(\w+)", before, re.M))
    ethtool(guest, i, "-A", f"rx {words['RX']} tx {words['TX']} autoneg {words['Autonegotiate']}")
    wait_carrier(guest, guest.ifname(i))
    assert_carries_frames(guest, i, 5)


def pause(device):
    """Flow control of the two directions as the device has it."""
    control = device.register(CTRL)
    return tuple("on" if control & bit else "off" for bit in (CTRL_RFCE, CTRL_TFCE))


@flow_control
@sluice_only
def test_pause_outlives_down_and_self_test(guest, i, device):
    """ethtool -A: flow control is the device's again after whatever took it away."""
    ethtool(guest, i, "-A", "autoneg off rx off tx on")
    down_and_up(guest, i)
    assert pause(device) == ("off", "on")
    assert not self_test(guest, i, "offline")
    assert pause(device) == ("off", "on")
    ethtool(guest, i, "-A", "autoneg on rx on tx on")
    wait_link(guest, i)


def test_message_level_is_set_and_read_back(guest, i):
    """ethtool -s msglvl."""
    before = value(ethtool(guest, i, ""), "Current message level").split()[0]
    ethtool(guest, i, "-s", "msglvl 0x5")
    assert value(ethtool(guest, i, ""), "Current message level").split()[0] == "0x00000005"
    ethtool(guest, i, "-s", f"msglvl {before}")
    assert value(ethtool(guest, i, ""), "Current message level").split()[0] == before


def negotiations(guest):
    return read_text(guest.stderr).count(NEGOTIATION)


@of_8254x
@sluice_only
def test_negotiation_is_restarted(guest, i):
    """ethtool -r: the device loses its link, gets it back, and carries frames. It is without for
    half a second, in which a busy guest may not get to look: the emulator says it."""
    ifname, before = guest.ifname(i), negotiations(guest)
    ethtool(guest, i, "-r")
    assert negotiations(guest) == before + 1
    wait_for(lambda: registers(guest, i)[1], lambda status: status & STATUS_LINK_UP, 20, "the link")
    wait_carrier(guest, ifname)
    assert_carries_frames(guest, i, 5)


def group_stats(guest, i):
    """The standard groups, with the histograms by their lower bound."""
    text = guest.sh(f"ethtool -S {guest.ifname(i)} --groups eth-mac rmon").stdout
    pairs = re.findall(r"^(\S+?)(?:-etherStatsPkts(\d+)to\S+)?: (\d+)$", text, re.M)
    return {name + (f"-{low}" if low else ""): int(number) for name, low, number in pairs}


@counters
@sluice_only
def test_standard_statistics_count_what_was_sent(guest, i):
    """-S --groups eth-mac rmon: frames, octets, broadcasts and the size classes, exactly."""
    grown = Growth(lambda: group_stats(guest, i))
    received = Growth(lambda: guest.link_stats(i)["rx"])
    sizes = [60, 60, 100, 200, 400, 800, 1514]
    wire = guest.wire(i)
    wire.send_many(frame_to(guest, i, size) for size in sizes)
    wire.send(frames.pad(frames.ether(frames.BROADCAST, HOST_MAC, TEST_TYPE)))
    received.wait("packets", len(sizes) + 1)
    now = grown()
    assert now["eth-mac-FramesReceivedOK"] == len(sizes) + 1
    assert now["eth-mac-BroadcastFramesReceivedOK"] == 1
    assert now["eth-mac-OctetsReceivedOK"] == sum(sizes) + 60 + 4 * (len(sizes) + 1)
    # The emulator has no FCS and counts a frame below 64 bytes in no class.
    assert [now[f"rx-rmon-{low}"] for low in (65, 128, 256, 512, 1024)] == [1] * 5


# Requests that are refused

REFUSED = {
    "ring below the minimum": ("-G", "rx 32", str(RING_MIN), "-g"),
    "ring no power of two": ("-G", "tx 100", "power of two", "-g"),
    "ring above the maximum": ("-G", "rx 8192", "exceeds maximum", "-g"),
    "mini ring": ("-G", "rx-mini 64", "exceeds maximum", "-g"),
    "more channels": ("-L", "combined 2", "exceeds maximum", "-l"),
    "throttling by transmit": ("-C", "tx-usecs 10", "unsupported parameter", "-c"),
    "adaptive throttling": ("-C", "adaptive-rx on", "unsupported parameter", "-c"),
    "throttling beyond the limit": ("-C", "rx-usecs 1000000", "limit", "-c"),
    "private flags": ("--set-priv-flags", "x on", "not supported", ""),
    "half duplex at 1000": ("-s", "speed 1000 duplex half autoneg off", "update failed", ""),
    "unknown speed": ("-s", "speed 123 autoneg off", "update failed", ""),
    "wake on LAN": ("-s", "wol g", "supported", ""),
    "energy efficient ethernet": ("--set-eee", "eee on", "supported", ""),
    "forward error correction": ("--set-fec", "encoding rs", "supported", ""),
    "fixed feature": ("-K", "ntuple on", "Could not change any device features", "-k"),
    "writing the EEPROM": ("-E", "magic 0x100e8086 offset 0 value 1", "supported", "-e"),
}


# Where there is no such request at all its bad values are not refused one by one.
NEEDED = {"throttling by transmit": flow_control, "adaptive throttling": flow_control,
          "throttling beyond the limit": flow_control, "half duplex at 1000": of_8254x,
          "unknown speed": of_8254x, "writing the EEPROM": of_8254x}


@sluice_only
@pytest.mark.parametrize("case", [pytest.param(case, marks=NEEDED.get(case, ()))
                                  for case in REFUSED])
def test_request_is_refused_with_a_sentence_and_nothing_changes(guest, case):
    """Bad inputs of ethtool: an error, its text, and the same settings as before."""
    option, arguments, text, shown_by = REFUSED[case]
    ifname = guest.ifname(0)
    before = ethtool(guest, 0, shown_by)
    refused = guest.sh(f"ethtool {option} {ifname} {arguments}", check=False)
    assert refused.status != 0, refused.stdout
    assert text in refused.stdout
    assert ethtool(guest, 0, shown_by) == before


LINK_REFUSALS = {
    "speed 1000 duplex full autoneg off": "only 10 and 100",
    "port fibre": "can be set",
    "phyad 3": "can be set",
    "mdix on": "can be set",
}


@of_8254x
@sluice_only
@pytest.mark.parametrize("arguments", LINK_REFUSALS)
def test_link_request_is_refused_with_a_sentence_in_the_log(guest, arguments):
    """ethtool hands no extack for link settings, so the reason goes to the kernel's log."""
    ifname = guest.ifname(0)
    before, seen = ethtool(guest, 0, ""), len(guest.console())
    assert guest.sh(f"ethtool -s {ifname} {arguments}", check=False).status != 0
    wait_for(lambda: guest.console()[seen:], lambda text: LINK_REFUSALS[arguments] in text, 5,
             "the driver's sentence")
    assert ethtool(guest, 0, "") == before


@of_8254x
@sluice_only
def test_forced_link_outlives_down_and_self_test(guest, i):
    """What the user set is the PHY's again after whatever took it away."""
    ifname = guest.ifname(i)
    guest.sh(f"ethtool -s {ifname} speed 100 duplex full autoneg off")
    guest.sh(f"ip link set {ifname} down && ip link set {ifname} up")
    assert "Auto-negotiation: off" in ethtool(guest, i, "")
    guest.sh(f"ethtool -t {ifname} offline", timeout=60)
    assert "Auto-negotiation: off" in ethtool(guest, i, "")
    guest.sh(f"ethtool -s {ifname} autoneg on")
    wait_carrier(guest, ifname)
    assert "Auto-negotiation: on" in ethtool(guest, i, "")


def test_frames_pass_after_all_requests(guest, i):
    """After everything above, refused or granted, each NIC still works."""
    assert_carries_frames(guest, i)
