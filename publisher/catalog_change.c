/* Changes, and what is answered to them. */
#include "publisher/catalog_change.h"

#include "common/answer.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/log.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/shown.h"
#include "common/store.h"
#include "publisher/catalog_change.sql.h"

static struct {
    size_t changes, seats; /* under way; seats: those that their requests name or count */
} state;

/* What karcis.refuse_if says. */
static const struct refusal {
    const char *code;
    int status;
    const char *pointer; /* of what was sent and does not fit, or NULL */
    const char *detail;
} refusals[] = {
    {"precondition_failed", 412, NULL, "it has changed since you read it; read it again"},
    {"in_use", 409, NULL, "somebody has it, or waits for it"},
    {"show_exists", 409, NULL, "there is a show of this id already"},
    {"seat_exists", 409, NULL, "the show has a seat of this label already"},
    {"general_admission", 409, NULL, "nobody chooses this show's seats: change its capacity"},
    {"numbered_seats", 409, NULL, "this show's seats have labels: add and remove them"},
    {"seats_have_prices", 409, NULL, "some of its seats have a price of their own in the present currency"},
    {"other_currency", 422, "/price/currency", "must be the currency of the show"},
    {"unknown_time_zone", 422, "/time_zone", "must be a time zone such as Asia/Jakarta"},
    {"too_many_seats", 422, "", "a show cannot have so many seats"},
};

static void answer_refusal(struct request *request, const struct refusal *refusal)
{
    struct problems problems = {.arena = request->arena};

    if (!refusal->pointer) {
        answer_problem(request, refusal->status, refusal->code, refusal->detail);
        return;
    }
    problems_add(&problems, text_of(refusal->pointer), refusal->detail);
    answer_invalid(request, &problems);
}

/* PostgreSQL's own word for a time zone that is none: nothing else here is a parameter that it may call invalid. */
static const char *refusal_code(const struct store_failure *failure)
{
    if (strcmp(failure->sqlstate, "22023") == 0)
        return "unknown_time_zone";
    return strcmp(failure->sqlstate, STORE_REFUSED) == 0 ? failure->message : "";
}

static void answer_failure(struct request *request, const struct store_failure *failure)
{
    const char *code = refusal_code(failure);

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (strcmp(code, refusals[i].code) == 0) {
            answer_refusal(request, &refusals[i]);
            return;
        }
    answer_store_failure(request, failure);
}

static void answer_changed(struct change *change)
{
    struct request *request = change->request;

    log_info(change->what, LOG_TEXT("show", change->show), LOG_TEXT("seat", change->seat),
             LOG_NUMBER("seats", change->seat_count), LOG_TEXT("request", request->id));
    if (change->location)
        answer_header(request, "Location", text_of(change->location));
    if (change->status == 204)
        answer_empty(request, 204);
    else if (change->is_list)
        answer_json(request, change->status, &change->json);
    else
        etag_answer_json(request, change->status, &change->json, change->tag);
}

static void on_done(struct store *store, const struct store_failure *failure, void *context)
{
    struct change *change = context;

    (void)store;
    state.changes--;
    state.seats -= change->seat_count;
    if (failure)
        answer_failure(change->request, failure);
    else if (!change->is_show_found)
        answer_not_found(change->request, "there is no such show");
    else if (!change->is_seat_found)
        answer_not_found(change->request, "there is no such seat");
    else
        answer_changed(change);
}

struct change *change_begin_new(struct request *request, struct store *store, const char *what, struct text show)
{
    struct change *change;

    if (!store_is_up(store)) {
        answer_store_failure(request, NULL);
        return NULL;
    }
    if (state.changes >= CATALOG_CHANGES_MAX || state.seats >= CATALOG_SEATS_MAX) {
        answer_overloaded(request, "too many changes of the catalog wait for their turn; try again later");
        return NULL;
    }
    change = ARENA_NEW(request->arena, struct change);
    *change = (struct change){
        .request = request,
        .store = store,
        .what = what,
        .status = 201,
        .json = json_in(request->arena),
        .show = show,
        .is_show_found = true,
        .is_seat_found = true,
    };
    return change;
}

static void on_show_row(const struct rows *rows, void *context)
{
    ((struct change *)context)->is_show_found = rows_count(rows) > 0;
}

