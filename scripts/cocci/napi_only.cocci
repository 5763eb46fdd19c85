// SPDX-License-Identifier: GPL-2.0-only
/// What recycles without a lock relies on NAPI's context. The core runs in process context, while
/// a NAPI of the same pool may be at work on another CPU.
///
// Options: --no-includes

virtual report

@direct@
identifier f = {xdp_return_buff, xdp_return_frame_rx_napi, napi_build_skb, napi_alloc_skb, napi_gro_receive, page_pool_recycle_direct, page_pool_dev_alloc_pages};
position p;
@@
f@p(...)

@allowed@
symbol true;
identifier f =~ "^page_pool_put_";
position p;
@@
f@p(..., true)

@script:python depends on report@
p << direct.p;
f << direct.f;
@@
if p[0].file.startswith("src/") and not p[0].file.endswith("_dp.c"):
    coccilib.report.print_report(
        p[0], "%s is for NAPI's context; use what needs none, as page_pool_put_full_page(..., false)"
              % f)

@script:python depends on report@
p << allowed.p;
f << allowed.f;
@@
if p[0].file.startswith("src/") and not p[0].file.endswith("_dp.c"):
    coccilib.report.print_report(
        p[0], "%s recycles as NAPI only may; give it false" % f)
