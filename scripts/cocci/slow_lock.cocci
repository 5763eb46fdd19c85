// SPDX-License-Identifier: GPL-2.0-only
/// Locks of the slow path are released on every path, and nothing sleeps under a spinning one.
///
//# The kernel's own rules know mutexes and spinlocks by name, not what is built of them.
// Options: --no-includes

virtual report

//# Between the halves of a reload nobody shall find the device: the other half releases RTNL.

@rtnl exists@
identifier fn != { sluice_reload_down };
position p;
@@
fn(...) {
... when any
rtnl_lock@p()
... when != rtnl_unlock()
    when any
}

@address exists@
identifier fn;
expression netdev;
position p;
@@
fn(...) {
... when any
netif_addr_lock_bh@p(netdev)
... when != netif_addr_unlock_bh(netdev)
    when any
}

@spin exists@
identifier fn;
expression lock;
position p;
@@
fn(...) {
... when any
spin_lock_bh@p(lock)
... when != spin_unlock_bh(lock)
    when any
}

@softirq exists@
identifier fn;
position p;
@@
fn(...) {
... when any
local_bh_disable@p()
... when != local_bh_enable()
    when any
}

@script:python depends on report@
p << rtnl.p;
@@
coccilib.report.print_report(p[0], "a path keeps RTNL; call rtnl_unlock() before each return")

@script:python depends on report@
p << address.p;
@@
coccilib.report.print_report(
    p[0], "a path keeps the address lock; call netif_addr_unlock_bh() before each return")

@script:python depends on report@
p << spin.p;
@@
coccilib.report.print_report(
    p[0], "a path keeps this spinlock; call spin_unlock_bh() before each return")

@script:python depends on report@
p << softirq.p;
@@
coccilib.report.print_report(
    p[0], "a path keeps softirqs off; call local_bh_enable() before each return")

@sleeps exists@
identifier lock =~ "^(__netif_tx_(try)?lock(_bh)?|netif_addr_lock(_bh)?|spin_lock(_bh|_irq)?|local_bh_disable)$";
identifier unlock =~ "^(__netif_tx_unlock(_bh)?|netif_addr_unlock(_bh)?|spin_unlock(_bh|_irq)?|local_bh_enable)$";
identifier sleep =~ "^(msleep|usleep_range|fsleep|read_poll_timeout|cancel_work_sync|flush_work|napi_(disable|synchronize)|synchronize_(net|rcu|irq)|mutex_lock|rtnl_lock|request_irq|free_irq|page_pool_destroy)$";
position p;
@@
lock(...)
... when != unlock(...)
    when any
sleep@p(...)

@script:python depends on report@
p << sleeps.p;
lock << sleeps.lock;
sleep << sleeps.sleep;
@@
coccilib.report.print_report(
    p[0], "%s sleeps, and %s forbids it; do it before or behind" % (sleep, lock))
