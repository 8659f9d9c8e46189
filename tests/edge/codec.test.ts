// SPDX-License-Identifier: Apache-2.0
// The codec beside Node's own parser, on generated messages (generate.ts, classes.ts).
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareMany } from "./classes.ts";
import { written } from "./docs.ts";
import { generate } from "./generate.ts";
import { nodes, ours } from "./opinions.ts";

const COUNT = process.env.KINORA_FULL === "1" ? 100_000 : 5000;

test(`[GW-7] ${COUNT} generated connections read as Node reads them, or there is a reason`, () => {
  const found = compareMany(COUNT);
  assert.deepEqual(found.unexplained.slice(0, 5), []);
  assert.ok(found.alike > COUNT / 2 && found.messages > COUNT / 4, JSON.stringify(found));
  const { opinion } = written();
  for (const { name } of [...found.stricter, ...found.accepted])
    assert.ok(opinion.includes(`| ${name} |`), `docs/edge.md does not name: ${name}`);
  console.log(
    `${found.connections} connections, ${found.messages} messages, ${found.alike} read alike`,
  );
});

test("the same number generates the same bytes", () => {
  for (let i = 0; i < 50; i++) assert.deepEqual(generate(i), generate(i));
  assert.notEqual(generate(1).bytes, generate(2).bytes);
});

test("both readers see what is there, and tell a difference", () => {
  const good = {
    kind: "q" as const,
    bytes: "POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhi",
  };
  const [mine] = ours([good]);
  assert.deepEqual(mine, nodes(good));
  assert.deepEqual(mine.messages, [
    { start: "POST /a", fields: "Host: b\nContent-Length: 2", body: "hi" },
  ]);
  const cut = { ...good, bytes: good.bytes.slice(0, -1) };
  assert.deepEqual([ours([cut])[0].end, nodes(cut).end], ["more", "more"]);
  const bad = { ...good, bytes: good.bytes.replace("Host:", "Host :") };
  assert.deepEqual([ours([bad])[0].end, nodes(bad).end], ["bad", "bad"]);
});
