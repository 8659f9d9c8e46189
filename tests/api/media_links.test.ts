// SPDX-License-Identifier: Apache-2.0
// Files of the store by their signed links, as impatient players ask for them.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { Kinora, type Person, eventually } from "../lib/kinora.ts";

let demo: Demo;
let kinora: Kinora;
let admin: Person;

before(async () => {
  demo = await Demo.start("--speed", "100", "--plain-media", "--api-key", "demo-key");
  kinora = await Kinora.start();
  admin = await kinora.admin();
  await admin.account(demo, "videos");
});

after(async () => {
  await kinora.stop();
  await demo.stop();
});

// Descriptors that the server has open on files of the store.
function openMedia(): number {
  const folder = `/proc/${kinora.pid}/fd`;
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).includes("/media/sora/");
    } catch {
      return false;
    }
  }).length;
}

// Asks, and is gone before anything can have been answered.
async function askAndLeave(link: URL): Promise<void> {
  const socket = connect(Number(link.port), link.hostname);
  await once(socket, "connect");
  socket.write(`GET ${link.pathname} HTTP/1.1\r\nHost: ${link.host}\r\n\r\n`);
  await new Promise((resolve) => setImmediate(resolve));
  socket.resetAndDestroy();
}

test("[SG-4] players that leave before the answer leave no open file behind", async () => {
  const id = await admin.generate("impatient");
  const work = await admin.ended(id);
  assert.equal(work.storage_type, "local");
  const link = new URL(work.media_url!);
  for (let round = 0; round < 20; round++)
    await Promise.all(Array.from({ length: 50 }, () => askAndLeave(link)));
  await eventually("every file is closed", async () => openMedia() === 0, 15);
  assert.equal((await fetch(link)).status, 200);
});

test("[SG-4] a file's link opens it under its own name alone", async () => {
  const work = await admin.ended(await admin.generate("by its name"));
  const link = new URL(work.media_url!);
  assert.equal((await fetch(link)).status, 200);
  for (const name of ["other.mp4", "x", "kinora-1-1.mp4.exe"]) {
    const answer = await fetch(new URL(name, link));
    assert.equal(answer.status, 403, name);
    assert.equal((await answer.json()).error.code, "bad_link");
  }
});
