/* SPDX-License-Identifier: Apache-2.0 */
#include <magic.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "platform/media_probe.h"

static const char unknown_type[] = "application/octet-stream";

/* A type's first row has the ending it gets; further rows are other names for it. */
static const struct {
    const char *type, *extension;
} types[] = {
    {"image/jpeg", "jpg"},       {"image/jpeg", "jpeg"},       {"image/png", "png"},
    {"image/webp", "webp"},      {"image/gif", "gif"},         {"video/mp4", "mp4"},
    {"video/mp4", "m4v"},        {"video/webm", "webm"},       {"video/quicktime", "mov"},
    {"image/avif", "avif"},      {"image/heic", "heic"},       {"image/bmp", "bmp"},
    {"image/tiff", "tiff"},      {"image/tiff", "tif"},        {"image/svg+xml", "svg"},
    {"video/x-matroska", "mkv"}, {"video/x-msvideo", "avi"},   {"video/mpeg", "mpg"},
    {"video/mp2t", "ts"},        {"video/3gpp", "3gp"},        {"audio/mpeg", "mp3"},
    {"audio/mp4", "m4a"},        {"audio/ogg", "ogg"},         {"audio/x-wav", "wav"},
    {"audio/flac", "flac"},      {"text/html", "html"},        {"text/plain", "txt"},
    {"text/xml", "xml"},         {"application/json", "json"}, {"application/pdf", "pdf"},
    {"application/zip", "zip"},  {"application/gzip", "gz"},
};

/* --- signatures ---------------------------------------------------------- */

/* ISO base media (ISO/IEC 14496-12 4.3): a box "ftyp" whose first word is the brand. */
static const char *type_of_brand(struct str brand)
{
    static const struct {
        struct str brand;
        const char *type;
    } brands[] = {
        {{"qt  ", 4}, "video/quicktime"}, {{"avif", 4}, "image/avif"}, {{"avis", 4}, "image/avif"},
        {{"heic", 4}, "image/heic"},      {{"heix", 4}, "image/heic"}, {{"mif1", 4}, "image/heic"},
        {{"M4A ", 4}, "audio/mp4"},       {{"M4B ", 4}, "audio/mp4"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(brands); i++) {
        if (str_eq(brand, brands[i].brand))
            return brands[i].type;
    }
    return str_starts(brand, STR("3gp")) ? "video/3gpp" : "video/mp4";
}

/* QuickTime from before "ftyp" begins with one of these boxes. */
static const char *type_of_box(struct str head)
{
    static const struct str old[] = {{"moov", 4}, {"mdat", 4}, {"wide", 4}};
    struct str kind = str_to(str_from(head, 4), 4);
    if (str_eq(kind, STR("ftyp")) && head.n >= 12)
        return type_of_brand(str_to(str_from(head, 8), 4));
    for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
        if (str_eq(kind, old[i]))
            return "video/quicktime";
    }
    return NULL;
}

/* Matroska and WebM share EBML's signature; the document type stands in its header. */
static const char *type_of_ebml(struct str head)
{
    return str_find(str_to(head, 128), STR("webm")) >= 0 ? "video/webm" : "video/x-matroska";
}

static const char *type_of_signature(struct str head)
{
    if (str_starts(head, STR("\xff\xd8\xff")))
        return "image/jpeg";
    if (str_starts(head, STR("\x89PNG\r\n\x1a\n")))
        return "image/png";
    if (str_starts(head, STR("GIF87a")) || str_starts(head, STR("GIF89a")))
        return "image/gif";
    if (str_starts(head, STR("RIFF")) && str_eq(str_to(str_from(head, 8), 4), STR("WEBP")))
        return "image/webp";
    if (str_starts(head, STR("\x1a\x45\xdf\xa3")))
        return type_of_ebml(head);
    return type_of_box(head);
}

/* --- everything else ----------------------------------------------------- */

static const char *constant_of(struct str type)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (str_eq(str_of(types[i].type), type))
            return types[i].type;
    }
    return unknown_type;
}

/* One for the process, loaded at its first use: a copy for each thread would cost
 * megabytes, and whoever asks here is about to refuse the file. */
static const char *type_of_magic(struct str head)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static magic_t magic;
    const char *type = NULL;
    pthread_mutex_lock(&lock);
    if (!magic) {
        magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS);
        if (magic && magic_load(magic, NULL) != 0) {
            magic_close(magic);
            magic = NULL;
        }
    }
    if (magic)
        type = magic_buffer(magic, head.p, head.n);
    type = type ? constant_of(str_of(type)) : unknown_type;
    pthread_mutex_unlock(&lock);
    return type;
}

const char *media_type_sniff(struct str head)
{
    if (!head.n)
        return unknown_type;
    head = str_to(head, 4096);
    const char *type = type_of_signature(head);
    return type ? type : type_of_magic(head);
}

bool media_type_is_picture(const char *type)
{
    return str_starts(str_of(type), STR("image/")) && !str_starts(str_of(type), STR("image/svg"));
}

bool media_type_is_video(const char *type)
{
    return str_starts(str_of(type), STR("video/"));
}

const char *media_type_extension(const char *type)
{
    struct str rest = str_of(type);
    struct str bare = str_trim(str_cut(&rest, ';'));
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (str_eq_ci(bare, str_of(types[i].type)))
            return types[i].extension;
    }
    return "bin";
}

const char *media_type_by_name(struct str name)
{
    const char *dot = name.n ? memrchr(name.p, '.', name.n) : NULL;
    if (!dot)
        return NULL;
    struct str ending = str_from(name, (size_t)(dot - name.p) + 1);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (str_eq_ci(ending, str_of(types[i].extension)))
            return types[i].type;
    }
    return NULL;
}
