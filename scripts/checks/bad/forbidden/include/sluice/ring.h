/* no licence line */
#if 1
static inline void order(void) { smp_rmb(); readq(reg); }
#endif
