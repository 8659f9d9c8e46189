// SPDX-License-Identifier: Apache-2.0
// Presigned links: what they open, and everything that is near them does not.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Kinora, type Person } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";
import { Bucket, gateway, type Gateway } from "../lib/s3.ts";
import { Source } from "../lib/source.ts";

let gate: Gateway;
let source: Source;
let kinora: Kinora;
let admin: Person;

before(async () => {
  gate = await gateway();
  source = await Source.start();
  kinora = await Kinora.start();
  admin = await kinora.admin();
  await source.account(admin);
  const bucket = await Bucket.make(gate);
  await admin.ask("PATCH", "/api/v1/admin/settings", bucket.settings());
});

after(async () => {
  await stopAll(kinora, source);
  gate.stop();
});

test("[SG-4] [V-14] a link with any part changed, for another method or past its day opens nothing", async () => {
  const work = async (prompt: string) => admin.ended(await admin.generate(prompt));
  const [one, other] = [await work("size=1000 linked"), await work("size=1000 another")];
  const link = one.media_url!;
  assert.equal((await fetch(link)).status, 200);
  const at = (change: (url: URL) => void) => {
    const url = new URL(link);
    change(url);
    return url;
  };
  const past = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().replace(/[-:]|\.\d+/g, "");
  const turned = (text: string) => (text.startsWith("0") ? "1" : "0") + text.slice(1);
  const changed: [string, URL][] = [
    ["another work's key", at((u) => (u.pathname = new URL(other.media_url!).pathname))],
    ["no signature", at((u) => u.searchParams.delete("X-Amz-Signature"))],
    ["a day in the past", at((u) => u.searchParams.set("X-Amz-Date", past(2)))],
    ["a parameter more", at((u) => u.searchParams.set("response-content-type", "text/html"))],
    ...[...new URL(link).searchParams].map(([name, value]): [string, URL] =>
      [name, at((u) => u.searchParams.set(name, name.endsWith("Signature") ? turned(value) : `${value}1`))]),
  ];
  assert.ok(changed.length >= 10, "every part of a link");
  for (const [what, url] of changed) {
    const { status } = await fetch(url);
    assert.ok(status === 403 || status === 400, `${what}: ${status}`);
  }
  for (const method of ["PUT", "DELETE", "POST"]) {
    const { status } = await fetch(link, { method });
    assert.ok(status >= 400 && status < 500, `${method}: ${status}`);
  }
  assert.equal((await fetch(link)).status, 200, "it is all there still");
  // Each answer has fresh ones, so that what was opened long ago is opened again.
  const fresh = await admin.generation(one.id);
  assert.equal((await fetch(fresh.media_url!)).status, 200);
});
