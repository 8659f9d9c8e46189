// SPDX-License-Identifier: Apache-2.0
// Back-pressure both ways: what Kinora holds stays small however unlike the two sides' paces are,
// and what passes is what was sent. KINORA_FULL=1 takes the largest bodies.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, describe, test } from "node:test";
import { eventually, sleep } from "../lib/kinora.ts";
import { addAccount } from "./account.ts";
import { site } from "./site.ts";
import { HOST } from "./table.ts";
import { addTaskAccount, mediaLink, mediaUpstream, task } from "./tasks.ts";
import {
  ask,
  Caller,
  chatBody,
  chatHead,
  residentKib,
  sha256,
  spooled,
  underWay,
  Upstream,
  within,
  type Visit,
} from "./wire.ts";

const FULL = process.env.KINORA_FULL === "1";
const MIB = 1 << 20;
const CAP_MIB = 320;

const at = site({
  args: ["--spool-mib", String(CAP_MIB)],
  // The sanitizer keeps what was freed, up to 256 MiB; here memory is measured.
  env: { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=1` },
});

// A test that fails leaves no call behind for the next.
const opened: { leave(): void }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) one.leave();
  await underWay(at.kinora, 0);
});

// What pour() sends, piece by piece.
function* poured(bytes: number): Generator<Buffer> {
  for (let at = 0, n = 0; at < bytes; at += 65536, n++)
    yield Buffer.alloc(Math.min(65536, bytes - at), `${n}. `);
}

// An answer of `bytes` bytes as fast as it is taken.
async function pour(visit: Visit, bytes: number): Promise<void> {
  await visit.send(
    `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`,
  );
  for (const piece of poured(bytes)) {
    if (!visit.socket.write(piece)) await Promise.race([visit.drained(), visit.left]);
    if (visit.socket.destroyed) return;
  }
}

// Until it has stood still for a second: a busy machine can only make this too early, which
// makes the test weaker and never red.
async function settled(value: () => number): Promise<number> {
  let last = value();
  for (let still = 0; still < 10;) {
    await sleep(100);
    const now = value();
    still = now === last ? still + 1 : 0;
    last = now;
  }
  return last;
}

describe("[GW-7] fast upstream, slow reader", () => {
  // Kinora holds 256 KiB at most for a client and 64 KiB of one read; the rest of what was sent
  // waits in the kernel's buffers of four sockets.
  const HELD_KIB = 320;
  const READERS = 16;

  test(`[GW-7, GW-9] ${READERS} readers of calls and as many of links, 200 MiB each at 10 kB/s: memory grows by the buffers alone`, async () => {
    const bytes = 200 * MIB;
    const sent: Visit[] = [];
    const onVisit = (visit: Visit) => {
      sent.push(visit);
      void visit.whole.then(() => pour(visit, bytes));
    };
    const direct = await Upstream.start(onVisit);
    const media = await mediaUpstream(onVisit);
    await addAccount(at.admin, direct.port, "poured", { concurrency: READERS });
    await addTaskAccount(at.admin, media.port, "linked");
    const body = chatBody("poured");
    const call = Buffer.concat([Buffer.from(chatHead(at.key, body.length)), body]);
    const link = Buffer.from(`GET ${await mediaLink(at, "linked")} HTTP/1.1\r\n${HOST}\r\n`);
    const before = residentKib(at.kinora.pid);
    const callers: Caller[] = [];
    for (let n = 0; n < 2 * READERS; n++) {
      const caller = await Caller.connect(at.kinora.url);
      caller.socket.pause();
      callers.push(caller);
      void caller.send(n < READERS ? call : link);
    }
    await direct.visit(READERS);
    await media.visit(1 + READERS);
    await Promise.all(callers.map((caller) => caller.readSlowly(10_000, 8)));
    const written = await settled(() => sent.reduce((sum, v) => sum + v.socket.bytesWritten, 0));
    const grown = residentKib(at.kinora.pid) - before;
    assert.ok(written < (2 * READERS * bytes) / 4, `the upstreams could send ${written} bytes`);
    assert.ok(grown < 2 * READERS * HELD_KIB * 2 + 8192, `memory grew by ${grown} KiB`);

    // One of each reads on, both at once, as who reads nothing for a minute is cut; each gets all of
    // it.  Which visit is whose cannot be told: what is sent is the same.
    const lasts = [callers[0], callers[READERS]];
    const whole = lasts.map((last) => last.saw(() => last.bodyBytes === bytes));
    for (const last of lasts) last.socket.resume();
    const hash = createHash("sha256");
    for (const piece of poured(bytes)) hash.update(piece);
    const right = hash.digest("hex");
    await Promise.all(whole);
    for (const last of lasts) assert.equal(last.hash.digest("hex"), right);
    for (const caller of callers) caller.socket.destroy();
    await underWay(at.kinora, 0);
    for (const upstream of [direct, media]) upstream.stop();
  });
});

describe("[GW-5] an upstream that gives up on a slow reader", () => {
  test("[GW-5] ends that client's answer, and the account serves the next call", async () => {
    const upstream = await Upstream.start((visit, n) => {
      if (n > 1) void visit.whole.then(() => visit.answer(200, "{}"));
      else void visit.whole.then(() => pour(visit, 64 * MIB));
    });
    await addAccount(at.admin, upstream.port, "impatient");
    const body = chatBody("impatient");
    const slow = await ask(at, body);
    slow.socket.pause();
    const first = await upstream.visit(1);
    await settled(() => first.socket.bytesWritten);
    first.socket.resetAndDestroy();
    slow.socket.resume();
    await slow.over;
    const next = await ask(at, body);
    await next.saw("\r\n\r\n");
    assert.match(next.text, /^HTTP\/1.1 200 /);
    for (const caller of [slow, next]) caller.socket.destroy();
    upstream.stop();
  });
});

describe("[GW-8] a job that is followed", () => {
  const FOLLOWERS = 32;

  test(`[GW-8] ${FOLLOWERS} clients that do not read hold little, and find all of it later`, async () => {
    let made = false;
    const upstream = await Upstream.start((visit) => {
      const now = made ? task("completed") : task("in_progress", 20);
      void visit.whole.then(() => visit.answer(200, now));
    });
    await addTaskAccount(at.admin, upstream.port, "followed");
    const body = chatBody("followed");
    const before = residentKib(at.kinora.pid);
    const callers: Caller[] = [];
    for (let n = 0; n < FOLLOWERS; n++) {
      callers.push(await ask(at, body, "Idempotency-Key: followed\r\n"));
      callers[n].socket.pause();
    }
    await underWay(at.kinora, FOLLOWERS);
    made = true;
    await underWay(at.kinora, 0);
    const grown = residentKib(at.kinora.pid) - before;
    // About 92 KiB each; under the sanitizer 120 to 280, not the same in any two runs.
    assert.ok(grown < FOLLOWERS * 512, `memory grew by ${grown} KiB`);
    for (const caller of callers) {
      caller.socket.resume();
      await caller.saw("[DONE]");
      assert.match(caller.text, /Progress \d+%[^]*media_urls/);
      caller.socket.destroy();
    }
    upstream.stop();
  });
});

// A call whose upstream takes the head and nothing more until it is told to.
async function heldUpload(
  model: string,
  bytes: number,
): Promise<[Caller, Visit, Buffer, Upstream]> {
  const upstream = await Upstream.start((visit) => visit.socket.pause());
  await addAccount(at.admin, upstream.port, model);
  const body = chatBody(model, bytes);
  const caller = await ask(at, body);
  opened.push({ leave: () => (caller.socket.destroy(), upstream.stop()) });
  return [caller, await upstream.visit(1), body, upstream];
}

describe("[GW-13] fast writer, slow upstream", () => {
  test("[GW-13] 256 MiB wait in a file without a name, not in memory, and arrive byte for byte", async () => {
    const before = residentKib(at.kinora.pid);
    const [caller, visit, body, upstream] = await heldUpload("held", 256 * MIB);
    const grown = residentKib(at.kinora.pid) - before;
    assert.ok(grown < 32 * 1024, `memory grew by ${grown} KiB`);
    assert.equal(spooled(at.kinora), 1);
    visit.socket.resume();
    assert.equal(await within("the body", visit.whole), sha256(body));
    await visit.answer(200, "{}");
    await caller.saw("{}");
    assert.equal(caller.status, 200);
    caller.socket.destroy();
    await underWay(at.kinora, 0);
    await eventually("no file is left", async () => spooled(at.kinora) === 0);
    upstream.stop();
  });

  test("[GW-13] a body of exactly 1 MiB needs no file", async () => {
    const [caller, visit, body, upstream] = await heldUpload("no-file", MIB);
    assert.equal(spooled(at.kinora), 0);
    visit.socket.resume();
    assert.equal(await within("the body", visit.whole), sha256(body));
    caller.socket.destroy();
    upstream.stop();
  });
});

// What the first account does with the body; the second takes it.
const FAILURES: [string, (visit: Visit) => void][] = [
  ["answers 500 after reading all", (v) => void v.whole.then(() => v.answer(500, "{}"))],
  ["answers 500 after reading nothing", (v) => (v.socket.pause(), void v.answer(500, "{}"))],
  [
    "resets in the middle",
    (v) =>
      void eventually("half", async () => v.taken > v.length / 2).then(() =>
        v.socket.resetAndDestroy(),
      ),
  ],
  ["ends behind the body", (v) => void v.whole.then(() => v.socket.destroy())],
];

describe("[GW-5, GW-13] the body goes up again", () => {
  for (const [n, [what, fail]] of FAILURES.entries()) {
    for (const mib of [0.5, FULL ? 256 : 24]) {
      test(`[GW-5, GW-13] the first account ${what}: the second gets the same ${mib} MiB`, async () => {
        const model = `again-${n}-${mib}`;
        const first = await Upstream.start(fail);
        const second = await Upstream.start();
        await addAccount(at.admin, first.port, model);
        await addAccount(at.admin, second.port, model, { priority: 2 });
        const body = chatBody(model, mib * MIB);
        const caller = await ask(at, body);
        const visit = await second.visit(1);
        assert.equal(await within("the body", visit.whole), sha256(body));
        await visit.answer(200, '{"second":1}');
        await caller.saw('{"second":1}');
        assert.equal(caller.status, 200);
        assert.equal(first.visits.length, 1);
        caller.socket.destroy();
        first.stop();
        second.stop();
      });
    }
  }
});

// What the file of a body, or its making, is told: a line of tests/fault/shim.c. The folder stands
// for its files, which have no names.
const SHORTAGES: [string, (folder: string) => string][] = [
  ["the disk is full when the file is made", (folder) => `open ${folder} - ENOSPC`],
  ["the disk is full when it is first written", () => "write /# - ENOSPC"],
  ["the disk is full when it grows", () => "write /# - go\nwrite /# - ENOSPC"],
  ["no descriptor is left for it", (folder) => `open ${folder} - EMFILE`],
];

describe("[GW-13] a shortage of the machine's", () => {
  const folder = mkdtempSync(join(tmpdir(), "kinora-short-"));
  const rules = join(folder, "rules");
  const short = site({
    env: {
      LD_PRELOAD: join(dirname(process.env.KINORA_BIN ?? "build/asan/kinora"), "kinora-shim.so"),
      KINORA_SHIM: rules,
      ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:verify_asan_link_order=0`,
    },
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [n, [what, line]] of SHORTAGES.entries()) {
    test(`[GW-13] ${what}: 503 with Retry-After, others go on, and it ends with the shortage`, async () => {
      const model = `short-${n}`;
      const upstream = await Upstream.start((v) => void v.whole.then(() => v.answer(200, "{}")));
      await addAccount(short.admin, upstream.port, model);
      const large = chatBody(model, 3 * MIB);
      const passes = async (body: Buffer) => {
        const caller = await ask(short, body);
        await caller.saw("{}");
        assert.equal(caller.status, 200);
        caller.socket.destroy();
      };

      writeFileSync(rules, line(short.kinora.data) + "\n");
      const refused = await ask(short, large);
      await refused.saw("no room for this body");
      assert.equal(refused.status, 503);
      assert.match(refused.text, /^Retry-After: [1-9]\d*\r$/im);
      refused.socket.destroy();
      await passes(chatBody(model));
      assert.equal(upstream.visits.length, 1);
      assert.match(short.kinora.log, /a request body was refused/);
      await eventually("no file is left", async () => spooled(short.kinora) === 0);

      unlinkSync(rules);
      await passes(large);
      assert.equal(await upstream.visits[1].whole, sha256(large));
      upstream.stop();
    });
  }
});

