/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* canned — the answer that a rule gives in the handler's place. */
#include "demo/call.h"

/* c->fault has to be one (fault_is_canned). */
void canned_send(struct call *c);
