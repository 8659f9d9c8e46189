/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/migrate.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/home.h"
#include "cli/options.h"

int cli_migrate(int argc, char **argv)
{
    const struct option options[] = {HOME_OPTIONS};
    const struct command command = {"kinora migrate [options]", options,
                                    sizeof(options) / sizeof(options[0]), 0, 0};
    struct home home;
    struct err err = {0};
    int applied, status = options_parse(&command, argc, argv, NULL);
    if (status)
        return status < 0 ? 0 : status;
    if ((status = home_open(&home, HOME_VISIT)))
        return status;
    struct db_conn *db = db_conn_new(home.db);
    if (migrate_run(db, &applied, &err) != OK) {
        home_fail(&err);
        status = 1;
    } else {
        printf("%d migration%s applied\n", applied, applied == 1 ? "" : "s");
    }
    db_conn_free(db);
    home_close(&home);
    return status;
}
