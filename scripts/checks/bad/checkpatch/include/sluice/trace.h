/* SPDX-License-Identifier: GPL-2.0-only */
TRACE_EVENT(excused,
	TP_PROTO(int a),
	TP_ARGS(a),
	TP_STRUCT__entry(
		__field(int, a)
	)
);

int not_excused(
	int a);
