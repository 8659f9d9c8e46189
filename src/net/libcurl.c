/* SPDX-License-Identifier: Apache-2.0 */
#include "net/libcurl.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"

enum { BUFFER_SIZE = 64 * 1024, HEADER_SIZE = 64 * 1024, PIN_SIZE = 2048, PROXY_SIZE = 4096 };

static int said_index = -1; /* of an SSL's data: where to note that it has said its end */

static void library_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    said_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

void libcurl_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, library_init);
}

enum libcurl_meaning libcurl_meaning_of(CURLcode code)
{
    static const struct {
        CURLcode code;
        enum libcurl_meaning meaning;
    } meanings[] = {
        {CURLE_SSL_CONNECT_ERROR, LIBCURL_TLS},
        {CURLE_PEER_FAILED_VERIFICATION, LIBCURL_TLS},
        {CURLE_SSL_CACERT_BADFILE, LIBCURL_TLS},
        {CURLE_SSL_CERTPROBLEM, LIBCURL_TLS},
        {CURLE_SSL_CIPHER, LIBCURL_TLS},
        {CURLE_SSL_ISSUER_ERROR, LIBCURL_TLS},
        {CURLE_SEND_ERROR, LIBCURL_BROKEN},
        {CURLE_SEND_FAIL_REWIND, LIBCURL_BROKEN},
        {CURLE_RECV_ERROR, LIBCURL_BROKEN},
        {CURLE_GOT_NOTHING, LIBCURL_BROKEN},
        {CURLE_PARTIAL_FILE, LIBCURL_BROKEN},
        {CURLE_HTTP2, LIBCURL_BROKEN},
        {CURLE_HTTP2_STREAM, LIBCURL_BROKEN},
        {CURLE_COULDNT_CONNECT, LIBCURL_NOT_CONNECTED},
        {CURLE_PROXY, LIBCURL_NOT_CONNECTED},
        {CURLE_COULDNT_RESOLVE_HOST, LIBCURL_NAME},
        {CURLE_COULDNT_RESOLVE_PROXY, LIBCURL_NAME},
        {CURLE_OPERATION_TIMEDOUT, LIBCURL_TIME},
    };
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
        if (meanings[i].code == code)
            return meanings[i].meaning;
    }
    return LIBCURL_OTHER;
}

/* ---- lists ---- */

bool libcurl_list_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *grown = curl_slist_append(*list, line);
    if (grown)
        *list = grown;
    return grown;
}

bool libcurl_list_add_header(struct curl_slist **list, const struct http_header *h)
{
    _cleanup_(buf_cleanup) struct buf line = BUF_INIT(HEADER_SIZE);

    if (!http1_write_header(&line, h->name, h->value))
        return false;
    line.end -= 2; /* libcurl ends the line itself */
    if (!h->value.n) {
        buf_reset(&line); /* its way to say that the value is empty */
        buf_add(&line, h->name);
        buf_add_char(&line, ';');
    }
    return buf_add_char(&line, '\0') && libcurl_list_add(list, buf_str(&line).p);
}

/* "+host:443:192.0.2.1,[2001:db8::1]" */
bool libcurl_list_add_pin(struct curl_slist **list, struct str host, uint16_t port,
                          const struct addresses *at)
{
    _cleanup_(buf_cleanup) struct buf line = BUF_INIT(PIN_SIZE);
    char text[GUARD_TEXT_SIZE];

    buf_addf(&line, "+%.*s:%u:", STR_ARG(host), port);
    for (size_t i = 0; i < at->count; i++) {
        bool v6 = at->at[i].any.sa_family == AF_INET6;
        guard_address_text(&at->at[i].any, text);
        buf_addf(&line, v6 ? "%s[%s]" : "%s%s", i ? "," : "", text);
    }
    return buf_add_char(&line, '\0') && libcurl_list_add(list, buf_str(&line).p);
}

void libcurl_list_freep(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

/* ---- options ---- */

void libcurl_set_tls(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
}

static void on_alert(const SSL *ssl, int where, int alert)
{
    bool *said = SSL_get_ex_data(ssl, said_index);

    if (said && where == SSL_CB_READ_ALERT && (alert & 0xff) == SSL_AD_CLOSE_NOTIFY)
        *said = true;
}

void libcurl_hear_end(CURL *easy, bool *said)
{
    struct curl_tlssessioninfo *tls = NULL;

    *said = false;
    curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls);
    if (!tls || !tls->internals) {
        *said = true;
        return;
    }
    SSL *ssl = tls->internals;
    SSL_set_ex_data(ssl, said_index, said);
    SSL_set_info_callback(ssl, on_alert);
}

void libcurl_set_manners(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_SIZE);
}

/* ---- the proxy: its password may hold what no address may ---- */

static void split_proxy(struct str proxy, struct str *ret_scheme, struct str *ret_auth,
                        struct str *ret_rest)
{
    ptrdiff_t slashes = str_find(proxy, STR("://"));
    size_t start = slashes < 0 ? 0 : (size_t)slashes + 3, at = proxy.n;

    while (at > start && proxy.p[at - 1] != '@')
        at--;
    *ret_scheme = str_to(proxy, start);
    *ret_auth = at > start ? str_to(str_from(proxy, start), at - start - 1) : STR_NONE;
    *ret_rest = str_from(proxy, MAX(at, start));
}

bool libcurl_proxy_address(struct str proxy, struct buf *out)
{
    struct str scheme, auth, rest;

    split_proxy(proxy, &scheme, &auth, &rest);
    return buf_add(out, scheme) && buf_add(out, rest) && buf_add_char(out, '\0');
}

static bool set_decoded(CURL *easy, CURLoption option, struct str text)
{
    _cleanup_(buf_cleanup) struct buf plain = BUF_INIT(PROXY_SIZE);

    if (!http_percent_decode(text, false, &plain) && !buf_add(&plain, text))
        return false;
    if (!buf_add_char(&plain, '\0'))
        return false;
    curl_easy_setopt(easy, option, buf_str(&plain).p);
    mem_wipe(plain.p, plain.size);
    return true;
}

bool libcurl_set_proxy(CURL *easy, struct str proxy)
{
    _cleanup_(buf_cleanup) struct buf address = BUF_INIT(PROXY_SIZE);
    struct str scheme, auth, rest;

    if (!libcurl_proxy_address(proxy, &address))
        return false;
    curl_easy_setopt(easy, CURLOPT_PROXY, buf_str(&address).p);
    split_proxy(proxy, &scheme, &auth, &rest);
    if (!auth.p)
        return true;
    struct str user = str_cut(&auth, ':');
    return set_decoded(easy, CURLOPT_PROXYUSERNAME, user) &&
           set_decoded(easy, CURLOPT_PROXYPASSWORD, auth);
}

bool libcurl_idempotent(struct str method)
{
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")) ||
           str_eq(method, STR("PUT")) || str_eq(method, STR("DELETE"));
}

void libcurl_set_method(CURL *easy, const char *method, bool with_body, int64_t body_length)
{
    bool get = strcmp(method, "GET") == 0;

    if (with_body) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)body_length);
    }
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (!get || with_body)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}
