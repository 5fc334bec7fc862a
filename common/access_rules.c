/* The rules of access: no connection, no state. */
#include "common/access.h"

#include <jansson.h>
#include <strings.h>

#include "common/answer.h"
#include "common/arena.h"
#include "common/buffer.h"
#include "common/config.h"
#include "common/request.h"

bool access_allows(enum route_who role, enum route_who who)
{
    switch (who) {
    case ANYONE:
        return true;
    case USER:
        return role == USER || role == CLIENT || role == ADMIN;
    case GATE:
    case CLIENT:
    case ADMIN:
        return role == who || role == ADMIN;
    }
    return false;
}

struct text access_cookie(struct text header, const char *name)
{
    struct text cookie, found;

    while (header.len && text_next(&header, ';', &cookie)) {
        while (cookie.len && cookie.ptr[0] == ' ')
            cookie = (struct text){cookie.ptr + 1, cookie.len - 1};
        if (text_next(&cookie, '=', &found) && cookie.ptr && text_is(found, name))
            return cookie;
    }
    return TEXT_NONE;
}

/* "https://karcis.example:8443" of a URL; empty if it has no scheme. `host`: the part behind it. */
static struct text origin_of(struct text url, struct text *host)
{
    static const char mark[] = "://";
    const char *scheme_end = url.len ? memmem(url.ptr, url.len, mark, sizeof mark - 1) : NULL;
    const char *end = url.ptr + url.len, *slash;

    *host = TEXT_NONE;
    if (!scheme_end)
        return TEXT_NONE;
    scheme_end += sizeof mark - 1;
    slash = memchr(scheme_end, '/', (size_t)(end - scheme_end));
    if (!slash)
        slash = end;
    *host = (struct text){scheme_end, (size_t)(slash - scheme_end)};
    return (struct text){url.ptr, (size_t)(slash - url.ptr)};
}

static bool equal_in_any_case(struct text a, struct text b)
{
    return a.ptr && b.ptr && a.len && a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

bool access_is_same_origin(struct text sec_fetch_site, struct text origin, struct text host, struct text base_url)
{
    struct text origin_host, base_host;
    const struct text asking = origin_of(origin, &origin_host), ours = origin_of(base_url, &base_host);

    if (equal_in_any_case(asking, ours))
        return true;
    if (sec_fetch_site.ptr)
        return text_is(sec_fetch_site, "same-origin") || text_is(sec_fetch_site, "none");
    return !origin.ptr || equal_in_any_case(origin_host, host);
}

bool access_comes_from_elsewhere(const struct request *request)
{
    return !access_is_same_origin(request_header(request, "Sec-Fetch-Site"), request_header(request, "Origin"),
                                  request_header(request, "Host"), text_of(config()->base_url));
}

bool access_is_trusted(const struct request *request)
{
    return request->caller.role == CLIENT || request->caller.role == ADMIN;
}

bool access_may_see(const struct request *request, struct text user)
{
    if (access_is_trusted(request))
        return true;
    if (request->caller.role == USER)
        return text_equal(request->caller.name, user);
    return config()->open_reads;
}

bool access_is_anothers(const struct request *request, struct text user)
{
    return request->caller.role == USER && !access_may_see(request, user);
}

void access_refuse(struct request *request)
{
    if (request->caller.role != ANYONE) {
        answer_problem(request, 403, "forbidden", "this is not yours to see or to change");
        return;
    }
    answer_header(request, "WWW-Authenticate", TEXT("Bearer realm=\"karcis\""));
    answer_problem(request, 401, "unauthorized", "log in, or send a valid key: Authorization: Bearer KEY");
}

bool access_may_act_for(struct request *request, struct text user)
{
    if (access_is_trusted(request) || (request->caller.role == USER && text_equal(request->caller.name, user)))
        return true;
    access_refuse(request);
    return false;
}

bool access_user_of_body(struct request *request, const char *name)
{
    const json_t *said = json_object_get(request->document, name);
    const struct text user = request->caller.name;

    if (request->caller.role != USER || !json_is_object(request->document))
        return true;
    if (!said || json_is_null(said)) {
        json_object_set_new(request->document, name, json_stringn(user.ptr, user.len));
        return true;
    }
    if (!json_is_string(said)) /* whoever reads it will say so */
        return true;
    return access_may_act_for(request, (struct text){json_string_value(said), json_string_length(said)});
}

static bool is_token_byte(char byte)
{
    return byte != '"' && byte != '&' && byte != '\\' && byte != '#' && (unsigned char)byte > ' ';
}

/* A token is looked for as link.c writes it; who may see all sees the text as it came. */
struct text access_without_tokens(const struct request *request, struct text json)
{
    static const char mark[] = "?token=";
    struct buffer buffer = buffer_in(request->arena);
    const char *found;

    if (access_is_trusted(request) || (request->caller.role != USER && config()->open_reads))
        return json;
    while (json.len && (found = memmem(json.ptr, json.len, mark, sizeof mark - 1))) {
        const size_t kept = (size_t)(found - json.ptr) + sizeof mark - 1;

        buffer_add(&buffer, (struct text){json.ptr, kept});
        json = (struct text){json.ptr + kept, json.len - kept};
        while (json.len && is_token_byte(json.ptr[0]))
            json = (struct text){json.ptr + 1, json.len - 1};
    }
    buffer_add(&buffer, json);
    return buffer_take(&buffer);
}
