/* Paths and queries, by hand: libevent's parser drops keys without a value, truncates at %00 and keeps broken escapes.
 */
#include "common/route.h"

#include "common/arena.h"

const char *route_who_name(enum route_who who)
{
    switch (who) {
    case ANYONE:
        return "anyone";
    case USER:
        return "user";
    case GATE:
        return "gate";
    case CLIENT:
        return "client";
    case ADMIN:
        return "admin";
    }
    return "";
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *found = c ? strchr(digits, c) : NULL;

    if (!found)
        return -1;
    return (int)(found - digits < 16 ? found - digits : found - digits - 6);
}

static bool decode(struct arena *arena, struct text from, bool plus_is_space, struct text *to)
{
    char *out = arena_alloc_raw(arena, from.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < from.len; i++) {
        int high, low;

        if (from.ptr[i] != '%') {
            out[len++] = plus_is_space && from.ptr[i] == '+' ? ' ' : from.ptr[i];
            continue;
        }
        if (from.len - i < 3)
            return false;
        high = hex_value(from.ptr[i + 1]);
        low = hex_value(from.ptr[i + 2]);
        if (high < 0 || low < 0)
            return false;
        out[len++] = (char)(high << 4 | low);
        i += 2;
    }
    *to = (struct text){out, len};
    return text_is_utf8(*to);
}

bool route_path_parse(struct arena *arena, struct text path, struct route_path *parsed)
{
    struct text piece;

    parsed->count = 0;
    if (path.len == 0 || path.ptr[0] != '/')
        return false;
    path.ptr++;
    path.len--;
    while (text_next(&path, '/', &piece)) {
        struct text decoded;

        if (!decode(arena, piece, false, &decoded))
            return false;
        if (parsed->count < ROUTE_PIECES_MAX)
            parsed->pieces[parsed->count++] = decoded;
    }
    return true;
}

/* One piece: a literal, or {name} with a literal behind it. */
static bool piece_fits(struct text pattern, struct text piece, struct route_values *values)
{
    const char *brace = pattern.len ? memchr(pattern.ptr, '}', pattern.len) : NULL;
    struct text behind;

    if (!brace)
        return text_equal(pattern, piece);
    behind = (struct text){brace + 1, (size_t)(pattern.ptr + pattern.len - brace - 1)};
    if (piece.len <= behind.len || !text_equal(behind, (struct text){piece.ptr + piece.len - behind.len, behind.len}) ||
        values->count == ROUTE_VALUES_MAX)
        return false;
    values->items[values->count++] = (struct route_value){
        .name = {pattern.ptr + 1, (size_t)(brace - pattern.ptr - 1)},
        .value = {piece.ptr, piece.len - behind.len},
    };
    return true;
}

bool route_path_fits(const char *pattern, const struct route_path *path, struct route_values *values)
{
    struct text rest = text_of(pattern + 1), piece;
    size_t at = 0;

    values->count = 0;
    while (text_next(&rest, '/', &piece))
        if (at == path->count || !piece_fits(piece, path->pieces[at++], values))
            return false;
    return at == path->count;
}

bool route_query_parse(struct arena *arena, struct text query, struct route_values *values)
{
    struct text pair;

    values->count = 0;
    while (text_next(&query, '&', &pair)) {
        struct route_value *value = &values->items[values->count];
        struct text name;

        if (pair.len == 0)
            continue;
        if (values->count == ROUTE_VALUES_MAX)
            return false;
        text_next(&pair, '=', &name);
        if (!decode(arena, name, true, &value->name) || !decode(arena, pair, true, &value->value))
            return false;
        for (size_t i = 0; i < values->count; i++)
            if (text_equal(values->items[i].name, value->name))
                return false;
        values->count++;
    }
    return true;
}

struct text route_value(const struct route_values *values, const char *name)
{
    for (size_t i = 0; i < values->count; i++)
        if (text_is(values->items[i].name, name))
            return values->items[i].value;
    return TEXT_NONE;
}
