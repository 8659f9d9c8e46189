/* SPDX-License-Identifier: Apache-2.0 */
#include "service/settings_table.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "net/guard.h"
#include "net/url.h"

enum { MAX_PEM = 64 << 10 };
/* What a JSON number carries exactly everywhere. */
#define MAX_BYTES (INT64_C(1) << 53)

static void *field_of(const struct setting *s, struct settings *settings)
{
    return (char *)settings + s->offset;
}

static const void *value_of(const struct setting *s, const struct settings *settings)
{
    return (const char *)settings + s->offset;
}

static enum status invalid(const struct setting *s, struct err *err, const char *must)
{
    return err_field(err, "invalid_field", s->key, "%s %s", s->key, must);
}

static enum status no_room(struct err *err)
{
    return err_set(err, E_NO_MEMORY, "no_memory");
}

/* --- text ---------------------------------------------------------------- */

static enum status text_read(const struct setting *s, struct json value, struct arena *a,
                             struct str *ret, struct err *err)
{
    (void)a;
    if (!json_is_string(value))
        return invalid(s, err, "must be a string");
    *ret = json_str_or(value, STR(""));
    return OK;
}

static bool is_printable(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < ' ' || c == 0x7f)
            return false;
    }
    return utf8_valid(text);
}

static enum status text_load(const struct setting *s, struct str text, struct arena *a,
                             struct settings *into, struct err *err)
{
    if (text.n > (size_t)s->max * 4 || (int64_t)utf8_length(text) < s->min ||
        (int64_t)utf8_length(text) > s->max)
        return err_field(err, "invalid_field", s->key,
                         "%s must have %" PRId64 " to %" PRId64 " characters", s->key, s->min,
                         s->max);
    if (s->check)
        TRY(s->check(s, &text, a, err));
    else if (!is_printable(text))
        return invalid(s, err, "must be one line of text");
    struct str copy = arena_str(a, text);
    if (!copy.p)
        return no_room(err);
    *(struct str *)field_of(s, into) = copy;
    return OK;
}

static void text_write(const struct setting *s, const struct settings *from, struct json_out *j)
{
    json_kv_str(j, s->key, *(const struct str *)value_of(s, from));
}

static void secret_write(const struct setting *s, const struct settings *from, struct json_out *j)
{
    char key[64];
    size_t n = strlen(s->key);
    memcpy(key, s->key, n);
    memcpy(key + n, "_set", sizeof("_set"));
    json_kv_bool(j, key, ((const struct str *)value_of(s, from))->n > 0);
}

static const struct setting_kind kind_text = {text_read, text_load, text_write};
static const struct setting_kind kind_secret = {text_read, text_load, secret_write};

/* --- rules of single texts ----------------------------------------------- */

static struct str without_slashes(struct str text)
{
    while (text.n > 0 && text.p[text.n - 1] == '/')
        text.n--;
    return text;
}

static enum status check_url(const struct setting *s, struct str *text, struct arena *a,
                             struct err *err)
{
    struct url url;
    struct err why = {0};
    if (text->n == 0)
        return OK;
    if (str_has_char(*text, '#') || str_has_char(*text, '?'))
        return invalid(s, err, "may have no query and no fragment");
    if (url_parse(*text, a, &url, &why) != OK)
        return err_field(err, "invalid_field", s->key, "%s: %s", s->key, why.text);
    *text = without_slashes(*text);
    return OK;
}

static enum status check_origin(const struct setting *s, struct str *text, struct arena *a,
                                struct err *err)
{
    struct url url;
    TRY(check_url(s, text, a, err));
    if (text->n == 0)
        return OK;
    TRY(url_parse(*text, a, &url, err));
    if (url.path.n > 1)
        return invalid(s, err, "must be scheme and host only, such as https://kinora.example");
    *text = url_origin(&url, a);
    return text->p ? OK : no_room(err);
}

/* Amazon's rule for names, and the capitals and underscores that older stores have. */
static enum status check_bucket(const struct setting *s, struct str *text, struct arena *a,
                                struct err *err)
{
    (void)a;
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    if (text->n == 0)
        return OK;
    bool fine = text->n >= 3 && text->p[0] != '.' && text->p[0] != '-';
    for (size_t i = 0; i < text->n; i++)
        fine = fine && text->p[i] && strchr(allowed, text->p[i]);
    return fine ? OK : invalid(s, err, "must be the name of a bucket");
}

