// SPDX-License-Identifier: GPL-2.0-only
/// The transmit lock is taken and released once on every path, by the same pair of functions.
///
//# A conditional lock counts as taken where the code goes on.
// Options: --no-includes

virtual report

@held exists@
identifier fn;
expression nq;
position p;
@@
fn(...) {
... when any
\(__netif_tx_lock@p(nq, ...)\|__netif_tx_lock_bh@p(nq)\)
... when != \(__netif_tx_unlock(nq)\|__netif_tx_unlock_bh(nq)\)
    when any
}

@tried exists@
identifier fn;
expression nq;
statement S;
position p;
@@
fn(...) {
... when any
if (!__netif_tx_trylock@p(nq)) S
... when != \(__netif_tx_unlock(nq)\|__netif_tx_unlock_bh(nq)\)
    when any
}

@script:python depends on report@
p << held.p;
fn << held.fn;
@@
coccilib.report.print_report(
    p[0], "a path through %s keeps this transmit lock; unlock before each return" % fn)

@script:python depends on report@
p << tried.p;
fn << tried.fn;
@@
coccilib.report.print_report(
    p[0], "a path through %s keeps this transmit lock; unlock before each return" % fn)

@unheld exists@
identifier fn;
expression nq;
position p;
@@
fn(...) {
... when != \(__netif_tx_lock(nq, ...)\|__netif_tx_lock_bh(nq)\|__netif_tx_trylock(nq)\)
    when any
\(__netif_tx_unlock@p(nq)\|__netif_tx_unlock_bh@p(nq)\)
... when any
}

@again exists@
expression nq;
position p;
@@
\(__netif_tx_unlock(nq)\|__netif_tx_unlock_bh(nq)\)
... when != \(__netif_tx_lock(nq, ...)\|__netif_tx_lock_bh(nq)\|__netif_tx_trylock(nq)\)
    when any
\(__netif_tx_unlock@p(nq)\|__netif_tx_unlock_bh@p(nq)\)

@script:python depends on report@
p << unheld.p;
@@
coccilib.report.print_report(
    p[0], "a path comes here without the transmit lock; lock on each path, or unlock on fewer")

@script:python depends on report@
p << again.p;
@@
coccilib.report.print_report(
    p[0], "a path unlocks the transmit queue a second time; unlock once")

@nested exists@
expression nq;
position p;
@@
\(__netif_tx_lock(nq, ...)\|__netif_tx_lock_bh(nq)\)
... when != \(__netif_tx_unlock(nq)\|__netif_tx_unlock_bh(nq)\)
    when any
\(__netif_tx_lock@p(nq, ...)\|__netif_tx_lock_bh@p(nq)\)

@script:python depends on report@
p << nested.p;
@@
coccilib.report.print_report(
    p[0], "a path locks the transmit queue that it has locked; it waits for itself for ever")

@enabling exists@
expression nq;
position p;
@@
__netif_tx_lock(nq, ...)
... when != __netif_tx_unlock(nq)
    when any
__netif_tx_unlock_bh@p(nq)

@disabling exists@
expression nq;
position p;
@@
__netif_tx_lock_bh(nq)
... when != __netif_tx_unlock_bh(nq)
    when any
__netif_tx_unlock@p(nq)

@script:python depends on report@
p << enabling.p;
@@
coccilib.report.print_report(
    p[0], "the lock was taken without _bh, and this enables softirqs once too often; use"
          " __netif_tx_unlock()")

@script:python depends on report@
p << disabling.p;
@@
coccilib.report.print_report(
    p[0], "the lock was taken with _bh, and softirqs stay disabled; use __netif_tx_unlock_bh()")
