/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* options — the command line of every command, from one table each.
 *
 * `--name VALUE`, `--name=VALUE`, `--flag`; every option also as KINORA_NAME in the
 * environment, which the command line overrides.  Anything wrong is one line on standard
 * error and status 2. */
#include <stdbool.h>
#include <stddef.h>

enum { EXIT_USAGE = 2 };

struct option {
    const char *name;  /* "listen" */
    const char *value; /* what stands for its value in the help; NULL: a flag */
    const char *help;
    const char **ret; /* where the value goes, with its first value; NULL: a flag */
    bool *ret_flag;
};

struct command {
    const char *usage; /* "kinora serve [options]" */
    const struct option *options;
    size_t option_count;
    size_t min_words, max_words; /* positional arguments */
};

/* argv[0] is the command's own name.  0: go on; -1: the help was printed; else the status
 * to end with.  words takes at most max_words. */
int options_parse(const struct command *c, int argc, char **argv, const char **words);
/* One line "kinora: …" on standard error; returns EXIT_USAGE. */
int options_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A whole number within bounds; false after options_fail() has been printed. */
bool options_int(const char *name, const char *text, long min, long max, long *ret);
