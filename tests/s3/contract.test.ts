// SPDX-License-Identifier: Apache-2.0
// Works in a real bucket: what lies there, how it is reached, and how it goes.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createServer } from "node:tls";
import { Demo } from "../lib/demo.ts";
import { settled } from "../lib/invariants.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { assertError, stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { Bucket, gateway, type Gateway, Way } from "../lib/s3.ts";
import { Source } from "../lib/source.ts";
import { assertHoldsLedger, deleted } from "./ledger.ts";

let gate: Gateway;
let way: Way;
let bucket: Bucket;
let demo: Demo;
let source: Source;
let kinora: Kinora;
let admin: Person;
let rows: Rows;

const SETTINGS = "/api/v1/admin/settings";
const TEST = `${SETTINGS}/sora-s3/test`;
const MIB = 1024 * 1024;

before(async () => {
  gate = await gateway();
  way = await Way.start(gate.url);
  bucket = await Bucket.make(gate);
  demo = await Demo.start("--speed", "100", "--plain-media", "--api-key", "demo-key");
  source = await Source.start();
  kinora = await Kinora.start();
  admin = await kinora.admin();
  rows = new Rows(kinora);
  await source.account(admin);
  await use({});
});

after(async () => {
  await stopAll(kinora, demo, source, way);
  gate.stop();
});

async function use(more: Record<string, unknown>): Promise<void> {
  const settings = bucket.settings({ sora_s3_endpoint: way.url, ...more });
  await admin.ask("PATCH", SETTINGS, settings);
}

async function work(prompt: string, more: Record<string, unknown> = {}) {
  const id = await admin.generate(prompt, more);
  return admin.ended(id);
}

const objectOf = (id: number, place = 0) =>
  rows.one(`SELECT * FROM objects WHERE generation_id = ${id} AND place = ${place}`);

// Nothing is left of anything but what the rows name.
async function clean(): Promise<void> {
  await deleted(rows, 180);
  await settled(kinora);
  await assertHoldsLedger(bucket, rows);
}

test("[SG-2] [SG-3] a file that fits into one part is one PUT under its dated key", async () => {
  const before = way.seen.length;
  const g = await work("size=5000000");
  assert.equal(g.status, "completed", JSON.stringify(g));
  assert.equal(g.storage_type, "s3");
  assert.equal(g.file_size_bytes, 5_000_000);
  const [key] = g.s3_object_keys as string[];
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "/");
  assert.match(key, new RegExp(`^sora/${admin.user.id}/${day}/[0-9a-f-]{36}\\.mp4$`));
  const found = await bucket.read(key);
  assert.deepEqual(found, { type: "video/mp4", size: 5_000_000, sha256: source.sha256("size=5000000") });
  assert.equal(objectOf(g.id).checksum, found.sha256);
  const kinds = way.seen.slice(before).map((s) => s.kind);
  assert.equal(kinds.filter((k) => k === "put").length, 1);
  assert.ok(!kinds.includes("begin"));
  await clean();
});

test("[SG-2] a file of several parts goes up in parts of 8 MiB, with a length or ranges or not", async () => {
  await Promise.all(["", " chunked", " noranges"].map(async (manner) => {
    const prompt = `size=17000000${manner}`;
    const g = await work(prompt);
    assert.equal(g.storage_type, "s3", JSON.stringify(g));
    const [key] = g.s3_object_keys as string[];
    assert.equal((await bucket.read(key)).sha256, source.sha256(prompt));
    const seen = way.seen.filter((s) => s.url.includes(key)).map((s) => s.kind);
    assert.deepEqual(seen.filter((k) => ["begin", "part", "complete"].includes(k)),
      ["begin", "part", "part", "part", "complete"]);
  }));
  assert.equal(rows.query("SELECT * FROM object_parts").length, 0);
  await clean();
});

