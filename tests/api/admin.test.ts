// SPDX-License-Identifier: Apache-2.0
// What administrators look at (docs/spec.md, section 7): the overview, everybody's jobs, and who
// changed what.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { eventually, Kinora, PASSWORD, type Person } from "../lib/kinora.ts";
import { documented } from "../lib/openapi.ts";
import { assertError, send, stopAll } from "../lib/raw.ts";
import { routes } from "../lib/routes.ts";

let kinora: Kinora;
let demo: Demo;
let admin: Person;
let account: { id: number };
let ann: Person;
let ben: Person;

before(async () => {
  [kinora, demo] = await Promise.all([Kinora.start(), Demo.start("--speed", "200")]);
  admin = documented(await kinora.admin());
  account = await admin.account(demo, "chat");
  ann = await admin.member("ann@example.org");
  ben = await admin.member("ben@example.org");
});

after(() => stopAll(kinora, demo));

const IMAGE = { model: "gpt-image" };
const stats = (query = "") => admin.ask("GET", `/api/v1/admin/stats${query}`);
const jobs = (query = "") => admin.ask("GET", `/api/v1/admin/jobs${query}`);
const sum = (list: Record<string, number>[], key: string) =>
  list.reduce((all, entry) => all + entry[key], 0);

describe("the overview", () => {
  before(async () => {
    // Two of ann's are made, one of ben's is declined, one is cancelled, one runs and one waits.
    for (const prompt of ["a fox", "a boat"]) {
      const made = await ann.ended(await ann.generate(prompt, IMAGE));
      assert.equal(made.status, "completed", String(made.error_message));
    }
    await demo.fault({ prompt: "declined", job: { refuse: true } });
    assert.equal((await ben.ended(await ben.generate("declined"))).status, "failed");
    await demo.fault({ name: "endless", prompt: "endless", times: 0, job: { duration_ms: 3600000 } });
    const dropped = await ben.generate("endless");
    await ben.until(dropped, (g) => g.status === "generating");
    await ben.ask("POST", `/api/v1/sora/generations/${dropped}/cancel`);
    await eventually("the place is free", async () => (await stats()).accounts.in_flight === 0);
    await admin.ask("PATCH", `/api/v1/admin/accounts/${account.id}`, { concurrency: 1 });
    const running = await ben.generate("endless");
    await ben.until(running, (g) => g.status === "generating");
    await ben.generate("endless too");
  });

  test("[AD-2] counts jobs by outcome and hour, and how long they took", async () => {
    for (const period of ["24h", "7d", "30d"]) {
      const { jobs, step_seconds } = await stats(`?period=${period}&utc_offset=480`);
      assert.deepEqual([jobs.completed, jobs.failed, jobs.cancelled], [2, 1, 1]);
      assert.equal(sum(jobs.steps, "completed"), 2);
      assert.equal(sum(jobs.steps, "failed"), 1);
      assert.ok(jobs.p50_ms > 0 && jobs.p95_ms >= jobs.p50_ms);
      const last = jobs.steps.at(-1);
      assert.ok(Date.parse(last.at) + step_seconds * 1000 > Date.now());
      assert.equal(sum(jobs.steps.flatMap((s: { spread: [] }) => s.spread), "jobs"), 2);
    }
  });

  test("[AD-2] says why jobs failed, in the caller's language", async () => {
    const { jobs } = await stats();
    assert.equal(jobs.causes.length, 1);
    assert.deepEqual([jobs.causes[0].code, jobs.causes[0].jobs], ["content_policy", 1]);
    assert.match(jobs.causes[0].message, /\w/);
  });

  test("[AD-2] says who waits, and since when", async () => {
    const { live } = await stats();
    assert.deepEqual([live.waiting, live.running], [1, 1]);
    assert.equal(live.users.length, 1);
    assert.deepEqual([live.users[0].email, live.users[0].waiting], ["ben@example.org", 1]);
    assert.equal(live.users[0].since, live.oldest_at);
  });

  test("[AD-2] shows each account's health, what is full or fails first", async () => {
    const spare = await admin.account(demo, "videos", { name: "spare", status: "disabled" });
    const { accounts } = await stats();
    assert.deepEqual(
      [accounts.total, accounts.active, accounts.disabled, accounts.in_flight, accounts.slots],
      [2, 1, 1, 1, 1],
    );
    const [first, second] = accounts.worst;
    assert.deepEqual([first.id, first.in_flight, first.concurrency], [account.id, 1, 1]);
    assert.equal(second.id, spare.id);
    assert.equal(first.hours.length, 24);
    assert.ok(first.successes_24h > 0);
    await admin.ask("DELETE", `/api/v1/admin/accounts/${spare.id}`);
  });

  test("[AD-2] sums what is stored by store and counter, and names who stores most", async () => {
    const used = (await ann.ask("GET", "/api/v1/sora/quota")).used_bytes;
    const { storage, top_users, sora } = await eventually("a look into the ledger", async () => {
      const found = await stats();
      const sora = found.storage.days.findLast((day: { counter: string }) => day.counter === "sora");
      return sora && { ...found, sora };
    });
    assert.deepEqual([sora.storage, sora.bytes, sora.objects], ["local", used, 2]);
    assert.ok(storage.disk.free_bytes > 0);
    assert.deepEqual(top_users.by_bytes, [{ user_id: ann.user.id, email: "ann@example.org", bytes: used }]);
    assert.deepEqual(
      top_users.by_jobs.map((u: Record<string, unknown>) => [u.email, u.jobs, u.failed]),
      [["ann@example.org", 2, 0], ["ben@example.org", 2, 1]],
    );
  });

  test("[AD-2] lists everybody's jobs by status, person, account, model, kind and time", async () => {
    const all = await jobs();
    assert.equal(all.total, 6);
    const statuses = all.data.map((job: { status: string }) => job.status);
    assert.deepEqual(statuses.slice(0, 3), ["pending", "generating", "cancelled"]);
    const found = async (query: string) => (await jobs(query)).total;
    assert.equal(await found("?status=completed"), 2);
    assert.equal(await found("?status=pending"), 1);
    assert.equal(await found(`?user_id=${ann.user.id}`), 2);
    assert.equal(await found(`?user_id=${ben.user.id}&status=failed`), 1);
    assert.equal(await found(`?account_id=${account.id}`), 5);
    assert.equal(await found("?model=gpt-image"), 2);
    assert.equal(await found("?kind=studio"), 6);
    assert.equal(await found("?kind=video"), 0);
    assert.equal(await found(`?since=${new Date(Date.now() + 60_000).toISOString()}`), 0);
    assert.equal(await found(`?until=${new Date(Date.now() + 60_000).toISOString()}`), 6);
    const [failed] = (await jobs("?status=failed")).data;
    assert.deepEqual(
      [failed.user_email, failed.account_name, failed.error_class],
      ["ben@example.org", "demo chat", "content_policy"],
    );
    const second = await jobs("?page=2&page_size=4");
    assert.deepEqual(second.data.map((job: { id: number }) => job.id), [2, 1]);
  });

  test("[AD-2] is for administrators", async () => {
    for (const path of ["stats", "jobs", "audit"])
      assertError(await ann.call("GET", `/api/v1/admin/${path}`), 403, "admin_only");
  });
});

