/* Products of bytes, for blocks of codes and some queries, as fast as the processor has them. */

#include <float.h>
#include <stdint.h>
#include <string.h>

#include "processors.h"

#define BLOCK 64 /* items whose codes lie together, four directions of each in a word */
#define TILE 6   /* queries that meet a block while its sums are held in registers */

/* Sums over all directions of query times (code - 128), for a block and a query: whole numbers, so that every processor
   finds the same. */
FOR_EACH_PROCESSOR static void plain_products(const uint8_t *code, const int8_t *query, int64_t width, int32_t *sums) {
    memset(sums, 0, BLOCK * sizeof *sums);
    for (int64_t j = 0; j < width; j += 4)
        for (int at = 0; at < BLOCK; at++) {
            const uint8_t *own = code + j * BLOCK + 4 * at;
            sums[at] += query[j] * (own[0] - 128) + query[j + 1] * (own[1] - 128) + query[j + 2] * (own[2] - 128) +
                        query[j + 3] * (own[3] - 128);
        }
}

#ifdef X86
/* Bytes are multiplied in pairs without an overflow where one of them has no sign, so the sign of a code goes to the
   query: |c| * (q with the sign of c). A step takes eight items and four directions, and some queries meet the same codes. */
__attribute__((target("avx2"))) INLINE void avx2_tile(const uint8_t *code, const int8_t *query, int64_t width, int count,
                                                      int32_t *sums) {
    const __m256i lift = _mm256_set1_epi8((char)128), ones = _mm256_set1_epi16(1);
    for (int part = 0; part < BLOCK / 8; part++, code += 32) {
        __m256i found[TILE] = {0};
        for (int64_t j = 0; j < width; j += 4) {
            const __m256i own = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(code + j * BLOCK)), lift);
            const __m256i size = _mm256_abs_epi8(own);
#pragma GCC unroll 6
            for (int row = 0; row < count; row++) {
                int32_t four;
                memcpy(&four, query + row * width + j, 4);
                const __m256i pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(_mm256_set1_epi32(four), own));
                found[row] = _mm256_add_epi32(found[row], _mm256_madd_epi16(pairs, ones));
            }
        }
        for (int row = 0; row < count; row++)
            _mm256_storeu_si256((__m256i *)(sums + row * BLOCK + part * 8), found[row]);
    }
}

__attribute__((target("avx2"))) static void avx2_products(const uint8_t *code, const int8_t *query, int64_t width,
                                                          int64_t count, int32_t *sums) {
    switch (count) {
    case 1: avx2_tile(code, query, width, 1, sums); break;
    case 2: avx2_tile(code, query, width, 2, sums); break;
    case 3: avx2_tile(code, query, width, 3, sums); break;
    case 4: avx2_tile(code, query, width, 4, sums); break;
    case 5: avx2_tile(code, query, width, 5, sums); break;
    default: avx2_tile(code, query, width, TILE, sums);
    }
}

/* The same of some queries, four directions in one step. Sums go by names, as arrays of them would not stay in registers;
   and by the instruction, as GCC 12 spills them around its own name for it. */
