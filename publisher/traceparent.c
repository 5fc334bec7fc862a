/* The header's fixed places: 00-<32 digits>-<16 digits>-<2 digits>. */
#include "publisher/traceparent.h"

#include "common/bounds.h"

#define HEADER_BYTES 55

static bool is_hex(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] >= 'a' && text.ptr[i] <= 'f')))
            return false;
    return true;
}

static bool is_zero(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '0')
            return false;
    return true;
}

bool traceparent_is_valid(struct text header)
{
    struct text version, trace, parent, flags;

    if (header.len < HEADER_BYTES || header.len > TRACEPARENT_BYTES_MAX || !text_is_printable(header))
        return false;
    if (header.ptr[2] != '-' || header.ptr[35] != '-' || header.ptr[52] != '-')
        return false;
    version = (struct text){header.ptr, 2};
    trace = (struct text){header.ptr + 3, 32};
    parent = (struct text){header.ptr + 36, 16};
    flags = (struct text){header.ptr + 53, 2};
    if (!is_hex(version) || !is_hex(trace) || !is_hex(parent) || !is_hex(flags) || text_is(version, "ff"))
        return false;
    if (header.len > HEADER_BYTES && (text_is(version, "00") || header.ptr[HEADER_BYTES] != '-'))
        return false;
    return !is_zero(trace) && !is_zero(parent);
}