test("[AD-2] whatever an administrator changes stands in the audit log", async () => {
  const NAME = 'Été, "to be" \\ deleted';
  const root = "/api/v1/admin";
  const group = await admin.ask("POST", `${root}/groups`, { name: "friends" });
  await admin.ask("PATCH", `${root}/groups/${group.id}`, { sora_storage_quota_bytes: 5 });
  await admin.ask("DELETE", `${root}/groups/${group.id}`);
  const user = await admin.ask("POST", `${root}/users`, { email: "c@example.org", password: PASSWORD });
  await admin.ask("PATCH", `${root}/users/${user.id}`, { status: "disabled" });
  await admin.ask("DELETE", `${root}/users/${user.id}`);
  // Disabled: what waits in line must not run there, or it could not be deleted.
  const made = await admin.account(demo, "chat", { name: NAME, status: "disabled" });
  await admin.ask("PATCH", `${root}/accounts/${made.id}`, { priority: 3 });
  await admin.ask("POST", `${root}/accounts/${made.id}/reset`);
  await admin.ask("DELETE", `${root}/accounts/${made.id}`);
  await admin.ask("PATCH", `${root}/settings`, { hide_prompt_enhance: true });

  // Of the server's own table: what changes nothing here, and what was done above.
  const changesNothing = /\/(test|authorize-url|exchange)$/;
  const changes = routes().filter(
    (r) => r.access === "admin" && r.method !== "GET" && !changesNothing.test(r.path),
  );
  const kinds = new Map([["POST", "create"], ["PATCH", "update"], ["DELETE", "delete"]]);
  for (const { method, path } of changes) {
    const kind = path.split("/")[4].replace(/s$/, "").replace("setting", "settings");
    const action = `${kind}.${path.endsWith("/reset") ? "reset" : kinds.get(method)}`;
    const { data, total } = await admin.ask("GET", `${root}/audit?action=${action}`);
    assert.ok(total > 0, `${method} ${path} leaves no ${action}`);
    assert.equal(data[0].actor_email, (await admin.ask("GET", "/api/v1/auth/me")).email);
  }
  const told = await admin.ask("GET", `${root}/audit?action=user&q=user:${user.id}`);
  assert.deepEqual(
    told.data.map((row: { action: string }) => row.action),
    ["user.delete", "user.update", "user.create"],
  );
  // Found, and told, by a name that is no longer there.
  for (const [kind, name, times] of [["user", "c@example.org", 3], ["group", "friends", 3], ["account", NAME, 4]] as [string, string, number][]) {
    const { data } = await admin.ask("GET", `${root}/audit?${new URLSearchParams({ action: kind, q: name })}`);
    assert.deepEqual(data.map((row: { detail: { name: string } }) => row.detail.name), Array(times).fill(name));
  }
  for (const none of [`actor_id=${user.id}`, "q=fields", "q=sora_storage_quota_bytes"])
    assert.equal((await admin.ask("GET", `${root}/audit?${none}`)).total, 0, none);
});