static enum status check_prefix(const struct setting *s, struct str *text, struct arena *a,
                                struct err *err)
{
    (void)a;
    *text = without_slashes(*text);
    while (text->n > 0 && text->p[0] == '/')
        *text = str_from(*text, 1);
    struct str rest = *text;
    while (rest.n > 0) {
        struct str part = str_cut(&rest, '/');
        if (part.n == 0 || str_eq(part, STR(".")) || str_eq(part, STR("..")))
            return invalid(s, err, "must be a path without empty, '.' or '..' parts");
    }
    return is_printable(*text) ? OK : invalid(s, err, "must be one line of text");
}

static enum status check_pem(const struct setting *s, struct str *text, struct arena *a,
                             struct err *err)
{
    (void)a;
    bool pem = str_find(*text, STR("-----BEGIN CERTIFICATE-----")) >= 0 &&
               str_find(*text, STR("-----END CERTIFICATE-----")) > 0;
    return text->n == 0 || pem ? OK : invalid(s, err, "must be a certificate in PEM form");
}

/* --- what is not kept ---------------------------------------------------- */

static enum status keep_words(const struct setting *s, struct str text, struct arena *a,
                              struct err *err)
{
    (void)a;
    bool blank = text.n && str_trim(text).n == 0;
    return blank ? invalid(s, err, "must not be blank") : OK;
}

static enum status keep_prefix(const struct setting *s, struct str text, struct arena *a,
                               struct err *err)
{
    (void)a;
    while (text.n > 0) {
        struct str part = str_cut(&text, '/');
        if (str_trim(part).n != part.n)
            return invalid(s, err, "must be a path whose parts neither begin nor end with a space");
    }
    return OK;
}

/* Whether no setting would ever let a connection go there. */
static bool is_out_of_reach(const struct url *url)
{
    struct sockaddr_storage address;
    socklen_t size;
    struct cidr all[2];
    struct guard guard = {GUARD_ADMIN, all, ARRAY_SIZE(all)};
    return url->host_is_ip && cidr_parse(STR("0.0.0.0/0"), &all[0]) &&
           cidr_parse(STR("::/0"), &all[1]) &&
           guard_parse_address(url->host, url->port, &address, &size) &&
           !guard_allows(&guard, (struct sockaddr *)&address);
}

static enum status keep_endpoint(const struct setting *s, struct str text, struct arena *a,
                                 struct err *err)
{
    struct url url;
    struct err why = {0};
    if (url_parse(text, a, &url, &why) != OK || !is_out_of_reach(&url))
        return OK;
    return err_field(err, "url_forbidden", s->key, "%s may not be a link-local or metadata address",
                     s->key);
}

/* --- switches and numbers ------------------------------------------------ */

static enum status bool_read(const struct setting *s, struct json value, struct arena *a,
                             struct str *ret, struct err *err)
{
    (void)a;
    if (!json_is_bool(value))
        return invalid(s, err, "must be true or false");
    *ret = json_bool_or(value, false) ? STR("true") : STR("false");
    return OK;
}

static enum status bool_load(const struct setting *s, struct str text, struct arena *a,
                             struct settings *into, struct err *err)
{
    (void)a;
    bool on = str_eq(text, STR("true"));
    if (!on && !str_eq(text, STR("false")))
        return invalid(s, err, "must be true or false");
    *(bool *)field_of(s, into) = on;
    return OK;
}

static void bool_write(const struct setting *s, const struct settings *from, struct json_out *j)
{
    json_kv_bool(j, s->key, *(const bool *)value_of(s, from));
}

static const struct setting_kind kind_bool = {bool_read, bool_load, bool_write};

static enum status int_read(const struct setting *s, struct json value, struct arena *a,
                            struct str *ret, struct err *err)
{
    if (!json_is_int(value))
        return invalid(s, err, "must be a whole number");
    *ret = arena_printf(a, "%" PRId64, json_int_or(value, 0));
    return ret->p ? OK : no_room(err);
}

static enum status int_load(const struct setting *s, struct str text, struct arena *a,
                            struct settings *into, struct err *err)
{
    (void)a;
    int64_t value;
    if (!str_to_i64(text, &value) || value < s->min || value > s->max)
        return err_field(err, "invalid_field", s->key,
                         "%s must be a whole number from %" PRId64 " to %" PRId64, s->key, s->min,
                         s->max);
    *(int64_t *)field_of(s, into) = value;
    return OK;
}

