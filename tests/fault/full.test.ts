// SPDX-License-Identifier: Apache-2.0
// A disk that is full from one byte of a file on, wherever that is: what was being made falls back or
// is refused in words, nothing is left, and the same process goes on as soon as there is room.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { mediaFiles, settled } from "../lib/invariants.ts";
import { assertError } from "../lib/raw.ts";
import { Source } from "../lib/source.ts";
import { png, upload } from "../lib/uploads.ts";
import { FULL, World } from "./world.ts";

const SIZE = 200_000;
// Where things begin and end, and where nothing does.
const BYTES = [0, 1, 63, 64, 65, 511, 512, 4095, 4096, 4097, 8191, 16_384, 32_768, 65_535, 65_536, 99_999,
  131_072, 180_001, SIZE - 2, SIZE - 1];
const GATE = [0, 64, 4097, SIZE - 1];

let w: World;
let source: Source;

before(async () => {
  source = await Source.start();
  w = await World.start();
  await source.account(w.person);
});
after(async () => {
  await w.stop();
  await source.stop();
});
beforeEach(() => w.stopAt());

test("[SG-5] [V-3] a disk that is full at any byte of a work leaves the upstream's link, and nothing else", async () => {
  for (const at of FULL ? BYTES : GATE) {
    w.stopAt(`write .mp4 @${at} ENOSPC`);
    const g = await w.person.ended(await w.person.generate(`size=${SIZE} full-at-${at}`));
    assert.deepEqual([g.status, g.storage_type, g.storage_reason], ["completed", "upstream", "disk_full"],
      `at byte ${at}`);
    assert.ok(source.film(`size=${SIZE} full-at-${at}`));
  }
  w.stopAt();
  await settled(w.kinora);
  assert.deepEqual(mediaFiles(w.kinora), []);
  assert.equal((await w.person.ask("GET", "/api/v1/sora/quota")).used_bytes, 0);
  const next = await w.person.ended(await w.person.generate(`size=${SIZE} room again`));
  assert.deepEqual([next.storage_type, next.file_size_bytes], ["local", SIZE]);
  await settled(w.kinora);
});

test("[SG-5] [UP-1] who waits for a full disk is told 507 at any byte, and is served when there is room", async () => {
  const picture = png(3, 2, SIZE - 80);
  for (const at of FULL ? BYTES : GATE) {
    w.stopAt(`write /media/ @${at} ENOSPC`);
    assertError(await upload(w.person, "oc-avatar", picture), 507, "disk_full");
  }
  const image_input = `data:image/png;base64,${picture.toString("base64")}`;
  const form = { model: "sora2-landscape-10s", prompt: "with a picture", image_input };
  const generate = () => w.person.call("POST", "/api/v1/sora/generate", form);
  assertError(await generate(), 507, "disk_full");
  w.stopAt();
  await settled(w.kinora);
  assert.equal((await upload(w.person, "oc-avatar", picture)).status, 200);
  const made = await generate();
  assert.equal(made.status, 202, JSON.stringify(made.body));
  await w.person.ended(made.body.generation_id);
  await settled(w.kinora);
});
