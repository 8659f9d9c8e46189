/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* caption — breaks a prompt into the few lines that fit on a picture.  Pure. */
#include "base/buf.h"

/* Appends at most max_lines lines, joined by LF, each at most width thousandths of an em
 * wide (a wide character counts 1000, a Latin one about 560); what does not fit ends
 * in an ellipsis.  Control characters and runs of space become one space. */
bool caption_wrap(struct str prompt, unsigned width, unsigned max_lines, struct buf *out);
