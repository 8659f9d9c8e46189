/* SPDX-License-Identifier: Apache-2.0 */
#include "api/origin.h"

#include <string.h>

enum { HOST_MAX = 255 };

static bool is_trusted(const struct settings *settings, struct str address)
{
    struct sockaddr_storage parsed;
    socklen_t size;
    if (!guard_parse_address(address, 0, &parsed, &size))
        return false;
    for (size_t i = 0; i < settings->trusted_proxy_count; i++) {
        if (cidr_holds(&settings->trusted_proxies[i], (const struct sockaddr *)&parsed))
            return true;
    }
    return false;
}

/* What stands behind the last comma, which is cut off; false when nothing is left. */
static bool cut_last(struct str *list, struct str *ret)
{
    if (!list->p)
        return false;
    size_t comma = list->n;
    while (comma > 0 && list->p[comma - 1] != ',')
        comma--;
    *ret = str_trim(str_from(*list, comma));
    *list = comma > 0 ? str_to(*list, comma - 1) : STR_NONE;
    return true;
}

/* Some proxies add the port: "192.0.2.1:4711", "[2001:db8::1]:4711". */
static struct str without_port(struct str entry)
{
    ptrdiff_t end = str_find_char(entry, ']'), colon = str_find_char(entry, ':');
    if (entry.n > 0 && entry.p[0] == '[' && end > 0)
        return str_from(str_to(entry, (size_t)end), 1);
    if (colon >= 0 && str_find_char(str_from(entry, (size_t)colon + 1), ':') < 0)
        return str_to(entry, (size_t)colon);
    return entry;
}

/* From the nearest proxy outwards, as long as the one who says it is trusted. */
static struct str client_of(const struct settings *settings, struct str peer,
                            const struct http_head *head)
{
    struct str client = peer;
    for (size_t i = head->header_count; i > 0; i--) {
        const struct http_header *h = &head->headers[i - 1];
        struct str list = h->value, entry;
        if (!str_eq_ci(h->name, STR("x-forwarded-for")))
            continue;
        while (cut_last(&list, &entry)) {
            struct sockaddr_storage parsed;
            socklen_t size;
            entry = without_port(entry);
            if (!is_trusted(settings, client) || !guard_parse_address(entry, 0, &parsed, &size))
                return client;
            client = entry;
        }
    }
    return client;
}

/* What the nearest proxy wrote; STR_NONE without it. */
static struct str forwarded(const struct http_head *head, struct str name)
{
    struct str list = http_head_get(head, name), entry;
    return cut_last(&list, &entry) ? entry : STR_NONE;
}

static bool is_host(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || !strchr(".-_:[]", c)))
            return false;
    }
    return s.n > 0 && s.n <= HOST_MAX;
}

enum status origin_of(const struct settings *settings, struct str peer,
                      const struct http_head *head, struct arena *a, struct origin *ret,
                      struct err *err)
{
    struct origin seen = {.client_address = client_of(settings, peer, head)};
    if (settings->public_url.n > 0) {
        seen.text = settings->public_url;
        seen.https = str_starts(seen.text, STR("https://"));
        *ret = seen;
        return OK;
    }
    bool trusted = is_trusted(settings, peer);
    struct str host = trusted ? forwarded(head, STR("x-forwarded-host")) : STR_NONE;
    if (!is_host(host))
        host = head->host;
    seen.https = trusted && str_eq_ci(forwarded(head, STR("x-forwarded-proto")), STR("https"));
    seen.text = arena_printf(a, "%s://%.*s", seen.https ? "https" : "http", STR_ARG(host));
    *ret = seen;
    return seen.text.p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}
