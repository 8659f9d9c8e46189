// SPDX-License-Identifier: Apache-2.0
// Accounts that ask for HTTP/2, against Node's own server.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import {
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  createSecureServer,
} from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import OpenAI from "openai";
import { Demo } from "../lib/demo.ts";
import { Kinora, type Person, eventually } from "../lib/kinora.ts";
import { Proxy } from "../lib/proxy.ts";
import { Rows } from "../lib/rows.ts";

const MODEL = "sora2-landscape-10s";
type Handler = (request: Http2ServerRequest, answer: Http2ServerResponse, digest: string) => void;

let server: Http2SecureServer;
let handler: Handler; // called when the body has been read …
let early: Handler | undefined; // … and this one before
let base: string;
let ca: string;
let demo: Demo;
let kinora: Kinora;
let admin: Person;
let key: string;
const sessions = new Set<ServerHttp2Session>();

function certificate(): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "kinora-h2-"));
  const file = (name: string) => join(folder, name);
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
      .concat("-subj", "/CN=upstream", "-addext", "subjectAltName=IP:127.0.0.1")
      .concat("-keyout", file("key"), "-out", file("cert")),
    { stdio: "ignore" },
  );
  const made = { cert: readFileSync(file("cert"), "utf8"), key: readFileSync(file("key"), "utf8") };
  rmSync(folder, { recursive: true });
  return made;
}

before(async () => {
  const own = certificate();
  ca = own.cert;
  server = createSecureServer({ ...own, allowHTTP1: true }, async (request, answer) => {
    if (early) {
      early(request, answer, "");
      return;
    }
    const hash = createHash("sha256");
    for await (const piece of request) hash.update(piece);
    handler(request, answer, hash.digest("hex"));
  });
  server.on("session", (s) => {
    sessions.add(s);
    s.on("close", () => sessions.delete(s));
  });
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  base = `https://127.0.0.1:${(server.address() as { port: number }).port}`;
  demo = await Demo.start("--speed", "100", "--plain-media");
  kinora = await Kinora.start();
  admin = await kinora.admin();
  key = await admin.key();
});

after(async () => {
  await kinora.stop();
  await demo.stop();
  for (const s of sessions) s.destroy();
  server.close();
});

beforeEach(async () => {
  early = undefined;
  await demo.reset();
  await accounts({});
});

// The first account's upstream is the server here; the others' the demo.
function accounts(first: Record<string, unknown>, ...others: Record<string, unknown>[]) {
  const own = { ca_pem: ca, http2: true, credentials: { base_url: base, api_key: "key-1" } };
  return admin.onlyAccounts(demo, { ...own, ...first }, ...others);
}

function form(more: Record<string, unknown> = {}): string {
  return JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "a boat" }], ...more });
}

function post(body: string, more: RequestInit = {}) {
  return fetch(`${kinora.url}/sora/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body,
    ...more,
  });
}

function stream(answer: Http2ServerResponse, ...pieces: unknown[]): void {
  answer.setHeader("content-type", "text/event-stream");
  for (const piece of pieces) answer.write(`data: ${JSON.stringify(piece)}\n\n`);
  answer.end("data: [DONE]\n\n");
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${kinora.pid}/status`, "utf8");
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]);
}

const chunk = (content: string) => ({
  id: "x",
  object: "chat.completion.chunk",
  created: 1,
  model: MODEL,
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});

test("[GW-7] the official package streams over HTTP/2", async () => {
  const versions: string[] = [];
  handler = (request, answer) => {
    versions.push(request.httpVersion, String(request.headers.authorization));
    stream(answer, chunk("two "), chunk("words"));
  };
  const client = new OpenAI({ apiKey: key, baseURL: `${kinora.url}/v1`, maxRetries: 0 });
  const ask = { model: MODEL, messages: [{ role: "user" as const, content: "a boat" }] };
  let text = "";
  for await (const piece of await client.chat.completions.create({ ...ask, stream: true }))
    text += piece.choices[0].delta.content ?? "";
  assert.equal(text, "two words");
  assert.deepEqual(versions, ["2.0", "Bearer key-1"]);
});

test("[GW-7] without being asked for it, it is HTTP/1.1", async () => {
  let version = "";
  handler = (request, answer) => {
    version = request.httpVersion;
    answer.end("{}");
  };
  await accounts({ http2: false });
  assert.equal((await post(form())).status, 200);
  assert.equal(version, "1.1");
});

for (const [http2, version] of [[false, "1.1"], [true, "2.0"]] as const) {
  test(`[AC-1] [GW-8] an account with http2 ${http2} has its tasks made and polled in HTTP/${version}`, async () => {
    const seen: string[] = [];
    handler = (request, answer) => {
      seen.push(`${request.method} ${request.httpVersion}`);
      const status = request.method === "POST" ? "queued" : "completed";
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify({ id: "video_1", object: "video", status }));
    };
    await accounts({ dialect: "videos", http2 });
    const answer = await post(form());
    assert.equal(answer.status, 200);
    await answer.text();
    assert.deepEqual(seen, [`POST ${version}`, `GET ${version}`]);
  });
}

