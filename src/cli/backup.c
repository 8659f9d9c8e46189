/* SPDX-License-Identifier: Apache-2.0 */
#include "service/backup.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/home.h"
#include "cli/options.h"

static bool opt_media;

static int failed(const struct err *err)
{
    home_fail(err);
    return EXIT_FAILURE;
}

static void print_facts(const char *what, const struct backup_facts *f)
{
    printf("%s: %" PRId64 " rows of %" PRId64 " tables, %" PRId64 " files, %" PRId64 " bytes\n",
           what, f->rows, f->tables, f->files, f->bytes);
    if (f->missing)
        printf("%" PRId64 " files were not there any more; kinora doctor tells which after a "
               "restore\n",
               f->missing);
}

/* ---- backup */

static int backup(struct home *home, const char *path)
{
    struct app app = {.data_dir = home->data_dir, .db = home->db, .keys = home->keys};
    struct err err = {0};
    struct backup_facts facts;
    struct db_conn *db = db_conn_new(home->db);
    enum status status = backup_make(&app, db, path, opt_media, &facts, &err);
    db_conn_free(db);
    if (status != OK)
        return failed(&err);
    print_facts(path, &facts);
    return EXIT_SUCCESS;
}

int cli_backup(int argc, char **argv)
{
    const struct option options[] = {
        {"media", NULL, "also the files of the data folder", NULL, &opt_media},
        HOME_OPTIONS,
    };
    const struct command command = {"kinora backup FILE [options]", options, ARRAY_SIZE(options), 1,
                                    1};
    const char *path;
    struct home home;
    int status = options_parse(&command, argc, argv, &path);
    if (status)
        return status < 0 ? EXIT_SUCCESS : status;
    status = home_open(&home, HOME_LOOK);
    if (!status) {
        status = backup(&home, path);
        home_close(&home);
    }
    return status;
}

/* ---- restore */

static int restore(struct home *home, const char *path)
{
    struct app app = {.data_dir = home->data_dir, .db = home->db};
    struct err err = {0};
    struct backup_facts facts;
    char made[CLOCK_RFC3339_SIZE];
    struct db_conn *db = db_conn_new(home->db);
    enum status status = backup_restore(&app, db, path, &facts, &err);
    db_conn_free(db);
    if (status != OK)
        return failed(&err);
    print_facts(home->data_dir, &facts);
    printf("as it was at %.*s\n", STR_ARG(clock_rfc3339(facts.created_at, made)));
    return EXIT_SUCCESS;
}

int cli_restore(int argc, char **argv)
{
    const struct option options[] = {HOME_OPTIONS};
    const struct command command = {"kinora restore FILE [options]", options, ARRAY_SIZE(options),
                                    1, 1};
    const char *path;
    struct home home;
    struct err err = {0};
    struct backup_facts facts;
    int status = options_parse(&command, argc, argv, &path);
    if (status)
        return status < 0 ? EXIT_SUCCESS : status;
    /* All of it, before anything is made. */
    if (crypto_init(&err) != OK || backup_verify(path, &facts, &err) != OK)
        return failed(&err);
    status = home_open(&home, HOME_FILL);
    if (!status) {
        status = restore(&home, path);
        home_close(&home);
    }
    return status;
}
