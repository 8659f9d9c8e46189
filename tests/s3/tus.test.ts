// SPDX-License-Identifier: Apache-2.0
// Resumable uploads into a real bucket: what is acknowledged lies there, in parts and one short
// object behind them, and nothing else is left of it in the end.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { assertError, stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { Bucket, gateway, type Gateway, Way } from "../lib/s3.ts";
import { begin, create, kind, offsetOf, patch, recordOf, tus, upload } from "../lib/tus.ts";
import { mp4ish, png, sha256 } from "../lib/uploads.ts";
import { assertUploadsEnded } from "./ledger.ts";

const FULL = process.env.KINORA_FULL === "1";
const MIB = 1 << 20;
const PART = 8 * MIB;

let gate: Gateway, way: Way, bucket: Bucket, kinora: Kinora, admin: Person, rows: Rows;

before(async () => {
  gate = await gateway();
  way = await Way.start(gate.url);
  bucket = await Bucket.make(gate);
  kinora = await Kinora.start();
  admin = await kinora.admin();
  rows = new Rows(kinora);
  await admin.ask("PATCH", "/api/v1/admin/settings", bucket.settings({ sora_s3_endpoint: way.url, sora_s3_prefix: "pre", local_storage_enabled: false }));
  await healthy();
});
after(async () => {
  await stopAll(kinora, way);
  gate.stop();
});

const healthy = () =>
  eventually("the bucket answers", async () => (await admin.ask("GET", "/api/v1/sora/storage-status")).s3_healthy);

async function restart(): Promise<void> {
  await kinora.kill();
  await kinora.launch();
  await healthy();
}

const clean = () => assertUploadsEnded(bucket, rows);

async function assertKept(address: string, file: Buffer): Promise<void> {
  const { key } = await recordOf(admin, address);
  const found = await bucket.read(key);
  assert.deepEqual([found.size, found.sha256], [file.length, sha256(file)]);
  const { checksum } = rows.one(`SELECT checksum FROM objects WHERE key = '${key}'`);
  assert.equal(checksum, sha256(file), "the ledger's checksum");
}

test("[UP-7] tus-js-client brings an image as one object, and a long video in parts", async () => {
  for (const [subType, file] of [["oc-gallery", png(3, 2, 70_000)], ["oc-gallery-video", mp4ish(2 * PART + 5)]] as const) {
    const made = await upload(admin, file, { metadata: kind(subType) });
    await assertKept(new URL(made.url!).pathname, file);
  }
  await clean();
});

test("[UP-7] pieces of any size, with deaths of the server between them, become the same file", async () => {
  const file = mp4ish(2 * PART + 300_000, 3);
  const address = await create(admin, "oc-gallery-video", file.length);
  let at = 0;
  // The last of them ends a part of which the others have left a beginning.
  for (const n of [100, 3 * MIB, 6 * MIB, PART - MIB, 1, 200_000, file.length]) {
    const piece = file.subarray(at, at + n);
    const answer = await patch(admin, address, at, piece);
    assert.equal(answer.status, 204, answer.text);
    at += piece.length;
    assert.equal(await offsetOf(admin, address), at);
    if (at === file.length) break;
    const tails = rows.query("SELECT id FROM objects WHERE state = 'writing' AND counter = 'free'");
    assert.ok(tails.length <= 1, "one short object at a time");
    if (n > 6 * MIB) await restart();
  }
  assert.equal(at, file.length);
  await assertKept(address, file);
  await clean();
});

test("[UP-7] a death while bytes come leaves what was acknowledged, and the upload goes on", async () => {
  const file = mp4ish(3 * PART, 4);
  const address = await create(admin, "oc-gallery-video", file.length);
  for (let round = 0; round < (FULL ? 8 : 1); round++) {
    const from = await offsetOf(admin, address);
    if (from >= 2 * PART) break;
    const call = begin(admin, address, from, file.length - from);
    call.write(file.subarray(from, from + PART + 1000));
    await eventually("a part is acknowledged", async () => (await offsetOf(admin, address)) > from);
    await restart();
    assert.ok((await offsetOf(admin, address)) > from);
  }
  const from = await offsetOf(admin, address);
  const last = await eventually("nobody is at it", async () => {
    const answer = await patch(admin, address, from, file.subarray(from));
    return answer.status !== 423 && answer;
  });
  assert.equal(last.status, 204, last.text);
  await assertKept(address, file);
  await clean();
});

