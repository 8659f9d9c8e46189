/* SPDX-License-Identifier: Apache-2.0 */
/* Body framing (RFC 9112 6 and 7). */
#include "base/hex.h"
#include "base/mem.h"
#include "net/http1.h"
#include "net/http1_impl.h"

/* Of one chunk's extension, and of all trailers together. */
enum { MAX_EXTENSION = 1024, MAX_TRAILERS = 8 * 1024, MAX_SIZE_DIGITS = 16 };

/* Where the chunked reader stands.  The digits of a size are counted in trailer_bytes,
 * which starts anew with each chunk. */
enum chunk_state {
    CHUNK_SIZE,
    EXTENSION_START,
    EXTENSION_NAME,
    EXTENSION_VALUE_START,
    EXTENSION_VALUE,
    EXTENSION_QUOTED,
    EXTENSION_ESCAPED,
    EXTENSION_END,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    CHUNKED_DONE,
};

void http1_body_of_request(struct http_body *b, const struct http_head *h)
{
    *b = (struct http_body){.framing = HTTP_BODY_NONE};
    if (h->chunked) {
        b->framing = HTTP_BODY_CHUNKED;
    } else if (h->content_length > 0) {
        b->framing = HTTP_BODY_LENGTH;
        b->left = (uint64_t)h->content_length;
    }
}

void http1_body_of_response(struct http_body *b, const struct http_head *h,
                            enum http_method request_method)
{
    bool bodiless = request_method == HTTP_HEAD || h->status < 200 || h->status == 204 ||
                    h->status == 304;
    *b = (struct http_body){.framing = HTTP_BODY_NONE};
    if (bodiless)
        return;
    http1_body_of_request(b, h);
    if (b->framing == HTTP_BODY_NONE && h->content_length < 0)
        b->framing = HTTP_BODY_TO_EOF;
}

/* Each step function takes one byte and returns the reason if it is wrong there. */
static const char *step_size(struct http_body *b, char c)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        if (++b->trailer_bytes > MAX_SIZE_DIGITS)
            return "a chunk size has too many digits";
        b->left = (b->left << 4) | (unsigned)digit;
        return NULL;
    }
    if (b->trailer_bytes == 0 || b->left > INT64_MAX)
        return "a chunk size is missing or too large";
    if (c != '\r' && c != ';')
        return "a chunk size has a bad digit";
    b->state = c == ';' ? EXTENSION_START : CHUNK_SIZE_LF;
    b->trailer_bytes = 0;
    return NULL;
}

/* In quotes; anything may be escaped there but a control byte. */
static const char *step_quoted(struct http_body *b, char c)
{
    if (!http1_is_text((struct str){&c, 1}))
        return "a chunk extension has a control byte";
    if (b->state == EXTENSION_ESCAPED)
        b->state = EXTENSION_QUOTED;
    else if (c == '\\')
        b->state = EXTENSION_ESCAPED;
    else if (c == '"')
        b->state = EXTENSION_END;
    return NULL;
}

/* ;name, ;name=token or ;name="text" (RFC 9112 7.1.1), without the bad whitespace that no
 * sender may write.  All of them are dropped, but readers who differ over one differ over
 * where the chunk begins. */
static const char *step_extension(struct http_body *b, char c)
{
    bool open = b->state == EXTENSION_START || b->state == EXTENSION_VALUE_START;
    if (++b->trailer_bytes > MAX_EXTENSION)
        return "a chunk extension is too long";
    if (b->state == EXTENSION_QUOTED || b->state == EXTENSION_ESCAPED)
        return step_quoted(b, c);
    if (b->state != EXTENSION_END && http1_char_is(c, CHAR_TOKEN))
        b->state += open; /* from a start to what it starts */
    else if (b->state == EXTENSION_VALUE_START && c == '"')
        b->state = EXTENSION_QUOTED;
    else if (b->state == EXTENSION_NAME && c == '=')
        b->state = EXTENSION_VALUE_START;
    else if (!open && (c == ';' || c == '\r'))
        b->state = c == ';' ? EXTENSION_START : CHUNK_SIZE_LF;
    else
        return "a chunk extension is malformed";
    return NULL;
}

