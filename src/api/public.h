/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* public — what the page may know before sign-in (ID-5). */
#include "base/json_out.h"
#include "service/app.h"

enum status public_settings_write(struct worker *w, struct json_out *j, struct err *err);
