// SPDX-License-Identifier: Apache-2.0
// Every route, from the router's own table: whatever is asked of it wrongly, the answer is the
// right status and a sentence with a stable code, in both languages. A route that stands in the
// table and not below fails the first test.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { eventually, Kinora, type Answer, type Person } from "../lib/kinora.ts";
import { assertDocumented } from "../lib/openapi.ts";
import { assertError, send, stopAll } from "../lib/raw.ts";
import { routes, type Route } from "../lib/routes.ts";

type Wrong = [field: string, value: unknown, code?: string];

interface Known {
  // A body that is fine, but for nothing that is right twice (names in use, passwords).
  body?: Record<string, unknown>;
  optional?: boolean; // the body may be left out
  streamed?: [number, string]; // its body is read as it comes: what becomes of one that is nothing
  required?: string[];
  wrong?: Wrong[]; // one bad member each: 400 invalid_field if nothing else is said
  query?: Wrong[];
  unknown?: string; // the code for an id that nobody has
  foreign?: () => number; // somebody else's, which must look like nobody's
}

const long = (n: number) => "x".repeat(n + 1);
const PICTURES: Wrong[] = [
  ["avatar", 1],
  ["avatar", "nowhere"],
  ["avatar", "ftp://example.org/a.png"],
  ["background", `http://example.org/${long(2048)}`],
];
const CREDENTIALS: Wrong[] = [
  ["email", 5],
  ["email", long(1024)],
  ["email", ""],
  ["password", true],
  ["password", long(1024)],
];
const PAGES: Wrong[] = [
  ["page", "0"],
  ["page", "x"],
  ["page", "1000001"],
  ["page_size", "101"],
  ["page_size", "-1"],
];
const TIMES: Wrong[] = [
  ["since", "yesterday"],
  ["until", "5"],
];
const STATS: Wrong[] = [
  ["period", "1y"],
  ["utc_offset", "841"],
  ["utc_offset", "east"],
];
const JOBS: Wrong[] = [
  ...TIMES,
  ["status", "asleep"],
  ["kind", "song"],
  ["user_id", "0"],
  ["account_id", "x"],
  ["model", long(256)],
];
const KEY: Wrong[] = [
  ["name", 1],
  ["name", ""],
  ["name", long(100)],
  ["name", "two\nlines"],
  ["expires_at", "tomorrow"],
  ["expires_at", 5],
  ["expires_at", "2001-01-01T00:00:00Z"],
];
const QUOTAS: Wrong[] = [
  ["sora_storage_quota_bytes", -1],
  ["sora_storage_quota_bytes", "1"],
  ["sora_storage_quota_bytes", 1.5],
];
const USER: Wrong[] = [
  ["email", "no address", "invalid_email"],
  ["email", 1],
  ["password", "short", "invalid_password"],
  ["password", long(256), "invalid_password"],
  ["role", "root"],
  ["role", 1],
  ["status", "asleep"],
  ["group_id", "1"],
  ["group_id", 0],
  ["group_id", 999999],
  ...QUOTAS,
];
const GROUP: Wrong[] = [
  ["name", 1],
  ["name", ""],
  ["name", long(64)],
  ["platform", "So Ra"],
  ["platform", long(32)],
  ["platform", 1],
  ...QUOTAS,
];
const ACCOUNT: Wrong[] = [
  ["name", 1],
  ["name", ""],
  ["name", long(100)],
  ["platform", "other"],
  ["type", "ticket"],
  ["dialect", "latin"],
  ["status", "error"],
  ["credentials", "key"],
  ["credentials", { base_url: 1, api_key: "k" }],
  ["credentials", { base_url: "http://u.example", api_key: 1 }],
  ["credentials", { base_url: "http://u.example", api_key: "two words" }],
  ["credentials", { base_url: "http://u.example", api_key: long(4096) }],
  ["credentials", { base_url: "ftp://u.example", api_key: "k" }, "url_scheme"],
  ["credentials", { base_url: "u.example", api_key: "k" }, "url_scheme"],
  ["credentials", { base_url: "http://u.example/?a=b", api_key: "k" }, "base_url_parts"],
  ["credentials", { base_url: "http://u.example", token_url: 1 }],
  ["credentials", { base_url: "http://u.example", expires_at: "tomorrow" }],
  ["priority", -1],
  ["priority", "high"],
  ["concurrency", 0],
  ["concurrency", 10001],
  ["group_ids", [0]],
  ["group_ids", 1],
  ["models", "all"],
  ["models", [""]],
  ["model_mapping", []],
  ["model_mapping", { a: 1 }],
  ["proxy_url", "gopher://p", "invalid_proxy"],
  ["proxy_url", 1],
  ["ca_pem", "no certificate", "bad_ca"],
  ["honours_idempotency", "yes"],
  ["http2", 2],
];
const GENERATE: Wrong[] = [
  ["model", 1],
  ["model", long(100)],
  ["model", "sora9", "unknown_model"],
  ["prompt", 1],
  ["prompt", ""],
  ["prompt", " \n "],
  ["prompt", long(8000)],
  ["media_type", "sound"],
  ["media_type", "image"],
  ["video_count", 0],
  ["video_count", 4],
  ["video_count", "2"],
  ["orientation", "square"],
  ["seconds", 0],
  ["seconds", 11],
  ["image_input", 1],
  ["image_input", "picture.png"],
  ["image_input", "data:image/png;base64,%%%"],
  ["image_input", "data:image/png;base64,bm8gcGljdHVyZQ=="],
  ["image_input", `http://example.org/${long(2048)}`],
];
const SETTINGS: Wrong[] = [
  ["no_such_setting", true, "unknown_setting"],
  ["site_name", 1],
  ["site_name", ""],
  ["site_name", long(64)],
  ["public_url", "kinora.example"],
  ["public_url", "https://kinora.example/path"],
  ["language", "fr"],
  ["registration_enabled", "yes"],
  ["simple_mode", 1],
  ["trusted_proxies", "10.0.0.0/8"],
  ["trusted_proxies", ["10.0.0.0/99"]],
  ["allowed_private_networks", Array(33).fill("10.0.0.0/8")],
  ["collect_non_streamed", "yes"],
  ["models", []],
  ["models", [{}]],
  ["sora_default_storage_quota_bytes", -1],
  ["sora_default_storage_quota_bytes", "1"],
  ["sora_s3_endpoint", "minio:9000"],
  ["sora_s3_endpoint", "https://key:secret@minio:9000"],
  ["sora_s3_cdn_url", "https://cdn.example/?key=1"],
  ["sora_s3_bucket", "a b"],
  ["sora_s3_prefix", "a//b"],
  ["sora_s3_ca_pem", "no certificate"],
  ["sora_s3_secret_access_key", long(512)],
  ["local_storage_enabled", "on"],
  ["metrics_token", 1],
];

