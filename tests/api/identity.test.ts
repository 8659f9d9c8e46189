// SPDX-License-Identifier: Apache-2.0
// People, keys, groups and sessions over HTTP (docs/spec.md, section 1).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { Events } from "../lib/events.ts";
import { eventually, Kinora, PASSWORD, Person } from "../lib/kinora.ts";
import { documented } from "../lib/openapi.ts";
import { assertError, send, stopAll } from "../lib/raw.ts";

const BINARY = process.env.KINORA_BIN ?? "build/asan/kinora";
let kinora: Kinora;
let demo: Demo;
let admin: Person;

before(async () => {
  [kinora, demo] = await Promise.all([Kinora.start(), Demo.start("--speed", "200")]);
  admin = documented(await kinora.admin());
});

after(() => stopAll(kinora, demo));

let count = 0;
async function member(more: Record<string, unknown> = {}): Promise<Person> {
  return documented(await admin.member(`member${++count}@example.org`, more));
}

function login(email: string, password: string, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ email, password });
  return send(kinora.url, "POST", "/api/v1/auth/login", {
    body,
    headers: { "accept-language": "en", ...headers },
  });
}

function withCookie(method: string, path: string, token: string, body?: string) {
  const headers = { cookie: `kinora_session=${token}`, "x-requested-with": "kinora" };
  return send(kinora.url, method, path, { headers, body });
}

function alive(person: Person): Promise<boolean> {
  return person.call("GET", "/api/v1/auth/me").then((a) => a.status === 200);
}

// What a first start prints, and the program that goes on running.
async function firstStart() {
  const fresh = await Kinora.start();
  await fresh.stop({ keep: true });
  const { host } = new URL(fresh.url);
  const where = fresh.database ? ["--database", fresh.database] : [];
  const child = spawn(BINARY, ["serve", "--listen", host, "--data", fresh.data, ...where]);
  let said = "";
  child.stdout.on("data", (piece) => (said += piece));
  const token = await eventually("the link is printed", async () => {
    return new RegExp(`http://${host}/setup\\?token=([\\w-]{43})\n`).exec(said)?.[1];
  });
  const stop = async () => {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
    rmSync(fresh.data, { recursive: true });
  };
  return { url: fresh.url, token, stop };
}

test("[ID-4] The first start prints a set-up link, which makes one administrator once", async () => {
  const { url, token, stop } = await firstStart();
  const setup = (token: string, email: string) =>
    send(url, "POST", "/api/v1/auth/setup", {
      body: JSON.stringify({ token, email, password: PASSWORD }),
      headers: { "accept-language": "en" },
    });
  const required = async () =>
    (await send(url, "GET", "/api/v1/settings/public")).body.setup_required;
  try {
    assert.equal(await required(), true);
    assertError(await setup("x".repeat(43), "a@example.org"), 403, "invalid_setup_token");
    const two = await Promise.all([setup(token, "a@example.org"), setup(token, "b@example.org")]);
    assert.deepEqual(two.map((a) => a.status).sort(), [201, 409], "one of two at once");
    assert.equal(two.find((a) => a.status === 201)!.body.user.role, "admin");
    assertError(await setup(token, "c@example.org"), 409, "setup_done");
    assert.equal(await required(), false);
  } finally {
    await stop();
  }
});

test("[ID-1 ID-2] A new user is active, has a UUID of its own and is of the group default", async () => {
  const person = await member();
  const me = await person.ask("GET", "/api/v1/auth/me");
  assert.deepEqual(
    [
      me.role,
      me.status,
      me.group_id,
      me.avatar,
      me.sora_storage_quota_bytes,
      me.sora_storage_used_bytes,
    ],
    ["user", "active", 1, null, 0, 0],
  );
  const other = await (await member()).ask("GET", "/api/v1/auth/me");
  assert.notEqual(me.uuid, other.uuid);
  const group = await admin.ask("GET", "/api/v1/admin/groups/1");
  assert.deepEqual([group.name, group.platform], ["default", "sora"]);
  assert.ok(Math.abs(Date.parse(group.created_at) - Date.now()) < 3600_000, group.created_at);
});

test("[ID-1] An e-mail address is one user's, however it is written", async () => {
  const person = await member();
  const again = await admin.call("POST", "/api/v1/admin/users", {
    email: person.user.email.toUpperCase(),
    password: PASSWORD,
  });
  assertError(again, 409, "email_taken");
  assert.equal((await login(person.user.email.toUpperCase(), PASSWORD)).status, 200);
});

