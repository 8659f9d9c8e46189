// SPDX-License-Identifier: Apache-2.0
// What the page shows between its views and beside them: while it waits, where it is refused, when
// something breaks. Each place is brought about by answers that stand in for the server's, so that
// it takes no waiting and leaves nothing behind.
import type { Locator, Route } from "playwright-core";
import type { Visitor } from "./browser.ts";
import { eventually, type Person } from "./kinora.ts";
import { png } from "./uploads.ts";
import { DOT, FAILURES, showWorks, work } from "./works.ts";

// What is done, and then what is to be seen: a data-testid, or something of it.
export type Step = [name: string, act: (v: Visitor) => Promise<unknown>, shown: string | ((v: Visitor) => Locator)];

export interface Place {
  path: string;
  // What the server is to answer while this visitor, who is this person, is there.
  given?: (v: Visitor, person: Person) => Promise<unknown>;
  steps: Step[];
}

export interface States {
  // What a test's title says of them, with the ids that they belong to.
  title: string;
  who: "guest" | "newcomer" | "admin";
  places: Place[];
  // What this brings about on purpose.
  allow: RegExp[];
}

const nothing = async () => undefined;
const skeleton = (v: Visitor) => v.page.locator(".skel").filter({ visible: true }).first();
const problem = (v: Visitor) => v.page.locator('.field .error[role="alert"]').filter({ visible: true }).first();
const refusal = (v: Visitor) => v.page.locator(".result--danger").filter({ visible: true }).first();
const toast = (tone: string) => (v: Visitor) => v.page.locator(`[data-testid="toast"] .icon.${tone}`);

async function answer(v: Visitor, method: string, path: RegExp, reply: (route: Route) => unknown): Promise<void> {
  await v.page.route(path, async (route) => {
    if (route.request().method() === method) await reply(route);
    else await route.fallback();
  });
}

const json = (v: Visitor, method: string, path: RegExp, body: object, status = 200) =>
  answer(v, method, path, (route) => route.fulfill({ status, json: body }));

// In the server's own words, of a field or of the whole.
const refuse = (v: Visitor, method: string, path: RegExp, status: number, code: string, field?: string) =>
  json(v, method, path, { error: { code, message: v.sentence(code), ...(field ? { field } : {}) } }, status);

const page = (data: object[]) => ({ data, total: data.length, page: 1, page_size: 100 });
const WHO_AND_WHAT = String.raw`v1\/(auth\/me|settings\/public|sora\/events)`;
// Of everything but who is there and what this server offers.
const REST = new RegExp(String.raw`\/api\/(?!${WHO_AND_WHAT})`);
// Answered when the page is left.
const hold = (v: Visitor, path = REST) => v.page.route(path, () => undefined);

async function offer(v: Visitor, settings: object): Promise<void> {
  await answer(v, "GET", /\/settings\/public$/, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ json: { ...(await answer.json()), ...settings } });
  });
}

const OPENING: States = {
  title: "[ID-4] coming in: set-up, registering, and what is refused there",
  who: "guest",
  allow: [/^(GET|POST) \/api\/v1\/auth\/\S+ (40\d|503)$/, /^GET \/api\/v1\/auth\/me net::ERR_FAILED$/],
  places: [
    {
      path: "/login",
      given: (v) => offer(v, { setup_required: true, registration_enabled: false }),
      steps: [["a server without anyone", nothing, "setup-hint"]],
    },
    {
      path: "/setup?token=a-token",
      given: async (v) => {
        await offer(v, { setup_required: true });
        await refuse(v, "POST", /\/auth\/setup$/, 403, "invalid_setup_token");
      },
      steps: [
        ["set-up", nothing, "setup-submit"],
        ["set-up, with a short password", (v) => v.fill("setup-password", "short"), problem],
        [
          "set-up that is refused",
          async (v) => {
            await v.fill("setup-email", "root@example.org");
            await v.fill("setup-password", "a long enough one");
            await v.click("setup-submit");
          },
          (v) => v.page.getByText(v.sentence("invalid_setup_token")),
        ],
      ],
    },
    {
      path: "/register",
      given: (v) => refuse(v, "POST", /\/auth\/register$/, 409, "email_taken"),
      steps: [
        [
          "registering, filled in",
          async (v) => {
            await v.fill("register-email", "mia@example.org");
            await v.fill("register-password", "a long enough one");
          },
          (v) => v.page.locator('[data-testid="register-submit"]:enabled'),
        ],
        ["registering that is refused", (v) => v.click("register-submit"), problem],
      ],
    },
    {
      path: "/login",
      steps: [
        [
          "signing in that is refused",
          async (v) => {
            await v.fill("login-email", "mia@example.org");
            await v.fill("login-password", "not hers");
            await v.click("login-submit");
          },
          problem,
        ],
      ],
    },
    {
      path: "/login",
      given: (v) => v.page.route(/\/auth\/me$/, (route) => route.abort()),
      steps: [["a server that is away", nothing, "retry"]],
    },
  ],
};

