// SPDX-License-Identifier: Apache-2.0
// Clients and upstreams that go away, at every stage of a direct call and in every way a connection
// ends. What follows is waited for in order; nothing here depends on how long it takes.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../lib/kinora.ts";
import { Rows } from "../lib/rows.ts";
import { addAccount } from "./account.ts";
import { PASSAGES } from "./passages.ts";
import { site } from "./site.ts";
import { HOST } from "./table.ts";
import { addTaskAccount, task } from "./tasks.ts";
import {
  ask,
  Caller,
  chatBody,
  chatHead,
  LEAVINGS,
  spooled,
  underWay,
  Upstream,
  within,
  type Leaving,
  type Visit,
} from "./wire.ts";

const MIB = 1 << 20;
const at = site();

// The account has one slot: that the next call is served says that the last one's is free.
async function served(upstream: Upstream, n: number, model: string): Promise<void> {
  await answered(await ask(at, chatBody(model)), await upstream.visit(n));
}

async function answered(caller: Caller, visit: Visit): Promise<void> {
  await within("the next call's body", visit.whole);
  await visit.answer(200, '{"next":1}');
  await caller.saw('{"next":1}');
  caller.socket.destroy();
}

interface Stage {
  name: string;
  body: number; // bytes
  // Brings the call there.
  reach(visit: Visit, caller: Caller): Promise<void>;
  // What the upstream does on seeing the head.
  onVisit?: (visit: Visit) => void;
}

const pour = (visit: Visit): void => {
  const more = () => {
    while (!visit.socket.destroyed && visit.socket.write("10000\r\n" + "x".repeat(65536) + "\r\n"));
    visit.socket.once("drain", more);
  };
  more();
};

const STAGES: Stage[] = [
  {
    name: "waiting for the head",
    body: 0,
    reach: async (visit) => void (await within("the body", visit.whole)),
  },
  {
    name: "behind half a head",
    body: 0,
    reach: (visit) => visit.send("HTTP/1.1 200 OK\r\nContent-"),
  },
  {
    name: "in the middle of a stream",
    body: 0,
    reach: async (visit, caller) => {
      await visit.begin();
      await caller.saw("first");
    },
  },
  {
    name: "in the middle of a stream that it does not read",
    body: 0,
    reach: async (visit, caller) => {
      await visit.begin();
      await caller.saw("first");
      caller.socket.pause();
      pour(visit);
    },
  },
  {
    name: "while its body goes up",
    body: 24 * MIB,
    onVisit: (visit) => visit.socket.pause(),
    reach: async () => {},
  },
];

