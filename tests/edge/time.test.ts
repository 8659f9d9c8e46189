// SPDX-License-Identifier: Apache-2.0
// Who sends or reads a byte a second stays no longer than anyone: every case waits for the true
// deadline, all of them at once. The longer ones only with KINORA_FULL=1.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { Kinora, sleep } from "../lib/kinora.ts";
import { addAccount } from "./account.ts";
import { PASSAGES } from "./passages.ts";
import { site } from "./site.ts";
import { HOST } from "./table.ts";
import { Caller, chatBody, chatHead, Upstream, within } from "./wire.ts";

const FULL = process.env.KINORA_FULL === "1";
// To read the refusal, 2 s, and a machine that is busy with other things. Such a client must not
// have the half minute that is given to one that is still sending a body too large.
const GRACE_S = 25;
const BOUND_S = 400; // against hanging; without a deadline a trickle goes on for ever

const at = site();

// Sends the pieces again and again, one a second, until the other side takes no more: a server that
// has answered may shut its side and read on for a while.
async function trickle(caller: Caller, pieces: string[]): Promise<void> {
  if (pieces.length === 0) return caller.over;
  for (let n = 0; !caller.cut; n++) {
    await caller.send(pieces[n % pieces.length]);
    await Promise.race([sleep(1000), caller.closed]);
  }
}

interface Case {
  title: string;
  first?: string; // sent at once, and answered before the clock counts
  pieces: string[]; // one a second, for ever
  least: number; // seconds it is given
  status: number; // of the last answer; 0: it is closed without one
}

const REQUEST = `GET /healthz HTTP/1.1\r\n${HOST}\r\n`;
const LINE = "GET /healthz HTTP/1.1\r\n";

async function play(c: Case): Promise<void> {
  const caller = await Caller.connect(at.kinora.url);
  if (c.first) {
    await caller.send(c.first.replace("$KEY", at.key));
    if (c.first.includes("\r\n\r\n") && c.first.startsWith("GET")) await caller.saw("\r\n\r\n");
  }
  const began = performance.now();
  const seen = caller.text.length;
  await within(c.title, trickle(caller, c.pieces), BOUND_S * 1000);
  const seconds = (performance.now() - began) / 1000;
  const last = /HTTP\/1\.1 (\d{3})(?![\s\S]*HTTP\/1\.1 )/.exec(caller.text.slice(seen));
  caller.socket.destroy();
  assert.equal(Number(last?.[1] ?? 0), c.status, caller.text.slice(seen));
  assert.ok(seconds > c.least - 1, `ended after ${seconds} s already`);
  assert.ok(seconds < c.least + GRACE_S, `ended after ${seconds} s only`);
}

const HEADS: Case[] = [
  { title: "nothing at all", pieces: [], least: 15, status: 0 },
  {
    title: "a head of a byte a second",
    pieces: [...LINE, ..."x".repeat(500)],
    least: 15,
    status: 408,
  },
  { title: "a field a second", first: LINE, pieces: ["X-A: b\r\n"], least: 15, status: 408 },
  { title: "an empty line a second", pieces: ["\r\n"], least: 15, status: 408 },
  {
    title: "a second head of a byte a second",
    first: REQUEST,
    pieces: [...LINE, ..."x".repeat(500)],
    least: 15,
    status: 408,
  },
  {
    title: "half a head behind a whole request",
    first: REQUEST + LINE,
    pieces: ["y"],
    least: 15,
    status: 408,
  },
];

const BODY_HEAD = (framing: string) =>
  `POST /sora/v1/chat/completions HTTP/1.1\r\n${HOST}Authorization: Bearer $KEY\r\n${framing}\r\n\r\n`;

