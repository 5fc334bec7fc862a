/* One table of 256 bytes says what each byte may be part of. */
#include "common/http_grammar.h"

#include <strings.h>

enum {
    IN_TOKEN = 1,
    IN_TARGET = 2,  /* pchar, "/" and "?": RFC 3986 section 3.3 and 3.4 */
    IN_HOST = 4,    /* reg-name: section 3.2.2 */
    IN_ADDRESS = 8, /* what stands in brackets: an IPv6 address */
    IN_VALUE = 16,
    IS_DIGIT = 32
};

#define EVERYWHERE (IN_TOKEN | IN_TARGET | IN_HOST | IN_VALUE)
#define SUB_DELIMS (IN_TARGET | IN_HOST | IN_VALUE)

static const unsigned char kinds[256] = {
    ['\t'] = IN_VALUE,
    [' '] = IN_VALUE,
    ['"'] = IN_VALUE,
    ['!'] = EVERYWHERE,
    ['#'] = IN_TOKEN | IN_VALUE,
    ['$' ... '\''] = EVERYWHERE, /* $ % & ' */
    ['('] = SUB_DELIMS,
    [')'] = SUB_DELIMS,
    ['*'] = EVERYWHERE,
    ['+'] = EVERYWHERE,
    [','] = SUB_DELIMS,
    ['-'] = EVERYWHERE,
    ['.'] = EVERYWHERE | IN_ADDRESS,
    ['/'] = IN_TARGET | IN_VALUE,
    ['0' ... '9'] = EVERYWHERE | IN_ADDRESS | IS_DIGIT,
    [':'] = IN_TARGET | IN_ADDRESS | IN_VALUE,
    [';'] = SUB_DELIMS,
    ['<'] = IN_VALUE,
    ['='] = SUB_DELIMS,
    ['>'] = IN_VALUE,
    ['?'] = IN_TARGET | IN_VALUE,
    ['@'] = IN_TARGET | IN_VALUE,
    ['A' ... 'F'] = EVERYWHERE | IN_ADDRESS,
    ['G' ... 'Z'] = EVERYWHERE,
    ['[' ... ']'] = IN_VALUE, /* [ \ ] */
    ['^'] = IN_TOKEN | IN_VALUE,
    ['_'] = EVERYWHERE,
    ['`'] = IN_TOKEN | IN_VALUE,
    ['a' ... 'f'] = EVERYWHERE | IN_ADDRESS,
    ['g' ... 'z'] = EVERYWHERE,
    ['{'] = IN_VALUE,
    ['|'] = IN_TOKEN | IN_VALUE,
    ['}'] = IN_VALUE,
    ['~'] = EVERYWHERE,
    [0x80 ... 0xFF] = IN_VALUE,
};

static bool is_all(struct text text, unsigned kind)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(kinds[(unsigned char)text.ptr[i]] & kind))
            return false;
    return true;
}

bool http_is_token_byte(char byte)
{
    return kinds[(unsigned char)byte] & IN_TOKEN;
}

bool http_is_token(struct text text)
{
    return text.len > 0 && is_all(text, IN_TOKEN);
}

bool http_is_value(struct text text)
{
    return is_all(text, IN_VALUE);
}

bool http_is_target(struct text text)
{
    return is_all(text, IN_TARGET);
}

bool http_is_digits(struct text text)
{
    return text.len > 0 && is_all(text, IS_DIGIT);
}

static struct text behind(struct text text, const char *at)
{
    return (struct text){at, (size_t)(text.ptr + text.len - at)};
}

bool http_is_host(struct text text)
{
    const bool is_address = text.len > 0 && text.ptr[0] == '[';
    const char *end = text.len ? memchr(text.ptr, is_address ? ']' : ':', text.len) : NULL;
    struct text host = {text.ptr, end ? (size_t)(end - text.ptr) : text.len}, rest;

    if (!is_address) {
        rest = end ? behind(text, end) : TEXT("");
    } else if (end) {
        rest = behind(text, end + 1);
        host.ptr++;
        host.len--;
    } else {
        return false;
    }
    if (!is_all(host, is_address ? IN_ADDRESS : IN_HOST) || (is_address && host.len == 0))
        return false;
    return rest.len == 0 || (rest.ptr[0] == ':' && is_all(behind(rest, rest.ptr + 1), IS_DIGIT));
}

static struct text without_space_around(struct text text)
{
    while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

bool http_read_header(struct text line, struct header *header)
{
    const char *colon = line.len ? memchr(line.ptr, ':', line.len) : NULL;

    if (!colon)
        return false;
    header->name = (struct text){line.ptr, (size_t)(colon - line.ptr)};
    header->value = without_space_around(behind(line, colon + 1));
    return http_is_token(header->name) && http_is_value(header->value);
}

bool http_is_name(struct text text, const char *name)
{
    return text.len == strlen(name) && strncasecmp(text.ptr, name, text.len) == 0;
}

bool http_list_has(struct text list, const char *token)
{
    struct text piece;

    while (text_next(&list, ',', &piece))
        if (http_is_name(without_space_around(piece), token))
            return true;
    return false;
}

struct text header_value(const struct header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (http_is_name(headers[i].name, name))
            return headers[i].value;
    return TEXT_NONE;
}
