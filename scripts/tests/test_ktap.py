# SPDX-License-Identifier: GPL-2.0-only
"""The report of a selftest of the kernel's is read strictly: no result is no success."""
import pytest

import ktap

REPORT = """\
KTAP version 1
1..4
ok 1 stats.check_pause
ok 2 stats.check_fec # XFAIL FEC not supported by the device
# Check failed 3 != 4
not ok 3 stats.pkt_byte_sum
ok 4 stats.check_down # SKIP qstats not supported by the device
# Totals: pass:1 fail:1 xfail:1 xpass:0 skip:1 error:0
"""
BAD = {
    "nothing": "",
    "no plan": REPORT.replace("1..4\n", ""),
    "a plan of nothing": "KTAP version 1\n1..0\n",
    "too few results": REPORT.replace("ok 4 stats.check_down", "stopped: stats.check_down"),
    "a result missing in the middle": REPORT.replace("ok 1 stats.check_pause\n", ""),
    "too many results": REPORT + "ok 5 stats.more\n",
    "a name twice": REPORT.replace("check_pause", "check_down"),
    "an unknown directive": REPORT.replace("XFAIL", "LATER"),
    "nothing imported": "# No module named 'yaml'\nok 1 stats # SKIP\n",
}


def test_outcomes_are_those_of_the_report():
    assert ktap.outcomes(REPORT, 1) == {
        "stats.check_pause": ("pass", ""),
        "stats.check_fec": ("xfail", "FEC not supported by the device"),
        "stats.pkt_byte_sum": ("fail", "Check failed 3 != 4"),
        "stats.check_down": ("skip", "qstats not supported by the device")}


@pytest.mark.parametrize("name", BAD)
def test_incomplete_report_is_none(name):
    with pytest.raises(ktap.KtapError):
        ktap.outcomes(BAD[name], 1)


@pytest.mark.parametrize("text, status", [
    pytest.param(REPORT, 0, id="failed, 0"),
    pytest.param(REPORT.replace("not ok", "ok"), 1, id="not failed, 1"),
    pytest.param(REPORT, 137, id="killed")])
def test_exit_status_must_agree(text, status):
    with pytest.raises(ktap.KtapError, match="exit status"):
        ktap.outcomes(text, status)
