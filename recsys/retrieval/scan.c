/* The loops over all items that numpy has no fast way to write. scan.py says what they take and give.

   Compiled without leave to change the order of a sum, so that exact scores are the same bit by bit on every machine;
   with leave to take all numbers for finite, which the callers see to. */

#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))
#define AHEAD 4  /* items whose vectors are on their way from memory */
#define BLOCK 64 /* items: one direction of them is a line of the cache */
#define PART 32  /* scores of which the largest is looked at first */

typedef float f16 __attribute__((vector_size(64)));
typedef uint32_t u16 __attribute__((vector_size(64)));

/* Sums of query times (1 + code / 256) for a block: a code is the leading bits of a fraction, which spares its
   conversion. A byte of each of sixteen words is an item: word l holds the items l, 16 + l, 32 + l and 48 + l. */
INLINE void fractions(const uint8_t *code, const float *query, int64_t r, float *sums) {
    f16 a = {0}, b = {0}, c = {0}, d = {0};
    for (int64_t j = 0; j < r; j++) {
        u16 words;
        memcpy(&words, code + j * BLOCK, BLOCK);
        a += query[j] * (f16)((words << 15 & 0x7f8000u) | 0x3f800000u);
        b += query[j] * (f16)((words << 7 & 0x7f8000u) | 0x3f800000u);
        c += query[j] * (f16)((words >> 1 & 0x7f8000u) | 0x3f800000u);
        d += query[j] * (f16)((words >> 9 & 0x7f8000u) | 0x3f800000u);
    }
    memcpy(sums, &a, 64), memcpy(sums + 16, &b, 64), memcpy(sums + 32, &c, 64), memcpy(sums + 48, &d, 64);
}

/* A number that rises while the score falls, then with the place; -0.0 is 0.0. */
INLINE uint64_t key_of(float score, uint32_t place) {
    uint32_t bits;
    memcpy(&bits, &score, 4);
    if (bits == 0x80000000u) bits = 0;
    bits = bits >> 31 ? bits : ~bits & 0x7fffffffu;
    return (uint64_t)bits << 32 | place;
}

INLINE float score_of(uint64_t key) {
    uint32_t bits = (uint32_t)(key >> 32);
    float score;
    bits = bits >> 31 ? bits : ~bits & 0x7fffffffu;
    memcpy(&score, &bits, 4);
    return score;
}

/* The n-th least key; the lesser ones are put before it. */
static uint64_t nth(uint64_t *keys, long count, long n) {
    long low = 0, high = count - 1, place = n - 1;
    while (low < high) {
        uint64_t pivot = keys[low + (high - low) / 2];
        long a = low, b = high;
        while (a <= b) {
            while (keys[a] < pivot) a++;
            while (keys[b] > pivot) b--;
            if (a <= b) {
                uint64_t held = keys[a];
                keys[a++] = keys[b];
                keys[b--] = held;
            }
        }
        if (place <= b) high = b;
        else if (place >= a) low = a;
        else break;
    }
    return keys[place];
}

