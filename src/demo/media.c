/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/media.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "platform/crypto.h"
#include "platform/file.h"

enum { NAME_BYTES = 16, CAPTION_KEPT = 2000, PATH_SIZE = 4096 };

struct media_store {
    struct loop *loop;
    struct workers *workers;
    size_t threads, busy;
    char *dir;
    bool temporary;
    uint64_t renders;
    struct list all, todo;
    struct list idle; /* unused ones, the longest unused first */
    size_t idle_count;
};

struct media {
    struct list link, place; /* place: in todo or idle */
    struct media_store *store;
    int refs;
    enum media_state state;
    struct render_order order;
    char *caption;
    char name[2 * NAME_BYTES + 1];
    char etag[2 * NAME_BYTES + 3];
    struct list waiters;
    struct work work;
    struct task done;
    /* What the worker leaves for the loop. */
    void *map;
    size_t size;
    bool drawn;
};

static void path_of(const struct media *m, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s%s", m->store->dir, m->name, render_suffix(m->order.format));
}

static void name_of(const struct render_order *o, char out[2 * NAME_BYTES + 1])
{
    unsigned char digest[SHA256_SIZE];
    struct buf text = BUF_INIT(CAPTION_KEPT + 200);

    buf_addf(&text, "%d %dx%d %d %d %llu ", (int)o->spec.kind, o->spec.width, o->spec.height,
             o->spec.seconds, (int)o->format, (unsigned long long)o->seed);
    buf_add(&text, o->caption);
    crypto_sha256(buf_str(&text), digest);
    buf_release(&text);
    hex_encode(digest, NAME_BYTES, out);
}

static enum status make_dir(struct media_store *store, struct str dir, struct err *err)
{
    const char *parent = getenv("TMPDIR");
    char made[PATH_SIZE];

    if (dir.n) {
        store->dir = mem_strndup(dir.p, dir.n);
        return file_make_dirs(store->dir, 0700, err);
    }
    snprintf(made, sizeof(made), "%s/kinora-demo-XXXXXX", parent && *parent ? parent : "/tmp");
    if (!mkdtemp(made))
        return err_errno(err, "mkdtemp");
    store->dir = mem_strdup(made);
    store->temporary = true;
    return OK;
}

enum status media_store_new(struct loop *loop, struct workers *workers, int threads, struct str dir,
                            struct media_store **ret, struct err *err)
{
    struct media_store *store = mem_zalloc(sizeof(*store));

    store->loop = loop;
    store->workers = workers;
    store->threads = (size_t)threads;
    list_init(&store->all);
    list_init(&store->todo);
    list_init(&store->idle);
    enum status status = make_dir(store, dir, err);
    if (status == OK)
        *ret = store;
    else
        media_store_free(store);
    return status;
}

uint64_t media_renders(const struct media_store *store)
{
    return store->renders;
}

static void destroy(struct media *m)
{
    list_remove(&m->link);
    list_remove(&m->place);
    if (m->map)
        munmap(m->map, m->size);
    free(m->caption);
    free(m);
}

static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);

    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(dir);
}

void media_store_free(struct media_store *store)
{
    if (!store)
        return;
    LIST_EACH(node, &store->all)
    destroy(CONTAINER_OF(node, struct media, link));
    if (store->temporary)
        remove_dir(store->dir);
    free(store->dir);
    free(store);
}

static bool map_file(struct media *m, const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) || st.st_size <= 0)
        return false;
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED)
        return false;
    m->map = map;
    m->size = (size_t)st.st_size;
    return true;
}

static void make_etag(struct media *m)
{
    unsigned char digest[SHA256_SIZE];

    crypto_sha256((struct str){m->map, m->size}, digest);
    m->etag[0] = '"';
    hex_encode(digest, NAME_BYTES, m->etag + 1);
    m->etag[2 * NAME_BYTES + 1] = '"';
}

static void run(struct work *work, void *thread_state)
{
    struct media *m = CONTAINER_OF(work, struct media, work);
    struct err err = {.status = OK};
    char path[PATH_SIZE];

    (void)thread_state;
    path_of(m, path);
    if (!map_file(m, path)) {
        m->drawn = render_draw(&m->order, path, &err) == OK;
        if (!m->drawn)
            log_error("cannot draw", LOG_Z("why", err.text), LOG_Z("detail", err.detail));
        else
            map_file(m, path);
    }
    if (m->map)
        make_etag(m);
    loop_post(m->store->loop, &m->done);
}

