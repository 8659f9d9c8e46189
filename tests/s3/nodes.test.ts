// SPDX-License-Identifier: Apache-2.0
// Two nodes on one PostgreSQL, with a data folder each and a bucket in common: what an upstream
// gave as bytes is given out by either.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { eventually, Kinora, Person } from "../lib/kinora.ts";
import { Rows } from "../lib/rows.ts";
import { Bucket, gateway } from "../lib/s3.ts";

const skip = process.env.KINORA_TEST_POSTGRES ? false : "needs KINORA_TEST_POSTGRES";

async function image(node: Kinora, key: string, once: string): Promise<string> {
  const answer = await fetch(`${node.url}/v1/images/generations`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": once },
    body: JSON.stringify({ model: "gpt-image", prompt: "a boat", response_format: "b64_json" }),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, text.slice(0, 500));
  return Buffer.from(JSON.parse(text).data[0].b64_json, "base64").subarray(1, 4).toString();
}

test("[SG-5] [GW-10] bytes of an upstream lie in the bucket, and every node gives them out", { skip }, async (t) => {
  const gate = await gateway();
  const bucket = await Bucket.make(gate);
  const demo = await Demo.start("--speed", "100", "--api-key", "demo-key");
  const one = await Kinora.start();
  const admin = await one.admin();
  await admin.account(demo, "videos", { models: ["gpt-image"] });
  await admin.ask("PATCH", "/api/v1/admin/settings", bucket.settings());
  const data = mkdtempSync(join(tmpdir(), "kinora-node-"));
  cpSync(one.data, data, { recursive: true, filter: (from) => !from.endsWith("/media") });
  const two = await Kinora.start({ data, database: one.database });
  t.after(async () => {
    await two.stop();
    await one.stop();
    await demo.stop();
    gate.stop();
  });
  for (const node of [one, two]) {
    const at = new Person(node, admin.token, admin.user);
    await eventually("a healthy bucket, and no disk", async () => {
      const status = await at.ask("GET", "/api/v1/sora/storage-status");
      return status.s3_healthy && !status.local_enabled;
    });
  }
  const key = await admin.key();
  // With a key of idempotency: without one they go once they have been given out.
  for (const [n, node] of [one, two, one, two].entries()) assert.equal(await image(node, key, `nr ${n}`), "PNG");
  const rows = new Rows(one);
  const kept = rows.query("SELECT storage FROM objects WHERE key LIKE 'results/%'");
  assert.deepEqual(kept.map((o) => o.storage), ["s3", "s3", "s3", "s3"]);

  // What does not fit is linked to as it came: this server's link leads on to the bucket.
  const guest = await admin.member("guest@example.org", { sora_storage_quota_bytes: 10 });
  const g = await guest.ended(await guest.generate("a boat", { model: "gpt-image" }));
  assert.equal(g.storage_reason, "quota_exceeded", JSON.stringify(g));
  const shown = await fetch(g.media_url!, { redirect: "manual" });
  assert.equal(shown.status, 302);
  const followed = await fetch(g.media_url!);
  assert.equal(Buffer.from(await followed.arrayBuffer()).subarray(1, 4).toString(), "PNG");
});
