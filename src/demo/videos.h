/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* videos — answers of the OpenAI Videos API. */
#include "demo/call.h"

void videos_present_job(struct call *c); /* of videos.create: c->job */
void videos_present_list(struct call *c);
/* make() of what names a job in its path: E_NOT_FOUND without it. */
enum status videos_find(struct call *c, struct err *err);
void videos_present_found(struct call *c);
void videos_present_content(struct call *c);
/* make(): the job ends and is forgotten. */
enum status videos_delete(struct call *c, struct err *err);
void videos_present_deleted(struct call *c);
