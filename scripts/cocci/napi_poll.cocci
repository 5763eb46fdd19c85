// SPDX-License-Identifier: GPL-2.0-only
/// The end of a poll: interrupts come on again only if napi_complete_done() says that NAPI is done,
/// and a poll without a budget, netpoll's, does not receive.
///
// Options: --no-includes

virtual report

@ignored@
position p;
@@
\(napi_complete_done@p(...)\|napi_complete@p(...)\);

@script:python depends on report@
p << ignored.p;
@@
if p[0].file.startswith(("include/", "src/")):
    coccilib.report.print_report(
        p[0], "NAPI may have been scheduled again, which only the result tells; enable interrupts"
              " if it is true")

@done@
expression dp, e;
statement S;
position p;
@@
(
if (\(napi_complete_done(...)\|e && napi_complete_done(...)\))
	dp->irq_enable@p(...);
else S
|
if (\(napi_complete_done(...)\|e && napi_complete_done(...)\))
	dp->irq_enable@p(...);
)

@busy@
expression dp;
position p != done.p;
@@
dp->irq_enable@p(...)

@script:python depends on report@
p << busy.p;
@@
coccilib.report.print_report(
    p[0], "interrupts come on while NAPI may poll; enable them only if napi_complete_done()"
          " is true")

@netpoll exists@
identifier fn, budget;
parameter list[n] before;
statement S;
position p;
@@
fn(before, int budget) {
... when != if (<+... !budget ...+>) S
    when any
sluice_poll_rx@p(...)
... when any
}

@script:python depends on report@
p << netpoll.p;
@@
coccilib.report.print_report(
    p[0], "netpoll comes with interrupts off and a budget of 0, and may not receive; return before"
          " if there is no budget")
