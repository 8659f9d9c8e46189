/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* libcurl — what its two users, fetch (blocking) and upstream_curl (on a loop), have in
 * common. */
#include <curl/curl.h>

#include "net/guard.h"
#include "net/http1.h"
#include "net/resolve.h"

/* Before any other call; any thread, any number of times. */
void libcurl_init(void);

/* What a CURLcode says of the connection.  OTHER: that the peer is to blame, if there was
 * one. */
enum libcurl_meaning {
    LIBCURL_OTHER,
    LIBCURL_NAME,
    LIBCURL_NOT_CONNECTED,
    LIBCURL_TLS,
    LIBCURL_BROKEN,
    LIBCURL_TIME,
};
enum libcurl_meaning libcurl_meaning_of(CURLcode code);

/* Lists of lines; false when there is no memory or, for a header, when it cannot be sent. */
bool libcurl_list_add(struct curl_slist **list, const char *line);
bool libcurl_list_add_header(struct curl_slist **list, const struct http_header *h);
/* For CURLOPT_RESOLVE: these addresses are the name's, and no others. */
bool libcurl_list_add_pin(struct curl_slist **list, struct str host, uint16_t port,
                          const struct addresses *at);
void libcurl_list_freep(struct curl_slist **list);

/* TLS 1.2 or later, always verified. */
void libcurl_set_tls(CURL *easy);
/* Of an answer that ends with its connection: libcurl lets it pass for whole also where the
 * line was cut.  From inside the header callback; *said, to live as long as the transfer, becomes
 * true when TLS says that nothing follows (RFC 8446 6.1), and at once without TLS. */
void libcurl_hear_end(CURL *easy, bool *said);
/* Nothing that libcurl would do of its own accord. */
void libcurl_set_manners(CURL *easy);
/* "scheme://[user:password@]host[:port]"; STR_NONE: none, whatever the environment says.  User
 * and password end at the last '@' and may be percent-encoded.  False when it is too long. */
bool libcurl_set_proxy(CURL *easy, struct str proxy);
/* The same without user and password, NUL-terminated. */
bool libcurl_proxy_address(struct str proxy, struct buf *out);
/* RFC 9110 9.2.2: GET, HEAD, PUT, DELETE. */
bool libcurl_idempotent(struct str method);
/* body_length -1: unknown; 0 and !with_body: none. */
void libcurl_set_method(CURL *easy, const char *method, bool with_body, int64_t body_length);
