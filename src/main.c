/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "kinora_version.h"

static int version(int argc, char **argv)
{
    const struct command command = {"kinora version", NULL, 0, 0, 0};
    int status = options_parse(&command, argc, argv, NULL);
    if (status)
        return status < 0 ? 0 : status;
    puts("kinora " KINORA_VERSION);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"serve", cli_serve, "run the server"},
    {"user", cli_user, "add people, set their passwords"},
    {"migrate", cli_migrate, "bring the database up to this version"},
    {"doctor", cli_doctor, "compare database and stores, mend what is wrong"},
    {"backup", cli_backup, "put database, keys and media into one file"},
    {"restore", cli_restore, "make an installation out of such a file"},
    {"routes", cli_routes, "list the addresses the server answers"},
    {"version", version, "say which version this is"},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *to)
{
    fputs("Usage: kinora COMMAND [options]\n", to);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].help);
    fputs("Each command has --help.\n", to);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0)
        return version(argc - 1, argv + 1);
    return options_fail("there is no command \"%s\"; see kinora --help", argv[1]);
}
