// SPDX-License-Identifier: Apache-2.0
// Resumable uploads, by the official client and by hand: what is durable is acknowledged, whatever
// breaks, and nothing else (docs/spec.md, section 6).
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Upload } from "tus-js-client";
import { doctor } from "../lib/doctor.ts";
import { mediaFiles } from "../lib/invariants.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { documented } from "../lib/openapi.ts";
import { assertError, stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { begin, create, cut, ENDPOINT, kind, metadata, offsetOf, patch, recordOf, tus, upload } from "../lib/tus.ts";
import { film, GIF, mp4ish, png, sha256 } from "../lib/uploads.ts";

const FULL = process.env.KINORA_FULL === "1";
const MIB = 1 << 20;

let kinora: Kinora, admin: Person, rows: Rows;
let ann: Person, bob: Person;

before(async () => {
  kinora = await Kinora.start();
  admin = await kinora.admin();
  rows = new Rows(kinora);
  ann = documented(await admin.member("ann@example.org"));
  bob = documented(await admin.member("bob@example.org"));
});
after(() => stopAll(kinora));

const settings = (more: Record<string, unknown>) => admin.ask("PATCH", "/api/v1/admin/settings", more);

async function bytesOf(person: Person, address: string): Promise<Buffer> {
  const { url } = await recordOf(person, address);
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}

async function restart(): Promise<void> {
  await kinora.kill();
  await kinora.launch();
}

// Numbers below 1, the same ones every time.
function* seeded(seed: number): Generator<number> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

describe("tus-js-client", () => {
  test("[UP-7] brings a file whole, which then is an upload like any other", async () => {
    const file = film("mp4");
    const made = await upload(ann, file, { metadata: kind("oc-gallery-video", "dir/Film ü.mp4") });
    const path = new URL(made.url!).pathname;
    const record = await recordOf(ann, path);
    assert.deepEqual(
      [record.sub_type, record.size, record.mime, record.name, record.width],
      ["oc-gallery-video", file.length, "video/mp4", "Film ü.mp4", 64],
    );
    assert.match(record.key, new RegExp(`^uploads/${ann.user.uuid}/oc-gallery-video/\\d{4}/\\d{2}/.*\\.mp4$`));
    assert.equal(sha256(await bytesOf(ann, path)), sha256(file));
    const { data } = await ann.ask("GET", "/api/uploads/list");
    assert.equal(data[0].upload_uuid, record.upload_uuid);
    assert.equal((await ann.ask("GET", "/api/uploads/summary")).used, file.length);
    assert.equal(await offsetOf(ann, path), file.length);
    const reference = await upload(ann, GIF, { metadata: kind("reference") });
    const shown = await recordOf(ann, new URL(reference.url!).pathname);
    assert.deepEqual([shown.upload_uuid, shown.width, shown.height], [null, 1, 1]);
  });

  test("[UP-7] in small pieces, with the first one at its making", async () => {
    const file = png(3, 2, 300_000);
    const made = await upload(ann, file, {
      metadata: kind("oc-gallery"),
      chunkSize: 64 << 10,
      uploadDataDuringCreation: true,
    });
    assert.deepEqual(await bytesOf(ann, new URL(made.url!).pathname), file);
  });

  test("[UP-7] paused, goes on after the server was killed, from where it stood", async () => {
    const file = mp4ish(5 * MIB);
    const options = { metadata: kind("oc-gallery-video"), chunkSize: MIB };
    const paused = await new Promise<string>((resolve, reject) => {
      let first: Upload;
      const onChunkComplete = (_: number, accepted: number) => {
        if (accepted === 2 * MIB) first.abort().then(() => resolve(first.url!), reject);
      };
      upload(ann, file, { ...options, onChunkComplete }, (made) => (first = made)).catch(reject);
    });
    await restart();
    const path = new URL(paused).pathname;
    assert.equal(await offsetOf(ann, path), 2 * MIB);
    assert.deepEqual((await doctor(kinora)).findings, []);
    const offsets: number[] = [];
    await upload(ann, file, {
      ...options,
      uploadUrl: paused,
      onBeforeRequest: (r) => void offsets.push(Number(r.getHeader("Upload-Offset") ?? -1)),
    });
    assert.ok(offsets.filter((n) => n >= 0).every((n) => n >= 2 * MIB));
    assert.equal(sha256(await bytesOf(ann, path)), sha256(file));
  });
});

describe("Whatever breaks", () => {
  const cuts = FULL ? 200 : 8;
  test(`[UP-7] after ${cuts} cut lines and deaths of the server the file is whole, byte for byte`, async () => {
    const file = mp4ish(FULL ? 40 * MIB : 9 * MIB);
    const address = await create(ann, "oc-gallery-video", file.length);
    const random = seeded(7);
    let at = 0, sent = 0;
    for (let i = 0; i < cuts; i++) {
      const left = file.length - at;
      const n = Math.floor((random.next().value! * 2 * left) / (cuts - i + 1));
      await cut(ann, address, at, file.subarray(at, at + n), left);
      if (i % 4 === 3) await restart();
      const now = await offsetOf(ann, address);
      sent = Math.max(sent, at + n); // an earlier request may be as late as it likes
      assert.ok(now >= at && now <= sent, `${now}, not from ${at} to ${sent}`);
      at = now;
    }
    // An earlier request may still bring what it had: whoever goes on takes it from there.
    const last = await eventually("the rest is taken", async () => {
      const now = await offsetOf(ann, address);
      const answer = await patch(ann, address, now, file.subarray(now));
      return answer.status === 204 && answer;
    });
    assert.equal(last.headers.get("upload-offset"), String(file.length));
    assert.equal(sha256(await bytesOf(ann, address)), sha256(file));
  });

  test("[UP-7] what a line brought before it broke is kept, and long ones are kept as they come", async () => {
    const file = mp4ish(9 * MIB);
    const address = await create(ann, "oc-gallery-video", file.length);
    await cut(ann, address, 0, file.subarray(0, 300_000), file.length);
    await eventually("it is kept", async () => (await offsetOf(ann, address)) === 300_000);
    const call = begin(ann, address, 300_000, file.length - 300_000);
    call.write(file.subarray(300_000, 8 * MIB + 5));
    await eventually("a whole step is kept", async () => (await offsetOf(ann, address)) === 8 * MIB);
    await restart();
    assert.equal(await offsetOf(ann, address), 8 * MIB);
    assert.equal((await patch(ann, address, 8 * MIB, file.subarray(8 * MIB))).status, 204);
    assert.equal(sha256(await bytesOf(ann, address)), sha256(file));
  });

  test("[UP-7] of two clients at one upload the last to come writes; their bytes never mix", async () => {
    const HALF = 100_000;
    const [ours, theirs] = [mp4ish(200_000, 5), mp4ish(200_000, 6)];
    const address = await create(ann, "oc-gallery-video", ours.length);
    assert.equal((await patch(ann, address, 0, ours.subarray(0, 1000))).status, 204);
    const claim = () => rows.one(`SELECT claim FROM tus_uploads WHERE uuid = '${address.split("/").at(-1)}'`).claim;
    const before = claim();
    const stale = begin(ann, address, 1000, theirs.length - 1000);
    const refused = new Promise<number>((resolve) =>
      stale.on("response", (answer) => resolve(answer.resume().statusCode!)));
    stale.write(theirs.subarray(1000, HALF));
    await eventually("it has begun to write", () => claim() !== before);
    assert.equal((await patch(ann, address, 1000, ours.subarray(1000, HALF))).status, 204);
    stale.end(theirs.subarray(HALF));
    assert.equal(await refused, 423);
    assert.equal((await patch(ann, address, HALF, ours.subarray(HALF))).status, 204);
    assert.equal(sha256(await bytesOf(ann, address)), sha256(ours));
  });

  test("[UP-7] an upload does not expire while bytes come: whoever goes on has a day again", async () => {
    const file = mp4ish(200_000, 7);
    const address = await create(ann, "oc-gallery-video", file.length);
    const where = `uuid = '${address.split("/").at(-1)}'`;
    const soon = Date.now() + 300_000, later = soon + 3_600_000;
    rows.change(`UPDATE tus_uploads SET expires_at = ${soon} WHERE ${where}`);
    rows.change(`UPDATE objects SET lease_until = ${soon} WHERE id = (SELECT object_id FROM tus_uploads WHERE ${where})`);
    const call = begin(ann, address, 0, file.length);
    const answer = new Promise<number>((resolve) => call.on("response", (a) => resolve(a.resume().statusCode!)));
    call.write(file.subarray(0, 1000));
    await eventually("it has begun to write", async () => rows.one(`SELECT claim FROM tus_uploads WHERE ${where}`).claim !== "");
    const { lease_until, expires_at } = rows.one(
      `SELECT o.lease_until, t.expires_at FROM tus_uploads t JOIN objects o ON o.id = t.object_id WHERE t.${where}`);
    assert.ok(Number(lease_until) > later && Number(expires_at) > later, "its room's lease, and its own");
    call.end(file.subarray(1000));
    assert.equal(await answer, 204);
    assert.equal(sha256(await bytesOf(ann, address)), sha256(file));
  });

  test("[UP-7] many writers at once: one file comes of it, of one of them", async () => {
    const files = Array.from({ length: 6 }, (_, i) => mp4ish(150_000, i + 1));
    const address = await create(ann, "oc-gallery-video", 150_000);
    const answers = await Promise.all(files.map((file) => patch(ann, address, 0, file)));
    assert.equal(answers.filter((a) => a.status === 204).length, 1);
    assert.ok(answers.every((a) => [204, 409, 423].includes(a.status)), answers.map((a) => a.status).join());
    const found = sha256(await bytesOf(ann, address));
    assert.ok(files.some((file) => sha256(file) === found));
  });
});

describe("The protocol", () => {
  const refused = async (method: string, path: string, headers: Record<string, string>, status: number, code: string, body?: Buffer) => {
    const answer = await tus(ann, method, path, { "accept-language": "zh", ...headers }, body);
    assertError(answer, status, code);
    assert.equal(answer.headers.get("tus-resumable"), "1.0.0");
    return answer;
  };
  const BYTES = { "content-type": "application/offset+octet-stream" };
  const IMAGE = { "upload-length": "1000", "upload-metadata": metadata(kind("oc-gallery")) };

  test("[UP-7] OPTIONS says what is spoken, to anyone", async () => {
    const answer = await fetch(kinora.url + ENDPOINT, { method: "OPTIONS" });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.get("tus-version"), "1.0.0");
    assert.equal(
      answer.headers.get("tus-extension"),
      "creation,creation-with-upload,checksum,expiration,termination",
    );
    assert.equal(answer.headers.get("tus-checksum-algorithm"), "sha1,sha256");
    assert.equal(answer.headers.get("tus-max-size"), String(200 * MIB));
  });

  test("[UP-7] HEAD says how much is there, until when, and what was said of it", async () => {
    const address = await create(ann, "oc-gallery", 1000);
    const { headers } = await tus(ann, "HEAD", address);
    assert.deepEqual(
      ["upload-offset", "upload-length", "upload-metadata", "cache-control"].map((name) => headers.get(name)),
      ["0", "1000", metadata(kind("oc-gallery")), "no-store"],
    );
    const expires = Date.parse(headers.get("upload-expires")!);
    assert.ok(Math.abs(expires - Date.now() - 86_400_000) < 60_000);
    assertError(await ann.call("GET", address), 409, "upload_unfinished");
  });

  test("[UP-7] refuses other versions, types, offsets and fields, and other people", async () => {
    const address = await create(ann, "oc-gallery", 1000);
    const old = await refused("PATCH", address, { ...BYTES, "tus-resumable": "0.2.2", "upload-offset": "0" }, 412, "tus_version");
    assert.equal(old.headers.get("tus-version"), "1.0.0");
    await refused("PATCH", address, { "upload-offset": "0" }, 415, "unsupported_media_type");
    await refused("PATCH", address, { ...BYTES, "upload-offset": "5" }, 409, "upload_offset");
    await refused("PATCH", address, { ...BYTES, "upload-offset": "-1" }, 400, "invalid_field");
    await refused("PATCH", address, BYTES, 400, "missing_field");
    for (const method of [undefined, "GET", "PUT"])
      await refused("POST", address,
        { ...BYTES, "upload-offset": "0", ...(method && { "x-http-method-override": method }) }, 400, "invalid_field");
    for (const [path, allowed] of [[address, /PATCH/], [ENDPOINT, /POST/]] as const) {
      const put = await refused("PUT", path, {}, 405, "method_not_allowed");
      assert.match(put.headers.get("allow")!, allowed);
    }
    await refused("PATCH", address, { ...BYTES, "upload-offset": "0" }, 413, "too_large", Buffer.alloc(1001));
    for (const [field, value, code] of [
      ["upload-length", "", "invalid_field"],
      ["upload-length", "1e3", "invalid_field"],
      ["upload-length", "0", "file_empty"],
      ["upload-metadata", "", "missing_field"],
      ["upload-metadata", "type user_upload", "invalid_field"],
      ["upload-metadata", metadata({ type: "other", sub_type: "oc-gallery" }), "invalid_field"],
      ["upload-metadata", metadata({ type: "user_upload" }), "missing_field"],
      ["upload-metadata", metadata(kind("portrait")), "invalid_field"],
      ["upload-checksum", "crc32 AAAA", "invalid_field"],
    ])
      await refused("POST", ENDPOINT, { ...IMAGE, [field]: value }, 400, code);
    await refused("POST", ENDPOINT, { ...IMAGE, "upload-metadata": metadata(kind("scene")) }, 403, "upload_sub_type_off");
    await refused("POST", ENDPOINT, { ...IMAGE, "upload-length": String(10 * MIB + 1) }, 413, "file_too_large");
    await refused("POST", ENDPOINT, IMAGE, 415, "unsupported_media_type", png());
    assert.equal((await tus(bob, "HEAD", address)).status, 404);
    assertError(await tus(bob, "DELETE", address), 404, "upload_not_found");
    assertError(await patch(bob, address, 0, png()), 404, "upload_not_found");
    assert.equal(await offsetOf(ann, address), 0);
  });

  test("[UP-7] bytes with a checksum count only if they have it", async () => {
    const file = png(3, 2, 5000);
    const address = await create(ann, "oc-gallery", file.length);
    const sum = (name: string, bytes: Buffer) => ({
      "upload-checksum": `${name} ${createHash(name).update(bytes).digest("base64")}`,
    });
    const [first, second] = [file.subarray(0, 2000), file.subarray(2000)];
    assert.equal((await patch(ann, address, 0, first, sum("sha1", first))).status, 204);
    const damaged = Buffer.from(second);
    damaged[0] ^= 1;
    assertError(await patch(ann, address, 2000, damaged, sum("sha1", second)), 460, "checksum_mismatch");
    assert.equal(await offsetOf(ann, address), 2000);
    assert.equal((await patch(ann, address, 2000, second, sum("sha256", second))).status, 204);
    assert.deepEqual(await bytesOf(ann, address), file);
  });

  test("[UP-7] bytes that are not those of their checksum refuse no file; those that are do", async () => {
    const page = Buffer.alloc(1000, 60);
    const sum = (bytes: Buffer) => ({ "upload-checksum": `sha256 ${createHash("sha256").update(bytes).digest("base64")}` });
    const file = png(3, 2, 300_000);
    const address = await create(ann, "oc-gallery", file.length);
    assertError(await patch(ann, address, 0, page, sum(file)), 460, "checksum_mismatch");
    const wide = png(10_000, 10_000);
    assertError(await patch(ann, address, 0, wide, sum(file)), 460, "checksum_mismatch");
    assert.equal(await offsetOf(ann, address), 0);
    assert.equal((await patch(ann, address, 0, file, sum(file))).status, 204);
    assert.deepEqual(await bytesOf(ann, address), file);
    for (const [bytes, status, code] of [[page, 415, "unsupported_type"], [wide, 413, "too_many_pixels"]] as const) {
      const other = await create(ann, "oc-gallery", bytes.length);
      assertError(await patch(ann, other, 0, bytes, sum(bytes)), status, code);
      assert.equal((await tus(ann, "HEAD", other)).status, 404);
    }
  });

  test("[UP-7] an upload whose making fails is not there, for nobody knows its address", async () => {
    const count = () => rows.one("SELECT COUNT(*) AS n FROM tus_uploads WHERE done = 0").n;
    const before = count();
    const sum = { "upload-checksum": `sha1 ${Buffer.alloc(20).toString("base64")}` };
    await refused("POST", ENDPOINT, { ...IMAGE, ...BYTES, ...sum }, 460, "checksum_mismatch", png());
    await refused("POST", ENDPOINT, { ...IMAGE, ...BYTES }, 415, "unsupported_type", Buffer.alloc(1000, 60));
    assert.equal(count(), before);
  });

  test("[UP-7] PATCH, HEAD and DELETE may come as a POST that says so", async () => {
    const address = await create(ann, "oc-gallery", GIF.length);
    const as = (method: string, headers = {}, body?: Buffer) =>
      tus(ann, "POST", address, { "x-http-method-override": method, ...headers }, body);
    const said = async (answer: Promise<{ status: number; headers: Headers }>) => {
      const { status, headers } = await answer;
      return [status, ...["upload-offset", "upload-length", "upload-metadata", "upload-expires", "cache-control"]
        .map((name) => headers.get(name))];
    };
    assert.deepEqual(await said(as("HEAD")), await said(tus(ann, "HEAD", address)));
    assert.equal((await as("PATCH", { ...BYTES, "upload-offset": "0" }, GIF)).status, 204);
    assert.deepEqual(await bytesOf(ann, address), GIF);
    const gone = await create(ann, "oc-gallery", 1000);
    const ended = await tus(ann, "POST", gone, { "x-http-method-override": "DELETE" }, Buffer.from("{}"));
    assert.deepEqual([ended.status, ended.text], [204, ""]);
    assert.equal((await tus(ann, "HEAD", gone)).status, 404);
    // What a request is by itself does not count.
    const other = await create(ann, "oc-gallery", 1000);
    const named = { "x-http-method-override": "DELETE", "upload-offset": "0", ...BYTES };
    assert.equal((await tus(ann, "PATCH", other, named, GIF)).status, 204);
    assert.equal((await tus(ann, "HEAD", other)).status, 404);
    assertError(await tus(bob, "POST", address, { "x-http-method-override": "DELETE" }), 404, "upload_not_found");
  });

  test("[UP-5] [UP-7] the type is read from the bytes; a file that is none of those ends its upload", async () => {
    const address = await create(ann, "oc-gallery", 1000);
    assert.equal((await patch(ann, address, 0, Buffer.alloc(200, 60))).status, 204);
    assertError(await patch(ann, address, 200, Buffer.alloc(800, 60)), 415, "unsupported_type");
    assert.equal((await tus(ann, "HEAD", address)).status, 404);
    const cutShort = await create(ann, "oc-gallery", 10);
    assertError(await patch(ann, cutShort, 0, png().subarray(0, 10)), 422, "image_unreadable");
    const wide = png(10_000, 10_000);
    const pixels = await create(ann, "oc-gallery", wide.length);
    assertError(await patch(ann, pixels, 0, wide), 413, "too_many_pixels");
  });
});

