// SPDX-License-Identifier: Apache-2.0
// Receiving what users bring by a form: what is taken, what is refused, and that nothing is left of
// what was not kept.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { HOSTILE } from "../lib/hostile_uploads.ts";
import { mediaFiles } from "../lib/invariants.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { assertError, send, stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { BOUNDARY, fields, fileForm, film, form, GIF, held, jpeg, mp4ish, png, post, sha256, upload, WEBP } from "../lib/uploads.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SUB_TYPES = ["reference", "oc-avatar", "oc-gallery", "oc-gallery-video", "user-avatar", "user-background", "world-background"];

let kinora: Kinora, admin: Person, rows: Rows;
let ann: Person, people = 0;

before(async () => {
  kinora = await Kinora.start();
  admin = await kinora.admin();
  rows = new Rows(kinora);
});
after(() => stopAll(kinora));
beforeEach(async () => {
  ann = await admin.member(`ann-${++people}@example.org`);
});

const readRss = (pid: number) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);
const bytesOf = async (url: string) => Buffer.from(await (await fetch(url)).arrayBuffer());
const stored = (person: Person) =>
  rows.query(`SELECT key, size, counter FROM objects WHERE user_id = ${person.user.id} AND state = 'stored'`);

// In the end nothing is being written, no room is held, and the folder has what the ledger has.
function settled(server = kinora, ledger = rows): Promise<unknown> {
  return eventually("all room is given back, and the folder has what the ledger has", async () => {
    const writing = ledger.query("SELECT id FROM objects WHERE state = 'writing'");
    if (writing.length > 0 || ledger.query("SELECT id FROM deletions").length > 0) return false;
    try {
      const keys = ledger.query("SELECT key FROM objects").map((o) => o.key);
      return mediaFiles(server).sort().join() === keys.sort().join();
    } catch {
      return false; // a folder went while it was read
    }
  });
}

describe("what is taken", () => {
  test("[UP-1] every sub-type is answered with its link, key, size, type and UUID", async () => {
    for (const subType of SUB_TYPES) {
      const file = subType === "oc-gallery-video" ? film("mp4") : png(3, 2);
      const { status, body } = await upload(ann, subType, file, "日落.png");
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.size, file.length);
      assert.equal(body.mime, subType === "oc-gallery-video" ? "video/mp4" : "image/png");
      assert.equal(body.sub_type, subType);
      if (subType === "reference") assert.equal(body.upload_uuid, null);
      else assert.match(body.upload_uuid, UUID);
      const [width, height] = subType === "oc-gallery-video" ? [64, 48] : [3, 2];
      assert.deepEqual([body.width, body.height], [width, height]);
      assert.equal(sha256(await bytesOf(body.url)), sha256(file));
    }
    await settled();
  });

  test("[UP-2] keys name the owner, the kind, the month and a UUID", async () => {
    const month = new Date().toISOString().slice(0, 7).replace("-", "/");
    const tail = "[0-9a-f-]{36}\\.png$";
    const { body: avatar } = await upload(ann, "oc-avatar", png());
    assert.match(avatar.key, new RegExp(`^uploads/${ann.user.uuid}/oc-avatar/${month}/${tail}`));
    const { body: reference } = await upload(ann, "reference", png());
    assert.match(reference.key, new RegExp(`^reference/${ann.user.uuid}/${month}/${tail}`));
  });

  test("[UP-5] the type of an image and the size that is shown are read from its bytes", async () => {
    const files: [Buffer, string, number, number][] = [
      [png(640, 480), "image/png", 640, 480],
      [jpeg(31, 17), "image/jpeg", 31, 17],
      [jpeg(31, 17, 700_000), "image/jpeg", 31, 17],
      [held(jpeg(31, 17), 3), "image/jpeg", 31, 17],
      [held(jpeg(31, 17), 6), "image/jpeg", 17, 31],
      [GIF, "image/gif", 1, 1],
      [WEBP.lossy, "image/webp", 1, 1],
      [WEBP.lossless, "image/webp", 1, 1],
      [WEBP.extended, "image/webp", 640, 480],
    ];
    for (const [file, mime, width, height] of files) {
      const { status, body } = await upload(ann, "oc-gallery", file, "a.txt");
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual([body.mime, body.width, body.height, body.duration], [mime, width, height, null]);
    }
  });

  test("[UP-5] a video has its size, its length and a poster", async () => {
    for (const format of ["mp4", "webm", "mov"] as const) {
      const { status, body } = await upload(ann, "oc-gallery-video", film(format), "a.bin");
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.mime, { mp4: "video/mp4", webm: "video/webm", mov: "video/quicktime" }[format]);
      assert.deepEqual([body.width, body.height], [64, 48]);
      assert.ok(Math.abs(body.duration - 1) < 0.3, String(body.duration));
      const poster = await fetch(body.poster_url);
      assert.equal(poster.headers.get("content-type"), "image/jpeg");
    }
    assert.equal(stored(ann).filter((o) => o.counter === "free").length, 3);
  });

  test("[UP-7] a file of 30 MB comes whole while the server's memory stays small", async () => {
    const file = mp4ish(30_000_000);
    const memory = () => readRss(kinora.pid);
    const before = memory();
    const { status, body } = await upload(ann, "oc-gallery-video", file);
    assert.equal(status, 200, JSON.stringify(body));
    assert.ok(memory() - before < 20_000, `${memory() - before} KiB more`);
    assert.equal(sha256(await bytesOf(body.url)), sha256(file));
    const [{ checksum }] = rows.query(`SELECT checksum FROM objects WHERE key = '${body.key}'`);
    assert.equal(checksum, sha256(file));
  });
});

