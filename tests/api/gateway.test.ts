// SPDX-License-Identifier: Apache-2.0
// Direct calls: what an API key reaches, byte for byte, and what happens when accounts fail.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, createServer } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import OpenAI, { APIError } from "openai";
import { Demo, type Recorded } from "../lib/demo.ts";
import { Kinora, type Person, eventually } from "../lib/kinora.ts";

const MODEL = "sora2-landscape-10s";
let demo: Demo;
let kinora: Kinora;
let admin: Person;
let key: string;

before(async () => {
  demo = await Demo.start("--speed", "100", "--plain-media");
  kinora = await Kinora.start();
  admin = await kinora.admin();
  key = await admin.key();
});

after(async () => {
  await kinora.stop();
  await demo.stop();
});

beforeEach(async () => {
  await demo.reset();
});

const accounts = (...forms: Record<string, unknown>[]) => admin.onlyAccounts(demo, ...forms);

function form(prompt: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ model: MODEL, messages: [{ role: "user", content: prompt }], ...more });
}

function post(body: string | Buffer, more: RequestInit & { path?: string; key?: string } = {}) {
  const { path = "/sora/v1/chat/completions", key: bearer = key, headers, ...rest } = more;
  return fetch(kinora.url + path, {
    method: "POST",
    headers: {
      authorization: `Bearer ${bearer}`,
      "content-type": "application/json",
      ...(headers as Record<string, string>),
    },
    body: body as BodyInit,
    ...rest,
  });
}

interface Refusal {
  status: number;
  retryAfter: string | null;
  error: { message: string; type: string; param: string | null; code: string };
}

async function refusal(answer: Promise<Response> | Response): Promise<Refusal> {
  const got = await answer;
  const text = await got.text();
  const { error } = JSON.parse(text);
  assert.deepEqual(Object.keys(error).sort(), ["code", "message", "param", "type"], text);
  assert.match(got.headers.get("x-request-id") ?? "", /./);
  return { status: got.status, retryAfter: got.headers.get("retry-after"), error };
}

