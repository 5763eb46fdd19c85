// SPDX-License-Identifier: GPL-2.0-only
/// What a virtio device has written is read in this order: the word that says so, dma_rmb(), then
/// what it speaks of. A CPU may otherwise have read that before, when it was not yet written.
///
//# descriptor_read sees a test of ownership that is a field of the descriptor itself. Here it is
//# somewhere else: an index, a function whose name ends in _used, or a wait for the control queue,
//# whose answer is a byte of its memory; or the flags of an event, which make its place valid.
// Options: --no-includes

virtual report

@entry exists@
identifier fn, g;
struct vring_used_elem *e;
expression r, i;
position p;
@@
fn(...) {
... when != dma_rmb()
    when any
(
READ_ONCE(e->g@p)
|
READ_ONCE(r->used->ring[i].g@p)
|
READ_ONCE(r.used->ring[i].g@p)
)
... when any
}

@early exists@
identifier fn, g;
struct vring_used_elem *e;
expression u, r, i;
position p != entry.p;
@@
fn(...) {
... when any
READ_ONCE(u->idx)
... when != dma_rmb()
    when any
(
READ_ONCE(e->g@p)
|
READ_ONCE(r->used->ring[i].g@p)
|
READ_ONCE(r.used->ring[i].g@p)
)
... when any
}

@behind exists@
identifier fn, g, s =~ "_desc$", used =~ "_used$";
struct vring_used_elem *e;
struct s *d;
expression r, i;
position p != {entry.p, early.p};
@@
fn(...) {
... when any
used(...)
... when != dma_rmb()
    when any
(
READ_ONCE(e->g@p)
|
READ_ONCE(r->used->ring[i].g@p)
|
READ_ONCE(r.used->ring[i].g@p)
|
READ_ONCE(d->g@p)
|
READ_ONCE(r->desc[i].g@p)
|
READ_ONCE(r.desc[i].g@p)
)
... when any
}

@script:python depends on report@
p << entry.p;
g << entry.g;
@@
coccilib.report.print_report(
    p[0], "%s of a used entry is read without a barrier; look at the index, dma_rmb(), then read" % g)

@script:python depends on report@
p << early.p;
g << early.g;
@@
coccilib.report.print_report(
    p[0], "%s of a used entry may be read before the index; put dma_rmb() between" % g)

@script:python depends on report@
p << behind.p;
g << behind.g;
@@
coccilib.report.print_report(
    p[0], "%s may be read before the device was asked whether it is used; put dma_rmb() between" % g)

@answer exists@
identifier fn;
expression c;
position p;
@@
fn(...) {
... when any
read_poll_timeout(...)
... when != dma_rmb()
    when any
READ_ONCE@p(<+... c->memory ...+>)
... when any
}

@script:python depends on report@
p << answer.p;
@@
coccilib.report.print_report(
    p[0], "the answer may be read before the device has given it; put dma_rmb() behind the wait")

@event exists@
identifier fn, g;
expression r;
position p;
@@
fn(...) {
... when any
READ_ONCE(r->device->flags)
... when != dma_rmb()
    when any
READ_ONCE(r->device->g@p)
... when any
}

@script:python depends on report@
p << event.p;
g << event.g;
@@
if g != "flags":
    coccilib.report.print_report(
        p[0], "%s of an event may be read before its flags; put dma_rmb() between" % g)