static const char *step_trailer(struct http_body *b, char c)
{
    if (++b->trailer_bytes > MAX_TRAILERS)
        return "the trailers are too long";
    if (b->state == TRAILER_START && c == '\r') {
        b->state = LAST_LF;
    } else if (b->state == TRAILER_VALUE) {
        if (c == '\r')
            b->state = TRAILER_LF;
        else if (!http1_is_text((struct str){&c, 1}))
            return "a trailer has a control byte";
    } else if (b->state == TRAILER_NAME && c == ':') {
        b->state = TRAILER_VALUE;
    } else if (http1_char_is(c, CHAR_TOKEN)) {
        b->state = TRAILER_NAME;
    } else {
        return "a trailer's name is malformed";
    }
    return NULL;
}

/* A byte that can only be the one expected. */
static const char *step_fixed(struct http_body *b, char c)
{
    static const struct {
        char expected;
        enum chunk_state next;
    } fixed[] = {
        [CHUNK_DATA_CR] = {'\r', CHUNK_DATA_LF}, [CHUNK_DATA_LF] = {'\n', CHUNK_SIZE},
        [TRAILER_LF] = {'\n', TRAILER_START},    [LAST_LF] = {'\n', CHUNKED_DONE},
        [CHUNK_SIZE_LF] = {'\n', CHUNK_DATA},
    };
    if (c != fixed[b->state].expected)
        return "a line of the chunked framing does not end in CRLF";
    if (b->state == CHUNK_DATA_LF)
        b->left = b->trailer_bytes = 0;
    if (b->state == CHUNK_SIZE_LF)
        b->trailer_bytes = 0;
    b->state = b->state == CHUNK_SIZE_LF && b->left == 0 ? TRAILER_START
                                                         : (int)fixed[b->state].next;
    return NULL;
}

static const char *step_chunked(struct http_body *b, char c)
{
    switch ((enum chunk_state)b->state) {
    case CHUNK_SIZE:
        return step_size(b, c);
    case EXTENSION_START:
    case EXTENSION_NAME:
    case EXTENSION_VALUE_START:
    case EXTENSION_VALUE:
    case EXTENSION_QUOTED:
    case EXTENSION_ESCAPED:
    case EXTENSION_END:
        return step_extension(b, c);
    case TRAILER_START:
    case TRAILER_NAME:
    case TRAILER_VALUE:
        return step_trailer(b, c);
    default:
        return step_fixed(b, c);
    }
}

static struct str take_payload(struct http_body *b, struct str in)
{
    struct str piece = {in.p, (size_t)MIN(b->left, (uint64_t)in.n)};
    b->left -= piece.n;
    b->total += piece.n;
    return piece;
}

static enum http_parse next_chunked(struct http_body *b, struct str in, struct str *ret_piece,
                                    size_t *ret_used, struct http_fault *fault)
{
    size_t at = 0;
    while (b->state != CHUNKED_DONE && at < in.n) {
        if (b->state == CHUNK_DATA) {
            *ret_piece = take_payload(b, str_from(in, at));
            if (b->left == 0)
                b->state = CHUNK_DATA_CR;
            *ret_used = at + ret_piece->n;
            return HTTP_PARSE_MORE;
        }
        const char *wrong = step_chunked(b, in.p[at++]);
        if (wrong) {
            *fault = (struct http_fault){400, wrong};
            return HTTP_PARSE_BAD;
        }
    }
    *ret_used = at;
    return b->state == CHUNKED_DONE ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}

enum http_parse http1_body_next(struct http_body *b, struct str in, struct str *ret_piece,
                                size_t *ret_used, struct http_fault *fault)
{
    *ret_piece = STR_NONE;
    *ret_used = 0;
    switch (b->framing) {
    case HTTP_BODY_CHUNKED:
        return next_chunked(b, in, ret_piece, ret_used, fault);
    case HTTP_BODY_LENGTH:
        *ret_piece = take_payload(b, in);
        *ret_used = ret_piece->n;
        return b->left == 0 ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
    case HTTP_BODY_TO_EOF:
        *ret_piece = in;
        *ret_used = in.n;
        b->total += in.n;
        return HTTP_PARSE_MORE;
    case HTTP_BODY_NONE:
        break;
    }
    return HTTP_PARSE_DONE;
}
