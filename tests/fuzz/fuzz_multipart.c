/* SPDX-License-Identifier: Apache-2.0 */
/* Parts are the same however the bytes are cut; every part that began ends, or the body is
 * refused.  The first byte says into pieces of which size; the boundary is "b". */
#include <assert.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct buf out;
    bool open;
};

static enum status on_part(const struct multipart_part *part, void *ctx, struct err *err)
{
    struct seen *s = ctx;
    (void)err;
    assert(!s->open);
    s->open = true;
    buf_add(&s->out, part->name);
    buf_add_char(&s->out, '\0');
    buf_add(&s->out, part->filename);
    buf_add_char(&s->out, part->filename.p ? '\1' : '\0');
    buf_add(&s->out, part->type);
    return OK;
}

static enum status on_data(struct str piece, void *ctx, struct err *err)
{
    struct seen *s = ctx;
    (void)err;
    assert(s->open && piece.n);
    buf_add(&s->out, piece);
    return OK;
}

static enum status on_part_end(void *ctx, struct err *err)
{
    struct seen *s = ctx;
    (void)err;
    assert(s->open);
    s->open = false;
    buf_add_char(&s->out, '\2');
    return OK;
}

static enum status read_parts(struct str in, size_t cut, struct seen *s)
{
    static const struct multipart_handler handler = {on_part, on_data, on_part_end};
    struct multipart *m = NULL;
    struct err err;
    enum status status = multipart_new(STR("multipart/form-data; boundary=b"), 8, &handler, s, &m,
                                       &err);
    for (; in.n && status == OK; in = str_from(in, cut))
        status = multipart_feed(m, str_to(in, cut), &err);
    if (status == OK)
        status = multipart_finish(m, &err);
    assert(status != OK || !s->open);
    multipart_free(m);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct seen whole = {.out = BUF_INIT(1 << 24)}, cut = {.out = BUF_INIT(1 << 24)};
    const struct str in = {(const char *)data + 1, size - 1};
    struct multipart *m = NULL;

    enum status status = read_parts(in, in.n, &whole);
    assert(read_parts(in, 1 + data[0] % 32u, &cut) == status);
    if (status == OK)
        assert(str_eq(buf_str(&whole.out), buf_str(&cut.out)));
    buf_release(&whole.out);
    buf_release(&cut.out);
    if (multipart_new(in, 1, &(struct multipart_handler){on_part, on_data, on_part_end}, NULL, &m,
                      NULL) == OK)
        multipart_free(m);
    return 0;
}