test("[ID-4] Signing in gives a cookie that scripts of the page cannot read, and a bearer token", async () => {
  const person = await member();
  const answer = await login(person.user.email, PASSWORD);
  const cookie = answer.headers.get("set-cookie")!;
  assert.match(cookie, /^kinora_session=[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
  const token = /=([\w-]+);/.exec(cookie)![1];
  assert.equal(answer.body.token, token);
  assert.equal(answer.body.user.email, person.user.email);
  assert.equal((await withCookie("GET", "/api/v1/auth/me", token)).body.email, person.user.email);
  const me = await new Person(kinora, token, answer.body.user).ask("GET", "/api/v1/auth/me");
  assert.equal(me.id, person.user.id);
});

test("[ID-4] Credentials of another scheme, as a proxy before us may ask for, do not hide the session", async () => {
  const person = await member();
  const basic = { authorization: "Basic cHJveHk6c2VjcmV0" };
  const cookie = { cookie: `kinora_session=${person.token}` };
  const me = (headers: Record<string, string>) =>
    send(kinora.url, "GET", "/api/v1/auth/me", { headers });
  assert.equal((await me({ ...basic, ...cookie })).body.email, person.user.email);
  assertError(await me({ ...basic, "accept-language": "en" }), 401, "unauthenticated");
  const wrong = { authorization: "Bearer wrong", "accept-language": "en", ...cookie };
  assertError(await me(wrong), 401, "unauthenticated");
  // Nor do they speak for a page of another site.
  const forged = { ...basic, ...cookie, origin: "https://evil.example", "accept-language": "en" };
  assertError(
    await send(kinora.url, "POST", "/api/v1/auth/logout", { headers: forged }),
    403,
    "csrf",
  );
  assert.equal((await login(person.user.email, PASSWORD, basic)).status, 200);
});

test("[ID-4] A wrong password and an unknown address are told alike", async () => {
  const person = await member();
  const wrong = await login(person.user.email, "not the password");
  const nobody = await login("nobody@example.org", "not the password");
  assertError(wrong, 401, "invalid_credentials");
  assert.deepEqual(wrong.body, nobody.body);
  assert.equal(wrong.headers.get("set-cookie"), null);
});

test("[ID-4] Signing out ends this session and no other", async () => {
  const one = await member();
  const two = await kinora.signIn(one.user.email);
  const answer = await withCookie("POST", "/api/v1/auth/logout", one.token);
  assert.equal(answer.status, 204);
  assert.match(answer.headers.get("set-cookie")!, /^kinora_session=; .*Max-Age=0/);
  assertError(await one.call("GET", "/api/v1/auth/me"), 401, "unauthenticated");
  assert.ok(await alive(two));
});

test("[ID-4] Whoever guesses a password has to wait, and the right one then too; others do not", async () => {
  const person = await member();
  const answers = [];
  for (let i = 0; i < 7; i++) answers.push(await login(person.user.email, `guess number ${i}`));
  const refused = answers.filter((a) => a.status === 429);
  assert.ok(refused.length >= 1, "seven guesses went through");
  assert.ok(answers.slice(0, 5).every((a) => a.status === 401));
  assertError(refused[0], 429, "too_many_attempts");
  assert.ok(refused[0].body.error.retry_after >= 1);
  assert.equal(refused[0].headers.get("retry-after"), String(refused[0].body.error.retry_after));
  const right = await login(person.user.email, PASSWORD);
  assert.ok([200, 429].includes(right.status));
  const other = await member();
  assert.equal((await login(other.user.email, PASSWORD)).status, 200);
});

test("[ID-4] Who knows the password never waits for those who sign in beside him", async () => {
  const [one, two, three] = [await member(), await member(), await member()];
  for (let round = 0; round < 3; round++) {
    const people = [...Array(10).fill(one), ...Array(4).fill(two), ...Array(4).fill(three)];
    const answers = await Promise.all(people.map((p) => login(p.user.email, PASSWORD)));
    assert.deepEqual(answers.map((a) => a.status), people.map(() => 200));
  }
});

test("[ID-4] A crowd of guesses gets no further than one guess after the other", async () => {
  const person = await member();
  const answers = await Promise.all(Array.from({ length: 24 }, (_, i) => login(person.user.email, `crowd ${i}`)));
  const judged = answers.filter((a) => a.status === 401).length;
  // Five are free; more are judged only where the machine is so slow that a wait of 2 s has passed.
  assert.ok(judged >= 5 && judged < 10, `${judged} of 24`);
  assert.ok(answers.every((a) => [401, 429].includes(a.status)));
});

test("[ID-4] Disabling a user ends all sessions and open event streams within a second", async () => {
  const person = await member();
  const events = await Events.open(person);
  assert.equal(events.status, 200);
  await admin.ask("PATCH", `/api/v1/admin/users/${person.user.id}`, { status: "disabled" });
  assertError(await person.call("GET", "/api/v1/auth/me"), 401, "unauthenticated");
  await eventually("the stream ends", async () => events.ended);
  assertError(await login(person.user.email, PASSWORD), 403, "user_disabled");
  await admin.ask("PATCH", `/api/v1/admin/users/${person.user.id}`, { status: "active" });
  assertError(await person.call("GET", "/api/v1/auth/me"), 401, "unauthenticated");
  assert.ok(await alive(await kinora.signIn(person.user.email)));
});

test("[ID-4] A stream ends with its session, and other sessions' streams go on", async () => {
  const one = await member();
  const two = await kinora.signIn(one.user.email);
  const [first, second] = [await Events.open(one), await Events.open(two)];
  await one.ask("POST", "/api/v1/auth/logout");
  await eventually("the stream ends", async () => first.ended);
  assert.equal(second.ended, false);
  second.close();
});

test("[ID-4] Changing one's password ends the other sessions, and only with the current one", async () => {
  const one = await member();
  const two = await kinora.signIn(one.user.email);
  const stream = await Events.open(two);
  const change = (current_password: string, new_password: string) =>
    one.call("POST", "/api/v1/auth/password", { current_password, new_password });
  assertError(await change("not this one", "a new password"), 403, "wrong_password");
  assert.ok(await alive(two));
  assert.equal((await change(PASSWORD, "a new password")).status, 204);
  assert.ok(await alive(one));
  assert.equal(await alive(two), false);
  await eventually("the stream ends", async () => stream.ended);
  assertError(await login(one.user.email, PASSWORD), 401, "invalid_credentials");
  assert.equal((await login(one.user.email, "a new password")).status, 200);
});

test("[ID-4] Nobody registers until the setting allows it, and then as a plain user", async () => {
  const me = JSON.stringify({ email: "self@example.org", password: PASSWORD });
  const register = (body = me) =>
    send(kinora.url, "POST", "/api/v1/auth/register", {
      body,
      headers: { "accept-language": "en" },
    });
  assertError(await register(), 403, "registration_closed");
  await admin.ask("PATCH", "/api/v1/admin/settings", { registration_enabled: true });
  const made = await register();
  assert.equal(made.status, 201);
  assert.deepEqual([made.body.user.role, made.body.user.group_id], ["user", 1]);
  assert.match(made.headers.get("set-cookie")!, /HttpOnly/);
  assertError(await register(), 409, "email_taken");
  const bad = JSON.stringify({ email: "x", password: PASSWORD });
  assertError(await register(bad), 400, "invalid_email");
  await admin.ask("PATCH", "/api/v1/admin/settings", { registration_enabled: false });
});

test("[ID-1] The last active administrator can be neither disabled, demoted nor deleted", async () => {
  const path = `/api/v1/admin/users/${admin.user.id}`;
  assertError(await admin.call("PATCH", path, { status: "disabled" }), 409, "last_admin");
  assertError(await admin.call("PATCH", path, { role: "user" }), 409, "last_admin");
  assertError(await admin.call("DELETE", path), 409, "last_admin");
  const second = await member({ role: "admin" });
  const demote = (who: Person, whom: number) =>
    who.call("PATCH", `/api/v1/admin/users/${whom}`, { role: "user" });
  const both = await Promise.all([demote(admin, second.user.id), demote(second, admin.user.id)]);
  const statuses = both.map((a) => a.status).sort();
  assert.equal(statuses[0], 200);
  assert.ok([403, 409].includes(statuses[1]), "two who demote each other leave one");
  if (both[0].status !== 200) {
    // The other one won: make the first one an administrator again.
    await second.ask("PATCH", path, { role: "admin" });
    await admin.ask("PATCH", `/api/v1/admin/users/${second.user.id}`, { role: "user" });
  }
});

test("[ID-8] A group that users, keys or accounts are of is 409 with their count", async () => {
  const group = await admin.ask("POST", "/api/v1/admin/groups", { name: "studio" });
  const path = `/api/v1/admin/groups/${group.id}`;
  const refused = async (uses: number) => {
    const answer = await admin.call("DELETE", path);
    assertError(answer, 409, "group_in_use");
    assert.equal(answer.body.error.count, uses);
  };
  const person = await member({ group_id: group.id });
  await refused(1);
  const account = await admin.account(demo, "chat", { group_ids: [group.id] });
  await refused(2);
  await admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
  await admin.ask("PATCH", `/api/v1/admin/users/${person.user.id}`, { group_id: 1 });
  assert.equal((await admin.call("DELETE", path)).status, 204);
  assertError(await admin.call("GET", path), 404, "group_not_found");
});

test("[ID-8] Deleting a user ends sessions, streams and keys, cancels jobs and removes the works", async () => {
  const account = await admin.account(demo, "videos");
  const person = await member();
  const key = await person.key();
  const stream = await Events.open(person);
  await demo.settings({ video_ms: 3600000 });
  const job = await person.generate("never finished");
  await person.until(job, (g) => g.status === "generating" && g.progress >= 0);
  await demo.until((s) => s.jobs.active === 1);
  await admin.ask("DELETE", `/api/v1/admin/users/${person.user.id}`);
  assertError(await person.call("GET", "/api/v1/auth/me"), 401, "unauthenticated");
  await eventually("the stream ends", async () => stream.ended);
  await eventually("the key opens nothing", async () => {
    const headers = { authorization: `Bearer ${key}` };
    return (await send(kinora.url, "GET", "/v1/models", { headers })).status === 401;
  });
  assertError(await login(person.user.email, PASSWORD), 401, "invalid_credentials");
  await eventually("no job is left at the account", async () => {
    const answer = await admin.call("DELETE", `/api/v1/admin/accounts/${account.id}`);
    return answer.status === 204;
  });
  await demo.settings({ video_ms: 12000 });
});

test("[ID-3, AD-1] A name is more than blanks, and those at its ends do not count", async () => {
  for (const path of ["/api/v1/keys", "/api/v1/admin/groups"]) {
    const { status, body } = await admin.call("POST", path, { name: "  " });
    assert.deepEqual([status, body.error.code, body.error.field], [400, "invalid_field", "name"]);
    const made = await admin.ask("POST", path, { name: " in the middle " });
    assert.equal(made.name, "in the middle");
    const item = `${path}/${made.id}`;
    assert.equal((await admin.call("PATCH", item, { name: " " })).status, 400);
    assert.equal((await admin.call("DELETE", item)).status, 204);
  }
});

// Whether any file of the data folder holds these bytes.
function onDisk(folder: string, needle: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile())
    .map((f) => join(f.parentPath, f.name))
    .filter((path) => readFileSync(path).includes(needle));
}

test("[ID-3] A key is shown once, and only its hash is kept", async () => {
  const person = await member();
  const made = await person.ask("POST", "/api/v1/keys", { name: "script" });
  assert.match(made.key, /^sk-[\w-]{40,}$/);
  const list = await person.ask("GET", "/api/v1/keys");
  assert.equal(list.total, 1);
  assert.equal("key" in list.data[0], false);
  assert.equal(list.data[0].hint, `sk-…${made.key.slice(-4)}`);
  assert.equal(list.data[0].last_used_at, null);
  assert.deepEqual(onDisk(kinora.data, made.key), []);
  assert.deepEqual(onDisk(kinora.data, person.token), []);
  assert.equal(kinora.log.includes(made.key), false);
});

test("[ID-3] Keys are named, disabled, given an expiry and deleted, each at once, and their use is shown", async () => {
  const person = await member();
  const made = await person.ask("POST", "/api/v1/keys", { name: "script" });
  const path = `/api/v1/keys/${made.id}`;
  const status = async () => {
    const headers = { authorization: `Bearer ${made.key}` };
    return (await send(kinora.url, "GET", "/v1/models", { headers })).status;
  };
  const becomes = (wanted: number) =>
    eventually(`${wanted}`, async () => (await status()) === wanted);
  await becomes(200);
  await eventually("its use is shown", async () => {
    const { data } = await person.ask("GET", "/api/v1/keys");
    return data[0].last_used_at !== null;
  });
  assert.equal((await person.ask("PATCH", path, { name: "renamed" })).name, "renamed");
  await person.ask("PATCH", path, { status: "disabled" });
  await becomes(401);
  await person.ask("PATCH", path, { status: "active" });
  await becomes(200);
  const soon = new Date(Date.now() + 1500).toISOString();
  await person.ask("PATCH", path, { expires_at: soon });
  await becomes(401);
  await person.ask("PATCH", path, { expires_at: null });
  await becomes(200);
  await person.ask("DELETE", path);
  await becomes(401);
  assertError(await person.call("DELETE", path), 404, "key_not_found");
});

test("[ID-3] A user's keys are of the user's own group; an administrator's of any", async () => {
  const group = await admin.ask("POST", "/api/v1/admin/groups", { name: "elsewhere" });
  const person = await member();
  const form = { name: "k", group_id: group.id };
  assertError(await person.call("POST", "/api/v1/keys", form), 403, "group_not_allowed");
  const made = await admin.ask("POST", "/api/v1/keys", form);
  assert.equal(made.group_name, "elsewhere");
  const own = await person.ask("POST", "/api/v1/keys", { name: "k" });
  assert.equal(own.group_id, 1);
  await admin.ask("PATCH", `/api/v1/admin/users/${person.user.id}`, { group_id: group.id });
  const { data } = await person.ask("GET", "/api/v1/keys");
  assert.equal(data[0].group_id, group.id, "the user's keys follow into the new group");
});

test("[ID-5] sora_client_enabled follows the accounts, and open pages learn of it by an event", async () => {
  const shown = async () => {
    const answer = await send(kinora.url, "GET", "/api/v1/settings/public");
    return answer.body.sora_client_enabled;
  };
  const { data } = await admin.ask("GET", "/api/v1/admin/accounts?page_size=100");
  for (const a of data) await admin.ask("DELETE", `/api/v1/admin/accounts/${a.id}`);
  assert.equal(await shown(), false);
  const events = await Events.open(await member());
  const account = await admin.account(demo, "chat");
  assert.equal(await shown(), true);
  await events.until("it is on", (e) => e.type === "settings" && e.data.sora_client_enabled);
  events.seen.length = 0;
  await admin.ask("PATCH", `/api/v1/admin/accounts/${account.id}`, { status: "disabled" });
  assert.equal(await shown(), false);
  await events.until("it is off", (e) => e.type === "settings" && !e.data.sora_client_enabled);
  events.close();
});

test("[ID-6] Simple mode is told before sign-in", async () => {
  await admin.ask("PATCH", "/api/v1/admin/settings", { simple_mode: true });
  const answer = await send(kinora.url, "GET", "/api/v1/settings/public");
  assert.equal(answer.body.simple_mode, true);
  await admin.ask("PATCH", "/api/v1/admin/settings", { simple_mode: null });
});

test("[ID-7] Links and cookies follow the request's host, a trusted proxy's words, or public_url", async () => {
  const person = await member();
  const cookieBehind = async (headers: Record<string, string>) =>
    (await login(person.user.email, PASSWORD, headers)).headers.get("set-cookie")!;
  const proxy = { "x-forwarded-proto": "https", "x-forwarded-host": "kinora.example" };
  assert.doesNotMatch(await cookieBehind(proxy), /Secure/, "a stranger's words are not believed");
  await admin.ask("PATCH", "/api/v1/admin/settings", { trusted_proxies: ["127.0.0.0/8"] });
  assert.match(await cookieBehind(proxy), /; Secure$/);
  const forwarded = {
    ...proxy,
    "x-forwarded-for": "203.0.113.9",
    authorization: `Bearer ${admin.token}`,
  };
  await send(kinora.url, "PATCH", "/api/v1/admin/settings", {
    headers: forwarded,
    body: '{"site_name":"Kinora"}',
  });
  const audit = await admin.ask("GET", "/api/v1/admin/audit?page_size=1");
  assert.equal(audit.data[0].address, "203.0.113.9");
  await admin.ask("PATCH", "/api/v1/admin/settings", {
    trusted_proxies: null,
    public_url: "https://k.example",
  });
  assert.match(await cookieBehind({}), /; Secure$/);
  await admin.ask("PATCH", "/api/v1/admin/settings", { public_url: null });
});
