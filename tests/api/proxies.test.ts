// SPDX-License-Identifier: Apache-2.0
// Accounts behind a proxy: direct calls, links and streamed jobs go through it, and what a bad
// proxy does is the account's failure.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import OpenAI from "openai";
import { Demo } from "../lib/demo.ts";
import { Kinora, type Person, eventually } from "../lib/kinora.ts";
import { type Manner, Proxy } from "../lib/proxy.ts";

const MODEL = "sora2-landscape-10s";
const PASSWORD = "me:s3cret#/?word";
let demo: Demo;
let kinora: Kinora;
let admin: Person;
let key: string;
let proxies: Proxy[];

before(async () => {
  demo = await Demo.start("--speed", "100", "--plain-media");
  kinora = await Kinora.start();
  admin = await kinora.admin();
  key = await admin.key();
  proxies = [await Proxy.start("http", PASSWORD), await Proxy.start("socks5h", PASSWORD)];
});

after(async () => {
  await kinora.stop();
  for (const proxy of proxies) await proxy.stop();
  await demo.stop();
});

beforeEach(async () => {
  await demo.reset();
  for (const proxy of proxies) proxy.manner = "work";
});

const accounts = (...forms: Record<string, unknown>[]) => admin.onlyAccounts(demo, ...forms);

function form(prompt: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ model: MODEL, messages: [{ role: "user", content: prompt }], ...more });
}