test("[SG-2] a part's bound is no border: one byte less, exactly, one byte more", async () => {
  const sizes = [[8 * MIB - 1, 0], [8 * MIB, 0], [8 * MIB + 1, 2], [16 * MIB, 2]];
  const films = sizes
    .flatMap(([size, parts]) =>
      ["", " chunked"].map((manner) => ({ size, parts, prompt: `size=${size}${manner}` })))
    .filter((_, i) => process.env.KINORA_FULL === "1" || [2, 3, 5].includes(i));
  await Promise.all(films.map(async ({ size, parts, prompt }, i) => {
    const guest = await admin.member(`border-${i}@example.org`);
    const g = await guest.ended(await guest.generate(prompt));
    const [key] = g.s3_object_keys as string[];
    const found = await bucket.read(key);
    assert.deepEqual([found.size, found.sha256], [size, source.sha256(prompt)]);
    const seen = way.seen.filter((s) => s.kind === "part" && s.url.includes(key)).length;
    assert.equal(seen, parts, prompt);
  }));
  await clean();
});

test("[SG-4] links are presigned for a day, inline and as a download, and open by themselves", async () => {
  const g = await work("size=120000");
  const link = new URL(g.media_url!);
  assert.equal(link.searchParams.get("X-Amz-Expires"), "86400");
  const shown = await fetch(link);
  assert.equal(shown.status, 200);
  assert.equal(shown.headers.get("content-type"), "video/mp4");
  assert.match(shown.headers.get("content-disposition")!, /^inline; filename="kinora-\d+-1.mp4"$/);
  assert.equal((await shown.arrayBuffer()).byteLength, 120_000);
  const part = await fetch(link, { headers: { range: "bytes=10-19" } });
  assert.equal(part.status, 206);
  const saved = await fetch((g.download_urls as string[])[0]);
  assert.match(saved.headers.get("content-disposition")!, /^attachment; filename=/);
  link.searchParams.set("X-Amz-Expires", "86401");
  assert.equal((await fetch(link)).status, 403);
});

test("[SG-4] with a CDN the link is its address and the key", async () => {
  const g = await work("size=100001");
  await use({ sora_s3_cdn_url: "https://cdn.example/media/" });
  const again = await admin.generation(g.id);
  const [key] = g.s3_object_keys as string[];
  assert.equal(again.media_url, `https://cdn.example/media/${key}`);
  await use({ sora_s3_cdn_url: "" });
  assert.match((await admin.generation(g.id)).media_url!, /X-Amz-Signature=/);
});

test("[SG-1] [SG-3] a change is in force with the next work: another prefix, and off", async () => {
  await use({ sora_s3_prefix: "own/works" });
  const g = await work("size=100002");
  assert.match((g.s3_object_keys as string[])[0], /^own\/works\/sora\//);
  assert.equal((await fetch(g.media_url!)).status, 200);
  await use({ sora_s3_prefix: "", sora_s3_enabled: false });
  const local = await work("size=100003");
  assert.equal(local.storage_type, "local");
  // What lies in the bucket is still reached.
  assert.equal((await fetch((await admin.generation(g.id)).media_url!)).status, 200);
  await use({});
});

test("[SG-3] several images are several keys, and a poster stands for each work", async () => {
  await admin.account(demo, "chat", { models: ["gpt-image", "sora2-landscape-15s"], priority: 0 });
  const g = await work("three pictures", { model: "gpt-image", video_count: 3 });
  const keys = g.s3_object_keys as string[];
  assert.equal(g.storage_type, "s3", JSON.stringify(g));
  assert.equal(keys.length, g.media_urls.length);
  for (const url of g.media_urls) assert.equal((await fetch(url)).status, 200);
  const film = await work("with a poster", { model: "sora2-landscape-15s" });
  assert.equal(film.storage_type, "s3");
  assert.ok((film.width as number) > 0, "the facts were read out of the bucket");
  for (const [{ id, poster_url }, type] of [[film, "image/jpeg"], [g, "image/webp"]] as const) {
    const poster = await fetch(poster_url as string);
    assert.equal(poster.headers.get("content-type"), type);
    const object = objectOf(id, -1);
    assert.deepEqual([object.counter, Number(object.size) < 100_000], ["free", true]);
  }
});

// A certificate of its own in front of the way.
async function tlsFront(): Promise<{ url: string; pem: string; stop(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "kinora-front-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const made = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt",
    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj",
    "/CN=front", "-addext", "subjectAltName=IP:127.0.0.1"]);
  assert.equal(made.status, 0, String(made.stderr));
  const pem = readFileSync(cert, "utf8");
  const front = createServer({ key: readFileSync(key), cert: pem }, (socket) => {
    const on = connect(Number(new URL(way.url).port), "127.0.0.1");
    socket.pipe(on).pipe(socket);
    for (const end of [socket, on]) end.on("error", () => [socket, on].forEach((s) => s.destroy()));
  });
  rmSync(folder, { recursive: true });
  front.on("tlsClientError", () => {});
  await once(front.listen(0, "127.0.0.1"), "listening");
  const url = `https://127.0.0.1:${(front.address() as AddressInfo).port}`;
  return { url, pem, stop: () => front.close() };
}

