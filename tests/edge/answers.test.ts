// SPDX-License-Identifier: Apache-2.0
// Every row of answers.ts: an upstream of its own plays it to a direct call.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Kinora } from "../lib/kinora.ts";
import { addAccount } from "./account.ts";
import { ANSWERS } from "./answers.ts";
import { ANSWERED, Player, call } from "./play.ts";
import { post } from "./table.ts";

let kinora: Kinora;
let key: string;
const players: Player[] = [];

before(async () => {
  // One loop: each has connections to upstreams of its own.
  kinora = await Kinora.start({ args: ["--loops", "1"] });
  const admin = await kinora.admin();
  key = await admin.key();
  for (const [i, row] of ANSWERS.entries()) {
    players.push(await Player.start(row));
    await addAccount(admin, players[i].port, `edge-${i}`);
  }
});

after(async () => {
  for (const player of players) player.stop();
  await kinora.stop();
});

function ask(i: number) {
  const body = JSON.stringify({ model: `edge-${i}`, messages: [{ role: "user", content: "x" }] });
  const fields = `Content-Length: ${body.length}\r\n`;
  return call(kinora.url, post(fields, body).replace("$KEY", key));
}

// An account that has failed rests, so a connection that must not be used again is seen to close;
// one that must is asked for another call.
async function whatBecameOf(i: number, kept: boolean): Promise<string> {
  if (!kept) {
    await players[i].dropped();
    return "dropped";
  }
  const next = await ask(i);
  assert.equal(next.answer?.body, ANSWERED);
  return players[i].reused ? "kept" : "dropped";
}

for (const group of new Set(ANSWERS.map((row) => row.group))) {
  describe(`[GW-7, GW-12] answers: ${group}`, () => {
    for (const [i, row] of ANSWERS.entries()) {
      if (row.group !== group) continue;
      test(`${row.name} (RFC ${row.rfc})`, async () => {
        const { answer, extra } = await ask(i);
        assert.ok(answer, "an answer");
        assert.equal(extra, 0, "one answer");
        const end = await whatBecameOf(i, row.answer.endsWith("kept"));
        assert.equal(`${answer.status} ${answer.whole ? "whole" : "cut"} ${end}`, row.answer);
        if (row.body !== undefined) assert.equal(answer.body, row.body);
        if (row.has) assert.match(answer.text, row.has);
        if (row.lacks) assert.doesNotMatch(answer.text, row.lacks);
        assert.match(answer.fields.get("x-request-id") ?? "", /./);
        if (answer.status === 502)
          assert.equal(JSON.parse(answer.body).error.code, "upstream_error");
      });
    }
  });
}