#define ADD_PRODUCTS(sums, codes, query) __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(codes), "v"(query))
#define EACH_QUERY(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)
#define BEGIN(own) __m512i a##own = {0}, b##own = {0}, c##own = {0}, d##own = {0};
#define MEET(own)                                        \
    if (own < count) {                                   \
        memcpy(&four, query + own * width + j, 4);       \
        const __m512i asked = _mm512_set1_epi32(four);   \
        ADD_PRODUCTS(a##own, a, asked);                  \
        ADD_PRODUCTS(b##own, b, asked);                  \
        ADD_PRODUCTS(c##own, c, asked);                  \
        ADD_PRODUCTS(d##own, d, asked);                  \
    }
#define END(own)                                                                                 \
    if (own < count) {                                                                           \
        const __m512i lift = _mm512_set1_epi32(lifts[own]);                                      \
        _mm512_storeu_si512(sums + own * BLOCK, _mm512_sub_epi32(a##own, lift));                 \
        _mm512_storeu_si512(sums + own * BLOCK + 16, _mm512_sub_epi32(b##own, lift));            \
        _mm512_storeu_si512(sums + own * BLOCK + 32, _mm512_sub_epi32(c##own, lift));            \
        _mm512_storeu_si512(sums + own * BLOCK + 48, _mm512_sub_epi32(d##own, lift));            \
    }

__attribute__((target("avx512f,avx512bw,avx512vnni"))) INLINE void tile(const uint8_t *code, const int8_t *query,
                                                                        const int32_t *lifts, int64_t width, int count,
                                                                        int32_t *sums) {
    EACH_QUERY(BEGIN)
    for (int64_t j = 0; j < width; j += 4, code += 4 * BLOCK) {
        const __m512i a = _mm512_loadu_si512(code), b = _mm512_loadu_si512(code + 64);
        const __m512i c = _mm512_loadu_si512(code + 128), d = _mm512_loadu_si512(code + 192);
        int32_t four;
        EACH_QUERY(MEET)
    }
    EACH_QUERY(END)
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static void vnni_products(
    const uint8_t *code, const int8_t *query, const int32_t *lifts, int64_t width, int64_t count, int32_t *sums) {
    switch (count) {
    case 1: tile(code, query, lifts, width, 1, sums); break;
    case 2: tile(code, query, lifts, width, 2, sums); break;
    case 3: tile(code, query, lifts, width, 3, sums); break;
    case 4: tile(code, query, lifts, width, 4, sums); break;
    case 5: tile(code, query, lifts, width, 5, sums); break;
    default: tile(code, query, lifts, width, TILE, sums);
    }
}
#endif

/* How these are found: 0 anywhere, 1 with AVX2, 2 with AVX512-VNNI. */
int recsys_fastest(void) {
#ifdef X86
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw")) return 2;
    if (__builtin_cpu_supports("avx2")) return 1;
#endif
    return 0;
}

/* (count, BLOCK) for the queries (count, width); lifts are 128 times the sums of each. */
static void products(int64_t kernel, const uint8_t *code, const int8_t *queries, const int32_t *lifts, int64_t width,
                     int64_t count, int32_t *sums) {
#ifdef X86
    if (kernel == 2) {
        vnni_products(code, queries, lifts, width, count, sums);
        return;
    }
    if (kernel == 1) {
        avx2_products(code, queries, width, count, sums);
        return;
    }
#endif
    for (int64_t own = 0; own < count; own++)
        plain_products(code, queries + own * width, width, sums + own * BLOCK);
}

/* Of a block the scores that reach a threshold, a bit each. */
INLINE uint64_t plain_reaching(const float *scores, float reach) {
    float largest = -FLT_MAX;
    uint64_t found = 0;
    for (int at = 0; at < BLOCK; at++) largest = scores[at] > largest ? scores[at] : largest;
    if (largest < reach) return 0;
    for (int at = 0; at < BLOCK; at++) found |= (uint64_t)(scores[at] >= reach) << at;
    return found;
}

#ifdef X86
__attribute__((target("avx2"))) static uint64_t avx2_reaching(const float *scores, float reach) {
    uint64_t found = 0;
    for (int at = 0; at < BLOCK; at += 8) {
        __m256 reached = _mm256_cmp_ps(_mm256_loadu_ps(scores + at), _mm256_set1_ps(reach), _CMP_GE_OQ);
        found |= (uint64_t)(uint32_t)_mm256_movemask_ps(reached) << at;
    }
    return found;
}

__attribute__((target("avx512f"))) static uint64_t avx512_reaching(const float *scores, float reach) {
    uint64_t found = 0;
    for (int at = 0; at < BLOCK; at += 16)
        found |= (uint64_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(scores + at), _mm512_set1_ps(reach), _CMP_GE_OQ) << at;
    return found;
}
#endif

INLINE uint64_t reaching(int64_t kernel, const float *scores, float reach) {
#ifdef X86
    if (kernel) return kernel == 2 ? avx512_reaching(scores, reach) : avx2_reaching(scores, reach);
#endif
    return plain_reaching(scores, reach);
}
