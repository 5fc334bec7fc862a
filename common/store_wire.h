/* What store.c and store_params.c share and nobody else sees: the insides of parameters and results. */
#ifndef KARCIS_STORE_WIRE_H
#define KARCIS_STORE_WIRE_H

#include <libpq-fe.h>

#include "common/store.h"

#define PARAMS_MAX 24

struct column {
    struct arena *arena;
    enum column_type type;
    bool has_null;
    char *bytes; /* the head, then the elements, as they travel */
    size_t len, capacity, count;
};

struct params {
    struct arena *arena;
    int count;
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX], formats[PARAMS_MAX];
    struct column *columns[PARAMS_MAX]; /* NULL where the parameter is no array */
};

struct rows {
    PGresult *result;
};

/* Writes the arrays' heads; may be called again after more elements. */
void params_finish(struct params *params);

#endif