const WAITING: States = {
  title: "[UI-1, UI-4, UI-7] every view as long as the server has not answered",
  who: "admin",
  allow: [],
  places: [
    ...["/dashboard", "/sora", "/sora/library", "/keys", "/uploads"],
    ...["/admin/users", "/admin/accounts", "/admin/settings"],
  ].map((path) => ({ path, given: (v: Visitor) => hold(v), steps: [[`${path} that waits`, nothing, skeleton]] as Step[] })),
};
WAITING.places.find(({ path }) => path === "/sora")!.steps.push([
  "a prompt whose models are not known",
  nothing,
  (v) => v.at("model-menu").filter({ hasText: v.words("ui.loading") }),
]);
WAITING.places.push({
  path: "/account",
  given: (v) => hold(v, /\/api\/uploads\/list/),
  steps: [["a choice of uploads that waits", (v) => v.click("avatar-choose"), skeleton]],
});

const made = "2026-11-22T00:00:00Z";
const OFFLINE = /net::ERR_INTERNET_DISCONNECTED$/;
const cutOff = (v: Visitor) => v.context.setOffline(true);
const KEY = { id: 7, name: "my script", hint: "sk-…3fQa", status: "active", group_id: 1, created_at: made };

const KEYS: States = {
  title: "[ID-3, UI-1] a new key, what is told of it, and what is refused",
  who: "admin",
  allow: [/^POST \/api\/v1\/keys 409$/, /^DELETE \/api\/v1\/keys\/7 503$/, OFFLINE],
  places: [
    {
      path: "/keys?dialog=new",
      given: async (v) => {
        const key = `sk-${"aBcD3fQa".repeat(6)}`;
        await json(v, "GET", /\/api\/v1\/keys/, page([{ ...KEY, last_used_at: null, expires_at: null }]));
        await json(v, "POST", /\/api\/v1\/keys$/, { ...KEY, last_used_at: null, expires_at: null, key }, 201);
        await refuse(v, "DELETE", /\/api\/v1\/keys\/7$/, 503, "overloaded");
      },
      steps: [
        [
          "a new key",
          async (v) => {
            await v.fill("key-name", "my script");
            await v.click("key-create");
          },
          "key-secret",
        ],
        ["a new key that was copied", (v) => v.click("key-copy"), "toast"],
        [
          "the menu of a key",
          async (v) => {
            await v.click("key-done");
            await v.gone("key-dialog");
            await v.click("key-menu");
          },
          "key-menu-delete",
        ],
        ["a key about to be deleted", (v) => v.click("key-menu-delete"), "confirm"],
        ["a key that cannot be deleted now", (v) => v.click("confirm-ok"), toast("danger")],
      ],
    },
    {
      path: "/keys?dialog=new",
      given: (v) => refuse(v, "POST", /\/api\/v1\/keys$/, 409, "too_many_keys"),
      steps: [
        [
          "a key that is refused",
          async (v) => {
            await v.fill("key-name", "one more");
            await v.click("key-create");
          },
          refusal,
        ],
        ["a page without a network", cutOff, "offline"],
      ],
    },
  ],
};

const choose = async (v: Visitor, menu: string, action: string) => {
  await v.at(menu).first().click();
  await v.click(`${menu}-${action}`);
};

