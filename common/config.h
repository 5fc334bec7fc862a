/* The settings: environment variables only. One table (config.c) makes the values, `--help` and the README's table. */
#ifndef KARCIS_CONFIG_H
#define KARCIS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct config {
    const char *redis_url;
    const char *database_url;
    const char *http_listen;            /* host:port */
    const char *base_url;               /* what links in events and mails begin with */
    const char *admin_key, *client_key; /* "" : nobody has that role */
    const char *link_secret;            /* signs payment links */
    const char *steps;                  /* "" : all of the program's */
    const char *log_level;
    const char *payment_mode;  /* auto | link */
    const char *unknown_users; /* create | reject */
    const char *trusted_proxies;
    double payment_failure_rate;
    int64_t batch;
    int64_t claim_idle_ms;
    int64_t max_deliveries;
    int64_t hold_ttl_s;
    int64_t payment_margin_s; /* due_at lies this much before the hold's end */
    int64_t stream_keep;
    int64_t backlog_max;
    int64_t random_seed;
    int64_t rate_limit_per_key, rate_limit_per_address; /* a second; 0: none */
    bool guest_sessions;
    bool open_reads;
    bool exact_order; /* measurements only: off gives up the arrival order */
};

/* Reads the environment; a value that cannot be read ends the process with code 100. Call once. */
void config_load(void);
const struct config *config(void);
void config_print_help(const char *program, const char *what); /* to stdout */
void config_print_markdown(void);                              /* the README's table, to stdout */

#endif
