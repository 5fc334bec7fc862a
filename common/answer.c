/* Answers. */
#include "common/answer.h"

#include "common/bounds.h"
#include "common/http.h"
#include "common/json.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/store.h"

void answer_header(struct request *request, const char *name, struct text value)
{
    http_set_header(request, name, value);
}

void answer_json(struct request *request, int status, struct json *json)
{
    http_set_header(request, "Cache-Control", TEXT("no-store"));
    http_send(request, status, "application/json", json_take(json));
}

void answer_text(struct request *request, int status, const char *content_type, struct text body)
{
    http_send(request, status, content_type, body);
}

void answer_empty(struct request *request, int status)
{
    http_send(request, status, NULL, TEXT(""));
}

static void answer_document(struct request *request, int status, struct text document)
{
    http_set_header(request, "Cache-Control", TEXT("no-store"));
    http_send(request, status, "application/problem+json", document);
}

void answer_problem(struct request *request, int status, const char *code, const char *detail)
{
    answer_document(request, status, problem_document(request->arena, status, code, detail, request->id, NULL));
}

void answer_invalid(struct request *request, const struct problems *problems)
{
    answer_document(request, 422,
                    problem_document(request->arena, 422, "invalid", "some values cannot be taken; see errors",
                                     request->id, problems));
}

void answer_not_found(struct request *request, const char *detail)
{
    answer_problem(request, 404, "not_found", detail);
}

static void answer_later(struct request *request, int status, int64_t seconds, const char *code, const char *detail)
{
    http_set_header(request, "Retry-After", text_of_int64(request->arena, seconds));
    answer_problem(request, status, code, detail);
}

void answer_unavailable(struct request *request, const char *code, const char *detail)
{
    answer_later(request, 503, 1, code, detail);
}

void answer_too_often(struct request *request, int64_t seconds)
{
    answer_later(request, 429, seconds, "rate_limited", "this is asked too often; see Retry-After");
}

void answer_overloaded(struct request *request, const char *detail)
{
    answer_later(request, 503, 1 + jitter_ms(RETRY_AFTER_S_MAX - 1, RETRY_AFTER_S_MAX - 1, 0), "overloaded", detail);
}

void answer_store_failure(struct request *request, const struct store_failure *failure)
{
    if (!failure || (failure->result != STORE_BAD_DATA && failure->result != STORE_BROKEN)) {
        answer_unavailable(request, "store_away", "the database cannot be asked now");
        return;
    }
    log_error("the database refuses a statement", LOG_TEXT("request", request->id),
              LOG_STRING("sqlstate", failure->sqlstate), LOG_STRING("detail", failure->message));
    answer_problem(request, 500, "internal", "this is our mistake; it has been noted under the request_id");
}
