// SPDX-License-Identifier: Apache-2.0
// Back-pressure both ways: what Kinora holds stays small however unlike the two sides' paces are,
// and what passes is what was sent. KINORA_FULL=1 takes the largest bodies.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { eventually, Kinora, sleep, type Person } from "../lib/kinora.ts";
import { addAccount } from "./account.ts";
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

let kinora: Kinora;
let admin: Person;
let key: string;

before(async () => {
  kinora = await Kinora.start({
    args: ["--spool-mib", String(CAP_MIB)],
    // The sanitizer keeps what was freed, up to 256 MiB; here memory is measured.
    env: { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=1` },
  });
  admin = await kinora.admin();
  key = await admin.key();
});

after(() => kinora.stop());

// A test that fails leaves no call behind for the next.
const opened: { leave(): void }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) one.leave();
  await underWay(kinora, 0);
});

// An answer of `bytes` bytes as fast as it is taken; its hash.
async function pour(visit: Visit, bytes: number): Promise<string> {
  const hash = createHash("sha256");
  await visit.send(
    `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`,
  );
  for (let at = 0, n = 0; at < bytes; n++) {
    const piece = Buffer.alloc(Math.min(65536, bytes - at), `${n}. `);
    hash.update(piece);
    at += piece.length;
    if (!visit.socket.write(piece)) await Promise.race([visit.drained(), visit.left]);
    if (visit.socket.destroyed) break;
  }
  return hash.digest("hex");
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

  test(`[GW-7] ${READERS} readers of 200 MiB each at 10 kB/s: memory grows by the buffers alone`, async () => {
    const bytes = 200 * MIB;
    const sent: Visit[] = [];
    const hashes: Promise<string>[] = [];
    const upstream = await Upstream.start((visit) => {
      sent.push(visit);
      hashes.push(visit.whole.then(() => pour(visit, bytes)));
    });
    await addAccount(admin, upstream.port, "poured", { concurrency: READERS });
    const body = chatBody("poured");
    const before = residentKib(kinora.pid);
    const callers: Caller[] = [];
    for (let n = 0; n < READERS; n++) {
      const caller = await Caller.connect(kinora.url);
      caller.socket.pause();
      callers.push(caller);
      void caller.send(Buffer.concat([Buffer.from(chatHead(key, body.length)), body]));
    }
    await upstream.visit(READERS);
    await Promise.all(callers.map((caller) => caller.readSlowly(10_000, 8)));
    const written = await settled(() => sent.reduce((sum, v) => sum + v.socket.bytesWritten, 0));
    const grown = residentKib(kinora.pid) - before;
    assert.ok(written < (READERS * bytes) / 4, `the upstreams could send ${written} bytes`);
    assert.ok(grown < READERS * HELD_KIB * 2 + 8192, `memory grew by ${grown} KiB`);

    // One of them reads on, and gets all of it.
    const last = callers[0];
    const whole = last.saw(() => last.bodyBytes === bytes);
    last.socket.resume();
    await whole;
    assert.equal(last.hash.digest("hex"), await hashes[0]);
    for (const caller of callers) caller.socket.destroy();
    await underWay(kinora, 0);
    upstream.stop();
  });
});

// A call whose upstream takes the head and nothing more until it is told to.
async function heldUpload(
  model: string,
  bytes: number,
): Promise<[Caller, Visit, Buffer, Upstream]> {
  const upstream = await Upstream.start((visit) => visit.socket.pause());
  await addAccount(admin, upstream.port, model);
  const body = chatBody(model, bytes);
  const caller = await ask(kinora, key, body);
  opened.push({ leave: () => (caller.socket.destroy(), upstream.stop()) });
  return [caller, await upstream.visit(1), body, upstream];
}

describe("[GW-13] fast writer, slow upstream", () => {
  test("[GW-13] 256 MiB wait in a file without a name, not in memory, and arrive byte for byte", async () => {
    const before = residentKib(kinora.pid);
    const [caller, visit, body, upstream] = await heldUpload("held", 256 * MIB);
    const grown = residentKib(kinora.pid) - before;
    assert.ok(grown < 32 * 1024, `memory grew by ${grown} KiB`);
    assert.equal(spooled(kinora), 1);
    visit.socket.resume();
    assert.equal(await within("the body", visit.whole), sha256(body));
    await visit.answer(200, "{}");
    await caller.saw("{}");
    assert.equal(caller.status, 200);
    caller.socket.destroy();
    await underWay(kinora, 0);
    await eventually("no file is left", async () => spooled(kinora) === 0);
    upstream.stop();
  });

  test("[GW-13] a body of exactly 1 MiB needs no file", async () => {
    const [caller, visit, body, upstream] = await heldUpload("no-file", MIB);
    assert.equal(spooled(kinora), 0);
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
        await addAccount(admin, first.port, model);
        await addAccount(admin, second.port, model, { priority: 2 });
        const body = chatBody(model, mib * MIB);
        const caller = await ask(kinora, key, body);
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

describe("[GW-13] the room for bodies", () => {
  test("[GW-13] when it is taken: 503 with Retry-After, and all of it comes back", async () => {
    const [first, held, , upstream] = await heldUpload("room", 256 * MIB);
    const [small, other] = [chatBody("room", 1000), chatBody("room", 96 * MIB)];

    const refused = await ask(kinora, key, other);
    await refused.saw("overloaded");
    assert.equal(refused.status, 503);
    assert.match(refused.text, /^Retry-After: [1-9]\d*\r$/im);
    refused.socket.destroy();

    // What fits in memory needs no room.
    const memory = await ask(kinora, key, small);
    const second = await upstream.visit(2);
    second.socket.resume();
    await within("the small body", second.whole);
    memory.socket.destroy();

    first.leave("resets");
    await underWay(kinora, 0);
    await eventually("no file is left", async () => spooled(kinora) === 0);
    held.socket.destroy();
    const again = await ask(kinora, key, other);
    const third = await upstream.visit(3);
    third.socket.resume();
    assert.equal(await within("the body", third.whole), sha256(other));
    again.socket.destroy();
    upstream.stop();
  });

  test("[GW-13] when the disk is full: 503 with Retry-After too", async () => {
    const shim = join(dirname(process.env.KINORA_BIN ?? "build/asan/kinora"), "kinora-shim.so");
    const folder = mkdtempSync(join(tmpdir(), "kinora-full-"));
    writeFileSync(join(folder, "rules"), "write /# - ENOSPC\n");
    const full = await Kinora.start({
      env: {
        LD_PRELOAD: shim,
        KINORA_SHIM: join(folder, "rules"),
        ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:verify_asan_link_order=0`,
      },
    });
    const person = await full.admin();
    const caller = await ask(full, await person.key(), chatBody("full", 3 * MIB));
    await caller.saw("overloaded");
    assert.equal(caller.status, 503);
    assert.match(caller.text, /^Retry-After: [1-9]\d*\r$/im);
    caller.socket.destroy();
    await full.stop();
    rmSync(folder, { recursive: true });
  });

  for (const framing of ["a stated length", "chunks"]) {
    test(`[GW-13] more than 256 MiB, by ${framing}: 413`, async () => {
      const caller = await Caller.connect(kinora.url);
      const length = framing === "chunks" ? "chunked" : 256 * MIB + 1;
      await caller.send(chatHead(key, length));
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
      await underWay(kinora, 0);
      await eventually("no file is left", async () => spooled(kinora) === 0);
    });
  }
});