test("[AD-1] people, groups, accounts and keys are searched and come in pages", async () => {
  for (const n of [1, 2, 3]) {
    await admin.ask("POST", "/api/v1/admin/users", { email: `find${n}@example.org`, password: PASSWORD });
    await admin.ask("POST", "/api/v1/admin/groups", { name: `find ${n}` });
    await admin.account(demo, "chat", { name: `find ${n}`, status: "disabled" });
    await admin.key({ name: `find ${n}` });
  }
  for (const path of ["admin/users", "admin/groups", "admin/accounts", "keys"]) {
    const page = await admin.ask("GET", `/api/v1/${path}?q=FIND&page=2&page_size=2`);
    assert.deepEqual([page.total, page.data.length], [3, 1], path);
    assert.equal((await admin.ask("GET", `/api/v1/${path}?q=nowhere`)).total, 0);
  }
});

test("[AD-1] a long answer is packed for who takes that, and says so", async () => {
  const list = "/api/v1/admin/audit?page_size=20";
  const take = async (accept?: string, path = list) => {
    const headers = { authorization: `Bearer ${admin.token}`, ...(accept && { "accept-encoding": accept }) };
    const { status, headers: answer, text, length } = await send(kinora.url, "GET", path, { headers });
    const [coding, vary] = [answer.get("content-encoding"), answer.get("vary")];
    assert.deepEqual([status, answer.get("content-length")], [200, String(length)]);
    return { coding, vary, text, length };
  };
  const plain = await take();
  assert.deepEqual([plain.coding, plain.vary], [null, "Accept-Encoding"]);
  for (const accept of ["gzip", "br, gzip;q=0.5", "deflate, GZIP"]) {
    const packed = await take(accept);
    assert.deepEqual([packed.coding, packed.vary, packed.text], ["gzip", "Accept-Encoding", plain.text], accept);
    assert.ok(packed.length < plain.length / 2, `${packed.length} of ${plain.length}`);
  }
  for (const accept of ["identity", "gzip;q=0", "gzip; Q=0.0", "br, deflate"]) assert.equal((await take(accept)).coding, null);
  const short = await take("gzip", "/api/v1/sora/quota");
  assert.deepEqual([short.coding, short.vary], [null, null]);
});