describe("what is refused", () => {
  test(`[UP-5] ${HOSTILE.length} hostile uploads are refused in English or stored as what they are`, async () => {
    const files = new Map<string, string>();
    assert.ok(HOSTILE.length >= 150);
    await Promise.all(
      [0, 1, 2, 3, 4, 5, 6, 7].map(async (lane) => {
        for (const { title, body, headers, query = "", refused, stored: type } of HOSTILE.filter((_, i) => i % 8 === lane)) {
          const answer = await post(ann, body, headers, `/api/upload${query}`);
          try {
            if (refused) assertError(answer, ...refused);
            else assert.deepEqual([answer.status, answer.body?.mime], [200, type], JSON.stringify(answer.body));
          } catch (error) {
            throw new Error(`${title}: ${(error as Error).message}`);
          }
          if (type) files.set(answer.body.key, answer.body.url);
        }
      }),
    );
    const kept = stored(ann).filter((o) => !/poster/.test(o.key)).map((o) => o.key).sort();
    assert.deepEqual(kept, [...files.keys()].sort());
    for (const key of kept) assert.match(key, /^(reference|uploads)\/[0-9a-f-]{36}\/[a-z0-9/-]+\.(png|jpg|gif|webp|mp4|webm)$/);
    // No browser is to make a page of any of them.
    for (const url of files.values()) {
      const answer = await fetch(url);
      assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
      assert.match(answer.headers.get("content-security-policy") ?? "", /sandbox/);
      await answer.arrayBuffer();
    }
    await settled();
  });

  test("[UP-5] a file over its limit is refused while it comes, stated or not", async () => {
    await admin.ask("PATCH", "/api/v1/admin/settings", { upload_image_max_bytes: 300_000 });
    try {
      assertError(await upload(ann, "oc-gallery", png(3, 2, 300_000)), 413, "file_too_large");
      assert.equal((await upload(ann, "oc-gallery", png(3, 2, 299_000))).status, 200);
      // Chunked, without an end: the refusal comes all the same.
      const refused = await endless(ann, "oc-gallery", png(3, 2, 1));
      assert.match(refused, /^HTTP\/1\.1 413 [^]*file_too_large/);
    } finally {
      await admin.ask("PATCH", "/api/v1/admin/settings", { upload_image_max_bytes: null });
    }
    await settled();
  });

  test("[UP-6] whoever is not signed in sends nothing, and hears it in English", async () => {
    const body = fileForm("oc-avatar", png());
    const headers = { "content-type": `multipart/form-data; boundary=${BOUNDARY}`, "accept-language": "zh" };
    assertError(await send(kinora.url, "POST", "/api/upload", { headers, body }), 401, "unauthenticated");
    assertError(await send(kinora.url, "GET", "/api/upload", { headers }), 405, "method_not_allowed");
  });

  test("[UP-7] of a client that leaves nothing is left", async () => {
    const body = fileForm("oc-gallery", png(3, 2, 500_000));
    await Promise.all([1000, 66_000, 300_000, body.length - 3].map((n) => leave(ann, body, n)));
    await settled();
    assert.deepEqual(stored(ann), []);
  });
});

