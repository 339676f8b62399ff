// Closes what vector_types.h opened.
#undef MIV_INLINE
#undef MIV_LANES
#undef MIV_NAME
#undef MIV_PAIRS
#undef MIV_TARGET
