/* http_head, http_body: what is a request and what is not. Each case is fed whole, byte by byte and cut at random. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "tests/unit/http_feeding.h"

struct wire_case {
    const char *bytes;
    size_t len;
    const char *said; /* what feed_requests says; of a refusal, how it begins */
};

#define CASE(bytes, said)                                                                                              \
    {                                                                                                                  \
        (bytes), sizeof(bytes) - 1, (said)                                                                             \
    }
#define HOST "Host: h\r\n"
/* A request line with all else right; a header between others; a body of a POST; chunks of one. */
#define LINE(line, said)    CASE(line "\r\n" HOST "\r\n", said)
#define HEADER(lines, said) CASE("GET / HTTP/1.1\r\n" HOST lines "\r\n", said)
#define POST(lines, said)   CASE("POST / HTTP/1.1\r\n" HOST lines, said)
#define CHUNKS(bytes, said) POST("Transfer-Encoding: chunked\r\n\r\n" bytes, said)
#define OK                  "GET / 1.1 keep\n"
#define NOT_A_LINE          "400 the request line is not"
#define NOT_A_TARGET        "400 the request's target"
#define NOT_A_HEADER        "400 a header is not"
#define NO_LINE_END         "400 a line does not end"
#define BAD_CHUNK           "400 a chunk"

/* ---- how bytes are cut ---- */

static size_t whole(void *context, size_t left)
{
    (void)context;
    return left;
}

static size_t single(void *context, size_t left)
{
    (void)context;
    (void)left;
    return 1;
}

static size_t anywhere(void *context, size_t left)
{
    return 1 + support_random_below(context, left < 40 ? left : 40);
}

static bool is_as_expected(struct text said, const char *expected)
{
    const size_t len = strlen(expected);
    const bool is_beginning = len && expected[len - 1] != '\n' && strcmp(expected, "more") != 0;

    return (is_beginning ? said.len >= len : said.len == len) && (len == 0 || memcmp(said.ptr, expected, len) == 0);
}

static void check_cut(const struct wire_case *one, struct arena *arena, feeding_cut *cut, void *context,
                      const char *how)
{
    const struct text said = feed_requests(arena, (struct text){one->bytes, one->len}, cut, context);

    check_row(is_as_expected(said, one->said), "%s, fed %s:\nsays     %.*s\nexpected %s", one->bytes, how,
              (int)said.len, said.ptr, one->said);
}

static void check_cases(const struct wire_case *cases, size_t count)
{
    struct random random = support_seed("cuts");
    struct arena *arena = arena_new();

    for (size_t i = 0; i < count; i++) {
        check_cut(&cases[i], arena, whole, NULL, "whole");
        check_cut(&cases[i], arena, single, NULL, "byte by byte");
        for (int again = 0; again < 10; again++)
            check_cut(&cases[i], arena, anywhere, &random, "in pieces");
        arena_reset(arena);
    }
    arena_free(arena);
}

/* ---- the request line: RFC 9112 section 3 ---- */

