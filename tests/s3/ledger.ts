// SPDX-License-Identifier: Apache-2.0
// What a bucket must hold when nothing is on its way any more.
import assert from "node:assert/strict";
import { eventually } from "../lib/kinora.ts";
import type { Rows } from "../lib/rows.ts";
import type { Bucket } from "../lib/s3.ts";

// Nothing waits to be deleted; pauses and second looks come at once.
export async function deleted(rows: Rows, seconds = 90): Promise<void> {
  await eventually("no deletion waits", async () => {
    rows.change("UPDATE deletions SET next_at = 0");
    return rows.query("SELECT id FROM deletions").length === 0;
  }, seconds);
}

// These objects, and no upload in parts that nobody will end.
export async function assertHolds(bucket: Bucket, keys: string[]): Promise<void> {
  assert.deepEqual((await bucket.keys()).sort(), keys.toSorted());
  assert.deepEqual(await bucket.uploads(), []);
}

// Where it is the only bucket: every row has its object, and every object its row.
export async function assertHoldsLedger(bucket: Bucket, rows: Rows): Promise<void> {
  await assertHolds(bucket, rows.query("SELECT key FROM objects WHERE storage = 's3'").map((o) => o.key));
}

// Of what users bring: whoever was writing has ended before.
export async function assertUploadsEnded(bucket: Bucket, rows: Rows): Promise<void> {
  await eventually("nothing is being written", async () =>
    rows.query("SELECT id FROM objects WHERE state = 'writing'").length === 0, 90);
  await deleted(rows);
  await assertHoldsLedger(bucket, rows);
}
