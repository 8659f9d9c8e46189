/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner reads the same however the bytes are cut, takes every object that the whole
 * reader takes, and finds the same model and messages in it. */
#include <assert.h>
#include <string.h>

#include "net/scan_json.h"
#include "platform/json_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool scan(struct scan_json *s, struct str in, size_t cut)
{
    scan_json_init(s);
    for (; in.n; in = str_from(in, cut)) {
        if (!scan_json_feed(s, str_to(in, cut)))
            return false;
    }
    return scan_json_end(s);
}

static void compare(const struct scan_json *s, struct json root)
{
    struct json model = json_get(root, "model"), messages = json_get(root, "messages");
    struct str name = json_str_or(model, STR(""));
    assert((scan_json_kind(s, SCAN_MODEL) == SCAN_STRING) == json_is_string(model));
    assert(s->model_too_long == (name.n > SCAN_MODEL_MAX));
    assert(s->model_too_long || str_eq(scan_json_model(s), name));
    assert(s->messages_filled == (json_is_array(messages) && json_size(messages) > 0));
    assert((scan_json_kind(s, SCAN_STREAM) == SCAN_ABSENT) ==
           json_is_absent(json_get(root, "stream")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scan_json whole, cut;
    struct json_doc *doc = NULL;
    struct err err;
    if (size == 0)
        return 0;
    const struct str in = {(const char *)data + 1, size - 1};
    bool ok = scan(&whole, in, in.n);
    assert(scan(&cut, in, 1 + data[0] % 16u) == ok);
    if (ok) {
        assert(memcmp(whole.kinds, cut.kinds, sizeof(whole.kinds)) == 0);
        assert(str_eq(scan_json_model(&whole), scan_json_model(&cut)));
        assert(whole.messages_filled == cut.messages_filled);
    }
    if (json_parse(in, &doc, &err) == OK && json_is_object(json_root(doc))) {
        assert(ok);
        compare(&whole, json_root(doc));
    }
    json_doc_free(doc);
    return 0;
}