// What may be tried, and is not kept.
const KEPT: Wrong[] = [
  ...SETTINGS,
  ["site_name", "   "],
  ["sora_s3_endpoint", "http://169.254.169.254", "url_forbidden"],
  ["sora_s3_prefix", "  "],
];
const CHAT: Known = {
  body: { model: "sora2-landscape-10s", messages: [{ role: "user", content: "a fox" }] },
};

// Set by before().
let kinora: Kinora, demo: Demo, admin: Person, user: Person;
let accountId = 0,
  userId = 0,
  keyId = 0,
  workId = 0;
let apiKey = "";

const KNOWN: Record<string, Known> = {
  "POST /api/v1/auth/login": {
    body: { email: "a@b.example", password: "12345678" },
    required: ["email", "password"],
    wrong: CREDENTIALS,
  },
  "POST /api/v1/auth/logout": {},
  "POST /api/v1/auth/register": {
    body: { email: "a@b.example", password: "12345678" },
    required: ["email", "password"],
    wrong: CREDENTIALS,
  },
  "POST /api/v1/auth/setup": {
    body: { token: "t", email: "a@b.example", password: "12345678" },
    required: ["token", "email", "password"],
    wrong: [["token", 1], ["token", long(1024)], ...CREDENTIALS],
  },
  "GET /api/v1/auth/me": {},
  "PATCH /api/v1/auth/me": { body: {}, wrong: PICTURES },
  "POST /api/v1/auth/password": {
    body: { current_password: "12345678", new_password: "87654321" },
    required: ["current_password", "new_password"],
    wrong: [
      ["current_password", 1],
      ["new_password", 1],
      ["new_password", "short", "invalid_password"],
    ],
  },
  "GET /api/v1/settings/public": {},
  "GET /api/v1/keys": { query: PAGES },
  "POST /api/v1/keys": {
    body: { name: "n" },
    required: ["name"],
    wrong: [...KEY, ["group_id", "1"], ["group_id", 0]],
  },
  "PATCH /api/v1/keys/{id}": {
    body: {},
    wrong: [...KEY, ["status", "lost"]],
    unknown: "key_not_found",
    foreign: () => keyId,
  },
  "DELETE /api/v1/keys/{id}": { unknown: "key_not_found", foreign: () => keyId },

  "POST /api/v1/sora/generate": {
    body: { model: "sora2-landscape-10s", prompt: "p" },
    required: ["model", "prompt"],
    wrong: GENERATE,
  },
  "GET /api/v1/sora/generations": {
    query: [
      ...PAGES,
      ["status", "lost"],
      ["storage_type", "tape"],
      ["media_type", "video,sound"],
      ["q", long(500)],
    ],
  },
  "GET /api/v1/sora/generations/{id}": { unknown: "generation_not_found", foreign: () => workId },
  "DELETE /api/v1/sora/generations/{id}": {
    unknown: "generation_not_found",
    foreign: () => workId,
  },
  "POST /api/v1/sora/generations/{id}/cancel": {
    body: {},
    optional: true,
    unknown: "generation_not_found",
    foreign: () => workId,
  },
  "POST /api/v1/sora/generations/{id}/save": {
    body: {},
    optional: true,
    unknown: "generation_not_found",
    foreign: () => workId,
  },
  "GET /api/v1/sora/quota": {},
  "GET /api/v1/sora/models": {},
  "GET /api/v1/sora/storage-status": {},
  "GET /api/v1/sora/events": {},

  "POST /api/upload": { streamed: [400, "bad_multipart"] },
  "OPTIONS /api/uploads/tus": {},
  "POST /api/uploads/tus": { streamed: [412, "tus_version"] },
  "OPTIONS /api/uploads/tus/{uuid}": {},
  "GET /api/uploads/tus/{uuid}": { unknown: "upload_not_found" },
  "POST /api/uploads/tus/{uuid}": { streamed: [412, "tus_version"] },
  "PATCH /api/uploads/tus/{uuid}": { streamed: [412, "tus_version"] },
  "DELETE /api/uploads/tus/{uuid}": { streamed: [412, "tus_version"] },
  "GET /api/uploads/summary": {},
  "GET /api/uploads/list": { query: [...PAGES, ["sub_type", "portrait"]] },
  "POST /api/uploads/resolve": {
    body: { sub_type: "user-avatar", value: "https://example.org/a.png" },
    required: ["sub_type", "value"],
    wrong: [
      ["sub_type", 1],
      ["sub_type", "portrait"],
      ["value", 1],
      ["value", ""],
      ["value", "ftp://example.org/a.png"],
      ["value", `http://example.org/${long(2048)}`],
    ],
  },
  "GET /api/uploads/{uuid}": {},
  "DELETE /api/uploads/{uuid}": { unknown: "upload_not_found" },

  "GET /api/v1/admin/users": { query: [...PAGES, ["group_id", "x"], ["group_id", "0"]] },
  "POST /api/v1/admin/users": {
    body: { email: "n@b.example", password: "12345678" },
    required: ["email", "password"],
    wrong: USER,
  },
  "GET /api/v1/admin/users/{id}": { unknown: "user_not_found" },
  "PATCH /api/v1/admin/users/{id}": { body: {}, wrong: USER, unknown: "user_not_found" },
  "DELETE /api/v1/admin/users/{id}": { unknown: "user_not_found" },
  "GET /api/v1/admin/groups": { query: PAGES },
  "POST /api/v1/admin/groups": { body: { name: "n" }, required: ["name"], wrong: GROUP },
  "GET /api/v1/admin/groups/{id}": { unknown: "group_not_found" },
  "PATCH /api/v1/admin/groups/{id}": { body: {}, wrong: GROUP, unknown: "group_not_found" },
  "DELETE /api/v1/admin/groups/{id}": { unknown: "group_not_found" },
  "GET /api/v1/admin/accounts": { query: PAGES },
  "POST /api/v1/admin/accounts": {
    body: {
      name: "n",
      platform: "sora",
      type: "apikey",
      credentials: { base_url: "http://u.example", api_key: "k" },
    },
    required: ["name", "credentials"],
    wrong: ACCOUNT,
  },
  "POST /api/v1/admin/accounts/test": {
    body: { credentials: { base_url: "http://u.example", api_key: "k" } },
    required: ["credentials"],
    wrong: ACCOUNT,
  },
  "POST /api/v1/admin/accounts/oauth/authorize-url": {
    body: {
      credentials: {
        authorize_url: "http://u.example/a",
        token_url: "http://u.example/t",
        client_id: "c",
      },
    },
    wrong: [...ACCOUNT, ["account_id", 0], ["account_id", "1"]],
  },
  "POST /api/v1/admin/accounts/oauth/exchange": {
    body: { code: "c", state: "s" },
    required: ["code"],
    wrong: [
      ["code", 1],
      ["code", ""],
      ["code", long(8192)],
      ["state", 1],
      ["state", long(128)],
    ],
  },
  "GET /api/v1/admin/accounts/{id}": { unknown: "account_not_found" },
  "PATCH /api/v1/admin/accounts/{id}": { body: {}, wrong: ACCOUNT, unknown: "account_not_found" },
  "DELETE /api/v1/admin/accounts/{id}": { unknown: "account_not_found" },
  "POST /api/v1/admin/accounts/{id}/test": {
    body: {},
    optional: true,
    wrong: ACCOUNT,
    unknown: "account_not_found",
  },
  "POST /api/v1/admin/accounts/{id}/reset": {
    body: {},
    optional: true,
    unknown: "account_not_found",
  },
  "GET /api/v1/admin/settings": {},
  "PATCH /api/v1/admin/settings": { body: {}, wrong: KEPT },
  "POST /api/v1/admin/settings/sora-s3/test": { body: {}, optional: true, wrong: SETTINGS },
  "GET /api/v1/admin/stats": { query: STATS },
  "GET /api/v1/admin/jobs": { query: [...PAGES, ...JOBS] },
  "GET /api/v1/admin/audit": { query: [...PAGES, ...TIMES, ["actor_id", "x"], ["action", long(64)]] },

  "POST /sora/v1/chat/completions": CHAT,
  "POST /v1/chat/completions": CHAT,
  "GET /sora/v1/models": {},
  "GET /v1/models": {},
  "GET /sora/v1/models/{id}": {},
  "GET /v1/models/{id}": {},
  "POST /v1/videos": { body: { prompt: "a fox" } },
  "GET /v1/videos": {},
  "GET /v1/videos/{id}": {},
  "DELETE /v1/videos/{id}": {},
  "GET /v1/videos/{id}/content": {},
  "POST /v1/videos/{id}/remix": { body: { prompt: "a fox" } },
  "POST /v1/images/generations": { body: { prompt: "a fox" } },
  "POST /v1/images/edits": { body: { prompt: "a fox", image: "http://u.example/fox.png" } },

  "GET /media/object/{token}/{name}": {},
  "GET /media/upstream/{token}/{name}": {},
  "GET /healthz": {},
  "GET /readyz": {},
  "GET /metrics": {},
  "GET /openapi.json": {},
};

