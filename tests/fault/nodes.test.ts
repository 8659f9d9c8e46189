// SPDX-License-Identifier: Apache-2.0
// Two nodes on one PostgreSQL, each with a data folder of its own.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { cpSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settled } from "../lib/invariants.ts";
import { eventually, Kinora, Person } from "../lib/kinora.ts";
import { LossyLine } from "./lossy_line.ts";
import { FULL, newDatabase, POSTGRES, World } from "./world.ts";

const skip = POSTGRES ? false : "needs KINORA_TEST_POSTGRES";

// A second node: the same keys, no media.
async function secondNode(w: World, { shared = false } = {}): Promise<Kinora> {
  const data = mkdtempSync(join(tmpdir(), "kinora-node-"));
  cpSync(w.kinora.data, data, { recursive: true, filter: (from) => !from.endsWith("/media") });
  if (shared) symlinkSync(join(w.kinora.data, "media"), join(data, "media"));
  return Kinora.start({ data, database: w.kinora.database, args: ["--drain", "5"] });
}

async function pair(t: TestContext, how = {}) {
  const w = await World.start({ engine: "postgres" });
  await w.person.account(w.demo, "videos");
  await w.person.account(w.demo, "chat", { models: ["by-chat"] });
  const other = await secondNode(w, how);
  t.after(() => other.stop().finally(() => w.stop()));
  const there = new Person(other, w.person.token, w.person.user);
  return { w, other, there };
}

// The node that holds a job's lease is found by its process: only the other one is killed.
test("[ST-3] each job runs exactly once on two nodes", { skip }, async (t) => {
  const { w, other } = await pair(t);
  const people = await Promise.all(
    Array.from({ length: 6 }, (_, i) => w.person.member(`p${i}@example.org`)),
  );
  const ids: [Person, number][] = [];
  for (const [i, person] of people.entries()) {
    const at = new Person(i % 2 ? other : w.kinora, person.token, person.user);
    for (let n = 0; n < 2; n++)
      ids.push([at, await at.generate(`p${i} n${n}`, n ? { model: "by-chat" } : {})]);
  }
  for (const [person, id] of ids) assert.equal((await person.ended(id)).status, "completed");
  await settled([w.kinora, other], w.demo);
});

test("[AC-1] an account's limit holds over two nodes", { skip }, async (t) => {
  const { w, other } = await pair(t);
  const { data } = await w.person.ask("GET", "/api/v1/admin/accounts");
  const videos = data.find((a: { dialect: string }) => a.dialect === "videos");
  await w.person.ask("PATCH", `/api/v1/admin/accounts/${videos.id}`, { concurrency: 1 });
  await w.demo.fault({ route: "videos.create", times: 0, job: { duration_ms: 500 } });
  const people = await Promise.all(
    Array.from({ length: 3 }, (_, i) => w.person.member(`one${i}@example.org`)),
  );
  const ids = await Promise.all(people.flatMap((person, i) => [w.kinora, other].map(async (node) => {
    const at = new Person(node, person.token, person.user);
    return [at, await at.generate(`one ${i}`)] as [Person, number];
  })));
  let most = 0;
  const count = "SELECT COUNT(*) AS n FROM jobs WHERE state IN ('submitting', 'streaming', 'polling')";
  await eventually("the end of all", async () => {
    most = Math.max(most, (await w.demo.state()).jobs.active, Number(w.rows.one(count).n));
    return w.rows.query("SELECT id FROM jobs WHERE state <> 'ended'").length === 0;
  }, 90);
  for (const [person, id] of ids) assert.equal((await person.generation(id)).status, "completed");
  assert.equal(most, 1);
  await settled([w.kinora, other], w.demo);
});

test("[ST-3] a job survives the kill -9 of the node that polls it", { skip }, async (t) => {
  const { w, other, there } = await pair(t);
  await w.demo.fault({ route: "videos.get", hold: true, times: 1 });
  const id = await w.person.generate("survives");
  await w.demo.until((s) => s.open.held > 0);
  // Nobody can tell from outside which of them asks: one after the other dies and comes back.
  await w.kinora.kill();
  const first = await there.until(id, (g) => g.status !== "pending", 10);
  assert.ok(["generating", "completed"].includes(first.status));
  assert.equal((await there.ended(id, 60)).status, "completed");
  await w.demo.release();
  await w.again();
  await settled([w.kinora, other], w.demo);
});

