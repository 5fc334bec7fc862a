/* Reading JSON that somebody sent. jansson does the parsing; what is checked before it keeps a small body from becoming
 * a large tree.
 *
 * The idea to hold in mind: a member is read by saying what it must be; what is not so is added to the problems, and
 * the reading goes on, so that one answer tells everything that is wrong. A member that is absent or null is "not
 * given": its reader returns nothing and finds nothing wrong; body_require does. */
#ifndef KARCIS_BODY_H
#define KARCIS_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/text.h"

struct arena;
struct json_t;
struct problems;
struct uuid;

/* NULL: not JSON (then *why says what and where, in the arena), or deeper or wider than bounds.h allows. Duplicate
 * keys, U+0000 and what is not UTF-8 are not JSON. The caller releases the tree with json_decref. */
struct json_t *body_parse(struct arena *arena, struct text text, struct text *why);

/* From now on it is counted how much memory all trees take together; before, and without it, body_trees_bytes is 0. To
 * be called before the first tree is made. */
void body_count_trees(void);
size_t body_trees_bytes(void);

/* An object that is read; texts that come from it live as long as the tree. */
struct body {
    const struct json_t *object;
    const char *pointer; /* where it stands in the document: "" or "/price" */
    struct problems *problems;
};

/* The whole document, or the member `name`. A problem, and .object NULL, if it is not an object. */
struct body body_open(const struct json_t *document, struct problems *problems);
struct body body_object(const struct body *body, const char *name);
/* One of an array's. */
struct body body_item(const struct json_t *array, size_t index, struct problems *problems);

bool body_is_given(const struct body *body, const char *name);
bool body_is_named(const struct body *body, const char *name); /* given, or null */
void body_require(const struct body *body, const char *name);
void body_refuse(const struct body *body, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct text body_identifier(const struct body *body, const char *name, size_t bytes_max);
/* One that something made over HTTP may have: "." and ".." are refused, since no client keeps /users/.. as it is (RFC
 * 3986, section 5.2.4). */
struct text body_new_name(const struct body *body, const char *name, size_t bytes_max);
struct text body_line(const struct body *body, const char *name, size_t characters_max); /* printable, not empty */
bool body_integer(const struct body *body, const char *name, int64_t min, int64_t max, int64_t *number);
bool body_time(const struct body *body, const char *name, int64_t *time_us);
bool body_uuid(const struct body *body, const char *name, struct uuid *id);
/* Which of "auto|link" it is; -1: none. JSON's true and false are taken for yes and no. */
int body_choice(const struct body *body, const char *name, const char *choices);
/* An array of 1..count_max different seat labels; their number, 0 if not given or wrong. */
size_t body_labels(const struct body *body, const char *name, size_t count_max, struct text **labels);

#endif
