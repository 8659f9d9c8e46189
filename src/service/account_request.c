/* SPDX-License-Identifier: Apache-2.0 */
#include "service/account_request.h"

void account_request_build(const struct pool_account *account, const struct dialect_http *http,
                           struct http_header *headers, struct arena *a, struct fetch_request *ret)
{
    for (size_t i = 0; i < http->header_count; i++)
        headers[i] = (struct http_header){http->headers[i].name, http->headers[i].value};
    *ret = (struct fetch_request){
        .url = url_text(&http->url, a),
        .method = http->method,
        .headers = headers,
        .header_count = http->header_count,
        .body = http->body,
        .body_length = (int64_t)http->body.n,
        .ca_pem = account->ca_pem,
        .proxy_url = account->proxy_url,
        .http2 = account->http2,
    };
}
