// SPDX-License-Identifier: Apache-2.0
// Every row of answers.ts: an upstream of its own plays it to a direct call, to one that goes through
// a proxy, where libcurl stands between the bytes and the codec, and to a media link.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Kinora } from "../lib/kinora.ts";
import { addAccount } from "./account.ts";
import { ANSWERS } from "./answers.ts";
import { ANSWERED, type Message, Player, call } from "./play.ts";
import { site } from "./site.ts";
import { type AnswerCase, HOST, post } from "./table.ts";
import { addTaskAccount, mediaLink, mediaUpstream } from "./tasks.ts";

// libcurl takes chunks apart itself, and takes these for whole ones. Their connection carries no
// other answer, so nothing can be hidden behind them.
const LENIENT = new Set([
  "a space behind a chunk size",
  "a bare LF behind a chunk size",
  "a bare LF behind a chunk",
  "an endless chunk extension",
  "trailers without end",
]);
// It speaks 1.0 and 1.1 and no other minor version.
const REFUSED_BY_LIBCURL = new Set(["HTTP/1.2"]);

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

function check(answer: Message, row: AnswerCase, refusal = "upstream_error"): void {
  assert.match(answer.fields.get("x-request-id") ?? "", /./);
  if (answer.status === 502) return assert.equal(JSON.parse(answer.body).error.code, refusal);
  if (row.body !== undefined) assert.equal(answer.body, row.body);
  if (row.has) assert.match(answer.text, row.has);
  if (row.lacks) assert.doesNotMatch(answer.text, row.lacks);
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
    const refused = REFUSED_BY_LIBCURL.has(row.name);
    const outcome = `${answer.status} ${answer.whole ? "whole" : "cut"}`;
    assert.equal(outcome, refused ? "502 whole" : `${status} ${wanted}`);
    check(answer, row);
  });
});

// A link passes on what media need: these statuses and no other, a type that is no page, and no
// request id but ours.
const OF_MEDIA = new Set(["200", "304"]);
const NOT_OF_MEDIA = new Set(["Content-Type twice", "the upstream's request id"]);

describe("[GW-9] answers to a media link", () => {
  const at = site({ args: ["--loops", "1"] });
  let link: string;

  before(async () => {
    const upstream = await mediaUpstream();
    await addTaskAccount(at.admin, upstream.port, "media");
    link = await mediaLink(at, "media");
    upstream.stop();
  });

  // The link names the account and the path: the account moves to the row's player.
  async function move(player: Player): Promise<void> {
    const { data } = await at.admin.ask("GET", "/api/v1/admin/accounts");
    const credentials = { base_url: `http://127.0.0.1:${player.port}`, api_key: "edge" };
    await at.admin.ask("PATCH", `/api/v1/admin/accounts/${data[0].id}`, { credentials });
  }

  const ask = () => call(at.kinora.url, `GET ${link} HTTP/1.1\r\n${HOST}\r\n`);

  eachRow("a link", async (row) => {
    const player = await Player.start(row);
    await move(player);
    const { answer, extra } = await ask();
    assert.ok(answer, "an answer");
    assert.equal(extra, 0, "one answer");
    const [status, whole, end] = row.answer.split(" ");
    const passed = OF_MEDIA.has(status);
    const outcome = `${answer.status} ${answer.whole ? "whole" : "cut"}`;
    assert.equal(outcome, passed ? `${status} ${whole}` : "502 whole");
    if (passed && end === "kept") {
      const next = await ask();
      assert.equal(next.answer?.body, ANSWERED);
      assert.ok(player.reused);
    } else {
      await player.dropped();
    }
    const has = NOT_OF_MEDIA.has(row.name) ? undefined : row.has;
    check(answer, { ...row, has }, "media_unavailable");
    player.stop();
  });

  // A browser does not mind how a type is spelt (RFC 9110 8.3.1).
  const TYPES: [string, string][] = [
    ["image/png", "image/png"],
    ["VIDEO/MP4", "VIDEO/MP4"],
    ["image/svg+xml", "application/octet-stream"],
    ["Image/SVG+xml; charset=utf-8", "application/octet-stream"],
    ["image/SVG+xml", "application/octet-stream"],
    ["text/html", "application/octet-stream"],
  ];
  for (const [theirs, ours] of TYPES) {
    test(`[GW-9] ${theirs} is told as ${ours}`, async () => {
      const send = `HTTP/1.1 200 OK\r\nContent-Type: ${theirs}\r\nContent-Length: 2\r\n\r\nab`;
      const player = await Player.start({ send });
      await move(player);
      const { answer } = await ask();
      assert.equal(answer?.fields.get("content-type"), ours);
      assert.equal(answer.body, "ab");
      player.stop();
    });
  }
});