test("[SG-3] a bucket behind https with its own authority gives facts and posters too", async () => {
  const front = await tlsFront();
  await use({ sora_s3_endpoint: front.url, sora_s3_ca_pem: front.pem });
  const film = await work("with a poster behind TLS", { model: "sora2-landscape-15s" });
  assert.equal(film.storage_type, "s3", JSON.stringify(film));
  assert.ok((film.width as number) > 0, "the facts were read out of the bucket");
  assert.equal(objectOf(film.id, -1).type, "image/jpeg");
  // A work that lay where nobody answers any more would be the doctor's concern.
  await admin.ask("DELETE", `/api/v1/sora/generations/${film.id}`);
  await eventually("an empty bucket", async () => rows.query("SELECT key FROM deletions").length === 0);
  await use({ sora_s3_ca_pem: "" });
  front.stop();
});

test("[SG-1] the test says what is wrong in words, in both languages", async () => {
  const good = await admin.ask("POST", TEST);
  assert.equal(good.ok, true);
  assert.equal(typeof good.latency_ms, "number");
  const wrong: [Record<string, unknown>, string][] = [
    [{ sora_s3_secret_access_key: "wrong" }, "storage_key_wrong"],
    [{ sora_s3_access_key_id: "nobody" }, "storage_key_wrong"],
    [{ sora_s3_bucket: "there-is-none" }, "bucket_not_found"],
    [{ sora_s3_endpoint: "http://127.0.0.1:1" }, "connection_refused"],
    [{ sora_s3_endpoint: "http://nowhere.invalid" }, "name_not_found"],
    [{ sora_s3_endpoint: "http://169.254.169.254" }, "address_forbidden"],
    [{ sora_s3_endpoint: gate.url.replace("http:", "https:") }, "tls_failed"],
    [{ sora_s3_endpoint: kinora.url }, "not_this_api"],
  ];
  for (const [change, code] of wrong) {
    const zh = await admin.call("POST", TEST, change, { "accept-language": "zh" });
    assert.equal(zh.status, 200);
    assert.deepEqual([zh.body.ok, zh.body.code], [false, code], JSON.stringify(change));
    assert.match(zh.body.message, /[\u4e00-\u9fff]/);
    const en = await admin.ask("POST", TEST, change);
    assert.ok(!/[\u4e00-\u9fff]/.test(en.message) && en.message.length > 10, en.message);
  }
  const half = await admin.ask("POST", TEST, { sora_s3_bucket: "" });
  assert.deepEqual([half.ok, half.code], [false, "storage_not_configured"]);
  const settings = await admin.ask("GET", SETTINGS);
  assert.equal(settings.sora_s3_secret_access_key, undefined);
  assert.equal(settings.sora_s3_secret_access_key_set, true);
  assert.equal(settings.sora_s3_bucket, bucket.name, "a test changes nothing");
});

test("[ST-7] storage-status says what is so", async () => {
  const status = () => admin.ask("GET", "/api/v1/sora/storage-status");
  await eventually("a healthy bucket", async () => (await status()).s3_healthy);
  assert.deepEqual(await status(), { s3_enabled: true, s3_healthy: true, local_enabled: true });
  await use({ sora_s3_bucket: "there-is-none" });
  assert.deepEqual(await status(), { s3_enabled: true, s3_healthy: false, local_enabled: true });
  await use({ sora_s3_enabled: false });
  assert.deepEqual(await status(), { s3_enabled: false, s3_healthy: false, local_enabled: true });
  await use({});
  await eventually("a healthy bucket", async () => (await status()).s3_healthy);
});

