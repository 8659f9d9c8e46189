/* SPDX-License-Identifier: Apache-2.0 */
/* Writing multipart/form-data.  Every part begins with the CRLF of its delimiter, the first
 * too (an empty preamble, RFC 2046 5.1.1), so parts may come in any order. */
#include <stdio.h>
#include <sys/random.h>

#include "base/hex.h"
#include "base/mem.h"
#include "net/multipart.h"

enum { RANDOM_BYTES = 16 };

void multipart_boundary(char out[40])
{
    unsigned char random[RANDOM_BYTES];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        perror("kinora: getrandom");
        abort();
    }
    out[0] = 'k';
    out[1] = '-';
    hex_encode(random, sizeof(random), out + 2);
}

/* As browsers do (WHATWG HTML 4.10.21.8). */
static void add_quoted(struct buf *out, struct str text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '"')
            buf_add(out, STR("%22"));
        else if (c == '\r')
            buf_add(out, STR("%0D"));
        else if (c == '\n')
            buf_add(out, STR("%0A"));
        else
            buf_add_char(out, c);
    }
    buf_add_char(out, '"');
}

static void add_delimiter(struct buf *out, const char *boundary)
{
    buf_add(out, STR("\r\n--"));
    buf_add(out, str_of(boundary));
}

static void add_disposition(struct buf *out, const char *boundary, struct str name)
{
    add_delimiter(out, boundary);
    buf_add(out, STR("\r\nContent-Disposition: form-data; name="));
    add_quoted(out, name);
}

bool multipart_write_field(struct buf *out, const char *boundary, struct str name, struct str value)
{
    add_disposition(out, boundary, name);
    buf_add(out, STR("\r\n\r\n"));
    buf_add(out, value);
    return !buf_failed(out);
}

bool multipart_write_file_head(struct buf *out, const char *boundary, struct str name,
                               struct str filename, struct str type)
{
    if (str_has_char(type, '\r') || str_has_char(type, '\n'))
        return false;
    add_disposition(out, boundary, name);
    buf_add(out, STR("; filename="));
    add_quoted(out, filename);
    buf_add(out, STR("\r\nContent-Type: "));
    buf_add(out, type.n ? type : STR("application/octet-stream"));
    buf_add(out, STR("\r\n\r\n"));
    return !buf_failed(out);
}

bool multipart_write_end(struct buf *out, const char *boundary)
{
    add_delimiter(out, boundary);
    buf_add(out, STR("--\r\n"));
    return !buf_failed(out);
}
