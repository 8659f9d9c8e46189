/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* chat — answers of the chat dialect: a stream that tells the progress, or one document. */
#include "demo/call.h"

void chat_present(struct call *c);
void chat_present_models(struct call *c);
