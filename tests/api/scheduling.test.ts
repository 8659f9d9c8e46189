// SPDX-License-Identifier: Apache-2.0
// Whose turn it is, how gently accounts that fail are tried, how often calls are made again, and
// that slots come back whatever happens.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { Rows } from "../lib/rows.ts";
import { eventually, Kinora, sleep, type Person } from "../lib/kinora.ts";

const MODEL = "sora2-landscape-10s";
const FULL = process.env.KINORA_FULL === "1";
let demo: Demo;
let kinora: Kinora;
let admin: Person;

before(async () => {
  demo = await Demo.start("--speed", "100", "--plain-media");
  kinora = await Kinora.start();
  admin = await kinora.admin();
});

after(async () => {
  await kinora.stop();
  await demo.stop();
});

beforeEach(() => demo.reset());

let groups = 0;

// A group with so many accounts, keys up-1 … of their own at the upstream, and an API key for it.
async function site(count: number, more: Record<string, unknown> = {}, dialect = "chat") {
  const name = `group ${++groups}`;
  const group = await admin.ask("POST", "/api/v1/admin/groups", { name, platform: "sora" });
  const ids: number[] = [];
  for (let i = 1; i <= count; i++) {
    const made = await admin.account(demo, dialect as "chat", {
      name: `${name}, ${i}`,
      credentials: { base_url: demo.url, api_key: `up-${i}` },
      concurrency: 5,
      group_ids: [group.id],
      ...more,
    });
    ids.push(made.id as number);
  }
  return { group: group.id as number, ids, key: await admin.key({ group_id: group.id }) };
}

function post(key: string, prompt = "x", more: RequestInit = {}, stream = false) {
  const messages = [{ role: "user", content: prompt }];
  return fetch(`${kinora.url}/sora/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: MODEL, messages, stream }),
    ...more,
  });
}

const video = (as: string, prompt: string) =>
  fetch(`${kinora.url}/v1/videos`, {
    method: "POST",
    headers: { authorization: `Bearer ${as}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "sora-2", prompt }),
  });

const inLine = (n: number) =>
  eventually(`${n} jobs are in line`, async () => {
    const text = await (await fetch(`${kinora.url}/metrics`)).text();
    return text.includes(`\nkinora_jobs{state="queued"} ${n}\n`);
  });

// Until when the account cools down.
async function rest(id: number): Promise<number> {
  const { rate_limited_until, overloaded_until } = await account(id);
  const until = rate_limited_until ?? overloaded_until;
  return until ? Date.parse(until) : 0;
}

const account = (id: number) => admin.ask("GET", `/api/v1/admin/accounts/${id}`);

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${kinora.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)![1]);
}

const underWay = (n: number) =>
  eventually(`${n} calls are under way`, async () => (await metric("kinora_gateway_streams")) === n);

// Prompts in the order in which they reached the upstream.
async function arrived(): Promise<string[]> {
  const seen = await demo.requests("chat");
  return seen.map((r) => JSON.parse(Buffer.from(r.body.base64!, "base64").toString()).messages[0].content);
}

async function all(calls: Promise<Response>[]): Promise<number[]> {
  const answers = await Promise.all(calls);
  await Promise.all(answers.map((answer) => answer.text()));
  return answers.map((answer) => answer.status);
}

