// SPDX-License-Identifier: Apache-2.0
// OAuth accounts against a certified server (npm's oidc-provider) and against token endpoints that
// behave badly (docs/spec.md, AC-3).
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { OAuthServer, REDIRECT } from "../lib/oauth.ts";
import { documented } from "../lib/openapi.ts";
import { assertError, stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";

const ACCOUNTS = "/api/v1/admin/accounts";
const CHAT = { model: "sora-2", messages: [{ role: "user", content: "hello" }] };
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==", "base64");
let kinora: Kinora;
let server: OAuthServer;
let admin: Person;
let key: string;
let rows: Rows;

before(async () => {
  [kinora, server] = await Promise.all([Kinora.start(), OAuthServer.start()]);
  admin = documented(await kinora.admin());
  key = await admin.key();
  rows = new Rows(kinora);
});

after(() => stopAll(kinora, server));

beforeEach(async () => {
  admin.language = "en";
  const { data } = await admin.ask("GET", `${ACCOUNTS}?page_size=100`);
  for (const a of data) await admin.ask("DELETE", `${ACCOUNTS}/${a.id}`);
  await server.order({ lifetime: 3600, slow: 0, revoke: false, clear: true });
});

// The whole way of an administrator, by the address that the browser was sent to.
async function grant(more: Record<string, unknown> = {}): Promise<string> {
  const form = { credentials: { ...server.client, ...more } };
  const begun = await admin.ask("POST", `${ACCOUNTS}/oauth/authorize-url`, form);
  const code = await server.signIn(begun.authorize_url);
  return (await admin.ask("POST", `${ACCOUNTS}/oauth/exchange`, { code })).grant;
}

function account(credentials: Record<string, unknown>, more: Record<string, unknown> = {}) {
  return admin.ask("POST", ACCOUNTS, {
    name: "signed in",
    type: "oauth",
    dialect: "chat",
    credentials: { base_url: server.issuer, ...credentials },
    group_ids: [1],
    concurrency: 2000,
    ...more,
  });
}

async function signedIn() {
  return account({ grant: await grant() });
}

function chat(): Promise<Response> {
  return fetch(`${kinora.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(CHAT),
  });
}

const look = (id: number) => admin.ask("GET", `${ACCOUNTS}/${id}`);

// The token ends now, whatever its server said.
function expire(id: number): Promise<unknown> {
  rows.change(`UPDATE account_tokens SET expires_at = 1 WHERE account_id = ${id}`);
  // Read anew by whatever makes the pool read.
  return admin.ask("PATCH", `${ACCOUNTS}/${id}`, { name: "expired" });
}

describe("Signing in", () => {
  test("[AC-3] the authorization-code flow with PKCE makes an account, by issuer alone", async () => {
    const begun = await admin.ask("POST", `${ACCOUNTS}/oauth/authorize-url`, {
      credentials: server.client,
    });
    const asked = new URL(begun.authorize_url).searchParams;
    assert.equal(asked.get("code_challenge_method"), "S256");
    assert.equal(asked.get("state"), begun.state);
    const back = await server.signIn(begun.authorize_url);
    const code = new URL(back).searchParams.get("code")!;
    const given = await admin.ask("POST", `${ACCOUNTS}/oauth/exchange`, { code, state: begun.state });
    assert.equal(given.refresh_token_set, true);

    const made = await account({ grant: given.grant }, { dialect: undefined });
    assert.equal(made.type, "oauth");
    assert.equal(made.dialect, "videos");
    assert.equal(made.status, "active");
    const { expires_at, ...shown } = made.credentials;
    assert.ok(Date.parse(expires_at) > Date.now() + 3_000_000);
    assert.deepEqual(shown, {
      base_url: server.issuer,
      issuer: server.issuer,
      authorize_url: "",
      token_url: "",
      client_id: "kinora-web",
      scopes: "openid offline_access",
      redirect_uri: REDIRECT,
      client_secret_set: false,
      access_token_set: true,
      refresh_token_set: true,
    });
    await admin.ask("PATCH", `${ACCOUNTS}/${made.id}`, { dialect: "chat" });
    assert.equal((await chat()).status, 200);
    // Once is enough for a grant and for a state.
    const again = await admin.call("POST", ACCOUNTS, {
      name: "twice",
      type: "oauth",
      credentials: { base_url: server.issuer, grant: given.grant },
    });
    assertError(again, 400, "oauth_state_invalid");
    const code2 = await admin.call("POST", `${ACCOUNTS}/oauth/exchange`, { code: back });
    assertError(code2, 400, "oauth_state_invalid");
  });

  test("[AC-3] a confidential client authenticates with its secret, which is never shown", async () => {
    const secret = "s3cret / with:odd%signs";
    const given = await grant({ client_id: "confidential", client_secret: secret });
    const made = await account({ grant: given });
    assert.equal(made.credentials.client_secret_set, true);
    await expire(made.id);
    assert.equal((await chat()).status, 200);
    assert.equal((await server.refreshes()).length, 1);
    assert.doesNotMatch(JSON.stringify(await look(made.id)), /s3cret/);
  });

  test("[AC-3] a state is its administrator's, and ends after ten minutes", async () => {
    const begun = await admin.ask("POST", `${ACCOUNTS}/oauth/authorize-url`, { credentials: server.client });
    const code = await server.signIn(begun.authorize_url);
    const other = await admin.member(`second${Date.now()}@example.org`, { role: "admin" });
    assertError(await other.call("POST", `${ACCOUNTS}/oauth/exchange`, { code }), 400, "oauth_state_invalid");
    rows.change("UPDATE oauth_flows SET expires_at = 1");
    assertError(await admin.call("POST", `${ACCOUNTS}/oauth/exchange`, { code }), 400, "oauth_state_invalid");
    admin.language = "zh";
    const said = await admin.call("POST", `${ACCOUNTS}/oauth/exchange`, { code });
    assert.match(said.body.error.message, /授权已过期/);
  });

  test("[AC-3] what is missing, refused or nonsense is said in words", async () => {
    const begin = (credentials: object) =>
      admin.call("POST", `${ACCOUNTS}/oauth/authorize-url`, { credentials });
    assertError(await begin({ issuer: server.issuer }), 400, "missing_field");
    assertError(await begin({ client_id: "c" }), 400, "missing_field");
    assertError(await begin({ issuer: `${server.issuer}/nowhere`, client_id: "c" }), 502, "oauth_discovery_failed");
    assertError(await begin({ issuer: "http://169.254.169.254", client_id: "c" }), 400, "url_forbidden");
    const exchange = (body: object) => admin.call("POST", `${ACCOUNTS}/oauth/exchange`, body);
    assertError(await exchange({ code: "two words" }), 400, "oauth_code_invalid");
    assertError(await exchange({ code: "abc", state: "never begun" }), 400, "oauth_state_invalid");
    const begun = await admin.ask("POST", `${ACCOUNTS}/oauth/authorize-url`, { credentials: server.client });
    assertError(await exchange({ code: "made-up", state: begun.state }), 502, "oauth_exchange_failed");
    const denied = await admin.ask("POST", `${ACCOUNTS}/oauth/authorize-url`, { credentials: server.client });
    const address = `${REDIRECT}?error=access_denied&state=${denied.state}`;
    assertError(await exchange({ code: address }), 403, "oauth_denied");
  });

  test("[AC-3] pasted tokens make an account, and tokens are led to no other server", async () => {
    await signedIn();
    const [{ token }] = (await (await chat(), server.order())).api;
    const pasted = await account({ access_token: token }, { name: "pasted", priority: 1 });
    assert.deepEqual(
      [pasted.credentials.access_token_set, pasted.credentials.refresh_token_set],
      [true, false],
    );
    assert.equal((await chat()).status, 200);
    const none = { name: "n", type: "oauth", credentials: { base_url: server.issuer } };
    assertError(await admin.call("POST", ACCOUNTS, none), 400, "missing_field");
    for (const credentials of [{ base_url: "http://127.0.0.1:9" }, { access_token: token, api_key: "k" }]) {
      const moved = await admin.call("PATCH", `${ACCOUNTS}/${pasted.id}`, { credentials });
      assert.equal(moved.status, 400);
    }
  });
});

describe("Renewing", () => {
  test("[AC-3] a token is renewed before it ends, with nobody asking", async () => {
    await server.order({ lifetime: 4 });
    const made = await signedIn();
    await eventually("a renewal", async () => (await server.refreshes()).length > 0);
    await server.order({ lifetime: 3600 });
    const before = await look(made.id);
    assert.equal(before.status, "active");
  });

  test("[AC-3 GW-5] a 401 renews the token once, and the call succeeds", async () => {
    await signedIn();
    assert.equal((await chat()).status, 200);
    const { api } = await server.order();
    await server.order({ refuse: api.at(-1)!.token });
    const answer = await chat();
    assert.equal(answer.status, 200, await answer.text());
    assert.deepEqual(
      (await server.order()).api.map((c) => c.status),
      [200, 401, 200],
    );
    assert.equal((await server.refreshes()).length, 1);
  });

  test("[AC-3] 1,000 calls at a token that has ended make one renewal", async () => {
    const made = await signedIn();
    await server.order({ slow: 500 });
    await expire(made.id);
    const answers = await Promise.all(Array.from({ length: 1000 }, chat));
    assert.deepEqual([...new Set(answers.map((a) => a.status))], [200]);
    await Promise.all(answers.map((a) => a.arrayBuffer()));
    assert.equal((await server.refreshes()).length, 1);
  });

  test("[AC-3] each rotated refresh token is used once", async () => {
    const made = await signedIn();
    for (let i = 0; i < 3; i++) {
      await expire(made.id);
      assert.equal((await chat()).status, 200);
    }
    const used = (await server.refreshes()).map((c) => c.refresh_token);
    assert.equal(new Set(used).size, 3);
  });

  test("[AC-3] invalid_grant puts the account into error, and signing in again mends it", async () => {
    const made = await signedIn();
    await server.order({ revoke: true });
    await expire(made.id);
    assert.equal((await chat()).status, 502);
    const broken = await look(made.id);
    assert.deepEqual([broken.status, broken.status_reason_code], ["error", "account_sign_in_again"]);
    admin.language = "zh";
    assert.match((await look(made.id)).status_reason, /请重新登录授权/);
    admin.language = "en";
    assert.equal((await chat()).status, 503);
    const tested = await admin.ask("POST", `${ACCOUNTS}/${made.id}/test`, {});
    assert.equal(tested.code, "account_sign_in_again");

    await server.order({ revoke: false });
    const begun = await admin.ask("POST", `${ACCOUNTS}/oauth/authorize-url`, { account_id: made.id });
    const code = await server.signIn(begun.authorize_url);
    const { grant } = await admin.ask("POST", `${ACCOUNTS}/oauth/exchange`, { code });
    const mended = await admin.ask("PATCH", `${ACCOUNTS}/${made.id}`, { credentials: { grant } });
    assert.equal(mended.status, "active");
    assert.equal((await chat()).status, 200);
  });

  test("[AC-5] a test of the connection renews the token, and says what is wrong", async () => {
    const made = await signedIn();
    await expire(made.id);
    const tested = await admin.ask("POST", `${ACCOUNTS}/${made.id}/test`, {});
    assert.equal(tested.ok, true, JSON.stringify(tested));
    assert.equal((await server.refreshes()).length, 1);
    const wrong = await admin.ask("POST", `${ACCOUNTS}/${made.id}/test`, {
      credentials: { access_token: "made-up" },
    });
    assert.deepEqual([wrong.ok, wrong.code], [false, "auth_failed"]);
  });
});

describe("A token endpoint that behaves badly", () => {
  let bad: Server;
  let calls = 0;
  let say: (answer: ServerResponse, request: IncomingMessage) => void;
  let url: string;

  before(async () => {
    bad = createServer((request, answer) => {
      request.resume();
      request.on("end", () => {
        if (request.url!.endsWith("/token")) calls++;
        if (request.url!.endsWith("/token")) say(answer, request);
        else answer.end('{"object":"list","data":[]}');
      });
    }).listen(0, "127.0.0.1");
    await once(bad, "listening");
    url = `http://127.0.0.1:${(bad.address() as { port: number }).port}`;
  });
  after(() => bad.close());

  function json(status: number, body: unknown) {
    return (answer: ServerResponse) => {
      answer.writeHead(status, { "content-type": "application/json" });
      answer.end(typeof body === "string" ? body : JSON.stringify(body));
    };
  }

  const made = () =>
    account({
      base_url: url,
      token_url: `${url}/token`,
      client_id: "c",
      access_token: "old-access-secret",
      refresh_token: "old-refresh-secret",
      expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    });
  const token = (id: number) => rows.one(`SELECT * FROM account_tokens WHERE account_id = ${id}`);

  const passing: [string, (answer: ServerResponse) => void][] = [
    ["an error of its own", json(500, { error: "server_error" })],
    ["no JSON", json(200, "<html>old-refresh-secret</html>")],
    ["no token", json(200, { token_type: "bearer" })],
    ["another kind of token", json(200, { access_token: "a", token_type: "mac" })],
    ["a token that is no header", json(200, { access_token: "a\r\nb: c" })],
    ["a huge answer", json(200, { access_token: "x".repeat(1 << 20) })],
    ["a redirect", (a) => a.writeHead(302, { location: "/elsewhere/token" }).end()],
    ["a broken line", (a) => a.destroy()],
  ];
  for (const [what, how] of passing) {
    test(`[AC-3] with ${what}, leaves the account in back-off and not in error`, async () => {
      say = how;
      calls = 0;
      const { id } = await made();
      await expire(id);
      assert.ok([502, 503].includes((await chat()).status));
      const seen = await look(id);
      assert.equal(seen.status, "active");
      // Unless the next try has come already.
      assert.ok(seen.overloaded_until || Number(token(id).failures) > 1, "not scheduled meanwhile");
      assert.ok(Number(token(id).failures) >= 1);
      assert.ok(calls >= 1);
      assert.doesNotMatch(kinora.log, /old-(access|refresh)-secret/);
    });
  }

  test("[AC-3] without a new refresh token and without a time, keeps the old and asks only after a 401", async () => {
    say = json(200, { access_token: "new", token_type: "Bearer" });
    const { id } = await made();
    await expire(id);
    const tested = await admin.ask("POST", `${ACCOUNTS}/${id}/test`, {});
    assert.equal(tested.ok, true);
    const row = token(id);
    assert.deepEqual([row.expires_at, row.refresh_at, row.failures], [null, null, 0]);
    assert.equal((await look(id)).credentials.refresh_token_set, true);
  });

  test("[AC-3] one that hangs is asked by two at a time, and holds up nobody else's renewal", async () => {
    const held = new Set<ServerResponse>();
    let most = 0;
    say = (answer) => {
      held.add(answer);
      most = Math.max(most, held.size);
      answer.on("close", () => held.delete(answer));
    };
    for (let i = 0; i < 8; i++) await made();
    rows.change("UPDATE account_tokens SET refresh_at = 1");
    await eventually("it is asked", async () => held.size >= 2);
    const good = await signedIn();
    rows.change(`UPDATE account_tokens SET refresh_at = 1 WHERE account_id = ${good.id}`);
    await eventually("the good one's renewal", async () => (await server.refreshes()).length === 1);
    // One that was given up here may still be open there.
    assert.ok(most < 4, `${most} at once`);
    say = json(503, {});
    for (const answer of held) json(503, {})(answer);
  });

  test("[AC-3] a mended endpoint is found without a click", async () => {
    say = json(503, {});
    const { id } = await made();
    await expire(id);
    await chat();
    say = json(200, { access_token: "new", token_type: "Bearer", expires_in: "3600" });
    await eventually("the token", async () => Number(token(id).failures) === 0 && token(id).refresh_at);
    assert.equal((await look(id)).overloaded_until, null);
  });

  test("[AC-3] a lease of its own that ended unwritten is no death", async () => {
    let owner = "";
    const { id } = await made();
    say = (answer) => {
      owner = token(id).lease_owner;
      json(503, {})(answer);
    };
    await expire(id);
    await chat();
    await eventually("the refusal", async () => Number(token(id).failures) > 0);
    say = json(200, { access_token: "new", token_type: "Bearer", expires_in: 3600 });
    rows.change(`UPDATE account_tokens SET failures = 0, unfinished = 1, refresh_at = 1,
      lease_owner = '${owner}', lease_until = 1 WHERE account_id = ${id}`);
    await eventually("the lease's end", async () => token(id).lease_owner === null);
    assert.equal((await look(id)).status_reason_code, null);
  });

  for (const route of ["videos.create", "videos.get", "videos.content"]) {
    test(`[AC-3 ST-2] a job whose ${route} is answered 401 renews the token, and completes`, async () => {
      const demo = await Demo.start("--speed", "200", "--plain-media");
      try {
        say = json(200, { access_token: `new-${route}`, refresh_token: "next", expires_in: 3600 });
        const { id } = await account(
          { base_url: demo.url, token_url: `${url}/token`, client_id: "c", refresh_token: "first", access_token: "old" },
          { dialect: "videos" },
        );
        calls = 0;
        await demo.fault({ route, status: 401, times: 1 });
        const done = await admin.ended(await admin.generate(`renewed for ${route}`));
        assert.equal(done.status, "completed", JSON.stringify(done));
        assert.equal(calls, 1);
        assert.equal((await look(id)).status_reason_code, null);
        assert.equal((await demo.state()).jobs.made, 1);
      } finally {
        await demo.stop();
      }
    });
  }

  // An upstream that makes one image, whose link `link` answers.
  async function imageMaker(link: (token: string, answer: ServerResponse) => void) {
    const maker = createServer((request, answer) => {
      request.resume();
      request.on("end", () => {
        const { host, authorization } = request.headers;
        if (request.method === "GET") return link(authorization ?? "", answer);
        return json(200, { created: 1, data: [{ url: `http://${host}/static/image.png` }] })(answer);
      });
    }).listen(0, "127.0.0.1");
    await once(maker, "listening");
    say = json(200, { access_token: "new", refresh_token: "next", expires_in: 3600 });
    await account(
      { base_url: `http://127.0.0.1:${(maker.address() as { port: number }).port}`, token_url: `${url}/token`,
        client_id: "c", refresh_token: "first", access_token: "old" },
      { dialect: "videos" },
    );
    return maker;
  }

  async function drawn(): Promise<void> {
    const answer = await fetch(`${kinora.url}/v1/images/generations`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-image", prompt: "a link", response_format: "b64_json" }),
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    assert.equal(JSON.parse(text).data[0].b64_json, PNG.toString("base64"));
  }

  test("[AC-3 GW-10] an image whose link is answered 401 renews the token, and is fetched", async () => {
    const maker = await imageMaker((token, answer) => {
      answer.writeHead(token === "Bearer new" ? 200 : 401).end(token === "Bearer new" ? PNG : "");
    });
    try {
      calls = 0;
      await drawn();
      assert.equal(calls, 1);
    } finally {
      maker.close();
    }
  });

  test("[GW-10] an image whose link fails is asked for again as long as its job may last", async () => {
    let asked = 0;
    const maker = await imageMaker((_, answer) => {
      answer.writeHead(++asked > 6 ? 200 : 503).end(asked > 6 ? PNG : "");
    });
    const hurry = setInterval(() => rows.change("UPDATE jobs SET next_at = 1 WHERE state = 'storing'"), 100);
    try {
      await drawn();
      assert.equal(asked, 7);
    } finally {
      clearInterval(hurry);
      maker.close();
    }
  });

  // Of an image at the account's own origin, which only the token "new" opens.
  async function signedLink(): Promise<{ maker: Server; link: string }> {
    const maker = await imageMaker((token, answer) => {
      answer.writeHead(token === "Bearer new" ? 200 : 401, { "content-type": "image/png" });
      answer.end(token === "Bearer new" ? PNG : "");
    });
    const answer = await fetch(`${kinora.url}/v1/images/generations`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-image", prompt: "a link", response_format: "url" }),
    });
    const link = (await answer.json()).data[0].url as string;
    assert.ok(link.startsWith(`${kinora.url}/media/upstream/`), link);
    calls = 0;
    return { maker, link };
  }

  async function opens(link: string): Promise<void> {
    const answer = await fetch(link);
    assert.equal(answer.status, 200);
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(PNG));
  }

  test("[AC-3 GW-9] a signed link that is answered 401 renews the token, once for all who open it", async () => {
    const { maker, link } = await signedLink();
    try {
      await Promise.all(Array.from({ length: 20 }, () => opens(link)));
      assert.equal(calls, 1);
      await opens(link);
      assert.equal(calls, 1);
    } finally {
      maker.close();
    }
  });

  test("[AC-3 GW-9] a signed link whose account's token has ended waits for another, and asks but once", async () => {
    const { maker, link } = await signedLink();
    try {
      await expire(rows.one("SELECT id FROM accounts ORDER BY id DESC LIMIT 1").id);
      await opens(link);
      assert.equal(calls, 1);
    } finally {
      maker.close();
    }
  });

  test("[AC-3 GW-9] a signed link says so when there is no other token, and does not ask again for ever", async () => {
    const { maker, link } = await signedLink();
    say = json(400, { error: "invalid_grant" });
    try {
      const answer = await fetch(link);
      assert.equal(answer.status, 502, await answer.clone().text());
      assert.equal((await answer.json()).error.code, "media_unavailable");
      assert.equal(calls, 1);
    } finally {
      maker.close();
    }
  });

  test("[AC-3 GW-9] who leaves a signed link while its token is renewed takes nothing with him", async () => {
    const { maker, link } = await signedLink();
    let let_go = () => {};
    const held = new Promise<void>((resolve) => (let_go = resolve));
    const given = json(200, { access_token: "new", refresh_token: "next", expires_in: 3600 });
    say = (answer) => void held.then(() => given(answer));
    try {
      const leaver = new AbortController();
      const left = fetch(link, { signal: leaver.signal }).catch(() => "left");
      const stays = opens(link);
      await eventually("the token endpoint is asked", async () => calls === 1);
      leaver.abort();
      assert.equal(await left, "left");
      let_go();
      await stays;
      assert.equal(calls, 1);
    } finally {
      maker.close();
    }
  });

  test("[AC-3] secrets are in no log, error, metric or audit row", async () => {
    const texts = [
      kinora.log,
      await (await fetch(`${kinora.url}/metrics`)).text(),
      JSON.stringify(await admin.ask("GET", "/api/v1/admin/audit?page_size=100")),
      JSON.stringify(await admin.ask("GET", ACCOUNTS)),
      JSON.stringify(rows.query("SELECT * FROM accounts")),
      JSON.stringify(rows.query("SELECT * FROM oauth_flows")),
    ];
    const { calls: told, api } = await server.order();
    const secrets = [...told.map((c) => c.refresh_token), ...api.map((c) => c.token),
      "old-access-secret", "old-refresh-secret", "s3cret"].filter(Boolean) as string[];
    for (const text of texts) for (const secret of secrets) assert.ok(!text.includes(secret), secret);
  });
});
