/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/home.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cli/options.h"
#include "platform/file.h"

const char *home_data = "data", *home_database;

enum { PATH_BYTES = 4096 };

int home_fail(const struct err *err)
{
    const char *what = err->text[0] ? err->text : err->detail[0] ? err->detail : err->code;
    return options_fail("%s", what);
}

static int take_lock(struct home *h)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/kinora.lock", h->data_dir);
    h->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (h->lock_fd < 0)
        return options_fail("cannot write in the data folder %s: %m", h->data_dir);
    if (flock(h->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return options_fail("another server is running on the data folder %s", h->data_dir);
    return 0;
}

static int open_folder(struct home *h)
{
    struct err err = {0};
    h->data_dir = home_data;
    if (strlen(h->data_dir) > PATH_BYTES / 4)
        return options_fail("the data folder's path is too long");
    if (file_make_dirs(h->data_dir, 0700, &err) != OK)
        return options_fail("cannot make the data folder %s: %s", h->data_dir, err.detail);
    if (!file_dir_writable(h->data_dir))
        return options_fail("cannot write in the data folder %s", h->data_dir);
    return 0;
}

static int open_database(struct home *h)
{
    char path[PATH_BYTES];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/secret.keys", h->data_dir);
    if (key_ring_load(path, &h->keys, &err) != OK)
        return home_fail(&err);
    snprintf(path, sizeof(path), "%s/kinora.db", h->data_dir);
    if (db_open(home_database ? home_database : path, &h->db, &err) != OK)
        return home_fail(&err);
    return 0;
}

int home_open(struct home *h, bool lock)
{
    struct err err = {0};
    *h = (struct home){.lock_fd = -1};
    umask(0077);
    if (crypto_init(&err) != OK)
        return home_fail(&err);
    int status = open_folder(h);
    if (!status && lock)
        status = take_lock(h);
    if (!status)
        status = open_database(h);
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