const PEOPLE: States = {
  title: "[AD-1] people and groups: what the dialogs refuse, and lists with nothing in them",
  who: "admin",
  allow: [/^(POST|PATCH) \/api\/v1\/admin\/(users|groups)\S* (40\d|503)$/, /^GET \/api\/v1\/admin\/groups 503$/],
  places: [
    {
      path: "/admin/users?dialog=new",
      given: (v) => refuse(v, "POST", /\/admin\/users$/, 409, "email_taken", "email"),
      steps: [
        [
          "a person whose quota cannot be read",
          async (v) => {
            await v.fill("user-password", "short");
            await v.fill("user-quota", "lots");
          },
          problem,
        ],
        [
          "a person who is refused",
          async (v) => {
            await v.fill("user-email", "mia@example.org");
            await v.fill("user-password", "a long enough one");
            await v.fill("user-quota", "");
            await v.click("user-submit");
          },
          (v) => v.at("user-dialog").getByText(v.sentence("email_taken")),
        ],
      ],
    },
    {
      path: "/admin/groups?dialog=new",
      given: (v) => refuse(v, "POST", /\/admin\/groups$/, 503, "database_busy"),
      steps: [
        [
          "a group that cannot be kept now",
          async (v) => {
            await v.fill("group-name", "painters");
            await v.click("group-submit");
          },
          refusal,
        ],
      ],
    },
    {
      path: "/admin/groups",
      given: (v) =>
        answer(v, "GET", /\/admin\/groups\?.*q=zz/, (route) =>
          route.fulfill({ status: 503, json: { error: { code: "database_busy", message: v.sentence("database_busy") } } }),
        ),
      steps: [["a list that is old", (v) => v.fill("groups-search", "zz"), "stale"]],
    },
    {
      path: "/admin/users",
      steps: [
        [
          "a search that finds nobody",
          (v) => v.fill("users-search", "nobody at all"),
          (v) => v.page.getByText(v.words("admin.noMatch")),
        ],
      ],
    },
    {
      path: "/admin/jobs",
      steps: [
        ["why a job failed, in full", (v) => v.at("job-cause").first().click(), (v) => v.page.locator('[aria-expanded="true"]')],
        [
          "jobs of nobody",
          (v) => v.fill("jobs-person", "nobody@example.org"),
          (v) => v.page.getByText(v.words("jobs.nobody")),
        ],
      ],
    },
  ],
};

const ACCOUNTS: States = {
  title: "[AC-2, AC-5, UI-8] accounts: what is told of a test, and what the dialog refuses",
  who: "admin",
  allow: [/^POST \/api\/v1\/admin\/accounts\S* 40\d$/],
  places: [
    {
      path: "/admin/accounts",
      given: (v) => json(v, "POST", /\/accounts\/\d+\/test$/, { ok: true, latency_ms: 84, message: "" }),
      steps: [["an account that answers", (v) => choose(v, "account-menu", "test"), toast("ok")]],
    },
    {
      path: "/admin/accounts",
      given: (v) =>
        json(v, "POST", /\/accounts\/\d+\/test$/, { ok: false, latency_ms: 84, code: "auth_failed", message: v.sentence("auth_failed") }),
      steps: [["an account that does not answer", (v) => choose(v, "account-menu", "test"), toast("danger")]],
    },
    {
      path: "/admin/accounts?dialog=new",
      given: async (v) => {
        await refuse(v, "POST", /\/admin\/accounts$/, 400, "url_forbidden", "base_url");
        await json(v, "POST", /\/accounts\/test$/, { ok: false, latency_ms: 3, code: "tls_failed", message: v.sentence("tls_failed") });
      },
      steps: [
        ["an account with nothing in it", (v) => v.click("account-submit"), problem],
        [
          "an account that is not reached",
          async (v) => {
            await v.fill("account-name", "main");
            await v.fill("account-base-url", "https://example.org");
            await v.fill("account-api-key", "sk-key");
            await v.click("account-test");
          },
          "account-test-failed",
        ],
        ["an account that is refused", (v) => v.click("account-submit"), (v) => v.page.getByText(v.sentence("url_forbidden"))],
      ],
    },
    {
      path: "/admin/accounts?dialog=new",
      given: async (v) => {
        await refuse(v, "POST", /\/admin\/accounts$/, 400, "group_not_found");
        await json(v, "POST", /\/accounts\/test$/, { ok: true, latency_ms: 84, message: "" });
      },
      steps: [
        [
          "an account that is reached",
          async (v) => {
            await v.fill("account-name", "main");
            await v.fill("account-base-url", "https://example.org");
            await v.fill("account-api-key", "sk-key");
            await v.click("account-test");
          },
          "account-test-ok",
        ],
        ["an account that is refused as a whole", (v) => v.click("account-submit"), "account-error"],
      ],
    },
    {
      path: "/admin/accounts?dialog=new",
      given: (v) => refuse(v, "POST", /\/oauth\/authorize-url$/, 400, "oauth_state_invalid"),
      steps: [
        [
          "signing in at an upstream that does not begin",
          async (v) => {
            await v.click("tab-oauth");
            await v.fill("oauth-issuer", "https://example.org");
            await v.fill("oauth-client-id", "kinora");
            await v.click("oauth-more");
            await v.fill("oauth-redirect-uri", "https://example.org/callback");
            await v.click("oauth-copy");
          },
          "oauth-error",
        ],
      ],
    },
    {
      path: "/admin/accounts",
      given: (v) => json(v, "GET", /\/api\/v1\/admin\/accounts/, page([])),
      steps: [["no accounts yet", nothing, (v) => v.page.getByText(v.words("accounts.empty"))]],
    },
  ],
};

