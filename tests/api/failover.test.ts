// SPDX-License-Identifier: Apache-2.0
// Every row of failover_table.ts, all at once against one Kinora: what the caller sees, what is
// marked and counted, and how many calls were made. KINORA_WRITE_DOCS=1 writes docs/failover.md.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { eventually, Kinora, sleep, type Person } from "../lib/kinora.ts";
import { Rows, type Row as Line } from "../lib/rows.ts";
import { CHAT, DONE, GOOD, MARKS, SECTIONS, type Row, type Step } from "./failover_table.ts";

const ROWS: Row[] = SECTIONS.flatMap((section) => section.rows);
const ROWS_PER_GROUP = 4; // each group has a retry budget, and room in it for so many rows
const AT_ONCE = 12;

// ---- the upstream: one port, told apart by the account's key

const visits = new Map<string, number>();

function ofKey(key: string): Step[][] {
  const [, n, which] = /^row-(\d+)-(\w+)$/.exec(key)!;
  const row = ROWS[Number(n)];
  if (which === "first") return row.answers;
  return [row.second ?? (row.task ? DONE : CHAT)];
}

async function play(socket: Socket, steps: Step[], key: string): Promise<void> {
  for (const step of steps) {
    if (step === "FIN") socket.end();
    else if (step === "RST") socket.resetAndDestroy();
    else if (typeof step === "number") await sleep(step);
    else socket.write((typeof step === "string" ? step : step()).replace("KEY", key));
  }
}

function serve(socket: Socket): void {
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (piece) => {
    text += piece.toString("latin1");
    const head = text.indexOf("\r\n\r\n");
    const length = Number(/\r\nContent-Length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (head < 0 || text.length < head + 4 + length) return;
    const key = /\r\nAuthorization: Bearer (\S+)/i.exec(text)![1];
    text = text.slice(head + 4 + length);
    const n = visits.get(key) ?? 0;
    visits.set(key, n + 1);
    const answers = ofKey(key);
    void play(socket, answers[Math.min(n, answers.length - 1)], key);
  });
}

async function listen(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onSocket).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

// ---- the caller

interface Seen {
  status: number;
  headers: IncomingMessage["headers"];
  text: string;
  cut: boolean;
}

function call(origin: string, key: string, model: string, row: Row): Promise<Seen> {
  const body = { model, stream: row.stream ?? false, messages: [{ role: "user", content: "x" }] };
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const sent = request(`${origin}/sora/v1/chat/completions`, { method: "POST", headers }, (got) => {
      let text = "";
      const end = (cut: boolean) =>
        resolve({ status: got.statusCode!, headers: got.headers, text, cut });
      got.on("data", (piece) => (text += piece));
      got.on("error", () => end(true));
      got.on("end", () => end(false));
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
  });
}

