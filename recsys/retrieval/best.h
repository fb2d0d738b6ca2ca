/* The best of many scores: numbers that sort them, the n-th of these, and a bound of it that is quick to find. */

#pragma once

#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "processors.h"

#define DIGITS 8  /* bytes of a key */
#define HALVED 24 /* times at most: what is left of a range is below the rounding of its ends */

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

/* Some keys in rising order, digit by digit, as no comparison is there to be mispredicted; spare is as long. */
static void sort(uint64_t *keys, uint64_t *spare, long count) {
    uint32_t counts[DIGITS][256] = {0};
    uint64_t *from = keys, *to = spare;
    for (long at = 0; at < count; at++)
        for (int digit = 0; digit < DIGITS; digit++) counts[digit][keys[at] >> 8 * digit & 255]++;
    for (int digit = 0; digit < DIGITS && count; digit++) {
        uint32_t *begin = counts[digit], total = 0;
        if (begin[from[0] >> 8 * digit & 255] == (uint32_t)count) continue; /* all are alike */
        for (int value = 0; value < 256; value++) {
            uint32_t own = begin[value];
            begin[value] = total;
            total += own;
        }
        for (long at = 0; at < count; at++) to[begin[from[at] >> 8 * digit & 255]++] = from[at];
        uint64_t *held = from;
        from = to;
        to = held;
    }
    if (from != keys) memcpy(keys, from, (size_t)count * sizeof *keys);
}

/* A number that at least n of some numbers reach, and not many more: halved towards, as counting is fast. */
FOR_EACH_PROCESSOR static float reached(const float *numbers, int64_t count, int64_t n) {
    float low = FLT_MAX, high = -FLT_MAX;
    for (int64_t at = 0; at < count; at++) {
        low = numbers[at] < low ? numbers[at] : low;
        high = numbers[at] > high ? numbers[at] : high;
    }
    int32_t above = (int32_t)count;
    for (int turn = 0; turn < HALVED && above > n + n / 8; turn++) {
        float middle = low / 2 + high / 2;
        int32_t reaching = 0;
        for (int64_t at = 0; at < count; at++) reaching += numbers[at] >= middle;
        if (reaching >= n) low = middle, above = reaching;
        else high = middle;
    }
    return low;
}
