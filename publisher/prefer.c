/* Reading Prefer: a list of name[=value][;parameters], in one header or in several. */
#include "publisher/prefer.h"

#include <strings.h>

#include "common/bounds.h"
#include "common/http_head.h"

static bool is_named(struct text text, const char *name)
{
    return text.len == strlen(name) && strncasecmp(text.ptr, name, text.len) == 0;
}

static struct text trim(struct text text)
{
    while (text.len && (*text.ptr == ' ' || *text.ptr == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Takes what stands before the separator, which does not count inside quotes. */
static bool next_unquoted(struct text *rest, char separator, struct text *piece)
{
    bool is_quoted = false;

    if (!rest->ptr)
        return false;
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->ptr[i] == '\\' && is_quoted) {
            i++;
        } else if (rest->ptr[i] == '"') {
            is_quoted = !is_quoted;
        } else if (rest->ptr[i] == separator && !is_quoted) {
            *piece = (struct text){rest->ptr, i};
            *rest = (struct text){rest->ptr + i + 1, rest->len - i - 1};
            return true;
        }
    }
    *piece = *rest;
    *rest = TEXT_NONE;
    return true;
}

static int read_seconds(struct text value)
{
    bool is_number = value.len > 0;

    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
        value.ptr++;
        value.len -= 2;
    }
    for (size_t i = 0; i < value.len; i++)
        is_number = is_number && value.ptr[i] >= '0' && value.ptr[i] <= '9';
    if (is_number) {
        int64_t seconds;

        return text_to_int64(value, 0, WAIT_S_MAX, &seconds) ? (int)seconds : WAIT_S_MAX;
    }
    return 0;
}

/* False: this is another preference. */
static bool read_preference(struct text preference, int *seconds)
{
    struct text name, value;

    next_unquoted(&preference, ';', &value);
    next_unquoted(&value, '=', &name);
    if (!is_named(trim(name), "wait"))
        return false;
    *seconds = read_seconds(trim(value));
    return true;
}

int prefer_wait_s(const struct head *head)
{
    int seconds = 0;

    for (size_t i = 0; i < head->header_count; i++) {
        struct text rest = head->headers[i].value, preference;

        if (!is_named(head->headers[i].name, "Prefer"))
            continue;
        while (next_unquoted(&rest, ',', &preference))
            if (read_preference(preference, &seconds))
                return seconds;
    }
    return 0;
}
