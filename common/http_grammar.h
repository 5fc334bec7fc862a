/* The letters of HTTP: which bytes may stand in a token, a value, a target and a host (RFC 9110 section 5.6, RFC 3986).
 * Nothing here knows what a request is. */
#ifndef KARCIS_HTTP_GRAMMAR_H
#define KARCIS_HTTP_GRAMMAR_H

#include <stdbool.h>
#include "common/text.h"

struct header {
    struct text name, value; /* name in any case; value without the space around it */
};

bool http_is_token_byte(char byte);
bool http_is_token(struct text text);  /* methods and names of headers; not empty */
bool http_is_value(struct text text);  /* no control characters but the tab; bytes above 127 may be there */
bool http_is_target(struct text text); /* what may stand in a path and a query; escapes are not looked into */
bool http_is_host(struct text text);   /* host[:port]; may be empty */
bool http_is_digits(struct text text); /* not empty */

/* "Name: value", without its line end; false if it is not well formed. */
bool http_read_header(struct text line, struct header *header);

/* Names and tokens compare without regard to case; `name` is a literal. */
bool http_is_name(struct text text, const char *name);
/* Is the token in the list "a, b,c"? */
bool http_list_has(struct text list, const char *token);
/* ptr NULL if it is not there; the first if it is there more than once. */
struct text header_value(const struct header *headers, size_t count, const char *name);

#endif
