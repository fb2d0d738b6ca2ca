/* The loops over all items that numpy has no fast way to write. scan.py says what they take and give.

   Compiled without leave to change the order of a sum, so that exact scores are the same bit by bit on every machine;
   with leave to take all numbers for finite, which the callers see to. */

#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "best.h"
#include "products.h"

#define AHEAD 6 /* items whose vectors are on their way from memory */

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

/* The scores of all items for some queries, each (count,): an item is read once for all of them. */
FOR_EACH_PROCESSOR void recsys_products(const float *items, int64_t count, int64_t d, const double *queries,
                                        int64_t rows, const float *bias, float *out) {
    for (int64_t at = 0; at < count; at++)
        for (int64_t row = 0; row < rows; row++) {
            double own = inner(items + at * d, queries + row * d, d);
            out[row * count + at] = (float)(bias ? own + (double)bias[at] : own);
        }
}

typedef struct {
    /* Either codes (blocks, fours, BLOCK, 4) with each (2, blocks * BLOCK), asked (rows, 4 * fours) and steps ... */
    const uint8_t *codes; /* 128 more than what they stand for */
    const float *each;
    const int8_t *asked;
    const float *steps; /* (rows,) */
    /* ... or scores (rows, width) of the columns from start on, which are the items ids, or all where that is NULL. */
    const float *block;
    const int32_t *ids;
    const float *items;    /* (all, d) */
    const double *queries; /* (rows, d) */
    const float *bias;     /* a row of its own every bias_stride numbers; or NULL */
    const float *off;      /* (rows, 3) */
    const uint8_t *allowed;
    const int32_t *hidden;
    const int64_t *begins;
    int64_t fours, d, bias_stride, columns, rows, n, room, kernel, start, width;
} search;

/* What may be among the best of a row: ascending columns, and how much their scores can be at most and at least. */
typedef struct {
    int32_t *places;
    float *high, *low, reach;
    int64_t held, full; /* held is -1 where that became more than half the room */
    int64_t hidden;     /* where the hidden items go on */
} candidates;

INLINE int32_t item_of(const search *s, int64_t place) { return s->ids ? s->ids[place] : (int32_t)place; }

/* Drop what does not reach the n-th best of what the scores are at least. */
FOR_EACH_PROCESSOR static void cut(const search *s, candidates *near) {
    int64_t kept = 0;
    near->reach = reached(near->low, near->held, s->n);
    for (int64_t at = 0; at < near->held; at++) {
        float high = near->high[at];
        near->places[kept] = near->places[at];
        near->low[kept] = near->low[at];
        near->high[kept] = high;
        kept += high >= near->reach;
    }
    near->held = 2 * kept > s->room ? -1 : kept;
    near->full = near->full > 2 * kept ? near->full : 2 * kept;
}

/* Of a block the items that may be listed, a bit each. */
INLINE uint64_t listed(const search *s, int64_t first, int64_t count) {
    uint64_t found = 0;
    if (s->ids || count < BLOCK) {
        for (int64_t at = 0; at < count; at++) found |= (uint64_t)s->allowed[item_of(s, first + at)] << at;
        return found;
    }
    for (int64_t at = 0; at < BLOCK; at += 8) { /* eight bytes of 0 or 1 to the bits of one */
        uint64_t eight;
        memcpy(&eight, s->allowed + first + at, 8);
        found |= (eight * 0x0102040810204080u >> 56) << at;
    }
    return found;
}

/* Take the marked ones of the next scores of a row. */
INLINE void offer(const search *s, int64_t row, candidates *near, const float *scores, int64_t first,
                  uint64_t marked) {
    const float *off = s->off + 3 * row, *scale = s->each, *rest = s->each + (s->columns + BLOCK - 1) / BLOCK * BLOCK;
    for (; marked && near->held >= 0; marked &= marked - 1) {
        int64_t at = __builtin_ctzll(marked), place = first + at, end = s->begins[row + 1];
        int32_t item = item_of(s, place);
        if (scores[at] < near->reach) continue; /* which has risen meanwhile */
        while (near->hidden < end && s->hidden[near->hidden] < item) near->hidden++;
        if (near->hidden < end && s->hidden[near->hidden] == item) continue;
        near->places[near->held] = (int32_t)place;
        near->high[near->held] = scores[at];
        near->low[near->held] = scores[at] - off[2];
        if (s->codes) near->low[near->held] -= 2 * (off[0] * scale[place] + off[1] * rest[place]);
        if (++near->held == near->full) cut(s, near);
    }
}

INLINE void by_scores(const search *s, int64_t row, candidates *near) {
    const float *bias = s->bias ? s->bias + row * s->bias_stride : NULL;
    for (int64_t at = 0; at < s->width; at += BLOCK) {
        int64_t count = s->width - at < BLOCK ? s->width - at : BLOCK, first = s->start + at;
        const float *scores = s->block + row * s->width + at;
        float sums[BLOCK];
        if (bias || count < BLOCK) {
            for (int64_t own = 0; own < BLOCK; own++) sums[own] = own < count ? scores[own] : -FLT_MAX;
            for (int64_t own = 0; bias && own < count; own++) sums[own] += bias[item_of(s, first + own)];
            scores = sums;
        }
        uint64_t marked = reaching(s->kernel, scores, near->reach);
        if (marked) offer(s, row, near, scores, first, marked & listed(s, first, count));
    }
}

