// SPDX-License-Identifier: Apache-2.0
// Kinoras in a row, and in a ring: each is a process of its own, and an `apikey` account of the next.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { after, before, beforeEach, describe, test } from "node:test";
import { Demo, type Recorded } from "../lib/demo.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";

const MODEL = "sora2-landscape-10s";
let demo: Demo;
// The demo upstream is main's account, main is branch's, and branch is twig's.
const site: Record<"main" | "branch" | "twig", Kinora> = {} as never;
const admin: Record<keyof typeof site, Person> = {} as never;
const key: Record<keyof typeof site, string> = {} as never;
const names = ["main", "branch", "twig"] as const;

async function account(at: Person, name: string, to: string, api_key: string, more = {}) {
  const made = await at.ask("POST", "/api/v1/admin/accounts", {
    name,
    platform: "sora",
    type: "apikey",
    dialect: "chat",
    credentials: { base_url: to, api_key },
    priority: 10,
    concurrency: 20,
    group_ids: [1],
    ...more,
  });
  return made.id as number;
}

before(async () => {
  demo = await Demo.start("--speed", "100", "--plain-media", "--api-key", "demo-key");
  await Promise.all(
    names.map(async (name) => {
      site[name] = await Kinora.start();
      admin[name] = await site[name].admin();
      key[name] = await admin[name].key();
      await admin[name].ask("PATCH", "/api/v1/admin/settings", {
        allowed_private_networks: ["127.0.0.0/8"],
      });
    }),
  );
  await account(admin.main, "demo", demo.url, "demo-key");
  await account(admin.branch, "main", site.main.url, key.main);
  await account(admin.twig, "branch", `${site.branch.url}/v1/`, key.branch);
});

after(() => stopAll(...Object.values(site), demo));

beforeEach(async () => {
  await demo.reset();
  for (const at of Object.values(admin)) {
    const { data } = await at.ask("GET", "/api/v1/admin/accounts");
    for (const { id } of data) await at.ask("POST", `/api/v1/admin/accounts/${id}/reset`);
  }
});

const hopOf = (r: Recorded) => r.headers.find(([n]) => n.toLowerCase() === "x-kinora-hop")?.[1];
const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