const LONGER: Case[] = [
  {
    title: "a body of a byte a second",
    first: BODY_HEAD("Content-Length: 100000") + "{",
    pieces: [" "],
    least: 60,
    status: 408,
  },
  {
    title: "a body of a chunk a second",
    first: BODY_HEAD("Transfer-Encoding: chunked"),
    pieces: ["1\r\n \r\n"],
    least: 60,
    status: 408,
  },
  {
    title: "a chunk extension of a byte a second",
    first: BODY_HEAD("Transfer-Encoding: chunked") + "1;",
    pieces: ["e"],
    least: 60,
    status: 408,
  },
  { title: "nothing more after an answer", first: REQUEST, pieces: [], least: 75, status: 0 },
  {
    title: "a body that was refused, a byte a second",
    first: BODY_HEAD("Content-Length: 300000000"),
    pieces: ["z"],
    least: 60,
    status: 413,
  },
];

describe("[GW-9, GW-13] a byte a second keeps nobody in", { concurrency: true }, () => {
  for (const c of FULL ? [...HEADS, ...LONGER] : HEADS)
    test(`${c.title}: ended after ${c.least} s`, () => play(c));

  test("a refused body at a body's pace is read on", { skip: !FULL }, async () => {
    const caller = await Caller.connect(at.kinora.url);
    await caller.send(BODY_HEAD("Content-Length: 300000000").replace("$KEY", at.key));
    const piece = Buffer.alloc(64 << 10);
    const end = performance.now() + 80_000;
    while (performance.now() < end && !caller.cut) {
      await caller.send(piece);
      await sleep(250);
    }
    assert.equal(caller.cut, false);
    assert.equal(caller.status, 413);
    caller.socket.destroy();
  });

  for (const passage of PASSAGES) {
    const { what, headS, refusal } = passage;
    test(
      `the upstream's head of ${what}, a byte a second, fails after ${headS} s`,
      { skip: !FULL },
      async () => {
        const { upstream, caller, visit } = await passage.begin(at, `slow-head-${passage.name}`);
        const began = performance.now();
        let left = false;
        void visit.left.then(() => (left = true));
        await visit.send("HTTP/1.1 200 OK\r\nX-A: ");
        while (!left && performance.now() - began < BOUND_S * 1000) {
          await visit.send("b");
          await Promise.race([sleep(1000), visit.left]);
        }
        await caller.saw(refusal);
        assert.equal(caller.status, 502);
        assert.ok(performance.now() - began > (headS - 1) * 1000);
        caller.socket.destroy();
        upstream.stop();
      },
    );

    test(
      `a reader of ${what} that takes nothing for 60 s is left, and so is the upstream`,
      { skip: !FULL },
      async () => {
        const { upstream, caller, visit } = await passage.begin(at, `no-reader-${passage.name}`);
        await visit.begin();
        await caller.saw("first");
        caller.socket.pause();
        const piece = Buffer.alloc(65536, 120);
        const began = performance.now();
        let left = false;
        void visit.left.then(() => (left = true));
        while (!left) {
          const room = visit.socket.write(`10000\r\n${piece}\r\n`);
          if (!room)
            await within(
              "the upstream is left",
              Promise.race([visit.left, visit.drained()]),
              BOUND_S * 1000,
            );
        }
        assert.ok(performance.now() - began > 59_000);
        caller.socket.destroy();
        upstream.stop();
      },
    );

    test(
      `a reader of ${what} that takes 8 MiB every 40 s is served`,
      { skip: !FULL },
      async () => {
        const { upstream, caller, visit } = await passage.begin(at, `slow-reader-${passage.name}`);
        const bytes = 128 << 20;
        await visit.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
        await caller.saw("\r\n\r\n");
        caller.socket.pause();
        void visit.send(Buffer.alloc(bytes, 120));
        for (let n = 1; n <= 3; n++) {
          const taken = caller.saw(() => caller.received > n * (8 << 20));
          caller.socket.resume();
          await taken;
          caller.socket.pause();
          await sleep(40_000);
        }
        const whole = caller.saw(() => caller.bodyBytes === bytes);
        caller.socket.resume();
        await whole;
        caller.socket.destroy();
        upstream.stop();
      },
    );
  }

  test(
    "media that stand still in the middle for 60 s are cut, and their upstream is left",
    { skip: !FULL },
    async () => {
      const { upstream, caller, visit } = await PASSAGES.find((p) => !p.hasBody)!.begin(at, "still");
      const began = performance.now();
      await visit.begin();
      await caller.saw("first");
      await within("the cut", caller.over, BOUND_S * 1000);
      assert.ok(performance.now() - began > 59_000);
      assert.doesNotMatch(caller.text, /\r\n0\r\n\r\n$/);
      await within("the upstream is left", visit.left);
      caller.socket.destroy();
      upstream.stop();
    },
  );
});

