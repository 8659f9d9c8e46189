/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "media/local.h"
#include "platform/file.h"
#include "platform/json_in.h"
#include "platform/migrate.h"
#include "service/backup_impl.h"

/* One pass over the file.  The first only looks (db NULL), the second writes. */
struct reading {
    struct app *app;
    struct db_conn *db; /* NULL: nothing is written */
    struct arena *arena;
    struct backup_facts facts;
    bool begun;
    /* The table that is being read. */
    struct db_table table;
    const char *insert;
    int64_t table_rows;
    bool in_table;
    bool left_out; /* its rows are counted, and not put */
    /* The file. */
    struct local_writer *file;
    int64_t file_left;
};

static enum status damaged(struct err *err)
{
    return err_say(err, E_INVALID, "backup_damaged",
                   "the backup is damaged: it contradicts itself");
}

/* ---- what it is */

static enum status judge_head(struct reading *r, struct json head, struct err *err)
{
    char digest[MIGRATE_DIGEST_SIZE];
    int64_t count = json_int_or(json_get(head, "migrations"), -1);
    if (json_int_or(json_get(head, "format"), 0) > BACKUP_FORMAT ||
        count > (int64_t)embedded_sql_count)
        return err_say(err, E_CONFLICT, "database_newer",
                       "the backup was made by a newer program: version %.*s",
                       STR_ARG(json_str_or(json_get(head, "version"), STR("unknown"))));
    if (count < 1)
        return damaged(err);
    migrate_digest((size_t)count, digest);
    if (!str_eq(json_str_or(json_get(head, "schema"), STR("")), str_of(digest)))
        return err_say(err, E_CONFLICT, "migration_changed",
                       "the backup's tables are not those of this program");
    r->facts.migrations = (size_t)count;
    r->facts.created_at = json_int_or(json_get(head, "created_at"), 0);
    return OK;
}

/* Migrations put rows of their own, which are in the backup too. */
static enum status make_tables(struct reading *r, struct err *err)
{
    struct db_table *tables;
    size_t n;
    TRY(migrate_begin_with(r->db, r->facts.migrations, err));
    TRY(db_tables_begin_load(r->db, err));
    TRY(db_tables_list(r->db, r->arena, &tables, &n, err));
    while (n-- > 0)
        TRY(db_tables_clear(r->db, &tables[n], r->arena, err));
    return OK;
}

static enum status read_head(struct reading *r, struct str text, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    if (r->begun || json_parse(text, &doc, NULL) != OK)
        return damaged(err);
    r->begun = true;
    TRY(judge_head(r, json_root(doc), err));
    return r->db ? make_tables(r, err) : OK;
}

/* Another key file that stands there is somebody's. */
static enum status read_keys(struct reading *r, struct str keys, struct err *err)
{
    struct str there;
    if (!r->db || !keys.n)
        return OK;
    struct str path = arena_printf(r->arena, "%s/secret.keys", r->app->data_dir);
    enum status status = file_read(path.p, BACKUP_KEYS_MAX, r->arena, &there, err);
    if (status == OK)
        return str_eq(there, keys)
                   ? OK
                   : err_say(err, E_CONFLICT, "target_in_use",
                             "%.*s is there already, and is not that of the backup", STR_ARG(path));
    return status == E_NOT_FOUND ? file_write_atomic(path.p, keys, 0600, err) : status;
}

/* ---- tables */

/* Names become SQL: only plain ones. */
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return s.n > 0 && s.n < 64;
}

