/* What every fuzzer has: the bytes it was given, taken piece by piece, and a way to say that something is wrong.
 *
 * The idea to hold in mind: "did not crash" is little. Each target also states what must hold for whatever the parser
 * took, and what it refused must have been refused with a reason. */
#ifndef KARCIS_TESTS_FUZZ_H
#define KARCIS_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/text.h"

/* What libFuzzer calls; the first, once, only if it is there. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run, and libFuzzer keeps the input. */
#define must(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A copy of exactly this size, so that reading beyond it is seen; freed by the caller. */
static inline char *fuzz_copy(const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1);

    must(copy);
    for (size_t i = 0; i < size; i++)
        copy[i] = (char)data[i];
    return copy;
}

#endif
