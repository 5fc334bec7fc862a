/* Entity tags (RFC 9110, 8.8.3): what a client knows of a thing, said back to us with If-Match or If-None-Match.
 *
 * The idea to hold in mind: If-Match is decided in the store, by the statement that changes the thing, or somebody
 * could change it in between; If-None-Match is decided here, after the thing was read. */
#ifndef KARCIS_ETAG_H
#define KARCIS_ETAG_H

#include <stdbool.h>
#include <stddef.h>
#include "common/text.h"

struct json;
struct params;
struct request;

#define ETAGS_MAX 16 /* in one header; nobody knows more versions of a thing */

struct etags {
    bool are_given; /* otherwise, and for "*", any will do */
    size_t count;
    struct text items[ETAGS_MAX]; /* without their quotes; weak ones are not here: If-Match never matches them */
};

/* The request's If-Match. False: it is malformed, and the request has been answered (400). */
bool etag_if_match(struct request *request, struct etags *etags);
/* The next parameter, text[]: the tags of which one must be there, or NULL. */
void params_etags(struct params *params, const struct etags *etags);

/* Like answer_json, with the tag (without quotes); 304 if it is a GET whose If-None-Match names it. */
void etag_answer_json(struct request *request, int status, struct json *json, struct text tag);
/* The same, with a tag made of the document. */
void etag_answer_document(struct request *request, int status, struct json *json);

#endif