static void start_waiting(struct media_store *store)
{
    while (store->busy < store->threads && !list_empty(&store->todo)) {
        struct media *m = CONTAINER_OF(store->todo.next, struct media, place);
        if (!workers_submit(store->workers, &m->work))
            return;
        list_remove(&m->place);
        store->busy++;
    }
}

static void evict(struct media_store *store)
{
    char path[PATH_SIZE];

    while (store->idle_count > MEDIA_IDLE) {
        struct media *m = CONTAINER_OF(store->idle.next, struct media, place);
        path_of(m, path);
        unlink(path);
        store->idle_count--;
        destroy(m);
    }
}

static void rest(struct media *m)
{
    if (m->state != MEDIA_READY) {
        destroy(m);
        return;
    }
    list_push_back(&m->store->idle, &m->place);
    m->store->idle_count++;
    evict(m->store);
}

static void on_drawn(struct task *t)
{
    struct media *m = CONTAINER_OF(t, struct media, done);
    struct media_store *store = m->store;

    store->busy--;
    store->renders += m->drawn;
    m->state = m->map ? MEDIA_READY : MEDIA_FAILED;
    for (struct list *node; (node = list_pop_front(&m->waiters));) {
        struct media_waiter *w = CONTAINER_OF(node, struct media_waiter, link);
        w->fn(w);
    }
    media_unref(m); /* the worker's */
    start_waiting(store);
}

static struct media *find(struct media_store *store, const char *name, enum render_format format)
{
    LIST_EACH(node, &store->all)
    {
        struct media *m = CONTAINER_OF(node, struct media, link);
        if (m->order.format == format && !strcmp(m->name, name) && m->state != MEDIA_FAILED)
            return m;
    }
    return NULL;
}

static struct media *start(struct media_store *store, const struct render_order *o,
                           const char *name)
{
    struct media *m = mem_zalloc(sizeof(*m));

    m->store = store;
    m->refs = 1; /* the worker's */
    m->order = *o;
    m->caption = mem_strndup(o->caption.p, o->caption.n);
    m->order.caption = (struct str){m->caption, o->caption.n};
    memcpy(m->name, name, sizeof(m->name));
    m->work.run = run;
    m->done.fn = on_drawn;
    list_init(&m->waiters);
    list_push_back(&store->all, &m->link);
    list_push_back(&store->todo, &m->place);
    return m;
}

struct media *media_want(struct media_store *store, const struct render_order *order)
{
    struct render_order o = *order;
    char name[2 * NAME_BYTES + 1];

    o.caption = str_to(o.caption.p ? o.caption : STR(""), CAPTION_KEPT);
    name_of(&o, name);
    struct media *m = find(store, name, o.format);
    if (!m)
        m = start(store, &o, name);
    else if (m->refs == 0) {
        list_remove(&m->place);
        store->idle_count--;
    }
    m->refs++;
    start_waiting(store);
    return m;
}

struct media *media_ref(struct media *m)
{
    m->refs++;
    return m;
}

/* Only the worker's reference is left, and no worker has it yet. */
static bool nobody_waits(const struct media *m)
{
    return m->refs == 1 && m->state == MEDIA_PENDING && !list_empty(&m->place);
}

void media_unref(struct media *m)
{
    if (!m)
        return;
    if (--m->refs == 0)
        rest(m);
    else if (nobody_waits(m))
        destroy(m);
}

enum media_state media_state(const struct media *m)
{
    return m->state;
}

void media_wait(struct media *m, struct media_waiter *w)
{
    list_push_back(&m->waiters, &w->link);
}

struct str media_bytes(const struct media *m)
{
    return (struct str){m->map, m->size};
}

struct str media_etag(const struct media *m)
{
    return str_of(m->etag);
}

const char *media_type(const struct media *m)
{
    static const char *const types[] = {"video/mp4", "image/png", "image/webp"};

    return types[m->order.format];
}