test("[ST-7] the test of another bucket says nothing of the one in use", async () => {
  const healthy = async () =>
    (await admin.ask("GET", "/api/v1/sora/storage-status")).s3_healthy as boolean;
  await eventually("a healthy bucket", healthy);
  assert.equal((await admin.ask("POST", TEST, { sora_s3_bucket: gate.bucket })).ok, true);
  assert.equal(await healthy(), true);
});

test("[SG-7] deleting gives the bytes back at once, and the objects follow, after an outage too", async () => {
  const used = async () => (await admin.ask("GET", "/api/v1/sora/quota")).used_bytes as number;
  const g = await work("size=300000");
  const [key] = g.s3_object_keys as string[];
  const before = await used();
  way.break({ on: "any", times: Infinity, status: 503, code: "ServiceUnavailable" });
  await admin.ask("DELETE", `/api/v1/sora/generations/${g.id}`);
  assert.equal(await used(), before - 300_000);
  await eventually("an attempt", async () => way.seen.some((s) => s.kind === "batch" && s.applied));
  assert.equal(await bucket.has(key), true);
  assert.equal(rows.query(`SELECT id FROM deletions WHERE key = '${key}'`).length, 1);
  way.mend();
  await eventually("the object gone", async () => !(await bucket.has(key)), 60);
  await clean();
});

test("[SG-7] a bucket that lists no uploads to us holds no deletion up", async () => {
  const g = await work("size=100006");
  const [key] = g.s3_object_keys as string[];
  way.break({ on: "uploads", times: Infinity, status: 403, code: "AccessDenied" });
  const store = objectOf(g.id).store_id as number;
  const unfinished = Array.from({ length: 64 }, (_, i) => `('s3', ${store}, 'sora/half-${i}.mp4', 2, 0, 0)`);
  rows.change("INSERT INTO deletions (storage, store_id, key, looks, next_at, created_at) " +
    `VALUES ${unfinished}`);
  await admin.ask("DELETE", `/api/v1/sora/generations/${g.id}`);
  await eventually("the object gone", async () => !(await bucket.has(key)), 180);
  assert.ok(rows.query("SELECT id FROM deletions WHERE attempts > 0").length > 0);
  way.mend();
  rows.change("DELETE FROM deletions WHERE key LIKE 'sora/half-%'");
  await clean();
});

test("[SG-6] a cancelled work gives its room back at once, in the middle of an upload", async () => {
  const id = await admin.generate("size=20000000 hold=17000000");
  await eventually("a part", async () => rows.query("SELECT number FROM object_parts").length > 0);
  await admin.ask("POST", `/api/v1/sora/generations/${id}/cancel`);
  await eventually("the room", async () =>
    rows.query(`SELECT id FROM objects WHERE generation_id = ${id}`).length === 0);
  source.release();
  await clean();
});

test("[ST-1] a bucket that says nothing keeps nobody waiting who brings an image", async () => {
  const image = "data:image/png;base64," + Buffer.from("\x89PNG\r\n\x1a\n....", "latin1").toString("base64");
  await eventually("a healthy bucket", async () =>
    (await admin.ask("GET", "/api/v1/sora/storage-status")).s3_healthy);
  way.break({ on: "put", times: Infinity, stall: true });
  const began = Date.now();
  const id = await admin.generate("size=1000 with an image", { image_input: image });
  assert.ok(Date.now() - began < 25_000, "less than one stalled connection lasts");
  const input = rows.one("SELECT storage, counter FROM objects WHERE key LIKE '%inputs/%' ORDER BY id DESC");
  assert.deepEqual([input.storage, input.counter], ["local", "free"]);
  way.mend();
  await admin.ended(id);
  await clean();
});

test("[SG-2] a clock that is an hour off is set right by the store's own", async () => {
  const hour = 3600_000;
  // What a store whose clock is an hour ahead would say to the first request.
  way.break({ on: "put", status: 403, code: "RequestTimeTooSkewed",
    headers: { date: new Date(Date.now() + hour).toUTCString() } });
  const before = way.seen.length;
  const g = await work("size=100004");
  assert.equal(g.storage_type, "s3");
  // Those that go by that clock are refused by the gateway, whose clock is ours.
  const puts = way.seen.slice(before).filter((s) => s.kind === "put").length;
  assert.ok(puts >= 2, String(puts));
  await clean();
});

