// SPDX-License-Identifier: Apache-2.0
// The settings name another bucket: what lies in the first one is still there, is still reached,
// and is removed from nowhere else.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { settled } from "../lib/invariants.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { Bucket, gateway, type Gateway, Way } from "../lib/s3.ts";
import { Source } from "../lib/source.ts";
import { assertHolds, deleted } from "./ledger.ts";

let gate: Gateway;
let source: Source;
let kinora: Kinora;
let admin: Person;
let rows: Rows;

// A bucket and a way to it of its own.
interface Place {
  bucket: Bucket;
  way: Way;
}
let first: Place;
let second: Place;

const place = async (): Promise<Place> =>
  ({ bucket: await Bucket.make(gate), way: await Way.start(gate.url) });

const use = ({ bucket, way }: Place, more: Record<string, unknown> = {}) =>
  admin.ask("PATCH", "/api/v1/admin/settings",
    bucket.settings({ sora_s3_endpoint: way.url, ...more }));

before(async () => {
  gate = await gateway();
  [first, second] = [await place(), await place()];
  source = await Source.start();
  kinora = await Kinora.start({ args: ["--drain", "1"] });
  admin = await kinora.admin();
  rows = new Rows(kinora);
  await source.account(admin);
});

after(async () => {
  await stopAll(kinora, source, first.way, second.way);
  gate.stop();
});

const work = async (prompt: string) => admin.ended(await admin.generate(prompt));
const keyOf = (g: { [field: string]: unknown }) => (g.s3_object_keys as string[])[0];
const storeOf = (id: number) =>
  rows.one(`SELECT store_id FROM objects WHERE generation_id = ${id} AND place = 0`).store_id as number;
const remove = (id: number) => admin.ask("DELETE", `/api/v1/sora/generations/${id}`);
const waiting = () => rows.query("SELECT id FROM deletions");

// Each bucket has exactly what the rows say lies in it.
async function clean(): Promise<void> {
  await deleted(rows);
  await settled(kinora);
  for (const { bucket } of [first, second]) {
    const named = rows.query("SELECT o.key AS key FROM objects o JOIN stores s ON s.id = o.store_id " +
      `WHERE s.bucket = '${bucket.name}'`);
    await assertHolds(bucket, named.map((o) => o.key));
  }
}

test("[SG-1] [SG-4] works stay in the bucket they came to, and are reached there", async () => {
  await use(first);
  const old = await work("size=100000 old");
  await use(second, { sora_s3_prefix: "new" });
  const made = await work("size=100001 new");
  assert.notEqual(storeOf(old.id), storeOf(made.id));
  assert.equal(await first.bucket.has(keyOf(old)), true);
  assert.equal(await second.bucket.has(keyOf(made)), true);
  for (const { id, file_size_bytes: size } of [old, made]) {
    const { media_url: url, download_urls: saved } = await admin.generation(id);
    for (const link of [url!, (saved as string[])[0]])
      assert.equal((await (await fetch(link)).arrayBuffer()).byteLength, size);
  }
  // The same bucket once more is the same store, with whatever opens it now.
  await use(first);
  assert.equal(storeOf((await work("size=100002 again")).id), storeOf(old.id));
  await clean();
});

test("[SG-7] what lies in another bucket is removed there, when that answers, and nowhere else", async () => {
  await use(first);
  const old = await work("size=100003 old");
  await use(second);
  const made = await work("size=100004 new");
  first.way.break({ on: "any", times: Infinity, status: 503, code: "ServiceUnavailable" });
  const asked = first.way.count("batch");
  const store = storeOf(old.id);
  await remove(old.id);
  await remove(made.id);
  await eventually("the second's object gone", async () => !(await second.bucket.has(keyOf(made))));
  await eventually("an attempt", async () => first.way.count("batch") > asked);
  const metrics = await (await fetch(`${kinora.url}/metrics`)).text();
  assert.ok(metrics.includes(`kinora_deletions{storage="s3",store="${store}"} 1\n`), metrics);
  assert.equal(await first.bucket.has(keyOf(old)), true);
  first.way.mend();
  await eventually("the first's object gone", async () => !(await first.bucket.has(keyOf(old))), 60);
  assert.ok(second.way.seen.every((s) => !s.url.includes(keyOf(old))));
  await clean();
});

test("[SG-6] a file on its way when the settings change ends where it began", async () => {
  await use(first);
  const prompt = "size=100005 hold=90000";
  const id = await admin.generate(prompt);
  await eventually("a held file", async () => source.holding > 0);
  await use(second);
  source.release();
  const g = await admin.ended(id);
  assert.equal(g.storage_type, "s3", JSON.stringify(g));
  assert.equal((await first.bucket.read(keyOf(g))).sha256, source.sha256(prompt));
  assert.equal((await fetch(g.media_url!)).status, 200);
  await clean();
});

test("[SG-5] an upload that a dead process began in another bucket is begun anew", async () => {
  await use(first);
  const prompt = "size=17000000 hold=16900000";
  const id = await admin.generate(prompt);
  await eventually("two parts", async () => rows.query("SELECT number FROM object_parts").length === 2);
  await use(second);
  await kinora.kill();
  source.release();
  rows.passLeases();
  await kinora.launch();
  const g = await admin.ended(id);
  assert.equal(g.storage_type, "s3", JSON.stringify(g));
  assert.equal((await second.bucket.read(keyOf(g))).sha256, source.sha256(prompt));
  await clean();
});