function post(body: string, more: RequestInit = {}) {
  return fetch(`${kinora.url}/sora/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body,
    ...more,
  });
}

async function bearers(): Promise<string[]> {
  return (await demo.requests("chat")).map(
    (r) => r.headers.find(([n]) => n.toLowerCase() === "authorization")![1].slice("Bearer ".length),
  );
}

for (const kind of ["http", "socks5h"] as const) {
  describe(`through a proxy of kind ${kind}`, () => {
    let proxy: Proxy;

    before(async () => {
      proxy = proxies.find((p) => p.kind === kind)!;
      await accounts({ proxy_url: proxy.address() });
    });

    const client = () => new OpenAI({ apiKey: key, baseURL: `${kinora.url}/v1`, maxRetries: 0 });
    const ask = { model: MODEL, messages: [{ role: "user" as const, content: "a paper boat" }] };

    test("[AC-1] [GW-7] the official package streams", async () => {
      const asked = proxy.targets.length;
      let content = "";
      let reasons = 0;
      for await (const chunk of await client().chat.completions.create({ ...ask, stream: true })) {
        const delta = chunk.choices[0].delta as Record<string, string>;
        content += delta.content ?? "";
        reasons += delta.reasoning_content ? 1 : 0;
      }
      assert.match(content, /<video src='http/);
      assert.ok(reasons > 0);
      assert.deepEqual(proxy.targets.slice(asked), [new URL(demo.url).host]);
    });

    test("[AC-1] [GW-7] the official package collects", async () => {
      const whole = await client().chat.completions.create(ask);
      assert.match(whole.choices[0].message.content!, /<video src='http/);
    });

    test("[GW-7] the body goes up and the answer comes down byte for byte", async () => {
      const sse = "data: {\"a\": 1}\n\n: odd  spaces\n\ndata:[DONE]\n\n";
      await demo.fault({ route: "chat", content_type: "text/event-stream", status: 200, body: sse });
      const filler = randomBytes(1_500_000).toString("base64"); // more than is kept in memory
      const body = form("bytes", { stream: true, filler });
      const answer = await post(body);
      assert.equal(await answer.text(), sse);
      assert.equal(answer.headers.get("content-type"), "text/event-stream");
      const [seen] = await demo.requests("chat");
      assert.equal(seen.body.sha256, createHash("sha256").update(body).digest("hex"));
      const names = seen.headers.map(([name]) => name.toLowerCase()).sort();
      assert.deepEqual(
        names.filter((n) => /proxy|user-agent|expect|encoding/.test(n)),
        [],
      );
    });

    test("[GW-7] a client that leaves ends the call upstream", async () => {
      await demo.fault({ route: "chat", hold: true });
      const leave = new AbortController();
      const asked = post(form("leaves"), { signal: leave.signal }).catch(() => {});
      await demo.until((s) => s.open.held === 1);
      leave.abort();
      await asked;
      await demo.until((s) => s.routes.chat.left === 1 && s.open.requests === 0);
      await eventually("the proxy's connection is closed", async () => proxy.connections === 0);
    });

    test("[GW-5] what the upstream refuses is another account's turn, and marks this one", async () => {
      const [first] = await accounts({ proxy_url: proxy.address() }, {});
      await demo.fault({ route: "chat", key: "key-1", status: 429, headers: { "Retry-After": "90" } });
      const answer = await post(form("limited"));
      assert.equal(answer.status, 200);
      await answer.text();
      assert.deepEqual(await bearers(), ["key-1", "key-2"]);
      const account = await admin.ask("GET", `/api/v1/admin/accounts/${first}`);
      assert.ok(account.rate_limited_until);
    });

    test("[GW-5] an answer that breaks behind the proxy is cut here", async () => {
      await accounts({ proxy_url: proxy.address() }, {});
      await demo.fault({ route: "chat", key: "key-1", cut: { at: 500, how: "reset" } });
      const answer = await post(form("half", { stream: true }));
      assert.equal(answer.status, 200);
      await assert.rejects(answer.text());
      assert.deepEqual(await bearers(), ["key-1"]);
    });

    for (const manner of ["refuse", "garbage", "hang up", "silent"] as Manner[]) {
      // An HTTP proxy that is silent cannot be told from an upstream that takes its time.
      if (manner === "silent" && kind === "http") continue;
      test(`[GW-5] a proxy that does "${manner}" is another account's turn`, async () => {
        const [first] = await accounts({ proxy_url: proxy.address() }, {});
        proxy.manner = manner;
        const answer = await post(form("bad proxy"));
        assert.equal(answer.status, 200);
        await answer.text();
        assert.deepEqual(await bearers(), ["key-2"]);
        const account = await admin.ask("GET", `/api/v1/admin/accounts/${first}`);
        assert.ok(account.overloaded_until, JSON.stringify(account));
      });
    }

    test("[GW-5] a wrong password is another account's turn, and is said nowhere", async () => {
      await accounts({ proxy_url: proxy.address("me:wr0ng-one@") });
      const answer = await post(form("no way in"));
      assert.equal(answer.status, 502);
      assert.doesNotMatch(await answer.text(), /wr0ng|s3cret/);
      const list = await admin.ask("GET", "/api/v1/admin/accounts");
      assert.doesNotMatch(JSON.stringify(list), /wr0ng|s3cret/);
      assert.match(list.data[0].proxy_url, /:\/\/hidden@127\.0\.0\.1:/);
    });

    test("[ST-2] a studio job whose stream is the job goes through the proxy", async () => {
      await accounts({ proxy_url: proxy.address() });
      const asked = proxy.targets.length;
      const work = await admin.ended(await admin.generate("through a proxy"));
      assert.equal(work.status, "completed", JSON.stringify(work));
      assert.ok(proxy.targets.length > asked);
    });

    test("[GW-9] a link that needs the credential is fetched through the proxy", async () => {
      await accounts({ dialect: "videos", proxy_url: proxy.address() });
      const whole = await client().chat.completions.create(ask);
      const { media_url } = whole as unknown as { media_url: string };
      assert.ok(media_url.startsWith(`${kinora.url}/media/upstream/`), media_url);
      const asked = proxy.targets.length;
      const part = await fetch(media_url, { headers: { range: "bytes=4-7" } });
      assert.equal(part.status, 206);
      assert.equal(await part.text(), "ftyp");
      assert.ok(proxy.targets.length > asked);
    });
  });
}

test("[GW-5] a proxy that is not there is another account's turn", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as { port: number };
  closed.close();
  await accounts({ proxy_url: `http://127.0.0.1:${port}` }, {});
  const answer = await post(form("no proxy"));
  assert.equal(answer.status, 200);
  await answer.text();
  assert.deepEqual(await bearers(), ["key-2"]);
});

test("[AC-7] a proxy or a target at a metadata address is not connected to", async () => {
  await accounts({ proxy_url: "http://169.254.169.254:3128" });
  const answer = await post(form("metadata"));
  assert.equal(answer.status, 502);
  assert.match((await answer.json()).error.message, /may not be connected to/);
});
