// SPDX-License-Identifier: Apache-2.0
// Every row of answers.ts: an upstream of its own plays it to a direct call, and to one that goes
// through a proxy, where libcurl stands between the bytes and the codec.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Kinora } from "../lib/kinora.ts";
import { addAccount } from "./account.ts";
import { ANSWERS } from "./answers.ts";
import { ANSWERED, type Message, Player, call } from "./play.ts";
import { type AnswerCase, post } from "./table.ts";

// libcurl takes chunks apart itself, and takes these for whole ones. Their connection carries no
// other answer, so nothing can be hidden behind them.
const LENIENT = new Set([
  "a space behind a chunk size",
  "a bare LF behind a chunk size",
  "a bare LF behind a chunk",
  "an endless chunk extension",
  "trailers without end",
]);

class Upstreams {
  readonly players: Player[] = [];
  kinora!: Kinora;
  private key = "";

  // Through a proxy the player is the proxy: its requests name an upstream that is nowhere.
  async start(proxied: boolean): Promise<void> {
    // One loop: each has connections to upstreams of its own.
    this.kinora = await Kinora.start({ args: ["--loops", "1"] });
    const admin = await this.kinora.admin();
    this.key = await admin.key();
    for (const [i, row] of ANSWERS.entries()) {
      const player = await Player.start(row);
      this.players.push(player);
      await addAccount(admin, player.port, `edge-${i}`, { proxied });
    }
  }

  async stop(): Promise<void> {
    for (const player of this.players) player.stop();
    await this.kinora.stop();
  }

  ask(i: number) {
    const messages = [{ role: "user", content: "x" }];
    const body = JSON.stringify({ model: `edge-${i}`, messages });
    const fields = `Content-Length: ${body.length}\r\n`;
    return call(this.kinora.url, post(fields, body).replace("$KEY", this.key));
  }

  // An account that has failed rests, so a connection that must not be used again is seen to
  // close; one that must is asked for another call.
  async whatBecameOf(i: number, kept: boolean): Promise<string> {
    if (!kept) {
      await this.players[i].dropped();
      return "dropped";
    }
    const next = await this.ask(i);
    assert.equal(next.answer?.body, ANSWERED);
    return this.players[i].reused ? "kept" : "dropped";
  }
}

function check(answer: Message, row: AnswerCase): void {
  if (row.body !== undefined) assert.equal(answer.body, row.body);
  if (row.has) assert.match(answer.text, row.has);
  if (row.lacks) assert.doesNotMatch(answer.text, row.lacks);
  assert.match(answer.fields.get("x-request-id") ?? "", /./);
  if (answer.status === 502) assert.equal(JSON.parse(answer.body).error.code, "upstream_error");
}

function eachRow(title: string, run: (row: AnswerCase, i: number) => Promise<void>): void {
  for (const group of new Set(ANSWERS.map((row) => row.group))) {
    describe(`${title}: ${group}`, () => {
      for (const [i, row] of ANSWERS.entries()) {
        if (row.group === group) test(`${row.name} (RFC ${row.rfc})`, () => run(row, i));
      }
    });
  }
}

describe("[GW-7, GW-12] answers to the client of the loops", () => {
  const upstreams = new Upstreams();
  before(() => upstreams.start(false));
  after(() => upstreams.stop());
  eachRow("answers", async (row, i) => {
    const { answer, extra } = await upstreams.ask(i);
    assert.ok(answer, "an answer");
    assert.equal(extra, 0, "one answer");
    const end = await upstreams.whatBecameOf(i, row.answer.endsWith("kept"));
    assert.equal(`${answer.status} ${answer.whole ? "whole" : "cut"} ${end}`, row.answer);
    check(answer, row);
  });
});

describe("[GW-7, GW-12] answers through a proxy", () => {
  const upstreams = new Upstreams();
  before(() => upstreams.start(true));
  after(() => upstreams.stop());
  eachRow("through a proxy", async (row, i) => {
    const { answer, extra } = await upstreams.ask(i);
    assert.ok(answer, "an answer");
    assert.equal(extra, 0, "one answer");
    const [status, end] = row.answer.split(" ");
    const wanted = LENIENT.has(row.name) ? "whole" : end;
    assert.equal(`${answer.status} ${answer.whole ? "whole" : "cut"}`, `${status} ${wanted}`);
    check(answer, row);
  });
});
