// SPDX-License-Identifier: Apache-2.0
// What administrators and owners of keys do: accounts, people, groups, settings, keys.
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { atBothWidths, atDesk, inWindow, onPhone, Stage, type Visitor } from "../lib/browser.ts";
import { eventually, PASSWORD } from "../lib/kinora.ts";
import { OAuthServer } from "../lib/oauth.ts";

const stage = await Stage.open("admin");
const { admin, demo } = stage;
const focused = (v: Visitor, what: string, selector: string) =>
  eventually(`the focus on ${what}`, () => v.page.evaluate((s) => document.activeElement?.matches(s), selector));

atBothWidths(
  stage,
  "[AC-2, AC-5, UI-8, V-8] an account is checked while it is typed, tested, and kept",
  async (enter, screen) => {
    const name = `demo ${screen.name}`;
    const v = await enter({ person: admin, path: "/admin/accounts" });
    await v.click("account-add");
    await v.click("tab-oauth");
    assert.ok(await v.at("account-submit").isDisabled());
    await v.click("tab-apikey");
    await v.click("account-submit");
    await v.page.getByText(v.words("problem.required")).first().waitFor();
    await v.fill("account-name", name);
    await v.fill("account-base-url", "ftp://example.org");
    await v.page.getByText(v.words("problem.scheme")).waitFor();
    await v.fill("account-base-url", `${demo.url}/sora/v1/`);
    await v.see("account-endpoint", `${demo.url}/sora/v1/chat/completions`);

    await v.fill("account-base-url", "http://127.0.0.1:1");
    await v.fill("account-api-key", "sk-demo");
    await v.click("account-test");
    const told = await v.see("account-test-failed");
    await eventually("room between what was found and the foot", () =>
      told.evaluate((e) => {
        const foot = document.querySelector(".dialog__foot")!.getBoundingClientRect();
        return foot.top - e.getBoundingClientRect().bottom >= 12;
      }),
    );
    await v.fill("account-base-url", demo.url);
    await v.click("account-test");
    await v.see("account-test-ok", v.pattern("accounts.connected", { ms: /\d+/ }));
    await v.click("account-submit");
    await v.gone("account-dialog");
    const row = await v.see("account-row", name);
    assert.ok((await v.entries()).includes("sora"), "Sora appears");
    await v.closeSidebar();

    await v.at("account-menu", row).click();
    await v.click("account-menu-disable");
    await v.page.locator('[data-testid="account-row"][data-state="disabled"]').waitFor();
    await v.at("account-menu", row).click();
    await v.click("account-menu-remove");
    await v.click("confirm-ok");
    await v.gone("account-row");
  },
);

atBothWidths(
  stage,
  "[AC-3, UI-8, V-8] an administrator signs in at an upstream, and the account is kept",
  async (enter, screen) => {
    const server = await OAuthServer.start();
    try {
      const v = await enter({ person: admin, path: "/admin/accounts" });
      await v.click("account-add");
      await v.click("tab-oauth");
      await v.fill("account-name", `signed in ${screen.name}`);
      await v.fill("account-base-url", server.issuer);
      await v.fill("oauth-issuer", server.issuer);
      await v.fill("oauth-client-id", server.client.client_id);
      await v.click("oauth-more");
      await v.fill("oauth-scopes", server.client.scopes);
      await v.fill("oauth-redirect-uri", server.client.redirect_uri);
      await v.click("oauth-copy");
      const link = (await v.at("oauth-link").getAttribute("href"))!;
      await v.see("oauth-status", v.words("accounts.waitingForCode"));
      assert.ok(await v.at("account-submit").isDisabled());
      await v.fill("oauth-code", await server.signIn(link));
      await v.page.keyboard.press("Enter");
      await v.see("oauth-status", v.words("accounts.signedIn"));
      await v.click("account-test");
      await v.see("account-test-ok", v.pattern("accounts.connected", { ms: /\d+/ }));
      await v.click("account-submit");
      await v.gone("account-dialog");
      const row = await v.see("account-row", `signed in ${screen.name}`);
      await v.at("account-menu", row).click();
      await v.click("account-menu-remove");
      await v.click("confirm-ok");
      await v.gone("account-row");
    } finally {
      await server.stop();
    }
  },
);