describe("the line", () => {
  test("[GW-4] a caller with many calls in line delays another's by one", async () => {
    const { group, key } = await site(1, { concurrency: 1 });
    const member = await admin.member("patient@example.org", { group_id: group });
    const other = await member.key();
    await demo.fault({ name: "held", route: "chat", hold: true });
    const calls = [post(key, "holds the slot")];
    await demo.until((s) => s.open.held === 1);
    for (let i = 1; i <= 5; i++) {
      calls.push(post(key, `many ${i}`));
      await underWay(1 + i);
    }
    calls.push(post(other, "one"));
    await underWay(7);
    await demo.release("held");
    assert.deepEqual(await all(calls), Array(7).fill(200));
    const order = ["holds the slot", "many 1", "one", "many 2", "many 3", "many 4", "many 5"];
    assert.deepEqual(await arrived(), order);
  });

  test("[GW-4] a caller with many jobs in line delays another's by one", async () => {
    const { group, key } = await site(1, { concurrency: 1 }, "videos");
    const member = await admin.member("polite@example.org", { group_id: group });
    const other = await member.key();
    await demo.fault({ name: "held", route: "videos.create", hold: true });
    const calls = [video(key, "holds the slot")];
    await demo.until((s) => s.open.held === 1);
    for (let i = 1; i <= 5; i++) calls.push(video(key, `many ${i}`));
    await inLine(5);
    calls.push(video(other, "one"));
    await inLine(6);
    await demo.release("held");
    assert.deepEqual(await all(calls), Array(7).fill(200));
    const prompts = (await demo.jobs()).map((job) => job.prompt);
    assert.equal(prompts.indexOf("one"), 1, String(prompts));
  });

  test("[GW-4] [GW-10] a remix, which one account alone can make, has its turn too", async () => {
    const { group, key } = await site(1, { concurrency: 1 }, "videos");
    const other = await (await admin.member("remixer@example.org", { group_id: group })).key();
    const headers = { authorization: `Bearer ${other}`, "content-type": "application/json" };
    const { id } = await (await video(other, "the first")).json();
    await eventually("it ends", async () => {
      const look = await (await fetch(`${kinora.url}/v1/videos/${id}`, { headers })).json();
      return look.status === "completed";
    });
    await demo.fault({ name: "held", route: "videos.create", hold: true });
    const calls = [video(key, "holds the slot")];
    await demo.until((s) => s.open.held === 1);
    for (let i = 1; i <= 5; i++) calls.push(video(key, `many ${i}`));
    await inLine(5);
    const body = JSON.stringify({ prompt: "the remix" });
    calls.push(fetch(`${kinora.url}/v1/videos/${id}/remix`, { method: "POST", headers, body }));
    await inLine(6);
    await demo.release("held");
    assert.deepEqual(await all(calls), Array(7).fill(200));
    const prompts = (await demo.jobs()).map((job) => job.prompt);
    assert.ok(prompts.indexOf("the remix") - prompts.indexOf("holds the slot") <= 2, String(prompts));
  });

  test("[GW-4] calls that always wait do not keep another's job from its turn", async () => {
    const { group, key } = await site(1, { concurrency: 1 });
    const member = await admin.member("queued@example.org", { group_id: group });
    await demo.fault({ name: "held", route: "chat", hold: true, times: 0 });
    const calls = [post(key, "first")];
    await demo.until((s) => s.open.held === 1);
    calls.push(post(key, "second"));
    await underWay(2);
    const job = video(await member.key(), "one");
    await inLine(1);
    // The line is never without one of theirs.
    const at = async () => (await demo.state()).submissions.by_prompt.map((s) => s.prompt);
    for (let n = 1; n <= 40 && !(await at()).includes("one"); n++) {
      calls.push(post(key, `more ${n}`));
      await underWay(3);
      await demo.release("held");
      await demo.until((s) => s.open.held === 1 && s.routes.chat.requests === n + 1);
    }
    assert.ok((await at()).includes("one"));
    const release = setInterval(() => void demo.release("held"), 50);
    assert.deepEqual(new Set(await all([...calls, job])), new Set([200]));
    clearInterval(release);
  });

  test("[GW-6] a job that waits too long is told why, and when to come back", async () => {
    const { key, ids } = await site(1, {}, "videos");
    const rows = new Rows(kinora);
    const late = async (prompt: string) => {
      const answer = video(key, prompt);
      await eventually(`${prompt}: it waits again`, async () => (await rest(ids[0])) > 0);
      await inLine(1);
      rows.change("UPDATE jobs SET pending_until = 1, next_at = 0 WHERE state = 'queued'");
      const got = await answer;
      const { error } = await got.json();
      return [got.status, error.code, Number(got.headers.get("retry-after"))];
    };
    await demo.fault({ route: "videos.create", status: 429, headers: { "Retry-After": "900" } });
    const [status, code, wait] = await late("limited");
    assert.deepEqual([status, code], [429, "rate_limited"]);
    assert.ok(wait > 800 && wait <= 900, String(wait));
    await admin.ask("POST", `/api/v1/admin/accounts/${ids[0]}/reset`);
    await eventually("it rests no more", async () => (await rest(ids[0])) === 0);
    await demo.fault({ route: "videos.create", status: 500, headers: { "Retry-After": "900" } });
    assert.equal((await late("failed"))[0], 502);
    assert.deepEqual((await late("cooling")).slice(0, 2), [503, "no_account"]);
  });

  test("[GW-4] [GW-6] whoever waits for 30 s is told 429, or what has become of the accounts since",
    { skip: !FULL && "it takes half a minute" }, async () => {
    const [busy, gone] = [await site(1, { concurrency: 1 }), await site(1, { concurrency: 1 })];
    await demo.fault({ name: "held", route: "chat", hold: true, times: 2 });
    const first = [post(busy.key), post(gone.key)];
    await demo.until((s) => s.open.held === 2);
    const began = Date.now();
    const second = [post(busy.key), post(gone.key)];
    await underWay(4);
    await admin.ask("PATCH", `/api/v1/admin/accounts/${gone.ids[0]}`, { status: "disabled" });
    const [late, none] = await Promise.all(second);
    assert.ok(Date.now() - began >= 30_000);
    assert.equal(late.status, 429);
    assert.ok(Number(late.headers.get("retry-after")) > 0);
    assert.equal((await late.json()).error.code, "rate_limited");
    assert.equal(none.status, 503);
    assert.equal((await none.json()).error.code, "no_account");
    await demo.release("held");
    assert.deepEqual(await all(first), [200, 200]);
  });
});

