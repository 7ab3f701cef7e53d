#ifndef CHARTLOG_CLZ4_H
#define CHARTLOG_CLZ4_H
#include <lz4.h>
#include <lz4hc.h>
#include <string.h>

// A prepared stream (its table filled from a dictionary) is copied whole before each message; loading the dictionary
// anew would cost several times the message. The copy holds a pointer to the dictionary, which must stay in place.
static inline void clz4_copy(LZ4_stream_t *target, const LZ4_stream_t *source) { memcpy(target, source, sizeof *target); }
#endif
