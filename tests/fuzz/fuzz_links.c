/* SPDX-License-Identifier: Apache-2.0 */
/* Signed links: nothing opens that was not signed, what was signed opens as it was, and a
 * byte changed on the way is refused or changes nothing.  The first byte says which byte,
 * the second what it becomes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "media/links.h"
#include "service/relay_link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t now_ms = 1700000000000;

static const struct key_ring *keys(void)
{
    static struct key_ring *ring;
    struct err err;
    if (!ring) {
        setenv("KINORA_SECRET_KEYS", "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1);
        assert(key_ring_load("unused", &ring, &err) == OK);
    }
    return ring;
}

/* "…/media/<kind>/<token>/<name>" */
static struct str token_of(struct str link)
{
    str_cut(&link, '/');
    str_cut(&link, '/');
    str_cut(&link, '/');
    return str_cut(&link, '/');
}

static struct str name_of(struct str link)
{
    struct str token = token_of(link);
    return str_from(link, (size_t)(token.p - link.p) + token.n + 1);
}

static void check_forged(struct arena *a, struct str token)
{
    struct relay_link link;
    struct str secret;
    struct err err;
    int64_t id;

    assert(link_check(keys(), "file", token, STR("name"), now_ms, &id, &err) == E_FORBIDDEN);
    assert(relay_link_open(keys(), a, token, STR("media"), now_ms, &link, &err) == E_FORBIDDEN);
    assert(key_ring_open(keys(), a, STR("c"), token, &secret, &err) != OK);
    if (relay_link_read(token, &link))
        assert(link.target.n && link.target.p[0] == '/');
}

static void check_signed(struct arena *a, struct str target, uint8_t at, uint8_t becomes)
{
    struct relay_link link = {.account_id = 42, .target = target, .job_id = at, .place = becomes};
    struct relay_link opened;
    struct err err;
    struct str made = relay_link_sign(keys(), a, STR(""), &link, now_ms);

    if (!made.p)
        return;
    struct str token = token_of(made), name = name_of(made);
    assert(relay_link_open(keys(), a, token, name, now_ms, &opened, &err) == OK);
    assert(opened.account_id == 42 && str_eq(opened.target, target));
    assert(opened.job_id == at && opened.place == (at ? becomes : 0));
    assert(relay_link_open(keys(), a, token, name, now_ms + (48LL << 22), &opened, &err) == E_GONE);
    assert(relay_link_open(keys(), a, token, STR("x"), now_ms, &opened, &err) == E_FORBIDDEN ||
           str_eq(name, STR("x")));
    char *changed = arena_strz(a, token);
    changed[at % token.n] = (char)becomes;
    if (relay_link_open(keys(), a, (struct str){changed, token.n}, name, now_ms, &opened, &err) ==
        OK)
        assert(opened.account_id == 42 && str_eq(opened.target, target));
}

static void check_file(struct arena *a, int64_t id, uint8_t at, uint8_t becomes)
{
    struct err err;
    int64_t found;
    struct str token = token_of(link_make(keys(), a, STR(""), "file", id, now_ms, STR("name")));

    struct str name = STR("name");
    assert(link_check(keys(), "file", token, name, now_ms, &found, &err) == OK && found == id);
    assert(link_check(keys(), "poster", token, name, now_ms, &found, &err) == E_FORBIDDEN);
    assert(link_check(keys(), "file", token, STR("nam"), now_ms, &found, &err) == E_FORBIDDEN);
    char *changed = arena_strz(a, token);
    changed[at % token.n] = (char)becomes;
    if (link_check(keys(), "file", (struct str){changed, token.n}, name, now_ms, &found, &err) ==
        OK)
        assert(found == id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    const struct str in = {(const char *)data + 2, size - 2};
    int64_t id = 0;

    check_forged(a, in);
    if (in.n && in.p[0] == '/')
        check_signed(a, in, data[0], data[1]);
    memcpy(&id, in.p, MIN(in.n, sizeof(id)));
    check_file(a, id, data[0], data[1]);
    return 0;
}
