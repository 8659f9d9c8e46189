// SPDX-License-Identifier: Apache-2.0
// kinora doctor and a real bucket.
import { CreateMultipartUploadCommand, DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { doctor, kinds } from "../lib/doctor.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { Bucket, gateway, type Gateway } from "../lib/s3.ts";

let gate: Gateway;
let bucket: Bucket;
let demo: Demo;
let kinora: Kinora;
let admin: Person;

const SETTINGS = "/api/v1/admin/settings";
// More than a page of the list, which the keeper takes half a minute to remove.
const ORPHANS = process.env.KINORA_FULL === "1" ? 1100 : 20;
const NOW = ["--safe-age", "0"];
// What JSON, XML and addresses write otherwise.
const OLD = 'old "a\\b" & <ü>/%41+';

before(async () => {
  gate = await gateway();
  bucket = await Bucket.make(gate);
  demo = await Demo.start("--speed", "100", "--plain-media");
  kinora = await Kinora.start();
  admin = await kinora.admin();
  await admin.ask("PATCH", SETTINGS, bucket.settings({ sora_s3_prefix: OLD }));
  await admin.account(demo, "videos");
});

after(async () => {
  await stopAll(kinora, demo);
  gate.stop();
});

const put = (Key: string) =>
  bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body: "bytes" }));

test("[SG-10] In a bucket orphans, begun uploads and ghosts are told and mended, under every prefix, and what is others' is left alone", async () => {
  const works: { id: number; key: string }[] = [];
  for (const prefix of [OLD, "new"]) {
    await admin.ask("PATCH", SETTINGS, { sora_s3_prefix: prefix });
    for (const prompt of ["kept", "lost"]) {
      const g = await admin.ended(await admin.generate(prompt));
      assert.equal(g.storage_type, "s3", JSON.stringify(g));
      works.push({ id: g.id, key: (g.s3_object_keys as string[])[0] });
    }
  }
  assert.equal((await doctor(kinora, ...NOW)).status, "clean");

  const lost = [works[1], works[3]];
  for (const { key } of lost)
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: key }));
  const orphans = Array.from({ length: ORPHANS }, (_, i) => `new/sora/1/2020/01/01/orphan-${i}.mp4`);
  for (let i = 0; i < orphans.length; i += 100) await Promise.all(orphans.slice(i, i + 100).map(put));
  await Promise.all(["new/others/x", "foreign.txt", "sora/1/x.mp4"].map(put));
  await bucket.client.send(new CreateMultipartUploadCommand({ Bucket: bucket.name, Key: works[2].key }));

  assert.deepEqual(kinds(await doctor(kinora)), ["ghost", "ghost"], "younger than the safe age");
  const told = await doctor(kinora, ...NOW);
  assert.equal(told.exit, 1);
  const count = (kind: string) => told.findings.filter((f) => f.kind === kind).length;
  assert.deepEqual([count("ghost"), count("unfinished_upload"), count("orphan")], [2, 1, ORPHANS]);
  assert.deepEqual(told.findings.filter((f) => f.kind === "ghost").map((f) => f.key).sort(),
    lost.map((w) => w.key).sort());

  const mended = await doctor(kinora, ...NOW, "--repair");
  assert.ok(mended.findings.every((f) => f.outcome === "mended"), JSON.stringify(mended.findings[0]));
  assert.equal((await doctor(kinora, ...NOW)).status, "clean");
  for (const { id } of lost) {
    const g = await admin.generation(id);
    assert.deepEqual([g.storage_type, g.storage_reason], ["upstream", "object_missing"]);
  }
  const rows = new Rows(kinora).query("SELECT key FROM objects").map((o) => o.key as string);
  for (const { key } of [works[0], works[2]]) assert.ok(rows.includes(key));
  const left = [...rows, "new/others/x", "foreign.txt", "sora/1/x.mp4"].sort();
  await eventually("the end of the orphans", async () =>
    (await bucket.keys()).length === left.length, 120);
  assert.deepEqual((await bucket.keys()).sort(), left);
  assert.deepEqual(await bucket.uploads(), []);
});

test("[SG-10] A bucket that does not answer was not looked at, which is status 2, and nothing in it is judged", async () => {
  await admin.ask("PATCH", SETTINGS, { sora_s3_endpoint: "http://127.0.0.1:9" });
  const report = await doctor(kinora, "--repair");
  assert.deepEqual([report.exit, report.status, report.findings], [2, "incomplete", []]);
  assert.equal(report.checks.find((c) => c.name === "bucket")!.state, "not_looked");
  await admin.ask("PATCH", SETTINGS, { sora_s3_endpoint: gate.url, sora_s3_bucket: "kinora-no-such" });
  assert.equal((await doctor(kinora, "--repair")).exit, 2);
});