for (const passage of PASSAGES) {
  const stages = STAGES.filter((stage) => passage.hasBody || !stage.body);
  describe(`[${passage.id}] a client that leaves ${passage.what} ends it upstream`, () => {
    for (const [n, stage] of stages.entries()) {
      for (const how of LEAVINGS) {
        test(`[${passage.id}] ${stage.name}, it ${how}`, async () => {
          const model = `left-${passage.name}-${n}-${how}`;
          const call = await passage.begin(at, model, stage.body, stage.onVisit);
          const { upstream, caller, visit } = call;
          await stage.reach(visit, caller);
          caller.leave(how);
          await underWay(at.kinora, 0);
          visit.socket.resume();
          await within("the upstream is left", visit.left);
          if (stage.body) assert.ok(!visit.isWhole, "what was in the kernel's buffers, and no more");
          await eventually("no file is left", async () => spooled(at.kinora) === 0);
          await answered(...(await call.again()));
          caller.socket.destroy();
          upstream.stop();
        });
      }
    }

    test(`[${passage.id}] an answer of stated length that has begun is served to a client that half-closes`, async () => {
      const { upstream, caller, visit } = await passage.begin(at, `stated-${passage.name}`);
      await within("the body", visit.whole);
      await visit.send(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[1,",
      );
      await caller.saw("[1,");
      caller.leave("half-closes");
      await visit.send("2,3,4]");
      await caller.saw("[1,2,3,4]");
      await within("the end", caller.over);
      caller.socket.destroy();
      upstream.stop();
    });
  });
}

describe("[GW-4, GW-7, GW-13] a client that leaves before its call has gone up", () => {
  for (const how of LEAVINGS) {
    for (const framing of ["a stated length", "chunks"]) {
      test(`[GW-7, GW-13] while its body comes by ${framing}, it ${how}: no upstream hears of it`, async () => {
        const model = `up-${how}-${framing.length}`;
        const upstream = await Upstream.start();
        await addAccount(at.admin, upstream.port, model, { concurrency: 1 });
        const body = chatBody(model, 8 * MIB).subarray(0, 6 * MIB);
        const caller = await Caller.connect(at.kinora.url);
        if (framing === "chunks")
          await caller.send(chatHead(at.key, "chunked") + body.length.toString(16) + "\r\n");
        else await caller.send(chatHead(at.key, 8 * MIB));
        await caller.send(body);
        await eventually("the body waits in a file", async () => spooled(at.kinora) === 1);
        caller.leave(how);
        await underWay(at.kinora, 0);
        await eventually("no file is left", async () => spooled(at.kinora) === 0);
        await served(upstream, 1, model);
        caller.socket.destroy();
        upstream.stop();
      });
    }

    test(`[GW-4, GW-7] in line for a slot, it ${how}: whoever stands behind is served`, async () => {
      const model = `line-${how}`;
      const upstream = await Upstream.start();
      await addAccount(at.admin, upstream.port, model, { concurrency: 1 });
      const first = await ask(at, chatBody(model));
      const held = await upstream.visit(1);
      const leaver = await ask(at, chatBody(model));
      await underWay(at.kinora, 2);
      const waiting = await ask(at, chatBody(model));
      await underWay(at.kinora, 3);
      leaver.leave(how);
      await underWay(at.kinora, 2);
      await within("the body", held.whole);
      await held.answer(200, '{"held":1}');
      await first.saw('{"held":1}');
      const second = await upstream.visit(2);
      await within("the body", second.whole);
      await second.answer(200, '{"waited":1}');
      await waiting.saw('{"waited":1}');
      await served(upstream, 3, model);
      assert.equal(upstream.visits.length, 3);
      for (const caller of [first, leaver, waiting]) caller.socket.destroy();
      upstream.stop();
    });
  }
});

// What the client gets when its only upstream goes away.
const GOING: { name: string; body: number; go: (v: Visit) => Promise<unknown>; cut?: boolean }[] = [
  { name: "before the body", body: 24 * MIB, go: async (v) => v.socket.pause() },
  {
    name: "in the middle of the body",
    body: 24 * MIB,
    go: (v) => eventually("some of it", async () => v.taken > MIB),
  },
  { name: "behind the body", body: 0, go: (v) => v.whole },
  {
    name: "in the middle of its head",
    body: 0,
    go: (v) => v.send("HTTP/1.1 200 OK\r\nContent-Ty"),
  },
  { name: "behind a 100", body: 0, go: (v) => v.send("HTTP/1.1 100 Continue\r\n\r\n") },
  {
    name: "behind the head of a stream",
    body: 0,
    go: (v) => v.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    cut: true,
  },
  { name: "in the middle of a stream", body: 0, go: (v) => v.begin(), cut: true },
  {
    name: "in the middle of a chunk",
    body: 0,
    go: (v) => v.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nfirst"),
    cut: true,
  },
  {
    name: "in the middle of a stated length",
    body: 0,
    go: (v) => v.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst"),
    cut: true,
  },
];

for (const passage of PASSAGES) {
  const ids = passage.hasBody ? "[GW-5, GW-6]" : `[${passage.id}]`;
  describe(`${ids} the upstream of ${passage.what} goes away`, () => {
    for (const [n, stage] of GOING.entries()) {
      if (stage.body && !passage.hasBody) continue;
      for (const how of ["closes", "resets"] as Leaving[]) {
        const gets = stage.cut ? "an answer that is seen to be cut" : "502";
        test(`${ids} ${stage.name} it ${how}: the client gets ${gets}`, async () => {
          const model = `gone-${passage.name}-${n}-${how}`;
          const { upstream, caller, visit } = await passage.begin(at, model, stage.body);
          await stage.go(visit);
          if (stage.cut) await caller.saw("\r\n\r\n");
          if (how === "closes") visit.socket.destroy();
          else visit.socket.resetAndDestroy();
          if (stage.cut) {
            await within("the cut", caller.over);
            assert.equal(caller.status, 200);
            assert.doesNotMatch(caller.text, /\r\n0\r\n\r\n$/);
          } else {
            await caller.saw(passage.refusal);
            assert.equal(caller.status, 502);
          }
          await underWay(at.kinora, 0);
          caller.socket.destroy();
          upstream.stop();
        });
      }
    }
  });
}

test("[GW-7] pipelined behind a call, a request is not lost when the call's upstream goes away", async () => {
  const upstream = await Upstream.start();
  await addAccount(at.admin, upstream.port, "behind");
  const body = chatBody("behind");
  const caller = await Caller.connect(at.kinora.url);
  const next = `GET /healthz HTTP/1.1\r\n${HOST}\r\n`;
  await caller.send(chatHead(at.key, body.length) + body.toString("latin1") + next);
  const visit = await upstream.visit(1);
  visit.socket.resetAndDestroy();
  await caller.saw(
    (text) => text.includes("upstream_error") && text.lastIndexOf("HTTP/1.1 200") > 0,
  );
  caller.socket.destroy();
  upstream.stop();
});

test("[GW-5] a kept connection that ends under a call is held against no account", async () => {
  const upstream = await Upstream.start();
  await addAccount(at.admin, upstream.port, "kept");
  const body = chatBody("kept");
  const call = Buffer.concat([Buffer.from(chatHead(at.key, body.length)), body]);
  const caller = await ask(at, body);
  await (await upstream.visit(1)).answer(200, '{"first":1}');
  await caller.saw('{"first":1}');
  await caller.send(call); // by the same loop
  const crossed = await upstream.visit(2);
  assert.equal(crossed.socket, upstream.visits[0].socket);
  crossed.socket.destroy();
  await caller.saw("HTTP/1.1 502 ");
  await caller.send(call);
  await (await upstream.visit(3)).answer(200, '{"third":1}');
  await caller.saw('{"third":1}');
  caller.socket.destroy();
  upstream.stop();
});

// A chat call that an account of another kind serves is a job (GW-8): whoever leaves, it goes on.
const STATES: { name: string; stream: boolean; polls?: boolean }[] = [
  { name: "before the upstream has answered, streamed", stream: true },
  { name: "before the upstream has answered, collected", stream: false },
  { name: "while the task runs", stream: true, polls: true },
];

describe("[GW-8] a client that leaves ends its answer, and the job goes on", () => {
  const keyed = (n: string) => `Idempotency-Key: ${n}\r\n`;

  for (const [n, state] of STATES.entries()) {
    for (const how of LEAVINGS) {
      test(`[GW-8, GW-11] ${state.name}, it ${how}`, async () => {
        const model = `job-${n}-${how}`;
        const upstream = await Upstream.start();
        await addTaskAccount(at.admin, upstream.port, model, { concurrency: 1 });
        const body = chatBody(model, 0, state.stream);
        const caller = await ask(at, body, keyed(model));
        const first = await upstream.visit(1);
        await within("the submission", first.whole);
        let visit = first;
        if (state.polls) {
          await first.answer(200, task("queued"));
          visit = await upstream.visit(2);
        }
        if (state.stream) await caller.saw("assistant");
        caller.leave(how);
        await underWay(at.kinora, 0);
        await visit.answer(200, task("completed"));
        const rows = new Rows(at.kinora);
        const row = () => rows.one(`SELECT state, result FROM jobs WHERE model = '${model}'`);
        await eventually("the job has ended", async () => row().state === "ended");
        assert.match(row().result, /content/);

        // Whoever comes back gets what it has made; nothing is sent again.
        const again = await ask(at, body, keyed(model));
        await again.saw("media_urls");
        assert.equal(upstream.visits.length, state.polls ? 2 : 1);
        for (const one of [caller, again]) one.socket.destroy();
        upstream.stop();
      });
    }
  }

  for (const how of LEAVINGS) {
    test(`[GW-8] in line for a slot, it ${how}: no job is made of it`, async () => {
      const model = `no-job-${how}`;
      const upstream = await Upstream.start();
      await addTaskAccount(at.admin, upstream.port, model, { concurrency: 1 });
      const first = await ask(at, chatBody(model));
      const held = await upstream.visit(1);
      const leaver = await ask(at, chatBody(model));
      await underWay(at.kinora, 2);
      leaver.leave(how);
      await underWay(at.kinora, 1);
      await within("the body", held.whole);
      await held.answer(200, task("completed"));
      await first.saw("[DONE]");
      await underWay(at.kinora, 0);
      const rows = new Rows(at.kinora);
      assert.equal(rows.query(`SELECT id FROM jobs WHERE model = '${model}'`).length, 1);
      for (const caller of [first, leaver]) caller.socket.destroy();
      upstream.stop();
    });
  }
});
