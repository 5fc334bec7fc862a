/* publisher: how long a client waits, what its Idempotency-Key stands for, what is taken as a purchase, and tickets'
 * ids.
 */
#include "tests/unit/support.h"

#include <jansson.h>

#include "common/arena.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/ticket.h"
#include "publisher/book.h"
#include "publisher/booked.h"
#include "publisher/buy.h"
#include "publisher/idempotency.h"
#include "publisher/prefer.h"

/* ---- Prefer ---- */

static void how_long_a_client_waits_is_read_as_rfc_7240_says(void **state)
{
    static const struct {
        const char *first, *second; /* two headers; NULL: none */
        int seconds;
    } cases[] = {
        {NULL, NULL, 0},
        {"wait=5", NULL, 5},
        {"wait=1", NULL, 1},
        {"wait=30", NULL, 30},
        {"wait=31", NULL, 30},
        {"wait=99999999999999999999999999", NULL, 30},
        {"wait=0", NULL, 0},
        {"wait=-1", NULL, 0},
        {"wait=1.5", NULL, 0},
        {"wait=5s", NULL, 0},
        {"wait=", NULL, 0},
        {"wait", NULL, 0},
        {"WAIT=5", NULL, 5},
        {" wait = 5 ", NULL, 5},
        {"wait=\"5\"", NULL, 5},
        {"wait=\"5", NULL, 0},
        {"wait=5; reason=\"x, wait=9\"", NULL, 5},
        {"respond-async, wait=7", NULL, 7},
        {"respond-async,wait=7;foo=bar,wait=9", NULL, 7},
        {"foo=\"a, wait=9\", wait=3", NULL, 3},
        {"foo=\"a\\\", wait=9\", wait=3", NULL, 3},
        {"await=9, waits=8", NULL, 0},
        {"respond-async", "wait=4", 4},
        {"wait=6", "wait=4", 6},
        {"wait=soon", "wait=4", 0}, /* the first holds, and says nothing */
        {"", "wait=4", 4},
        {",,;,=,\"", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct header headers[] = {
            {TEXT("Host"), TEXT("wait=9")},
            {TEXT("prefer"), text_of(cases[i].first)},
            {TEXT("Prefer"), text_of(cases[i].second)},
        };
        const struct head head = {.header_count = 1u + (cases[i].first != NULL) + (cases[i].second != NULL),
                                  .headers = headers};

        check_row(prefer_wait_s(&head) == cases[i].seconds, "%s | %s: %d", cases[i].first, cases[i].second,
                  prefer_wait_s(&head));
    }
}

/* ---- Idempotency-Key ---- */

struct asked {
    const char *method, *path, *caller, *key, *body; /* caller: of a client's key; with "@" in front a session's user */
};

static const char *read_key(struct arena *arena, const struct asked *asked, struct idempotency *key)
{
    struct header headers[] = {{TEXT("idempotency-key"), text_of(asked->key)}};
    const bool is_user = asked->caller && asked->caller[0] == '@';
    const struct caller caller = {.role = is_user         ? USER
                                          : asked->caller ? CLIENT
                                                          : ANYONE,
                                  .name = text_of(is_user ? asked->caller + 1 : asked->caller)};
    const struct request request = {.arena = arena,
                                    .method = asked->method,
                                    .target_path = text_of(asked->path),
                                    .caller = caller,
                                    .head = {.header_count = asked->key ? 1 : 0, .headers = headers}};
    json_t *document = json_loads(asked->body, JSON_DECODE_ANY, NULL);
    const char *wrong = idempotency_read(&request, document, key);

    assert_non_null(document);
    json_decref(document);
    return wrong;
}

static void a_key_stands_for_the_same_as_long_as_caller_method_and_path_are_the_same(void **state)
{
    const struct asked first = {"POST", "/bookings", "a", "k", "{\"user\":\"ayu\",\"show\":\"demo\"}"};
    static const struct {
        const char *name;
        struct asked asked;
        bool same_id, same_body;
    } cases[] = {
        {"again", {"POST", "/bookings", "a", "k", "{\"user\":\"ayu\",\"show\":\"demo\"}"}, true, true},
        {"another order", {"POST", "/bookings", "a", "k", "{ \"show\":\"demo\", \"user\":\"\\u0061yu\" }"}, true, true},
        {"another body", {"POST", "/bookings", "a", "k", "{\"user\":\"ayu\",\"show\":\"Demo\"}"}, true, false},
        {"a member more", {"POST", "/bookings", "a", "k", "{\"user\":\"ayu\",\"show\":\"demo\",\"x\":1}"}, true, false},
        {"another key", {"POST", "/bookings", "a", "K", "{\"user\":\"ayu\",\"show\":\"demo\"}"}, false, true},
        {"another caller", {"POST", "/bookings", "b", "k", "{\"user\":\"ayu\",\"show\":\"demo\"}"}, false, true},
        {"a user of the same name",
         {"POST", "/bookings", "@a", "k", "{\"user\":\"ayu\",\"show\":\"demo\"}"},
         false,
         true},
        {"nobody", {"POST", "/bookings", NULL, "k", "{\"user\":\"ayu\",\"show\":\"demo\"}"}, false, true},
        {"another path", {"POST", "/buy-tickets", "a", "k", "{\"user\":\"ayu\",\"show\":\"demo\"}"}, false, true},
        {"another method", {"PUT", "/bookings", "a", "k", "{\"user\":\"ayu\",\"show\":\"demo\"}"}, false, true},
    };
    struct arena *arena = arena_new();
    struct idempotency key, other;

    (void)state;
    assert_null(read_key(arena, &first, &key));
    assert_true(key.is_given);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_null(read_key(arena, &cases[i].asked, &other));
        check_row((uuid_compare(key.id, other.id) == 0) == cases[i].same_id, "%s: id", cases[i].name);
        check_row(text_equal(key.fingerprint, other.fingerprint) == cases[i].same_body, "%s: body", cases[i].name);
    }
    arena_free(arena);
}

