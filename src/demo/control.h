/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* control — /_demo/: how tests look at the demo upstream and steer it.
 * The interface is docs/demo-upstream.md, "Control". */
#include "demo/call.h"

void control_state(struct call *c);
void control_requests(struct call *c);
void control_request(struct call *c);
void control_jobs(struct call *c);
void control_job(struct call *c);
void control_steer(struct call *c);
void control_faults(struct call *c);
void control_add_faults(struct call *c);
void control_clear_faults(struct call *c);
void control_remove_fault(struct call *c);
void control_release(struct call *c);
void control_settings(struct call *c);
void control_reset(struct call *c);
