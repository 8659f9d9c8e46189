// SPDX-License-Identifier: Apache-2.0
// What users bring, in a real bucket: what lies there, and that nothing is left of what was not
// kept.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { assertError, stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { Bucket, type Fault, gateway, type Gateway, Way } from "../lib/s3.ts";
import { BOUNDARY, fileForm, film, mp4ish, png, sha256, upload } from "../lib/uploads.ts";
import { assertUploadsEnded } from "./ledger.ts";

const FULL = process.env.KINORA_FULL === "1";

let gate: Gateway, way: Way, bucket: Bucket, kinora: Kinora, admin: Person, rows: Rows;

before(async () => {
  gate = await gateway();
  way = await Way.start(gate.url);
  bucket = await Bucket.make(gate);
  kinora = await Kinora.start();
  admin = await kinora.admin();
  rows = new Rows(kinora);
  await admin.ask("PATCH", "/api/v1/admin/settings", bucket.settings({ sora_s3_endpoint: way.url, sora_s3_prefix: "pre", local_storage_enabled: false }));
  await eventually("the bucket answers", async () => {
    const { s3_healthy } = await admin.ask("GET", "/api/v1/sora/storage-status");
    return s3_healthy;
  });
});
after(async () => {
  await stopAll(kinora, way);
  gate.stop();
});

const clean = () => assertUploadsEnded(bucket, rows);

test("[UP-2] [UP-7] an image is one object, a long video is sent in parts; both come whole", async () => {
  for (const [subType, file] of [["oc-avatar", png(3, 2, 70_000)], ["oc-gallery-video", mp4ish(17_000_000)]] as const) {
    const { status, body } = await upload(admin, subType, file);
    assert.equal(status, 200, JSON.stringify(body));
    assert.match(body.key, new RegExp(`^pre/uploads/${admin.user.uuid}/${subType}/\\d{4}/\\d{2}/`));
    const found = await bucket.read(body.key);
    assert.deepEqual([found.size, found.sha256, found.type], [file.length, sha256(file), body.mime]);
    const seen = Buffer.from(await (await fetch(body.url)).arrayBuffer());
    assert.equal(sha256(seen), sha256(file));
  }
  await clean();
});

test("[UP-5] a video in the bucket has its size, its length and a poster", async () => {
  const { status, body } = await upload(admin, "oc-gallery-video", film("mp4"));
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual([body.width, body.height], [64, 48]);
  assert.equal((await fetch(body.poster_url)).headers.get("content-type"), "image/jpeg");
  await clean();
});

test("[SG-6] [UP-7] of what is refused, or of a client that leaves, nothing is left in the bucket", async () => {
  assertError(await upload(admin, "oc-gallery", Buffer.from("<svg/>")), 415, "unsupported_type");
  assertError(await upload(admin, "oc-gallery", png(3, 2, 10_500_000)), 413, "file_too_large");
  await leave(fileForm("oc-gallery-video", mp4ish(20_000_000)), 12_000_000);
  await clean();
});

// Whatever the bucket says of itself: the user can only come back with the file.
const FAILURES: [string, string, Buffer, Fault, boolean][] = [
  ["refuses an image", "oc-gallery", png(3, 2, 70_000), { on: "put", status: 403, code: "AccessDenied" }, true],
  ["is gone behind the first part", "oc-gallery-video", mp4ish(9_000_000), { on: "part", status: 404, code: "NoSuchBucket" }, true],
  ["is down", "oc-gallery", png(3, 2, 70_000), { on: "put", status: 503, code: "SlowDown" }, false],
  ["cuts the line in a part", "oc-gallery-video", mp4ish(17_000_000), { on: "part", cutRequestAt: 1_000_000 }, false],
  ["does not complete", "oc-gallery-video", mp4ish(17_000_000), { on: "complete", status: 200, code: "InternalError" }, false],
  ["has another size in the end", "oc-gallery", png(), { on: "head", change: (a) => (a.headers["content-length"] = "1") }, false],
];

for (const [what, subType, file, fault, gateToo] of FAILURES) {
  if (!FULL && !gateToo) continue;
  test(`[UP-7] [SG-5] a bucket that ${what} in the middle: 503 with Retry-After, and nothing is left`, async () => {
    way.break({ times: Infinity, ...fault });
    const answer = await upload(admin, subType, file);
    way.mend();
    assertError(answer, 503, "storage_unavailable");
    assert.match(answer.headers.get("retry-after")!, /^\d+$/);
    await clean();
    assert.equal((await upload(admin, subType, file)).status, 200);
  });
}

// Sends so much of a form that parts of its file are in the bucket, and leaves.
async function leave(body: Buffer, n: number): Promise<void> {
  const call = request(`${kinora.url}/api/upload`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${admin.token}`,
      "content-type": `multipart/form-data; boundary=${BOUNDARY}`,
      "content-length": body.length,
    },
  });
  call.on("error", () => undefined);
  call.write(body.subarray(0, n));
  await eventually("a part is in the bucket", async () => (await bucket.uploads()).length > 0);
  call.destroy();
}
