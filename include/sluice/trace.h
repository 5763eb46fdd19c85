/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints: a patched-out jump each while nobody listens. */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM sluice

#if !defined(SLUICE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SLUICE_TRACE_H

#include <linux/netdevice.h>
#include <linux/tracepoint.h>
#include <sluice/types.h>

/* For the instance of the engine that the tests in kunit/ make. */
#if IS_ENABLED(CONFIG_KUNIT)
#define SLUICE_EXPORT_TRACEPOINT_IF_KUNIT(name)	EXPORT_TRACEPOINT_SYMBOL_GPL(name)
#else
#define SLUICE_EXPORT_TRACEPOINT_IF_KUNIT(name)	extern struct tracepoint __tracepoint_##name
#endif

TRACE_EVENT(sluice_rx_post,
	TP_PROTO(const struct net_device *netdev, u32 queue, u32 slot),
	TP_ARGS(netdev, queue, slot),
	TP_STRUCT__entry(
		__string(name, netdev->name)
		__field(u32, queue)
		__field(u32, slot)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->queue = queue;
		__entry->slot = slot;
	),
	TP_printk("%s rx%u slot %u", __get_str(name), __entry->queue,
		  __entry->slot)
);

TRACE_EVENT(sluice_rx_completion,
	TP_PROTO(const struct net_device *netdev, u32 queue,
		 const struct sluice_rx_cmpl *c),
	TP_ARGS(netdev, queue, c),
	TP_STRUCT__entry(
		__string(name, netdev->name)
		__field(u32, queue)
		__field(u32, slot)
		__field(u16, len)
		__field(u8, flags)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->queue = queue;
		__entry->slot = c->slot;
		__entry->len = c->len;
		__entry->flags = c->flags;
	),
	TP_printk("%s rx%u slot %u len %u %s", __get_str(name), __entry->queue,
		  __entry->slot, __entry->len,
		  __print_flags(__entry->flags, "|",
				{ SLUICE_RX_EOP, "EOP" },
				{ SLUICE_RX_VLAN, "VLAN" },
				{ SLUICE_RX_CSUM_OK, "CSUM_OK" },
				{ SLUICE_RX_HW_ERR, "HW_ERR" }))
);

TRACE_EVENT(sluice_xdp_verdict,
	TP_PROTO(const struct net_device *netdev, u32 queue, u32 verdict,
		 u32 len),
	TP_ARGS(netdev, queue, verdict, len),
	TP_STRUCT__entry(
		__string(name, netdev->name)
		__field(u32, queue)
		__field(u32, verdict)
		__field(u32, len)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->queue = queue;
		__entry->verdict = verdict;
		__entry->len = len;
	),
	TP_printk("%s rx%u verdict %u len %u", __get_str(name), __entry->queue,
		  __entry->verdict, __entry->len)
);

TRACE_EVENT(sluice_tx_completion,
	TP_PROTO(const struct net_device *netdev, u32 queue, u32 frames,
		 u32 bytes),
	TP_ARGS(netdev, queue, frames, bytes),
	TP_STRUCT__entry(
		__string(name, netdev->name)
		__field(u32, queue)
		__field(u32, frames)
		__field(u32, bytes)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->queue = queue;
		__entry->frames = frames;
		__entry->bytes = bytes;
	),
	TP_printk("%s tx%u frames %u bytes %u", __get_str(name),
		  __entry->queue, __entry->frames, __entry->bytes)
);

TRACE_EVENT(sluice_doorbell,
	TP_PROTO(const struct net_device *netdev, u32 queue, bool tx, u32 descs),
	TP_ARGS(netdev, queue, tx, descs),
	TP_STRUCT__entry(
		__string(name, netdev->name)
		__field(u32, queue)
		__field(bool, tx)
		__field(u32, descs)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->queue = queue;
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
