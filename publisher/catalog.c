/* Making shows. */
#include "publisher/catalog.h"

#include "common/answer.h"
#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/id.h"
#include "common/json.h"
#include "common/log.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/store.h"
#include "publisher/catalog.sql.h"

#define TITLE_CHARACTERS_MAX     200
#define VENUE_CHARACTERS_MAX     200
#define TIME_ZONE_CHARACTERS_MAX 64
#define DEFAULT_TIME_ZONE        TEXT("Asia/Jakarta")

/* ---- what was sent ---- */

/* "001".."500": as many digits as the last has, so that they sort. */
static struct text *make_labels(struct arena *arena, size_t count)
{
    struct text *labels = ARENA_ARRAY(arena, struct text, count);
    const int digits = (int)text_of_int64(arena, (int64_t)count).len;

    for (size_t i = 0; i < count; i++)
        labels[i] = text_format(arena, "%0*zu", digits, i + 1);
    return labels;
}

static void read_seats(const struct body *body, struct catalog_show *show)
{
    int64_t capacity = 0;

    if (body->object && body_is_given(body, "seats") + body_is_given(body, "capacity") != 1)
        body_refuse(body, "seats", "give either seats or capacity");
    show->seat_count = body_labels(body, "seats", SHOW_SEATS_MAX, &show->seats);
    if (body_integer(body, "capacity", 1, SHOW_SEATS_MAX, &capacity)) {
        show->is_general = true;
        show->seat_count = (size_t)capacity;
        show->seats = make_labels(body->problems->arena, show->seat_count);
    }
}

static void read_price(const struct body *body, struct catalog_show *show)
{
    const struct body price = body_object(body, "price");

    body_require(body, "price");
    body_require(&price, "amount");
    body_require(&price, "currency");
    body_integer(&price, "amount", 0, AMOUNT_MAX, &show->amount);
    show->currency = body_line(&price, "currency", 3);
    if (show->currency.ptr && !text_is_currency(show->currency))
        body_refuse(&price, "currency", "must be a currency code such as IDR");
}

static bool begins_with(struct text text, struct text prefix)
{
    return text.len > prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0;
}

/* Who it points to is checked when it is called; here only that it can be a URL. */
static struct text read_url(const struct body *body, const char *name)
{
    const struct text url = body_line(body, name, URL_BYTES_MAX);
    bool fits = begins_with(url, TEXT("http://")) || begins_with(url, TEXT("https://"));

    for (size_t i = 0; i < url.len; i++)
        fits = fits && (unsigned char)url.ptr[i] > ' ' && (unsigned char)url.ptr[i] < 0x7F;
    if (url.ptr && !fits)
        body_refuse(body, name, "must begin with http:// or https:// and hold no spaces");
    return url;
}

static struct text read_time_zone(const struct body *body, const char *name)
{
    const struct text zone = body_line(body, name, TIME_ZONE_CHARACTERS_MAX);

    for (size_t i = 0; i < zone.len; i++)
        if (zone.ptr[i] != '/' && zone.ptr[i] != '+' && !text_is_identifier((struct text){zone.ptr + i, 1}, 1)) {
            body_refuse(body, name, "must be a time zone such as Asia/Jakarta");
            break;
        }
    return zone;
}

bool catalog_read(const struct json_t *document, struct text new_id, struct problems *problems,
                  struct catalog_show *show)
{
    const struct body body = body_open(document, problems);

    *show = (struct catalog_show){0};
    show->show_id = body_is_given(&body, "id") ? body_identifier(&body, "id", IDENTIFIER_BYTES_MAX) : new_id;
    body_require(&body, "title");
    show->title = body_line(&body, "title", TITLE_CHARACTERS_MAX);
    show->venue = body_line(&body, "venue", VENUE_CHARACTERS_MAX);
    show->has_starts_at = body_time(&body, "starts_at", &show->starts_at_us);
    show->has_doors_at = body_time(&body, "doors_at", &show->doors_at_us);
    show->time_zone = read_time_zone(&body, "time_zone");
    read_price(&body, show);
    read_seats(&body, show);
    show->organizer_url = read_url(&body, "organizer_url");
    return problems->count == 0;
}

/* ---- what is shown ---- */

static void write_time(struct json *json, const char *key, bool is_given, int64_t time_us)
{
    json_key(json, key);
    if (is_given)
        json_time(json, time_us);
    else
        json_none(json);
}

