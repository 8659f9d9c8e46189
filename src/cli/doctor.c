/* SPDX-License-Identifier: Apache-2.0 */
/* doctor — what service/doctor finds, as lines for people or as one JSON document.  Both are
 * written as it goes, so that a million findings need no memory. */
#include "service/doctor.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "cli/commands.h"
#include "cli/home.h"
#include "cli/options.h"
#include "service/outside.h"

enum { LINE_BYTES = 64 << 10, CHECKS_BYTES = 64 << 10, AGE_MOST_S = 10 * 365 * 86400 };

static bool opt_repair, opt_json;
static const char *opt_safe_age = "86400";

struct telling {
    bool begun; /* a finding has been written */
    bool found, not_looked;
    struct buf checks; /* JSON: they stand behind the findings */
    struct json_out checks_out;
};

/* ---- JSON */

static void write_number(struct json_out *j, const char *key, int64_t value, int64_t none)
{
    if (value != none)
        json_kv_int(j, key, value);
}

static void write_finding(struct json_out *j, const struct doctor_finding *f)
{
    static const char *const outcomes[] = {"told", "mended", "failed"};
    json_object(j);
    json_kv_z(j, "kind", doctor_kind_name(f->kind));
    if (f->storage != STORAGE_NONE)
        json_kv_z(j, "storage", storage_type_name(f->storage));
    if (f->key.p)
        json_kv_str(j, "key", f->key);
    if (f->table)
        json_kv_z(j, "table", f->table);
    write_number(j, "id", f->id, 0);
    write_number(j, "user_id", f->user_id, 0);
    write_number(j, "expected", f->expected, -1);
    write_number(j, "found", f->found, -1);
    json_kv_z(j, "outcome", outcomes[f->outcome]);
    if (f->why)
        json_kv_z(j, "why", f->why);
    json_object_end(j);
}

static void print_json_finding(struct telling *t, const struct doctor_finding *f)
{
    _cleanup_(buf_cleanup) struct buf line = BUF_INIT(LINE_BYTES);
    struct json_out j;
    json_out_init(&j, &line);
    write_finding(&j, f);
    printf("%s\n%.*s", t->begun ? "," : "{\"findings\":[", STR_ARG(buf_str(&line)));
}

static const char *state_name(enum doctor_state s)
{
    static const char *const names[] = {"clean", "findings", "not_looked", "off"};
    return names[s];
}

static void keep_check(struct telling *t, const struct doctor_check *c)
{
    struct json_out *j = &t->checks_out;
    json_object(j);
    json_kv_z(j, "name", c->name);
    json_kv_z(j, "state", state_name(c->state));
    json_kv_z(j, "text", c->text);
    json_object_end(j);
}

/* ---- lines */

static void print_line(const struct doctor_finding *f)
{
    static const char *const outcomes[] = {"", "  mended", "  NOT mended: "};
    printf("  %-18s", doctor_kind_name(f->kind));
    if (f->table)
        printf(" %s %" PRId64, f->table, f->id);
    if (f->user_id && f->user_id != f->id)
        printf(" of user %" PRId64, f->user_id);
    if (f->key.p)
        printf(" %.*s", STR_ARG(f->key));
    if (f->found >= 0)
        printf(": %" PRId64, f->found);
    if (f->expected >= 0)
        printf("%s %" PRId64, f->found >= 0 ? ", should be" : ": should be", f->expected);
    printf("%s%s\n", outcomes[f->outcome], f->why ? f->why : "");
}

/* ---- both */

static void on_finding(void *ctx, const struct doctor_finding *f)
{
    struct telling *t = ctx;
    if (opt_json)
        print_json_finding(t, f);
    else
        print_line(f);
    t->begun = true;
}

static void on_check(void *ctx, const struct doctor_check *c)
{
    static const char *const words[] = {"clean", "FINDINGS", "NOT LOOKED", "off"};
    struct telling *t = ctx;
    t->found = t->found || c->state == DOCTOR_FOUND;
    t->not_looked = t->not_looked || c->state == DOCTOR_NOT_LOOKED;
    if (opt_json)
        keep_check(t, c);
    else
        printf("%-8s %-10s %s\n", c->name, words[c->state], c->text);
    fflush(stdout);
}

static int conclude(struct telling *t)
{
    int status = t->not_looked ? EXIT_USAGE : t->found ? EXIT_FAILURE : EXIT_SUCCESS;
    static const char *const words[] = {"clean", "findings", "incomplete"};
    if (opt_json) {
        json_array_end(&t->checks_out);
        printf("%s],\"checks\":%.*s,\"status\":\"%s\"}\n", t->begun ? "" : "{\"findings\":[",
               STR_ARG(buf_str(&t->checks)), words[status]);
    }
    return status;
}

static int run(struct home *home, long safe_age_s)
{
    struct telling t = {.checks = BUF_INIT(CHECKS_BYTES)};
    struct app app = {.data_dir = home->data_dir, .db = home->db, .keys = home->keys};
    struct doctor_orders orders = {.repair = opt_repair,
                                   .safe_age_ms = safe_age_s * CLOCK_SECOND_MS,
                                   .on_finding = on_finding,
                                   .on_check = on_check,
                                   .ctx = &t};
    struct db_conn *db = db_conn_new(home->db);
    json_out_init(&t.checks_out, &t.checks);
    json_array(&t.checks_out);
    doctor_run(&app, db, &orders);
    /* Best effort: what was mended is mended. */
    if (opt_repair && t.begun)
        outside_note(db, NULL);
    db_conn_free(db);
    int status = conclude(&t);
    buf_release(&t.checks);
    return status;
}

int cli_doctor(int argc, char **argv)
{
    const struct option options[] = {
        {"repair", NULL, "mend what is found", NULL, &opt_repair},
        {"json", NULL, "one JSON document instead of lines", NULL, &opt_json},
        {"safe-age", "SECONDS", "leave bytes without a row alone that are younger", &opt_safe_age,
         NULL},
        HOME_OPTIONS,
    };
    const struct command command = {"kinora doctor [options]", options, ARRAY_SIZE(options), 0, 0};
    struct home home;
    long safe_age_s;
    int status = options_parse(&command, argc, argv, NULL);
    if (status)
        return status < 0 ? 0 : status;
    if (!options_int("safe-age", opt_safe_age, 0, AGE_MOST_S, &safe_age_s))
        return EXIT_USAGE;
    status = home_open(&home, HOME_LOOK);
    if (!status) {
        status = run(&home, safe_age_s);
        home_close(&home);
    }
    return status;
}
