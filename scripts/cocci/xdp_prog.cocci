// SPDX-License-Identifier: GPL-2.0-only
/// The attached program changes under a running datapath: a poll reads the pointer once, and whoever
/// writes it does so in one piece.
///
//# The core may read it plainly, as it is changed under RTNL only.
// Options: --no-includes

virtual report

@once@
expression nic;
position p;
@@
\(READ_ONCE\|xchg\)(\(nic->xdp_prog@p\|&nic->xdp_prog@p\), ...)

@plain@
expression nic;
position p != once.p;
@@
nic->xdp_prog@p

@script:python depends on report@
p << plain.p;
@@
if p[0].file.startswith("include/"):
    coccilib.report.print_report(
        p[0], "the program may change between two readings; use the poll's, read by READ_ONCE()")

@torn@
expression nic, prog;
position p;
@@
nic->xdp_prog@p = prog

@script:python depends on report@
p << torn.p;
@@
coccilib.report.print_report(
    p[0], "a poll may read the program at this moment; use xchg() or WRITE_ONCE()")
