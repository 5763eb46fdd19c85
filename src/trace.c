// SPDX-License-Identifier: GPL-2.0-only
/* The bodies of the tracepoints. */

#include <sluice/ring.h>

#define CREATE_TRACE_POINTS
#include <sluice/trace.h>

SLUICE_EXPORT_TRACEPOINT_IF_KUNIT(sluice_rx_post);
SLUICE_EXPORT_TRACEPOINT_IF_KUNIT(sluice_rx_completion);
SLUICE_EXPORT_TRACEPOINT_IF_KUNIT(sluice_xdp_verdict);
SLUICE_EXPORT_TRACEPOINT_IF_KUNIT(sluice_tx_completion);
SLUICE_EXPORT_TRACEPOINT_IF_KUNIT(sluice_doorbell);
