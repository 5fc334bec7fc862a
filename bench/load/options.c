/* See options.h. */
#include "bench/load/options.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"

#define CONNECTIONS_MAX 4000  /* below the publisher's HTTP_CONNECTIONS_MAX */
#define BATCH_ITEMS_MAX 10000 /* a body of 2 MB, which is refused: that can be tried */
#define ITEMS_MAX       1000000000
#define RATE_MAX        1000000
#define ENV_LINE_BYTES  4096

static const struct option {
    const char *name;
    size_t offset; /* in struct options */
    const char *preset, *meaning;
} known[] = {
#define OPTION(name, preset, meaning)                                                                                  \
    {                                                                                                                  \
#name, offsetof(struct options, name), preset, meaning                                                         \
    }
    OPTION(count, NULL, "events or bookings in all (10000, unless --seconds is given)"),
    OPTION(seconds, NULL, "send for so long instead"),
    OPTION(rate, "100",
           "requests a second, sent when they are due, whatever the answers do (open loop);\n"
           "                     max: each connection sends when it was answered (closed loop)"),
    OPTION(arrivals, "poisson", "poisson: gaps as of many clients; uniform: all alike"),
    OPTION(connections, "16", "keep-alive connections, one request at a time on each"),
    OPTION(batch, "1", "events in a body"),
    OPTION(duplicates, "0", "share (0 to 0.99) of items that repeat an earlier one, id and content"),
    OPTION(show, "demo", "bookings: for this show"),
    OPTION(skew, "0", "bookings: the n-th seat is wanted 1/n^SKEW as often as the first; 0: all alike"),
    OPTION(users, "1000", "distinct users"),
    OPTION(topic, "load", "events: their topic"),
    OPTION(seed, "1", "what is drawn by chance is the same for the same seed"),
    OPTION(run, NULL, "begins every id (made from the clock): no run may have another's"),
    OPTION(key, NULL, "API key ($CLIENT_KEY, or from RUN_DIR/env; RUN_DIR is .run)"),
    OPTION(publisher, NULL, "its URL ($PUBLISHER_URL, or from RUN_DIR/env)"),
    OPTION(aggregator, NULL, "its URL ($AGGREGATOR_URL, or from RUN_DIR/env)"),
    OPTION(timeout, "10", "seconds without an answer after which it is lost"),
    OPTION(patience, "60", "seconds: a lost request is tried again, and a standstill is watched, for so long"),
    OPTION(compare, "yes", "no: /stats is not asked, as if nothing else mattered but how fast it is taken"),
    OPTION(json, "no", "yes: the report is one JSON object"),
#undef OPTION
};

#define KNOWN (sizeof known / sizeof *known)

static const char **place(struct options *options, const struct option *option)
{
    return (const char **)(void *)((char *)options + option->offset);
}

static void print_help(void)
{
    puts(
        "karcis-load events|bookings [--OPTION VALUE]...\n\n"
        "Sends events (POST /publish) or bookings (POST /bookings), tells how fast they were answered, waits until the\n"
        "system is at rest, and compares what /stats counts with what was sent: exits 0 if they agree, 1 if not.\n");
    for (size_t i = 0; i < KNOWN; i++)
        printf("  --%-15s  %s%s%s%s\n", known[i].name, known[i].meaning, known[i].preset ? " (" : "",
               known[i].preset ? known[i].preset : "", known[i].preset ? ")" : "");
}

static _Noreturn void refuse(const char *what, const char *value)
{
    fprintf(stderr, "karcis-load: %s: %s (--help tells more)\n", what, value);
    exit(EXIT_CONFIGURATION);
}

static const struct option *find(const char *word, size_t len)
{
    for (size_t i = 0; i < KNOWN; i++)
        if (strlen(known[i].name) == len && strncmp(known[i].name, word, len) == 0)
            return &known[i];
    return NULL;
}

/* --name value or --name=value. */
static void read_words(struct options *options, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const char *word = argv[i], *equals = strchr(word, '=');
        const struct option *option = NULL;

        if (strncmp(word, "--", 2) == 0)
            option = find(word + 2, equals ? (size_t)(equals - word) - 2 : strlen(word) - 2);
        if (!option)
            refuse("there is no such option", word);
        if (!equals && i + 1 == argc)
            refuse("an option without a value", word);
        *place(options, option) = equals ? equals + 1 : argv[++i];
    }
}

