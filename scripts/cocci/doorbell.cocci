// SPDX-License-Identifier: GPL-2.0-only
/// Whatever leaves a transmit function, what it or an earlier call with xmit_more has put into the
/// ring gets its doorbell, or another frame is certain to come.
///
//# The bell is due is what sluice_tx_take() and the functions it ends with say by true; the ones
//# who add XDP frames ring it before they let the lock go.
// Options: --no-includes

virtual report

// ndo_start_xmit: no way out beside sluice_tx_take(), whose answer is followed.

@past exists@
identifier fn;
position p;
@@
fn(...) {
... when != sluice_tx_take(...)
    when any
return@p \(NETDEV_TX_OK\|NETDEV_TX_BUSY\);
}

@script:python depends on report@
p << past.p;
fn << past.fn;
@@
coccilib.report.print_report(
    p[0], "%s leaves frames of earlier calls without a doorbell; lose the frame by"
          " sluice_tx_drop() in sluice_tx_take()" % fn)

@followed@
expression dp, q, skb;
position p;
@@
if (sluice_tx_take@p(dp, q, skb))
	sluice_tx_flush(dp, q);

@ignored@
position p != followed.p;
@@
sluice_tx_take@p(...)

@script:python depends on report@
p << ignored.p;
@@
coccilib.report.print_report(
    p[0], "the doorbell that sluice_tx_take() asks for is not rung; call sluice_tx_flush() when it"
          " is true")

// What asks for the doorbell.

@asks@
symbol true;
position p;
@@
(
return@p true;
|
return@p sluice_tx_drop(...);
|
return@p sluice_tx_commit(...);
)

@silent exists@
identifier fn = {sluice_tx_take, sluice_tx_drop};
position p != asks.p;
@@
fn(...) {
... when any
return@p ...;
}

@script:python depends on report@
p << silent.p;
fn << silent.fn;
@@
coccilib.report.print_report(
    p[0], "%s may leave frames of earlier calls without a doorbell; return true, or what"
          " sluice_tx_drop() or sluice_tx_commit() return" % fn)

@stopped exists@
expression e != true;
position p;
@@
netif_tx_stop_queue(...)
... when any
return@p e;

@script:python depends on report@
p << stopped.p;
@@
coccilib.report.print_report(
    p[0], "a stopped queue sends no further frame that could ring the doorbell; return true")

@unheard@
position p;
@@
(
__netdev_tx_sent_queue@p(...);
|
netdev_tx_sent_queue@p(...)
)

@script:python depends on report@
p << unheard.p;
@@
coccilib.report.print_report(
    p[0], "BQL may stop the queue, and then no frame rings the doorbell; return what"
          " __netdev_tx_sent_queue() says")

// XDP: the lock is let go, or the poll ended, with frames that nobody rings for.

@unlocked exists@
position p;
@@
sluice_xdp_queue_all(...)
... when != sluice_tx_flush(...)
    when != XDP_XMIT_FLUSH
    when any
\(__netif_tx_unlock@p\|__netif_tx_unlock_bh@p\)(...)

@script:python depends on report@
p << unlocked.p;
@@
coccilib.report.print_report(
    p[0], "XDP frames are in the ring without a doorbell; call sluice_tx_flush() before the unlock")

@gathered exists@
expression dp, poll;
statement S;
position p;
@@
sluice_rx_one(dp, poll, ...)
... when != if (poll->nbulk) S
    when any
return@p ...;

@script:python depends on report@
p << gathered.p;
@@
coccilib.report.print_report(
    p[0], "the poll ends with XDP_TX frames on its stack; call sluice_xdp_tx_flush() if there are"
          " any")

@redirected exists@
expression dp, poll;
statement S;
position p;
@@
sluice_rx_one(dp, poll, ...)
... when != if (poll->redirected) S
    when any
return@p ...;

@script:python depends on report@
p << redirected.p;
@@
coccilib.report.print_report(
    p[0], "the poll ends with redirected frames in their bulk queues; call xdp_do_flush() if there"
          " are any")