static void int_write(const struct setting *s, const struct settings *from, struct json_out *j)
{
    json_kv_int(j, s->key, *(const int64_t *)value_of(s, from));
}

static const struct setting_kind kind_int = {int_read, int_load, int_write};

/* --- choices ------------------------------------------------------------- */

static const char *const languages[] = {[LANG_ZH] = "zh", [LANG_EN] = "en", NULL};

static enum status language_load(const struct setting *s, struct str text, struct arena *a,
                                 struct settings *into, struct err *err)
{
    (void)a;
    for (int i = 0; languages[i]; i++) {
        if (str_eq(text, str_of(languages[i]))) {
            *(enum language *)field_of(s, into) = (enum language)i;
            return OK;
        }
    }
    return invalid(s, err, "must be zh or en");
}

static void language_write(const struct setting *s, const struct settings *from, struct json_out *j)
{
    json_kv_z(j, s->key, languages[*(const enum language *)value_of(s, from)]);
}

static const struct setting_kind kind_language = {text_read, language_load, language_write};

/* --- lists, kept as JSON ------------------------------------------------- */

enum status setting_read_array(const struct setting *s, struct json value, struct arena *a,
                               struct str *ret, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    struct str dumped;
    if (!json_is_array(value))
        return invalid(s, err, "must be an array");
    if (!json_dump(value, &dumped))
        return no_room(err);
    text = (char *)dumped.p;
    *ret = arena_str(a, dumped);
    return ret->p ? OK : no_room(err);
}

static enum status cidrs_load(const struct setting *s, struct str text, struct arena *a,
                              struct settings *into, struct err *err)
{
    (void)a;
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct cidr *list = field_of(s, into);
    if (json_parse(text, &doc, NULL) != OK || !json_is_array(json_root(doc)))
        return invalid(s, err, "must be an array");
    size_t count = json_size(json_root(doc));
    if (count > SETTINGS_MAX_CIDRS)
        return err_field(err, "invalid_field", s->key, "%s must have at most %d entries", s->key,
                         SETTINGS_MAX_CIDRS);
    for (size_t i = 0; i < count; i++) {
        if (!cidr_parse(json_str_or(json_at(json_root(doc), i), STR("")), &list[i]))
            return invalid(s, err, "must hold networks such as 10.0.0.0/8 or fd00::/8");
    }
    *(size_t *)((char *)into + s->count_offset) = count;
    return OK;
}

enum { CIDR_TEXT_SIZE = INET6_ADDRSTRLEN + 4 };

/* The form that cidr_parse() reads; IPv4 without its mapping. */
static struct str cidr_text(const struct cidr *c, char out[CIDR_TEXT_SIZE])
{
    static const unsigned char mapped[12] = {[10] = 0xff, 0xff};
    bool v4 = c->bits >= 96 && memcmp(c->addr, mapped, sizeof(mapped)) == 0;
    char host[INET6_ADDRSTRLEN];
    inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? c->addr + 12 : c->addr, host, sizeof(host));
    int n = snprintf(out, CIDR_TEXT_SIZE, "%s/%u", host, v4 ? c->bits - 96 : c->bits);
    return (struct str){out, (size_t)n};
}

static void cidrs_write(const struct setting *s, const struct settings *from, struct json_out *j)
{
    const struct cidr *list = value_of(s, from);
    size_t count = *(const size_t *)((const char *)from + s->count_offset);
    json_key(j, s->key);
    json_array(j);
    for (size_t i = 0; i < count; i++) {
        char text[CIDR_TEXT_SIZE];
        json_str(j, cidr_text(&list[i], text));
    }
    json_array_end(j);
}

/* What could only be a mistake is not kept: nobody finds out by looking at it afterwards. */
static enum status networks_read(const struct setting *s, struct json value, struct arena *a,
                                 struct str *ret, struct err *err)
{
    for (size_t i = 0; i < json_size(value); i++) {
        struct str text = json_str_or(json_at(value, i), STR(""));
        struct cidr range;
        if (!cidr_parse(text, &range))
            continue; /* cidrs_load() has the words for it */
        if (cidr_has_host_bits(text))
            return err_field(err, "invalid_field", s->key,
                             "%s: %.*s is one address in a network; write the network's own "
                             "address, or /32 or /128 for one machine",
                             s->key, STR_ARG(text));
        if (!cidr_can_open(&range))
            return err_field(err, "invalid_field", s->key,
                             "%s: %.*s is never allowed, so that naming it opens nothing", s->key,
                             STR_ARG(text));
    }
    return setting_read_array(s, value, a, ret, err);
}