/* What the scores of a block can be at most, from the sums of a row. */
INLINE void highest(const search *s, int64_t row, const int32_t *sums, int64_t first, int64_t count, float *scores) {
    const float *scale = s->each + first, *rest = scale + (s->columns + BLOCK - 1) / BLOCK * BLOCK;
    const float off = s->off[3 * row], across = s->off[3 * row + 1], step = s->steps[row];
    const float *bias = s->bias ? s->bias + row * s->bias_stride + first : NULL;
    for (int at = 0; at < BLOCK; at++) scores[at] = scale[at] * (step * (float)sums[at] + off) + across * rest[at];
    if (bias && count == BLOCK)
        for (int at = 0; at < BLOCK; at++) scores[at] += bias[at];
    else if (bias)
        for (int64_t at = 0; at < count; at++) scores[at] += bias[at];
}

INLINE void by_codes(const search *s, candidates *near, int32_t *lifts) {
    const int64_t width = 4 * s->fours;
    int32_t sums[TILE * BLOCK];
    for (int64_t row = 0; row < s->rows; row++) {
        lifts[row] = 0;
        for (int64_t j = 0; j < width; j++) lifts[row] += 128 * s->asked[row * width + j];
    }
    for (int64_t first = 0; first < s->columns; first += BLOCK) {
        int64_t count = s->columns - first < BLOCK ? s->columns - first : BLOCK;
        uint64_t some = listed(s, first, count);
        if (!some) continue;
        for (int64_t tile = 0; tile < s->rows; tile += TILE) {
            int64_t rows = s->rows - tile < TILE ? s->rows - tile : TILE;
            products(s->kernel, s->codes + first * width, s->asked + tile * width, lifts + tile, width, rows, sums);
            for (int64_t row = tile; row < tile + rows; row++) {
                float scores[BLOCK];
                highest(s, row, sums + (row - tile) * BLOCK, first, count, scores);
                uint64_t marked = some & reaching(s->kernel, scores, near[row].reach);
                if (marked) offer(s, row, near + row, scores, first, marked);
            }
        }
    }
}

/* The exact scores of some items of a row, behind what the keys hold already. */
INLINE void score(const search *s, int64_t row, const int32_t *items, int64_t count, uint64_t *keys) {
    const float *bias = s->bias ? s->bias + row * s->bias_stride : NULL;
    for (int64_t at = 0; at < count; at++) {
        if (at + AHEAD < count)
            for (int64_t line = 0; line < s->d; line += 16)
                __builtin_prefetch(s->items + items[at + AHEAD] * s->d + line);
        double own = inner(s->items + items[at] * s->d, s->queries + row * s->d, s->d);
        keys[at] = key_of((float)(bias ? own + (double)bias[items[at]] : own), (uint32_t)items[at]);
    }
}

/* The items whose scores can be from least on and below most. */
INLINE int64_t between(const search *s, const candidates *near, float least, float most, int32_t *items) {
    int64_t count = 0;
    for (int64_t at = 0; at < near->held; at++) {
        items[count] = item_of(s, near->places[at]);
        count += near->high[at] >= least && near->high[at] < most;
    }
    return count;
}

/* The best of a row into out, and how many; those that look best are scored first, then what may pass the last of them. */
INLINE int64_t ranked(const search *s, int64_t row, candidates *near, uint64_t *keys, int32_t *out, float *values) {
    if (near->held > s->n) cut(s, near);
    if (near->held < 0) return -1;
    float first = near->held > 2 * s->n ? reached(near->high, near->held, s->n) : -FLT_MAX;
    int32_t *items = (int32_t *)near->low; /* which is done with */
    int64_t count = between(s, near, first, FLT_MAX, items);
    score(s, row, items, count, keys);
    if (first > -FLT_MAX) {
        int64_t more = between(s, near, score_of(nth(keys, count, s->n)) - s->off[3 * row + 2], first, items);
        score(s, row, items, more, keys + count);
        count += more;
    }
    if (count > s->n) nth(keys, count, s->n), count = s->n;
    sort(keys, keys + count, count); /* there is room for more than twice as many */
    for (int64_t at = 0; at < count; at++) {
        out[at] = (int32_t)(uint32_t)keys[at];
        values[at] = score_of(keys[at]);
    }
    return count;
}

/* How many bytes of memory a search wants for what it has found so far. */
int64_t recsys_wanted(const search *s) {
    return s->room * 8 + s->rows * ((int64_t)sizeof(candidates) + (s->room * 3 + 1) * 4);
}

/* Begin a search, go through the codes or through one block of scores, and end it: memory is the same for all of these. */
FOR_EACH_PROCESSOR void recsys_begin(const search *s, char *memory) {
    candidates *near = (candidates *)(memory + s->room * 8);
    float *rest = (float *)(near + s->rows);
    for (int64_t row = 0; row < s->rows; row++) {
        candidates one = {(int32_t *)(rest + 3 * row * s->room), rest + (3 * row + 1) * s->room,
                          rest + (3 * row + 2) * s->room, -FLT_MAX, 0, 4 * s->n + 64, s->begins[row]};
        near[row] = one;
    }
}

FOR_EACH_PROCESSOR void recsys_take(const search *s, char *memory) {
    candidates *near = (candidates *)(memory + s->room * 8);
    if (s->codes) by_codes(s, near, (int32_t *)((float *)(near + s->rows) + 3 * s->rows * s->room));
    for (int64_t row = 0; !s->codes && row < s->rows; row++) by_scores(s, row, near + row);
}

/* The n best items of every row and how many they are, -1 where too many are near. */
FOR_EACH_PROCESSOR void recsys_end(const search *s, char *memory, int32_t *out, float *values, int64_t *counts) {
    candidates *near = (candidates *)(memory + s->room * 8);
    for (int64_t row = 0; row < s->rows; row++)
        counts[row] = ranked(s, row, near + row, (uint64_t *)memory, out + row * s->n, values + row * s->n);
}
