// SPDX-License-Identifier: Apache-2.0
// The way to the bucket broken at one place after the other: where the work lies then, what is
// counted, and that nothing is left behind once the way is whole again. KINORA_FULL=1 plays the
// whole table and writes it into docs/storage.md.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { settled } from "../lib/invariants.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { Bucket, gateway, type Gateway, Way } from "../lib/s3.ts";
import { Source } from "../lib/source.ts";
import { assertHoldsLedger, deleted } from "./ledger.ts";
import { ROWS, type Row } from "./rows.ts";

const FULL = process.env.KINORA_FULL === "1";
const SETTINGS = "/api/v1/admin/settings";

let gate: Gateway;
let way: Way;
let bucket: Bucket;
let source: Source;
let kinora: Kinora;
let admin: Person;
let rows: Rows;

before(async () => {
  gate = await gateway();
  way = await Way.start(gate.url);
  bucket = await Bucket.make(gate);
  source = await Source.start();
  kinora = await Kinora.start({ args: ["--drain", "1"] });
  admin = await kinora.admin();
  rows = new Rows(kinora);
  await source.account(admin);
  await admin.ask("PATCH", SETTINGS, bucket.settings({ sora_s3_endpoint: way.url }));
});

after(async () => {
  await stopAll(kinora, source, way);
  gate.stop();
});

// Every row has its object and every object its row, wherever it lies.
async function clean(): Promise<void> {
  await deleted(rows);
  await settled(kinora);
  await assertHoldsLedger(bucket, rows);
  for (const o of rows.query("SELECT key, size, checksum FROM objects WHERE storage = 's3'")) {
    const found = await bucket.read(o.key);
    assert.deepEqual([found.size, found.sha256], [Number(o.size), o.checksum], o.key);
  }
}

// The rows that held, for the table of docs/storage.md.
const held: Row[] = [];

async function play(row: Row, i: number): Promise<void> {
  const size = row.large ? 9_000_000 : 200_000;
  const prompt = `size=${size} row-${i}`;
  const used = async () => (await admin.ask("GET", "/api/v1/sora/quota")).used_bytes as number;
  const before = await used();
  way.break(...row.faults);
  const g = await admin.ended(await admin.generate(prompt), 90);
  way.mend();
  assert.equal(g.status, "completed", JSON.stringify(g));
  assert.equal(g.storage_type, row.then, kinora.log.slice(-600));
  assert.equal(await used(), before + size, "what is stored is what is counted");
  const answer = await fetch(g.media_url!);
  assert.equal((await answer.arrayBuffer()).byteLength, size);
  await clean();
  await admin.ask("DELETE", `/api/v1/sora/generations/${g.id}`);
  assert.equal(await used(), before);
}

describe("[SG-5] a way that breaks", () => {
  for (const [i, row] of ROWS.entries()) {
    if (!FULL && !row.gate) continue;
    test(`[SG-5] ${row.what}: ${row.then}`, async () => {
      await play(row, i);
      held.push(row);
    });
  }
});

test("[SG-5] without a disk the bucket is tried for longer, and the link is kept in the end", async () => {
  await admin.ask("PATCH", SETTINGS, { local_storage_enabled: false });
  way.break({ on: "put", times: Infinity, status: 403, code: "AccessDenied" });
  const refused = await admin.ended(await admin.generate("size=1000 refused"));
  assert.deepEqual([refused.storage_type, refused.storage_reason], ["upstream", "storage_refused"]);
  way.break({ on: "put", times: 6, status: 503 });
  const delayed = await admin.ended(await admin.generate("size=1000 delayed"));
  assert.equal(delayed.storage_type, "s3", "an outage only delays");
  await admin.ask("PATCH", SETTINGS, { local_storage_enabled: true });
  await clean();
});

// Its parts so far, of the work that is being written.
const parts = () => rows.query("SELECT number FROM object_parts").length;

