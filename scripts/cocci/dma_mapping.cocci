// SPDX-License-Identifier: GPL-2.0-only
/// A mapping may fail: its address goes to sluice_tx_add(), which tests it, or is tested at once.
///
// Options: --no-includes

virtual report

@added@
expression dp, q;
identifier map =~ "^(dma_map_(single|page|single_attrs|page_attrs|resource)|skb_frag_dma_map)$";
position p;
@@
sluice_tx_add(dp, q, <+... map@p(...) ...+>, ...)

@tested@
expression dma, dev;
identifier map =~ "^(dma_map_(single|page|single_attrs|page_attrs|resource)|skb_frag_dma_map)$";
position p;
@@
dma = map@p(...);
if (<+... dma_mapping_error(dev, dma) ...+>) { ... return ...; }

@untested@
identifier map =~ "^(dma_map_(single|page|single_attrs|page_attrs|resource)|skb_frag_dma_map)$";
position p != {added.p, tested.p};
@@
map@p(...)

@script:python depends on report@
p << untested.p;
map << untested.map;
@@
coccilib.report.print_report(
    p[0], "nobody asks whether %s has failed; give its address to sluice_tx_add(), or"
          " dma_mapping_error() right behind it" % map)

@believed exists@
identifier fn = {sluice_tx_add}, dma;
parameter list[n] before;
parameter list[m] after;
position p;
@@
fn(before, dma_addr_t dma, after) {
... when != dma_mapping_error(..., dma)
    when any
sluice_tx_put_mapped@p(...)
... when any
}

@script:python depends on report@
p << believed.p;
@@
coccilib.report.print_report(
    p[0], "an address that may be none goes to the device; ask dma_mapping_error() before")
