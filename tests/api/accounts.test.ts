// SPDX-License-Identifier: Apache-2.0
// Upstream accounts over HTTP (docs/spec.md, section 2).
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { createServer as createHttp } from "node:http";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { Kinora, type Person } from "../lib/kinora.ts";
import { documented } from "../lib/openapi.ts";
import { assertError, stopAll } from "../lib/raw.ts";

const ACCOUNTS = "/api/v1/admin/accounts";
let kinora: Kinora;
let demo: Demo;
let admin: Person;

before(async () => {
  [kinora, demo] = await Promise.all([
    Kinora.start(),
    Demo.start("--speed", "200", "--api-key", "demo-key"),
  ]);
  admin = documented(await kinora.admin());
});

after(() => stopAll(kinora, demo));

beforeEach(async () => {
  await demo.reset();
  admin.language = "en";
  const { data } = await admin.ask("GET", `${ACCOUNTS}?page_size=100`);
  for (const a of data) await admin.ask("DELETE", `${ACCOUNTS}/${a.id}`);
});

function form(base_url: string, more: Record<string, unknown> = {}) {
  return {
    name: "upstream",
    platform: "sora",
    type: "apikey",
    credentials: { base_url, api_key: "demo-key" },
    group_ids: [1],
    ...more,
  };
}

