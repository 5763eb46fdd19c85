// SPDX-License-Identifier: GPL-2.0-only
/// A descriptor is read in this order: the field that tells whose it is, dma_rmb(), the rest. A CPU
/// may otherwise have read the rest before, when it was not yet written.
///
//# A descriptor is a struct whose name ends in _desc. The first field of it that a function reads
//# is taken for the ownership test. A function that ends with anything but false has found the
//# descriptor to be its own: its caller may read what the device has written elsewhere.
// Options: --no-includes

virtual report

@early exists@
identifier fn, s =~ "_desc$", f, g, h;
struct s *d;
position p;
@@
fn(...) {
... when != READ_ONCE(d->h)
    when any
READ_ONCE(d->f)
... when != dma_rmb()
    when any
d->g@p
... when any
}

@script:python depends on report@
p << early.p;
f << early.f;
g << early.g;
@@
if f != g:
    coccilib.report.print_report(
        p[0], "%s of a descriptor may be read before %s; put dma_rmb() between" % (g, f))

@found exists@
identifier fn, s =~ "_desc$", f, h;
struct s *d;
expression e != false;
position p;
@@
fn(...) {
... when != READ_ONCE(d->h)
    when any
READ_ONCE(d->f)
... when != dma_rmb()
    when any
return@p e;
}

@shown exists@
identifier fn, s =~ "_desc$", f;
struct s *d;
position p;
@@
fn(...) {
... when any
return@p <+... READ_ONCE(d->f) ...+>;
}

@script:python depends on report@
p << shown.p;
fn << shown.fn;
f << shown.f;
@@
coccilib.report.print_report(
    p[0], "%s gives a descriptor to its caller without a barrier; test %s, then dma_rmb(), then"
          " return true" % (fn, f))

@script:python depends on report@
p << found.p;
fn << found.fn;
f << found.f;
@@
coccilib.report.print_report(
    p[0], "%s gives a descriptor to its caller without a barrier; put dma_rmb() after the test"
          " of %s" % (fn, f))

@once@
identifier s =~ "_desc$", f;
struct s *d;
expression e;
position p;
@@
(
READ_ONCE(d->f@p)
|
d->f@p = e
)

@plain@
identifier s =~ "_desc$", f;
struct s *d;
position p != once.p;
@@
d->f@p

@script:python depends on report@
p << plain.p;
f << plain.f;
@@
if p[0].file.endswith("_dp.c"):
    coccilib.report.print_report(
        p[0], "%s may be written by the device while it is read; use READ_ONCE()" % f)