const named = (v: Visitor) => v.page.getByLabel(v.words("settings.name.site_name"));
const save = async (v: Visitor) => {
  await named(v).fill("Studio");
  await v.click("settings-save");
};

const SETTINGS: States = {
  title: "[AD-1, SG-1, ID-4] settings and one's own password: what is refused, and what a test of the bucket says",
  who: "admin",
  allow: [/^(PATCH|POST) \/api\/v1\/(admin\/settings|auth\/password)\S* (40\d|503)$/, /^GET \/api\/uploads\/list 503$/],
  places: [
    {
      path: "/admin/settings",
      given: async (v) => {
        await refuse(v, "PATCH", /\/admin\/settings$/, 400, "invalid_field", "site_name");
        await json(v, "POST", /\/sora-s3\/test$/, { ok: false, latency_ms: 7, code: "storage_denied", message: v.sentence("storage_denied") });
      },
      steps: [
        ["a setting that is refused", save, problem],
        ["a bucket that refuses", (v) => v.click("s3-test"), "s3-test-failed"],
        [
          "the menu of a model",
          async (v) => v.at("model-menu", v.at("model-row").first()).click(),
          "model-menu-remove",
        ],
        [
          "a model with nothing in it",
          async (v) => {
            await v.page.keyboard.press("Escape");
            await v.click("model-add");
            await v.fill("model-size", "large");
            await v.click("model-keep");
          },
          problem,
        ],
        [
          "a rule with nothing in it",
          async (v) => {
            await v.page.keyboard.press("Escape");
            await v.gone("model-dialog");
            await v.click("rule-add");
            await v.fill("rule-size", "large");
            await v.click("rule-keep");
          },
          problem,
        ],
      ],
    },
    {
      path: "/admin/settings",
      given: async (v) => {
        await refuse(v, "PATCH", /\/admin\/settings$/, 503, "database_busy");
        await json(v, "POST", /\/sora-s3\/test$/, { ok: true, latency_ms: 12, message: "" });
      },
      steps: [
        ["settings that cannot be kept now", save, (v) => v.page.locator(".savebar .danger")],
        ["a bucket that answers", (v) => v.click("s3-test"), "s3-test-ok"],
      ],
    },
    {
      path: "/account",
      given: async (v) => {
        await refuse(v, "POST", /\/auth\/password$/, 403, "wrong_password");
        await refuse(v, "GET", /\/api\/uploads\/list/, 503, "database_busy");
      },
      steps: [
        [
          "a password that is refused",
          async (v) => {
            await v.fill("password-current", "not mine");
            await v.fill("password-new", "a long enough one");
            await v.click("password-submit");
          },
          problem,
        ],
        ["a choice of uploads that did not load", (v) => v.click("avatar-choose"), "retry"],
      ],
    },
  ],
};

