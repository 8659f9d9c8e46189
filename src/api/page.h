/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* page — the embedded page: its files, and index.html for every view's address. */
#include "net/server.h"

void page_reply(struct exchange *x);
