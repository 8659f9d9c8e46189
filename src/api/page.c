/* SPDX-License-Identifier: Apache-2.0 */
#include "api/page.h"

#include "base/embedded.h"
#include "base/mem.h"
#include "net/send_file.h"

/* Works are played from the store, a CDN or the upstream, so media may come from any
 * https origin; scripts and styles only from here, none of them inline. */
#define CONTENT_POLICY                                                                             \
    "default-src 'self'; script-src 'self'; style-src 'self'; font-src 'self'; "                   \
    "img-src 'self' data: blob: https: http:; media-src 'self' blob: https: http:; "               \
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "                 \
    "frame-ancestors 'none'"

static const struct http_header page_headers[] = {
    HTTP_HEADER("Content-Security-Policy", CONTENT_POLICY),
    HTTP_HEADER("X-Content-Type-Options", "nosniff"),
    HTTP_HEADER("Referrer-Policy", "same-origin"),
    HTTP_HEADER("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
};

/* path: as requested, with its slash. */
static const struct embedded_file *file_find(struct str path)
{
    for (size_t i = 0; i < embedded_web_count; i++) {
        if (str_eq(str_from(path, 1), str_of(embedded_web[i].path)))
            return &embedded_web[i];
    }
    return NULL;
}

static bool names_file(struct str path)
{
    struct str last = path;
    for (ptrdiff_t at; (at = str_find_char(last, '/')) >= 0;)
        last = str_from(last, (size_t)at + 1);
    return str_has_char(last, '.');
}

void page_reply(struct exchange *x)
{
    static const struct http_header plain[] = {
        HTTP_HEADER("Content-Type", "text/plain; charset=utf-8")};
    static const struct http_header refusal[] = {
        HTTP_HEADER("Content-Type", "text/plain; charset=utf-8"),
        HTTP_HEADER("Allow", "GET, HEAD"),
    };
    const struct http_head *head = exchange_head(x);
    const struct embedded_file *file = file_find(head->path);

    if (head->method != HTTP_GET && head->method != HTTP_HEAD) {
        exchange_reply(x, 405, refusal, ARRAY_SIZE(refusal), STR("This address takes GET only.\n"));
        return;
    }
    /* A view's address has no dot; a missing file must not look like the page. */
    if (!file && !names_file(head->path))
        file = file_find(STR("/index.html"));
    if (file)
        send_embedded(x, file, page_headers, ARRAY_SIZE(page_headers));
    else
        exchange_reply(x, 404, plain, 1, STR("There is nothing at this address.\n"));
}