static const struct setting_kind kind_cidrs = {setting_read_array, cidrs_load, cidrs_write};
static const struct setting_kind kind_networks = {networks_read, cidrs_load, cidrs_write};

/* --- the table ----------------------------------------------------------- */

#define AT(name)         .key = #name, .offset = offsetof(struct settings, name)
#define OF_UPLOADS(name) .key = "upload_" #name, .offset = offsetof(struct settings, uploads.name)

static const struct setting table[] = {
    {AT(site_name), .kind = &kind_text, .first = "Kinora", .min = 1, .max = 64, .keep = keep_words},
    {AT(public_url), .kind = &kind_text, .first = "", .max = 512, .check = check_origin},
    {AT(language), .kind = &kind_language, .first = "zh"},
    {AT(registration_enabled), .kind = &kind_bool, .first = "false"},
    {AT(simple_mode), .kind = &kind_bool, .first = "false"},
    {AT(trusted_proxies), .kind = &kind_cidrs, .first = "[]",
     .count_offset = offsetof(struct settings, trusted_proxy_count)},
    {AT(allowed_private_networks), .kind = &kind_networks, .first = "[]",
     .count_offset = offsetof(struct settings, allowed_private_network_count)},
    {AT(collect_non_streamed), .kind = &kind_bool, .first = "true"},
    {AT(hide_prompt_enhance), .kind = &kind_bool, .first = "true"},
    {AT(models), .kind = &setting_models, .first = ""},
    {AT(sora_default_storage_quota_bytes), .kind = &kind_int, .first = "0", .max = MAX_BYTES},
    {AT(sora_s3_enabled), .kind = &kind_bool, .first = "false"},
    {AT(sora_s3_force_path_style), .kind = &kind_bool, .first = "false"},
    {AT(sora_s3_endpoint), .kind = &kind_text, .first = "", .max = 512, .check = check_url,
     .keep = keep_endpoint},
    {AT(sora_s3_region), .kind = &kind_text, .first = "us-east-1", .min = 1, .max = 64,
     .keep = keep_words},
    {AT(sora_s3_bucket), .kind = &kind_text, .first = "", .max = 255, .check = check_bucket},
    {AT(sora_s3_access_key_id), .kind = &kind_text, .first = "", .max = 256, .keep = keep_words},
    {AT(sora_s3_secret_access_key), .kind = &kind_secret, .first = "", .max = 512, .secret = true},
    {AT(sora_s3_prefix), .kind = &kind_text, .first = "", .max = 256, .check = check_prefix,
     .keep = keep_prefix},
    {AT(sora_s3_cdn_url), .kind = &kind_text, .first = "", .max = 512, .check = check_url},
    {AT(sora_s3_ca_pem), .kind = &kind_text, .first = "", .max = MAX_PEM, .check = check_pem},
    {AT(local_storage_enabled), .kind = &kind_bool, .first = "true"},
    {OF_UPLOADS(quota_enabled), .kind = &kind_bool, .first = "false"},
    {OF_UPLOADS(quota_bytes), .kind = &kind_int, .first = "1073741824", .max = MAX_BYTES},
    {OF_UPLOADS(image_max_bytes), .kind = &kind_int, .first = "10485760", .min = 1,
     .max = MAX_BYTES},
    {OF_UPLOADS(video_max_bytes), .kind = &kind_int, .first = "209715200", .min = 1,
     .max = MAX_BYTES},
    {OF_UPLOADS(max_pixels), .kind = &kind_int, .first = "50000000", .min = 1, .max = MAX_BYTES},
    {OF_UPLOADS(rules), .kind = &setting_upload_rules, .first = "[]"},
    {.key = "upload_extra_sub_types", .kind = &setting_upload_extras, .first = "[]"},
    {AT(metrics_token), .kind = &kind_secret, .first = "", .max = 256, .secret = true},
};

const struct setting *settings_table(size_t *ret_count)
{
    *ret_count = ARRAY_SIZE(table);
    return table;
}

const struct setting *settings_table_find(struct str key)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (str_eq(key, str_of(table[i].key)))
            return &table[i];
    }
    return NULL;
}