test("[SG-9] [SG-6] what does not fit is kept as the upstream's link, and saved after making room", async () => {
  const guest = await admin.member("guest@example.org", { sora_storage_quota_bytes: 400_000 });
  const make = async (prompt: string) => guest.ended(await guest.generate(prompt));
  const first = await make("size=300000 first");
  const second = await make("size=300000 second");
  assert.equal(first.storage_type, "s3");
  assert.equal(second.storage_type, "upstream");
  assert.equal(second.storage_reason, "quota_exceeded");
  const save = `/api/v1/sora/generations/${second.id}/save`;
  const full = await guest.call("POST", save);
  assertError(full, 429, "quota_exceeded");
  assert.equal(full.body.error.quota_bytes, 400_000);
  await guest.ask("DELETE", `/api/v1/sora/generations/${first.id}`);
  const saved = await guest.ask("POST", save);
  assert.equal(saved.storage_type, "s3");
  assert.equal(saved.file_size_bytes, 300_000);
  assert.equal((await bucket.read(saved.s3_object_keys[0])).sha256, source.sha256("size=300000 second"));
  assert.equal((await guest.ask("GET", "/api/v1/sora/quota")).used_bytes, 300_000);
  await clean();
});

test("[ST-6 AC-3] saving from an address that answers 401 renews the token first", async () => {
  await use({ sora_s3_enabled: false, local_storage_enabled: false });
  let renewals = 0;
  const issuer = createHttpServer((request, answer) => {
    request.resume();
    request.on("end", () => {
      renewals++;
      answer.writeHead(200, { "content-type": "application/json" });
      answer.end(JSON.stringify({ access_token: "new", refresh_token: "next", expires_in: 3600 }));
    });
  }).listen(0, "127.0.0.1");
  await once(issuer, "listening");
  const open = await Demo.start("--speed", "200", "--plain-media");
  const { id } = await admin.ask("POST", "/api/v1/admin/accounts", {
    name: "signed in",
    type: "oauth",
    dialect: "videos",
    credentials: {
      base_url: open.url,
      token_url: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/token`,
      client_id: "c",
      refresh_token: "first",
      access_token: "old",
    },
    group_ids: [1],
    priority: 0,
  });
  try {
    const g = await work("behind a token");
    assert.equal(g.storage_type, "upstream", JSON.stringify(g));
    await use({});
    await open.fault({ route: "videos.content", status: 401, times: 1 });
    const saved = await admin.call("POST", `/api/v1/sora/generations/${g.id}/save`);
    assert.equal(saved.status, 200, JSON.stringify(saved.body));
    assert.equal(renewals, 1);
  } finally {
    await admin.ask("DELETE", `/api/v1/admin/accounts/${id}`);
    issuer.close();
    await open.stop();
  }
  await clean();
});

test("[ST-6] saving: all its outcomes", async () => {
  await use({ sora_s3_enabled: false, local_storage_enabled: false });
  const [one, two, three] = await Promise.all(["one", "two", "three"].map((name) => work(name)));
  assert.equal(one.storage_type, "upstream");
  const save = (id: number, who = admin) => who.call("POST", `/api/v1/sora/generations/${id}/save`);
  assertError(await save(one.id), 503, "storage_not_configured");
  await use({ local_storage_enabled: true });
  const [a, b] = await Promise.all([save(one.id), save(one.id)]);
  assert.deepEqual([a.status, b.status], [200, 200]);
  assert.deepEqual(a.body.s3_object_keys, b.body.s3_object_keys);
  assert.equal(rows.query(`SELECT id FROM objects WHERE generation_id = ${one.id}`).length, 1);
  assertError(await save(one.id), 409, "not_saveable");
  assertError(await save(999_999), 404, "generation_not_found");
  const stranger = await admin.member("stranger@example.org");
  assertError(await save(two.id, stranger), 404, "generation_not_found");
  source.film("two").wishes.set("gone", "");
  assertError(await save(two.id), 410, "link_expired");
  way.break({ on: "put", times: Infinity, status: 403, code: "AccessDenied" });
  assertError(await save(three.id), 503, "storage_unavailable");
  way.mend();
  assert.equal((await save(three.id)).status, 200);
  await clean();
});
