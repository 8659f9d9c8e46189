/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What backup.c (making one) and restore.c (reading it) know of each other. */
#include "platform/archive.h"
#include "platform/db_tables.h"
#include "service/backup.h"

enum { BACKUP_FORMAT = 1, BACKUP_ARENA = 16 << 20, BACKUP_KEYS_MAX = 64 << 10 };

enum backup_record {
    BACKUP_HEAD = 'H',
    BACKUP_KEYS = 'K',
    BACKUP_TABLE = 'T',
    BACKUP_ROW = 'R',
    BACKUP_TABLE_END = 'S',
    BACKUP_MARK = 'M',
    BACKUP_FILE = 'F',
    BACKUP_BYTES = 'D',
};
/* A row is for each column a tag and, but for 'n', 4 bytes of length, the highest first, and the
 * bytes. */
enum { BACKUP_NULL = 'n', BACKUP_TEXT = 't', BACKUP_BINARY = 'b' };