before(async () => {
  [kinora, demo] = await Promise.all([Kinora.start(), Demo.start("--speed", "500")]);
  admin = await kinora.admin();
  user = await admin.member("user@example.org");
  const account = await admin.account(demo, "chat");
  accountId = account.id;
  userId = user.user.id;
  apiKey = await user.key();
  keyId = (await admin.ask("POST", "/api/v1/keys", { name: "the admin's" })).id;
  workId = await admin.generate("somebody else's", { model: "gpt-image" });
  await admin.ended(workId);
});

after(() => stopAll(kinora, demo));

const TABLE = routes();
const name = (r: Route) => `${r.method} ${r.path}`;
const known = (r: Route): Known => KNOWN[name(r)] ?? {};

// An address of the pattern, with an id that is there.
function addressOf(route: Route, id?: number | string): string {
  const there = route.path.includes("/accounts/")
    ? accountId
    : route.path.includes("/users/")
      ? userId
      : route.path.includes("/groups/")
        ? 1
        : route.path.includes("/keys/")
          ? keyId
          : workId;
  return route.path.replace("{id}", String(id ?? there)).replace(/\{\w+\}/g, "1.2.x");
}

interface Ask {
  as?: Person;
  body?: unknown;
  text?: string | Uint8Array;
  headers?: Record<string, string>;
  language?: "zh" | "en";
}