test("[UP-7] a death behind the bucket's completion loses nothing: the last piece ends it again", async () => {
  const file = mp4ish(2 * PART + 1000, 8);
  const address = await create(admin, "oc-gallery-video", file.length);
  assert.equal((await patch(admin, address, 0, file.subarray(0, PART + 10))).status, 204);
  way.break({ on: "complete", asked: true, stall: true });
  const last = begin(admin, address, PART + 10, file.length - PART - 10);
  last.write(file.subarray(PART + 10));
  await eventually("the whole object", async () => (await bucket.uploads()).length === 0);
  way.mend();
  await restart();
  // With PostgreSQL nobody can say that the one who was at it is dead, until its time is over.
  rows.change("UPDATE tus_uploads SET busy_until = 0");
  const from = await offsetOf(admin, address);
  const answer = await patch(admin, address, from, file.subarray(from));
  assert.equal(answer.status, 204, answer.text);
  await assertKept(address, file);
  await clean();
});

test("[UP-7] [SG-6] an end, an expiry or a refusal leaves nothing in the bucket", async () => {
  const file = mp4ish(PART + 5000, 5);
  const ended = await create(admin, "oc-gallery-video", file.length + 1);
  assert.equal((await patch(admin, ended, 0, file)).status, 204);
  assert.equal((await tus(admin, "DELETE", ended)).status, 204);
  const expired = await create(admin, "oc-gallery-video", file.length + 1);
  assert.equal((await patch(admin, expired, 0, file)).status, 204);
  rows.change("UPDATE objects SET lease_until = 0 WHERE state = 'writing'");
  await eventually("it is gone", async () => (await tus(admin, "HEAD", expired)).status === 404, 30);
  const refused = await create(admin, "oc-gallery-video", 1000);
  assertError(await patch(admin, refused, 0, Buffer.alloc(1000, 60)), 415, "unsupported_type");
  await clean();
});

test("[UP-7] bytes with a wrong checksum leave the file as it was, parts of them or not", async () => {
  const file = mp4ish(2 * PART, 6);
  const address = await create(admin, "oc-gallery-video", file.length);
  assert.equal((await patch(admin, address, 0, file.subarray(0, 1000))).status, 204);
  const wrong = { "upload-checksum": `sha1 ${Buffer.alloc(20).toString("base64")}` };
  const other = mp4ish(2 * PART, 7);
  assertError(await patch(admin, address, 1000, other.subarray(1000), wrong), 460, "checksum_mismatch");
  assert.equal(await offsetOf(admin, address), 1000);
  assert.equal((await patch(admin, address, 1000, file.subarray(1000))).status, 204);
  await assertKept(address, file);
  await clean();
});

test("[UP-7] a bucket that fails keeps what was acknowledged, and says when to come back", async () => {
  const file = mp4ish(PART + 70_000, 9);
  const address = await create(admin, "oc-gallery-video", file.length);
  assert.equal((await patch(admin, address, 0, file.subarray(0, 1000))).status, 204);
  for (const on of ["get", "part", "put"]) {
    way.break({ on, times: Infinity, status: 403, code: "AccessDenied" });
    const to = on === "put" ? 2000 : file.length;
    const answer = await patch(admin, address, 1000, file.subarray(1000, to));
    way.mend();
    assertError(answer, 503, "storage_unavailable");
    assert.match(answer.headers.get("retry-after")!, /^\d+$/);
    assert.equal(await offsetOf(admin, address), 1000);
  }
  assert.equal((await patch(admin, address, 1000, file.subarray(1000))).status, 204);
  await assertKept(address, file);
  await clean();
});

test("[UP-7] uploads go on in a bucket that was switched off, charged with the part that each may hold", async () => {
  const file = mp4ish(5000, 10);
  const ann = await admin.member("ann@example.org");
  const many = await Promise.all(Array.from({ length: 9 }, () => create(ann, "oc-gallery-video", file.length)));
  await admin.ask("PATCH", "/api/v1/admin/settings", { sora_s3_enabled: false });
  try {
    const calls = many.slice(1).map((address) => begin(ann, address, 0, file.length));
    const answers = calls.map((call) =>
      new Promise<number>((resolve) => call.on("response", (answer) => resolve(answer.resume().statusCode!))));
    for (const call of calls) call.write(file.subarray(0, 1000));
    await eventually("all of them are at it", () =>
      rows.one("SELECT COUNT(*) AS n FROM tus_uploads WHERE done = 0 AND claim <> ''").n === 8);
    // The claim is there a moment before what it holds is charged.
    for (const address of many) assert.equal(await offsetOf(ann, address), 0);
    const refused = await patch(ann, many[0], 0, file);
    assertError(refused, 503, "overloaded");
    assert.equal(refused.headers.get("retry-after"), "1");
    for (const call of calls) call.end(file.subarray(1000));
    assert.deepEqual(await Promise.all(answers), calls.map(() => 204));
    assert.equal((await patch(ann, many[0], 0, file)).status, 204);
  } finally {
    await admin.ask("PATCH", "/api/v1/admin/settings", { sora_s3_enabled: true });
    await healthy();
  }
  assert.ok((await bucket.keys()).length >= 9);
  await clean();
});