/* If-Match of a request about a seat is about the seat. */
static void lock_show(struct change *change)
{
    static const struct etags any = {0};
    struct params *params = change_params(change);

    params_etags(params, change->seat.ptr ? &any : &change->if_match);
    store_send(change->store, SQL(catalog_lock_show), params, on_show_row, change);
}

/* A show's tag is what it is called before its stock. */
static void leave_stock_out(struct etags *etags)
{
    for (size_t i = 0; i < etags->count; i++) {
        struct text rest = etags->items[i];

        text_next(&rest, '-', &etags->items[i]);
    }
}

struct change *change_begin(struct request *request, struct store *store, const char *what, int status)
{
    const struct text seat = route_value(&request->path, "label");
    struct change *change;
    struct etags if_match;

    if (!etag_if_match(request, &if_match))
        return NULL;
    change = change_begin_new(request, store, what, request_path_value(request, "id"));
    if (!change)
        return NULL;
    if (!seat.ptr)
        leave_stock_out(&if_match);
    change->seat = seat;
    change->if_match = if_match;
    change->status = status;
    lock_show(change);
    return change;
}

struct params *change_params(const struct change *change)
{
    struct params *params = params_new(change->request->arena);

    params_text(params, change->show);
    return params;
}

void change_send(struct change *change, const struct statement *statement, struct params *params)
{
    store_send(change->store, statement, params, NULL, NULL);
}

static void on_seat_row(const struct rows *rows, void *context)
{
    ((struct change *)context)->is_seat_found = rows_count(rows) > 0;
}

void change_send_to_seat(struct change *change, const struct statement *statement, struct params *params)
{
    store_send(change->store, statement, params, on_seat_row, change);
}

void change_stop_waiting(struct change *change)
{
    change_send(change, SQL(catalog_stop_waiting), params_new(change->request->arena));
}

void change_add_seats(struct change *change, const struct catalog_seat *seats, size_t count, bool must_be_new)
{
    struct params *params = change_params(change);
    struct column *labels = params_column(params, COLUMN_TEXT), *prices = params_column(params, COLUMN_INT64);

    for (size_t i = 0; i < count; i++) {
        column_text(labels, seats[i].label);
        if (seats[i].has_price)
            column_int(prices, seats[i].amount);
        else
            column_null(prices);
    }
    params_bool(params, must_be_new);
    params_int64(params, SHOW_SEATS_MAX);
    change_send(change, SQL(catalog_add_seats), params);
}

static void on_shown_show(const struct rows *rows, void *context)
{
    struct change *change = context;

    if (rows_count(rows) == 0)
        return;
    shown_show(&change->json, rows, 0);
    change->tag = shown_show_tag(change->request->arena, rows, 0);
}

void change_show_show(struct change *change)
{
    store_send(change->store, SQL(catalog_show), change_params(change), on_shown_show, change);
}

static void on_shown_seats(const struct rows *rows, void *context)
{
    struct change *change = context;
    struct json *json = &change->json;

    if (rows_count(rows) == 0)
        return;
    if (!change->is_list) {
        shown_seat(json, rows, 0);
        change->tag = text_copy(change->request->arena, rows_text(rows, 0, SHOWN_SEAT_TAG));
        return;
    }
    json_begin_object(json);
    json_key(json, "items");
    json_begin_array(json);
    for (size_t row = 0; row < rows_count(rows); row++)
        shown_seat(json, rows, row);
    json_end_array(json);
    json_key(json, "next");
    json_none(json);
    json_end_object(json);
}

void change_show_seats(struct change *change, const struct catalog_seat *seats, size_t count)
{
    struct params *params = change_params(change);
    struct column *labels = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < count; i++)
        column_text(labels, seats[i].label);
    change->seat_count = count;
    store_send(change->store, SQL(catalog_seats), params, on_shown_seats, change);
}

void change_end(struct change *change)
{
    state.changes++;
    state.seats += change->seat_count;
    store_sync(change->store, on_done, change);
}

const struct statement *const change_statements[] = {SQL(catalog_lock_show), SQL(catalog_show),
                                                     SQL(catalog_seats),     SQL(catalog_stop_waiting),
                                                     SQL(catalog_add_seats), NULL};