function post(to: Kinora, bearer: string, path: string, body: string, headers = {}) {
  return fetch(`${to.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json", ...headers },
    body,
  });
}

const form = (prompt: string, more = {}) =>
  JSON.stringify({ model: MODEL, messages: [{ role: "user", content: prompt }], ...more });

const chat = (prompt: string, more = {}) =>
  post(site.twig, key.twig, "/v1/chat/completions", form(prompt, more));

describe("a row of three", () => {
  test("[GW-14] [GW-7] a stream passes all of them byte for byte, and is counted", async () => {
    const body = form("through all", { stream: true });
    const answer = await post(site.twig, key.twig, "/v1/chat/completions", body);
    const bytes = Buffer.from(await answer.arrayBuffer());
    const [seen] = await demo.requests("chat");
    assert.equal(sha256(bytes), seen.answer.sha256);
    assert.equal(seen.body.sha256, sha256(body));
    assert.equal(hopOf(seen), "3");
  });

  test("[GW-14] [GW-6] a refusal's Retry-After reaches the client, and no site waits longer", async () => {
    await demo.fault({ route: "chat", status: 429, headers: { "Retry-After": "7" }, times: 0 });
    const answer = await chat("too many");
    assert.equal(answer.status, 429);
    const seconds = Number(answer.headers.get("retry-after"));
    assert.ok(seconds >= 1 && seconds <= 8, `${seconds}`);
    assert.equal((await answer.json()).error.type, "rate_limit_error");
  });

  test("[GW-14] the caller's own mistake comes back in the upstream's words", async () => {
    const error = { message: "no such size", type: "invalid_request_error", param: "size", code: "bad_size" };
    await demo.fault({ route: "chat", status: 400, json: { error } });
    const answer = await chat("a mistake");
    assert.equal(answer.status, 400);
    assert.deepEqual(await answer.json(), { error });
  });

  test("[GW-14] [GW-6] an outage at the end is an outage here, without its page", async () => {
    await demo.fault({ route: "chat", html: true, status: 500, times: 0 });
    const answer = await chat("out");
    assert.ok([502, 503].includes(answer.status), `${answer.status}`);
    assert.doesNotMatch(await answer.text(), /<html/i);
  });

  test("[GW-14] [ST-2] a studio job at the branch is stored at the branch alone", async () => {
    const person = admin.branch;
    const g = await person.ended(await person.generate("kept at the branch"));
    assert.equal(g.status, "completed", String(g.error_message));
    assert.equal(g.storage_type, "local");
    assert.equal((await fetch(g.media_url!)).status, 200);
    assert.equal((await admin.main.ask("GET", "/api/v1/sora/generations")).total, 0);
    assert.equal((await admin.main.ask("GET", "/api/v1/sora/quota")).used_bytes, 0);
    const files = readdirSync(site.main.data, { recursive: true }) as string[];
    assert.deepEqual(files.filter((f) => /\.(mp4|png|jpe?g|part)$/.test(f)), []);
  });
});

describe("a branch whose main site makes videos as jobs", () => {
  test("[GW-14] [GW-8] its seconds and size reach the upstream of the main site", async () => {
    const made = await admin.main.ask("POST", "/api/v1/admin/groups", { name: "jobs", platform: "sora" });
    const models = ["sora-2"];
    await account(admin.main, "videos", demo.url, "demo-key", { dialect: "videos", group_ids: [made.id], models });
    const of_group = await admin.main.key({ group_id: made.id });
    await account(admin.branch, "main's jobs", site.main.url, of_group, { models, priority: 1 });
    const authorization = `Bearer ${key.branch}`;
    for (const size of ["1280x720", "720x1280"]) {
      const form = { model: "sora-2", prompt: `${size} at the main site`, seconds: "8", size };
      const answer = await post(site.branch, key.branch, "/v1/videos", JSON.stringify(form));
      const { id, ...rest } = await answer.json();
      assert.equal(answer.status, 200, JSON.stringify(rest));
      await eventually("the end", async () => {
        const look = await fetch(`${site.branch.url}/v1/videos/${id}`, { headers: { authorization } });
        return (await look.json()).status === "completed";
      });
    }
    const seen = (await demo.requests("videos.create")).map((r) => Buffer.from(r.body.base64!, "base64").toString());
    assert.deepEqual(seen.map((body) => /name="size"\r\n\r\n(\d+x\d+)/.exec(body)?.[1]), ["1280x720", "720x1280"]);
    for (const body of seen) assert.match(body, /name="seconds"\r\n\r\n8\r/);
  });
});

describe("a ring", () => {
  // Main's account of the group is the branch, and the branch's is main.
  const ring: { main: string; branch: string } = { main: "", branch: "" };

  before(async () => {
    const group: Record<string, number> = {};
    for (const name of ["main", "branch"] as const) {
      const made = await admin[name].ask("POST", "/api/v1/admin/groups", { name: "ring", platform: "sora" });
      group[name] = made.id;
      ring[name] = await admin[name].key({ group_id: made.id });
    }
    const more = (name: string, dialect: string, model: string) => ({
      dialect,
      group_ids: [group[name]],
      models: [model],
    });
    for (const [dialect, model] of [["chat", "round-chat"], ["videos", "round-videos"]]) {
      await account(admin.main, `ring ${dialect}`, site.branch.url, ring.branch, more("main", dialect, model));
      await account(admin.branch, `ring ${dialect}`, site.main.url, ring.main, more("branch", dialect, model));
    }
  });

  async function cooling(): Promise<unknown[]> {
    const lists = await Promise.all(
      [admin.main, admin.branch].map((a) => a.ask("GET", "/api/v1/admin/accounts")),
    );
    return lists.flatMap(({ data }) => data).filter((a) => a.overloaded_until || a.rate_limited_until);
  }

  test("[GW-14] a chat call that goes round is 508, and no account is blamed", async () => {
    const body = form("round and round", { model: "round-chat" });
    const answer = await post(site.main, ring.main, "/v1/chat/completions", body);
    assert.equal(answer.status, 508);
    assert.equal((await answer.json()).error.code, "loop_detected");
    assert.deepEqual(await cooling(), []);
  });

  test("[GW-14] [GW-10] a job that goes round ends, and says why", async () => {
    const body = JSON.stringify({ model: "round-videos", prompt: "round and round" });
    const answer = await post(site.main, ring.main, "/v1/videos", body);
    const text = await answer.text();
    assert.match(text, /loop|round/i);
    assert.ok(answer.status >= 400, `${answer.status} ${text}`);
    assert.deepEqual(await cooling(), []);
  });
});

describe("a key that both know", () => {
  test("[GW-14] [GW-11] [ST-3] what a dead branch may have sent is sent again, and made once", async () => {
    const person = admin.branch;
    // Before the accounts of the row, which take any model.
    const more = { dialect: "videos", models: ["twice-film"], priority: 1, honours_idempotency: true };
    await account(admin.branch, "main, honouring", site.main.url, key.main, more);
    await account(admin.main, "demo videos", demo.url, "demo-key", { ...more, honours_idempotency: false });
    await demo.fault({ name: "held", route: "videos.create", hold: true, times: 0 });
    const id = await person.generate("made once", { model: "twice-film" });
    await demo.until((s) => s.open.held === 1);
    await site.branch.kill();
    await demo.control("DELETE", "/faults/held");
    await demo.release();
    await site.branch.launch();
    const g = await person.ended(id, 120);
    assert.equal(g.status, "completed", String(g.error_message));
    const { submissions } = await demo.state();
    const made = submissions.by_prompt.find((p) => p.prompt.includes("made once"))!;
    assert.equal(made.accepted, 1);
    const [seen] = await demo.requests("videos.create");
    assert.equal(hopOf(seen), "2");
    await eventually("main has one job", async () => (await demo.jobs()).length === 1);
  });

  test("[GW-4] [ST-3] what is sent again waits for nobody's slot: its place has been its own", async () => {
    const person = admin.branch;
    const one = { models: ["one-place"], priority: 1, concurrency: 1, honours_idempotency: true };
    await account(admin.branch, "of one place", demo.url, "demo-key", one);
    await demo.fault({ name: "held", route: "chat", hold: true, times: 0 });
    const id = await person.generate("sent twice", { model: "one-place" });
    await demo.until((s) => s.open.held === 1);
    await site.branch.kill();
    await demo.until((s) => s.open.held === 0);
    const rows = new Rows(site.branch);
    rows.change("UPDATE jobs SET next_at = next_at + 3600000 WHERE state <> 'ended'");
    await site.branch.launch();
    const body = form("in the way", { model: "one-place" });
    const other = post(site.branch, key.branch, "/v1/chat/completions", body);
    await demo.until((s) => s.open.held === 1);
    rows.change("UPDATE jobs SET next_at = 0 WHERE state <> 'ended'");
    await demo.until((s) => s.open.held === 2);
    await demo.control("DELETE", "/faults/held");
    await demo.release();
    assert.equal((await other).status, 200);
    const g = await person.ended(id, 120);
    assert.equal(g.status, "completed", String(g.error_message));
  });
});
