// SPDX-License-Identifier: Apache-2.0
// Saving what was kept as a link, long after its job and whatever else it came from have gone.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { eventually, Kinora, type Person, sleep } from "../lib/kinora.ts";
import { assertError, stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { Bucket, gateway, type Gateway } from "../lib/s3.ts";
import { Source } from "../lib/source.ts";

let gate: Gateway, bucket: Bucket, demo: Demo, source: Source;
let kinora: Kinora, admin: Person, rows: Rows;

const SETTINGS = "/api/v1/admin/settings";
const off = { sora_s3_enabled: false, local_storage_enabled: false };

before(async () => {
  gate = await gateway();
  bucket = await Bucket.make(gate);
  demo = await Demo.start("--speed", "100", "--plain-media", "--api-key", "demo-key");
  source = await Source.start();
  kinora = await Kinora.start({ args: ["--drain", "1"] });
  admin = await kinora.admin();
  rows = new Rows(kinora);
});

after(async () => {
  await stopAll(kinora, demo, source);
  gate.stop();
});

const use = (more: Record<string, unknown> = {}) =>
  admin.ask("PATCH", SETTINGS, bucket.settings({ local_storage_enabled: true, ...more }));

const save = (who: Person, id: number) => who.call("POST", `/api/v1/sora/generations/${id}/save`);

async function sha256(url: string): Promise<string> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, url);
  return createHash("sha256").update(Buffer.from(await answer.arrayBuffer())).digest("hex");
}

const kept = () =>
  rows.query("SELECT generation_id FROM objects WHERE key LIKE 'results/%' ORDER BY generation_id")
    .map((o) => o.generation_id);

function filesOf(folder: string): string[] {
  const all = readdirSync(join(kinora.data, "media"), { recursive: true, withFileTypes: true });
  return all.filter((f) => f.isFile() && f.parentPath.includes(`/${folder}/`)).map((f) => f.name);
}

test("[SG-9] [V-11] what came as bytes and does not fit outlives its job's row, and is saved after making room", async () => {
  await use();
  const account = await admin.account(demo, "videos", { models: ["gpt-image"] });
  const guest = await admin.member("guest@example.org", { sora_storage_quota_bytes: 10 });
  const make = async () => {
    const g = await guest.ended(await guest.generate("a boat", { model: "gpt-image" }));
    assert.equal(g.storage_reason, "quota_exceeded", JSON.stringify(g));
    return g;
  };
  const [saved, ended, deleted] = [await make(), await make(), await make()];
  const digest = await sha256(saved.media_url!);
  assert.ok(Date.parse(String(saved.expires_at)) > Date.now() + 23 * 3600_000);
  assert.deepEqual(kept(), [saved.id, ended.id, deleted.id]);

  // It goes with its work, or when its day is over.
  await guest.ask("DELETE", `/api/v1/sora/generations/${deleted.id}`);
  assert.deepEqual(kept(), [saved.id, ended.id]);
  rows.change(`UPDATE objects SET lease_until = 1 WHERE generation_id = ${ended.id}`);
  rows.change("UPDATE jobs SET remove_at = 1");
  await kinora.stop({ keep: true });
  await kinora.launch();
  await eventually("the jobs' rows are gone", async () => rows.query("SELECT id FROM jobs").length === 0);
  await eventually("its day is over", async () => kept().length === 1);
  assert.deepEqual(kept(), [saved.id]);

  await admin.ask("PATCH", `/api/v1/admin/users/${guest.user.id}`, { sora_storage_quota_bytes: 10_000_000 });
  assertError(await save(guest, ended.id), 410, "link_expired");
  const answer = await save(guest, saved.id);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal((await bucket.read(answer.body.s3_object_keys[0])).sha256, digest);
  assert.deepEqual(kept(), []);
  await eventually("the files are gone", async () => filesOf("results").length === 0);
  await admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
});

test("[ST-6] [V-11] [AC-7] a work is saved from its account's own private address when its job's row has gone", async () => {
  await use(off);
  const account = await admin.account(demo, "chat");
  const g = await admin.ended(await admin.generate("a later boat"));
  assert.equal(g.storage_type, "upstream", JSON.stringify(g));
  rows.change("DELETE FROM jobs");
  await use();
  const answer = await save(admin, g.id);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal(answer.body.storage_type, "s3");
  await admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
});

test("[ST-6] [V-11] what only a deleted account's credential opens has expired", async () => {
  await use(off);
  const account = await source.account(admin);
  const g = await admin.ended(await admin.generate("an orphan"));
  assert.equal(g.storage_type, "upstream", JSON.stringify(g));
  await admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
  await use();
  assertError(await save(admin, g.id), 410, "link_expired");
});

test("[ST-6] a save whose begun upload is swept before it can go on starts from the first byte", async () => {
  const prompt = "size=8900000 hold=8600000 late";
  await use(off);
  const account = await source.account(admin);
  const g = await admin.ended(await admin.generate(prompt));
  assert.equal(g.storage_type, "upstream", JSON.stringify(g));
  await use();
  const first = save(admin, g.id).catch(() => {});
  await eventually("a part's row", async () => rows.query("SELECT number FROM object_parts").length > 0);
  await kinora.kill();
  source.release();
  await first;
  rows.change("UPDATE sora_generations SET saving_until = 0");
  await kinora.launch();

  const second = save(admin, g.id);
  await eventually("the rest is asked for", async () => source.holding > 0);
  rows.change("DELETE FROM object_parts");
  source.release();
  const answer = await second;
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal((await bucket.read(answer.body.s3_object_keys[0])).sha256, source.sha256(prompt));
  assert.deepEqual(source.film(prompt).asked.slice(-2).map((a) => a.status), [206, 200]);
  await eventually("the begun upload is gone", async () => (await bucket.uploads()).length === 0);
  await admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
});

test("[ST-6] whoever waits for another node's save does not keep the process from ending", async () => {
  await use(off);
  const account = await source.account(admin);
  const g = await admin.ended(await admin.generate("a boat that is being saved"));
  await use();
  rows.change(`UPDATE sora_generations SET saving_until = ${Date.now() + 600_000} WHERE id = ${g.id}`);
  const waits = save(admin, g.id).catch(() => undefined);
  await sleep(500);
  const began = Date.now();
  await kinora.stop({ keep: true });
  assert.ok(Date.now() - began < 40_000, "it waited for the whole minute");
  await waits;
  await kinora.launch();
  await admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
});
