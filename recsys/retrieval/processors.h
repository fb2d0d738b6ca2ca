/* Functions compiled once for each generation of x86, of which the one that fits is taken when a library is loaded. */

#pragma once

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#include <immintrin.h>
#define X86
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))