/* NAME of a line "export NAME=value" of the stack's own file; values need no shell to be read. The caller frees it. */
static char *from_run_dir(const char *name)
{
    const char *run_dir = getenv("RUN_DIR");
    char path[ENV_LINE_BYTES], line[ENV_LINE_BYTES], *value = NULL;
    const size_t len = strlen(name);
    FILE *file;

    snprintf(path, sizeof path, "%s/env", run_dir ? run_dir : ".run");
    file = fopen(path, "re");
    if (!file)
        return NULL;
    while (!value && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "export ", 7) == 0 && strncmp(line + 7, name, len) == 0 && line[7 + len] == '=')
            value = strdup(line + 7 + len + 1);
    }
    fclose(file);
    return value;
}

static const char *found(const char *given, const char *name)
{
    const char *of_environment = getenv(name);

    return given ? given : of_environment ? of_environment : from_run_dir(name);
}

static int64_t integer(const char *name, const char *value, int64_t min, int64_t max)
{
    int64_t number = 0;

    if (!text_to_int64(text_of(value), min, max, &number))
        refuse(name, value);
    return number;
}

static double decimal(const char *name, const char *value, double min, double max)
{
    char *end;
    const double number = strtod(value, &end);

    if (end == value || *end || !(number >= min && number <= max))
        refuse(name, value);
    return number;
}

static bool choice(const char *name, const char *value, const char *yes, const char *no)
{
    if (strcmp(value, yes) != 0 && strcmp(value, no) != 0)
        refuse(name, value);
    return strcmp(value, yes) == 0;
}

static void understand(struct options *options)
{
    if (options->count && options->seconds)
        refuse("give --count or --seconds", "not both");
    options->duration_us = options->seconds ? (int64_t)(decimal("seconds", options->seconds, 0.1, 1e6) * 1e6) : 0;
    options->items = options->seconds ? 0 : integer("count", options->count ? options->count : "10000", 1, ITEMS_MAX);
    options->rate_per_s = strcmp(options->rate, "max") == 0 ? 0 : decimal("rate", options->rate, 0.01, RATE_MAX);
    options->is_uniform = choice("arrivals", options->arrivals, "uniform", "poisson");
    options->connection_count = integer("connections", options->connections, 1, CONNECTIONS_MAX);
    options->batch_items = integer("batch", options->batch, 1, options->is_bookings ? 1 : BATCH_ITEMS_MAX);
    options->duplicates_ppm = llround(decimal("duplicates", options->duplicates, 0, 0.99) * 1e6);
    options->skew_exponent = decimal("skew", options->skew, 0, 10);
    options->user_count = integer("users", options->users, 1, ITEMS_MAX);
    options->seed_number = integer("seed", options->seed, 0, INT64_MAX);
    options->timeout_ms = (int64_t)(decimal("timeout", options->timeout, 0.01, 3600) * 1000);
    options->patience_ms = (int64_t)(decimal("patience", options->patience, 0, 86400) * 1000);
    options->compares = choice("compare", options->compare, "yes", "no");
    options->is_json = choice("json", options->json, "yes", "no");
    if (options->run && !text_is_identifier(text_of(options->run), 64))
        refuse("run: 1 to 64 of A-Z a-z 0-9 . _ -", options->run);
    if (!text_is_identifier(text_of(options->topic), 64) || !text_is_identifier(text_of(options->show), 64))
        refuse("topic and show: 1 to 64 of A-Z a-z 0-9 . _ -", options->topic);
    if (!options->publisher || !options->aggregator)
        refuse("where the system is, is not known", "give --publisher and --aggregator, or run this beside a stack");
}

void options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){0};
    for (size_t i = 0; i < KNOWN; i++)
        *place(options, &known[i]) = known[i].preset;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            exit(0);
        }
    if (argc < 2 || (strcmp(argv[1], "events") != 0 && strcmp(argv[1], "bookings") != 0))
        refuse("what is to be sent", "events or bookings");
    options->is_bookings = strcmp(argv[1], "bookings") == 0;
    read_words(options, argc, argv);
    options->key = found(options->key, "CLIENT_KEY");
    options->publisher = found(options->publisher, "PUBLISHER_URL");
    options->aggregator = found(options->aggregator, "AGGREGATOR_URL");
    understand(options);
}
