/* SPDX-License-Identifier: Apache-2.0 */
/* What sigv4 makes of requests, for a comparison with Amazon's own package.
 *
 * Standard input: one request a line, fields separated by tabs, each percent-encoded:
 *     time in ms, life in s (0: in the headers), method, host, path (as sent), payload hash,
 *     and then "?name=value" for a parameter, "name:value" for a header.
 * Standard output, for each: the query, a tab, and the Authorization header. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/sigv4.h"
#include "net/http1.h"

enum { LINE_MAX_BYTES = 1 << 16 };

static const struct sigv4_key key = {
    {"AKIDEXAMPLE", 11}, {"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40}, {"eu-west-3", 9}};

static struct str decode(struct arena *a, struct str text)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(LINE_MAX_BYTES);
    if (!http_percent_decode(text, false, &out))
        abort();
    return arena_str(a, buf_str(&out));
}

static void sign(struct str line, struct arena *a)
{
    struct sigv4_param params[SIGV4_PARAMS_MAX];
    struct http_header headers[SIGV4_HEADERS_MAX], signed_headers[SIGV4_HEADERS_MAX];
    struct sigv4_request r = {.params = params, .headers = headers};
    struct str query;
    int64_t now = 0, life = 0;
    str_to_i64(str_cut(&line, '\t'), &now);
    str_to_i64(str_cut(&line, '\t'), &life);
    r.method = decode(a, str_cut(&line, '\t'));
    r.host = decode(a, str_cut(&line, '\t'));
    r.path = decode(a, str_cut(&line, '\t'));
    struct str hash = decode(a, str_cut(&line, '\t'));
    while (line.n) {
        struct str field = str_cut(&line, '\t');
        bool param = field.p[0] == '?';
        struct str value = param ? str_from(field, 1) : field;
        struct str name = decode(a, str_cut(&value, param ? '=' : ':'));
        if (param)
            params[r.param_count++] = (struct sigv4_param){name, decode(a, value)};
        else
            headers[r.header_count++] = (struct http_header){name, decode(a, value)};
    }
    if (life) {
        query = sigv4_presign(&key, &r, now, life, a);
        printf("%.*s\t\n", STR_ARG(query));
    } else if (sigv4_sign(&key, &r, hash, now, a, &query, signed_headers, NULL) == OK) {
        printf("%.*s\t%.*s\n", STR_ARG(query), STR_ARG(signed_headers[r.header_count + 2].value));
    }
}

int main(void)
{
    static char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof(line), stdin)) {
        struct arena *a = arena_new(1 << 22);
        sign((struct str){line, strcspn(line, "\n")}, a);
        arena_free(a);
    }
    return 0;
}