describe("[GW-13] the room for bodies", () => {
  test("[GW-13] when it is taken: 503 with Retry-After, and all of it comes back", async () => {
    const [first, held, , upstream] = await heldUpload("room", 256 * MIB);
    const [small, other] = [chatBody("room", 1000), chatBody("room", 96 * MIB)];

    const refused = await ask(at, other);
    await refused.saw("overloaded");
    assert.equal(refused.status, 503);
    assert.match(refused.text, /^Retry-After: [1-9]\d*\r$/im);
    refused.socket.destroy();

    // What fits in memory needs no room.
    const memory = await ask(at, small);
    const second = await upstream.visit(2);
    second.socket.resume();
    await within("the small body", second.whole);
    memory.socket.destroy();

    first.leave("resets");
    await underWay(at.kinora, 0);
    await eventually("no file is left", async () => spooled(at.kinora) === 0);
    held.socket.destroy();
    const again = await ask(at, other);
    const third = await upstream.visit(3);
    third.socket.resume();
    assert.equal(await within("the body", third.whole), sha256(other));
    again.socket.destroy();
    upstream.stop();
  });

  for (const framing of ["a stated length", "chunks"]) {
    test(`[GW-13] more than 256 MiB, by ${framing}: 413`, async () => {
      const caller = await Caller.connect(at.kinora.url);
      const length = framing === "chunks" ? "chunked" : 256 * MIB + 1;
      await caller.send(chatHead(at.key, length));
      const piece = Buffer.concat([
        Buffer.from("400000\r\n"),
        Buffer.alloc(4 * MIB, 32),
        Buffer.from("\r\n"),
      ]);
      if (framing === "chunks") {
        for (let sent = 0; sent <= 256 && !caller.text; sent += 4) await caller.send(piece);
      }
      await caller.saw("\r\n\r\n{");
      assert.equal(caller.status, 413);
      caller.socket.destroy();
      await underWay(at.kinora, 0);
      await eventually("no file is left", async () => spooled(at.kinora) === 0);
    });
  }
});