describe("Room", () => {
  const left = async () => (await bob.ask("GET", "/api/uploads/summary")).left;

  test("[UP-6] [UP-7] [SG-6] is taken for the whole file at once, and given back by its end or its expiry", async () => {
    await settings({ upload_quota_enabled: true, upload_quota_bytes: 3000 });
    const first = await create(bob, "oc-gallery", 1000);
    const second = await create(bob, "oc-gallery", 1900);
    assert.equal(await left(), 100);
    const over = await tus(bob, "POST", ENDPOINT, {
      "upload-length": "101",
      "upload-metadata": metadata(kind("oc-gallery")),
    });
    assertError(over, 413, "upload_quota_exceeded");
    assert.equal(over.body.error.message, "Upload quota exceeded");
    await patch(bob, first, 0, png(3, 2, 800).subarray(0, 500));
    assert.equal((await tus(bob, "DELETE", first)).status, 204);
    assert.equal(await left(), 1100);
    rows.change(`UPDATE tus_uploads SET expires_at = 0 WHERE uuid = '${second.split("/").at(-1)}'`);
    assertError(await patch(bob, second, 0, png()), 410, "upload_expired");
    rows.change("UPDATE objects SET lease_until = 0 WHERE state = 'writing'");
    assert.equal(await left(), 3000);
    await settings({ upload_quota_enabled: null, upload_quota_bytes: null });
  });

  test("[UP-7] one user has so many unfinished ones and no more", async () => {
    const many = await Promise.all(Array.from({ length: 40 }, () =>
      tus(bob, "POST", ENDPOINT, { "upload-length": "1000", "upload-metadata": metadata(kind("oc-gallery")) })));
    assert.equal(many.filter((a) => a.status === 201).length, 32);
    for (const answer of many.filter((a) => a.status !== 201)) assertError(answer, 429, "too_many_uploads");
    await create(admin, "oc-gallery", 1000);
  });

  test("[UP-7] [SG-6] in the end every byte has its row, and every row its bytes", async () => {
    rows.change("UPDATE objects SET lease_until = 0 WHERE state = 'writing'");
    await eventually("nothing is being written", () =>
      rows.query("SELECT id FROM objects WHERE state = 'writing'").length === 0, 60);
    assert.deepEqual(rows.query("SELECT id FROM tus_uploads WHERE done = 0"), []);
    await eventually("nothing waits for its deletion", () => rows.query("SELECT id FROM deletions").length === 0);
    const keys = rows.query("SELECT key FROM objects WHERE storage = 'local'").map((o) => o.key);
    assert.deepEqual(mediaFiles(kinora).sort(), keys.sort());
    assert.deepEqual((await doctor(kinora)).findings, []);
  });
});