describe("accounts that fail", () => {
  test("[GW-5] [AC-6] one call tries an account that failed, and when it begins well all others follow", async () => {
    const { ids, key } = await site(1, { concurrency: 20 });
    await demo.fault({ route: "chat", status: 500 });
    assert.deepEqual(await all([post(key)]), [502]);
    const failed = await account(ids[0]);
    assert.equal(failed.status, "active");
    assert.equal(failed.failures_24h, 1);
    await eventually("the cool-down is over without a click", async () => {
      return (await account(ids[0])).overloaded_until === null;
    });
    await demo.fault({ name: "probe", route: "chat", hold: true, idle: true });
    const leave = new AbortController();
    const began = Date.now();
    const probe = post(key, "x", { signal: leave.signal }, true);
    const calls: Promise<Response>[] = [];
    try {
      await demo.until((s) => s.open.held === 1);
      await demo.fault({ name: "others", route: "chat", hold: true, times: 0 });
      for (let i = 0; i < 19; i++) calls.push(post(key, "x", { signal: leave.signal }));
      await underWay(20);
      const { in_flight } = await account(ids[0]);
      const { held } = (await demo.state()).open;
      /* Each calm 10 s let in twice as many: on a slow machine that may have come. */
      const most = 2 ** Math.floor((Date.now() - began) / 10_000);
      assert.ok(in_flight <= most && held <= most, `${in_flight} taken, ${held} held of ${most}`);
      /* Its stream begins, and that alone lets in all the others, before any answer is whole. */
      await demo.release("probe");
      await eventually("all are at the upstream", async () => {
        return (await demo.state()).open.held === 20;
      });
      assert.equal((await account(ids[0])).in_flight, 20);
      await demo.release("others");
      assert.deepEqual(await all(calls), Array(19).fill(200));
      assert.equal((await account(ids[0])).in_flight, 1);
      await demo.release("probe");
      assert.deepEqual(await all([probe]), [200]);
    } finally {
      leave.abort();
      await Promise.allSettled([probe, ...calls]);
    }
    assert.equal((await account(ids[0])).in_flight, 0);
  });

  test("[AC-6] cause, time left and counts of a cool-down are shown, outlive the process, and go with a click", async () => {
    const { ids, key } = await site(1);
    const headers = { "Retry-After": "600" };
    await demo.fault({ route: "chat", status: 429, headers });
    assert.deepEqual(await all([post(key)]), [429]);
    const look = async () => {
      const a = await account(ids[0]);
      assert.equal(a.status, "active");
      assert.equal(a.status_reason_code, "account_rate_limited");
      assert.match(a.status_reason, /429/);
      assert.ok(a.cooling_seconds > 500 && a.cooling_seconds <= 600);
      assert.ok(Date.parse(a.rate_limited_until) > Date.now() + 500_000);
      assert.deepEqual([a.in_flight, a.successes_24h, a.failures_24h], [0, 0, 1]);
      assert.ok(Date.parse(a.last_used_at) > Date.now() - 60_000);
    };
    await look();
    await kinora.stop({ keep: true });
    await kinora.launch();
    await look();
    const refused = await post(key);
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get("retry-after")) > 500);
    await refused.text();
    assert.equal((await demo.requests("chat")).length, 1);
    const cleared = await admin.ask("POST", `/api/v1/admin/accounts/${ids[0]}/reset`);
    assert.deepEqual(
      [cleared.cooling_seconds, cleared.rate_limited_until, cleared.status_reason_code],
      [0, null, null],
    );
    assert.deepEqual(await all([post(key)]), [200]);
    assert.equal((await account(ids[0])).successes_24h, 1);
  });
});

