/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/mem.h"
#include "net/send_file.h"

enum { MAX_HEADERS = 24, ETAG_SIZE = 128 };

struct choice {
    struct str bytes, coding; /* coding STR_NONE: raw */
};

static struct choice choose(const struct embedded_file *f, struct str accept)
{
    if (f->br.p && http_coding_accepted(accept, STR("br")))
        return (struct choice){{(const char *)f->br.p, f->br.n}, STR("br")};
    if (f->gzip.p && http_coding_accepted(accept, STR("gzip")))
        return (struct choice){{(const char *)f->gzip.p, f->gzip.n}, STR("gzip")};
    return (struct choice){{(const char *)f->raw.p, f->raw.n}, STR_NONE};
}

void send_embedded(struct exchange *x, const struct embedded_file *file,
                   const struct http_header *extra, size_t extra_count)
{
    const struct http_head *head = exchange_head(x);
    struct choice c = choose(file, http_head_get(head, STR("accept-encoding")));
    struct str wanted = http_head_get(head, STR("if-none-match"));
    struct http_header h[MAX_HEADERS];
    char etag[ETAG_SIZE];
    size_t n = 0;

    /* The raw bytes' ETag: of another coding it can only be a weak one (RFC 9110 8.8.1). */
    snprintf(etag, sizeof(etag), "%s%s", c.coding.p ? "W/" : "", file->etag);
    h[n++] = (struct http_header){STR("ETag"), str_of(etag)};
    h[n++] = (struct http_header){STR("Cache-Control"),
                                  file->immutable ? STR("public, max-age=31536000, immutable")
                                                  : STR("no-cache")};
    if (file->br.p || file->gzip.p)
        h[n++] = (struct http_header){STR("Vary"), STR("Accept-Encoding")};
    for (size_t i = 0; i < extra_count && n < MAX_HEADERS - 2; i++)
        h[n++] = extra[i];
    if (wanted.p && http_etag_matches(wanted, str_of(etag))) {
        exchange_reply(x, 304, h, n, STR_NONE);
        return;
    }
    h[n++] = (struct http_header){STR("Content-Type"), str_of(file->type)};
    if (c.coding.p)
        h[n++] = (struct http_header){STR("Content-Encoding"), c.coding};
    exchange_reply_lasting(x, 200, h, n, c.bytes);
}
