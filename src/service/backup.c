/* SPDX-License-Identifier: Apache-2.0 */
#include "service/backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json_out.h"
#include "kinora_version.h"
#include "media/local.h"
#include "platform/file.h"
#include "platform/migrate.h"
#include "service/backup_impl.h"
#include "store/inspection.h"

enum { JSON_BYTES = 64 << 10, PIECE_BYTES = 1 << 20, KEYS_PAGE = 500, PAGE_BYTES = 2 << 20 };

struct making {
    struct app *app;
    struct db_conn *db;
    struct archive_writer *out;
    struct arena *arena;
    struct buf record;
    const struct db_table *table;
    struct backup_facts facts;
};

static enum status add(struct making *m, enum backup_record type, struct err *err)
{
    if (buf_failed(&m->record))
        return err_set(err, E_NO_MEMORY, "no_memory");
    enum status status = archive_add(m->out, (char)type, buf_str(&m->record), err);
    buf_reset(&m->record);
    return status;
}

/* ---- what it is, and the keys */

static enum status add_head(struct making *m, bool media, struct err *err)
{
    char digest[MIGRATE_DIGEST_SIZE];
    struct json_out j;
    migrate_digest(embedded_sql_count, digest);
    json_out_init(&j, &m->record);
    json_object(&j);
    json_kv_int(&j, "format", BACKUP_FORMAT);
    json_kv_z(&j, "version", KINORA_VERSION);
    json_kv_int(&j, "created_at", m->facts.created_at);
    json_kv_z(&j, "engine", db_engine_of(m->app->db) == DB_POSTGRES ? "postgres" : "sqlite");
    json_kv_int(&j, "migrations", (int64_t)embedded_sql_count);
    json_kv_z(&j, "schema", digest);
    json_kv_bool(&j, "media", media);
    json_object_end(&j);
    return add(m, BACKUP_HEAD, err);
}

/* Those in force: of the environment, where they stand there, with commas between. */
static enum status add_keys(struct making *m, struct err *err)
{
    struct str given = str_of(getenv("KINORA_SECRET_KEYS")), keys;
    if (!given.n) {
        struct str path = arena_printf(m->arena, "%s/secret.keys", m->app->data_dir);
        TRY(file_read(path.p, BACKUP_KEYS_MAX, m->arena, &keys, err));
        buf_add(&m->record, keys);
    }
    while (given.n) {
        buf_add(&m->record, str_cut(&given, ','));
        buf_add_char(&m->record, '\n');
    }
    return add(m, BACKUP_KEYS, err);
}

/* ---- tables */

static void add_length(struct buf *out, size_t n)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_add_char(out, (char)(unsigned char)(n >> shift));
}

static enum status add_row(void *ctx, const struct db_rows *row, struct err *err)
{
    struct making *m = ctx;
    for (size_t i = 0; i < m->table->column_count; i++) {
        bool binary = m->table->binary[i];
        if (db_is_null(row, (int)i)) {
            buf_add_char(&m->record, BACKUP_NULL);
            continue;
        }
        struct str value = binary ? db_blob(row, (int)i) : db_text(row, (int)i);
        buf_add_char(&m->record, binary ? BACKUP_BINARY : BACKUP_TEXT);
        add_length(&m->record, value.n);
        buf_add(&m->record, value);
    }
    m->facts.rows++;
    return add(m, BACKUP_ROW, err);
}

static enum status add_table(struct making *m, const struct db_table *t, struct err *err)
{
    struct json_out j;
    int64_t before = m->facts.rows;
    m->table = t;
    json_out_init(&j, &m->record);
    json_object(&j);
    json_kv_str(&j, "name", t->name);
    json_key(&j, "columns");
    json_array(&j);
    for (size_t i = 0; i < t->column_count; i++)
        json_str(&j, t->columns[i]);
    json_array_end(&j);
    json_object_end(&j);
    TRY(add(m, BACKUP_TABLE, err));
    TRY(db_tables_read(m->db, t, m->arena, add_row, m, err));
    m->facts.tables++;
    json_out_init(&j, &m->record);
    json_object(&j);
    json_kv_int(&j, "rows", m->facts.rows - before);
    json_kv_int(&j, "last_id", t->last_id);
    json_object_end(&j);
    return add(m, BACKUP_TABLE_END, err);
}