describe("Accounts", () => {
  test("[AC-1] What is left out has a sensible first value, and everything can be changed", async () => {
    const made = await admin.ask("POST", ACCOUNTS, form(demo.url, { group_ids: undefined }));
    assert.deepEqual(
      [made.dialect, made.priority, made.concurrency, made.group_ids, made.models, made.status],
      ["chat", 50, 10, [], [], "active"],
    );
    const wanted = {
      name: "renamed",
      dialect: "videos",
      priority: 3,
      concurrency: 2,
      group_ids: [1],
      models: ["sora2-landscape-10s"],
      model_mapping: { "sora2-landscape-10s": "sora-2" },
      proxy_url: "socks5h://proxy.example:1080",
      honours_idempotency: true,
      http2: true,
      status: "disabled",
    };
    const changed = await admin.ask("PATCH", `${ACCOUNTS}/${made.id}`, wanted);
    const seen = await admin.ask("GET", `${ACCOUNTS}/${made.id}`);
    for (const [member, value] of Object.entries(wanted)) {
      assert.deepEqual(changed[member], value, member);
      assert.deepEqual(seen[member], value, member);
    }
  });

  test("[AC-1 AC-5] A stored key is led to no other server, neither by a test nor by a change", async () => {
    const seen: string[] = [];
    const other = createHttp((request, answer) => {
      seen.push(String(request.headers.authorization));
      answer.end("{}");
    }).listen(0, "127.0.0.1");
    await once(other, "listening");
    const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const made = await admin.ask("POST", ACCOUNTS, form(demo.url));
    const path = `${ACCOUNTS}/${made.id}`;
    for (const language of ["zh", "en"] as const) {
      admin.language = language;
      const credentials = { base_url: elsewhere };
      for (const answer of [
        await admin.call("POST", `${path}/test`, { credentials }),
        await admin.call("PATCH", path, { credentials }),
      ]) {
        assertError(answer, 400, "api_key_again", language);
        assert.equal(answer.body.error.field, "api_key");
      }
    }
    assert.deepEqual(seen, []);
    // Another path of the same server may keep it, and a key of its own may go anywhere.
    const nearby = { credentials: { base_url: `${demo.url}/v1` } };
    assert.equal((await admin.ask("POST", `${path}/test`, nearby)).ok, true);
    await admin.ask("PATCH", path, nearby);
    const given = { credentials: { base_url: elsewhere, api_key: "typed-for-it" } };
    await admin.ask("POST", `${path}/test`, given);
    assert.deepEqual(seen, ["Bearer typed-for-it"]);
    await admin.ask("PATCH", path, given);
    other.close();
  });

  test("[AC-1] A proxy's password is led to no other proxy", async () => {
    const proxy_url = "http://person:very-secret@proxy.example:8080";
    const made = await admin.ask("POST", ACCOUNTS, form(demo.url, { proxy_url }));
    const path = `${ACCOUNTS}/${made.id}`;
    const hidden = made.proxy_url as string;
    assert.equal((await admin.ask("PATCH", path, { proxy_url: hidden })).proxy_url, hidden);
    const elsewhere = hidden.replace("proxy.example", "other.example");
    assertError(await admin.call("PATCH", path, { proxy_url: elsewhere }), 400, "invalid_proxy");
    assertError(
      await admin.call("POST", `${path}/test`, { proxy_url: elsewhere }),
      400,
      "invalid_proxy",
    );
  });

  test("[AC-1] A secret is never shown again, and stands sealed on the disk", async () => {
    const secret = "sk-upstream-very-secret-0123456789";
    const credentials = { base_url: demo.url, api_key: secret };
    const proxy_url = "http://person:proxy-very-secret@proxy.example:8080";
    const made = await admin.ask("POST", ACCOUNTS, form(demo.url, { credentials, proxy_url }));
    assert.deepEqual(made.credentials, { base_url: demo.url, api_key_set: true });
    assert.doesNotMatch(JSON.stringify(await admin.ask("GET", ACCOUNTS)), /very-secret/);
    assert.doesNotMatch(
      JSON.stringify(await admin.ask("GET", "/api/v1/admin/audit")),
      /very-secret/,
    );
    const files = readdirSync(kinora.data, { recursive: true, withFileTypes: true });
    for (const f of files.filter((f) => f.isFile())) {
      assert.ok(!readFileSync(join(f.parentPath, f.name)).includes("very-secret"), f.name);
    }
    assert.doesNotMatch(kinora.log, /very-secret/);
    // An edit without the secret keeps it.
    await admin.ask("PATCH", `${ACCOUNTS}/${made.id}`, { name: "renamed" });
    assert.equal((await admin.ask("GET", `${ACCOUNTS}/${made.id}`)).credentials.api_key_set, true);
  });

  test("[AC-2 V-8] A base URL that is none is refused with its reason, at create, at edit and at a test", async () => {
    const wrong: [string, string][] = [
      ["", "missing_field"],
      ["   ", "missing_field"],
      ["host.example", "url_scheme"],
      ["//host.example", "url_scheme"],
      ["ftp://host.example", "url_scheme"],
      ["javascript:alert(1)", "url_scheme"],
      ["ws://host.example", "url_scheme"],
      ["http://", "url_invalid"],
      ["http:///path", "url_invalid"],
      ["https://host.example:99999", "url_invalid"],
      ["https://host.example:port", "url_invalid"],
      ["https://user:password@host.example", "url_invalid"],
      ["https://host.example/a b", "url_invalid"],
      ["https://host.example/?key=1", "base_url_parts"],
      ["https://host.example/#top", "base_url_parts"],
      ["https://host.example/v1/chat/completions", "base_url_is_endpoint"],
      ["https://host.example/v1/videos/", "base_url_is_endpoint"],
    ];
    const made = await admin.ask("POST", ACCOUNTS, form(demo.url));
    for (const [base_url, code] of wrong) {
      const credentials = { base_url, api_key: "k" };
      for (const language of ["zh", "en"] as const) {
        admin.language = language;
        const tries = [
          await admin.call("POST", ACCOUNTS, form(base_url)),
          await admin.call("PATCH", `${ACCOUNTS}/${made.id}`, { credentials }),
          await admin.call("POST", `${ACCOUNTS}/test`, { credentials }),
          await admin.call("POST", `${ACCOUNTS}/${made.id}/test`, { credentials }),
        ];
        for (const answer of tries) {
          assert.equal(
            answer.body.error?.code,
            code,
            `${base_url}: ${JSON.stringify(answer.body)}`,
          );
          assertError(answer, 400, code, language);
          assert.equal(answer.body.error.field, "base_url");
        }
      }
    }
    admin.language = "en";
    assert.equal((await admin.ask("GET", `${ACCOUNTS}/${made.id}`)).credentials.base_url, demo.url);
    assert.equal((await admin.ask("GET", ACCOUNTS)).total, 1);
  });

  test("[AC-2 V-8] However the base URL ends, the address asked has no doubled or missing part", async () => {
    const ends = [
      "",
      "/",
      "//",
      "/v1",
      "/v1/",
      "/sora",
      "/sora/",
      "/sora/v1",
      "/sora/v1/",
      "/sora/v1//",
    ];
    for (const dialect of ["chat", "videos"]) {
      for (const end of ends) {
        await demo.reset();
        const draft = form(`${demo.url}${end}`, { dialect });
        const outcome = await admin.ask("POST", `${ACCOUNTS}/test`, draft);
        assert.equal(outcome.ok, true, `${dialect} "${end}": ${JSON.stringify(outcome)}`);
        const [{ target }] = await demo.requests("models");
        assert.match(target, /^\/(sora\/)?v1\/models$/, `${dialect} "${end}"`);
      }
    }
    // And the jobs go where the test went.
    for (const end of ["/v1", "/sora/v1/"]) {
      await demo.reset();
      const account = await admin.ask("POST", ACCOUNTS, form(`${demo.url}${end}`));
      const g = await admin.ended(await admin.generate("joined", { model: "gpt-image" }));
      assert.equal(g.status, "completed", String(g.error_message));
      assert.equal((await demo.requests("chat"))[0].target, "/sora/v1/chat/completions");
      await admin.ask("DELETE", `${ACCOUNTS}/${account.id}`);
    }
  });

  test("[AC-4] apikey accounts speak chat unless told otherwise, and only dialects that there are", async () => {
    assert.equal((await admin.ask("POST", ACCOUNTS, form(demo.url))).dialect, "chat");
    const videos = await admin.ask("POST", ACCOUNTS, form(demo.url, { dialect: "videos" }));
    assert.equal(videos.dialect, "videos");
    const answer = await admin.call("POST", ACCOUNTS, form(demo.url, { dialect: "esperanto" }));
    assertError(answer, 400, "invalid_field");
  });

  test("[ID-8] An account with live jobs cannot be deleted, and says how many", async () => {
    const account = await admin.ask("POST", ACCOUNTS, form(demo.url));
    await demo.fault({ prompt: "never done", times: 0, job: { duration_ms: 3600000 } });
    const id = await admin.generate("never done");
    await admin.until(id, (g) => g.status === "generating");
    const answer = await admin.call("DELETE", `${ACCOUNTS}/${account.id}`);
    assertError(answer, 409, "account_in_use");
    assert.equal(answer.body.error.count, 1);
    await admin.ask("DELETE", `/api/v1/sora/generations/${id}`);
    assert.equal((await admin.call("DELETE", `${ACCOUNTS}/${account.id}`)).status, 204);
  });
});

