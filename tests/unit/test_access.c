/* access: who may what, from where a request comes, and how often. */
#include "tests/unit/support.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/access.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/keys.h"
#include "common/limits.h"
#include "common/peer.h"
#include "common/request.h"
#include "publisher/sessions.h"

/* ---- keys ---- */

static struct key key_of(const char *secret, enum route_who role)
{
    return (struct key){.hash = secret_hash(text_of(secret)), .role = role, .name = text_of(secret)};
}

static void a_key_gives_its_role_and_no_other(void **state)
{
    static const struct {
        const char *secret;
        enum route_who role; /* ANYONE: not known */
    } cases[] = {{"cli", CLIENT},  {"adm", ADMIN}, {"door", GATE}, {"cl", ANYONE},
                 {"clii", ANYONE}, {"", ANYONE},   {"CLI", ANYONE}};
    struct keys *keys = keys_new();
    const struct key added[] = {key_of("cli", CLIENT), key_of("adm", ADMIN), key_of("door", GATE)};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(added); i++)
        keys_add(keys, &added[i]);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct secret_hash hash = secret_hash(text_of(cases[i].secret));
        const struct key *key = keys_find(keys, &hash);

        check_row((key ? key->role : ANYONE) == cases[i].role, "%s", cases[i].secret);
    }
    keys_free(keys);
}

static void of_two_equal_keys_the_first_counts(void **state)
{
    struct keys *keys = keys_new();
    const struct key admin = key_of("same", ADMIN), client = key_of("same", CLIENT);

    (void)state;
    keys_add(keys, &admin);
    keys_add(keys, &client);
    assert_int_equal(keys_find(keys, &admin.hash)->role, ADMIN);
    keys_free(keys);
}

static void as_many_keys_as_may_be_are_all_found(void **state)
{
    struct keys *keys = keys_new();
    char secret[24];

    (void)state;
    for (int i = 0; i < KEYS_MAX + 100; i++) {
        struct key key;

        snprintf(secret, sizeof secret, "key-%d", i);
        key = key_of(secret, CLIENT);
        keys_add(keys, &key);
    }
    for (int i = 0; i < KEYS_MAX; i++) {
        struct secret_hash hash;

        snprintf(secret, sizeof secret, "key-%d", i);
        hash = secret_hash(text_of(secret));
        check_row(keys_find(keys, &hash) != NULL, "%s", secret);
        check_text(keys_find(keys, &hash)->name, secret);
    }
    keys_free(keys);
}

static void a_secret_is_long_and_never_the_same(void **state)
{
    struct arena *arena = arena_new();
    const struct text one = secret_new(arena, "krc_client_"), other = secret_new(arena, "krc_client_");
    struct secret_hash hash = secret_hash(one), read;

    (void)state;
    assert_int_equal(one.len, 11 + 43); /* 256 bits, six in a letter */
    assert_memory_equal(one.ptr, "krc_client_", 11);
    assert_true(text_is_identifier(one, 100));
    assert_false(text_equal(one, other));
    assert_true(secret_hash_parse(secret_hash_text(arena, hash), &read));
    assert_memory_equal(&read, &hash, sizeof hash);
    assert_false(secret_hash_parse(TEXT("00"), &read));
    arena_free(arena);
}

/* ---- roles ---- */

static void each_role_may_what_its_work_needs(void **state)
{
    /* rows: who asks; columns: what the route asks for: ANYONE USER GATE CLIENT ADMIN */
    static const bool may[5][5] = {
        [ANYONE] = {true, false, false, false, false}, [USER] = {true, true, false, false, false},
        [GATE] = {true, false, true, false, false},    [CLIENT] = {true, true, false, true, false},
        [ADMIN] = {true, true, true, true, true},
    };

    (void)state;
    for (int role = ANYONE; role <= ADMIN; role++)
        for (int who = ANYONE; who <= ADMIN; who++)
            check_row(access_allows((enum route_who)role, (enum route_who)who) == may[role][who], "%d asks for %d",
                      role, who);
}