// As somebody who may, unless something else is said.
async function ask(route: Route, address: string, how: Ask = {}): Promise<Answer<any>> {
  const may = route.access === "admin" ? admin : user;
  const who = how.as ?? may;
  const body = how.text ?? (how.body === undefined ? undefined : JSON.stringify(how.body));
  const answer = await send(kinora.url, route.method, address, {
    body,
    headers: {
      "accept-language": how.language ?? "en",
      "content-type": "application/json",
      ...(how.headers ?? { authorization: `Bearer ${who.token}` }),
    },
  });
  assertDocumented(route.method, address, answer);
  return answer;
}

function forEachRoute(which: (r: Route) => unknown, check: (r: Route) => Promise<void>) {
  return async () => {
    const chosen = TABLE.filter(which);
    assert.ok(chosen.length > 0);
    for (const route of chosen) {
      await check(route).catch((e) => {
        e.message = `${name(route)}: ${e.message}`;
        throw e;
      });
    }
  };
}

// The messages of uploads are English, whatever is asked for (UP-6).
const spoken = (r: Route, asked: "zh" | "en") => (r.path.startsWith("/api/upload") ? "en" : asked);
const signedIn = (r: Route) => r.access === "user" || r.access === "admin";
const own = (r: Route) => r.access !== "key"; // the gateway's errors have another shape

