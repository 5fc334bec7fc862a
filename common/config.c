/* The settings' one table. A value given as NAME_FILE is read from that file instead (for secrets). */
#include "common/config.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bounds.h"
#include "common/log.h"
#include "common/text.h"

enum kind { KIND_TEXT, KIND_CHOICE, KIND_INTEGER, KIND_RATE, KIND_SWITCH /* its first choice is true */ };

struct setting {
    const char *name;
    enum kind kind;
    size_t offset; /* in struct config */
    const char *fallback;
    const char *unit; /* or the choices, separated by "|" */
    const char *meaning;
    int64_t min, max; /* KIND_INTEGER */
};

#define AT(field) offsetof(struct config, field)

static const struct setting settings[] = {
    {"REDIS_URL", KIND_TEXT, AT(redis_url), "redis://127.0.0.1:6379", "URL", "redis://[user[:password]@]host[:port]", 0,
     0},
    {"DATABASE_URL", KIND_TEXT, AT(database_url), "postgres://127.0.0.1/karcis", "URL",
     "PostgreSQL, with this program's own role", 0, 0},
    {"HTTP_LISTEN", KIND_TEXT, AT(http_listen), "127.0.0.1:8080", "host:port",
     "where /healthz, /readyz, /metrics and the program's own requests are answered", 0, 0},
    {"BASE_URL", KIND_TEXT, AT(base_url), "http://127.0.0.1:8080", "URL", "what links in events and mails begin with",
     0, 0},
    {"ADMIN_KEY", KIND_TEXT, AT(admin_key), "", "",
     "an admin's key, to begin with; empty: only those made by POST /api-keys", 0, 0},
    {"CLIENT_KEY", KIND_TEXT, AT(client_key), "", "",
     "a client's key, to begin with; empty: only those made by POST /api-keys", 0, 0},
    {"LINK_SECRET", KIND_TEXT, AT(link_secret), "", "", "signs payment links; the same for all programs", 0, 0},
    {"STEPS", KIND_TEXT, AT(steps), "", "names", "run only these steps (comma list); empty: all of the program's", 0,
     0},
    {"LOG_LEVEL", KIND_CHOICE, AT(log_level), "info", "debug|info|warn|error", "what is logged", 0, 0},
    {"PAYMENT_MODE", KIND_CHOICE, AT(payment_mode), "auto", "auto|link",
     "charge at once, or when the payment link is used; a booking may say otherwise", 0, 0},
    {"PAYMENT_FAILURE_RATE", KIND_RATE, AT(payment_failure_rate), "0.1", "0..1",
     "share of payments that the built-in provider declines", 0, 0},
    {"UNKNOWN_USERS", KIND_CHOICE, AT(unknown_users), "create", "create|reject", "a booking by a user nobody created",
     0, 0},
    {"GUEST_SESSIONS", KIND_SWITCH, AT(guest_sessions), "no", "yes|no",
     "a user who has no password can log in with a name alone", 0, 0},
    {"OPEN_READS", KIND_SWITCH, AT(open_reads), "no", "yes|no",
     "who has no key and is not logged in sees payment links and users' lists, too", 0, 0},
    {"RATE_LIMIT_PER_KEY", KIND_INTEGER, AT(rate_limit_per_key), "0", "requests/s",
     "of a key or a session's user, reads and writes each; 0: any number", 0, 1000000},
    {"RATE_LIMIT_PER_ADDRESS", KIND_INTEGER, AT(rate_limit_per_address), "5000", "requests/s",
     "of a client's address without a key, reads and writes each; 0: any number", 0, 1000000},
    {"TRUSTED_PROXIES", KIND_TEXT, AT(trusted_proxies), "127.0.0.0/8,::1", "networks",
     "whose X-Forwarded-For is believed (comma list); empty: nobody's", 0, 0},
    {"HOLD_TTL_S", KIND_INTEGER, AT(hold_ttl_s), "900", "seconds", "how long a seat is held for its payment", 10,
     86400},
    {"PAYMENT_MARGIN_S", KIND_INTEGER, AT(payment_margin_s), "5", "seconds",
     "an invoice is due this long before the hold ends", 1, 3600},
    {"BATCH", KIND_INTEGER, AT(batch), "500", "entries", "read at once by a step", 1, BATCH_MAX},
    {"CLAIM_IDLE_MS", KIND_INTEGER, AT(claim_idle_ms), "3000", "ms",
     "a consumer silent this long is dead; its entries are taken over", 100, 600000},
    {"MAX_DELIVERIES", KIND_INTEGER, AT(max_deliveries), "5", "times",
     "an entry that asks for a retry more often goes to dead", 1, 1000},
    {"STREAM_KEEP", KIND_INTEGER, AT(stream_keep), "50000", "entries",
     "the newest of each stream stay although everybody has read them, as long as there is memory", 0, 1000000000},
    {"BACKLOG_MAX", KIND_INTEGER, AT(backlog_max), "1000000", "entries",
     "while more wait for a step, new requests over HTTP are refused (503)", 1, 1000000000},
    {"RANDOM_SEED", KIND_INTEGER, AT(random_seed), "1", "", "the same seed and ids give the same payment outcomes", 0,
     INT64_MAX},
    {"EXACT_ORDER", KIND_SWITCH, AT(exact_order), "on", "on|off",
     "off: seats go to whoever commits first (for measurements only)", 0, 0},
};

