// SPDX-License-Identifier: GPL-2.0-only
/// Every page of the driver is a page pool's, with the pool's DMA mapping: it goes back to the pool.
/// A plain put leaks the mapping, and the pool waits for the page when it is destroyed.
///
// Options: --no-includes

virtual report

@plain@
identifier f =~ "^(put_page|__?free_pages?|page_frag_free|skb_frag_unref|__skb_frag_unref|folio_put|alloc_pages?|dev_alloc_pages?|__get_free_pages?)$";
position p;
@@
f@p(...)

@script:python depends on report@
p << plain.p;
f << plain.f;
@@
if p[0].file.startswith(("src/", "include/")):
    coccilib.report.print_report(
        p[0], "%s passes the page pool by; use page_pool_alloc_pages() and page_pool_put_full_page()"
              % f)
