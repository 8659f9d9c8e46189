// SPDX-License-Identifier: Apache-2.0
// Small pictures of large ones, and the programs that are started to make them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { Kinora, type Generation, type Person } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";

let kinora: Kinora;
let demo: Demo;
let admin: Person;
const folder = mkdtempSync(join(tmpdir(), "kinora-programs-"));
const started = join(folder, "started");

// In front of the true ones, they write down that they were started.
before(async () => {
  for (const name of ["ffmpeg", "ffprobe"]) {
    const program = join(folder, name);
    const path = spawnSync("which", [name], { encoding: "utf8" }).stdout.trim();
    writeFileSync(program, `#!/bin/sh\necho ${name} >>${started}\nexec ${path} "$@"\n`);
    chmodSync(program, 0o755);
  }
  demo = await Demo.start("--speed", "200");
  kinora = await Kinora.start({ env: { PATH: `${folder}:${process.env.PATH}` } });
  admin = await kinora.admin();
  await admin.account(demo, "videos");
});

after(async () => {
  await stopAll(kinora, demo);
  rmSync(folder, { recursive: true });
});

// A WebP (RFC 9649, 3.1) of one colour: its codes have no bits, whatever its size.
function webp(width: number, height: number): Buffer {
  const file = Buffer.alloc(32);
  file.write("RIFF\x18\0\0\0WEBPVP8L\x0c\0\0\0\x2f", "latin1");
  const size = (BigInt(height - 1) << 14n) | BigInt(width - 1);
  file.writeBigUInt64LE(size | (0x11111n << 35n), 21);
  return file;
}

// What becomes of a picture, and what is started for it.
async function store(picture: Buffer): Promise<{ work: Generation; programs: string[] }> {
  const json = { created: 1, data: [{ b64_json: picture.toString("base64") }] };
  rmSync(started, { force: true });
  await demo.fault({ name: "picture", route: "images", json });
  const work = await admin.ended(await admin.generate("a picture", { model: "gpt-image" }));
  assert.deepEqual([work.storage_type, work.file_size_bytes], ["local", picture.length]);
  const programs = existsSync(started) ? readFileSync(started, "utf8").trim().split("\n") : [];
  return { work, programs };
}

test("[ST-4] a picture wider than a list shows has a small one beside it", async () => {
  const { work, programs } = await store(webp(1000, 500));
  assert.deepEqual([work.width, work.height], [1000, 500]);
  const small = Buffer.from(await (await fetch(work.poster_url as string)).arrayBuffer());
  assert.equal(small.toString("latin1", 8, 12), "WEBP");
  assert.deepEqual(programs, ["ffmpeg"]);
});

test("[ST-4] a file of 32 bytes that unpacks to a gigabyte is stored as it is, and decoded by nothing", async () => {
  for (const [width, height] of [[10_001, 10_000], [16_384, 16_384]]) {
    const { work, programs } = await store(webp(width, height));
    assert.deepEqual([work.width, work.height, work.poster_url], [width, height, null]);
    assert.deepEqual(programs, []);
  }
});