describe("the retry budget", () => {
  test("[GW-5] with one of ten accounts failing 99 of 100 calls succeed, at most a fifth made twice", async () => {
    const { key } = await site(10);
    await demo.fault({ route: "chat", key: "up-1", status: 500, times: 0 });
    const statuses: number[] = [];
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        for (let i = 0; i < 20; i++) statuses.push(...(await all([post(key)])));
      }),
    );
    assert.ok(statuses.filter((status) => status === 200).length >= 198, String(statuses));
    const { routes } = await demo.state();
    assert.ok(routes.chat.requests <= 240, `${routes.chat.requests} calls for 200`);
  });

  test("[GW-5] when all accounts fail, direct calls are made again for a fifth of them and ten", async () => {
    const { key } = await site(60, { concurrency: 1 });
    await demo.fault({ route: "chat", status: 503, times: 0 });
    const statuses = await all(Array.from({ length: 20 }, () => post(key)));
    assert.deepEqual(statuses, Array(20).fill(502));
    const { requests } = (await demo.state()).routes.chat;
    assert.ok(requests >= 20 && requests <= 34, `${requests} calls for 20`);
  });

  test("[GW-5] [ST-2] jobs that are refused together are sent again one after another", async () => {
    const { key } = await site(20, { concurrency: 1 }, "videos");
    await demo.fault({ route: "videos.create", status: 503, times: 0 });
    const statuses = await all(Array.from({ length: 5 }, () => post(key)));
    assert.deepEqual(statuses, Array(5).fill(502));
    const seen = (await demo.requests("videos.create")) as unknown as { received_at: string }[];
    assert.equal(seen.length, 20, "each had its three switches");
    const times = seen.map((r) => Date.parse(r.received_at)).sort((a, b) => a - b);
    /* 5 calls, 11 at once, and 4 a second apart. */
    assert.ok(times[19] - times[0] >= 2900, `${times[19] - times[0]} ms`);
  });
});

describe("slots", () => {
  test("[GW-4] [AC-1] 200 clients, most of which leave: no slot is lost, and counts are the upstream's", async () => {
    const { ids, key } = await site(8);
    const seconds = FULL ? 30 : 4;
    let completed = 0;
    let busy = true;
    await demo.fault(
      { route: "chat", key: "up-2", cut: { at: "before_head", how: "reset" }, skip: 20, times: 5 },
      { route: "chat", key: "up-3", cut: { at: 300, how: "fin" }, skip: 20, times: 5 },
      { route: "chat", key: "up-4", status: 429, headers: { "Retry-After": "1" }, skip: 20, times: 5 },
    );
    const calls = await metric("kinora_relay_calls_total");
    const client = async (n: number) => {
      for (let i = 0; busy; i++) {
        const leave = new AbortController();
        /* Three of four leave: at once, in line, before or behind the first byte. */
        if ((n + i) % 4 > 0) setTimeout(() => leave.abort(), ((n * 7 + i * 13) % 40) * 10);
        try {
          const answer = await post(key, "x", { signal: leave.signal }, i % 2 > 0);
          await answer.text();
          if (answer.status === 200) completed++;
        } catch {
          /* it left, or the answer was cut */
        }
      }
    };
    const clients = Array.from({ length: 200 }, (_, n) => client(n));
    for (let i = 0; i < seconds * 2; i++) {
      await sleep(500);
      const change = { concurrency: 3 + (i % 4) };
      await admin.ask("PATCH", `/api/v1/admin/accounts/${ids[i % 6]}`, change);
      /* One goes while its slots are held, another is switched off. */
      if (i === 3) await admin.ask("DELETE", `/api/v1/admin/accounts/${ids[6]}`);
      if (i === 5) await admin.ask("PATCH", `/api/v1/admin/accounts/${ids[7]}`, { status: "disabled" });
    }
    busy = false;
    await Promise.all(clients);
    await underWay(0);
    await demo.until((s) => s.open.requests === 0);
    let done = 0;
    for (const id of ids.filter((_, i) => i !== 6)) {
      const now = await account(id);
      assert.equal(now.in_flight, 0);
      done += now.successes_24h;
    }
    const { chat } = (await demo.state()).routes;
    assert.ok(completed > 0 && done > 0);
    assert.ok(done <= chat.answered, `${done} successes of ${chat.answered} whole answers`);
    const made = (await metric("kinora_relay_calls_total")) - calls;
    assert.ok(chat.requests <= made, `${chat.requests} calls arrived of ${made}`);
    /* All slots are there: as many calls at once as the accounts have. */
    const left = [];
    for (const id of ids.filter((_, i) => i < 6)) {
      await admin.ask("PATCH", `/api/v1/admin/accounts/${id}`, { concurrency: 2 });
      await admin.ask("POST", `/api/v1/admin/accounts/${id}/reset`);
      left.push(id);
    }
    await demo.reset();
    await demo.fault({ name: "all", route: "chat", hold: true, times: 0 });
    const last = Array.from({ length: 13 }, () => post(key));
    await demo.until((s) => s.open.held === 12);
    await underWay(13);
    for (const id of left) assert.equal((await account(id)).in_flight, 2);
    await demo.control("DELETE", "/faults");
    await demo.release();
    assert.deepEqual(await all(last), Array(13).fill(200));
  });
});