static void a_key_is_1_to_255_printable_characters(void **state)
{
    char longest[257], too_long[257];
    const struct {
        const char *key;
        bool is_right;
    } cases[] = {
        {"k", true},       {"a b", true},   {"!~\"", true},  {longest, true},        {"", false},
        {too_long, false}, {"a\tb", false}, {"\x7f", false}, {"caf\xc3\xa9", false},
    };
    struct arena *arena = arena_new();
    struct idempotency key;

    (void)state;
    memset(longest, 'x', sizeof longest);
    memset(too_long, 'x', sizeof too_long);
    longest[255] = '\0';
    too_long[256] = '\0';
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct asked asked = {"POST", "/bookings", "a", cases[i].key, "{}"};

        check_row((read_key(arena, &asked, &key) == NULL) == cases[i].is_right, "%s", cases[i].key);
    }
    assert_null(read_key(arena, &(struct asked){"POST", "/bookings", "a", NULL, "{}"}, &key));
    assert_false(key.is_given);
    arena_free(arena);
}

static void what_the_script_says_is_told_apart(void **state)
{
    struct redis_reply other = {.type = REDIS_TEXT, .text = TEXT("other")};
    struct redis_reply is_new = {.type = REDIS_TEXT, .text = TEXT("new")};
    struct redis_reply again = {.type = REDIS_TEXT, .text = TEXT("again")};
    struct redis_reply entry = {.type = REDIS_TEXT, .text = TEXT("5-0")};
    struct redis_reply *new_entry[] = {&is_new, &entry}, *again_entry[] = {&again, &entry}, *only_other[] = {&other};
    const struct {
        struct redis_reply reply;
        enum idempotency_answer answer;
        const char *entry;
    } cases[] = {
        {{.type = REDIS_TEXT, .text = TEXT("5-0")}, IDEMPOTENCY_NEW, "5-0"}, /* XADD's own */
        {{.type = REDIS_ARRAY, .count = 2, .items = new_entry}, IDEMPOTENCY_NEW, "5-0"},
        {{.type = REDIS_ARRAY, .count = 2, .items = again_entry}, IDEMPOTENCY_AGAIN, "5-0"},
        {{.type = REDIS_ARRAY, .count = 1, .items = only_other}, IDEMPOTENCY_OTHER, "-"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text id;

        check_row(idempotency_answer(&cases[i].reply, &id) == cases[i].answer, "row %zu", i);
        check_text(id, cases[i].entry);
    }
}

/* ---- purchases ---- */

static void a_purchase_is_a_booking_of_any_seats_paid_at_once_without_the_waitlist(void **state)
{
    struct arena *arena = arena_new();
    struct problems problems = {.arena = arena};
    struct book_request booking;
    json_t *document = json_loads("{\"stage_id\":7,\"qty\":3,\"username\":\"ayu\"}", 0, NULL);

    (void)state;
    assert_true(buy_read(document, &problems, &booking));
    check_text(booking.user, "ayu");
    check_text(booking.show, "7"); /* stages may be named by a number */
    check_text(booking.waitlist, "no");
    check_text(booking.payment, "auto");
    assert_int_equal(booking.quantity, 3);
    assert_int_equal(booking.seat_count, 0);
    json_decref(document);
    arena_free(arena);
}

static void why_there_are_no_tickets_is_said(void **state)
{
    static const struct {
        const char *status, *reason, *why_not;
    } cases[] = {
        {"CONFIRMED", NULL, NULL},
        {"REJECTED", "unknown_show", "there is no such stage"},
        {"REJECTED", "not_enough_seats", "there are not enough tickets left"},
        {"FAILED", "payment_failed", "the payment failed"},
        {"EXPIRED", NULL, "the tickets could not be bought"},
        {"FAILED", "organizer_refused", "the tickets could not be bought"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct booked booked = {.status = text_of(cases[i].status), .reason = text_of(cases[i].reason)};

        check_text_row(text_of(buy_why_not(&booked)), cases[i].why_not ? cases[i].why_not : "-", cases[i].status);
    }
}

/* ---- bookings and tickets ---- */

static void what_a_client_waits_for_has_come_or_not(void **state)
{
    static const struct {
        const char *status;
        bool is_decided, is_closed;
    } cases[] = {
        {"RESERVED", false, false},  {"HELD", true, false},     {"AWAITING_PAYMENT", true, false},
        {"WAITLISTED", true, false}, {"CONFIRMED", true, true}, {"REJECTED", true, true},
        {"FAILED", true, true},      {"EXPIRED", true, true},   {"CANCELLED", true, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct booked booked = {.status = text_of(cases[i].status)};

        check_row(booked_is_decided(&booked) == cases[i].is_decided, "%s", cases[i].status);
        check_row(booked_is_closed(&booked) == cases[i].is_closed, "%s", cases[i].status);
    }
}

static void each_seat_of_each_booking_has_a_ticket_of_its_own_for_ever(void **state)
{
    struct arena *arena = arena_new();
    struct uuid booking, other;

    (void)state;
    assert_true(uuid_parse(TEXT("019aa402-81c0-7f6f-a0e1-0123456789ab"), &booking));
    assert_true(uuid_parse(TEXT("019aa402-81c0-7f6f-a0e1-0123456789ac"), &other));
    assert_int_equal(uuid_compare(ticket_id(booking, TEXT("A1")), ticket_id(booking, TEXT("A1"))), 0);
    assert_int_not_equal(uuid_compare(ticket_id(booking, TEXT("A1")), ticket_id(booking, TEXT("A2"))), 0);
    assert_int_not_equal(uuid_compare(ticket_id(booking, TEXT("A1")), ticket_id(other, TEXT("A1"))), 0);
    check_text(uuid_text(arena, ticket_id(booking, TEXT("A1"))), "019aa402-81c0-8518-a341-d8897e076495");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_long_a_client_waits_is_read_as_rfc_7240_says),
        cmocka_unit_test(a_key_stands_for_the_same_as_long_as_caller_method_and_path_are_the_same),
        cmocka_unit_test(a_key_is_1_to_255_printable_characters),
        cmocka_unit_test(what_the_script_says_is_told_apart),
        cmocka_unit_test(a_purchase_is_a_booking_of_any_seats_paid_at_once_without_the_waitlist),
        cmocka_unit_test(why_there_are_no_tickets_is_said),
        cmocka_unit_test(what_a_client_waits_for_has_come_or_not),
        cmocka_unit_test(each_seat_of_each_booking_has_a_ticket_of_its_own_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
