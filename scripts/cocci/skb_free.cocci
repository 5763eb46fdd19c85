// SPDX-License-Identifier: GPL-2.0-only
/// The datapath frees an skb that was sent with napi_consume_skb() and one that is lost with
/// dev_kfree_skb_any(). Netpoll calls it with interrupts off, where others may not free.
///
// Options: --no-includes

virtual report

@plain@
identifier f =~ "^(__)?(kfree_skb|consume_skb|dev_kfree_skb|dev_consume_skb)(_irq|_reason|_list)?$";
position p;
@@
f@p(...)

@script:python depends on report@
p << plain.p;
f << plain.f;
@@
if p[0].file.startswith("include/") or p[0].file.endswith("_dp.c"):
    coccilib.report.print_report(
        p[0], "%s cannot be called in every context of the datapath; use napi_consume_skb() for"
              " sent frames and dev_kfree_skb_any() for lost ones" % f)

// A budget that is not NAPI's says that NAPI frees, and the skb goes to a cache that is NAPI's.

@budget@
constant c != 0;
expression skb;
position p;
@@
napi_consume_skb@p(skb, c)

@script:python depends on report@
p << budget.p;
@@
coccilib.report.print_report(
    p[0], "the budget is made up; pass NAPI's, or 0 outside of NAPI")
