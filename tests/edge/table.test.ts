// SPDX-License-Identifier: Apache-2.0
// The tables themselves: every row is beside nginx's answer, every difference has its reason, and
// docs/edge.md says the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ANSWERS } from "./answers.ts";
import { DIFFERENCES, whyOtherwise } from "./differences.ts";
import { section, written } from "./docs.ts";
import { recorded } from "./nginx.ts";
import { parseAnswers } from "./play.ts";
import { REQUESTS } from "./requests.ts";

const { requests, answers } = recorded();
const rows = [
  ...REQUESTS.map((row) => ({ ...row, nginx: requests[`${row.group}: ${row.name}`] })),
  ...ANSWERS.map((row) => ({ ...row, nginx: answers[`${row.group}: ${row.name}`] })),
];

test("every row has a name of its own and nginx's answer", () => {
  assert.equal(Object.keys(requests).length, REQUESTS.length);
  assert.equal(Object.keys(answers).length, ANSWERS.length);
  for (const row of rows)
    assert.ok(row.nginx, `${row.group}: ${row.name}: run tests/edge/nginx.ts`);
});

test("every difference from nginx has its reason, and every reason its difference", () => {
  const differing = rows.filter((row) => row.nginx !== row.answer);
  for (const row of differing) assert.ok(whyOtherwise(row), `${row.group}: ${row.name}`);
  const used = new Set(differing.map(whyOtherwise));
  for (const [pattern, why] of DIFFERENCES) assert.ok(used.has(why), `${pattern} explains nothing`);
});

test("docs/edge.md is what the tables say", () => {
  assert.equal(written().strictness, section(), "run: scripts/node.sh node tests/edge/docs.ts");
});

test("the player reads answers as they are", () => {
  const two = "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 O\r\nContent-Length: 3\r\n\r\nab";
  assert.deepEqual(
    parseAnswers(two, true).map((a) => [a.status, a.whole]),
    [
      [100, true],
      [200, false],
    ],
  );
  const chunks =
    "HTTP/1.1 200 O\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nHTTP/1.1 400 B\r\n\r\n";
  assert.deepEqual(
    parseAnswers(chunks, true).map((a) => [a.status, a.body]),
    [
      [200, "ab"],
      [400, ""],
    ],
  );
});
