// SPDX-License-Identifier: GPL-2.0-only
/// Only a backend touches a register, or knows where one is: the engine and the core must run on
/// a NIC that has none.
///
//# scripts/checks/forbidden.py sees the plain call. This also sees an accessor that is handed to
//# somebody else, as read_poll_timeout() wants it, and every use of a mapped address. The NICs of
//# kunit/ are devices themselves and have registers of their own.
// Options: --no-includes

virtual report

@accessor@
identifier f =~ "^(__raw_)?(read|write)s?[bwlq](_relaxed)?(_poll_timeout(_atomic)?)?$|^io(read|write)(8|16|32|64)|^(in|out)s?[bwl]$|^mem(set|cpy_from|cpy_to)_?io$";
position p;
@@
f@p

@script:python depends on report@
p << accessor.p;
f << accessor.f;
@@
if p[0].file.startswith(("src/", "include/")) and not p[0].file.startswith("src/hw/"):
    coccilib.report.print_report(
        p[0], "%s outside src/hw; add an operation to struct sluice_hw_ops or sluice_dp" % f)

@mapped@
expression e, where;
position p;
@@
e->regs@p = where

@address@
expression e;
identifier f = {regs, doorbell};
position p != mapped.p;
@@
e->f@p

@script:python depends on report@
p << address.p;
f << address.f;
@@
if p[0].file.startswith(("src/", "include/")) and not p[0].file.startswith("src/hw/"):
    coccilib.report.print_report(
        p[0], "%s is used outside src/hw; add an operation to struct sluice_hw_ops or sluice_dp"
              % f)