test("[AC-1] [GW-1] an account with http2 is asked for its models in HTTP/2 too", async () => {
  let version = "";
  handler = (request, answer) => {
    if (request.url === "/v1/models") version = request.httpVersion;
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify({ object: "list", data: [{ id: "theirs" }] }));
  };
  await accounts({ dialect: "videos", http2: true });
  const rows = new Rows(kinora);
  rows.change("UPDATE accounts SET updated_at = 0"); // a quarter of an hour later
  await eventually("it is asked", async () => {
    rows.change("UPDATE account_models SET next_at = 0"); // a slow machine's first try may have failed
    return version !== "";
  }, 60);
  assert.equal(version, "2.0");
});

for (const kind of ["http", "socks5h"] as const) {
  test(`[AC-1] [GW-7] HTTP/2 through a proxy of kind ${kind}`, async (t) => {
    const proxy = await Proxy.start(kind, "me:word");
    t.after(() => proxy.stop());
    let version = "";
    handler = (request, answer) => {
      version = request.httpVersion;
      answer.end('{"a": 1}');
    };
    await accounts({ proxy_url: proxy.address() });
    assert.equal(await (await post(form())).text(), '{"a": 1}');
    assert.equal(version, "2.0");
    assert.deepEqual(proxy.targets, [new URL(base).host]);
    assert.doesNotMatch(proxy.heads.join(), /key-1/);
  });
}

test("[GW-7] a large body goes up byte for byte, and status, type and id come down", async () => {
  let digest = "";
  handler = (request, answer, seen) => {
    digest = seen;
    answer.writeHead(418, { "content-type": "text/odd", "x-request-id": "r-1", "set-cookie": "a=b" });
    answer.end("short and stout");
  };
  const body = form({ filler: "f".repeat(3 << 20) });
  const answer = await post(body);
  assert.equal(answer.status, 418);
  assert.equal(answer.headers.get("content-type"), "text/odd");
  assert.equal(answer.headers.get("set-cookie"), null);
  assert.equal(await answer.text(), "short and stout");
  assert.equal(digest, createHash("sha256").update(body).digest("hex"));
});

test("[GW-7] a client that leaves ends the stream upstream", async () => {
  let left = false;
  let began = false;
  handler = (request, answer) => {
    began = true;
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write("data: {}\n\n");
    request.stream.on("close", () => (left = true));
  };
  const leave = new AbortController();
  const answer = await post(form({ stream: true }), { signal: leave.signal });
  assert.ok(began);
  leave.abort();
  await answer.text().catch(() => {});
  await eventually("the stream is closed", async () => left);
});

test("[GW-7] a client that does not read holds the upstream back, in little memory", async () => {
  const size = 96 << 20;
  let written = 0;
  handler = async (request, answer) => {
    answer.writeHead(200, { "content-type": "video/mp4" });
    const block = Buffer.alloc(1 << 20, "b");
    while (written < size) {
      written += block.length;
      if (!answer.write(block)) await once(answer, "drain");
    }
    answer.end();
  };
  const before = residentBytes();
  const { hostname, port } = new URL(kinora.url);
  const socket = connect(Number(port), hostname);
  const body = form({ stream: true });
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n` +
      `Connection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await once(socket, "readable");
  let seen = -1;
  await eventually("the upstream stands still", async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const same = seen === written;
    seen = written;
    return same;
  });
  assert.ok(written < size, `${written} bytes were taken`);
  const grown = residentBytes() - before;
  assert.ok(grown < size / 3, `${grown} bytes of memory`); // libcurl's window alone is 32 MiB
  let bytes = 0;
  for await (const piece of socket) {
    bytes += (piece as Buffer).length;
  }
  assert.ok(bytes > size, "all of it came in the end"); // and the framing
});

for (const how of ["refuses the stream", "goes away"]) {
  test(`[GW-5] an upstream that ${how} before it answers is another account's turn`, async () => {
    await accounts({}, {});
    let asked = 0;
    handler = (request) => {
      asked++;
      if (how === "goes away") request.stream.session!.destroy();
      else request.stream.close(7); // REFUSED_STREAM
    };
    const answer = await post(form());
    assert.equal(answer.status, 200);
    await answer.text();
    assert.equal(asked, 1);
    assert.equal((await demo.requests("chat")).length, 1);
  });
}

test("[GW-5] an upstream that refuses before it has read the body is another account's turn", async () => {
  await accounts({}, {});
  early = (request, answer) => {
    answer.writeHead(503, { "content-type": "application/json" });
    answer.end('{"error": {"message": "no"}}');
  };
  const answer = await post(form({ filler: "f".repeat(3 << 20) }));
  assert.equal(answer.status, 200);
  await answer.text();
  assert.equal((await demo.requests("chat")).length, 1);
});

test("[GW-5] an answer that is cut in the middle is cut here", async () => {
  await accounts({}, {});
  handler = (request, answer) => {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write("data: {}\n\n");
    setTimeout(() => request.stream.close(2), 50); // INTERNAL_ERROR
  };
  const answer = await post(form({ stream: true }));
  assert.equal(answer.status, 200);
  await assert.rejects(answer.text());
  assert.equal((await demo.requests("chat")).length, 0);
});