static void a_request_line_has_one_form(void **state)
{
    static const struct wire_case cases[] = {
        LINE("GET / HTTP/1.1", OK),
        LINE("GET / HTTP/1.0", "GET / 1.0 close\n"),
        LINE("HEAD / HTTP/1.1", "HEAD / 1.1 keep\n"),
        LINE("DELETE /a HTTP/1.1", "DELETE /a 1.1 keep\n"),
        LINE("PATCH /a HTTP/1.1", "PATCH /a 1.1 keep\n"),
        LINE("PUT /a HTTP/1.1", "PUT /a 1.1 keep\n"),
        LINE("GET  / HTTP/1.1", NOT_A_LINE),
        LINE("GET /  HTTP/1.1", NOT_A_LINE),
        LINE("GET / HTTP/1.1 ", NOT_A_LINE),
        LINE("GET\t/ HTTP/1.1", NOT_A_LINE),
        LINE("GET /\tHTTP/1.1", NOT_A_LINE),
        LINE(" GET / HTTP/1.1", "400 this is not HTTP"),
        LINE("GET /a b HTTP/1.1", NOT_A_LINE),
        LINE("GET /", NOT_A_LINE),
        LINE("GET", NOT_A_LINE),
        LINE("GET HTTP/1.1", NOT_A_LINE),
        LINE("GET / HTTP/1", NOT_A_LINE),
        LINE("GET / HTTP/1.", NOT_A_LINE),
        LINE("GET / HTTP/1.10", NOT_A_LINE),
        LINE("GET / HTTP/01.1", NOT_A_LINE),
        LINE("GET / HTTP/1,1", NOT_A_LINE),
        LINE("GET / http/1.1", NOT_A_LINE),
        LINE("GET / HTTPS/1.1", NOT_A_LINE),
        LINE("GET / HTTP/-1.1", NOT_A_LINE),
        LINE("GET / HTTP/1.a", NOT_A_LINE),
        LINE("GET / FTP/1.1", NOT_A_LINE),
        LINE("G(T / HTTP/1.1", NOT_A_LINE),
        LINE("GET: / HTTP/1.1", NOT_A_LINE),
        LINE("G\x80T / HTTP/1.1", NOT_A_LINE),
        LINE("GET / HTTP/1.2", "505 "),
        LINE("GET / HTTP/2.0", "505 "),
        LINE("GET / HTTP/0.9", "505 "),
        LINE("GET / HTTP/9.9", "505 "),
        CASE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 "),
        LINE("BREW / HTTP/1.1", "501 "),
        LINE("get / HTTP/1.1", "501 "),
        LINE("GETS / HTTP/1.1", "501 "),
        LINE("TRACE / HTTP/1.1", "501 "),
        LINE("CONNECT h:80 HTTP/1.1", "501 "),
        CASE("\x16\x03\x01\x02", "400 this is not HTTP"),
        CASE("{\"a\":1}", "400 this is not HTTP"),
        CASE("\r\nGET / HTTP/1.1\r\n" HOST "\r\n", OK),
        CASE("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "400 there are empty lines"),
        CASE("\nGET / HTTP/1.1\r\n" HOST "\r\n", "400 this is not HTTP"),
        CASE("\rGET / HTTP/1.1\r\n" HOST "\r\n", "400 "),
        CASE("GET / HTTP/1.1\n" HOST "\r\n", NO_LINE_END),
        CASE("GET / HTTP/1.1\r\r\n" HOST "\r\n", NOT_A_LINE),
        CASE("GET / HTTP/1.1\rHost: h\r\n\r\n", NOT_A_LINE),
        CASE("GET /\0 HTTP/1.1\r\n" HOST "\r\n", NOT_A_TARGET),
        CASE("GET / HTTP/1.1\r\n", "more"),
        CASE("GET / HT", "more"),
        CASE("\r\n", "more"),
    };

    (void)state;
    check_cases(cases, COUNT_OF(cases));
}

static void a_target_is_a_path_or_a_url(void **state)
{
    static const struct wire_case cases[] = {
        LINE("GET /a/b?c=d&e HTTP/1.1", "GET /a/b?c=d&e 1.1 keep\n"),
        LINE("GET /? HTTP/1.1", "GET /? 1.1 keep\n"),
        LINE("GET /a?b?c/d HTTP/1.1", "GET /a?b?c/d 1.1 keep\n"),
        LINE("GET /%41%zz;a=b,c@d:e!$&'()*+~_-. HTTP/1.1", "GET /%41%zz;a=b,c@d:e!$&'()*+~_-. 1.1 keep\n"),
        LINE("GET // HTTP/1.1", "GET // 1.1 keep\n"),
        LINE("GET http://h/a?b HTTP/1.1", "GET /a?b 1.1 keep\n"),
        LINE("GET HTTPS://h:1/ HTTP/1.1", "GET / 1.1 keep\n"),
        LINE("GET http://h HTTP/1.1", OK),
        LINE("GET http://h?a HTTP/1.1", "GET /?a 1.1 keep\n"),
        LINE("GET http://[::1]:80/ HTTP/1.1", OK),
        LINE("OPTIONS * HTTP/1.1", "OPTIONS * 1.1 keep\n"),
        LINE("OPTIONS /a HTTP/1.1", "OPTIONS /a 1.1 keep\n"),
        LINE("OPTIONS http://h HTTP/1.1", "OPTIONS * 1.1 keep\n"),
        LINE("GET * HTTP/1.1", NOT_A_TARGET),
        LINE("OPTIONS ** HTTP/1.1", NOT_A_TARGET),
        LINE("GET a HTTP/1.1", NOT_A_TARGET),
        LINE("GET ?a HTTP/1.1", NOT_A_TARGET),
        LINE("GET h:80 HTTP/1.1", NOT_A_TARGET),
        LINE("GET http:/a HTTP/1.1", NOT_A_TARGET),
        LINE("GET http:///a HTTP/1.1", NOT_A_TARGET),
        LINE("GET http://u@h/ HTTP/1.1", NOT_A_TARGET),
        LINE("GET ftp://h/ HTTP/1.1", NOT_A_TARGET),
        LINE("GET /#a HTTP/1.1", NOT_A_TARGET),
        LINE("GET /\"a HTTP/1.1", NOT_A_TARGET),
        LINE("GET /<a> HTTP/1.1", NOT_A_TARGET),
        LINE("GET /a\\b HTTP/1.1", NOT_A_TARGET),
        LINE("GET /{a} HTTP/1.1", NOT_A_TARGET),
        LINE("GET /a|b HTTP/1.1", NOT_A_TARGET),
        LINE("GET /?[a] HTTP/1.1", NOT_A_TARGET),
        LINE("GET /\x80 HTTP/1.1", NOT_A_TARGET),
        LINE("GET /\x7f HTTP/1.1", NOT_A_TARGET),
        LINE("GET /\x01 HTTP/1.1", NOT_A_TARGET),
    };

    (void)state;
    check_cases(cases, COUNT_OF(cases));
}

/* ---- headers: RFC 9112 section 5, RFC 9110 section 5 ---- */

static void a_header_has_one_form(void **state)
{
    static const struct wire_case cases[] = {
        HEADER("", OK),
        HEADER("X: 1\r\n", "GET / 1.1 keep x=1\n"),
        HEADER("x:1\r\n", "GET / 1.1 keep x=1\n"),
        HEADER("X: \t 1 \t \r\n", "GET / 1.1 keep x=1\n"),
        HEADER("X:\r\n", "GET / 1.1 keep x=\n"),
        HEADER("X:   \r\n", "GET / 1.1 keep x=\n"),
        HEADER("X: a b\tc\r\n", "GET / 1.1 keep x=a b\tc\n"),
        HEADER("X: :\x80\xff\"\r\n", "GET / 1.1 keep x=:\x80\xff\"\n"),
        HEADER("X: 1\r\nX: 2\r\n", "GET / 1.1 keep x=1 x=2\n"),
        HEADER("!#$%&'*+-.^_`|~9aZ: 1\r\n", OK),
        HEADER("X : 1\r\n", NOT_A_HEADER),
        HEADER("X\t: 1\r\n", NOT_A_HEADER),
        HEADER("X Y: 1\r\n", NOT_A_HEADER),
        HEADER(": 1\r\n", NOT_A_HEADER),
        HEADER("X\r\n", NOT_A_HEADER),
        HEADER("X(: 1\r\n", NOT_A_HEADER),
        HEADER("X\x80: 1\r\n", NOT_A_HEADER),
        HEADER("X\0: 1\r\n", NOT_A_HEADER),
        HEADER("X: a\0b\r\n", NOT_A_HEADER),
        HEADER("X: a\rb\r\n", NOT_A_HEADER),
        HEADER("X: a\x01\r\n", NOT_A_HEADER),
        HEADER("X: a\x7f\r\n", NOT_A_HEADER),
        HEADER("X: a\r\r\n", NOT_A_HEADER),
        HEADER("X: a\n", NO_LINE_END),
        HEADER("X: a\nY: b\r\n", NO_LINE_END),
        HEADER("X: a\r\n b\r\n", "400 a header's line begins with space"),
        HEADER("X: a\r\n\tb\r\n", "400 a header's line begins with space"),
        HEADER("X: a\r\n \r\n", "400 a header's line begins with space"),
        CASE("GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400 a header's line begins with space"),
        CASE("GET / HTTP/1.1\r\n" HOST "\n", NO_LINE_END),
        CASE("GET / HTTP/1.1\r\n" HOST "\r", "more"),
    };

    (void)state;
    check_cases(cases, COUNT_OF(cases));
}

static void a_request_has_one_host(void **state)
{
    static const struct wire_case cases[] = {
        CASE("GET / HTTP/1.1\r\n\r\n", "400 Host is missing"),
        CASE("GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close\n"),
        CASE("GET http://h/ HTTP/1.1\r\n\r\n", "400 Host is missing"),
        HEADER(HOST, "400 Host is given more than once"),
        HEADER("hOST: other\r\n", "400 Host is given more than once"),
        CASE("GET / HTTP/1.0\r\n" HOST HOST "\r\n", "400 Host is given more than once"),
#define WITH_HOST(host, said) CASE("GET / HTTP/1.1\r\nHost: " host "\r\n\r\n", said)
        WITH_HOST("", OK),
        WITH_HOST("example.com", OK),
        WITH_HOST("example.com:8080", OK),
        WITH_HOST("example.com:", OK),
        WITH_HOST("127.0.0.1:1", OK),
        WITH_HOST("[2001:db8::1]", OK),
        WITH_HOST("[::ffff:1.2.3.4]:8080", OK),
        WITH_HOST("a_b-c~d%20!", OK),
        WITH_HOST("a b", "400 Host is not"),
        WITH_HOST("a, b", "400 Host is not"),
        WITH_HOST("a/b", "400 Host is not"),
        WITH_HOST("a@b", "400 Host is not"),
        WITH_HOST("a:b", "400 Host is not"),
        WITH_HOST("a:1:2", "400 Host is not"),
        WITH_HOST("[::1", "400 Host is not"),
        WITH_HOST("[]", "400 Host is not"),
        WITH_HOST("[::1]a", "400 Host is not"),
        WITH_HOST("[::g]", "400 Host is not"),
        WITH_HOST("http://a", "400 Host is not"),
        WITH_HOST("a\x80", "400 Host is not"),
        WITH_HOST("a?", "400 Host is not"),
    };

    (void)state;
    check_cases(cases, COUNT_OF(cases));
}

static void a_connection_is_kept_or_closed_as_the_client_says(void **state)
{
    static const struct wire_case cases[] = {
        HEADER("Connection: close\r\n", "GET / 1.1 close\n"),
        HEADER("Connection: CLOSE\r\n", "GET / 1.1 close\n"),
        HEADER("Connection: upgrade , close\r\n", "GET / 1.1 close\n"),
        HEADER("Connection: close\r\nConnection: keep-alive\r\n", "GET / 1.1 close\n"),
        HEADER("Connection: keep-alive\r\nConnection: close\r\n", "GET / 1.1 close\n"),
        HEADER("Connection: closed\r\n", OK),
        HEADER("Connection:\r\n", OK),
        CASE("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / 1.0 keep\n"),
        CASE("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", "GET / 1.0 close\n"),
        CASE("GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", "GET / 1.0 close\n"),
    };

    (void)state;
    check_cases(cases, COUNT_OF(cases));
}

/* ---- where a request ends: RFC 9112 section 6 ---- */

static void a_length_is_given_once_and_is_a_number(void **state)
{
    static const struct wire_case cases[] = {
        POST("Content-Length: 5\r\n\r\nhello", "POST / 1.1 keep body=5:hello\n"),
        POST("content-length:5\r\n\r\nhello", "POST / 1.1 keep body=5:hello\n"),
        POST("Content-Length: 0005\r\n\r\nhello", "POST / 1.1 keep body=5:hello\n"),
        POST("Content-Length: 0\r\n\r\n", "POST / 1.1 keep\n"),
        POST("\r\n", "POST / 1.1 keep\n"),
        POST("Content-Length: 5\r\n\r\nhell", "POST / 1.1 keepmore"),
        POST("Content-Length: 5\r\n\r\nhello\r\n", "POST / 1.1 keep body=5:hello\nmore"),
        POST("Content-Length: 5\r\n\r\n\r\n\0\r\n", "POST / 1.1 keep body=5:"),
        CASE("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", "POST / 1.0 close body=2:hi\n"),
        CASE("DELETE / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", "DELETE / 1.1 keep body=2:hi\n"),
        HEADER("Content-Length: 0\r\n", OK),
        HEADER("Content-Length: 1\r\n", "400 a request with this method"),
        CASE("HEAD / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n", "400 a request with this method"),
        POST("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400 Content-Length is given more"),
        POST("Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello", "400 Content-Length is given more"),
        POST("Content-Length: 5, 5\r\n\r\nhello", "400 Content-Length is not"),
        POST("Content-Length: +5\r\n\r\nhello", "400 Content-Length is not"),
        POST("Content-Length: -5\r\n\r\nhello", "400 Content-Length is not"),
        POST("Content-Length: 0x5\r\n\r\nhello", "400 Content-Length is not"),
        POST("Content-Length: 5.0\r\n\r\nhello", "400 Content-Length is not"),
        POST("Content-Length: 5 5\r\n\r\nhello", "400 Content-Length is not"),
        POST("Content-Length: five\r\n\r\nhello", "400 Content-Length is not"),
        POST("Content-Length:\r\n\r\nhello", "400 Content-Length is not"),
        POST("Content-Length: \xd9\xa5\r\n\r\nhello", "400 Content-Length is not"),
        POST("Content-Length : 5\r\n\r\nhello", NOT_A_HEADER),
        POST("Content-Length: 1048577\r\n\r\n", "413 "),
        POST("Content-Length: 10000000000\r\n\r\n", "413 "),
        POST("Content-Length: 18446744073709551615\r\n\r\n", "413 "),
        POST("Content-Length: 18446744073709551621\r\n\r\nhello", "413 "),
        POST("Content-Length: 99999999999999999999999999999999999\r\n\r\n", "413 "),
    };

    (void)state;
    check_cases(cases, COUNT_OF(cases));
}

static void the_only_coding_is_chunked(void **state)
{
    static const struct wire_case cases[] = {
        POST("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "POST / 1.1 keep body=5:hello\n"),
        POST("transfer-encoding:\tCHUNKED \r\n\r\n0\r\n\r\n", "POST / 1.1 keep\n"),
        POST("Transfer-Encoding: xchunked\r\n\r\n", "501 "),
        POST("Transfer-Encoding: chunked, chunked\r\n\r\n", "501 "),
        POST("Transfer-Encoding: gzip, chunked\r\n\r\n", "501 "),
        POST("Transfer-Encoding: chunked, gzip\r\n\r\n", "501 "),
        POST("Transfer-Encoding: identity\r\n\r\n", "501 "),
        POST("Transfer-Encoding: \"chunked\"\r\n\r\n", "501 "),
        POST("Transfer-Encoding: chunked;q=1\r\n\r\n", "501 "),
        POST("Transfer-Encoding:\r\n\r\n", "501 "),
        POST("Transfer-Encoding: \x0b"
             "chunked\r\n\r\n",
             NOT_A_HEADER),
        POST("Transfer-Encoding : chunked\r\n\r\n", NOT_A_HEADER),
        POST("Transfer-Encoding: chunked\r\n chunked\r\n\r\n", "400 a header's line begins"),
        POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400 Transfer-Encoding is given more"),
        POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", "400 Transfer-Encoding is given more"),
        POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400 both"),
        POST("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", "400 both"),
        POST("Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n", "400 both"),
        HEADER("Transfer-Encoding: chunked\r\n", "400 a request with this method"),
        CASE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 HTTP/1.0 has no"),
    };

    (void)state;
    check_cases(cases, COUNT_OF(cases));
}

static void chunks_are_framed_in_one_way(void **state)
{
    static const struct wire_case cases[] = {
        CHUNKS("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "POST / 1.1 keep body=11:hello world\n"),
        CHUNKS("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "POST / 1.1 keep body=20:01234567890123456789\n"),
        CHUNKS("0005\r\nhello\r\n000\r\n\r\n", "POST / 1.1 keep body=5:hello\n"),
        CHUNKS("5;a\r\nhello\r\n0;b=c\r\n\r\n", "POST / 1.1 keep body=5:hello\n"),
        CHUNKS("5 \t;a=\"b;c\"\r\nhello\r\n0\r\n\r\n", "POST / 1.1 keep body=5:hello\n"),
        CHUNKS("2\r\n\r\n\r\n0\r\n\r\n", "POST / 1.1 keep body=2:\r\n\n"),
        CHUNKS("0\r\nX: trailer\r\nContent-Length: 7\r\n\r\n", "POST / 1.1 keep\n"),
        CHUNKS("5\r\nhello\r\n0\r\n", "POST / 1.1 keepmore"),
        CHUNKS("5\r\nhel", "POST / 1.1 keepmore"),
        CHUNKS("0\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "POST / 1.1 keep\n" OK),
#define BAD(bytes, why) CHUNKS(bytes, "POST / 1.1 keep" why)
        BAD("\r\n", BAD_CHUNK),
        BAD("-5\r\n", BAD_CHUNK),
        BAD("+5\r\n", BAD_CHUNK),
        BAD(" 5\r\n", BAD_CHUNK),
        BAD("0x5\r\n", BAD_CHUNK),
        BAD("g\r\n", BAD_CHUNK),
        BAD("5g\r\n", BAD_CHUNK),
        BAD(";a\r\n", BAD_CHUNK),
        BAD("5 \r\n", BAD_CHUNK),
        BAD("5\n", BAD_CHUNK),
        BAD("5\rx", BAD_CHUNK),
        BAD("5;a\n", BAD_CHUNK),
        BAD("5;a\rb\n", BAD_CHUNK),
        BAD("5;\x01\r\n", BAD_CHUNK),
        BAD("5;a\0\r\n", BAD_CHUNK),
        BAD("5\r\nhello0\r\n", BAD_CHUNK),
        BAD("5\r\nhello\n", BAD_CHUNK),
        BAD("5\r\nhello\rx", BAD_CHUNK),
        BAD("5\r\nhello world\r\n", BAD_CHUNK),
        BAD("00000000000000005\r\n", BAD_CHUNK),
        BAD("10000000000000005\r\n", BAD_CHUNK),
        BAD("100001\r\n", "413 "),
        BAD("ffffffffffffffff\r\n", "413 "),
        BAD("5\r\nhello\r\nfffffffffffffffb\r\n", "413 "),
        BAD("0\r\nX\r\n", "400 a trailer is not"),
        BAD("0\r\n X: y\r\n", "400 a trailer is not"),
        BAD("0\r\nX : y\r\n", "400 a trailer is not"),
        BAD("0\r\nX: \x01\r\n", "400 a trailer is not"),
        BAD("0\r\nX: y\n", NO_LINE_END),
        BAD("0\r\n\n", NO_LINE_END),
    };

    (void)state;
    check_cases(cases, COUNT_OF(cases));
}

static void what_a_client_expects_is_known(void **state)
{
    static const struct wire_case cases[] = {
        POST("Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", "POST / 1.1 keep expects body=2:hi\n"),
        POST("Expect: 100-Continue\r\n\r\n", "POST / 1.1 keep expects\n"),
        POST("Expect: 200-ok\r\n\r\n", "417 "),
        POST("Expect:\r\n\r\n", "417 "),
        POST("Expect: 100-continue\r\nExpect: more\r\n\r\n", "417 "),
        CASE("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", "POST / 1.0 close\n"),
        CASE("POST / HTTP/1.0\r\nExpect: more\r\n\r\n", "POST / 1.0 close\n"),
    };

    (void)state;
    check_cases(cases, COUNT_OF(cases));
}

static void requests_follow_each_other(void **state)
{
    static const struct wire_case cases[] = {
        CASE("GET / HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", OK OK),
        CASE("POST /a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\n" HOST "\r\n",
             "POST /a 1.1 keep body=2:hi\n" OK),
        CASE("POST /a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
             "POST /a 1.1 keep body=2:hi\n" OK),
        CASE("GET / HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n\r\n", OK "400 Host is missing"),
        CASE("POST /a HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nhiGET / HTTP/1.1\r\n" HOST "\r\n",
             "POST /a 1.1 keep body=1:h\n501 "),
        CASE("", ""),
    };

    (void)state;
    check_cases(cases, COUNT_OF(cases));
}

/* ---- limits ---- */

/* `before`, so many times `filler`, `after`. */
static void check_filled(const char *before, const char *filler, size_t times, const char *after, const char *said)
{
    const size_t filler_len = strlen(filler);
    char *bytes = test_malloc(strlen(before) + filler_len * times + strlen(after) + 1), *at = stpcpy(bytes, before);

    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, filler);
    at = stpcpy(at, after);
    check_cases(&(struct wire_case){bytes, (size_t)(at - bytes), said}, 1);
    test_free(bytes);
}

static void what_is_too_long_is_refused_at_its_limit_and_not_before(void **state)
{
    const size_t line_room = HTTP_REQUEST_LINE_BYTES_MAX - strlen("GET / HTTP/1.1\r\n");
    const size_t value_room = HTTP_HEADER_BYTES_MAX - strlen(HOST "X: \r\n\r\n");
    static const char chunked[] = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";

    (void)state;
    check_filled("GET /", "a", line_room, " HTTP/1.1\r\n" HOST "\r\n", "GET /aaaa");
    check_filled("GET /", "a", line_room + 1, " HTTP/1.1\r\n" HOST "\r\n", "414 ");
    check_filled("GET /", "a", 100000, "", "414 ");
    check_filled("GET / HTTP/1.1\r\n" HOST "X: ", "a", value_room, "\r\n\r\n", "GET / 1.1 keep x=aaa");
    check_filled("GET / HTTP/1.1\r\n" HOST "X: ", "a", value_room + 1, "\r\n\r\n", "431 ");
    check_filled("GET / HTTP/1.1\r\n" HOST "X", "a", 100000, "", "431 ");
    check_filled("GET / HTTP/1.1\r\n" HOST, "Y: 1\r\n", HTTP_HEADERS_MAX - 1, "\r\n", OK);
    check_filled("GET / HTTP/1.1\r\n" HOST, "Y: 1\r\n", HTTP_HEADERS_MAX, "\r\n", "431 there are too many");
    check_filled("GET / HTTP/1.1\r\n" HOST, "Y: 1\r\n", 100000, "\r\n", "431 ");
    check_filled(chunked, "1\r\nx\r\n", 2000, "0\r\n\r\n", "POST / 1.1 keep body=2000:xxx");
    check_filled(chunked, "1;0123456789\r\nx\r\n", HTTP_CHUNK_EXTENSION_BYTES_MAX / 10, "0\r\n\r\n",
                 "POST / 1.1 keep body=");
    check_filled(chunked, "1;0123456789\r\nx\r\n", HTTP_CHUNK_EXTENSION_BYTES_MAX / 10 + 1, "0\r\n\r\n",
                 "POST / 1.1 keep400 the chunks' extensions");
    check_filled("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: 1\r\n", 2000, "\r\n",
                 "POST / 1.1 keep431 the trailers");
}

/* In pieces of some size only: byte by byte it would take long for nothing. */
static void a_body_may_have_a_mebibyte_and_no_byte_more(void **state)
{
    struct random random = support_seed("body");
    struct arena *arena = arena_new();
    const size_t size = HTTP_BODY_BYTES_MAX / 2;
    char *bytes = test_malloc(2 * size + 200), *at;
    struct text said;

    (void)state;
    for (int too_many = 0; too_many < 2; too_many++) {
        at = stpcpy(bytes, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n80000\r\n");
        memset(at, 'x', size);
        at = stpcpy(at + size, "\r\n80000\r\n");
        memset(at, 'y', size);
        at = stpcpy(at + size, too_many ? "\r\n1\r\nz\r\n0\r\n\r\n" : "\r\n0\r\n\r\n");
        said = feed_requests(arena, (struct text){bytes, (size_t)(at - bytes)}, anywhere, &random);
        assert_true(is_as_expected(said, too_many ? "POST / 1.1 keep413 " : "POST / 1.1 keep body=1048576:xxxx"));
        assert_true(too_many || said.ptr[said.len - 2] == 'y');
    }
    test_free(bytes);
    arena_free(arena);
}

/* Pieces of requests, glued at random: whatever it is, it is the same however it is cut. */
static void any_bytes_mean_the_same_however_they_are_cut(void **state)
{
    static const char *const likely[] = {
        "GET ",
        "POST ",
        "/",
        " HTTP/1.1",
        "\r\n",
        "Host: h",
        "Content-Length: ",
        "Transfer-Encoding: chunked",
        "5",
        "0",
        "hello",
        ";",
        "\n",
        "\r",
        " ",
        ":",
        "\r\n\r\n",
        "X: y",
        "GET / HTTP/1.1\r\nHost: h\r\n",
        "a",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
    };
    struct random random = support_seed("any bytes");
    struct arena *arena = arena_new();

    (void)state;
    for (int i = 0; i < 5000; i++) {
        char bytes[1024], *at = bytes;
        struct text all, at_once;

        for (size_t pieces = support_random_below(&random, 14); pieces; pieces--)
            at = stpcpy(at, likely[support_random_below(&random, COUNT_OF(likely))]);
        if (at > bytes && support_random_below(&random, 4) == 0)
            bytes[support_random_below(&random, (size_t)(at - bytes))] = (char)support_random(&random);
        all = (struct text){bytes, (size_t)(at - bytes)};
        at_once = feed_requests(arena, all, whole, NULL);
        check_row(text_equal(at_once, feed_requests(arena, all, single, NULL)), "byte by byte: %.*s", (int)all.len,
                  bytes);
        check_row(text_equal(at_once, feed_requests(arena, all, anywhere, &random)), "in pieces: %.*s", (int)all.len,
                  bytes);
        arena_reset(arena);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_line_has_one_form),
        cmocka_unit_test(a_target_is_a_path_or_a_url),
        cmocka_unit_test(a_header_has_one_form),
        cmocka_unit_test(a_request_has_one_host),
        cmocka_unit_test(a_connection_is_kept_or_closed_as_the_client_says),
        cmocka_unit_test(a_length_is_given_once_and_is_a_number),
        cmocka_unit_test(the_only_coding_is_chunked),
        cmocka_unit_test(chunks_are_framed_in_one_way),
        cmocka_unit_test(what_a_client_expects_is_known),
        cmocka_unit_test(requests_follow_each_other),
        cmocka_unit_test(what_is_too_long_is_refused_at_its_limit_and_not_before),
        cmocka_unit_test(a_body_may_have_a_mebibyte_and_no_byte_more),
        cmocka_unit_test(any_bytes_mean_the_same_however_they_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
