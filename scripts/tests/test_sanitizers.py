# SPDX-License-Identifier: GPL-2.0-only
"""The sanitizer kernels watch: each kind of misdeed is done once, and must be reported.

What nobody reports here would pass unseen in every other test on this kernel.
"""
import pytest

import kernel_modules
from guest import Guest, Nic

# What of the report must be on the console.  Lockdep says one thing only and is then off, and so
# its misdeeds each have a guest of their own.
REPORTS = {"use_after_free": r"KASAN: slab-use-after-free in use_after_free",
           "out_of_bounds": r"KASAN: slab-out-of-bounds in out_of_bounds",
           "array_index": r"UBSAN: array-index-out-of-bounds",
           "sleep_in_atomic": r"BUG: sleeping function called from invalid|scheduling while atomic",
           "count_below_zero": r"refcount_t: ",
           "free_active_timer": r"ODEBUG: free active",
           "delete_twice": r"list_del corruption",
           "dma_half": r"DMA-API: .*different size"}
LOCK_REPORTS = {"lock_order": r"possible circular locking dependency detected",
                "lock_in_interrupt": r"inconsistent lock state",
                "rcu_unlocked": r"suspicious RCU usage"}
ONLY_KASAN = ("use_after_free", "out_of_bounds")


def commit(guest, misdeed):
    """The module stays loaded: without it a report has addresses where its functions were."""
    module = kernel_modules.install(guest, "misdeeds")
    guest.sh("! grep -q misdeeds /proc/modules || rmmod misdeeds; "
             f"insmod {module} misdeed={misdeed}", timeout=60)


def assert_reported(guest, misdeed, report):
    commit(guest, misdeed)
    with pytest.raises(AssertionError, match=report):
        guest.check_console()


@pytest.fixture(scope="module")
def guest():
    with Guest(driver=None, finds_leaks=True) as running:
        yield running


@pytest.fixture
def variant(request):
    return request.config.option.kernel


@pytest.mark.parametrize("misdeed", REPORTS)
def test_misdeed_is_reported(guest, variant, misdeed):
    if misdeed in ONLY_KASAN and variant != "kasan":
        pytest.skip("only KASAN watches for it")
    assert_reported(guest, misdeed, REPORTS[misdeed])


@pytest.mark.parametrize("misdeed", LOCK_REPORTS)
def test_misdeed_with_locks_is_reported(misdeed):
    with Guest(driver=None) as guest:
        assert_reported(guest, misdeed, LOCK_REPORTS[misdeed])


def test_race_is_reported(guest, variant):
    if variant != "kcsan":
        pytest.skip("only KCSAN watches for it")
    assert_reported(guest, "race", r"KCSAN: data-race in count_up")


def test_leak_is_found_once(guest):
    guest.leaks()
    commit(guest, "leak")
    with pytest.raises(AssertionError, match="(?s)unreferenced object .*misdeeds"):
        guest.leaks()
    with pytest.raises(AssertionError, match="new suspected memory leaks"):
        guest.check_console()
    guest.leaks()


def test_driver_comes_and_goes_without_a_report():
    """Probe, open, close and remove; then nothing is left behind."""
    with Guest(nics=[Nic(), Nic()], finds_leaks=True) as guest:
        for i in range(2):
            guest.sh(f"ip link set {guest.ifname(i)} up")
            guest.sh(f"ip link set {guest.ifname(i)} down")
        guest.sh("rmmod sluice", timeout=60)
        guest.leaks()