describe("Every route, from the router's own table", () => {
  test("is known to this test, and nothing else is", () => {
    const there = new Set(TABLE.map(name));
    assert.deepEqual(
      [...there].filter((r) => !KNOWN[r]),
      [],
      "not known to this test",
    );
    assert.deepEqual(
      Object.keys(KNOWN).filter((r) => !there.has(r)),
      [],
      "not in the router",
    );
  });

  test("[ST-10] refuses other methods with 405 and says which it takes, in both languages", async () => {
    for (const path of new Set(TABLE.map((r) => r.path))) {
      const here = TABLE.filter((r) => r.path === path);
      const methods = here.map((r) => r.method);
      const takes = methods.includes("GET") ? [...methods, "HEAD"] : methods;
      // "…/accounts/test" may also be an account's address, "…/uploads/list" an upload's.
      const twin = path.replace(/\/test$/, "/{id}").replace(/uploads\/[a-z]+$/, "uploads/{uuid}");
      const others = TABLE.filter((r) => r.path === twin && twin !== path);
      if (others.length > 0 && !path.includes("{id}"))
        takes.push(...others.map((r) => r.method).filter((m) => !takes.includes(m)));
      if (takes.includes("GET") && !takes.includes("HEAD")) takes.push("HEAD");
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
        if (takes.includes(method)) continue;
        for (const language of ["zh", "en"] as const) {
          const headers = { "accept-language": language };
          const answer = await send(kinora.url, method, addressOf(here[0]), { headers });
          const allow = answer.headers.get("allow")?.split(/, */).sort();
          assert.deepEqual(allow, [...takes].sort(), `${method} ${path}`);
          assert.equal(answer.status, 405);
          if (own(here[0]))
            assertError(answer, 405, "method_not_allowed", spoken(here[0], language));
          else assert.equal(answer.body.error.code, "method_not_allowed");
        }
      }
    }
  });

  test("[ST-10] is 404 with a sentence beside it", async () => {
    for (const language of ["zh", "en"] as const) {
      const headers = { "accept-language": language };
      const answer = await send(kinora.url, "GET", "/api/v1/nowhere", { headers });
      assertError(answer, 404, "no_such_address", language);
    }
  });

  test(
    "[ID-4] asks who is there: nobody, a wrong token, an API key, an empty cookie are 401",
    forEachRoute(signedIn, async (route) => {
      const tokens = ["nonsense", "x".repeat(43), apiKey, ""];
      const headers = [
        {},
        ...tokens.map((t) => ({ authorization: `Bearer ${t}` })),
        { authorization: "Basic YTpi" },
        { cookie: "kinora_session=", "x-requested-with": "kinora" },
        { cookie: "kinora_session=nonsense", "x-requested-with": "kinora" },
      ];
      for (const [i, h] of headers.entries()) {
        const language = i % 2 ? "zh" : "en";
        const { body } = known(route);
        const answer = await ask(route, addressOf(route), { headers: h as any, body, language });
        assertError(answer, 401, "unauthenticated", spoken(route, language));
      }
    }),
  );

  test("[ID-4] does not know who has been disabled", async () => {
    const gone = await admin.member("gone@example.org");
    const key = await gone.key();
    await admin.ask("PATCH", `/api/v1/admin/users/${gone.user.id}`, { status: "disabled" });
    await forEachRoute(signedIn, async (route) => {
      const answer = await ask(route, addressOf(route), { as: gone, body: known(route).body });
      assertError(answer, 401, "unauthenticated");
    })();
    await forEachRoute(
      (r) => r.access === "key",
      async (route) => {
        const headers = { authorization: `Bearer ${key}` };
        const answer = await eventually("the key opens nothing", async () => {
          const a = await ask(route, route.path, { headers, body: known(route).body });
          return a.status === 401 && a;
        });
        assert.equal(answer.body.error.code, "invalid_api_key");
      },
    )();
  });

  test(
    "[ID-1] of administration refuses other users",
    forEachRoute(
      (r) => r.access === "admin",
      async (route) => {
        for (const language of ["zh", "en"] as const) {
          const { body } = known(route);
          const answer = await ask(route, addressOf(route), { as: user, body, language });
          assertError(answer, 403, "admin_only", spoken(route, language));
        }
      },
    ),
  );

  test(
    "[ID-4] that changes something believes a cookie only from its own page",
    forEachRoute(
      (r) => signedIn(r) && r.method !== "GET",
      async (route) => {
        const who = route.access === "admin" ? admin : user;
        const cookie = `kinora_session=${who.token}`;
        const strangers = [
          {},
          { origin: "https://evil.example" },
          { origin: "null" },
          { "sec-fetch-site": "cross-site" },
          { "sec-fetch-site": "same-site", origin: kinora.url },
        ];
        for (const [i, h] of strangers.entries()) {
          const language = i % 2 ? "zh" : "en";
          const headers = { cookie, ...h } as Record<string, string>;
          const { body } = known(route);
          const answer = await ask(route, addressOf(route), { headers, body, language });
          assertError(answer, 403, "csrf", spoken(route, language));
        }
        // The same cookie from the page itself gets as far as the body or the id.
        const headers = { cookie, "x-requested-with": "kinora" };
        const { streamed } = known(route);
        if (streamed) {
          assertError(await ask(route, addressOf(route), { headers }), ...streamed);
        } else if (known(route).body) {
          const answer = await ask(route, addressOf(route), { headers, text: "{" });
          assertError(answer, 400, "invalid_json");
        } else {
          const answer = await ask(route, addressOf(route, 999999), { headers });
          assertError(answer, 404, known(route).unknown!);
        }
      },
    ),
  );

  test(
    "[ID-4] that signs in or out takes no request of another site",
    forEachRoute(
      (r) => r.access === "anyone" && r.method === "POST",
      async (route) => {
        const headers = { origin: "https://evil.example" };
        const answer = await ask(route, route.path, { headers, body: known(route).body });
        assertError(answer, 403, "csrf");
      },
    ),
  );

  test(
    "[ST-10] says when the body is no JSON object, in both languages",
    forEachRoute(
      (r) => own(r) && known(r).body,
      async (route) => {
        const bodies = [
          "{",
          "nonsense",
          "[]",
          "null",
          "1",
          '{"a":1}x',
          '{"a":1,"a":2}',
          '{"a":"\\ud800"}',
          Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
          "[".repeat(9000),
        ];
        if (!known(route).optional) bodies.push("");
        for (const [i, text] of bodies.entries()) {
          const language = i % 2 ? "zh" : "en";
          const answer = await ask(route, addressOf(route), { text, language });
          assertError(answer, 400, "invalid_json", spoken(route, language));
        }
      },
    ),
  );

  test(
    "[ST-10] names the member that is missing, in both languages",
    forEachRoute(
      (r) => known(r).required,
      async (route) => {
        for (const field of known(route).required!) {
          for (const value of [undefined, null]) {
            const body = { ...known(route).body, [field]: value };
            const language = value === null ? "zh" : "en";
            const answer = await ask(route, addressOf(route), { body, language });
            assertError(answer, 400, "missing_field", spoken(route, language));
            const inner = field === "credentials" ? ["base_url", "api_key"] : [field];
            assert.ok(inner.includes(answer.body.error.field), JSON.stringify(answer.body));
          }
        }
      },
    ),
  );

  test(
    "[ST-10] names the member that is of the wrong kind, out of bounds or too long, in both languages",
    forEachRoute(
      (r) => known(r).wrong,
      async (route) => {
        for (const [i, [field, value, code = "invalid_field"]] of known(route).wrong!.entries()) {
          const body = { ...known(route).body, [field]: value };
          const language = i % 2 ? "zh" : "en";
          const answer = await ask(route, addressOf(route), { body, language });
          const what = `${field}=${JSON.stringify(value).slice(0, 60)}`;
          try {
            assertError(answer, 400, code, spoken(route, language));
            const inner =
              field === "credentials"
                ? ["credentials", "base_url", "api_key", "token_url", "expires_at"]
                : [field];
            assert.ok(inner.includes(answer.body.error.field), "another field is named");
          } catch (e) {
            throw new Error(`${what}: ${(e as Error).message} ${JSON.stringify(answer.body)}`);
          }
        }
      },
    ),
  );

  test(
    "[ST-10] names the parameter that is wrong, in both languages",
    forEachRoute(
      (r) => known(r).query,
      async (route) => {
        for (const [i, [field, value]] of known(route).query!.entries()) {
          const language = i % 2 ? "zh" : "en";
          const answer = await ask(route, `${route.path}?${field}=${value}`, { language });
          assertError(answer, 400, "invalid_field", spoken(route, language));
          assert.equal(answer.body.error.field, field);
        }
      },
    ),
  );

  test(
    "has a bound for its body",
    forEachRoute(
      (r) => own(r) && r.method !== "GET" && !known(r).streamed,
      async (route) => {
        const headers = {
          authorization: `Bearer ${admin.token}`,
          "content-length": String(64 << 20),
        };
        for (const language of ["zh", "en"] as const) {
          const answer = await ask(route, addressOf(route), { headers, language });
          assertError(answer, 413, "too_large", spoken(route, language));
        }
      },
    ),
  );

  test(
    "[ST-10] does not know an id that nobody has, or that is none, in both languages",
    forEachRoute(
      (r) => r.path.includes("{id}") && own(r),
      async (route) => {
        const { body, unknown } = known(route);
        for (const id of ["999999", "9223372036854775807"]) {
          for (const language of ["zh", "en"] as const) {
            const answer = await ask(route, addressOf(route, id), { body, language });
            assertError(answer, 404, unknown!, spoken(route, language));
          }
        }
        for (const id of ["0", "-1", "1.0", "x", "+1", "0x1", "99999999999999999999", "%31%00"]) {
          const answer = await ask(route, addressOf(route, id), { body });
          assert.equal(answer.status, 404, `${id}: ${JSON.stringify(answer.body)}`);
          assert.match(answer.body.error.code, /^(not_found|no_such_address)$/);
        }
      },
    ),
  );

  test(
    "[GW-10] of the gateway does not know an id that nobody has, or that is none",
    forEachRoute(
      (r) => r.path.includes("{id}") && !own(r),
      async (route) => {
        const { body } = known(route);
        const headers = { authorization: `Bearer ${apiKey}` };
        for (const id of ["999999", "x", "video_", `video_${"x".repeat(200)}`, "%00"]) {
          const answer = await ask(route, addressOf(route, id), { body, headers });
          assert.equal(answer.status, 404, `${id}: ${JSON.stringify(answer.body)}`);
          assert.match(answer.body.error.code, /^((video|model)_not_found|no_such_address)$/);
        }
      },
    ),
  );

  test(
    "[ST-4] does not tell somebody else's id from one that nobody has",
    forEachRoute(
      (r) => known(r).foreign,
      async (route) => {
        const { body, unknown, foreign } = known(route);
        const theirs = await ask(route, addressOf(route, foreign!()), { body });
        const nobodys = await ask(route, addressOf(route, 999999), { body });
        assertError(theirs, 404, unknown!);
        assert.deepEqual(theirs.body, nobodys.body);
      },
    ),
  );

  test(
    "[ID-3] of the gateway asks for an API key, and takes no session, disabled, expired or deleted key",
    forEachRoute(
      (r) => r.access === "key",
      async (route) => {
        const disabled = await user.ask("POST", "/api/v1/keys", { name: "disabled" });
        await user.ask("PATCH", `/api/v1/keys/${disabled.id}`, { status: "disabled" });
        const deleted = await user.ask("POST", "/api/v1/keys", { name: "deleted" });
        await user.ask("DELETE", `/api/v1/keys/${deleted.id}`);
        const tokens = [user.token, "sk-nonsense", disabled.key, deleted.key];
        const headers = [
          {},
          { cookie: `kinora_session=${user.token}` },
          ...tokens.map((t) => ({ authorization: `Bearer ${t}` })),
        ];
        for (const h of headers) {
          // What has just been changed is known everywhere within a second.
          const answer = await eventually(`${JSON.stringify(h)} opens nothing`, async () => {
            const a = await ask(route, route.path, { headers: h as any, body: known(route).body });
            return a.status === 401 && a;
          });
          assert.equal(answer.body.error.type, "authentication_error");
          assert.equal(answer.body.error.code, "invalid_api_key");
          assert.match(answer.headers.get("x-request-id") ?? "", /./);
        }
      },
    ),
  );

  test(
    "[SG-4] of a file opens for no link that was not made here",
    forEachRoute(
      (r) => r.access === "link",
      async (route) => {
        for (const token of ["x", "1.2.x", "1.99999999999.AAAAAAAAAAAAAAAAAAAAAA"]) {
          const address = route.path.replace("{token}", token).replace("{name}", "a.mp4");
          for (const language of ["zh", "en"] as const) {
            assertError(
              await ask(route, address, { headers: {}, language }),
              403,
              "bad_link",
              spoken(route, language),
            );
          }
        }
      },
    ),
  );

  test(
    "answers with an id of the request",
    forEachRoute(
      () => true,
      async (route) => {
        const answer = await send(kinora.url, route.method, addressOf(route));
        assert.match(answer.headers.get("x-request-id") ?? "", /^\S{8,}$/);
      },
    ),
  );
});