// In the table's words.
function inWords({ status, text, cut }: Seen): string {
  if (cut) return `${status}, cut`;
  if (text.includes(GOOD)) return `${status}, the second's`;
  if (status === 200 && text.includes('"media_url"')) return "200, a result";
  const error = /^\{"error":\{"message":/.test(text) ? JSON.parse(text).error : {};
  if (!("param" in error)) return `${status} as it is`;
  const { code, message } = error;
  if (code === "submission_unknown" || code === "content_policy") return `${status} ${code}`;
  if (/answered with status \d+\.$/.test(message)) return `${status} ${code}: its status`;
  if (/refused the connection/.test(message)) return `${status} ${code}: refused`;
  return `${status} ${code}: ${message}`;
}

// ---- what was met

interface Met {
  seen: Seen;
  began: number;
  ended: number;
  first: Line;
  hours: Line;
}

let kinora: Kinora;
let admin: Person;
const servers: Server[] = [];
const met = new Map<Row, Met>();
const accounts = new Map<string, number>(); // by the account's key

function addressOf(row: Row, ports: Record<string, number>): string {
  if (row.at === "TLS") return `https://127.0.0.1:${ports.plain}`;
  if (row.at === "unknown name") return "http://nobody.invalid";
  return `http://127.0.0.1:${ports[row.at ?? "plain"]}`;
}

async function openPorts(): Promise<Record<string, number>> {
  const plain = await listen(serve);
  const closing = await listen((socket) => socket.on("error", () => {}).end());
  const resetting = await listen((socket) => socket.on("error", () => {}).resetAndDestroy());
  const closed = await listen(() => {});
  servers.push(plain, closing, resetting);
  const ports = { plain: portOf(plain), "closing port": portOf(closing) };
  const more = { "resetting port": portOf(resetting), "closed port": portOf(closed) };
  closed.close();
  return { ...ports, ...more };
}

async function addAccount(key: string, model: string, url: string, row: Row, group: number) {
  const made = await admin.ask("POST", "/api/v1/admin/accounts", {
    name: key,
    platform: "sora",
    type: "apikey",
    dialect: row.task ? "videos" : "chat",
    credentials: { base_url: url, api_key: key },
    priority: key.endsWith("first") ? 1 : 2,
    concurrency: 5,
    group_ids: [group],
    models: [model],
  });
  accounts.set(key, made.id as number);
}

async function inBatches<T>(all: T[], size: number, fn: (one: T, n: number) => Promise<void>) {
  let next = 0;
  const worker = async () => {
    while (next < all.length) {
      const n = next++;
      await fn(all[n], n);
    }
  };
  await Promise.all(Array.from({ length: size }, worker));
}

// What was learned is written once a second, all at once: when a later use is there, so is the rest.
async function written(rows: Rows, key: string): Promise<void> {
  await addAccount("row-0-last", "last", `http://127.0.0.1:${portOf(servers[0])}`, { ...ROWS[0] }, 1);
  await call(kinora.url, key, "last", { ...ROWS[0], stream: undefined });
  const id = accounts.get("row-0-last");
  await eventually("the last use is written", async () =>
    rows.one(`SELECT last_used_at FROM accounts WHERE id = ${id}`).last_used_at > 0);
}

before(async () => {
  const ports = await openPorts();
  kinora = await Kinora.start();
  admin = await kinora.admin();
  const plain = `http://127.0.0.1:${ports.plain}`;
  const keys: string[] = [];
  const groups: number[] = [];
  for (let n = 0; n < ROWS.length; n += ROWS_PER_GROUP) {
    const form = { name: `rows ${n}`, platform: "sora" };
    groups.push((await admin.ask("POST", "/api/v1/admin/groups", form)).id);
    keys.push(await admin.key({ group_id: groups.at(-1) }));
  }
  await inBatches(ROWS, 4, async (row, n) => {
    const group = groups[Math.floor(n / ROWS_PER_GROUP)];
    await addAccount(`row-${n}-first`, `model-${n}`, addressOf(row, ports), row, group);
    if (row.second !== null) await addAccount(`row-${n}-second`, `model-${n}`, plain, row, group);
  });
  const calls = new Map<Row, Pick<Met, "seen" | "began" | "ended">>();
  await inBatches(ROWS, AT_ONCE, async (row, n) => {
    const began = Date.now();
    const key = keys[Math.floor(n / ROWS_PER_GROUP)];
    const seen = await call(kinora.url, key, `model-${n}`, row);
    calls.set(row, { seen, began, ended: Date.now() });
  });
  const rows = new Rows(kinora);
  await written(rows, await admin.key());
  const lines = new Map(rows.query("SELECT * FROM accounts").map((line) => [line.id, line]));
  const sums = "SUM(successes) AS done, SUM(failures) AS failed";
  const hours = new Map(
    rows
      .query(`SELECT account_id, ${sums} FROM account_hours GROUP BY account_id`)
      .map((line) => [line.account_id, line]),
  );
  for (const [n, row] of ROWS.entries()) {
    const id = accounts.get(`row-${n}-first`)!;
    met.set(row, {
      ...calls.get(row)!,
      first: lines.get(id)!,
      hours: hours.get(id) ?? { done: 0, failed: 0 },
    });
  }
});

after(async () => {
  await kinora.stop();
  for (const server of servers) server.close();
});

// ---- what is held against the table

function isWithin(what: string, at: number, { began, ended }: Met, from: number, to: number): void {
  assert.ok(at >= began + from && at <= ended + to, `${what}: ${at - ended} ms after the end`);
}

function checkMark(row: Row, m: Met): void {
  const [, word, seconds] = /^(.*?)(?: (\d+) s)?$/.exec(row.first)!;
  const { cause, in: place } = MARKS[word];
  const ended = row.counted === "done"; // a success has cleared the marks
  const { status_reason, failures_in_row, auth_failures_in_row } = m.first;
  assert.equal(m.first.status, "active");
  if (ended) return;
  assert.equal(status_reason, cause);
  assert.equal(failures_in_row, place === "failures" ? 1 : 0);
  assert.equal(auth_failures_in_row, place === "auth" ? 1 : 0);
  const ms = Number(seconds ?? 2) * 1000;
  // Dates have whole seconds; a back-off is spread by a quarter.
  const spread = seconds === undefined ? [ms * 0.75, ms * 1.25] : [ms - 1000, ms];
  const { overloaded_until, rate_limited_until } = m.first;
  if (place === "failures" || place === "auth")
    isWithin("back-off", overloaded_until, m, spread[0], spread[1]);
  else assert.ok(!overloaded_until);
  if (place === "rate") isWithin("rate limit", rate_limited_until, m, spread[0], spread[1]);
  else assert.ok(!rate_limited_until);
}

function check(row: Row, n: number): void {
  const m = met.get(row)!;
  const went = JSON.stringify({ ...m.seen, text: m.seen.text.slice(0, 500) });
  const calls = ["first", "second"].map((which) => visits.get(`row-${n}-${which}`) ?? 0);
  assert.equal(inWords(m.seen), row.sees, went);
  assert.deepEqual(calls, row.calls, "calls made");
  checkMark(row, m);
  const counted = { done: m.hours.done, failed: m.hours.failed };
  const wanted = { done: Number(row.counted === "done"), failed: Number(row.counted === "failed") };
  assert.deepEqual(counted, wanted, "counted of the first account");
  if (row.retryAfter !== undefined) {
    const got = Number(m.seen.headers["retry-after"]);
    const took = (m.ended - m.began) / 1000;
    assert.ok(got <= row.retryAfter && got >= row.retryAfter - took - 1, `Retry-After: ${got}`);
  }
  assert.doesNotMatch(m.seen.text, /row-\d+-first/, "never an account's key");
  if (m.seen.status === 502) assert.doesNotMatch(m.seen.text, /</, "never a page");
}

for (const section of SECTIONS) {
  describe(section.title, () => {
    for (const row of section.rows) {
      const ids = row.task ? "[GW-5] [GW-8] [ST-2]" : "[GW-5] [GW-6]";
      test(`${ids} ${row.does}: ${row.sees}`, () => check(row, ROWS.indexOf(row)));
    }
  });
}

// ---- the document

const FILE = new URL("../../docs/failover.md", import.meta.url);
const BEGIN = "<!-- written by tests/api/failover.test.ts -->";

function document(): string {
  const lines = [BEGIN];
  for (const { title, rows } of SECTIONS) {
    lines.push("", `## ${title}`, "");
    lines.push("| the first account | the caller sees | its mark | counted | calls made |");
    lines.push("|---|---|---|---|---|");
    for (const row of rows) {
      const again = row.retryAfter === undefined ? "" : `, Retry-After: ${row.retryAfter}`;
      const cells = [row.does, row.sees + again, row.first, row.counted ?? "", row.calls.join(" + ")];
      lines.push(`| ${cells.join(" | ")} |`);
    }
  }
  return lines.join("\n") + "\n";
}

test("[GW-5] docs/failover.md is this table", () => {
  const text = readFileSync(FILE, "utf8");
  const words = text.slice(0, text.indexOf(BEGIN));
  if (process.env.KINORA_WRITE_DOCS) writeFileSync(FILE, words + document());
  else assert.equal(text, words + document(), "write it anew with KINORA_WRITE_DOCS=1");
});