const NONE = { media_type: "video", storage_type: "none", media_url: null, media_urls: [], download_urls: [] };
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

// Cards beside those that stand for every state of a job.
const JOBS = () => [
  work(9, { ...NONE, prompt: "sent back", status: "generating", progress: 0, queue_position: 3, started_at: ago(9000), completed_at: null }),
  work(8, { prompt: "no room for it", storage_type: "upstream", storage_reason: "quota_exceeded", completed_at: ago(60_000) }),
  work(7, { prompt: "soon gone", storage_type: "upstream", completed_at: ago(11 * 60_000) }),
  work(6, { prompt: "gone", storage_type: "upstream", completed_at: ago(20 * 60_000) }),
  ...FAILURES.map((error_code, n) => work(5 - n, { ...NONE, prompt: `failed, ${error_code}`, status: "failed", error_code })),
];

const STUDIO: States = {
  title: "[UI-2, UI-4, UI-5, ST-8] the studio with what waits for room, has failed, is gone or was not sent",
  who: "newcomer",
  allow: [/^POST \/api\/v1\/sora\/generate 503$/, /^GET \/api\/v1\/sora\/models 503$/, OFFLINE],
  places: [
    {
      path: "/sora",
      given: async (v) => {
        await showWorks(v, JOBS());
        await answer(v, "POST", /\/sora\/generate$/, async (route) => {
          // Not before something else is being typed.
          await eventually("another prompt", async () => (await v.at("prompt-input").inputValue()) === "and then");
          await route.fulfill({ status: 503, json: { error: { code: "overloaded", message: v.sentence("overloaded") } } });
        });
      },
      steps: [
        ["a link that closes soon", nothing, (v) => v.at("toast").filter({ has: v.at("toast-action") })],
        ["a job that waits again", nothing, (v) => v.card("sent back")],
        [
          "a work about to be deleted",
          (v) => v.at("job-delete", v.card("gone").last()).click(),
          (v) => v.page.locator('[data-testid="toast"] .leaves'),
        ],
        [
          "a prompt that was not sent",
          async (v) => {
            await v.click("toast-action");
            await v.ask("never sent");
            await v.fill("prompt-input", "and then");
            await v.cardIs("never sent", "unsent");
          },
          toast("danger"),
        ],
        ["the actions of a card", (v) => v.at("job-more", v.card("no room for it")).click(), "job-more-copy"],
      ],
    },
    {
      path: "/sora",
      given: async (v) => {
        await json(v, "GET", /\/storage-status$/, { s3_enabled: false, s3_healthy: false, local_enabled: false });
        await refuse(v, "GET", /\/sora\/models$/, 503, "overloaded");
        const quota = { quota_bytes: 5000, used_bytes: 5000, available_bytes: 0, quota_source: "user" };
        await json(v, "GET", /\/sora\/quota$/, quota);
      },
      steps: [["nowhere to store, and no models", nothing, "models-retry"]],
    },
    {
      path: "/sora",
      given: (v) => offer(v, { sora_client_enabled: false }),
      steps: [["a studio that is off", nothing, "sora-disabled"]],
    },
    {
      path: "/sora/library?work=2",
      given: async (v) => {
        const many = { media_urls: [DOT, DOT, DOT], download_urls: [DOT, DOT, DOT] };
        await showWorks(v, [work(3), work(2, { ...many, prompt: "three of a kind" }), work(1, { storage_type: "local" })]);
      },
      steps: [
        ["a picture, large", nothing, "preview-image"],
        [
          "a picture about to be deleted",
          (v) => v.click("preview-delete"),
          (v) => v.page.locator('[data-testid="toast"] .leaves'),
        ],
        ["a picture that was kept", (v) => v.click("toast-action"), "preview"],
        [
          "works without a network",
          async (v) => {
            await v.page.keyboard.press("Escape");
            await v.gone("preview");
            await cutOff(v);
          },
          "offline",
        ],
      ],
    },
  ],
};