describe("Testing the connection", () => {
  // A server of the test's own, for what the demo upstream cannot be.
  async function listening(server: Server): Promise<string> {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function outcome(base_url: string, api_key = "demo-key") {
    const credentials = { base_url, api_key };
    const draft = await admin.ask("POST", `${ACCOUNTS}/test`, { credentials });
    assert.ok(draft.latency_ms < 10000);
    return draft;
  }

  async function assertCause(base_url: string, code: string, zh: string, api_key?: string) {
    admin.language = "en";
    const english = await outcome(base_url, api_key);
    assert.deepEqual([english.ok, english.code], [false, code], JSON.stringify(english));
    assert.doesNotMatch(english.message, /[\u4e00-\u9fff]/);
    admin.language = "zh";
    const chinese = await outcome(base_url, api_key);
    assert.ok(chinese.message.startsWith(zh), chinese.message);
  }

  test("[AC-5] Success comes with the latency, for a draft and for a saved account", async () => {
    const draft = await outcome(demo.url);
    assert.equal(draft.ok, true);
    assert.equal(draft.code, undefined);
    const made = await admin.ask("POST", ACCOUNTS, form(demo.url));
    assert.equal((await admin.ask("POST", `${ACCOUNTS}/${made.id}/test`)).ok, true);
    const { routes, submissions } = await demo.state();
    assert.equal(routes.models.requests, 2, "one light request each");
    assert.equal(submissions.received, 0);
  });

  test("[AC-5] A name that is not found is told so", () =>
    assertCause("http://no-such-host.invalid", "name_not_found", "找不到该域名"));

  test("[AC-5] A refused connection is told so", async () => {
    const server = createServer();
    const url = await listening(server);
    server.close();
    await once(server, "close");
    await assertCause(url, "connection_refused", "连接被拒绝");
  });

  test("[AC-5] An upstream that accepts and says nothing is a time-out, within ten seconds", async () => {
    const server = createServer(() => {});
    const url = await listening(server);
    const answer = await outcome(url);
    assert.deepEqual([answer.ok, answer.code], [false, "timeout"]);
    server.close();
  });

  test("[AC-5] TLS spoken to a server without it is a fault of TLS", async () => {
    await assertCause(demo.url.replace("http:", "https:"), "tls_failed", "TLS 连接失败");
  });

  test("[AC-5] A refused key is told as authentication, with the upstream's words", async () => {
    await assertCause(demo.url, "auth_failed", "认证失败 (401)", "wrong-key");
    await demo.fault({
      route: "models",
      status: 403,
      times: 0,
      error: "This key is for another region.",
    });
    admin.language = "en";
    const answer = await outcome(demo.url);
    assert.equal(answer.code, "auth_failed");
    assert.match(answer.message, /\(403\): This key is for another region\./);
  });

  test("[AC-5] A page, another JSON and a 404 are not this API", async () => {
    const bodies = ["<!doctype html><title>Welcome</title>", '{"hello":"world"}', "[]", ""];
    for (const body of bodies) {
      const server = createHttp((_, answer) => answer.end(body));
      await assertCause(await listening(server), "not_this_api", "该地址不是所选的接口");
      server.close();
      server.closeAllConnections();
    }
    await assertCause(`${demo.url}/elsewhere`, "not_this_api", "该地址不是所选的接口");
  });

  test("[AC-5] An upstream that fails is told as its error, never its HTML", async () => {
    await demo.fault({ route: "models", html: true, status: 502, times: 0 });
    const answer = await outcome(demo.url);
    assert.deepEqual([answer.ok, answer.code], [false, "upstream_error"]);
    assert.doesNotMatch(answer.message, /</);
  });
});

describe("Addresses", () => {
  test("[AC-7] A base URL may be private or loopback, never link-local, metadata or reserved", async () => {
    const good = [
      "http://127.0.0.1:9",
      "http://10.1.2.3",
      "http://192.168.1.9:8080/v1",
      "http://[::1]:9",
      "http://[fd00::1]",
    ];
    for (const url of good) {
      const answer = await admin.call("POST", ACCOUNTS, form(url));
      assert.equal(answer.status, 201, `${url}: ${JSON.stringify(answer.body)}`);
    }
    const bad = [
      "http://169.254.169.254",
      "http://169.254.1.1/v1",
      "http://[fe80::1]",
      "http://0.0.0.0",
      "http://224.0.0.1",
      "http://[::ffff:169.254.169.254]",
    ];
    for (const url of bad) {
      const answer = await admin.call("POST", ACCOUNTS, form(url));
      assert.equal(answer.body.error?.code, "url_forbidden", url);
      assert.equal(answer.body.error.field, "base_url");
    }
  });

  test("[AC-7] A media link to a private address is followed only on the account's own origin, or by the setting", async () => {
    // An origin besides the account's: another port of this machine.
    const other = await Demo.start("--speed", "200");
    try {
      const link = `${other.url}/media/${"0".repeat(8)}.png`;
      await admin.ask("POST", ACCOUNTS, form(demo.url));
      const body = {
        id: "c",
        object: "chat.completion",
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: "", media_url: link },
            finish_reason: "stop",
          },
        ],
        media_url: link,
        media_urls: [link],
      };
      await demo.fault({ route: "chat", json: body, times: 0 });
      const refused = await admin.ended(await admin.generate("elsewhere", { model: "gpt-image" }));
      assert.equal(refused.storage_type === "local", false);
      assert.equal((await other.state()).routes.media.requests, 0, "nobody knocked there");
      await admin.ask("PATCH", "/api/v1/admin/settings", {
        allowed_private_networks: ["127.0.0.0/8"],
      });
      const id = await admin.generate("allowed", { model: "gpt-image" });
      await other.until((s) => s.routes.media.requests > 0);
      await admin.ended(id);
    } finally {
      await admin.ask("PATCH", "/api/v1/admin/settings", { allowed_private_networks: null });
      await other.stop();
    }
  });
});
