/* Answers to what became of an XADD. */
#include "publisher/enqueue.h"

#include "common/answer.h"
#include "common/log.h"
#include "common/redis.h"
#include "common/request.h"

void enqueue_answer_away(struct request *request)
{
    answer_unavailable(request, "broker_away", "requests cannot be taken now");
}

bool enqueue_succeeded(struct request *request, const struct redis_reply *reply, const char *if_lost)
{
    switch (redis_problem_of(reply)) {
    case REDIS_FINE:
        return true;
    case REDIS_LOST:
        answer_unavailable(request, "broker_lost", if_lost);
        return false;
    case REDIS_FULL:
        answer_unavailable(request, "broker_full", "there is no room for new requests now");
        return false;
    case REDIS_AWAY:
        enqueue_answer_away(request);
        return false;
    case REDIS_NO_GROUP:
    case REDIS_REFUSED:
        log_error("the broker refuses an entry", LOG_TEXT("request", request->id), LOG_TEXT("detail", reply->text));
        answer_unavailable(request, "broker_refused", "requests cannot be taken now");
        return false;
    }
    return false;
}
