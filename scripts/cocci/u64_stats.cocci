// SPDX-License-Identifier: GPL-2.0-only
/// A counter is written between u64_stats_update_begin() and _end(), on every path. Only a 32-bit
/// kernel would notice, and none runs the tests.
///
// Options: --no-includes

virtual report

@outside exists@
identifier fn, f =~ "^u64_stats_(add|sub|inc|set)$";
position p;
@@
fn(...) {
... when != u64_stats_update_begin(...)
    when any
f@p(...)
... when any
}

@behind exists@
identifier f =~ "^u64_stats_(add|sub|inc|set)$";
position p;
@@
u64_stats_update_end(...)
... when != u64_stats_update_begin(...)
    when any
f@p(...)

@script:python depends on report@
p << outside.p;
f << outside.f;
@@
coccilib.report.print_report(
    p[0], "%s on a path without u64_stats_update_begin(); put the pair around it" % f)

@script:python depends on report@
p << behind.p;
f << behind.f;
@@
coccilib.report.print_report(
    p[0], "%s after u64_stats_update_end(); put it into the pair" % f)

@open exists@
identifier fn;
expression syncp;
position p;
@@
fn(...) {
... when any
u64_stats_update_begin@p(syncp)
... when != u64_stats_update_end(syncp)
    when any
}

@script:python depends on report@
p << open.p;
@@
coccilib.report.print_report(
    p[0], "a path leaves the sequence odd, and every reader spins; call u64_stats_update_end() on"
          " each")