// Of a file that an earlier visit had begun.
async function begun(v: Visitor, person: Person): Promise<void> {
  const item = { user: person.user.id, address: "/api/uploads/tus/away", name: "walk.mp4", size: 40 << 20 };
  const more = { modified: 1, sub_type: "oc-gallery-video", since: Date.now() };
  await v.page.addInitScript((text) => localStorage.setItem("kinora.unfinished", text), JSON.stringify([{ ...item, ...more }]));
  await answer(v, "HEAD", /\/api\/uploads\/tus\/away$/, (route) =>
    route.fulfill({ headers: { "upload-offset": String(16 << 20), "upload-length": String(40 << 20) } }),
  );
}

const transfers = (v: Visitor, state: string) => v.page.locator(`[data-testid="transfer"][data-state="${state}"]`);
const picture = (name: string) => ({ name, mimeType: "image/png", buffer: png(8) });

const UPLOADS: States = {
  title: "[UP-4, UP-7] uploads that wait, are sent, paused, broken off, refused or done",
  who: "newcomer",
  allow: [/^POST \/api\/upload (507|net::ERR_FAILED)$/],
  places: [
    {
      path: "/uploads",
      given: async (v, person) => {
        await begun(v, person);
        // One is kept, one is not, one breaks, and the others are on their way as long as someone looks.
        let n = 0;
        await answer(v, "POST", /\/api\/upload$/, (route) => {
          const fields = { id: 1, name: "dunes.png", sub_type: "oc-gallery", mime: "image/png", size: 9, created_at: made };
          const upload = { ...fields, upload_uuid: "7a3c1c52-8c0b-4b8e-9a55-0d9f1c1f7a11", key: "k", url: DOT };
          if (n++ === 0) return route.fulfill({ json: upload });
          const error = { code: "disk_full", message: v.sentence("disk_full") };
          if (n === 2) return route.fulfill({ status: 507, json: { error } });
          return n === 3 ? route.abort() : undefined;
        });
      },
      steps: [
        ["an upload that goes on when its file is chosen", nothing, (v) => transfers(v, "away")],
        [
          "an upload with the wrong file",
          (v) => v.page.locator('[data-testid="transfer-input"]').setInputFiles({ ...picture("other.mp4"), mimeType: "video/mp4" }),
          (v) => transfers(v, "away").locator(".warn"),
        ],
        [
          "uploads in every state",
          async (v) => {
            const files = ["dunes.png", "boat.png", "kite.png", "harbour.png", "lamp.png", "rain.png"].map(picture);
            const drawing = { name: "storyboard.psd", mimeType: "image/vnd.adobe.photoshop", buffer: Buffer.from("8BPS") };
            await v.page.locator('[data-testid="upload-input"]').setInputFiles([drawing, ...files]);
            for (const state of ["done", "failed", "offline", "waiting"]) await transfers(v, state).first().waitFor();
            await v.at("transfer-pause", transfers(v, "sending").first()).click();
            await transfers(v, "paused").waitFor();
          },
          (v) => transfers(v, "sending").first(),
        ],
      ],
    },
    {
      path: "/account",
      given: (v) => json(v, "GET", /\/api\/uploads\/list/, page([])),
      steps: [
        [
          "nothing to choose from",
          (v) => v.click("avatar-choose"),
          (v) => v.page.getByText(v.words("uploads.noPictures")),
        ],
      ],
    },
  ],
};

export const STATES: States[] = [OPENING, WAITING, KEYS, PEOPLE, ACCOUNTS, SETTINGS, STUDIO, UPLOADS];

// Goes to each place and looks at it after every step.
export async function visit(
  v: Visitor,
  person: Person,
  { places }: States,
  look: (name: string) => Promise<void>,
): Promise<void> {
  // What was typed, or not saved, is left behind.
  v.page.on("dialog", (dialog) => void dialog.accept());
  for (const { path, given, steps } of places) {
    await v.context.setOffline(false);
    await v.page.unrouteAll({ behavior: "ignoreErrors" });
    await given?.(v, person);
    await v.go(path);
    for (const [name, act, shown] of steps) {
      await act(v);
      if (typeof shown === "string") await v.see(shown);
      else await shown(v).waitFor({ state: "visible" });
      await look(name);
    }
  }
}
