/* A server that speaks Redis's protocol and does what a test tells it: answers, keeps silent, talks nonsense, hangs up.
 * It lives on the test's own loop. */
#ifndef KARCIS_TESTS_FAKE_REDIS_H
#define KARCIS_TESTS_FAKE_REDIS_H

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct fake_redis;

struct fake_redis *fake_redis_new(struct loop *loop);
void fake_redis_free(struct fake_redis *fake);
int fake_redis_port(const struct fake_redis *fake);

/* What is said to commands that begin with these words, from now on; the latest rule goes first. Whatever has no rule
 * is answered +OK. An answer of "" is none. */
void fake_redis_answer(struct fake_redis *fake, const char *command, const char *answer);
void fake_redis_say(struct fake_redis *fake, const char *bytes, size_t len); /* unasked, on the newest connection */
void fake_redis_hang_up(struct fake_redis *fake);                            /* on everybody */
void fake_redis_refuse(struct fake_redis *fake, bool refuses);               /* hangs up on whoever comes */

/* Every command that was heard since the last call of forget, its words with spaces between, each with ";" behind it.
 */
const char *fake_redis_heard(const struct fake_redis *fake);
void fake_redis_forget(struct fake_redis *fake);
size_t fake_redis_count(const struct fake_redis *fake, const char *command); /* that begin so */
size_t fake_redis_visits(const struct fake_redis *fake);                     /* connections so far */

#endif
