/* The loops of models that numpy goes through in many passes. loops.py says what they take and give.

   Compiled without leave to change the order of a sum or to take a product and a sum in one step, so that all numbers are
   those of numpy, bit by bit. */

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../../retrieval/best.h"

#define TOGETHER 4    /* rows that are added while a sum is in a register */
#define LANES 8       /* sums of numpy's add.reduce, added by halves in the end */
#define WHOLE 128     /* numbers that numpy sums in one go; more are parted */
#define COLUMNS 1024  /* that a long row is folded to; the n-th of their maxima bounds the n-th best from below */
#define FOLDS 8       /* of a row that is worth it */
#define BLOCK 16      /* scores of which mostly none is among the best */
#define OUTCOMES 64   /* of the splits of two trees */
#define FEATURES 1024 /* of a row at most */
#define ROWS 32       /* whose leaves are looked up at once */

/* (width,) the weighted sum of rows of a matrix, each product and each sum rounded by itself, in the order of the rows.
   total is 0 before. */
FOR_EACH_PROCESSOR void recsys_add_rows(const float *restrict matrix, int64_t width, const int32_t *rows,
                                        const float *weights, int64_t count, float *restrict total) {
    int64_t at = 0;
    for (; at + TOGETHER <= count; at += TOGETHER) {
        const float *a = matrix + rows[at] * width, *b = matrix + rows[at + 1] * width;
        const float *c = matrix + rows[at + 2] * width, *d = matrix + rows[at + 3] * width;
        const float u = weights[at], v = weights[at + 1], w = weights[at + 2], x = weights[at + 3];
        for (int64_t j = 0; j < width; j++) total[j] = total[j] + u * a[j] + v * b[j] + w * c[j] + x * d[j];
    }
    for (; at < count; at++) {
        const float *a = matrix + rows[at] * width, u = weights[at];
        for (int64_t j = 0; j < width; j++) total[j] += u * a[j];
    }
}

/* The same of rows of which some entries are held, -INFINITY where none is; 0 where a column is out of bounds. */
int64_t recsys_add_entries(const int64_t *indptr, const int32_t *columns, const float *values, int64_t width,
                           const int32_t *rows, const float *weights, int64_t count, float *total) {
    for (int64_t j = 0; j < width; j++) total[j] = -INFINITY;
    for (int64_t at = 0; at < count; at++)
        for (int64_t entry = indptr[rows[at]]; entry < indptr[rows[at] + 1]; entry++) {
            if (columns[entry] < 0 || columns[entry] >= width) return 0;
            total[columns[entry]] = 0;
        }
    for (int64_t at = 0; at < count; at++)
        for (int64_t entry = indptr[rows[at]]; entry < indptr[rows[at] + 1]; entry++)
            total[columns[entry]] += weights[at] * values[entry];
    return 1;
}

/* The places of a history's items, each once and ascending, and the sums of their weights; places may be NULL. */
int64_t recsys_merge(const int32_t *items, const float *weights, int64_t count, const int32_t *places, int64_t known,
                     uint64_t *keys, int32_t *out, double *sums) {
    int64_t kept = 0, found = 0;
    for (int64_t at = 0; at < count; at++) {
        if (items[at] < 0 || items[at] >= known || (places && places[items[at]] < 0)) continue;
        keys[kept++] = (uint64_t)(places ? places[items[at]] : items[at]) << 32 | (uint64_t)at;
    }
    sort(keys, keys + count, kept);
    for (int64_t at = 0; at < kept; at++) {
        int32_t own = (int32_t)(keys[at] >> 32);
        if (!found || out[found - 1] != own) out[found] = own, sums[found++] = 0.0;
        sums[found - 1] += (double)weights[(uint32_t)keys[at]];
    }
    return found;
}

