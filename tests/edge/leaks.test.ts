// SPDX-License-Identifier: Apache-2.0
// Thousands of calls that nobody waits for: nothing of them stays. 2,000 under the sanitizers, whose
// leak check ends the run; 100,000 on the release build with KINORA_FULL=1, where descriptors and
// memory are compared.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, Kinora } from "../lib/kinora.ts";
import { addAccount } from "./account.ts";
import {
  ask,
  Caller,
  chatBody,
  chatHead,
  descriptors,
  LEAVINGS,
  residentKib,
  underWay,
  Upstream,
} from "./wire.ts";

const RELEASE = /release/.test(process.env.KINORA_BIN ?? "");
const COUNT = RELEASE && process.env.KINORA_FULL === "1" ? 100_000 : 2_000;
const AT_ONCE = 24;
const SLOTS = 8; // so that most stand in line at first
const RSS_KIB = 4096; // the allocator's own slack

const silent = chatBody("silent");
const streamed = chatBody("streamed");
const large = chatBody("silent", 3 << 20).subarray(0, 2 << 20);

// Brings a call to a point of its life, by its number.
async function reach(kinora: Kinora, key: string, n: number): Promise<Caller> {
  const stage = n % 40;
  if (stage >= 20) {
    const caller = await ask({ kinora, key }, streamed);
    await caller.saw("first");
    return caller;
  }
  if (stage >= 4) return ask({ kinora, key }, silent);
  const caller = await Caller.connect(kinora.url);
  const head = chatHead(key, 3 << 20);
  if (stage === 0) await caller.send(head.slice(0, 60));
  else if (stage === 1) await caller.send(Buffer.concat([Buffer.from(head), large]));
  else if (stage === 2) await caller.send(head + "{");
  return caller;
}

async function abandon(kinora: Kinora, key: string, from: number, to: number): Promise<void> {
  let next = from;
  const one = async () => {
    while (next < to) {
      const n = next++;
      const caller = await reach(kinora, key, n);
      const how = LEAVINGS[Math.floor(n / 40) % 3];
      caller.leave(how);
      if (how === "half-closes") await caller.over;
      caller.socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

// But for the database: each worker opens it when it is first asked for something. Sockets are
// numbered; what else is open has a name.
function open(kinora: Kinora): string[] {
  return descriptors(kinora.pid)
    .filter((to) => !/kinora\.db(-wal|-shm)?$/.test(to))
    .map((to) => to.replace(/\d+/g, "N"))
    .sort();
}

test(`[GW-7] ${COUNT} abandoned calls leave nothing behind`, async (t) => {
  const kinora = await Kinora.start({ args: ["--log-level", "error"] });
  t.after(() => kinora.stop());
  const admin = await kinora.admin();
  const key = await admin.key();
  const quiet = await Upstream.start(() => {}, { keeps: false });
  const talking = await Upstream.start((visit) => void visit.begin(), { keeps: false });
  t.after(() => (quiet.stop(), talking.stop()));
  await addAccount(admin, quiet.port, "silent", { concurrency: SLOTS });
  await addAccount(admin, talking.port, "streamed", { concurrency: SLOTS });
  const calm = async () => {
    await underWay(kinora, 0);
    await eventually("the upstreams are left", async () => quiet.open + talking.open === 0, 60);
  };

  // What is opened once is open now.
  await abandon(kinora, key, 0, Math.max(COUNT / 20, 400));
  await calm();
  const files = await eventually("quiet", async () => open(kinora));
  const kib = residentKib(kinora.pid);

  await abandon(kinora, key, 0, COUNT);
  await calm();
  const asBefore = async () => open(kinora).length <= files.length;
  await eventually("no more is open than before", asBefore).catch(() =>
    assert.deepEqual(open(kinora), files),
  );
  const kibThen = residentKib(kinora.pid);
  console.log(
    `# ${COUNT} calls: ${files.length} descriptors both times; ${kib} KiB, then ${kibThen}`,
  );
  if (RELEASE) assert.ok(kibThen <= kib + RSS_KIB, `${kib} KiB, then ${kibThen}`);
});
