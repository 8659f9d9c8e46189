// SPDX-License-Identifier: Apache-2.0
// Two nodes on one PostgreSQL, each with a data folder of its own.
import assert from "node:assert/strict";
import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { test } from "node:test";
import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settled } from "../lib/invariants.ts";
import { eventually, Kinora, Person } from "../lib/kinora.ts";
import { newDatabase, POSTGRES, World } from "./world.ts";

const skip = POSTGRES ? false : "needs KINORA_TEST_POSTGRES";

// A second node: the same keys, no media.
async function secondNode(w: World): Promise<Kinora> {
  const data = mkdtempSync(join(tmpdir(), "kinora-node-"));
  cpSync(w.kinora.data, data, { recursive: true, filter: (from) => !from.endsWith("/media") });
  return Kinora.start({ data, database: w.kinora.database, args: ["--drain", "5"] });
}

async function pair() {
  const w = await World.start({ engine: "postgres" });
  await w.person.account(w.demo, "videos");
  await w.person.account(w.demo, "chat", { models: ["by-chat"] });
  const other = await secondNode(w);
  const there = new Person(other, w.person.token, w.person.user);
  return { w, other, there };
}

// The node that holds a job's lease is found by its process: only the other one is killed.
test("[ST-3] each job runs exactly once on two nodes", { skip }, async () => {
  const { w, other, there } = await pair();
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
  assert.ok(there);
  await other.stop();
  await w.stop();
});

test("[ST-3] a job survives the kill -9 of the node that polls it", { skip }, async () => {
  const { w, other, there } = await pair();
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
  await other.stop();
  await w.stop();
});

test("[ST-5] a cancellation on one node reaches the job on the other", { skip }, async () => {
  const { w, other, there } = await pair();
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
  await other.stop();
  await w.stop();
});

// Passes bytes on, and can lose the answer to a COMMIT.
class LossyLine {
  lose = false;
  lost = 0;
  private readonly server: Server;
  private constructor(server: Server) {
    this.server = server;
  }

  static async start(to: URL): Promise<LossyLine> {
    const server = createServer();
    const line = new LossyLine(server);
    server.on("connection", (near: Socket) => {
      const far = connect(Number(to.port), to.hostname);
      for (const s of [near, far]) s.on("error", () => {});
      near.on("data", (piece) => {
        far.write(piece);
        if (!line.lose || !piece.includes("COMMIT")) return;
        line.lose = false;
        line.lost++;
        far.removeAllListeners("data");
        setTimeout(() => near.destroy(), 100);
      });
      far.on("data", (piece) => near.write(piece));
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return line;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  stop(): void {
    this.server.close();
  }
}

test("[ST-3] a commit whose answer was lost is not done twice", { skip }, async () => {
  const real = new URL(newDatabase());
  const line = await LossyLine.start(real);
  const near = new URL(real);
  near.port = String(line.port);
  const w = await World.start({ engine: "postgres", database: near.toString() });
  await w.person.account(w.demo, "videos");
  for (let i = 0; i < 6; i++) {
    const route = ["videos.create", "videos.get", "media"][i % 3];
    await w.demo.fault({ route: route === "media" ? ["media", "videos.content"] : route, hold: true });
    const id = await w.person.generate(`lossy ${i}`);
    await w.demo.until((s) => s.open.held > 0);
    line.lose = true;
    await w.demo.release();
    const g = await w.person.ended(id, 90).catch(() => w.person.ended(id, 60));
    assert.equal(g.status, "completed", JSON.stringify(g));
    line.lose = false;
  }
  assert.ok(line.lost > 0);
  w.rows.passLeases();
  await settled(w.kinora, w.demo, 60);
  await w.stop();
  line.stop();
});