/* A score that the n-th best of a row is not below. */
INLINE float bound(const float *row, int64_t width, int64_t n, float *maxima) {
    int64_t columns = 4 * n > COLUMNS ? 4 * n : COLUMNS, finite = 0;
    if (width < FOLDS * columns) return -FLT_MAX;
    memcpy(maxima, row, (size_t)columns * sizeof *maxima);
    for (int64_t start = columns; start + columns <= width; start += columns)
        for (int64_t j = 0; j < columns; j++) maxima[j] = row[start + j] > maxima[j] ? row[start + j] : maxima[j];
    for (int64_t j = 0; j < columns; j++) {
        maxima[finite] = maxima[j];
        finite += maxima[j] >= -FLT_MAX;
    }
    return finite >= n ? reached(maxima, finite, n) : -FLT_MAX;
}

/* The n best of a row (width,) that are finite, allowed and not hidden, and how many; memory is 16 * width bytes. */
FOR_EACH_PROCESSOR int64_t recsys_best(const float *row, int64_t width, const uint8_t *allowed, const int32_t *hidden,
                                       int64_t n_hidden, int64_t n, uint64_t *keys, int32_t *out, float *values) {
    float *shown = (float *)(keys + width);
    int32_t *near = (int32_t *)(shown + width);
    int64_t count = 0;
    for (int64_t j = 0; j < width; j++) shown[j] = allowed[j] && fabsf(row[j]) <= FLT_MAX ? row[j] : -INFINITY;
    for (int64_t at = 0; at < n_hidden; at++)
        if (hidden[at] >= 0 && hidden[at] < width) shown[hidden[at]] = -INFINITY;
    float reach = bound(shown, width, n, (float *)keys);
    for (int64_t j = 0; j < width; j += BLOCK) {
        int64_t end = width - j < BLOCK ? width : j + BLOCK;
        int32_t any = 0;
        for (int64_t own = j; own < end; own++) any |= shown[own] >= reach;
        for (int64_t own = j; any && own < end; own++) {
            near[count] = (int32_t)own;
            count += shown[own] >= reach;
        }
    }
    for (int64_t at = 0; at < count; at++) keys[at] = key_of(shown[near[at]], (uint32_t)near[at]);
    if (count > n) nth(keys, count, n), count = n;
    sort(keys, (uint64_t *)shown, count); /* which is done with */
    for (int64_t at = 0; at < count; at++) {
        out[at] = (int32_t)(uint32_t)keys[at];
        values[at] = score_of(keys[at]);
    }
    return count;
}

/* The n best of items by their scores, ties in their order; how many are finite. */
int64_t recsys_ranked(const int32_t *items, const double *scores, int64_t count, int64_t n, uint64_t *keys, int32_t *out,
                      float *values) {
    int64_t found = 0;
    for (int64_t at = 0; at < count; at++) keys[at] = key_of((float)scores[at], (uint32_t)at);
    sort(keys, keys + count, count);
    for (int64_t at = 1; at < count; at++) { /* what only float64 tells apart */
        uint64_t held = keys[at];
        double own = scores[(uint32_t)held];
        int64_t place = at;
        for (; place > 0 && scores[(uint32_t)keys[place - 1]] < own; place--) keys[place] = keys[place - 1];
        keys[place] = held;
    }
    for (int64_t at = 0; at < count && found < n; at++) {
        uint32_t place = (uint32_t)keys[at];
        if (!isfinite(scores[place])) break;
        out[found] = items[place];
        values[found++] = (float)scores[place];
    }
    return found;
}

/* The sum of some numbers in the order of numpy's add.reduce. */
INLINE double lanes(const double *numbers, int64_t count) {
    double sums[LANES], sum = -0.0;
    int64_t at = 0;
    if (count >= LANES) {
        memcpy(sums, numbers, sizeof sums);
        for (at = LANES; at + LANES <= count; at += LANES)
            for (int lane = 0; lane < LANES; lane++) sums[lane] += numbers[at + lane];
        sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    }
    for (; at < count; at++) sum += numbers[at];
    return sum;
}

FOR_EACH_PROCESSOR static double sum_of(const double *numbers, int64_t count) {
    if (count <= WHOLE) return lanes(numbers, count);
    int64_t first = count / 2 / LANES * LANES;
    return sum_of(numbers, first) + sum_of(numbers + first, count - first);
}