function sha256(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function header(request: Recorded, name: string): string | undefined {
  return request.headers.find(([n]) => n.toLowerCase() === name)?.[1];
}

// The bearers that the upstream saw, in order.
async function bearers(): Promise<string[]> {
  const requests = await demo.requests("chat");
  return requests.map((r) => header(r, "authorization")!.replace("Bearer ", ""));
}

describe("what passes", () => {
  before(() => accounts({}));

  for (const path of ["/v1", "/sora/v1"]) {
    const client = () => new OpenAI({ apiKey: key, baseURL: kinora.url + path, maxRetries: 0 });
    const ask = { model: MODEL, messages: [{ role: "user" as const, content: "a paper boat" }] };

    test(`[GW-7] [V-1] the official package streams through ${path}`, async () => {
      let content = "";
      let reasons = 0;
      for await (const chunk of await client().chat.completions.create({ ...ask, stream: true })) {
        const delta = chunk.choices[0].delta as Record<string, string>;
        content += delta.content ?? "";
        reasons += delta.reasoning_content ? 1 : 0;
      }
      assert.match(content, /<video src='http/);
      assert.ok(reasons > 0);
    });

    test(`[GW-7] [V-1] the official package collects through ${path}`, async () => {
      const whole = await client().chat.completions.create(ask);
      assert.match(whole.choices[0].message.content!, /<video src='http/);
    });

    test(`[GW-1] the official package lists the models of ${path}`, async () => {
      const { data } = await client().models.list();
      assert.ok(data.some((m) => m.id === MODEL && m.object === "model"));
      assert.ok(!data.some((m) => m.id.startsWith("prompt-enhance")), "hidden at first");
    });
  }

  test("[GW-7] [V-5] the body goes up byte for byte, with the account's own key", async () => {
    const body = `{ "m\\u006fdel":"${MODEL}",\n\t"stream" : false, "x":1.0e+2, "messages":[{"role":"user","content":"\\u6d77 \u6d77 \\/"}] }\n `;
    const answer = await post(body, {
      headers: { "idempotency-key": "once-1", accept: "application/json, text/x-own" },
    });
    assert.equal(answer.status, 200);
    const [seen] = await demo.requests("chat");
    assert.equal(Buffer.from(seen.body.base64!, "base64").toString(), body);
    assert.equal(seen.target, "/sora/v1/chat/completions");
    assert.equal(header(seen, "authorization"), "Bearer key-1");
    assert.equal(header(seen, "content-type"), "application/json");
    assert.equal(header(seen, "accept"), "application/json, text/x-own");
    assert.equal(header(seen, "idempotency-key"), "once-1");
    await answer.text();
  });

  for (const stream of [true, false]) {
    test(`[GW-7] the answer comes down byte for byte, stream=${stream}`, async () => {
      const answer = await post(form("bytes", { stream }));
      const bytes = Buffer.from(await answer.arrayBuffer());
      const [seen] = await demo.requests("chat");
      assert.equal(bytes.length, seen.answer.bytes);
      assert.equal(sha256(bytes), seen.answer.sha256);
      const type = seen.answer.headers.find(([n]) => n.toLowerCase() === "content-type")![1];
      assert.equal(answer.headers.get("content-type"), type);
    });
  }

  test("[GW-7] bytes arrive while the upstream is still talking", async () => {
    await demo.fault({ name: "slow", route: "chat", hold_at: 400 });
    const answer = await post(form("early", { stream: true }));
    const reader = answer.body!.getReader();
    let got = 0;
    while (got < 400) got += (await reader.read()).value!.length;
    assert.equal(got, 400);
    await demo.release("slow");
    for (let piece = await reader.read(); !piece.done; piece = await reader.read());
  });

  test("[GW-7] encoding, request id and status of the upstream are kept", async () => {
    await demo.fault({
      route: "chat",
      status: 418,
      body: "short and stout",
      content_type: "text/x-teapot",
      headers: { "x-request-id": "upstream-7", "content-encoding": "identity", "x-other": "no" },
    });
    const answer = await post(form("tea"));
    assert.equal(answer.status, 418);
    assert.equal(answer.headers.get("content-type"), "text/x-teapot");
    assert.equal(answer.headers.get("content-encoding"), "identity");
    assert.equal(answer.headers.get("x-request-id"), "upstream-7");
    assert.equal(answer.headers.get("x-other"), null);
    assert.equal(await answer.text(), "short and stout");
  });

  test("[GW-7] a client that leaves ends the upstream call at once", async () => {
    for (const rule of [{ hold: true }, { idle: true }]) {
      await demo.reset();
      await demo.fault({ route: "chat", ...rule });
      const leave = new AbortController();
      const call = post(form("leaving", { stream: true }), { signal: leave.signal });
      await demo.until((s) => s.open.requests === 1);
      if (rule.idle) await (await call).body!.getReader().read();
      leave.abort();
      await call.catch(() => {});
      await demo.until((s) => s.routes.chat.left === 1 && s.open.requests === 0);
    }
  });

  test("[GW-12] an answer of ours has a request id, or keeps the client's", async () => {
    const answer = await post("{}", { headers: { "x-request-id": "mine-42" } });
    assert.equal(answer.headers.get("x-request-id"), "mine-42");
    await answer.text();
  });
});

describe("who may call, and with what", () => {
  before(() => accounts({}));

  test("[GW-12] a method that an address does not take is 405 in OpenAI's shape, in English", async () => {
    for (const path of ["/v1/videos", "/v1/chat/completions", "/sora/v1/models"]) {
      const answer = await fetch(`${kinora.url}${path}`, { method: "PUT", headers: { "accept-language": "zh" } });
      assert.match(answer.headers.get("allow")!, /GET|POST/);
      const { status, error } = await refusal(answer);
      assert.deepEqual([status, error.code, error.type], [405, "method_not_allowed", "invalid_request_error"]);
      assert.match(error.message, /^This address/);
    }
  });

  test("[GW-12] a missing or wrong key is 401 in OpenAI's shape", async () => {
    for (const bad of ["", "sk-wrong", key + "x"]) {
      const { status, error } = await refusal(post(form("no"), { key: bad }));
      assert.equal(status, 401);
      assert.equal(error.type, "authentication_error");
      assert.equal(error.code, "invalid_api_key");
    }
    const client = new OpenAI({ apiKey: "sk-wrong", baseURL: `${kinora.url}/v1`, maxRetries: 0 });
    await assert.rejects(
      client.models.list(),
      (e: unknown) => e instanceof APIError && e.status === 401 && e.code === "invalid_api_key",
    );
    assert.equal((await demo.requests("chat")).length, 0);
  });

  const bad: [string, string, string | null][] = [
    ["no JSON", "model=x", null],
    ["a cut document", `{"model":"m","messages":[{}]`, null],
    ["bytes behind it", `{"model":"m","messages":[1]} x`, null],
    ["an array", "[]", null],
    ["nothing", "", null],
    ["no model", `{"messages":[{"role":"user","content":"x"}]}`, "model"],
    ["an empty model", `{"model":"","messages":[1]}`, "model"],
    ["a model that is no string", `{"model":7,"messages":[1]}`, "model"],
    ["no messages", `{"model":"m"}`, "messages"],
    ["empty messages", `{"model":"m","messages":[ ]}`, "messages"],
    ["messages that are no array", `{"model":"m","messages":{"0":1}}`, "messages"],
    ["messages only deeper down", `{"model":"m","x":{"messages":[1]}}`, "messages"],
    ["messages emptied by a later one", `{"model":"m","messages":[1],"messages":[]}`, "messages"],
  ];
  for (const [name, body, param] of bad) {
    test(`[GW-2] ${name} is 400 and reaches no upstream`, async () => {
      const { status, error } = await refusal(post(body));
      assert.equal(status, 400);
      assert.equal(error.type, "invalid_request_error");
      assert.equal(error.param, param);
      assert.equal((await demo.requests("chat")).length, 0);
    });
  }

  test("[GW-1] a group of another platform: /v1 is 4xx, /sora/v1 uses ungrouped accounts", async () => {
    const group = await admin.ask("POST", "/api/v1/admin/groups", {
      name: "elsewhere",
      platform: "other",
    });
    const other = await admin.key({ group_id: group.id });
    const v1 = await refusal(post(form("x"), { path: "/v1/chat/completions", key: other }));
    assert.equal(v1.status, 400);
    assert.equal(v1.error.code, "platform_not_supported");
    const models = await fetch(`${kinora.url}/v1/models`, {
      headers: { authorization: `Bearer ${other}` },
    });
    assert.equal((await refusal(models)).status, 400);

    const none = await refusal(post(form("x"), { key: other }));
    assert.equal(none.status, 503, "the only account has a group");
    await accounts({}, { group_ids: [] });
    const answer = await post(form("x"), { key: other });
    assert.equal(answer.status, 200);
    await answer.text();
    assert.deepEqual(await bearers(), ["key-2"]);
    await accounts({});
  });

  test("[GW-1] the official package looks one model of the list up, slashes in its name or not", async () => {
    const slashed = "fal-ai/veo3.1/fast";
    await accounts({ models: [MODEL, slashed] });
    for (const path of ["/v1", "/sora/v1"]) {
      const { models } = new OpenAI({ apiKey: key, baseURL: kinora.url + path, maxRetries: 0 });
      const { data } = await models.list();
      for (const id of [MODEL, slashed])
        assert.deepEqual({ ...(await models.retrieve(id)) }, { ...data.find((m) => m.id === id) });
      const headers = { authorization: `Bearer ${key}` };
      const plain = await fetch(`${kinora.url}${path}/models/${slashed}`, { headers });
      assert.equal((await plain.json()).id, slashed, "sent as it is");
      for (const id of ["gpt-image", "fal-ai", `${slashed}/x`, `${slashed}?`, "fal-ai%2Fveo3.1%2Ffast"]) {
        const e = await models.retrieve(id).then(() => assert.fail(id), (e) => e);
        assert.ok(e instanceof OpenAI.NotFoundError, `${id}: ${e}`);
        assert.deepEqual([e.code, e.param, e.type], ["model_not_found", "model", "invalid_request_error"]);
      }
      const unknown = await fetch(`${kinora.url}${path}/models/${MODEL}`, { headers: { authorization: "Bearer sk-x" } });
      assert.equal((await refusal(unknown)).status, 401);
    }
  });

  test("[GW-1] the model lists are what accounts of the key's group would be given now", async () => {
    const group = async (platform: string) =>
      (await admin.ask("POST", "/api/v1/admin/groups", { name: `lists ${platform}`, platform })).id as number;
    const [own, other] = [await group("sora"), await group("other")];
    const [of_own, of_other] = [await admin.key({ group_id: own }), await admin.key({ group_id: other })];
    const listed = async (bearer: string, path = "/v1/models") => {
      const answer = await fetch(`${kinora.url}${path}`, { headers: { authorization: `Bearer ${bearer}` } });
      assert.equal(answer.status, 200);
      const body = await answer.json();
      assert.equal(body.object, "list");
      for (const m of body.data) assert.deepEqual([m.object, typeof m.created], ["model", "number"]);
      return body.data.map((m: { id: string }) => m.id).sort();
    };
    const serves = (models: string[], more = {}) => ({ group_ids: [own], models, ...more });
    await accounts({}, serves(["own-film", "sora2-landscape-10s"], { model_mapping: { ours: "theirs" } }));
    const some = ["ours", "own-film", "sora2-landscape-10s"];
    for (const path of ["/v1/models", "/sora/v1/models"]) assert.deepEqual(await listed(of_own, path), some);
    assert.ok((await listed(key)).includes("gpt-image"), "whose account takes any name");
    assert.deepEqual(await listed(of_other, "/sora/v1/models"), [], "no account is without a group");

    const [, , off] = await accounts({ group_ids: [] }, serves(["own-film"]), serves(["off"], { status: "disabled" }));
    assert.deepEqual(await listed(of_own), ["own-film"]);
    assert.deepEqual(await listed(key), []);
    assert.ok((await listed(of_other, "/sora/v1/models")).includes("gpt-image"));
    await admin.ask("PATCH", `/api/v1/admin/accounts/${off}`, { status: "active" });
    assert.deepEqual(await listed(of_own), ["off", "own-film"]);
    await admin.ask("PATCH", `/api/v1/admin/accounts/${off}`, { models: [] });
    const all = await listed(of_own);
    assert.ok(all.includes("own-film") && all.includes("sora2pro-hd-portrait-15s") && !all.includes("off"));
    // What cools down is there still: it will serve again by itself.
    await demo.fault({ route: "chat", status: 429, times: 0 });
    await (await post(form("x", { model: "own-film" }), { path: "/v1/chat/completions", key: of_own })).text();
    assert.deepEqual(await listed(of_own), all);
    await accounts({});
  });

  test("[GW-14] a request that has gone round is 508, and the count goes on", async () => {
    const looped = await refusal(post(form("x"), { headers: { "x-kinora-hop": "5" } }));
    assert.equal(looped.status, 508);
    await (await post(form("x"))).text();
    await (await post(form("x"), { headers: { "x-kinora-hop": "4" } })).text();
    const hops = (await demo.requests("chat")).map((r) => header(r, "x-kinora-hop"));
    assert.deepEqual(hops, ["1", "5"]);
  });

  test("[GW-3] [V-1] [V-9] a direct call stores nothing: no row, no file, no quota check", async () => {
    await admin.ask("PATCH", "/api/v1/admin/settings", { sora_default_storage_quota_bytes: 1 });
    const before = await admin.ask("GET", "/api/v1/sora/quota");
    const answer = await post(form("kept nowhere", { stream: true }));
    assert.match(await answer.text(), new RegExp(`src='${demo.url}/media/`), "the upstream's link");
    assert.equal((await admin.ask("GET", "/api/v1/sora/generations")).total, 0);
    assert.deepEqual(await admin.ask("GET", "/api/v1/sora/quota"), before);
    const files = readdirSync(kinora.data, { recursive: true }) as string[];
    assert.deepEqual(files.filter((f) => /\.(mp4|png|jpe?g|webp|part|tmp)$/.test(f)), []);
    assert.equal((await demo.requests("media")).length, 0, "not even fetched");
    await admin.ask("PATCH", "/api/v1/admin/settings", { sora_default_storage_quota_bytes: null });
  });
});

describe("large bodies", () => {
  test("[GW-13] a body over 1 MiB goes up whole, also to the account after a failed one", async () => {
    await accounts({}, {});
    await demo.fault({ route: "chat", key: "key-1", status: 500, times: 0 });
    const body = form("large", { image: `data:image/png;base64,${"QUJD".repeat(1_400_000)}` });
    const answer = await post(body);
    assert.equal(answer.status, 200);
    await answer.text();
    const seen = await demo.requests("chat");
    assert.deepEqual(await bearers(), ["key-1", "key-2"]);
    for (const { body: got } of seen) {
      assert.equal(got.bytes, body.length);
      assert.equal(got.sha256, sha256(body));
    }
  });

  test("[GW-13] bodies around the memory's edge and without a stated length arrive whole", async () => {
    await accounts({});
    for (const size of [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 * (256 << 10)]) {
      const empty = form("edge", { pad: "" });
      const body = form("edge", { pad: "x".repeat(size - empty.length) });
      const pieces = new ReadableStream({
        start(controller) {
          for (let at = 0; at < body.length; at += 100_000)
            controller.enqueue(Buffer.from(body.slice(at, at + 100_000)));
          controller.close();
        },
      });
      for (const chunked of [false, true]) {
        await demo.reset();
        const answer = chunked
          ? await post("", { body: pieces as BodyInit, duplex: "half" } as RequestInit)
          : await post(body);
        assert.equal(answer.status, 200);
        await answer.text();
        const [seen] = await demo.requests("chat");
        assert.equal(seen.body.bytes, size);
        assert.equal(seen.body.sha256, sha256(body));
      }
    }
  });

  test("[GW-13] a body over 256 MiB is 413 before it is sent", async () => {
    const { hostname, port } = new URL(kinora.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n` +
        `Content-Length: ${(256 << 20) + 1}\r\n\r\n`,
    );
    let text = "";
    for await (const piece of socket) text += piece;
    assert.match(text, /^HTTP\/1\.1 413 /);
    assert.match(text, /"type":"invalid_request_error"/);
  });
});

describe("when accounts fail", () => {
  for (const status of [401, 402, 403, 408, 429, 500, 502, 503]) {
    test(`[GW-5] after ${status} another account is asked`, async () => {
      await accounts({}, {});
      await demo.fault({ route: "chat", key: "key-1", status, times: 0 });
      const answer = await post(form("switch"));
      assert.equal(answer.status, 200);
      await answer.text();
      assert.deepEqual(await bearers(), ["key-1", "key-2"]);
    });
  }

  for (const how of ["fin", "reset"]) {
    test(`[GW-5] a connection that breaks before the answer (${how}) is another account's turn`, async () => {
      await accounts({}, {});
      await demo.fault({ route: "chat", key: "key-1", cut: { at: "before_head", how } });
      const answer = await post(form("broken"));
      assert.equal(answer.status, 200);
      await answer.text();
      assert.deepEqual(await bearers(), ["key-1", "key-2"]);
    });
  }

  test("[GW-5] a refused connection is another account's turn", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as { port: number };
    closed.close();
    await accounts({ credentials: { base_url: `http://127.0.0.1:${port}`, api_key: "key-1" } }, {});
    const answer = await post(form("refused"));
    assert.equal(answer.status, 200);
    await answer.text();
    assert.deepEqual(await bearers(), ["key-2"]);
  });

  test("[GW-5] 404 for the model is another account's turn, and marks nobody", async () => {
    const [first] = await accounts({}, {});
    const error = { message: "The model does not exist", code: "model_not_found" };
    await demo.fault({ route: "chat", key: "key-1", status: 404, error });
    await (await post(form("unknown"))).text();
    assert.deepEqual(await bearers(), ["key-1", "key-2"]);
    const account = await admin.ask("GET", `/api/v1/admin/accounts/${first}`);
    assert.equal(account.overloaded_until, null);
    assert.equal(account.rate_limited_until, null);
  });

  for (const [status, body] of [
    [400, { error: { message: "no" } }],
    [404, { error: { message: "no such page" } }],
    [422, { detail: [{ msg: "bad" }] }],
  ] as const) {
    test(`[GW-5] a ${status} of the caller's own comes down as it is, and nobody else is asked`, async () => {
      await accounts({}, {});
      await demo.fault({ route: "chat", key: "key-1", status, json: body });
      const answer = await post(form("mine"));
      assert.equal(answer.status, status);
      assert.deepEqual(await answer.json(), body);
      assert.deepEqual(await bearers(), ["key-1"]);
    });
  }

  test("[GW-5] three switches, not more", async () => {
    await accounts({}, {}, {}, {}, {});
    await demo.fault({ route: "chat", status: 503, times: 0 });
    const { status, error } = await refusal(post(form("all fail")));
    assert.equal(status, 502);
    assert.equal(error.type, "server_error");
    assert.deepEqual(await bearers(), ["key-1", "key-2", "key-3", "key-4"]);
  });

  test("[GW-5] once a byte has gone to the client nobody else is asked, and the answer is cut",
    { timeout: 30_000 }, async () => {
    await accounts({}, {});
    await demo.fault({ route: "chat", key: "key-1", cut: { at: 500, how: "reset" } });
    const answer = await post(form("half", { stream: true }));
    assert.equal(answer.status, 200);
    await assert.rejects(answer.text());
    assert.deepEqual(await bearers(), ["key-1"]);
  });

  test("[GW-5] a 404 that is cut upstream is cut here too, and not told as whole", async () => {
    await accounts({}, {});
    const error = { message: "There is nothing at this address" };
    await demo.fault({ route: "chat", status: 404, error, length_delta: 100 });
    const answer = await post(form("cut refusal"));
    assert.equal(answer.status, 404);
    await assert.rejects(answer.text());
    assert.deepEqual(await bearers(), ["key-1"]);
  });

  test("[GW-5] a short answer that looks whole upstream is cut here too", async () => {
    await accounts({}, {});
    await demo.fault({ route: "chat", length_delta: 100 });
    const answer = await post(form("short"));
    await assert.rejects(answer.text());
    assert.deepEqual(await bearers(), ["key-1"]);
  });

  test("[GW-5] a rate-limited account cools until its Retry-After, then a click clears it", async () => {
    const [first] = await accounts({}, {});
    await demo.fault({ route: "chat", key: "key-1", status: 429, headers: { "Retry-After": "600" } });
    await (await post(form("one"))).text();
    await (await post(form("two"))).text();
    assert.deepEqual(await bearers(), ["key-1", "key-2", "key-2"]);
    await admin.ask("POST", `/api/v1/admin/accounts/${first}/reset`);
    await (await post(form("three"))).text();
    assert.equal((await bearers()).at(-1), "key-1");
  });
});

describe("when nothing is left", () => {
  test("[GW-6] all refused for 429: 429 with the nearest Retry-After", async () => {
    await accounts({}, {});
    await demo.fault(
      { route: "chat", key: "key-1", status: 429, headers: { "Retry-After": "700" } },
      { route: "chat", key: "key-2", status: 429, headers: { "Retry-After": "300" } },
    );
    const first = await refusal(post(form("limited")));
    assert.equal(first.status, 429);
    assert.equal(first.error.type, "rate_limit_error");
    assert.ok(Number(first.retryAfter) > 290 && Number(first.retryAfter) <= 300, first.retryAfter!);
    const second = await refusal(post(form("still limited")));
    assert.equal(second.status, 429);
    assert.ok(Number(second.retryAfter) <= 300);
    assert.equal((await bearers()).length, 2);
  });

  test("[GW-6] no account, or none for the model: 503 with Retry-After", async () => {
    await accounts();
    const none = await refusal(post(form("nobody")));
    assert.equal(none.status, 503);
    assert.ok(Number(none.retryAfter) > 0);
    await accounts({ models: ["another-model"] });
    assert.equal((await refusal(post(form("not served")))).status, 503);
  });

  test("[GW-6] all cooling for other reasons: 503 with Retry-After", async () => {
    await accounts({});
    await demo.fault({ route: "chat", status: 500 });
    assert.equal((await refusal(post(form("first")))).status, 502);
    const second = await refusal(post(form("second")));
    assert.equal(second.status, 503);
    assert.ok(Number(second.retryAfter) > 0);
  });

  test("[GW-6] else 502 with the upstream's words, never its HTML, never the account's key", async () => {
    await accounts({});
    await demo.fault({ route: "chat", status: 500, error: { message: "out of paper" } });
    const said = await refusal(post(form("words")));
    assert.equal(said.status, 502);
    assert.match(said.error.message, /out of paper/);

    await accounts({});
    await demo.fault({ route: "chat", html: true });
    const page = await refusal(post(form("html")));
    assert.equal(page.status, 502);
    assert.doesNotMatch(page.error.message, /</);

    // Of a long one too, whose words are cut in the middle of it.
    for (const message of ["bad key key-1 here", `${"x".repeat(295)} key-1 here`]) {
      await accounts({});
      await demo.fault({ route: "chat", status: 401, error: { message } });
      const leaked = await refusal(post(form("leak")));
      assert.equal(leaked.status, 502);
      assert.doesNotMatch(leaked.error.message, /key-/);
    }
  });

  test("[GW-4] when every slot is taken a call waits in line, and gets the freed slot", async () => {
    await accounts({ concurrency: 1 });
    await demo.fault({ name: "held", route: "chat", hold: true });
    const first = post(form("first"));
    await demo.until((s) => s.open.held === 1);
    const second = post(form("second"));
    const models = await fetch(`${kinora.url}/v1/models`, {
      headers: { authorization: `Bearer ${key}` },
    });
    await models.text();
    assert.equal((await demo.requests("chat")).length, 1);
    await demo.release("held");
    assert.equal((await first).status, 200);
    assert.equal((await second).status, 200);
    await Promise.all([(await first).text(), (await second).text()]);
    assert.equal((await demo.requests("chat")).length, 2);
  });
});

describe("a cascade", () => {
  test("[GW-14] [V-5] one Kinora is another's account, and bytes pass both", async () => {
    await accounts({});
    const branch = await Kinora.start();
    const branchAdmin = await branch.admin();
    await branchAdmin.account(demo, "chat", {
      credentials: { base_url: `${kinora.url}/v1/`, api_key: key },
    });
    const branchKey = await branchAdmin.key();
    const body = form("through both", { stream: true });
    const answer = await fetch(`${branch.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${branchKey}`, "content-type": "application/json" },
      body,
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const [seen] = await demo.requests("chat");
    assert.equal(sha256(bytes), seen.answer.sha256);
    assert.equal(seen.body.sha256, sha256(body));
    assert.equal(header(seen, "x-kinora-hop"), "2");
    await eventually("the call is counted", async () => {
      const { data } = await branchAdmin.ask("GET", "/api/v1/admin/accounts");
      return data[0].successes_24h === 1;
    });
    await branch.stop();
  });
});

describe("watching over it", () => {
  async function scrape(headers: Record<string, string> = {}): Promise<Map<string, number>> {
    const answer = await fetch(`${kinora.url}/metrics`, { headers });
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
    const lines = (await answer.text()).split("\n").filter((l) => l && !l.startsWith("#"));
    return new Map(lines.map((l) => [l.slice(0, l.lastIndexOf(" ")), Number(l.split(" ").at(-1))]));
  }

  test("[AD-3] /metrics counts answers, calls upstream, switches and open streams", async () => {
    await accounts({}, {});
    const before = await scrape();
    await demo.fault(
      { route: "chat", key: "key-1", status: 500 },
      { name: "open", route: "chat", key: "key-2", idle: true },
    );
    const answer = await post(form("watched", { stream: true }));
    const open = await scrape();
    assert.equal(open.get("kinora_gateway_streams"), 1);
    await demo.release("open");
    await answer.text();
    const grown = (name: string) => open.get(name)! - before.get(name)!;
    assert.equal(grown("kinora_relay_calls_total"), 2);
    assert.equal(grown("kinora_relay_switches_total"), 1);
    assert.equal(grown("kinora_relay_first_byte_seconds_count"), 2);
    assert.equal(grown('kinora_answers_total{route="gateway",status="2xx"}'), 1);
    await eventually("the stream is over", async () => {
      return (await scrape()).get("kinora_gateway_streams") === 0;
    });
  });

  test("[AD-3] /metrics is for this machine, or for whoever has the token", async () => {
    const proxied = { "x-forwarded-for": "192.0.2.1" };
    const hidden = await fetch(`${kinora.url}/metrics`, { headers: proxied });
    assert.equal(hidden.status, 404);
    await hidden.text();
    await admin.ask("PATCH", "/api/v1/admin/settings", { metrics_token: "scraper-1" });
    for (const [token, status] of [
      ["scraper-1", 200],
      ["scraper-2", 404],
      ["", 404],
    ] as const) {
      const headers = { ...proxied, authorization: `Bearer ${token}` };
      const answer = await fetch(`${kinora.url}/metrics`, { headers });
      assert.equal(answer.status, status);
      await answer.text();
    }
  });
});