test("[ST-5] a cancellation on one node reaches the job on the other", { skip }, async (t) => {
  const { w, other, there } = await pair(t);
  await w.demo.fault({ route: ["videos.create", "chat"], times: 0, job: { duration_ms: 60000 } });
  for (const [person, more] of [[w.person, {}], [there, {}], [w.person, { model: "by-chat" }],
    [there, { model: "by-chat" }]] as [Person, object][]) {
    const id = await person.generate(`cancel ${Math.random()}`, more);
    await person.until(id, (g) => g.status === "generating");
    const far = person === there ? w.person : there;
    await w.demo.until((s) => s.jobs.active === 1);
    await far.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
    await w.demo.until((s) => s.jobs.active === 0);
  }
  await eventually("free slots", async () => {
    const { data } = await w.person.ask("GET", "/api/v1/admin/accounts");
    const remote = await there.ask("GET", "/api/v1/admin/accounts");
    return [...data, ...remote.data].every((a: { in_flight: number }) => a.in_flight === 0);
  });
  await settled([w.kinora, other], w.demo);
});

test("[ST-3] a commit whose answer was lost is not done twice", { skip }, async (t) => {
  const real = new URL(newDatabase());
  const line = await LossyLine.start(real);
  const near = new URL(real);
  near.port = String(line.port);
  const w = await World.start({ engine: "postgres", database: near.toString() });
  t.after(() => w.stop().finally(() => line.stop()));
  await w.person.account(w.demo, "videos");
  for (let i = 0; i < (FULL ? 6 : 3); i++) {
    const route = ["videos.create", "videos.get", "media"][i % 3];
    await w.demo.fault({ route: route === "media" ? ["media", "videos.content"] : route, hold: true });
    const id = await w.person.generate(`lossy ${i}`);
    await w.demo.until((s) => s.open.held > 0).catch((error) => {
      const rows = JSON.stringify(w.rows.query("SELECT * FROM jobs"));
      throw new Error(`round ${i}: ${error.message}\n${rows}\n${w.kinora.log}`);
    });
    line.loseNext(true);
    await w.demo.release();
    const g = await w.person.ended(id, 90).catch(() => w.person.ended(id, 60));
    assert.equal(g.status, "completed", JSON.stringify(g));
    line.loseNext(false);
  }
  assert.ok(line.lost > 1, `${line.lost} answers were lost`);
  w.rows.passLeases();
  await settled(w.kinora, w.demo, 60);
});

const diskOf = async (person: Person): Promise<boolean> =>
  (await person.ask("GET", "/api/v1/sora/storage-status")).local_enabled;

test("[SG-5] on nodes with a folder each no work goes to a disk that the other cannot read", { skip }, async (t) => {
  const { w, other, there } = await pair(t);
  await eventually("no disk", async () => !(await diskOf(w.person)) && !(await diskOf(there)));
  for (const person of [w.person, there]) {
    const g = await person.ended(await person.generate("nowhere to lie"));
    assert.deepEqual([g.status, g.storage_type], ["completed", "upstream"], JSON.stringify(g));
  }
  await other.stop({ keep: true });
  await eventually("the disk of the only node", () => diskOf(w.person));
  const g = await w.person.ended(await w.person.generate("on the disk"));
  assert.equal(g.storage_type, "local");
  // What it has stays its own to remove: the other, back again, leaves it alone.
  await other.launch();
  await eventually("no disk", async () => !(await diskOf(w.person)));
  await there.ask("DELETE", `/api/v1/sora/generations/${g.id}`);
  await settled([w.kinora, other], w.demo);
});

test("[SG-5] nodes that share a folder know it by its mark, and either gives out what the other stored", { skip }, async (t) => {
  const { w, there } = await pair(t, { shared: true });
  assert.equal(w.rows.query("SELECT id FROM nodes").length, 2);
  assert.equal(w.rows.query("SELECT DISTINCT store_id FROM nodes").length, 1);
  for (const person of [w.person, there]) {
    const g = await person.ended(await person.generate("for both"));
    assert.equal(g.storage_type, "local", JSON.stringify(g));
    for (const at of [w.person, there]) {
      const { media_url: url } = await at.generation(g.id);
      assert.equal((await fetch(url!)).status, 200);
    }
  }
});