/* (rows, 2) mean and standard deviation of the finite ones of each row of scores; 0 and 1 where there is nothing. */
FOR_EACH_PROCESSOR void recsys_scales(const float *scores, int64_t rows, int64_t count, double *numbers, double *out) {
    for (int64_t row = 0; row < rows; row++, scores += count, out += 2) {
        int64_t found = 0;
        for (int64_t at = 0; at < count; at++) {
            numbers[found] = (double)scores[at];
            found += isfinite(scores[at]) != 0;
        }
        out[0] = found ? (0.0 + sum_of(numbers, found)) / (double)found : 0.0;
        for (int64_t at = 0; at < found; at++) numbers[at] = (numbers[at] - out[0]) * (numbers[at] - out[0]);
        double spread = found ? sqrt((0.0 + sum_of(numbers, found)) / (double)found) : 1.0;
        out[1] = spread > 0 ? spread : 1.0;
    }
}

/* The first columns of rows (count, width): standard scores of the parts, 0 where one is silent, and facts (.., known)
   of the items; where any part speaks is written too. 0 where an item is out of bounds. */
FOR_EACH_PROCESSOR int64_t recsys_table(const float *scores, const double *scales, int64_t parts, int64_t count,
                                        const float *facts, int64_t n_items, int64_t known, const int32_t *items,
                                        float *rows, int64_t width, uint8_t *spoken) {
    for (int64_t at = 0; at < count; at++) {
        float *row = rows + at * width;
        if (items[at] < 0 || items[at] >= n_items) return 0;
        spoken[at] = 0;
        for (int64_t part = 0; part < parts; part++) {
            double own = ((double)scores[part * count + at] - scales[2 * part]) / scales[2 * part + 1];
            row[part] = isfinite(own) ? (float)own : 0.0f;
            spoken[at] |= isfinite(own) != 0;
        }
        memcpy(row + parts, facts + items[at] * known, (size_t)known * sizeof *row);
    }
    return 1;
}

/* (count,) the weighted mean of standard scores of the parts that speak of anything; -INFINITY where none speaks. */
FOR_EACH_PROCESSOR void recsys_mix(const float *scores, const double *scales, const double *weights, int64_t parts,
                                   int64_t count, double *numbers, double *out) {
    int64_t voters = 0;
    for (int64_t at = 0; at < count; at++) out[at] = -INFINITY;
    for (int64_t part = 0; part < parts; part++) {
        int64_t any = 0;
        for (int64_t at = 0; at < count; at++) {
            double own = ((double)scores[part * count + at] - scales[2 * part]) / scales[2 * part + 1];
            if (!isfinite(own) || !(weights[part] > 0)) continue;
            out[at] = (out[at] == -INFINITY ? 0.0 : out[at]) + weights[part] * own;
            any = 1;
        }
        numbers[voters] = weights[part];
        voters += any;
    }
    double all = 0.0 + sum_of(numbers, voters);
    for (int64_t at = 0; at < count; at++) out[at] /= all > DBL_MIN ? all : DBL_MIN;
}

/* (count,) sums of rows (count, features) times weights (features,). */
FOR_EACH_PROCESSOR void recsys_weighted(const float *rows, int64_t features, const double *weights, int64_t count,
                                        double *scores) {
    double numbers[FEATURES];
    for (int64_t at = 0; at < count; at++, rows += features) {
        for (int64_t f = 0; f < features; f++) numbers[f] = (double)rows[f] * weights[f];
        scores[at] = 0.0 + sum_of(numbers, features);
    }
}

typedef struct {
    const float *thresholds; /* those of each feature ascending */
    const int64_t *first;     /* (features + 1,) where they begin */
    const uint8_t *bits;      /* (thresholds + features, width) the splits on a feature that a value in a bin passes */
    const double *leaves;     /* (tables, OUTCOMES) */
    int64_t features, tables, width;
} forest;

/* Where the bits of some rows begin, by the bins that their values of a feature fall into: counting is faster than
   halving, as all rows do it at once. */
