/* SPDX-License-Identifier: Apache-2.0 */
/* A folder is read as often as it takes to give its names in order, the next few thousand each
 * time: its order on the disk is any, and a folder of a million names must not be held whole.
 *
 * A folder's name is compared with the slash that stands behind it in the keys: "a-b" comes before
 * "a/b", and so before the folder "a". */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "media/local_impl.h"

enum { DEPTH_MAX = 16, BATCH = 4096, PATH_MAX_BYTES = LOCAL_ROOT_MAX + LOCAL_KEY_MAX };

struct walk {
    struct local_store *store;
    local_each_fn *fn;
    void *ctx;
};

/* The least names of a folder behind one; twice as many while they are looked for. */
struct names {
    char *name[2 * BATCH];
    size_t count;
};

static void names_free(struct names *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->count; i++)
        free(n->name[i]);
    free(n);
}
DEFINE_CLEANUP(struct names, names_free)

static void closedirp(DIR **d)
{
    if (*d)
        closedir(*d);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void keep_least(struct names *n)
{
    qsort(n->name, n->count, sizeof(n->name[0]), by_bytes);
    while (n->count > BATCH)
        free(n->name[--n->count]);
}

static bool is_folder(const char *path, const struct dirent *e)
{
    char child[PATH_MAX_BYTES + 256];
    struct stat st;
    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    snprintf(child, sizeof(child), "%s/%s", path, e->d_name);
    return lstat(child, &st) == 0 && S_ISDIR(st.st_mode);
}

/* after: the last name that was given, or "". */
static enum status read_names(const char *path, const char *after, struct names *ret,
                              struct err *err)
{
    _cleanup_(closedirp) DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? OK : err_errno(err, "list the media folder");
    for (struct dirent *e; (e = readdir(dir));) {
        char name[256 + 2];
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s%s", e->d_name, is_folder(path, e) ? "/" : "");
        if (strcmp(name, after) <= 0)
            continue;
        ret->name[ret->count++] = mem_strdup(name);
        if (ret->count == ARRAY_SIZE(ret->name))
            keep_least(ret);
    }
    keep_least(ret);
    return OK;
}

static enum status give_file(struct walk *w, const char *path, struct err *err)
{
    struct stat st;
    struct local_file file = {.key = str_of(path + strlen(w->store->root) + 1)};
    if (!local_is_safe_key(file.key))
        return OK;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? OK : err_errno(err, "stat a media file");
    file.size = st.st_size;
    file.modified_ms = st.st_mtim.tv_sec * CLOCK_SECOND_MS + st.st_mtim.tv_nsec / 1000000;
    return w->fn(w->ctx, &file, err);
}

static enum status walk_folder(struct walk *w, const char *path, int depth, struct err *err);

static enum status give(struct walk *w, const char *path, const char *name, int depth,
                        struct err *err)
{
    char child[PATH_MAX_BYTES];
    size_t n = strlen(name);
    bool folder = name[n - 1] == '/';
    int length = snprintf(child, sizeof(child), "%s/%.*s", path, (int)(folder ? n - 1 : n), name);
    if ((size_t)length >= sizeof(child))
        return OK; /* no key is so long */
    if (!folder)
        return give_file(w, child, err);
    return depth < DEPTH_MAX ? walk_folder(w, child, depth + 1, err) : OK;
}

static enum status walk_folder(struct walk *w, const char *path, int depth, struct err *err)
{
    char after[256 + 2] = "";
    for (bool more = true; more;) {
        _cleanup_(names_freep) struct names *names = mem_zalloc(sizeof(*names));
        TRY(read_names(path, after, names, err));
        for (size_t i = 0; i < names->count; i++)
            TRY(give(w, path, names->name[i], depth, err));
        more = names->count == BATCH;
        if (more)
            snprintf(after, sizeof(after), "%s", names->name[BATCH - 1]);
    }
    return OK;
}

enum status local_each(struct local_store *s, local_each_fn *fn, void *ctx, struct err *err)
{
    struct walk w = {s, fn, ctx};
    return walk_folder(&w, s->root, 0, err);
}