#define SETTING_COUNT (sizeof settings / sizeof *settings)

static struct config loaded;

const struct config *config(void)
{
    return &loaded;
}

static _Noreturn void refuse(const struct setting *setting, const char *value)
{
    char detail[300];

    snprintf(detail, sizeof detail, "%s=%.60s: must be %s (%s)", setting->name, value, setting->unit, setting->meaning);
    log_fatal(EXIT_CONFIGURATION, "a setting cannot be read", detail);
}

/* The first line of the file named by NAME_FILE; NULL if there is no such variable. */
static const char *read_secret_file(const struct setting *setting)
{
    char variable[64], line[4096];
    const char *path;
    FILE *file;

    snprintf(variable, sizeof variable, "%s_FILE", setting->name);
    path = getenv(variable);
    if (!path)
        return NULL;
    file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file)) {
        char detail[300];

        snprintf(detail, sizeof detail, "%s=%.100s: %s", variable, path, file ? "empty file" : strerror(errno));
        log_fatal(EXIT_CONFIGURATION, "a setting's file cannot be read", detail);
    }
    fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
    return strdup(line);
}

static bool is_choice(const char *choices, const char *value)
{
    struct text rest = text_of(choices), choice;

    while (text_next(&rest, '|', &choice))
        if (text_is(choice, value))
            return true;
    return false;
}

static void set(const struct setting *setting, const char *value)
{
    void *field = (char *)&loaded + setting->offset;
    char *end;

    switch (setting->kind) {
    case KIND_CHOICE:
        if (!is_choice(setting->unit, value))
            refuse(setting, value);
        *(const char **)field = value;
        return;
    case KIND_TEXT:
        *(const char **)field = value;
        return;
    case KIND_INTEGER:
        if (!text_to_int64(text_of(value), setting->min, setting->max, field))
            refuse(setting, value);
        return;
    case KIND_RATE:
        *(double *)field = strtod(value, &end);
        if (end == value || *end || !isfinite(*(double *)field) || *(double *)field < 0 || *(double *)field > 1)
            refuse(setting, value);
        return;
    case KIND_SWITCH:
        if (!is_choice(setting->unit, value))
            refuse(setting, value);
        *(bool *)field = strncmp(value, setting->unit, strlen(value)) == 0;
        return;
    }
}

void config_load(void)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *value = getenv(settings[i].name);

        if (!value)
            value = read_secret_file(&settings[i]);
        set(&settings[i], value ? value : settings[i].fallback); /* NOLINT(clang-analyzer-unix.Malloc): kept for ever */
    }
    if (loaded.payment_margin_s >= loaded.hold_ttl_s)
        log_fatal(EXIT_CONFIGURATION, "a setting cannot be read", "PAYMENT_MARGIN_S must be less than HOLD_TTL_S");
}

void config_print_help(const char *program, const char *what)
{
    printf("%s: %s\n\nSettings are environment variables; NAME_FILE reads a value from a file.\n\n", program, what);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];

        printf("  %-22s %s%s%s (default %s)\n", setting->name, setting->meaning, *setting->unit ? "; " : "",
               setting->unit, *setting->fallback ? setting->fallback : "empty");
    }
    printf("\nExit codes: 0 drained, 100 wrong configuration, 111 temporary failure.\n");
}

/* In a table cell a bar would end the cell. */
static void print_cell(const char *text)
{
    for (; *text; text++)
        printf(*text == '|' ? "\\%c" : "%c", *text);
}

void config_print_markdown(void)
{
    printf("| setting | default | unit | meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        printf("| `%s` | %s%s%s | ", settings[i].name, *settings[i].fallback ? "`" : "", settings[i].fallback,
               *settings[i].fallback ? "`" : "");
        print_cell(settings[i].unit);
        printf(" | %s |\n", settings[i].meaning);
    }
}
