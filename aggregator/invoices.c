/* GET /invoices/{no}: what is to be paid for a booking, and what became of each attempt. */
#include "aggregator/invoices.sql.h"
#include "aggregator/view.h"
#include "common/access.h"
#include "common/answer.h"
#include "common/id.h"
#include "common/request.h"

#define NO_INVOICE "there is no such invoice"

enum { NUMBER, BOOKING, STATUS, AMOUNT, CURRENCY, DUE_AT, CREATED_AT, URL, OWNER, SHOW, QUANTITY, PAYMENTS };

static void on_invoice(const struct rows *rows, struct query *query)
{
    struct json *json = &query->json;
    struct text user = TEXT_NONE;

    if (rows_count(rows) && !rows_is_null(rows, 0, OWNER))
        user = rows_text(rows, 0, OWNER);
    if (rows_count(rows) == 0 || access_is_anothers(query->request, user)) {
        query->not_found = NO_INVOICE;
        return;
    }
    json_begin_object(json);
    view_column_text(json, "invoice_no", rows, 0, NUMBER);
    view_text(json, "booking_id", uuid_text(query->request->arena, rows_uuid(rows, 0, BOOKING)));
    view_column_text(json, "status", rows, 0, STATUS);
    json_key(json, "amount");
    json_money(json, rows_int(rows, 0, AMOUNT), rows_text(rows, 0, CURRENCY));
    view_column_text(json, "user", rows, 0, OWNER);
    view_column_text(json, "show", rows, 0, SHOW);
    if (!rows_is_null(rows, 0, QUANTITY))
        view_int(json, "quantity", rows_int(rows, 0, QUANTITY));
    if (access_may_see(query->request, user))
        view_column_text(json, "payment_url", rows, 0, URL);
    else
        view_text(json, "payment_url", TEXT_NONE);
    view_column_time(json, "due_at", rows, 0, DUE_AT);
    view_column_time(json, "created_at", rows, 0, CREATED_AT);
    json_key(json, "payments");
    json_raw(json, rows_text(rows, 0, PAYMENTS));
    json_end_object(json);
}

static void show_invoice(struct request *request, void *context)
{
    struct params *params = params_new(request->arena);
    struct uuid booking;

    if (!number_to_uuid(request_path_value(request, "no"), "INV-", &booking, NULL)) {
        answer_not_found(request, NO_INVOICE);
        return;
    }
    params_uuid(params, booking);
    view_query(context, request, SQL(invoices_one), params, on_invoice, NULL);
}

static const struct route routes[] = {
    {"GET", "/invoices/{no}", ANYONE, show_invoice},
    {0},
};

static const struct statement *const statements[] = {SQL(invoices_one), NULL};

const struct view invoices = {.routes = routes, .statements = statements};
