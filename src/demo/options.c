/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

const char options_usage[] =
    "usage: kinora-demo-upstream [option …]\n"
    "Plays an upstream: takes prompts, lets time pass, answers with media drawn by ffmpeg.\n"
    "  --listen HOST:PORT    where to listen, port 0 takes a free one (127.0.0.1:8790)\n"
    "  --speed X             times are divided by X, 0.01 to 1000 (1)\n"
    "  --data DIR            where media is kept (a temporary folder)\n"
    "  --api-key KEY         the only bearer accepted; up to 16 times (any)\n"
    "  --media-ttl SECONDS   life of a media link (86400)\n"
    "  --seed N              shifts the pictures and the pace of progress (1)\n"
    "  --plain-media         one picture per model instead of one per prompt\n"
    "  --help                this\n"
    "How tests steer it: docs/demo-upstream.md\n";

static bool parse_speed(const char *text, double *ret)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);

    if (errno || end == text || *end || !isfinite(value) || value < 0.01 || value > 1000)
        return false;
    *ret = value;
    return true;
}

static enum status take_number(const char *name, const char *text, uint64_t max, uint64_t *ret,
                               struct err *err)
{
    if (str_to_u64(str_of(text), ret) && *ret <= max)
        return OK;
    return err_say(err, E_INVALID, "bad_option", "--%s must be a number from 0 to %llu, not \"%s\"",
                   name, (unsigned long long)max, text);
}

static enum status take_key(struct options *o, const char *key, struct err *err)
{
    if (!*key)
        return err_say(err, E_INVALID, "bad_option", "--api-key must not be empty");
    if (o->api_key_count == OPTIONS_MAX_KEYS)
        return err_say(err, E_INVALID, "bad_option", "--api-key may be given %d times at most",
                       OPTIONS_MAX_KEYS);
    o->api_keys[o->api_key_count++] = str_of(key);
    return OK;
}

static enum status take(struct options *o, int letter, const char *value, struct err *err)
{
    uint64_t number = 0;

    switch (letter) {
    case 'l':
        o->listen = str_of(value);
        return OK;
    case 's':
        if (parse_speed(value, &o->speed))
            return OK;
        return err_say(err, E_INVALID, "bad_option",
                       "--speed must be a number from 0.01 to 1000, not \"%s\"", value);
    case 'd':
        if (!*value)
            return err_say(err, E_INVALID, "bad_option", "--data must name a folder");
        o->data = str_of(value);
        return OK;
    case 'k':
        return take_key(o, value, err);
    case 't':
        TRY(take_number("media-ttl", value, 365 * 86400, &number, err));
        o->media_ttl_ms = (int64_t)number * CLOCK_SECOND_MS;
        return OK;
    case 'n':
        TRY(take_number("seed", value, INT32_MAX, &number, err));
        o->seed = (int64_t)number;
        return OK;
    case 'p':
        o->plain_media = true;
        return OK;
    default:
        o->help = true;
        return OK;
    }
}

enum status options_parse(int argc, char *const *argv, struct options *ret, struct err *err)
{
    static const struct option known[] = {
        {"listen", required_argument, NULL, 'l'},
        {"speed", required_argument, NULL, 's'},
        {"data", required_argument, NULL, 'd'},
        {"api-key", required_argument, NULL, 'k'},
        {"media-ttl", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 'n'},
        {"plain-media", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options o = {
        .listen = STR("127.0.0.1:8790"),
        .speed = 1,
        .media_ttl_ms = CLOCK_DAY_MS,
        .seed = 1,
    };
    int letter;

    optind = 0; /* glibc: begin anew, so that tests can parse twice */
    opterr = 0;
    while ((letter = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (letter == ':')
            return err_say(err, E_INVALID, "bad_option", "%s needs a value", argv[optind - 1]);
        if (letter == '?')
            return err_say(err, E_INVALID, "bad_option", "unknown option %s", argv[optind - 1]);
        TRY(take(&o, letter, optarg, err));
    }
    if (optind < argc)
        return err_say(err, E_INVALID, "bad_option", "unexpected argument \"%s\"", argv[optind]);
    *ret = o;
    return OK;
}
