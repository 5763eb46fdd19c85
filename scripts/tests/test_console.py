# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's reports are recognised: a sanitizer that nobody listens to watches for nothing.

The texts are the kernel's own, shortened. No guest is needed.
"""
import pytest

from console import EXCERPT, Console, fault_of_the_emulator

RULE = "=" * 66

REPORTS = {
    "KASAN": f"""\
[   31.004214] {RULE}
[   31.005017] BUG: KASAN: slab-use-after-free in sluice_tx_clean+0x1c4/0x520 [sluice]
[   31.005863] Read of size 8 at addr ffff88800c0a3c00 by task ksoftirqd/0/16
[   31.011203] Memory state around the buggy address:
[   31.012001] {RULE}""",
    "KASAN of a wild address": """\
[   12.100000] KASAN: null-ptr-deref in range [0x0000000000000018-0x000000000000001f]""",
    "KCSAN": f"""\
[   40.104214] {RULE}
[   40.105017] BUG: KCSAN: data-race in sluice_poll [sluice] / sluice_start_xmit [sluice]
[   40.105863] write to 0xffff88800c0a3c00 of 4 bytes by interrupt on cpu 0:
[   40.109871] {RULE}""",
    "UBSAN": """\
[    8.124313] ------------[ cut here ]------------
[    8.124870] UBSAN: array-index-out-of-bounds in src/stats.c:90:14
[    8.125390] index 12 is out of range for type 'u64 [12]'
[    8.131006] ---[ end trace ]---""",
    "a lock cycle": f"""\
[   15.310022] {'=' * 54}
[   15.310590] WARNING: possible circular locking dependency detected
[   15.311120] 6.12.117-kasan #1 Tainted: G           O
[   15.311701] {'-' * 54}
[   15.312200] ip/310 is trying to acquire lock:""",
    "one lock twice": "[   15.310590] WARNING: possible recursive locking detected",
    "interrupts and a lock": """\
[   21.877001] WARNING: inconsistent lock state
[   21.878020] inconsistent {IN-SOFTIRQ-W} -> {SOFTIRQ-ON-W} usage.""",
    "a lock inversion": "[    5.0] WARNING: possible irq lock inversion dependency detected",
    "a lock of the wrong context": "[    5.0] [ BUG: Invalid wait context ]",
    "a lock that was never made": "[    5.0] INFO: trying to register non-static key.",
    "lockdep giving up": "[    5.0] turning off the locking correctness validator.",
    "an unlock too many": "[    5.0] WARNING: bad unlock balance detected!",
    "RCU without its lock": """\
[    9.431200] WARNING: suspicious RCU usage
[    9.431800] src/xdp.c:44 suspicious rcu_dereference_check() usage!""",
    "sleeping in atomic context":
        "[    7.7] BUG: sleeping function called from invalid context at mm/page_alloc.c:4200",
    "scheduling in atomic context": "[    7.7] BUG: scheduling while atomic: ip/301/0x00000200",
    "a CPU number that may change":
        "[    7.7] BUG: using smp_processor_id() in preemptible [00000000] code: ethtool/99",
    "kmemleak": "[   66.1] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "kmemleak giving up": "[   66.1] kmemleak: Kernel memory leak detector disabled",
    "a DMA mapping left": """\
[   30.2] DMA-API: sluice 0000:00:04.0: device driver has pending DMA allocations while released""",
    "DMA debugging giving up": "[   30.2] DMA-API: debugging out of memory - disabling",
    "a list": "[    3.3] list_del corruption. next->prev should be ffff888001, but was 0000000000",
    "a list, when adding": "[    3.3] list_add corruption. prev is NULL.",
    "a reference count": "[    3.3] refcount_t: underflow; use-after-free.",
    "a timer freed while it runs":
        "[    3.3] ODEBUG: free active (active state 0) object: ffff88 object type: timer_list",
    "object debugging giving up": "[    3.3] ODEBUG: Out of memory. ODEBUG disabled",
    "a slab's red zone": "[    3.3] BUG kmalloc-64 (Not tainted): Right Redzone overwritten",
    "a cache that is not empty":
        "[    3.3] BUG skbuff_head_cache (Tainted: G  O ): Objects remaining in on shutdown",
    "page_pool": """\
