/* SPDX-License-Identifier: Apache-2.0 */
/* user — people, when nobody can sign in yet or any more. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/home.h"
#include "cli/options.h"
#include "platform/migrate.h"
#include "service/credentials.h"
#include "service/outside.h"
#include "service/people.h"
#include "store/users.h"

enum { ARENA_BYTES = 1 << 20, LINE_BYTES = PASSWORD_MAX + 3 };

static bool make_admin, from_stdin;

static const struct option options[] = {
    {"admin", NULL, "may administer everything (add)", NULL, &make_admin},
    {"password-stdin", NULL, "read the password from standard input", NULL, &from_stdin},
    HOME_OPTIONS,
};
static const struct command command = {
    .usage = "kinora user add EMAIL [--admin] | passwd EMAIL [options]",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .min_words = 2,
    .max_words = 2,
};

/* --- the password -------------------------------------------------------- */

/* One line without its end.  False at the end of the input, or when it is too long. */
static bool read_line(char line[LINE_BYTES])
{
    if (!fgets(line, LINE_BYTES, stdin))
        return false;
    size_t n = strcspn(line, "\r\n");
    bool whole = line[n] != '\0' || feof(stdin);
    line[n] = '\0';
    return whole;
}

static bool ask(const char *prompt, char line[LINE_BYTES])
{
    struct termios before, quiet;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    fputs(prompt, stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    bool read = read_line(line);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return read;
}

static int read_password(char line[LINE_BYTES])
{
    char again[LINE_BYTES];
    if (from_stdin) {
        if (!read_line(line))
            return options_fail("no password of at most %d bytes on standard input", PASSWORD_MAX);
        return 0;
    }
    if (!isatty(STDIN_FILENO))
        return options_fail("there is no terminal to ask for a password; use --password-stdin");
    bool same = ask("Password: ", line) && ask("Again: ", again) && strcmp(line, again) == 0;
    mem_wipe(again, sizeof(again));
    return same ? 0 : options_fail("the passwords are not the same");
}

/* --- the two commands ---------------------------------------------------- */

static enum status add(struct db_conn *db, const char *email, const char *password, struct arena *a,
                       struct err *err)
{
    const struct actor actor = ACTOR_COMMAND_LINE;
    const struct person_form form = {
        .set = PERSON_EMAIL | PERSON_PASSWORD | PERSON_ROLE,
        .email = str_of(email),
        .password = str_of(password),
        .role = make_admin ? ROLE_ADMIN : ROLE_USER,
    };
    struct user user;
    TRY(people_add(db, &actor, &form, a, &user, err));
    printf("%s %.*s (id %lld)\n", make_admin ? "administrator" : "user", STR_ARG(user.email),
           (long long)user.id);
    return OK;
}

static enum status change_password(struct db_conn *db, const char *email, const char *password,
                                   struct arena *a, struct err *err)
{
    const struct actor actor = ACTOR_COMMAND_LINE;
    const struct person_form form = {.set = PERSON_PASSWORD, .password = str_of(password)};
    struct str address;
    struct user user;
    TRY(credentials_email(str_of(email), a, &address, err));
    TRY(users_find_by_email(db, address, a, &user, err));
    TRY(people_change(db, &actor, user.id, &form, a, &user, err));
    printf("password of %.*s changed\n", STR_ARG(user.email));
    return OK;
}

typedef enum status action(struct db_conn *db, const char *email, const char *password,
                           struct arena *a, struct err *err);

static enum status run(struct db_conn *db, action *act, const char *email, const char *password,
                       struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
    TRY(migrate_run(db, NULL, err));
    TRY(act(db, email, password, a, err));
    return outside_note(db, err);
}

static int explain(const struct err *err, const char *email)
{
    if (strcmp(err->code, "email_taken") == 0)
        return options_fail("%s is in use", email);
    if (strcmp(err->code, "user_not_found") == 0)
        return options_fail("there is no user %s", email);
    return home_fail(err);
}

static int with_home(action *act, const char *email, const char *password)
{
    struct home home;
    struct err err = {0};
    int status = home_open(&home, HOME_VISIT);
    if (status)
        return status;
    struct db_conn *db = db_conn_new(home.db);
    if (run(db, act, email, password, &err) != OK)
        status = explain(&err, email);
    db_conn_free(db);
    home_close(&home);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cli_user(int argc, char **argv)
{
    const char *words[2];
    char password[LINE_BYTES];
    int status = options_parse(&command, argc, argv, words);
    if (status)
        return status < 0 ? EXIT_SUCCESS : status;
    bool adding = strcmp(words[0], "add") == 0;
    if (!adding && strcmp(words[0], "passwd") != 0)
        return options_fail("\"%s\" is neither add nor passwd", words[0]);
    status = read_password(password);
    if (!status)
        status = with_home(adding ? add : change_password, words[1], password);
    mem_wipe(password, sizeof(password));
    return status;
}
