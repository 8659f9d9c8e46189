/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* sigv4 — AWS Signature Version 4 for S3 (docs.aws.amazon.com/AmazonS3/latest/API,
 * "Authenticating Requests").
 *
 * A request is signed in its headers, or in its address for a link that others may follow.
 * Both come from one canonical form, and the query that is sent is the one that was signed,
 * sorted and encoded: no client in between has anything left to decide.
 *
 * Thread: any; nothing is kept. */
#include "base/arena.h"
#include "base/err.h"
#include "net/http1.h"

struct sigv4_key {
    struct str id, secret, region;
};

struct sigv4_param {
    struct str name, value; /* as they are meant, not encoded */
};

enum { SIGV4_PARAMS_MAX = 24, SIGV4_HEADERS_MAX = 12, SIGV4_OWN_HEADERS = 3, SIGV4_OWN_PARAMS = 6 };

struct sigv4_request {
    struct str method;
    struct str host; /* as the Host header has it */
    struct str path; /* percent-encoded, as it is sent */
    const struct sigv4_param *params;
    size_t param_count;                /* up to SIGV4_PARAMS_MAX - SIGV4_OWN_PARAMS */
    const struct http_header *headers; /* to be sent and signed beside Host */
    size_t header_count;               /* up to SIGV4_HEADERS_MAX - SIGV4_OWN_HEADERS */
};

/* What SIGV4 calls the hash of a body that is not looked at. */
#define SIGV4_UNSIGNED STR("UNSIGNED-PAYLOAD")

/* ret_query: to be sent behind '?', empty without parameters.  ret_headers takes header_count
 * + SIGV4_OWN_HEADERS: those given, x-amz-content-sha256, x-amz-date and Authorization.
 * payload_hash: lower-case hex SHA-256 of the body, or SIGV4_UNSIGNED.  Everything lives in
 * the arena; E_NO_MEMORY when it is full. */
enum status sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *r,
                       struct str payload_hash, int64_t now_ms, struct arena *a,
                       struct str *ret_query, struct http_header *ret_headers, struct err *err);
/* The whole query of an address that is good for life_s seconds (at most a week), with
 * X-Amz-Signature at its end; STR_NONE when the arena is full. */
struct str sigv4_presign(const struct sigv4_key *key, const struct sigv4_request *r, int64_t now_ms,
                         int64_t life_s, struct arena *a);