[   99.0] page_pool_release_retry() stalled pool shutdown: id 4, 1 inflight 60 sec""",
    "a device that is still in use":
        "[   99.0] unregister_netdevice: waiting for eth0 to become free. Usage count = 2",
    "a stall": "[   99.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "a soft lockup": "[   99.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [swapper/0:1]",
    "a hung task": "[  240.1] INFO: task ip:310 blocked for more than 122 seconds.",
    "a stuck work queue": "[   99.0] BUG: workqueue lockup - pool cpus=0 node=0 stuck for 31s!",
    "a stuck transmitter": "[   99.0] NETDEV WATCHDOG: eth0 (sluice): transmit queue 0 timed out",
    "an interrupt of nobody's": "[   99.0] irq 11: nobody cared (try booting with \"irqpoll\")",
}

QUIET = f"""\
[    0.000000] Linux version 6.12.117-kasan (root@host) (gcc (Debian 12.2.0-14) 12.2.0) #1 SMP
[    0.000000] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar
[    0.1] kasan: KernelAddressSanitizer initialized
[    0.2] kcsan: enabled early
[    0.4] kcsan: non-strict mode configured - use CONFIG_KCSAN_STRICT=y to see all data races
[    0.9] DMA-API: preallocated 65536 debug entries
[    0.9] DMA-API: debugging enabled by kernel config
[    1.0] kmemleak: Kernel memory leak detector initialized (mem pool available: 36000)
[    1.1] {RULE}
[    2.0] sluice 0000:00:04.0 eth0: link up
"""


def console(tmp_path, text):
    log = tmp_path / "console.log"
    log.write_text(QUIET + text + "\n" + QUIET)
    return Console(str(log))


@pytest.mark.parametrize("text", REPORTS.values(), ids=REPORTS.keys())
def test_report_is_a_complaint(tmp_path, text):
    """Each is one, shown from its first line on, and does not come twice."""
    log = console(tmp_path, text)
    complaint = log.complaint()
    assert complaint is not None
    assert text.splitlines()[-1] in complaint
    if "WARNING" not in text:
        assert complaint.startswith(text.splitlines()[0])
    assert log.complaint() is None


def test_quiet_boot_of_a_sanitizer_kernel_is_no_complaint(tmp_path):
    assert console(tmp_path, "").complaint() is None


@pytest.mark.parametrize("name, word", [("KASAN", "slab-use-after-free"),
                                        ("KCSAN", "sluice_start_xmit"),
                                        ("UBSAN", "out of range for type")])
def test_expectation_covers_the_whole_report(tmp_path, name, word):
    """Any line of a report may name it, and what follows the report is judged by itself."""
    log = console(tmp_path, REPORTS[name] + "\n" + REPORTS["kmemleak"])
    log.expect(word)
    assert log.complaint().startswith(REPORTS["kmemleak"])
    assert log.complaint() is None


def test_report_of_lockdep_hides_nothing_behind_it(tmp_path):
    """It is drawn with one rule only; the next report may be an expected one."""
    log = console(tmp_path, REPORTS["a lock cycle"] + "\n" + REPORTS["KASAN"])
    log.expect("slab-use-after-free")
    assert "possible circular locking" in log.complaint()


def test_race_between_other_parts_of_the_kernel_is_no_complaint(tmp_path):
    race = REPORTS["KCSAN"].replace("sluice", "tcp").replace(" [tcp]", "")
    assert console(tmp_path, race).complaint() is None
    assert console(tmp_path, REPORTS["KCSAN"] + "\n" + race).complaint() is not None


def test_long_report_is_cut(tmp_path):
    text = REPORTS["KASAN"] + "\n" + "\n".join(f"line {n}" for n in range(200))
    assert len(console(tmp_path, text).complaint().splitlines()) == EXCERPT


@pytest.mark.parametrize("said, accused", [
    ("[   34.869698] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI", True),
    ("[    0.457133] RSP: 0000:ffffffffabe03d08 EFLAGS: 4140060a", True),
    ("[    0.457133] RSP: 0018:ffffffffabe03d08 EFLAGS: 00010246\nEFLAGS: 0000000a", True),
    ("[    0.457133] RSP: 0018:ffffffffabe03d08 EFLAGS: 00010244", True),
    ("[    3.652458] RSP: 002b:00007fffffffe868 EFLAGS: 00000202 ORIG_RAX: 1", False),
    ("[   34.876049] RSP: 0018:ff3a4112c0100c80 EFLAGS: 00250282\n[#1] Oops: 0002", False),
    ("AssertionError: 1 == 2", False),
])
def test_fault_of_the_emulator_is_told_from_the_kernels(said, accused):
    assert bool(fault_of_the_emulator(said)) == accused
