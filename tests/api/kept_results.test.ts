// SPDX-License-Identifier: Apache-2.0
// Pictures that an upstream gave as bytes lie with us only as long as somebody may ask for them,
// and only so many of them.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";

let demo: Demo;
let kinora: Kinora;
let admin: Person;
let key: string;
let rows: Rows;
const GIB = 2 ** 30;

before(async () => {
  demo = await Demo.start("--speed", "100", "--api-key", "demo-key");
  kinora = await Kinora.start();
  admin = await kinora.admin();
  rows = new Rows(kinora);
  await admin.account(demo, "videos", { models: ["gpt-image"] });
  key = await admin.key();
});

after(() => stopAll(kinora, demo));

async function image(prompt: string, once?: string) {
  const answer = await fetch(`${kinora.url}/v1/images/generations`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      ...(once ? { "idempotency-key": once } : {}),
    },
    body: JSON.stringify({ model: "gpt-image", prompt, response_format: "b64_json" }),
  });
  return { status: answer.status, body: (await answer.json()) as any };
}

const kept = () => rows.query("SELECT id FROM objects WHERE key LIKE 'results/%' ORDER BY id").map((o) => o.id);

function files(): number {
  const all = readdirSync(join(kinora.data, "media"), { recursive: true, withFileTypes: true });
  return all.filter((f) => f.isFile() && f.parentPath.includes("/results/")).length;
}

test("[GW-3] [GW-10] what was delivered and cannot be asked for again does not stay", async () => {
  const made = await image("a boat");
  assert.equal(Buffer.from(made.body.data[0].b64_json, "base64").subarray(1, 4).toString(), "PNG");
  assert.deepEqual(kept(), []);
  await eventually("no file is left", async () => files() === 0);
});

test("[GW-11] under a key it stays, the newest 2 GiB of a user's; what had to go says so", async () => {
  const first = await image("one", "key-1");
  assert.deepEqual((await image("one", "key-1")).body, first.body);
  const [one] = kept();
  rows.change(`UPDATE objects SET size = ${GIB} WHERE id = ${one}`);
  const second = await image("two", "key-2");
  assert.equal(second.status, 200);
  assert.deepEqual(kept().length, 2);
  rows.change(`UPDATE objects SET size = ${2 * GIB} WHERE id = ${one}`);
  await image("three", "key-3");
  assert.equal(kept().length, 2);
  assert.ok(!kept().includes(one));
  const gone = await image("one", "key-1");
  assert.deepEqual([gone.status, gone.body.error.code], [410, "result_gone"]);
  assert.deepEqual((await image("two", "key-2")).body, second.body);
});

test("[GW-3] where everybody's fill their room, the next call waits", async () => {
  const [one] = kept();
  rows.change(`UPDATE objects SET size = ${16 * GIB} WHERE id = ${one}`);
  const full = await image("four", "key-4");
  assert.deepEqual([full.status, full.body.error.code], [429, "queue_full"]);
  rows.change(`UPDATE objects SET lease_until = NULL WHERE id = ${one}`);
  assert.equal((await image("four", "key-4")).status, 200);
});