static int rising(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static int among(int32_t item, const int32_t *ascending, int64_t count) {
    while (count > 0) {
        int64_t half = count / 2;
        if (ascending[half] == item) return 1;
        if (ascending[half] < item) ascending += half + 1, count -= half + 1;
        else count = half;
    }
    return 0;
}

/* Eight sums by place, then these by halves: numpy does the same where there is no compiler. */
INLINE double inner(const float *item, const double *query, long d) {
    double sums[8] = {0};
    long at = 0;
    for (; at + 8 <= d; at += 8)
        for (int lane = 0; lane < 8; lane++) sums[lane] += (double)item[at + lane] * query[at + lane];
    for (int lane = 0; at + lane < d; lane++) sums[lane] += (double)item[at + lane] * query[at + lane];
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

FOR_EACH_PROCESSOR void recsys_inner(const float *items, const double *query, double *out, int64_t count, int64_t d) {
    for (int64_t at = 0; at < count; at++) out[at] = inner(items + at * d, query, d);
}

typedef struct {
    /* Either codes (blocks, r, BLOCK) with each (2, blocks * BLOCK) and asked (rows, r) ... */
    const uint8_t *codes; /* 128 more than what they stand for */
    const float *each, *asked;
    /* ... or scores (rows, columns) of the items ids, or of all where that is NULL. */
    const float *block;
    const int32_t *ids;
    const float *items;    /* (all, d) */
    const double *queries; /* (rows, d) */
    const float *bias;     /* a row of its own every bias_stride numbers; or NULL */
    const float *off;      /* (rows, 3) */
    const uint8_t *allowed;
    const int32_t *hidden;
    const int64_t *begins;
    int64_t r, d, bias_stride, columns, rows, n, room;
} search;

/* What may be among the best of a row: ascending columns, and how much their scores can be at most and at least. */
typedef struct {
    int32_t *places;
    float *high, *low, reach;
    int64_t held, full; /* held is -1 where that became more than half the room */
} candidates;

INLINE int32_t item_of(const search *s, int64_t place) { return s->ids ? s->ids[place] : (int32_t)place; }

/* Drop what does not reach the n-th best of what the scores are at least. */
static void cut(const search *s, candidates *near, uint64_t *keys) {
    int64_t kept = 0;
    for (int64_t at = 0; at < near->held; at++) keys[at] = key_of(near->low[at], 0);
    near->reach = score_of(nth(keys, near->held, s->n));
    for (int64_t at = 0; at < near->held; at++)
        if (near->high[at] >= near->reach) {
            near->places[kept] = near->places[at];
            near->high[kept] = near->high[at];
            near->low[kept++] = near->low[at];
        }
    near->held = 2 * kept > s->room ? -1 : kept;
    near->full = near->full > 2 * kept ? near->full : 2 * kept;
}

/* Take from the next scores of a row what may be among its best. */
INLINE void offer(const search *s, int64_t row, candidates *near, uint64_t *keys, const float *scores, int64_t first,
                  int64_t count) {
    const float *off = s->off + 3 * row, *scale = s->each, *rest = s->each + (s->columns + BLOCK - 1) / BLOCK * BLOCK;
    for (int64_t begin = 0; begin < count; begin += PART) {
        int64_t end = begin + PART < count ? begin + PART : count;
        float largest = -FLT_MAX;
        for (int64_t at = begin; at < end; at++) largest = scores[at] > largest ? scores[at] : largest;
        if (largest < near->reach) continue;
        for (int64_t at = begin; at < end && near->held >= 0; at++) {
            int32_t item = item_of(s, first + at);
            int64_t taken = s->begins[row + 1] - s->begins[row];
            if (scores[at] < near->reach || !s->allowed[item]) continue;
            if (taken && among(item, s->hidden + s->begins[row], taken)) continue;
            near->places[near->held] = (int32_t)(first + at);
            near->high[near->held] = scores[at];
            near->low[near->held] = scores[at] - off[2];
            if (s->codes) near->low[near->held] -= 2 * (off[0] * scale[first + at] + off[1] * rest[first + at]);
            if (++near->held == near->full) cut(s, near, keys);
        }
    }
}

INLINE void by_scores(const search *s, int64_t row, candidates *near, uint64_t *keys) {
    const float *bias = s->bias ? s->bias + row * s->bias_stride : NULL;
    for (int64_t first = 0; first < s->columns; first += BLOCK) {
        int64_t count = s->columns - first < BLOCK ? s->columns - first : BLOCK;
        const float *scores = s->block + row * s->columns + first;
        float sums[BLOCK];
        if (bias) {
            for (int64_t at = 0; at < count; at++) sums[at] = scores[at] + bias[item_of(s, first + at)];
            scores = sums;
        }
        offer(s, row, near, keys, scores, first, count);
    }
}

INLINE void by_codes(const search *s, candidates *near, uint64_t *keys, const float *zero, float *flat) {
    const float *rests = s->each + (s->columns + BLOCK - 1) / BLOCK * BLOCK;
    for (int64_t first = 0; first < s->columns; first += BLOCK) {
        const uint8_t *code = s->codes + first * s->r;
        const float *scale = s->each + first, *rest = rests + first;
        int64_t count = s->columns - first < BLOCK ? s->columns - first : BLOCK;
        uint8_t some = 0;
        for (int64_t at = 0; at < count; at++) some |= s->allowed[first + at];
        if (!some) continue;
        if (flat)
            for (int64_t j = 0; j < s->r * 4; j++)
                for (int at = 0; at < 16; at++) flat[j * 16 + at] = 1 + code[j / 4 * BLOCK + at * 4 + j % 4] / 256.0f;
        for (int64_t row = 0; row < s->rows; row++) {
            const float *query = s->asked + row * s->r, *off = s->off + 3 * row;
            float sums[BLOCK] = {0};
            if (flat)
                for (int64_t j = 0; j < s->r; j++)
                    for (int at = 0; at < BLOCK; at++) sums[at] += query[j] * flat[j * BLOCK + at];
            else
                fractions(code, query, s->r, sums);
            for (int at = 0; at < BLOCK; at++)
                sums[at] = scale[at] * (256 * (sums[at] - zero[row]) + off[0]) + off[1] * rest[at];
            if (s->bias)
                for (int64_t at = 0; at < count; at++) sums[at] += s->bias[row * s->bias_stride + first + at];
            offer(s, row, near + row, keys, sums, first, count);
        }
    }
}

/* The best of a row into out, and how many; those that look best are scored first, then what may pass the last of them. */
INLINE int64_t ranked(const search *s, int64_t row, candidates *near, uint64_t *keys, int32_t *out, float *values) {
    const float *bias = s->bias ? s->bias + row * s->bias_stride : NULL;
    int64_t count = 0;
    float first = -FLT_MAX, least = FLT_MAX;
    if (near->held > s->n) cut(s, near, keys);
    if (near->held > 2 * s->n) {
        for (int64_t at = 0; at < near->held; at++) keys[at] = key_of(near->high[at], 0);
        first = score_of(nth(keys, near->held, s->n));
    }
    for (int turn = 0; turn < (first > -FLT_MAX ? 2 : 1); turn++) {
        for (int64_t at = 0; at < near->held; at++) {
            if (at + AHEAD < near->held)
                for (int64_t line = 0; line < s->d; line += 16)
                    __builtin_prefetch(s->items + item_of(s, near->places[at + AHEAD]) * s->d + line);
            if (turn ? near->high[at] >= first || near->high[at] < least : near->high[at] < first) continue;
            int32_t item = item_of(s, near->places[at]);
            double score = inner(s->items + item * s->d, s->queries + row * s->d, s->d);
            keys[count++] = key_of((float)(bias ? score + (double)bias[item] : score), (uint32_t)item);
        }
        if (turn == 0 && count >= s->n) least = score_of(nth(keys, count, s->n)) - s->off[3 * row + 2];
    }
    if (count > s->n) nth(keys, count, s->n), count = s->n;
    qsort(keys, (size_t)count, sizeof(uint64_t), rising);
    for (int64_t at = 0; at < count; at++) {
        out[at] = (int32_t)(uint32_t)keys[at];
        values[at] = score_of(keys[at]);
    }
    return near->held < 0 ? -1 : count;
}

/* The n best items of every row and how many they are, -1 where too many are near; 0 where there is no memory. */
FOR_EACH_PROCESSOR int recsys_best(const search *s, int32_t *out, float *values, int64_t *counts) {
    int64_t together = s->codes ? s->rows : 1, room = s->room;
    candidates *near = malloc((size_t)together * sizeof *near);
    char *memory = malloc((size_t)(room * 8 + (together * (room * 3 + 1) + s->r * BLOCK) * 4));
    int whole = near && memory;
    if (whole) {
        uint64_t *keys = (uint64_t *)memory;
        float *rest = (float *)(keys + room), *zero = rest + 3 * together * room;
        for (int64_t row = 0; row < together; row++) {
            candidates one = {(int32_t *)(rest + 3 * row * room), rest + (3 * row + 1) * room,
                              rest + (3 * row + 2) * room, -FLT_MAX, 0, 2 * s->n + 64};
            near[row] = one;
        }
        for (int64_t row = 0; s->codes && row < s->rows; row++) { /* what a vector of zeros would sum up to */
            zero[row] = 0;
            for (int64_t j = 0; j < s->r; j++) zero[row] += 1.5f * s->asked[row * s->r + j];
        }
        if (s->codes) by_codes(s, near, keys, zero, s->rows > 2 ? zero + together : NULL);
        for (int64_t row = 0; row < s->rows; row++) {
            candidates one = near[s->codes ? row : 0];
            if (!s->codes) by_scores(s, row, &one, keys);
            counts[row] = ranked(s, row, &one, keys, out + row * s->n, values + row * s->n);
        }
    }
    free(near);
    free(memory);
    return whole;
}
