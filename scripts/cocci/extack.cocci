// SPDX-License-Identifier: GPL-2.0-only
/// Who is given an extack says there why it refuses: the user sees an error number otherwise.
///
//# Handing the extack on counts as having said it.
// Options: --no-includes

virtual report

@given@
identifier fn, x;
parameter list[n] before;
parameter list[m] after;
@@
fn(before, struct netlink_ext_ack *x, after) { ... }

// A message right before the refusal, in the same branch.

@said@
identifier given.x, say;
expression list[n] before;
expression list[m] after;
constant C;
position p;
@@
say(before, x, after);
return@p -C;

@asked@
identifier given.x;
statement S1, S2;
constant C;
position p;
@@
if (x)
	S1
else
	S2
return@p -C;

@mute exists@
identifier given.fn;
constant C;
position p != {said.p, asked.p};
@@
fn(...) {
... when any
return@p -C;
}

@script:python depends on report@
p << mute.p;
fn << given.fn;
C << mute.C;
@@
coccilib.report.print_report(
    p[0], "%s refuses with -%s and no reason; say it with NL_SET_ERR_MSG_FMT_MOD()" % (fn, C))

// An error of somebody who was not given the extack.

@told@
identifier given.x;
expression err;
position p;
@@
err =@p <+... x ...+>

@relayed exists@
identifier given.fn, given.x;
expression err, e;
position q != told.p, p;
@@
fn(...) {
... when any
err =@q e;
if (err) {
	... when != x
	return@p err;
}
... when any
}

@script:python depends on report@
p << relayed.p;
fn << given.fn;
@@
coccilib.report.print_report(
    p[0], "%s passes an error on without a reason; say it with NL_SET_ERR_MSG_FMT_MOD()" % fn)

@handed@
identifier given.x;
position p;
@@
return@p <+... x ...+>;

@withheld exists@
identifier given.fn, given.x;
expression callee;
position p != handed.p;
@@
fn(...) {
... when != x
    when any
return@p callee(...);
}

@script:python depends on report@
p << withheld.p;
fn << given.fn;
@@
coccilib.report.print_report(
    p[0], "%s keeps its extack from the function that decides; hand it on" % fn)