static void write_text(struct json *json, const char *key, struct text text)
{
    json_key(json, key);
    json_text(json, text);
}

static void write_number(struct json *json, const char *key, int64_t number)
{
    json_key(json, key);
    json_int(json, number);
}

void catalog_write(struct json *json, const struct catalog_show *show)
{
    json_begin_object(json);
    write_text(json, "id", show->show_id);
    write_text(json, "title", show->title);
    write_text(json, "venue", show->venue);
    write_time(json, "starts_at", show->has_starts_at, show->starts_at_us);
    write_time(json, "doors_at", show->has_doors_at, show->doors_at_us);
    write_text(json, "time_zone", show->time_zone.ptr ? show->time_zone : DEFAULT_TIME_ZONE);
    json_key(json, "price");
    json_money(json, show->amount, show->currency);
    if (show->is_general) {
        write_number(json, "capacity", (int64_t)show->seat_count);
    } else {
        json_key(json, "seats");
        json_begin_array(json);
        for (size_t i = 0; i < show->seat_count; i++)
            json_text(json, show->seats[i]);
        json_end_array(json);
    }
    write_text(json, "organizer_url", show->organizer_url);
    write_number(json, "open", (int64_t)show->seat_count);
    write_number(json, "on_going", 0);
    write_number(json, "booked", 0);
    json_end_object(json);
}

/* ---- the request ---- */

struct addition {
    struct request *request;
    struct catalog_show show;
    bool was_added;
};

static void add_time(struct params *params, bool is_given, int64_t time_us)
{
    if (is_given)
        params_time(params, time_us);
    else
        params_text(params, TEXT_NONE); /* NULL has no type */
}

static struct params *params_of(struct arena *arena, const struct catalog_show *show)
{
    struct params *params = params_new(arena);
    struct column *labels;

    params_text(params, show->show_id);
    params_text(params, show->title);
    params_text(params, show->venue);
    add_time(params, show->has_starts_at, show->starts_at_us);
    add_time(params, show->has_doors_at, show->doors_at_us);
    params_text(params, show->time_zone);
    params_int64(params, show->amount);
    params_text(params, show->currency);
    params_bool(params, show->is_general);
    params_text(params, show->organizer_url);
    labels = params_column(params, COLUMN_TEXT);
    for (size_t i = 0; i < show->seat_count; i++)
        column_text(labels, show->seats[i]);
    return params;
}

static void on_row(const struct rows *rows, void *context)
{
    struct addition *addition = context;

    addition->was_added = rows_bool(rows, 0, 0);
}

static void on_stored(struct store *store, const struct store_failure *failure, void *context)
{
    const struct addition *addition = context;
    struct request *request = addition->request;
    const struct text id = addition->show.show_id;
    struct json json = json_in(request->arena);

    (void)store;
    if (failure) {
        answer_store_failure(request, failure);
    } else if (!addition->was_added) {
        answer_problem(request, 409, "show_exists", "there is a show of this id already");
    } else {
        log_info("show added", LOG_TEXT("show", id), LOG_NUMBER("seats", addition->show.seat_count),
                 LOG_TEXT("request", request->id));
        catalog_write(&json, &addition->show);
        answer_header(request, "Location", text_format(request->arena, "/shows/%.*s", (int)id.len, id.ptr));
        answer_json(request, 201, &json);
    }
}

static void add_show(struct request *request, void *context)
{
    struct store *store = context;
    const struct json_t *document = request_json(request);
    struct problems problems = {.arena = request->arena};
    struct addition *addition;

    if (!document)
        return;
    addition = ARENA_NEW(request->arena, struct addition);
    addition->request = request;
    if (!catalog_read(document, uuid_text(request->arena, uuid_now(clock_now_ms())), &problems, &addition->show)) {
        answer_invalid(request, &problems);
        return;
    }
    if (!store_is_up(store)) {
        answer_store_failure(request, NULL);
        return;
    }
    store_send(store, SQL(catalog_add_show), params_of(request->arena, &addition->show), on_row, addition);
    store_sync(store, on_stored, addition);
}

const struct route catalog_routes[] = {
    {"POST", "/shows", ADMIN, add_show},
    {0},
};

const struct statement *const catalog_statements[] = {SQL(catalog_add_show), NULL};
