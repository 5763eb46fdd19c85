/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: a patched-out jump each while nobody listens. They take what the
 * datapath has in a register: an argument that must be fetched, or a variable
 * whose address is taken, would cost every frame.
 */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM sluice

#if !defined(SLUICE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SLUICE_TRACE_H

#include <linux/netdevice.h>
#include <linux/tracepoint.h>
#include <sluice/types.h>

struct sluice_vector;

/* For the instance of the engine that the tests in kunit/ make. */
#if IS_ENABLED(CONFIG_KUNIT)
#define SLUICE_EXPORT_TRACEPOINT_IF_KUNIT(name)	EXPORT_TRACEPOINT_SYMBOL_GPL(name)
#else
#define SLUICE_EXPORT_TRACEPOINT_IF_KUNIT(name)	extern struct tracepoint __tracepoint_##name
#endif

TRACE_EVENT(sluice_rx_post,
	TP_PROTO(const struct sluice_vector *v, u32 slot),
	TP_ARGS(v, slot),
	TP_STRUCT__entry(
		__string(name, v->napi.dev->name)
		__field(u32, queue)
		__field(u32, slot)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->queue = v->index;
		__entry->slot = slot;
	),
	TP_printk("%s rx%u slot %u", __get_str(name), __entry->queue,
		  __entry->slot)
);

TRACE_EVENT(sluice_rx_completion,
	TP_PROTO(const struct sluice_vector *v, u32 slot, u32 len, u8 flags),
	TP_ARGS(v, slot, len, flags),
	TP_STRUCT__entry(
		__string(name, v->napi.dev->name)
		__field(u32, queue)
		__field(u32, slot)
		__field(u16, len)
		__field(u8, flags)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->queue = v->index;
		__entry->slot = slot;
		__entry->len = len;
		__entry->flags = flags;
	),
	TP_printk("%s rx%u slot %u len %u %s", __get_str(name), __entry->queue,
		  __entry->slot, __entry->len,
		  __print_flags(__entry->flags, "|",
				{ SLUICE_RX_EOP, "EOP" },
				{ SLUICE_RX_VLAN, "VLAN" },
				{ SLUICE_RX_CSUM_OK, "CSUM_OK" },
				{ SLUICE_RX_HW_ERR, "HW_ERR" },
				{ SLUICE_RX_CHAIN_BAD, "CHAIN_BAD" },
				{ SLUICE_RX_PARTIAL, "PARTIAL" }))
);

TRACE_EVENT(sluice_xdp_verdict,
	TP_PROTO(const struct sluice_vector *v, u32 verdict,
		 const struct xdp_buff *xdp),
	TP_ARGS(v, verdict, xdp),
	TP_STRUCT__entry(
		__string(name, v->napi.dev->name)
		__field(u32, queue)
		__field(u32, verdict)
		__field(u32, len)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->queue = v->index;
		__entry->verdict = verdict;
		__entry->len = xdp_get_buff_len(xdp);
	),
	TP_printk("%s rx%u verdict %u len %u", __get_str(name), __entry->queue,
		  __entry->verdict, __entry->len)
);

TRACE_EVENT(sluice_tx_completion,
	TP_PROTO(const struct sluice_vector *v, u32 frames, u32 bytes),
	TP_ARGS(v, frames, bytes),
	TP_STRUCT__entry(
		__string(name, v->napi.dev->name)
		__field(u32, queue)
		__field(u32, frames)
		__field(u32, bytes)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->queue = v->index;
		__entry->frames = frames;
		__entry->bytes = bytes;
	),
	TP_printk("%s tx%u frames %u bytes %u", __get_str(name),
		  __entry->queue, __entry->frames, __entry->bytes)
);

TRACE_EVENT(sluice_doorbell,
	TP_PROTO(const struct sluice_vector *v, bool tx, u32 descs),
	TP_ARGS(v, tx, descs),
	TP_STRUCT__entry(
		__string(name, v->napi.dev->name)
		__field(u32, queue)
		__field(bool, tx)
		__field(u32, descs)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->queue = v->index;
		__entry->tx = tx;
		__entry->descs = descs;
	),
	TP_printk("%s %s%u descs %u", __get_str(name),
		  __entry->tx ? "tx" : "rx", __entry->queue, __entry->descs)
);

TRACE_EVENT(sluice_reset,
	TP_PROTO(const struct net_device *netdev, u64 resets),
	TP_ARGS(netdev, resets),
	TP_STRUCT__entry(
		__string(name, netdev->name)
		__field(u64, resets)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->resets = resets;
	),
	TP_printk("%s reset %llu", __get_str(name), __entry->resets)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH sluice
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
