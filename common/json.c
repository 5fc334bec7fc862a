/* Writing JSON. Text is copied in runs: from one byte that needs an escape to the next. */
#include "common/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "common/arena.h"
#include "common/clock.h"

/* What stands behind the backslash: 'u' for \u00XX, 0 for bytes that stand for themselves. */
static const char escapes[256] = {
    'u',         'u',           'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u', /* 0x00 */
    'u',         'u',           'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', /* 0x10 */
    ['"'] = '"', ['\\'] = '\\',
};

struct json json_in(struct arena *arena)
{
    return (struct json){.buffer = buffer_in(arena)};
}

struct text json_take(struct json *json)
{
    assert(json->depth == 0);
    json->needs_comma = false;
    return buffer_take(&json->buffer);
}

size_t json_bytes(const struct json *json)
{
    return json->buffer.len;
}

static void begin_value(struct json *json)
{
    if (json->needs_comma)
        buffer_byte(&json->buffer, ',');
    json->needs_comma = true;
}

static void begin(struct json *json, char bracket)
{
    begin_value(json);
    buffer_byte(&json->buffer, bracket);
    json->depth++;
    json->needs_comma = false;
}

static void end(struct json *json, char bracket)
{
    assert(json->depth > 0);
    buffer_byte(&json->buffer, bracket);
    json->depth--;
    json->needs_comma = true;
}

void json_begin_object(struct json *json)
{
    begin(json, '{');
}

void json_end_object(struct json *json)
{
    end(json, '}');
}

void json_begin_array(struct json *json)
{
    begin(json, '[');
}

void json_end_array(struct json *json)
{
    end(json, ']');
}

static void put_escape(struct buffer *buffer, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    const char unicode[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    const char shorter[] = {'\\', escapes[byte]};

    if (escapes[byte] == 'u')
        buffer_add(buffer, (struct text){unicode, sizeof unicode});
    else
        buffer_add(buffer, (struct text){shorter, sizeof shorter});
}

static void put_quoted(struct buffer *buffer, struct text text)
{
    size_t run = 0; /* where the bytes begin that are not yet copied */

    buffer_reserve(buffer, text.len + 2);
    buffer_byte(buffer, '"');
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];

        if (!escapes[byte])
            continue;
        buffer_add(buffer, (struct text){text.ptr + run, i - run});
        put_escape(buffer, byte);
        run = i + 1;
    }
    if (run < text.len)
        buffer_add(buffer, (struct text){text.ptr + run, text.len - run});
    buffer_byte(buffer, '"');
}

void json_key_text(struct json *json, struct text key)
{
    begin_value(json);
    put_quoted(&json->buffer, key);
    buffer_byte(&json->buffer, ':');
    json->needs_comma = false;
}

void json_key(struct json *json, const char *key)
{
    json_key_text(json, text_of(key));
}

void json_text(struct json *json, struct text text)
{
    if (!text.ptr) {
        json_none(json);
        return;
    }
    begin_value(json);
    put_quoted(&json->buffer, text);
}

void json_int(struct json *json, int64_t number)
{
    char digits[24];
    const int len = snprintf(digits, sizeof digits, "%lld", (long long)number);

    begin_value(json);
    buffer_add(&json->buffer, (struct text){digits, (size_t)len});
}

void json_bool(struct json *json, bool value)
{
    begin_value(json);
    buffer_add(&json->buffer, value ? TEXT("true") : TEXT("false"));
}

void json_none(struct json *json)
{
    begin_value(json);
    buffer_add(&json->buffer, TEXT("null"));
}

void json_fixed(struct json *json, double number, int decimals)
{
    if (!isfinite(number)) {
        json_none(json);
        return;
    }
    begin_value(json);
    buffer_format(&json->buffer, "%.*f", decimals, number);
}

void json_raw(struct json *json, struct text document)
{
    begin_value(json);
    buffer_add(&json->buffer, document);
}

void json_money(struct json *json, int64_t amount, struct text currency)
{
    json_begin_object(json);
    json_key(json, "amount");
    json_int(json, amount);
    json_key(json, "currency");
    json_text(json, currency);
    json_end_object(json);
}

void json_time(struct json *json, int64_t time_us)
{
    begin_value(json);
    buffer_byte(&json->buffer, '"');
    buffer_add(&json->buffer, time_text(json->buffer.arena, time_us / 1000));
    buffer_byte(&json->buffer, '"');
}