test("[SG-5] a death in the middle: the next process goes on behind the last part", async () => {
  const prompt = "size=25200000 hold=20000000";
  const id = await admin.generate(prompt);
  await eventually("two parts", async () => parts() === 2);
  await kinora.kill();
  const sent = way.count("part");
  rows.passLeases();
  await kinora.launch();
  const g = await admin.ended(id);
  assert.equal(g.storage_type, "s3");
  assert.equal(way.count("part") - sent, 2, "the first two were not sent again");
  const asked = source.film(prompt).asked;
  assert.deepEqual(asked.map((a) => [a.range, a.status]), [[undefined, 200], ["bytes=16777216-", 206]]);
  assert.equal((await bucket.read((g.s3_object_keys as string[])[0])).sha256, source.sha256(prompt));
  source.release();
  await clean();
});

test("[SG-5] a link that breaks in the middle is asked for the rest", async () => {
  const prompt = "size=25000000 cut=20000000";
  const sent = way.count("part");
  const g = await admin.ended(await admin.generate(prompt));
  assert.equal(g.storage_type, "s3");
  assert.equal(way.count("part") - sent, 3);
  assert.equal((await bucket.read((g.s3_object_keys as string[])[0])).sha256, source.sha256(prompt));
  await clean();
});

for (const manner of FULL ? ["noranges", "changes", "chunked"] : ["changes"]) {
  test(`[SG-5] a link that cannot be gone on with is fetched anew, whole: ${manner}`, async () => {
    const prompt = `size=20000000 cut=18000000 ${manner}`;
    const g = await admin.ended(await admin.generate(prompt));
    assert.equal(g.storage_type, "s3");
    assert.equal((await bucket.read((g.s3_object_keys as string[])[0])).sha256, source.sha256(prompt));
    await clean();
  });
}

test("[SG-7] a death while an upload is begun leaves none of it behind", async () => {
  way.break({ on: "begin", asked: true, stall: true });
  const id = await admin.generate("size=20000000 begun");
  await eventually("an upload that nobody knows of", async () => (await bucket.uploads()).length === 1);
  await kinora.kill();
  way.mend();
  rows.passLeases();
  await kinora.launch();
  assert.equal((await admin.ended(id)).storage_type, "s3");
  await clean();
});

const AT_ONCE = FULL ? 64 : 9;

test(`[SG-6] ${AT_ONCE} transfers at once with room for one: one is kept, and nothing is counted twice`, async () => {
  const guest = await admin.member("narrow@example.org", { sora_storage_quota_bytes: 150_000 });
  await admin.ask("PATCH", SETTINGS, { sora_s3_enabled: false, local_storage_enabled: false });
  const ids: number[] = [];
  for (let i = 0; i < AT_ONCE; i++) {
    ids.push(await guest.generate(`size=100000 narrow-${i}`));
    if (i % 3 === 2) await Promise.all(ids.slice(-3).map((id) => guest.ended(id)));
  }
  await Promise.all(ids.map((id) => guest.ended(id)));
  await admin.ask("PATCH", SETTINGS, { sora_s3_enabled: true, local_storage_enabled: true });
  const saves = await Promise.all(
    ids.map((id) => guest.call("POST", `/api/v1/sora/generations/${id}/save`)));
  const by = (status: number) => saves.filter((s) => s.status === status).length;
  assert.deepEqual([by(200), by(429)], [1, AT_ONCE - 1]);
  assert.equal((await guest.ask("GET", "/api/v1/sora/quota")).used_bytes, 100_000);
  await clean();
});

after(() => {
  if (!FULL) return;
  const file = "docs/storage.md";
  const text = readFileSync(file, "utf8");
  const table = held.map((row) => `| ${row.what} | ${row.then === "s3" ? "in the bucket" : "on the disk"} |`);
  const block = `<!-- rows -->\n| what goes wrong | the work lies |\n|---|---|\n${table.join("\n")}\n<!-- /rows -->`;
  writeFileSync(file, text.replace(/<!-- rows -->[^]*<!-- \/rows -->/, () => block));
});