INLINE void look_up(const forest *trees, int64_t feature, const float *values, const uint8_t **own) {
    int32_t bins[ROWS] = {0};
    for (int64_t at = trees->first[feature]; at < trees->first[feature + 1]; at++)
        for (int row = 0; row < ROWS; row++) bins[row] += trees->thresholds[at] < values[row];
    const uint8_t *bits = trees->bits + (trees->first[feature] + feature) * trees->width;
    for (int row = 0; row < ROWS; row++) own[row] = bits + bins[row] * trees->width;
}

/* The bits (rows, width) of at most ROWS rows: the outcomes of all splits of two trees in each byte. */
INLINE void bits_of(const forest *trees, const float *rows, const float *last, int64_t some, uint8_t *bits) {
    const uint8_t *own[TOGETHER][ROWS];
    float values[ROWS] = {0};
    int64_t met = 0, width = trees->width, given = trees->features - 1;
    memset(bits, 0, (size_t)(some * width));
    for (int64_t f = 0; f <= given; f++) {
        if (trees->first[f] < trees->first[f + 1]) { /* else no split looks at it */
            for (int64_t row = 0; row < some; row++) values[row] = f < given ? rows[row * given + f] : last[row];
            look_up(trees, f, values, own[met++]);
        }
        if (!met || (met < TOGETHER && f < given)) continue;
        for (; met < TOGETHER; met++) memcpy(own[met], own[0], sizeof own[0]);
        for (int64_t row = 0; row < some; row++) {
            const uint8_t *a = own[0][row], *b = own[1][row], *c = own[2][row], *d = own[3][row];
            uint8_t *restrict all = bits + row * width;
            for (int64_t at = 0; at < width; at++) all[at] |= a[at] | b[at] | c[at] | d[at];
        }
        met = 0;
    }
}

/* The sums of the leaves that some rows fall into, by their bits (rows, width): of count tables from the first on. The
   tables are the outer loop, as eight of them stay in the nearest cache; the order of a sum is that of sum_of. */
FOR_EACH_PROCESSOR static void leaves_of(const forest *trees, const uint8_t *bits, int64_t rows, int64_t first,
                                         int64_t count, double *out) {
    double sums[ROWS][LANES], rest[ROWS];
    int64_t at = 0, half = count / 2 / LANES * LANES;
    if (count > WHOLE) {
        leaves_of(trees, bits, rows, first, half, out);
        leaves_of(trees, bits, rows, first + half, count - half, rest);
        for (int64_t row = 0; row < rows; row++) out[row] += rest[row];
        return;
    }
    for (; at + LANES <= count; at += LANES)
        for (int64_t row = 0; row < rows; row++) {
            const uint8_t *own = bits + row * trees->width + first + at;
            const double *leaves = trees->leaves + (first + at) * OUTCOMES;
            for (int lane = 0; lane < LANES; lane++) {
                double leaf = leaves[lane * OUTCOMES + own[lane]];
                sums[row][lane] = at ? sums[row][lane] + leaf : leaf;
            }
        }
    for (int64_t row = 0; row < rows; row++) {
        const double *s = sums[row];
        out[row] = at ? ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])) : -0.0;
        for (int64_t rest = at; rest < count; rest++)
            out[row] += trees->leaves[(first + rest) * OUTCOMES + bits[row * trees->width + first + rest]];
    }
}

/* (count,) scores of rows (count, features - 1), each with its last feature beside it; bits is (ROWS, width). */
FOR_EACH_PROCESSOR void recsys_trees(const forest *trees, const float *rows, const float *last, int64_t count,
                                     uint8_t *bits, double *scores) {
    for (int64_t start = 0; start < count; start += ROWS) {
        int64_t some = count - start < ROWS ? count - start : ROWS;
        bits_of(trees, rows + start * (trees->features - 1), last + start, some, bits);
        leaves_of(trees, bits, some, 0, trees->tables, scores + start);
        for (int64_t at = start; at < start + some; at++) scores[at] += 0.0;
    }
}
