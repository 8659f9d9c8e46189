/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int options_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("kinora: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return EXIT_USAGE;
}

bool options_int(const char *name, const char *text, long min, long max, long *ret)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (!*text || *end || value < min || value > max) {
        options_fail("--%s takes a whole number from %ld to %ld, not \"%s\"", name, min, max, text);
        return false;
    }
    *ret = value;
    return true;
}

static void print_help(const struct command *c)
{
    printf("Usage: %s\n", c->usage);
    for (size_t i = 0; i < c->option_count; i++) {
        const struct option *o = &c->options[i];
        char left[64];
        snprintf(left, sizeof(left), "--%s %s", o->name, o->value ? o->value : "");
        printf("  %-26s %s", left, o->help);
        if (o->ret && *o->ret)
            printf(" (%s)", *o->ret);
        putchar('\n');
    }
}

/* KINORA_LISTEN for listen, KINORA_LOG_LEVEL for log-level. */
static const char *from_environment(const struct option *o)
{
    char name[64] = "KINORA_";
    size_t n = strlen(name);
    for (const char *p = o->name; *p && n < sizeof(name) - 1; p++)
        name[n++] = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    name[n] = '\0';
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const struct option *find(const struct command *c, const char *name, size_t n)
{
    for (size_t i = 0; i < c->option_count; i++) {
        if (strlen(c->options[i].name) == n && strncmp(c->options[i].name, name, n) == 0)
            return &c->options[i];
    }
    return NULL;
}

/* One "--…" word; *i moves past a value that stands apart. */
static int read_option(const struct command *c, int argc, char **argv, int *i)
{
    const char *word = argv[*i] + 2, *equals = strchr(word, '=');
    const struct option *o = find(c, word, equals ? (size_t)(equals - word) : strlen(word));
    if (!o)
        return options_fail("there is no option %s; see --help", argv[*i]);
    if (!o->ret) {
        if (equals)
            return options_fail("--%s takes no value", o->name);
        *o->ret_flag = true;
        return 0;
    }
    if (!equals && *i + 1 >= argc)
        return options_fail("--%s needs a value", o->name);
    const char *value = equals ? equals + 1 : argv[++*i];
    if (!*value)
        return options_fail("--%s needs a value", o->name);
    *o->ret = value;
    return 0;
}

static void read_environment(const struct command *c)
{
    for (size_t i = 0; i < c->option_count; i++) {
        const char *value = from_environment(&c->options[i]);
        if (value && c->options[i].ret)
            *c->options[i].ret = value;
        else if (value && strcmp(value, "0") != 0)
            *c->options[i].ret_flag = true;
    }
}

int options_parse(const struct command *c, int argc, char **argv, const char **words)
{
    size_t n = 0;
    read_environment(c);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(c);
            return -1;
        }
        if (strncmp(argv[i], "--", 2) == 0) {
            int status = read_option(c, argc, argv, &i);
            if (status)
                return status;
        } else if (!argv[i][0] || argv[i][0] == '-' || n == c->max_words) {
            return options_fail("\"%s\" was not expected; see --help", argv[i]);
        } else {
            words[n++] = argv[i];
        }
    }
    return n < c->min_words ? options_fail("something is missing. Usage: %s", c->usage) : 0;
}