// As many as are still let in, each at a different point of its request.
function crowd(at: Kinora, apiKey: string, n: number): Promise<Caller[]> {
  const halves = [LINE, chatHead(apiKey, 100_000) + "{", "", LINE + HOST.slice(0, 9)];
  const one = async (_: unknown, i: number) => {
    const caller = await Caller.connect(at.url);
    void caller.send(halves[i % halves.length]);
    return caller;
  };
  return Promise.all(Array.from({ length: n }, one));
}

describe("[GW-13] descriptors", () => {
  test("the soft limit, 1024 on most machines, is not the end: 2000 wait and all others are answered", async () => {
    const crowded = await Kinora.start({ under: ["prlimit", "--nofile=1024:8192"] });
    const person = await crowded.admin();
    const waiting = await crowd(crowded, await person.key(), 2000);
    for (let n = 0; n < 100; n++) {
      const answer = await fetch(`${crowded.url}/healthz`, { headers: { connection: "close" } });
      assert.equal(answer.status, 200);
      await answer.arrayBuffer();
    }
    assert.equal(waiting.filter((caller) => caller.text !== "" || caller.cut).length, 0);
    for (const caller of waiting) caller.socket.destroy();
    await crowded.stop();
  });

  test("[GW-5] without one for the upstream a call is told 503, and no account pays for it", async () => {
    const starved = await Kinora.start();
    const person = await starved.admin();
    const apiKey = await person.key();
    const limit = (n: number) =>
      execFileSync("prlimit", ["--pid", String(starved.pid), `--nofile=${n}:`]);
    const upstream = await Upstream.start(
      (visit) => void visit.whole.then(() => visit.answer(200, "{}")),
    );
    for (let n = 0; n < 3; n++) await addAccount(person, upstream.port, "starved");
    const caller = await Caller.connect(starved.url);
    const body = chatBody("starved");
    const call = Buffer.concat([Buffer.from(chatHead(apiKey, body.length)), body]);
    limit(16);
    await caller.send(call);
    await caller.saw("overloaded");
    assert.match(caller.text, /^HTTP\/1.1 503 [^]*retry-after: 1\r\n/i);
    limit(1024);
    await caller.send(call);
    await caller.saw(" 200 ");
    assert.equal(upstream.visits.length, 1);
    caller.socket.destroy();
    upstream.stop();
    await starved.stop();
  });

  test("where there are few, who is in is served and who is not is told 503", async () => {
    const crowded = await Kinora.start({ under: ["prlimit", "--nofile=1024:1024"] });
    const person = await crowded.admin();
    const apiKey = await person.key();
    const upstream = await Upstream.start(
      (visit) => void visit.whole.then(() => visit.answer(200, "{}")),
    );
    await addAccount(person, upstream.port, "crowded");
    const inside = await Caller.connect(crowded.url);
    await inside.send(REQUEST);
    await inside.saw("\r\n\r\n");
    const waiting = await crowd(crowded, apiKey, 800);
    const told = await within(
      "a refusal",
      Promise.race(waiting.map((caller) => caller.saw(" 503 ").then(() => caller))),
    );
    assert.match(told.text, /too many connections/);
    const body = chatBody("crowded", 2 << 20);
    await inside.send(Buffer.concat([Buffer.from(chatHead(apiKey, body.length)), body]));
    await inside.saw((text) => text.endsWith("{}"));
    assert.equal(inside.text.split("HTTP/1.1 200").length - 1, 2);
    for (const caller of [inside, ...waiting]) caller.socket.destroy();
    upstream.stop();
    await crowded.stop();
  });
});