static enum status add_tables(struct making *m, struct err *err)
{
    struct db_table *tables;
    size_t n;
    TRY(db_tables_list(m->db, m->arena, &tables, &n, err));
    for (size_t i = 0; i < n; i++)
        TRY(add_table(m, &tables[i], err));
    return OK;
}

/* ---- local files */

static enum status add_bytes(struct making *m, int fd, int64_t size, struct err *err)
{
    while (size > 0) {
        char *to = buf_reserve(&m->record, PIECE_BYTES);
        ssize_t n = to ? read(fd, to, (size_t)MIN(size, (int64_t)PIECE_BYTES)) : -1;
        if (n <= 0)
            return err_errno(err, "read a media file");
        buf_commit(&m->record, (size_t)n);
        TRY(add(m, BACKUP_BYTES, err));
        size -= n;
    }
    return OK;
}

static enum status add_file(struct making *m, struct str key, struct err *err)
{
    _cleanup_close_ int fd = -1;
    struct json_out j;
    int64_t size;
    enum status status = local_read(m->app->local, key, &fd, &size, err);
    if (status == E_NOT_FOUND) {
        m->facts.missing++;
        return OK;
    }
    TRY(status);
    json_out_init(&j, &m->record);
    json_object(&j);
    json_kv_str(&j, "key", key);
    json_kv_int(&j, "size", size);
    json_object_end(&j);
    TRY(add(m, BACKUP_FILE, err));
    m->facts.files++;
    return add_bytes(m, fd, size, err);
}

/* The folder that the files come to is then the one that their rows name. */
static enum status add_mark(struct making *m, struct err *err)
{
    char mark[UUID_SIZE];
    TRY(local_mark(m->app->local, mark, err));
    buf_add(&m->record, str_of(mark));
    return add(m, BACKUP_MARK, err);
}

static enum status add_files(struct making *m, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(PAGE_BYTES);
    struct inspected_object page[KEYS_PAGE];
    char after[1100] = "";
    size_t n;
    TRY(local_open(m->app->data_dir, &m->app->local, err));
    TRY(add_mark(m, err));
    do {
        arena_reset(a);
        TRY(inspection_objects(m->db, STORAGE_LOCAL, INSPECT_ALL_STORES, false, str_of(after), a,
                               page, KEYS_PAGE, &n, err));
        for (size_t i = 0; i < n; i++) {
            snprintf(after, sizeof(after), "%.*s", STR_ARG(page[i].key));
            if (!page[i].writing)
                TRY(add_file(m, page[i].key, err));
        }
    } while (n == KEYS_PAGE);
    return OK;
}

/* ---- all of it */

static enum status add_all(struct making *m, bool media, struct err *err)
{
    TRY(add_head(m, media, err));
    TRY(add_keys(m, err));
    TRY(migrate_check(m->db, err));
    TRY(add_tables(m, err));
    return media ? add_files(m, err) : OK;
}

enum status backup_make(struct app *app, struct db_conn *db, const char *path, bool media,
                        struct backup_facts *ret, struct err *err)
{
    struct making m = {.app = app,
                       .db = db,
                       .record = BUF_INIT(ARCHIVE_RECORD_MAX),
                       .facts = {.created_at = clock_wall_ms()}};
    TRY(archive_create(path, &m.out, err));
    m.arena = arena_new(BACKUP_ARENA);
    enum status status = db_snapshot_begin(db, err);
    if (status == OK)
        status = add_all(&m, media, err);
    db_snapshot_end(db);
    if (status == OK)
        status = archive_finish(m.out, &m.facts.bytes, err);
    else
        archive_abandon(m.out);
    buf_release(&m.record);
    arena_free(m.arena);
    local_close(app->local);
    app->local = NULL;
    *ret = m.facts;
    return status;
}