static void what_is_a_users_own_is_shown_to_few(void **state)
{
    static const struct {
        enum route_who role;
        const char *name, *open_reads;
        bool may_see;
    } cases[] = {
        {ANYONE, NULL, "no", false}, {ANYONE, NULL, "yes", true},  {USER, "ayu", "no", true},
        {USER, "budi", "no", false}, {USER, "budi", "yes", false}, {CLIENT, "shop", "no", true},
        {ADMIN, "boss", "no", true}, {GATE, "door", "no", false},  {GATE, "ayu", "no", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct request request = {.caller = {cases[i].role, text_of(cases[i].name)}};

        setenv("OPEN_READS", cases[i].open_reads, 1);
        config_load();
        check_row(access_may_see(&request, TEXT("ayu")) == cases[i].may_see, "role %d, OPEN_READS=%s", cases[i].role,
                  cases[i].open_reads);
    }
}

static void a_payment_links_token_is_cut_out_for_who_may_not_see_it(void **state)
{
    static const char payload[] = "{\"payment_url\":\"http://x/pay/INV-1?token=ab-C_9.=\",\"b\":\"?token=z&c=1\"}";
    struct arena *arena = arena_new();
    struct request request = {.arena = arena};

    (void)state;
    setenv("OPEN_READS", "no", 1);
    config_load();
    check_text(access_without_tokens(&request, TEXT(payload)),
               "{\"payment_url\":\"http://x/pay/INV-1?token=\",\"b\":\"?token=&c=1\"}");
    check_text(access_without_tokens(&request, TEXT("?token=")), "?token=");
    request.caller.role = CLIENT;
    check_text(access_without_tokens(&request, TEXT(payload)), payload);
    setenv("OPEN_READS", "yes", 1);
    config_load();
    request.caller.role = ANYONE;
    check_text(access_without_tokens(&request, TEXT(payload)), payload);
    arena_free(arena);
}

/* ---- cookies, and where a request comes from ---- */

static void a_cookie_is_found_by_its_whole_name(void **state)
{
    static const struct {
        const char *header, *value;
    } cases[] = {
        {"a=1", "1"},
        {"b=2; a=1", "1"},
        {"b=2;a=1; c=3", "1"},
        {"a=", ""},
        {"aa=1", "-"},
        {"b=a=1", "-"},
        {"a", "-"},
        {"", "-"},
        {"a=1=2", "1=2"},
        {"A=1", "-"},
        {"a=first; a=2", "first"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_text_row(access_cookie(text_of(cases[i].header), "a"), cases[i].value, cases[i].header);
}

static void a_sessions_cookie_is_for_tls_alone_where_there_is_tls(void **state)
{
    static const struct {
        const char *base_url, *cookie;
    } cases[] = {
        {"https://shop.example", "karcis_session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"},
        {"HTTPS://shop.example:8443/", "karcis_session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"},
        {"http://127.0.0.1:8080", "karcis_session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"},
        {"http://https://", "karcis_session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"},
        {"https:", "karcis_session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"},
        {"", "karcis_session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(sessions_cookie(arena, cases[i].base_url, TEXT("abc"), 60).ptr, cases[i].cookie);
    arena_free(arena);
}

static void only_a_page_of_ours_or_no_page_at_all_can_use_a_session(void **state)
{
    static const struct {
        const char *sec_fetch_site, *origin, *host;
        bool is_same;
    } cases[] = {
        {NULL, NULL, "shop.example", true}, /* curl */
        {"same-origin", "https://shop.example", "shop.example", true},
        {"same-origin", "http://localhost:5173", "127.0.0.1:8081", true}, /* a development server in between */
        {"none", NULL, "shop.example", true},
        {"cross-site", "https://evil.example", "shop.example", false},
        {"same-site", "https://blog.shop.example", "shop.example", false},
        {"cross-site", NULL, "shop.example", false},
        {NULL, "https://shop.example", "shop.example", true}, /* a browser without Sec-Fetch-Site */
        {NULL, "https://SHOP.example", "shop.example", true},
        {NULL, "https://shop.example:444", "shop.example", false},
        {NULL, "https://evil.example", "shop.example", false},
        {NULL, "https://shop.example.evil.example", "shop.example", false},
        {NULL, "null", "shop.example", false},
        {NULL, "", "shop.example", false},
        {NULL, "https://", "", false},
        {NULL, "https://public.example", "inside:8081", true}, /* BASE_URL, behind a proxy that changes Host */
        {"cross-site", "https://public.example", "inside:8081", true},
        {NULL, "http://public.example", "inside:8081", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_row(access_is_same_origin(text_of(cases[i].sec_fetch_site), text_of(cases[i].origin),
                                        text_of(cases[i].host),
                                        TEXT("https://public.example/shop")) == cases[i].is_same,
                  "Sec-Fetch-Site: %s, Origin: %s", cases[i].sec_fetch_site ? cases[i].sec_fetch_site : "-",
                  cases[i].origin ? cases[i].origin : "-");
}

/* ---- addresses ---- */

static void an_address_is_believed_only_from_a_trusted_proxy(void **state)
{
    static const struct {
        const char *trusted, *peer, *forwarded, *more, *address; /* `more`: a second header */
    } cases[] = {
        {"127.0.0.0/8,::1", "127.0.0.1", NULL, NULL, "127.0.0.1"},
        {"127.0.0.0/8,::1", "127.0.0.1", "203.0.113.7", NULL, "203.0.113.7"},
        {"127.0.0.0/8,::1", "::1", "203.0.113.7", NULL, "203.0.113.7"},
        {"127.0.0.0/8", "127.0.0.1", "1.1.1.1, 203.0.113.7", NULL, "203.0.113.7"}, /* what the client wrote: 1.1.1.1 */
        {"127.0.0.0/8", "127.0.0.1", "1.1.1.1", "203.0.113.7", "203.0.113.7"},
        {"127.0.0.0/8", "198.51.100.9", "203.0.113.7", NULL, "198.51.100.9"},
        {"", "127.0.0.1", "203.0.113.7", NULL, "127.0.0.1"},
        {"127.0.0.1, 10.0.0.0/8", "127.0.0.1", "1.1.1.1, 203.0.113.7, 10.1.2.3", NULL, "203.0.113.7"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", "203.0.113.7", "10.1.2.3", "203.0.113.7"},
        {"127.0.0.1", "127.0.0.1", "unknown", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "203.0.113.7, nonsense", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "2001:db8:1:2:3:4:5:6", NULL, "2001:db8:1:2::/64"},
        {"2001:db8::/33", "2001:db8:7fff::1", "203.0.113.7", NULL, "203.0.113.7"},
        {"2001:db8::/33", "2001:db8:8000::1", "203.0.113.7", NULL, "2001:db8:8000::/64"},
        {"127.0.0.1", "::ffff:127.0.0.1", "203.0.113.7", NULL, "203.0.113.7"},
        {"127.0.0.1", "", "203.0.113.7", NULL, "-"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct header headers[] = {{TEXT("x-forwarded-for"), text_of(cases[i].forwarded)},
                                   {TEXT("X-Forwarded-For"), text_of(cases[i].more)}};
        const struct head head = {.headers = headers, .header_count = (size_t) !!cases[i].forwarded + !!cases[i].more};
        struct networks trusted;
        struct address address;

        check_row(networks_read(text_of(cases[i].trusted), &trusted), "%s", cases[i].trusted);
        if (peer_address(&trusted, text_of(cases[i].peer), &head, &address))
            check_text_row(address_text(arena, address), cases[i].address, cases[i].forwarded);
        else
            check_row(strcmp(cases[i].address, "-") == 0, "%s is an address", cases[i].peer);
    }
    arena_free(arena);
}

static void what_is_no_list_of_networks_is_refused(void **state)
{
    static const char *const cases[] = {"localhost", "10.0.0.0/33", "10.0.0.0/-1",  "10.0.0.0/",
                                        "::1/129",   "10.0.0",      "1.2.3.4,,::1", "1.2.3.4/8/8"};
    struct networks networks;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_row(!networks_read(text_of(cases[i]), &networks), "%s", cases[i]);
}

/* ---- how often ---- */

#define SECOND_US 1000000LL

static void so_many_at_once_and_then_so_many_a_second(void **state)
{
    const struct limit limit = {.per_s = 5, .burst = 10};
    struct limits *limits = limits_new();
    int64_t now_us = 1000 * SECOND_US;

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(limits_take(limits, "a", TEXT("x"), limit, now_us), 0);
    assert_int_equal(limits_take(limits, "a", TEXT("x"), limit, now_us), 1);
    assert_int_equal(limits_take(limits, "a", TEXT("y"), limit, now_us), 0); /* somebody else */
    assert_int_equal(limits_take(limits, "b", TEXT("x"), limit, now_us), 0); /* something else */
    for (int i = 0; i < 50; i++) {
        now_us += SECOND_US / 5;
        assert_int_equal(limits_take(limits, "a", TEXT("x"), limit, now_us), 0);
        assert_int_not_equal(limits_take(limits, "a", TEXT("x"), limit, now_us), 0); /* being refused costs nothing */
    }
    now_us += 3600 * SECOND_US;
    for (int i = 0; i < 10; i++)
        assert_int_equal(limits_take(limits, "a", TEXT("x"), limit, now_us), 0);
    assert_int_not_equal(limits_take(limits, "a", TEXT("x"), limit, now_us), 0);
    limits_free(limits);
}

static void who_is_refused_is_told_when_to_come_again(void **state)
{
    const struct limit limit = {.per_s = 1.0 / 6, .burst = 2};
    struct limits *limits = limits_new();
    const int64_t now_us = 1000 * SECOND_US;
    int64_t wait_s;

    (void)state;
    assert_int_equal(limits_take(limits, "a", TEXT("x"), limit, now_us), 0);
    assert_int_equal(limits_take(limits, "a", TEXT("x"), limit, now_us), 0);
    wait_s = limits_take(limits, "a", TEXT("x"), limit, now_us);
    assert_int_equal(wait_s, 6);
    assert_int_equal(limits_take(limits, "a", TEXT("x"), limit, now_us + wait_s * SECOND_US), 0);
    limits_give_back(limits, "a", TEXT("x"), limit, now_us + wait_s * SECOND_US);
    assert_int_equal(limits_take(limits, "a", TEXT("x"), limit, now_us + wait_s * SECOND_US), 0);
    limits_free(limits);
}

/* The busiest stays limited while a million others come by. */
static void a_million_callers_do_not_push_out_the_busiest(void **state)
{
    const struct limit limit = {.per_s = 1, .burst = 10};
    struct limits *limits = limits_new();
    const int64_t now_us = 1000 * SECOND_US;
    char name[24];

    (void)state;
    while (limits_take(limits, "a", TEXT("busy"), limit, now_us) == 0)
        ;
    for (int i = 0; i < 1000000; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(limits_take(limits, "a", text_of(name), limit, now_us), 0);
    }
    assert_int_not_equal(limits_take(limits, "a", TEXT("busy"), limit, now_us), 0);
    limits_free(limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_gives_its_role_and_no_other),
        cmocka_unit_test(of_two_equal_keys_the_first_counts),
        cmocka_unit_test(as_many_keys_as_may_be_are_all_found),
        cmocka_unit_test(a_secret_is_long_and_never_the_same),
        cmocka_unit_test(each_role_may_what_its_work_needs),
        cmocka_unit_test(what_is_a_users_own_is_shown_to_few),
        cmocka_unit_test(a_payment_links_token_is_cut_out_for_who_may_not_see_it),
        cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
        cmocka_unit_test(a_sessions_cookie_is_for_tls_alone_where_there_is_tls),
        cmocka_unit_test(only_a_page_of_ours_or_no_page_at_all_can_use_a_session),
        cmocka_unit_test(an_address_is_believed_only_from_a_trusted_proxy),
        cmocka_unit_test(what_is_no_list_of_networks_is_refused),
        cmocka_unit_test(so_many_at_once_and_then_so_many_a_second),
        cmocka_unit_test(who_is_refused_is_told_when_to_come_again),
        cmocka_unit_test(a_million_callers_do_not_push_out_the_busiest),
    };

    return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
