/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* credentials — what counts as an e-mail address and as a password (SPEC ID-1). */
#include "base/arena.h"
#include "base/err.h"

enum { EMAIL_MAX = 254, PASSWORD_MIN = 8, PASSWORD_MAX = 256 };

/* local@domain in ASCII, at most EMAIL_MAX bytes; lower-cased into the arena.
 * E_INVALID, code "invalid_email", field "email". */
enum status credentials_email(struct str text, struct arena *a, struct str *ret, struct err *err);
/* PASSWORD_MIN to PASSWORD_MAX bytes.  E_INVALID, code "invalid_password", with the field. */
enum status credentials_password(struct str text, const char *field, struct err *err);
