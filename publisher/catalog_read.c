/* What can be a show or a seat. */
#include "publisher/catalog.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/problem.h"

#define TITLE_CHARACTERS_MAX     200
#define VENUE_CHARACTERS_MAX     200
#define TIME_ZONE_CHARACTERS_MAX 64

/* "001".."500": as many digits as the last has, so that they sort. */
static struct text *make_labels(struct arena *arena, size_t count)
{
    struct text *labels = ARENA_ARRAY(arena, struct text, count);
    const int digits = (int)text_of_int64(arena, (int64_t)count).len;

    for (size_t i = 0; i < count; i++)
        labels[i] = text_format(arena, "%0*zu", digits, i + 1);
    return labels;
}

static void read_seats(const struct body *body, enum catalog_how how, struct catalog_show *show)
{
    const int given = body_is_given(body, "seats") + body_is_given(body, "capacity");
    int64_t capacity = 0;

    if (body->object && given != 1 && (how == CATALOG_NEW || given))
        body_refuse(body, "seats", "give either seats or capacity");
    show->seat_count = body_labels(body, "seats", SHOW_SEATS_MAX, &show->seats);
    if (body_integer(body, "capacity", 1, SHOW_SEATS_MAX, &capacity)) {
        show->is_general = true;
        show->seat_count = (size_t)capacity;
        if (how == CATALOG_NEW)
            show->seats = make_labels(body->problems->arena, show->seat_count);
    }
}

/* Of a part, either half may be given. */
static void read_money(const struct body *price, enum catalog_how how, int64_t *amount, struct text *currency)
{
    if (how != CATALOG_PART) {
        body_require(price, "amount");
        body_require(price, "currency");
    }
    body_integer(price, "amount", 0, AMOUNT_MAX, amount);
    *currency = body_line(price, "currency", 3);
    if (currency->ptr && !text_is_currency(*currency))
        body_refuse(price, "currency", "must be a currency code such as IDR");
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

/* What a thing is called never changes. */
static struct text read_name(const struct body *body, const char *name, size_t bytes_max, enum catalog_how how,
                             struct text known)
{
    const struct text given = body_identifier(body, name, bytes_max);

    if (given.ptr && how != CATALOG_NEW && !text_equal(given, known))
        body_refuse(body, name, "must be the one of the path, or not be given");
    return given.ptr ? given : known;
}

static struct text read_id(const struct body *body, enum catalog_how how, struct text known)
{
    struct text given;

    if (how != CATALOG_NEW)
        return read_name(body, "id", IDENTIFIER_BYTES_MAX, how, known);
    given = body_new_name(body, "id", IDENTIFIER_BYTES_MAX);
    return given.ptr ? given : known;
}

static void note_names(const struct body *body, const struct body *price, enum catalog_how how,
                       struct catalog_show *show)
{
    static const char *const columns[] = {"title", "venue", "starts_at", "doors_at", "time_zone", "organizer_url"};

    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (how != CATALOG_PART || body_is_named(body, columns[i]))
            show->names[show->name_count++] = text_of(columns[i]);
    if (body_is_given(price, "amount"))
        show->names[show->name_count++] = TEXT("amount");
    if (body_is_given(price, "currency"))
        show->names[show->name_count++] = TEXT("currency");
}

bool catalog_read(const struct json_t *document, enum catalog_how how, struct text id, struct problems *problems,
                  struct catalog_show *show)
{
    const struct body body = body_open(document, problems);
    const struct body price = body_object(&body, "price");

    *show = (struct catalog_show){0};
    show->show_id = read_id(&body, how, id);
    if (how != CATALOG_PART || body_is_named(&body, "title"))
        body_require(&body, "title");
    show->title = body_line(&body, "title", TITLE_CHARACTERS_MAX);
    show->venue = body_line(&body, "venue", VENUE_CHARACTERS_MAX);
    show->has_starts_at = body_time(&body, "starts_at", &show->starts_at_us);
    show->has_doors_at = body_time(&body, "doors_at", &show->doors_at_us);
    show->time_zone = read_time_zone(&body, "time_zone");
    if (how != CATALOG_PART || body_is_named(&body, "price"))
        body_require(&body, "price");
    read_money(&price, how, &show->amount, &show->currency);
    read_seats(&body, how, show);
    show->organizer_url = read_url(&body, "organizer_url");
    note_names(&body, &price, how, show);
    return problems->count == 0;
}

/* ---- seats ---- */

static void read_seat(const struct body *body, enum catalog_how how, struct text label, struct catalog_seat *seat)
{
    const struct body price = body_object(body, "price");

    *seat = (struct catalog_seat){0};
    if (how == CATALOG_NEW)
        body_require(body, "label");
    seat->label = read_name(body, "label", SEAT_LABEL_BYTES_MAX, how, label);
    seat->is_price_given = how != CATALOG_PART || body_is_named(body, "price");
    seat->has_price = body_is_given(body, "price");
    read_money(&price, CATALOG_WHOLE, &seat->amount, &seat->currency);
}

bool catalog_read_seat(const struct json_t *document, enum catalog_how how, struct text label,
                       struct problems *problems, struct catalog_seat *seat)
{
    const struct body body = body_open(document, problems);

    read_seat(&body, how, label, seat);
    return problems->count == 0;
}

static int compare_seats(const void *a, const void *b)
{
    return text_compare(((const struct catalog_seat *)a)->label, ((const struct catalog_seat *)b)->label);
}

static void refuse_repetition(struct problems *problems, const struct catalog_seat *seats, size_t count)
{
    struct catalog_seat *sorted = ARENA_ARRAY(problems->arena, struct catalog_seat, count);

    memcpy(sorted, seats, count * sizeof *seats);
    qsort(sorted, count, sizeof *sorted, compare_seats);
    for (size_t i = 1; i < count; i++)
        if (sorted[i].label.ptr && compare_seats(&sorted[i - 1], &sorted[i]) == 0) {
            problems_add(problems, TEXT(""), "a label is given twice");
            return;
        }
}

bool catalog_read_seats(const struct json_t *document, struct problems *problems, bool *is_array,
                        struct catalog_seat **seats, size_t *count)
{
    *is_array = json_is_array(document);
    *count = *is_array ? json_array_size(document) : 1;
    if (*count == 0) {
        problems_add(problems, TEXT(""), "must be a seat, or an array of seats");
        return false;
    }
    *seats = ARENA_ARRAY(problems->arena, struct catalog_seat, *count);
    for (size_t i = 0; i < *count; i++) {
        const struct body body = *is_array ? body_item(document, i, problems) : body_open(document, problems);

        read_seat(&body, CATALOG_NEW, TEXT_NONE, &(*seats)[i]);
    }
    refuse_repetition(problems, *seats, *count);
    return problems->count == 0;
}
