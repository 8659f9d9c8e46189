/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/home.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/options.h"
#include "platform/file.h"
#include "service/secrets.h"

const char *home_data = "data", *home_database;

enum { PATH_BYTES = 4096, TURN_MS = 30000 };

int home_fail(const struct err *err)
{
    const char *what = err->text[0] ? err->text : err->detail[0] ? err->detail : err->code;
    return options_fail("%s", what);
}

/* ---- the lock
 *
 * Three bytes of kinora.lock, by fcntl(2): such a lock tells who holds it and ends with its
 * process, however that ends.  Servers that were replaced share the third. */

enum lock_byte { BYTE_SERVER, BYTE_REPLACING, BYTE_LEAVING };

/* 0: ours now; else the process that has it, or -1 when that cannot be told. */
static int lock_byte(int fd, enum lock_byte byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    struct flock other = lock;
    if (fcntl(fd, F_SETLK, &lock) == 0)
        return 0;
    if (fcntl(fd, F_GETLK, &other) != 0 || other.l_type == F_UNLCK || other.l_pid <= 0)
        return -1;
    return other.l_pid;
}

static bool set_byte(int fd, enum lock_byte byte, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, F_SETLK, &lock) == 0;
}

static void unlock_byte(int fd, enum lock_byte byte)
{
    set_byte(fd, byte, F_UNLCK);
}

/* One replaces after the other: until the one before has taken over. */
static bool wait_turn(int fd)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000000L};
    for (int64_t until = clock_mono_ms() + TURN_MS; clock_mono_ms() < until;) {
        if (lock_byte(fd, BYTE_REPLACING) == 0)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static int take_lock(struct home *h, enum home_use use)
{
    char path[PATH_BYTES];
    bool replace = use == HOME_REPLACE;
    snprintf(path, sizeof(path), "%s/kinora.lock", h->data_dir);
    h->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (h->lock_fd < 0)
        return options_fail("cannot write in the data folder %s: %m", h->data_dir);
    /* Also for a server that replaces none: it must not come between the end of the old one
     * and the newcomer. */
    if (replace ? !wait_turn(h->lock_fd) : lock_byte(h->lock_fd, BYTE_REPLACING) != 0)
        return options_fail("another server is about to replace the one on %s", h->data_dir);
    h->old_pid = lock_byte(h->lock_fd, BYTE_SERVER);
    if (h->old_pid == 0)
        unlock_byte(h->lock_fd, BYTE_REPLACING);
    if (h->old_pid < 0 || (h->old_pid > 0 && !replace))
        return options_fail("another server is running on the data folder %s", h->data_dir);
    if (use == HOME_FILL && lock_byte(h->lock_fd, BYTE_LEAVING) != 0)
        return options_fail("a server that was replaced still ends its calls on the data folder %s",
                            h->data_dir);
    return 0;
}

bool home_inherit(struct home *h)
{
    if (h->old_pid > 0 && lock_byte(h->lock_fd, BYTE_SERVER) == 0) {
        unlock_byte(h->lock_fd, BYTE_REPLACING);
        h->old_pid = 0;
    }
    return h->old_pid == 0;
}

bool home_hand_on(struct home *h)
{
    if (!set_byte(h->lock_fd, BYTE_LEAVING, F_RDLCK))
        return false;
    unlock_byte(h->lock_fd, BYTE_SERVER);
    return true;
}

bool home_is_alone(const struct home *h)
{
    struct flock other = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = BYTE_LEAVING, .l_len = 1};
    return fcntl(h->lock_fd, F_GETLK, &other) == 0 && other.l_type == F_UNLCK;
}

/* If it has died since we looked, its number may be somebody else's by now. */
void home_ask_old(struct home *h)
{
    if (!home_inherit(h))
        kill(h->old_pid, SIGUSR2);
}

/* ---- opening */

static int open_folder(struct home *h, enum home_use use)
{
    struct err err = {0};
    h->data_dir = home_data;
    if (strlen(h->data_dir) > PATH_BYTES / 4)
        return options_fail("the data folder's path is too long");
    if (use == HOME_LOOK)
        return access(h->data_dir, R_OK | X_OK) == 0
                   ? 0
                   : options_fail("cannot read the data folder %s: %m", h->data_dir);
    if (file_make_dirs(h->data_dir, 0700, &err) != OK)
        return options_fail("cannot make the data folder %s: %s", h->data_dir, err.detail);
    if (!file_dir_writable(h->data_dir))
        return options_fail("cannot write in the data folder %s", h->data_dir);
    return 0;
}

/* New keys beside secrets that were sealed with others would make them unreadable for good, and
 * nobody would hear of it before the first of them is needed. */
static int check_no_secrets(struct home *h, const char *path)
{
    struct err err = {0};
    size_t sealed = 0;
    struct db_conn *db = db_conn_new(h->db);
    enum status status = secrets_count(db, &sealed, &err);
    db_conn_free(db);
    if (status != OK)
        return home_fail(&err);
    if (sealed == 0)
        return 0;
    return options_fail("the key file %s is missing, and %zu secrets in the database are sealed "
                        "with it: put it back, from a backup or from another server of this "
                        "database, or give its lines in KINORA_SECRET_KEYS",
                        path, sealed);
}

static int open_keys(struct home *h, enum home_use use)
{
    char path[PATH_BYTES];
    struct err err = {0};
    const char *given = getenv("KINORA_SECRET_KEYS");
    snprintf(path, sizeof(path), "%s/secret.keys", h->data_dir);
    bool missing = !(given && given[0]) && access(path, F_OK) < 0 && errno == ENOENT;
    if (missing && use == HOME_LOOK)
        return 0;
    int status = missing ? check_no_secrets(h, path) : 0;
    if (!status && key_ring_load(path, &h->keys, &err) != OK)
        status = home_fail(&err);
    return status;
}

static int open_database(struct home *h, enum home_use use)
{
    char path[PATH_BYTES];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/kinora.db", h->data_dir);
    const char *where = home_database ? home_database : path;
    bool url = strstr(where, "://") != NULL;
    if (url && strncmp(where, "postgres", strlen("postgres")) != 0)
        return options_fail("--database takes a postgres:// address");
    if (!url && use == HOME_LOOK && access(where, F_OK) < 0)
        return options_fail("there is no database %s: %m", where);
    if (db_open(where, &h->db, &err) != OK)
        return home_fail(&err);
    return 0;
}

int home_open(struct home *h, enum home_use use)
{
    struct err err = {0};
    *h = (struct home){.lock_fd = -1};
    umask(0077);
    if (crypto_init(&err) != OK)
        return home_fail(&err);
    int status = open_folder(h, use);
    if (!status && use != HOME_VISIT && use != HOME_LOOK)
        status = take_lock(h, use);
    if (!status)
        status = open_database(h, use);
    if (!status && use != HOME_FILL)
        status = open_keys(h, use);
    if (status)
        home_close(h);
    return status;
}

void home_close(struct home *h)
{
    if (h->db)
        db_close(h->db);
    key_ring_free(h->keys);
    if (h->lock_fd >= 0)
        close(h->lock_fd);
    *h = (struct home){.lock_fd = -1};
}
