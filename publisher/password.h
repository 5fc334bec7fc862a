/* Passwords: kept as argon2id (RFC 9106), made and compared on threads of their own, since one takes some 70 ms. */
#ifndef KARCIS_PASSWORD_H
#define KARCIS_PASSWORD_H

#include <stdbool.h>
#include "common/text.h"

struct body;
struct loop;
struct request;

void password_start(struct loop *loop);
void password_stop(void); /* nothing is called any more */

/* The member "password"; ptr NULL if it is not given or cannot be. */
struct text password_read(const struct body *body);

/* `hash`: to be kept; ptr NULL: there is not enough memory now. */
typedef void password_hashed_fn(struct request *request, struct text hash, void *context);
/* Calls fn later, or answers (503) when too many wait. */
void password_hash(struct request *request, struct text password, password_hashed_fn *fn, void *context);

typedef void password_checked_fn(struct request *request, bool is_right, void *context);
/* The same. `hash` with ptr NULL: there is none, nothing is right; it takes as long to say so. */
void password_check(struct request *request, struct text password, struct text hash, password_checked_fn *fn,
                    void *context);

#endif
