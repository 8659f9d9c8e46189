/* SPDX-License-Identifier: Apache-2.0 */
/* The input's first line is an address, the second a reference, the third an endpoint.
 * What is accepted must come back the same from its own text, must split a Host field or
 * a request line nowhere, and must be refused by nobody who reads it again. */
#include <stdint.h>
#include <stdlib.h>

#include "net/guard.h"
#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_bytes(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        check((unsigned char)s.p[i] > ' ' && (unsigned char)s.p[i] < 0x7f && s.p[i] != '#');
}

static void check_round_trip(const struct url *u, struct arena *a)
{
    struct str text = url_text(u, a);
    struct url again;
    struct sockaddr_storage address;
    socklen_t size;

    if (!text.p)
        return; /* the arena is full */
    check_bytes(text);
    check(u->host.n > 0 && u->port > 0 && u->path.n > 0 && u->path.p[0] == '/');
    check(guard_parse_address(u->host, u->port, &address, &size) == u->host_is_ip);
    /* Brackets or removed dots may make the text a little longer or shorter. */
    if (text.n > 8000 || url_parse(text, a, &again, NULL) != OK) {
        check(text.n > 8000 || arena_used(a) > 60000);
        return;
    }
    check(url_same_origin(u, &again) && str_eq(u->path, again.path));
    check(str_eq(u->query, again.query));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str text = str_cut(&rest, '\n'), reference = str_cut(&rest, '\n');
    struct arena *a = arena_new(128 * 1024);
    struct url base, u;
    struct err err;

    if (url_parse(text, a, &base, &err) == OK) {
        check_round_trip(&base, a);
        if (url_resolve(&base, reference, a, &u, &err) == OK)
            check_round_trip(&u, a);
        /* Endpoints are Kinora's own words; whatever they are, the host stays. */
        if (url_join_endpoint(&base, rest, a, &u, &err) == OK)
            check(url_same_origin(&base, &u) && u.path.p[0] == '/');
    }
    arena_free(a);
    return 0;
}
