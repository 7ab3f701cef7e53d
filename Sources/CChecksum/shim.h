// CRC32C (Castagnoli) through the processor's own instruction, as inline functions: no compiled C.
#ifndef CHARTLOG_CCHECKSUM_H
#define CHARTLOG_CCHECKSUM_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
static inline int cchecksum_crc32c_in_hardware(void) { return __builtin_cpu_supports("sse4.2") != 0; }

__attribute__((target("sse4.2"))) static inline uint32_t cchecksum_crc32c(
    uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *next = (const uint8_t *)bytes;
    uint64_t state = crc;
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        state = __builtin_ia32_crc32di(state, word);
        next += 8;
        count -= 8;
    }
    uint32_t narrow = (uint32_t)state;
    while (count > 0) {
        narrow = __builtin_ia32_crc32qi(narrow, *next);
        next += 1;
        count -= 1;
    }
    return narrow;
}
#else
static inline int cchecksum_crc32c_in_hardware(void) { return 0; }
static inline uint32_t cchecksum_crc32c(uint32_t crc, const void *bytes, size_t count) {
    (void)bytes;
    (void)count;
    return crc;
}
#endif
#endif
