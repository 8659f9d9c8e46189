/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* images — answers of the OpenAI Images API, given when the job has ended. */
#include "demo/call.h"

void images_present(struct call *c);
