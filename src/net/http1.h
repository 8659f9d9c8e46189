/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* http1 — the strict HTTP/1.1 codec (RFC 9112, RFC 9110), both sides, no I/O.
 *
 * Pure functions over bytes the caller holds.  Heads are parsed when complete;
 * bodies are decoded incrementally and in place.  Anything two parsers could read
 * differently is a fault: both length headers, differing lengths, unknown transfer
 * codings, space before the colon, folded lines, bare LF, NUL or CTL in values, bad
 * chunk sizes, a missing or doubled Host, absolute targets with another host. */
#include "base/buf.h"
#include "base/str.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER, /* a valid token we do not know: 501 */
};
const char *http_method_name(enum http_method m);

struct http_header {
    struct str name, value; /* value without surrounding OWS */
};

/* A constant header. */
#define HTTP_HEADER(n, v)                                                                          \
    {                                                                                              \
        {n, sizeof(n) - 1},                                                                        \
        {                                                                                          \
            v, sizeof(v) - 1                                                                       \
        }                                                                                          \
    }

enum { HTTP_MAX_HEADERS = 100 };

/* Limits of one head; exceeding gives 414 (target), 431 (fields). */
struct http_limits {
    size_t line_bytes;   /* start line; 8 KiB */
    size_t head_bytes;   /* all of it; 32 KiB */
    size_t header_count; /* at most HTTP_MAX_HEADERS */
};
extern const struct http_limits http_default_limits;

/* Views into the bytes parsed. */
struct http_head {
    enum http_method method; /* requests */
    struct str method_text;
    struct str target; /* as sent */
    struct str path; /* from the target, still percent-encoded, begins with '/' (or "*": OPTIONS) */
    struct str query; /* after '?', without it; STR_NONE if none */
    struct str host;  /* requests */
    int status;       /* responses */
    struct str reason;
    int minor;       /* HTTP/1.minor: 0 or 1; above that 1 (RFC 9110 2.5) */
    bool keep_alive; /* what the sender wants or its version implies */
    bool chunked;
    bool expect_continue;
    bool upgrade;           /* Upgrade and Connection: upgrade */
    int64_t content_length; /* -1: none stated */
    size_t header_count;
    struct http_header headers[HTTP_MAX_HEADERS];
};

enum http_parse { HTTP_PARSE_MORE, HTTP_PARSE_DONE, HTTP_PARSE_BAD };

/* A refusal: the status to answer (requests) and a reason for the log. */
struct http_fault {
    int status;
    const char *reason;
};

/* in: all bytes so far from the head's first.  DONE: *ret_used bytes were the head.
 * Leading empty lines (CRLF) before a request are skipped (RFC 9112 2.2).  Parsing starts
 * anew each time: call it when a line feed has come, not for every byte. */
enum http_parse http1_parse_request(struct str in, const struct http_limits *limits,
                                    struct http_head *ret, size_t *ret_used,
                                    struct http_fault *fault);
/* 1xx heads are returned as heads of their own; a fault's status means nothing here. */
enum http_parse http1_parse_response(struct str in, const struct http_limits *limits,
                                     struct http_head *ret, size_t *ret_used,
                                     struct http_fault *fault);

/* First value of a field (name folded), STR_NONE if absent. */
struct str http_head_get(const struct http_head *h, struct str name);
/* Of one connection only (RFC 9110 7.6.1), the framing (Content-Length) included: whoever
 * holds a connection writes these itself and passes none on. */
bool http_is_hop(struct str name);
/* Those, Host and Expect: what a client's connection says for itself, so that no caller of
 * the client has a say in it. */
bool http_is_clients(struct str name);
/* A token in a comma list, folded. */
bool http_list_has(struct str list, struct str token);

/* Body framing. */
enum http_framing { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_TO_EOF };
struct http_body {
    enum http_framing framing;
    uint64_t left;        /* of the length, or of the current chunk */
    uint64_t total;       /* payload bytes so far */
    int state;            /* chunked: internal */
    size_t trailer_bytes; /* chunked: internal */
};
void http1_body_of_request(struct http_body *b, const struct http_head *h);
void http1_body_of_response(struct http_body *b, const struct http_head *h,
                            enum http_method request_method);
/* One step: *ret_piece is the next payload view into in (maybe empty), *ret_used the
 * bytes of in that are dealt with (framing and piece).  DONE: the body has ended at
 * *ret_used.  MORE with *ret_used == 0: feed more.  Trailers are read and dropped. */
enum http_parse http1_body_next(struct http_body *b, struct str in, struct str *ret_piece,
                                size_t *ret_used, struct http_fault *fault);

/* Writing. */
bool http1_write_request_line(struct buf *out, struct str method, struct str target);
bool http1_write_status_line(struct buf *out, int status);
/* Refuses (false) a name that is no token and control bytes (but HTAB) in the value. */
bool http1_write_header(struct buf *out, struct str name, struct str value);
const char *http_reason(int status);
enum { HTTP_CHUNK_PREFIX = 20 };
/* "1f4\r\n" for n payload bytes; returns its length. */
size_t http1_chunk_prefix(size_t n, char out[HTTP_CHUNK_PREFIX]);

/* Parts of addresses and fields that more than one place reads. */
/* Percent-decoding of a path segment or query value; '+' is a space when form.
 * False on bad escapes or NUL, and out is as before. */
bool http_percent_decode(struct str s, bool form, struct buf *out);
/* First value of one query parameter, decoded into out; false when absent or bad. */
bool http_query_get(struct str query, struct str name, struct buf *out);
/* A cookie's value, or STR_NONE (RFC 6265 5.4). */
struct str http_cookie_get(struct str cookie_header, struct str name);
/* Single byte range (RFC 9110 14.1.2).  Several or bad ones: HTTP_RANGE_NONE (answer
 * 200); beyond the end: HTTP_RANGE_UNSATISFIABLE (416). */
enum http_range { HTTP_RANGE_NONE, HTTP_RANGE_OK, HTTP_RANGE_UNSATISFIABLE };
enum http_range http_range_parse(struct str value, uint64_t size, uint64_t *ret_first,
                                 uint64_t *ret_last);
/* Does If-None-Match / If-Match's list hold this ETag (weak comparison)? */
bool http_etag_matches(struct str list, struct str etag);
/* Does Accept-Encoding name this coding, without q=0 (RFC 9110 12.5.3)?  Not by "*". */
bool http_coding_accepted(struct str list, struct str coding);