atBothWidths(
  stage,
  "[AC-5] a test that the upstream turns down says that it was for the key",
  async (enter) => {
    const account = await admin.account(demo, "chat");
    const v = await enter({ person: admin, path: "/admin/accounts" });
    await demo.fault({ name: "locked", route: "models", status: 401, times: 0 });
    try {
      await v.at("account-menu", await v.see("account-row")).click();
      await v.click("account-menu-test");
      await v.see("toast", v.sentence("auth_failed"));
    } finally {
      await demo.control("DELETE", "/faults/locked");
      await admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
    }
  },
);

atBothWidths(
  stage,
  "[AC-6] a cool-down shows its cause and the time left, and goes with one click",
  async (enter) => {
    const account = await admin.account(demo, "chat");
    const key = await admin.key();
    await demo.fault({ route: "chat", status: 429, headers: { "Retry-After": "600" } });
    const refused = await fetch(`${stage.kinora.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }] }),
    });
    assert.equal(refused.status, 429);
    await refused.text();
    const v = await enter({ person: admin, path: "/admin/accounts" });
    const row = v.page.locator('[data-testid="account-row"][data-state="cooling"]');
    await row.getByText(v.sentence("account_rate_limited")).waitFor();
    await row.getByText(/^9:\d\d$/).waitFor();
    await row.getByText("0 / 20").waitFor();
    await row.getByText(v.words("accounts.failed", { n: 1 })).waitFor();
    await v.at("account-clear", row).click();
    await v.page.locator('[data-testid="account-row"][data-state="active"]').waitFor();
    await admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
  },
);

atBothWidths(
  stage,
  "[AD-1] people and groups are made and changed, settings are kept",
  async (enter, screen) => {
    const group = `painters ${screen.name}`;
    const email = `new-${screen.name}@example.org`;
    const v = await enter({ person: admin, path: "/admin/groups" });
    await v.see("group-row", "default");
    await v.click("group-add");
    await v.fill("group-name", group);
    await v.fill("group-quota", "2 GB");
    await v.click("group-submit");
    await v.see("group-row", group);

    await v.navigate("users");
    await v.see("user-row", "admin@example.org");
    await v.click("user-add");
    await v.fill("user-email", email);
    await v.fill("user-password", "a long enough one");
    await v.at("user-group").selectOption({ label: group });
    await v.click("user-submit");
    await v.see("user-row", email);
    await v.navigate("groups");
    const counted = await v.see("group-row", group);
    await counted.getByTestId("group-people").getByText("1", { exact: true }).waitFor();
    await counted.getByTestId("group-accounts").getByText("0", { exact: true }).waitFor();
    const { data } = await admin.ask("GET", `/api/v1/admin/groups?page_size=100`);
    const made = data.find((g: { name: string }) => g.name === group);
    assert.equal(made.sora_storage_quota_bytes, 2 * 1024 ** 3);

    await v.navigate("settings");
    await v.see("settings-general");
    const site = `Studio ${screen.name}`;
    await v.page.getByLabel(v.words("settings.name.site_name")).fill(site);
    await v.click("settings-save");
    await v.see("toast", v.words("settings.saved"));
    const settings = await admin.ask("GET", "/api/v1/admin/settings");
    assert.equal(settings.site_name, site);
    await focused(v, "what has nothing more to save", '[data-testid="settings-save"]');

    await v.navigate("audit");
    await v.see("audit-row");
  },
);

atBothWidths(
  stage,
  "[ST-11, UP-5, UP-6] models and the limits of uploads are changed in fields that say what is wrong",
  async (enter, screen) => {
    const v = await enter({ person: admin, path: "/admin/settings" });
    const settings = () => admin.ask("GET", "/api/v1/admin/settings");
    const save = async (has: (kept: any) => boolean) => {
      await v.click("settings-save");
      return eventually("it is saved", async () => settings().then((kept) => has(kept) && kept));
    };
    await v.see("model-row", "sora2-landscape-10s");
    await v.click("model-add");
    await v.fill("model-id", "sora2-landscape-10s");
    await v.see("model-dialog", v.words("settings.modelProblem.twice"));
    await v.fill("model-id", "wan-2.2");
    await v.fill("model-seconds", "5, 10");
    await v.fill("model-size", "large");
    await v.see("model-dialog", v.words("settings.modelProblem.size"));
    await v.fill("model-size", "1280 x 720");
    await v.click("model-keep");
    await v.gone("model-dialog");

    await v.fill("setting-upload_image_max_bytes", "large");
    await v.see("settings-uploads", v.words("admin.quotaBad"));
    await v.fill("setting-upload_image_max_bytes", "20 MB");
    await v.click("upload-extra-scene");
    await v.click("rule-add");
    await v.at("rule-group").selectOption({ label: "default" });
    await v.at("rule-kind").selectOption({ label: v.words("uploads.kinds.oc-avatar") });
    await v.fill("rule-size", "2 MB");
    await v.click("rule-keep");
    await v.see("rule-row", v.words("settings.ruleOf", { group: "default", kind: v.words("uploads.kinds.oc-avatar") }));
    const width = await v.page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(width, screen.width, "nothing is wider than the window");
    const kept = await save(({ models }) => models !== null);
    assert.deepEqual(kept.models.at(-1), {
      ...{ id: "wan-2.2", name: "wan-2.2", media_type: "video", description: "" },
      ...{ seconds: [5, 10], size: "1280x720", image_input: true },
    });
    assert.equal(kept.models.length, kept.models_built_in.length + 1);
    assert.equal(kept.upload_image_max_bytes, 20 << 20);
    assert.deepEqual(kept.upload_extra_sub_types, ["scene"]);
    assert.deepEqual(kept.upload_rules, [{ group_id: 1, sub_type: "oc-avatar", max_bytes: 2 << 20 }]);

    await v.click("model-reset");
    await save(({ models }) => models === null);
    const first = { upload_image_max_bytes: null, upload_extra_sub_types: null, upload_rules: null };
    await admin.ask("PATCH", "/api/v1/admin/settings", first);
  },
);

atBothWidths(
  stage,
  "[ID-3] a key is shown once, works, and can be deleted",
  async (enter) => {
    const v = await enter({ person: await stage.newcomer(), path: "/keys" });
    await v.click("key-add");
    await v.fill("key-name", "my script");
    await v.click("key-create");
    const key = (await (await v.see("key-secret")).textContent())!.trim();
    assert.match(key, /^sk-\S{20,}$/);
    const use = () => fetch(`${stage.kinora.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
    assert.equal((await use()).status, 200);
    await v.click("key-done");
    const row = await v.see("key-row", "my script");
    await v.page.reload();
    await row.waitFor();
    assert.ok(!(await v.page.content()).includes(key), "the key is nowhere on the page");
    await v.at("key-menu", row).click();
    await v.click("key-menu-delete");
    await v.click("confirm-ok");
    await v.gone("key-row");
    await eventually("the key no longer works", async () => (await use()).status === 401);
  },
);

atBothWidths(stage, "[ID-3, UI-1] what is said over a dialog is read out, and covers none of its buttons", async (enter) => {
  const prepare = ({ page }: Visitor) =>
    page.addInitScript(() => {
      navigator.clipboard.writeText = () => Promise.reject(new Error("not allowed"));
      document.execCommand = () => false;
    });
  const v = await enter({ person: await stage.newcomer(), path: "/keys", prepare });
  await v.click("key-add");
  await v.fill("key-name", "my script");
  await v.click("key-create");
  await v.click("key-copy");
  const toast = await v.see("toast", v.words("keys.copyFailed"));
  assert.equal(await toast.evaluate((e) => e.closest("[aria-hidden=true]")), null);
  const above = await toast.boundingBox();
  for (const button of await v.at("key-dialog").getByRole("button").all()) {
    const below = await button.boundingBox();
    const apart =
      below!.y >= above!.y + above!.height || below!.y + below!.height <= above!.y ||
      below!.x >= above!.x + above!.width || below!.x + below!.width <= above!.x;
    assert.ok(apart, await button.evaluate((e) => e.outerHTML.slice(0, 120)));
  }
  await v.click("key-done");
  await v.gone("key-dialog");
});

atDesk(stage, "[ID-3, UI-1] by keys alone, the focus comes back to the dots from their menu and from its question", async (enter) => {
  const v = await enter({ person: await stage.newcomer(), path: "/keys" });
  const { keyboard } = v.page;
  await v.click("key-add");
  await v.fill("key-name", "my script");
  // A list that comes late takes the button away when the dialog has given it the focus back.
  const closed = Promise.withResolvers<void>();
  await v.page.route("**/api/v1/keys?*", (route) => closed.promise.then(() => route.continue()), { times: 1 });
  await keyboard.press("Enter");
  await v.see("key-secret");
  await keyboard.press("Escape");
  await v.gone("key-dialog");
  closed.resolve();
  await focused(v, "the view, as the button that opened it is gone", "#main");

  const dots = v.at("key-menu");
  await dots.focus();
  await keyboard.press("Enter");
  await focused(v, "the first item", '[data-testid="key-menu-disable"]');
  await keyboard.press("Escape");
  await v.gone("key-menu-disable");
  await focused(v, "the dots", '[data-testid="key-menu"]');
  await keyboard.press("ArrowDown");
  await focused(v, "the first item", '[data-testid="key-menu-disable"]');
  await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  await focused(v, "what changes nothing", '[data-testid="confirm-cancel"]');
  await keyboard.press("Escape");
  await v.gone("confirm");
  await focused(v, "the dots", '[data-testid="key-menu"]');
  await dots.click();
  await v.see("key-menu-disable");
  await dots.click();
  await v.gone("key-menu-disable");
  await focused(v, "the dots", '[data-testid="key-menu"]');
});

// The overview draws nothing where nothing was made.
async function makeSomething(): Promise<void> {
  const account = await admin.account(demo, "chat");
  await admin.ended(await admin.generate("something to draw"));
  await eventually("the account is free", async () => {
    const answer = await admin.call("DELETE", `/api/v1/admin/accounts/${account.id}`);
    return answer.status === 204;
  });
}

atBothWidths(
  stage,
  "[AD-2] the overview's charts are drawn when they are seen, and grow with their panels",
  async (enter) => {
    await makeSomething();
    const v = await enter({ person: admin, path: "/" });
    await v.page.locator('[data-testid="stats-jobs"] [data-drawn="true"]').waitFor();
    const charts = await v.page.locator('[data-testid="overview"] [data-drawn]').all();
    assert.ok(charts.length > 1);
    for (const chart of charts) {
      await chart.scrollIntoViewIfNeeded();
      await eventually("a chart that is seen", async () => (await chart.getAttribute("data-drawn")) === "true");
      const fits = () => chart.evaluate((box) => box.querySelector("canvas")?.clientHeight === box.clientHeight);
      await eventually("a drawing in its box", fits);
      await chart.evaluate((box) => (box.closest<HTMLElement>(".panel")!.style.minHeight = "700px"));
      assert.ok(await chart.evaluate((box) => box.clientHeight > 400));
      await eventually("a drawing in its box, which grew", fits);
      await chart.evaluate((box) => (box.closest<HTMLElement>(".panel")!.style.minHeight = ""));
    }
  },
);

onPhone(stage, "[AD-2] a chart whose code does not come says so, and the figures stand beside it", async (enter) => {
  await makeSomething();
  const prepare = ({ page }: Visitor) => page.route(/\/assets\/echarts-[^/]*\.js$/, (route) => route.abort());
  const v = await enter({ person: admin, path: "/", prepare });
  v.allow(/echarts-/);
  await v.see("chart-failed", v.words("stats.chartFailed"));
  assert.equal(await v.page.locator('[data-drawn="true"]').count(), 0);
  await v.see("stats-lede");
});

atBothWidths(
  stage,
  "[AD-2] the overview says what failed and who waits, and leads to the jobs",
  async (enter, screen) => {
    const account = await admin.account(demo, "chat", { concurrency: 1 });
    const maker = await stage.newcomer();
    try {
      await demo.fault({ prompt: "refused", job: { refuse: true } });
      assert.equal((await maker.ended(await maker.generate("refused"))).status, "failed");
      await demo.fault({ name: "endless", prompt: "endless", times: 0, job: { duration_ms: 3600000 } });
      const first = await maker.generate("endless");
      await maker.until(first, (g) => g.status === "generating");
      await maker.generate("endless and late");

      const v = await enter({ person: admin, path: "/" });
      await v.see("overview");
      await v.see("stats-lede", v.words("stats.waits", { n: 1 }));
      await v.see("stats-waiting", maker.user.email);
      await v.see("stats-running", maker.user.email);
      await v.see("health-row", "demo chat");
      await v.see("stats-causes", v.sentence("content_policy"));
      await v.click("stats-period-30d");
      await v.see("stats-jobs", v.words("stats.jobsPer.30d"));
      const width = await v.page.evaluate(() => document.documentElement.scrollWidth);
      assert.equal(width, screen.width, "nothing is wider than the window");

      await v.at("stats-waiting").getByRole("link", { name: maker.user.email }).click();
      await v.see("job-row", v.words("jobs.status.pending"));
      assert.equal(await v.at("job-row").count(), 1);
      await v.click("jobs-status-failed");
      // The upstream's own words follow it.
      await v.see("job-row", v.sentence("content_policy").replace(/\.$/, ""));
      await v.fill("jobs-person", "nobody@example.org");
      await v.page.getByText(v.words("jobs.nobody")).waitFor();

      // What is looked at stands in the address: it stays through a reload, and there and back.
      const address = async (path: string, query: Record<string, string>) => {
        await eventually(`the address of ${path}`, async () => {
          const url = new URL(v.page.url());
          return url.pathname === path && isDeepStrictEqual(Object.fromEntries(url.searchParams), query);
        });
      };
      await address("/admin/jobs", { status: "failed", user: "nobody@example.org" });
      await v.page.reload();
      await v.page.getByText(v.words("jobs.nobody")).waitFor();
      await v.page.goBack();
      await v.see("stats-jobs", v.words("stats.jobsPer.30d"));
      await address("/dashboard", { period: "30d" });
      await v.page.goForward();
      await v.page.getByText(v.words("jobs.nobody")).waitFor();
      assert.equal(await v.at("jobs-person").inputValue(), "nobody@example.org");
      await v.fill("jobs-person", maker.user.email);
      await v.see("job-row", v.sentence("content_policy").replace(/\.$/, ""));
      assert.equal(await v.at("job-row").count(), 1);
      await v.page.goto("/admin/audit?action=account&q=nowhere&page=9");
      await v.page.getByText(v.words("admin.noMatch")).waitFor();
      await address("/admin/audit", { action: "account", q: "nowhere" });
      await v.fill("audits-search", "");
      await v.see("audit-row", "account.");
      await address("/admin/audit", { action: "account" });
    } finally {
      await admin.ask("DELETE", `/api/v1/admin/users/${maker.user.id}`);
      await demo.reset();
      await eventually("the account is free", async () => {
        const answer = await admin.call("DELETE", `/api/v1/admin/accounts/${account.id}`);
        return answer.status === 204;
      });
    }
  },
);

const GIB = 1024 ** 3;
const USERS = "/api/v1/admin/users";
const GROUPS = "/api/v1/admin/groups";
const ACCOUNTS = "/api/v1/admin/accounts";
const statusOf = async (path: string) => (await admin.call("GET", path)).status;
const rowOf = (v: Visitor, kind: string, name: string) => v.at(`${kind}-row`).filter({ hasText: name });

// Opens a row's menu and picks from it; for users it has another name.
async function pick(v: Visitor, kind: string, name: string, action: string): Promise<void> {
  const menu = kind === "user" ? "user-menu-row" : `${kind}-menu`;
  await v.at(menu, rowOf(v, kind, name)).click();
  await v.click(`${menu}-${action}`);
}

// All rows have the words: those of before may be as many.
async function searchFor(v: Visitor, kind: string, words: string, count: number): Promise<void> {
  await v.fill(`${kind}s-search`, words);
  const rows = v.at(`${kind}-row`);
  await eventually(`${count} rows`, async () =>
    (await rows.count()) === count && (await rows.filter({ hasText: words }).count()) === count);
}

inWindow(
  stage,
  "[AD-1, ID-4] a person is found, changed, given a password and a quota, shut out and let in",
  async (enter, screen) => {
    const [before, after] = [`rosa-${screen.name}@example.org`, `rose-${screen.name}@example.org`];
    const group = await admin.ask("POST", GROUPS, { name: `a first one ${screen.name}` });
    const rosa = await admin.member(before);
    const path = `${USERS}/${rosa.user.id}`;
    const shutOut = () => eventually("the session ends", async () => (await rosa.call("GET", "/api/v1/auth/me")).status === 401);
    const v = await enter({ person: admin, path: "/admin/users" });
    await searchFor(v, "user", before.toUpperCase(), 1);
    await pick(v, "user", before, "edit");
    await v.see("user-dialog");
    await v.fill("user-email", after);
    await v.fill("user-password", "short");
    await v.click("user-submit");
    await v.see("user-dialog", v.words("auth.shortPassword", { n: 8 }));
    await v.fill("user-password", "another long one");
    await v.at("user-role").selectOption("admin");
    await v.at("user-group").selectOption(String(group.id));
    await v.fill("user-quota", "1.5 GB");
    await v.click("user-submit");
    await v.gone("user-dialog");
    await v.see("toast", after);
    const { email, role, group_id, sora_storage_quota_bytes } = await admin.ask("GET", path);
    assert.deepEqual([email, role, group_id, sora_storage_quota_bytes], [after, "admin", group.id, 1.5 * GIB]);
    await shutOut();
    const enters = () => stage.kinora.signIn(after, "another long one");
    assert.equal((await enters()).user.id, rosa.user.id);

    // Only what is changed is changed: the quota goes, the password stays.
    await searchFor(v, "user", after, 1);
    await rowOf(v, "user", after).getByText(v.words("quota.of", { whole: "1.5 GB" })).waitFor();
    await pick(v, "user", after, "edit");
    assert.equal(await v.at("user-quota").inputValue(), "1.5 GB");
    await v.fill("user-quota", "");
    await v.at("user-role").selectOption("user");
    await v.click("user-submit");
    await v.gone("user-dialog");
    assert.equal((await admin.ask("GET", path)).sora_storage_quota_bytes, 0);

    const inside = await enters();
    await pick(v, "user", after, "disable");
    await v.page.locator('[data-testid="user-row"].is-off').waitFor();
    assert.equal((await admin.ask("GET", path)).status, "disabled");
    await eventually("the session ends", async () => (await inside.call("GET", "/api/v1/auth/me")).status === 401);
    await assert.rejects(enters());
    await pick(v, "user", after, "enable");
    await eventually("the row is on again", async () => (await v.page.locator('[data-testid="user-row"].is-off').count()) === 0);
    await enters();

    await searchFor(v, "user", admin.user.email, 1);
    await v.at("user-menu-row", rowOf(v, "user", admin.user.email)).click();
    for (const action of ["disable", "remove"])
      assert.equal(await v.at(`user-menu-row-${action}`).getAttribute("aria-disabled"), "true", "oneself stays");
    await v.page.keyboard.press("Escape");
    await searchFor(v, "user", "nobody-of-that-name", 0);
    await v.page.getByText(v.words("admin.noMatch")).waitFor();
    await admin.ask("DELETE", path);
    await admin.ask("DELETE", `${GROUPS}/${group.id}`);
  },
);

inWindow(
  stage,
  "[AD-1, ID-8] a person goes with keys, sessions, works and jobs, once that was confirmed",
  async (enter, screen) => {
    const account = await admin.account(demo, "chat");
    const leaver = await stage.newcomer();
    const path = `${USERS}/${leaver.user.id}`;
    const key = await leaver.key();
    const made = await leaver.ended(await leaver.generate(`the last one ${screen.name}`));
    assert.equal(made.status, "completed", made.error_message ?? "");
    const media = new URL(made.media_urls[0], stage.kinora.url);
    assert.equal((await fetch(media)).status, 200);
    await demo.fault({ prompt: `unfinished ${screen.name}`, times: 0, job: { duration_ms: 3_600_000 } });
    const running = await leaver.generate(`unfinished ${screen.name}`);
    await leaver.until(running, (g) => g.status === "generating");

    const v = await enter({ person: admin, path: "/admin/users" });
    await searchFor(v, "user", leaver.user.email, 1);
    await pick(v, "user", leaver.user.email, "remove");
    await v.see("confirm", v.words("users.deleteText"));
    await v.click("confirm-cancel");
    await v.gone("confirm");
    assert.equal(await statusOf(path), 200);
    await pick(v, "user", leaver.user.email, "remove");
    await v.click("confirm-ok");
    await v.see("toast", leaver.user.email);
    await v.gone("user-row");

    assert.equal(await statusOf(path), 404);
    assert.equal((await leaver.call("GET", "/api/v1/auth/me")).status, 401);
    await assert.rejects(stage.kinora.signIn(leaver.user.email));
    const headers = { authorization: `Bearer ${key}` };
    await eventually("the key opens nothing", async () => (await fetch(`${stage.kinora.url}/v1/models`, { headers })).status === 401);
    await eventually("the work is gone", async () => (await fetch(media)).status === 404);
    // The job ends too: what it ran on can go.
    await eventually("nothing runs", async () => (await admin.call("DELETE", `${ACCOUNTS}/${account.id}`)).status === 204);
    await demo.reset();
  },
);

inWindow(
  stage,
  "[AD-1, ID-8] groups are changed, have their people, and go when nobody is left in them",
  async (enter, screen) => {
    const name = `an early name ${screen.name}`;
    const v = await enter({ person: admin, path: "/admin/groups" });
    v.allow(/^DELETE \/api\/v1\/admin\/groups\/\d+ 409$/, /^POST \/api\/v1\/admin\/groups 409$/);
    await v.click("group-add");
    await v.fill("group-name", "default");
    await v.click("group-submit");
    await v.see("group-dialog", v.sentence("group_name_taken"));
    await v.fill("group-name", name);
    await v.fill("group-platform", "other");
    await v.fill("group-quota", "lots");
    await v.click("group-submit");
    await v.see("group-dialog", v.words("admin.quotaBad"));
    await v.fill("group-quota", "");
    await v.click("group-submit");
    await v.gone("group-dialog");
    const { data } = await admin.ask("GET", `${GROUPS}?q=${encodeURIComponent(name)}`);
    const path = `${GROUPS}/${data[0].id}`;
    assert.deepEqual([data.length, data[0].platform, data[0].sora_storage_quota_bytes], [1, "other", 0]);
    await pick(v, "group", name, "edit");
    await v.fill("group-name", `${name}, changed`);
    await v.fill("group-platform", "sora");
    await v.fill("group-quota", "512 MB");
    await v.click("group-submit");
    await v.gone("group-dialog");
    await rowOf(v, "group", `${name}, changed`).getByText("512 MB").waitFor();
    const changed = await admin.ask("GET", path);
    assert.deepEqual(
      [changed.name, changed.platform, changed.sora_storage_quota_bytes],
      [`${name}, changed`, "sora", 512 * 1024 ** 2],
    );

    // Someone new belongs to the default group, though another stands before it in the list.
    await v.navigate("users");
    await v.click("user-add");
    const chosen = v.at("user-group");
    assert.equal(await chosen.locator("option:checked").textContent(), "default");
    const email = `grouped-${screen.name}@example.org`;
    await v.fill("user-email", email);
    await v.fill("user-password", PASSWORD);
    await chosen.selectOption(String(changed.id));
    await v.click("user-submit");
    await v.gone("user-dialog");
    const person = await stage.kinora.signIn(email);
    assert.equal(person.user.group_id, changed.id);
    const quota = await person.ask("GET", "/api/v1/sora/quota");
    assert.deepEqual([quota.quota_bytes, quota.quota_source], [512 * 1024 ** 2, "group"]);

    await v.navigate("groups");
    await searchFor(v, "group", name, 1);
    const remove = async () => {
      await pick(v, "group", name, "remove");
      await v.click("confirm-ok");
    };
    await remove();
    await v.see("toast", v.sentence("group_in_use"));
    assert.equal(await statusOf(path), 200);
    await admin.ask("DELETE", `${USERS}/${person.user.id}`);
    await remove();
    await v.gone("group-row");
    assert.equal(await statusOf(path), 404);
  },
);

inWindow(stage, "[AD-1] what is more than a page has pages, of what is searched for, too", async (enter, screen) => {
  const name = (n: number) => `hall ${screen.name} ${String(n).padStart(2, "0")}`;
  const made = await Promise.all(
    Array.from({ length: 51 }, (_, n) => admin.ask("POST", GROUPS, { name: name(n + 1) })),
  );
  try {
    const v = await enter({ person: admin, path: "/admin/groups" });
    await searchFor(v, "group", `HALL ${screen.name}`, 50);
    await v.see("page-number", v.words("ui.pageOf", { page: 1, pages: 2 }));
    assert.ok(await v.at("page-previous").isDisabled());
    await v.click("page-next");
    await v.see("group-row", name(51));
    assert.equal(await v.at("group-row").count(), 1);
    assert.ok(await v.at("page-next").isDisabled());
    await focused(v, "what leads no further", '[data-testid="page-next"]');
    await v.click("page-previous");
    await v.see("group-row", name(1));
    await v.click("page-next");
    await v.see("group-row", name(51));
    // With its last row a page goes, and the one before it is shown.
    await pick(v, "group", name(51), "remove");
    await v.click("confirm-ok");
    await v.see("group-row", name(50));
    assert.equal(await v.at("page-number").count(), 0);
    assert.equal(await statusOf(`${GROUPS}/${made[50].id}`), 404);
    // A search begins at the first page, and says when nothing can be had any more.
    await searchFor(v, "group", name(7), 1);
    v.allow(/^GET \/api\/v1\/admin\/groups 503$/);
    await v.page.route(/admin\/groups\?/, (route) => route.fulfill({ status: 503, json: { error: { code: "busy", message: "" } } }));
    await v.fill("groups-search", name(8));
    await v.see("stale", v.words("errors.status", { status: 503 }));
    await v.page.unrouteAll();
    await searchFor(v, "group", name(9), 1);
    await v.gone("stale");
    await v.see("group-row", name(9));
  } finally {
    for (const { id } of made) await admin.call("DELETE", `${GROUPS}/${id}`);
  }
});

inWindow(
  stage,
  "[AD-1, AC-1, ID-8] an account's order, limit and groups are changed, it rests, and goes when it is free",
  async (enter, screen) => {
    const group = await admin.ask("POST", GROUPS, { name: `a guild ${screen.name}` });
    const first = await admin.account(demo, "chat", { name: `first ${screen.name}`, priority: 10 });
    const second = await admin.account(demo, "chat", { name: `second ${screen.name}`, priority: 20 });
    const path = `${ACCOUNTS}/${second.id}`;
    const v = await enter({ person: admin, path: "/admin/accounts" });
    v.allow(/^DELETE \/api\/v1\/admin\/accounts\/\d+ 409$/);
    const names = () => v.at("account-row").locator(".name").allTextContents();
    await eventually("both", async () => (await names()).join() === `${first.name},${second.name}`);
    await pick(v, "account", second.name, "edit");
    await v.fill("account-priority", "much");
    await v.click("account-submit");
    await v.page.locator('[data-testid="account-priority"][aria-invalid="true"]').waitFor();
    await v.fill("account-priority", "5");
    await v.fill("account-concurrency", "2");
    await v.at("account-group-1").uncheck();
    await v.at(`account-group-${group.id}`).check();
    await v.click("account-submit");
    await v.gone("account-dialog");
    await eventually("the preferred one first", async () => (await names()).join() === `${second.name},${first.name}`);
    const kept = await admin.ask("GET", path);
    assert.deepEqual([kept.priority, kept.concurrency, kept.group_ids], [5, 2, [group.id]]);
    // The credentials that the dialog does not know of are still there.
    assert.equal((await admin.ask("POST", `${path}/test`, {})).ok, true);
    await pick(v, "account", second.name, "edit");
    assert.deepEqual(
      [await v.at("account-group-1").isChecked(), await v.at(`account-group-${group.id}`).isChecked()],
      [false, true],
    );
    await v.page.keyboard.press("Escape");
    await v.gone("account-dialog");

    // A new one is for the default group, though another stands before it.
    await v.click("account-add");
    assert.ok(await v.at("account-group-1").isChecked());
    assert.ok(!(await v.at(`account-group-${group.id}`).isChecked()));
    await v.page.keyboard.press("Escape");
    await v.gone("account-dialog");

    const member = await stage.newcomer({ group_id: group.id });
    await demo.fault({ prompt: `a siege ${screen.name}`, times: 0, job: { duration_ms: 3_600_000 } });
    const job = await member.generate(`a siege ${screen.name}`);
    await member.until(job, (g) => g.status === "generating");
    const row = rowOf(v, "account", second.name);
    await row.getByText("1 / 2").waitFor();
    await searchFor(v, "account", second.name, 1);
    const remove = async () => {
      await pick(v, "account", second.name, "remove");
      await v.click("confirm-ok");
    };
    await remove();
    await v.see("toast", v.sentence("account_in_use"));
    assert.equal(await statusOf(path), 200);

    // One that rests keeps what runs, and takes nothing new.
    await pick(v, "account", second.name, "disable");
    await v.page.locator('[data-testid="account-row"][data-state="disabled"]').waitFor();
    assert.equal((await admin.ask("GET", path)).status, "disabled");
    assert.equal((await member.generation(job)).status, "generating");
    await pick(v, "account", second.name, "enable");
    await v.page.locator('[data-testid="account-row"][data-state="active"]').waitFor();
    assert.equal((await admin.ask("GET", path)).status, "active");

    await admin.ask("DELETE", `${USERS}/${member.user.id}`);
    await eventually("it is free", async () => (await admin.ask("GET", path)).in_flight === 0);
    await remove();
    await v.gone("account-row");
    assert.equal(await statusOf(path), 404);
    await demo.reset();
    await admin.ask("DELETE", `${ACCOUNTS}/${first.id}`);
    await admin.ask("DELETE", `${GROUPS}/${group.id}`);
  },
);
