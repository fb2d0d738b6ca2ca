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
#define BLOCK 64 /* items: one direction of them is a line of the cache */

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

FOR_EACH_PROCESSOR void recsys_bounds(const int8_t *codes, const float *each, const float *asked, const float *off,
                                      const uint8_t *allowed, float *out, int64_t items, int64_t r, int64_t rows) {
    int64_t width = (items + BLOCK - 1) / BLOCK * BLOCK;
    float *flat = rows > 2 ? malloc(sizeof(float) * BLOCK * (size_t)r) : NULL;
    for (int64_t first = 0; first < items; first += BLOCK) {
        const int8_t *code = codes + first * r;
        const float *scale = each + first, *rest = scale + width;
        int64_t count = items - first < BLOCK ? items - first : BLOCK;
        uint8_t some = 0;
        for (int64_t at = 0; at < count; at++) some |= allowed[first + at];
        if (some && flat)
            for (int64_t at = 0; at < r * BLOCK; at++) flat[at] = (float)code[at];
        for (int64_t row = 0; row < rows; row++) {
            float *scores = out + row * width + first, sums[BLOCK] = {0};
            const float *query = asked + row * r;
            if (some && flat)
                for (int64_t j = 0; j < r; j++)
                    for (int at = 0; at < BLOCK; at++) sums[at] += query[j] * flat[j * BLOCK + at];
            else if (some)
                for (int64_t j = 0; j < r; j++)
                    for (int at = 0; at < BLOCK; at++) sums[at] += query[j] * (float)code[j * BLOCK + at];
            float by_scale = off[3 * row], by_rest = off[3 * row + 1];
            for (int at = 0; at < BLOCK; at++) {
                float score = scale[at] * (sums[at] + by_scale) + by_rest * rest[at];
                scores[at] = some && at < count ? score : -FLT_MAX;
            }
        }
    }
    free(flat);
}

typedef struct {
    const float *each; /* NULL where a score is off by off[2] at most */
    const uint8_t *allowed;
    const int32_t *ids; /* of the columns; NULL where they are the items */
    int64_t columns, width, n, room;
} search;

/* A row's columns that may be among the best, ascending, and what their scores are at least. */
typedef struct {
    int32_t *places;
    float *low;
    uint64_t *keys; /* room to work in */
    int64_t held;
} row_near;

/* Drop what does not reach the n-th best of what the scores are at least, and tell it. */
static float cut(const search *s, const float *scores, row_near *near) {
    int64_t kept = 0;
    for (int64_t at = 0; at < near->held; at++) near->keys[at] = key_of(near->low[at], 0);
    float reach = score_of(nth(near->keys, near->held, s->n));
    for (int64_t at = 0; at < near->held; at++)
        if (scores[near->places[at]] >= reach) {
            near->places[kept] = near->places[at];
            near->low[kept++] = near->low[at];
        }
    near->held = kept;
    return reach;
}

/* Whether all of the row went into half the room. */
INLINE int looked(const search *s, const float *scores, const float *off, const int32_t *hidden, int64_t taken,
                  row_near *near) {
    int64_t full = 2 * s->n + 64;
    float reach = -FLT_MAX;
    near->held = 0;
    for (int64_t first = 0; first < s->columns; first += BLOCK / 2) {
        int64_t last = s->columns - first < BLOCK / 2 ? s->columns : first + BLOCK / 2;
        float largest = -FLT_MAX;
        for (int64_t at = first; at < last; at++) largest = scores[at] > largest ? scores[at] : largest;
        if (largest < reach || largest == -FLT_MAX) continue;
        for (int64_t at = first; at < last; at++) {
            if (scores[at] < reach || scores[at] == -FLT_MAX) continue;
            int32_t item = s->ids ? s->ids[at] : (int32_t)at;
            if (!s->allowed[item] || (taken && among(item, hidden, taken))) continue;
            near->places[near->held] = (int32_t)at;
            near->low[near->held] = scores[at] - off[2];
            if (s->each) near->low[near->held] -= 2 * (off[0] * s->each[at] + off[1] * s->each[s->width + at]);
            if (++near->held < full) continue;
            reach = cut(s, scores, near);
            if (2 * near->held > s->room) return 0;
            full = full > 2 * near->held ? full : 2 * near->held;
        }
    }
    if (near->held > s->n) cut(s, scores, near);
    return 1;
}

/* The best of a row into out, and how many there are; those that look best are scored first, then what may pass them. */
INLINE int64_t ranked(const search *s, const float *scores, const float *items, const double *query, int64_t d,
                      const float *bias, float slack, row_near *near, int32_t *out, float *values) {
    int64_t count = 0;
    float first = -FLT_MAX, least = FLT_MAX;
    if (near->held > 2 * s->n) {
        for (int64_t at = 0; at < near->held; at++) near->keys[at] = key_of(scores[near->places[at]], 0);
        first = score_of(nth(near->keys, near->held, s->n));
    }
    for (int turn = 0; turn < 2; turn++) {
        for (int64_t at = 0; at < near->held; at++) {
            int32_t place = near->places[at], item = s->ids ? s->ids[place] : place;
            if (turn ? scores[place] >= first || scores[place] < least : scores[place] < first) continue;
            double score = inner(items + item * d, query, d);
            near->keys[count++] = key_of((float)(bias ? score + (double)bias[item] : score), (uint32_t)item);
        }
        if (first == -FLT_MAX) break;
        if (turn == 0) least = score_of(nth(near->keys, count, s->n)) - slack;
    }
    if (count > s->n) nth(near->keys, count, s->n), count = s->n;
    qsort(near->keys, (size_t)count, sizeof(uint64_t), rising);
    for (int64_t at = 0; at < count; at++) {
        out[at] = (int32_t)(uint32_t)near->keys[at];
        values[at] = score_of(near->keys[at]);
    }
    return count;
}

FOR_EACH_PROCESSOR int recsys_select(const search *s, const float *block, int64_t stride, int64_t rows,
                                     const float *items, const double *queries, int64_t d, const float *bias,
                                     int64_t bias_stride, const float *off, const int32_t *hidden,
                                     const int64_t *begins, int32_t *out, float *values, int64_t *counts) {
    row_near near = {malloc(sizeof(int32_t) * (size_t)s->room), malloc(sizeof(float) * (size_t)s->room),
                     malloc(sizeof(uint64_t) * (size_t)s->room), 0};
    int whole = near.places && near.low && near.keys;
    for (int64_t row = 0; whole && row < rows; row++) {
        const float *scores = block + row * stride, *own = off + 3 * row;
        counts[row] = -1;
        if (looked(s, scores, own, hidden + begins[row], begins[row + 1] - begins[row], &near))
            counts[row] = ranked(s, scores, items, queries + row * d, d, bias ? bias + row * bias_stride : NULL, own[2],
                                 &near, out + row * s->n, values + row * s->n);
    }
    free(near.places);
    free(near.low);
    free(near.keys);
    return whole;
}