describe("room", () => {
  test("[SG-6] [UP-6] of 64 uploads at once one fits, when there is room for one", async () => {
    const file = png(3, 2, 40_000);
    await admin.ask("PATCH", "/api/v1/admin/settings", { upload_quota_enabled: true, upload_quota_bytes: file.length });
    try {
      const answers = await Promise.all(Array.from({ length: 64 }, () => upload(ann, "oc-gallery", file)));
      assert.equal(answers.filter((a) => a.status === 200).length, 1);
      for (const answer of answers.filter((a) => a.status !== 200)) assertError(answer, 413, "upload_quota_exceeded");
      assert.equal(answers.find((a) => a.status !== 200)!.body.error.message, "Upload quota exceeded");
      await settled();
      assert.deepEqual(stored(ann).map((o) => o.size), [file.length]);
      // What does not count has room.
      assert.equal((await upload(ann, "reference", file)).status, 200);
      assert.equal((await upload(ann, "user-avatar", file)).status, 200);
    } finally {
      await admin.ask("PATCH", "/api/v1/admin/settings", { upload_quota_enabled: null, upload_quota_bytes: null });
    }
  });

  test("[SG-6] [UP-7] killed at any step, an upload is whole or has never been", async () => {
    const own = await Kinora.start();
    try {
      const person = await own.admin();
      const ledger = new Rows(own);
      const body = fileForm("oc-gallery", png(3, 2, 600_000));
      for (const n of [70_000, body.length - 2, body.length]) {
        const left = leave(person, body, n, "stays");
        await eventually("the file is being written", async () => ledger.query("SELECT id FROM objects").length > 0);
        await own.kill();
        await left;
        await own.launch();
        ledger.passLeases();
        await settled(own, ledger);
        const kept = ledger.query("SELECT o.key, o.size FROM objects o JOIN generations g ON g.object_id = o.id");
        assert.equal(ledger.one("SELECT COUNT(*) AS n FROM objects").n, kept.length);
        for (const { key } of kept) {
          const { data } = await person.ask("GET", "/api/uploads/list");
          assert.ok(data.some((u: any) => u.key === key));
          await person.ask("DELETE", `/api/uploads/${data[0].upload_uuid}`);
        }
        await settled(own, ledger);
      }
    } finally {
      await own.stop();
    }
  });
});

// ---- clients that no library plays

const head = (person: Person, framing: string) =>
  `POST /api/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${person.token}\r\n` +
  `Content-Type: multipart/form-data; boundary=${BOUNDARY}\r\n${framing}\r\n\r\n`;

function dial(person: Person) {
  const { hostname, port } = new URL(person.kinora.url);
  return connect(Number(port), hostname).on("error", () => undefined);
}

// Sends so much of a body and then leaves, or stays until the server does.
async function leave(person: Person, body: Buffer, n: number, then?: "stays"): Promise<void> {
  const socket = dial(person);
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.resume();
  await new Promise((resolve) => socket.write(head(person, `Content-Length: ${body.length}`), resolve));
  await new Promise((resolve) => socket.write(body.subarray(0, n), resolve));
  if (!then) socket.destroy();
  await closed;
}

// A file that does not end; the answer that comes all the same.
async function endless(person: Person, subType: string, first: Buffer): Promise<string> {
  const socket = dial(person);
  const opening = form([...fields(subType), { filename: "a.png", body: first }], BOUNDARY, "");
  const piece = (bytes: Buffer) => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
  let answer = "";
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("data", (bytes) => (answer += bytes));
  socket.write(head(person, "Transfer-Encoding: chunked"));
  socket.write(piece(opening.subarray(0, opening.length - 2)));
  while (!answer.includes("\r\n\r\n") && !socket.destroyed) {
    const more = socket.write(piece(Buffer.alloc(16_000, 7)));
    await new Promise((resolve) => (more ? setImmediate(resolve) : socket.once("drain", resolve).once("close", resolve)));
  }
  socket.end();
  await closed;
  return answer;
}