static enum status read_table(struct reading *r, struct str text, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    if (r->in_table || json_parse(text, &doc, NULL) != OK)
        return damaged(err);
    struct json columns = json_get(json_root(doc), "columns");
    struct str name = json_str_or(json_get(json_root(doc), "name"), STR(""));
    r->table = (struct db_table){.name = arena_str(r->arena, name),
                                 .column_count = json_size(columns)};
    if (!is_name(name) || r->table.column_count > DB_COLUMNS_MAX)
        return damaged(err);
    for (size_t i = 0; i < r->table.column_count; i++) {
        struct str column = json_str_or(json_at(columns, i), STR(""));
        if (!is_name(column))
            return damaged(err);
        r->table.numbered = r->table.numbered || str_eq(column, STR("id"));
        r->table.columns[i] = arena_str(r->arena, column);
    }
    r->in_table = true;
    /* What servers were running there: none of them is here. */
    r->left_out = !r->db || str_eq(name, STR("nodes"));
    r->table_rows = 0;
    r->insert = db_tables_insert_text(&r->table, r->arena);
    return r->insert ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

static bool read_value(struct str *row, struct db_param *ret)
{
    if (!row->n)
        return false;
    char tag = row->p[0];
    *row = str_from(*row, 1);
    *ret = P_NULL;
    if (tag == BACKUP_NULL)
        return true;
    if (row->n < 4 || (tag != BACKUP_TEXT && tag != BACKUP_BINARY))
        return false;
    size_t n = 0;
    for (size_t i = 0; i < 4; i++)
        n = n << 8 | (unsigned char)row->p[i];
    *row = str_from(*row, 4);
    if (row->n < n)
        return false;
    *ret = tag == BACKUP_TEXT ? P_STR(str_to(*row, n)) : P_BLOB(str_to(*row, n));
    *row = str_from(*row, n);
    return true;
}

static enum status read_row(struct reading *r, struct str row, struct err *err)
{
    struct db_param values[DB_COLUMNS_MAX];
    if (!r->in_table)
        return damaged(err);
    for (size_t i = 0; i < r->table.column_count; i++) {
        if (!read_value(&row, &values[i]))
            return damaged(err);
    }
    if (row.n)
        return damaged(err);
    r->facts.rows++;
    r->table_rows++;
    return r->left_out ? OK
                       : db_tables_insert(r->db, r->insert, values, r->table.column_count, err);
}

static enum status end_table(struct reading *r, struct str text, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    if (!r->in_table || json_parse(text, &doc, NULL) != OK ||
        json_int_or(json_get(json_root(doc), "rows"), -1) != r->table_rows)
        return damaged(err);
    r->in_table = false;
    r->facts.tables++;
    r->table.last_id = json_int_or(json_get(json_root(doc), "last_id"), 0);
    return r->db ? db_tables_set_last(r->db, &r->table, err) : OK;
}

/* ---- local files */

static enum status end_file(struct reading *r, struct err *err)
{
    struct local_writer *file = r->file;
    if (r->file_left)
        return damaged(err);
    r->file = NULL;
    return file ? local_finish(file, err) : OK;
}

static enum status read_file(struct reading *r, struct str text, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    TRY(end_file(r, err));
    if (json_parse(text, &doc, NULL) != OK)
        return damaged(err);
    r->file_left = json_int_or(json_get(json_root(doc), "size"), -1);
    if (r->file_left < 0)
        return damaged(err);
    r->facts.files++;
    struct str key = json_str_or(json_get(json_root(doc), "key"), STR(""));
    /* What stands under the name may be all that is left of it, if we die here. */
    return r->db ? local_replace(r->app->local, key, &r->file, err) : OK;
}

static enum status read_bytes(struct reading *r, struct str bytes, struct err *err)
{
    if ((int64_t)bytes.n > r->file_left)
        return damaged(err);
    r->file_left -= (int64_t)bytes.n;
    return r->file ? local_write(r->file, bytes, err) : OK;
}

/* ---- all of it */

static enum status read_record(struct reading *r, char type, struct str payload, struct err *err)
{
    if (!r->begun && type != BACKUP_HEAD)
        return damaged(err);
    switch ((enum backup_record)type) {
    case BACKUP_HEAD:
        return read_head(r, payload, err);
    case BACKUP_KEYS:
        return read_keys(r, payload, err);
    case BACKUP_TABLE:
        return read_table(r, payload, err);
    case BACKUP_ROW:
        return read_row(r, payload, err);
    case BACKUP_TABLE_END:
        return end_table(r, payload, err);
    case BACKUP_MARK:
        return r->db ? local_set_mark(r->app->local, payload, err) : OK;
    case BACKUP_FILE:
        return read_file(r, payload, err);
    case BACKUP_BYTES:
        return read_bytes(r, payload, err);
    }
    return damaged(err);
}

static enum status read_all(struct reading *r, const char *path, struct err *err)
{
    _cleanup_(archive_closep) struct archive_reader *archive = NULL;
    struct str payload;
    char type;
    TRY(archive_open(path, &archive, err));
    for (;;) {
        TRY(archive_next(archive, &type, &payload, err));
        if (type == ARCHIVE_END)
            break;
        TRY(read_record(r, type, payload, err));
        r->facts.bytes += (int64_t)payload.n;
    }
    TRY(end_file(r, err));
    return r->begun && !r->in_table ? OK : damaged(err);
}

enum status backup_verify(const char *path, struct backup_facts *ret, struct err *err)
{
    struct reading r = {.arena = arena_new(BACKUP_ARENA)};
    enum status status = read_all(&r, path, err);
    arena_free(r.arena);
    *ret = r.facts;
    return status;
}

static enum status load(struct reading *r, const char *path, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = r->db;
    bool begun;
    TRY(migrate_begun(tx, &begun, err));
    if (begun)
        return err_say(err, E_CONFLICT, "target_in_use",
                       "the database is in use: a backup is restored into an empty one only");
    TRY(db_begin(tx, err));
    TRY(read_all(r, path, err));
    return db_commit(tx, err);
}

/* Tables of an older program are brought up to this one's when the rows are safe. */
enum status backup_restore(struct app *app, struct db_conn *db, const char *path,
                           struct backup_facts *ret, struct err *err)
{
    struct reading r = {.app = app, .db = db, .arena = arena_new(BACKUP_ARENA)};
    enum status status = local_open(app->data_dir, &app->local, err);
    if (status == OK)
        status = load(&r, path, err);
    if (status == OK)
        status = migrate_run(db, NULL, err);
    local_abandon(r.file);
    local_close(app->local);
    app->local = NULL;
    arena_free(r.arena);
    *ret = r.facts;
    return status;
}
