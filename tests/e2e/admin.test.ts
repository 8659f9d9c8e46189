// SPDX-License-Identifier: Apache-2.0
// What administrators and owners of keys do: accounts, people, groups, settings, keys.
import assert from "node:assert/strict";
import { atBothWidths, Stage } from "../lib/browser.ts";
import { eventually } from "../lib/kinora.ts";
import { OAuthServer } from "../lib/oauth.ts";

const stage = await Stage.open("admin");
const { admin, demo } = stage;

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
    await v.see("account-test-failed");
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
      await v.page.locator('[data-testid="stats-jobs"] [data-drawn="true"]').waitFor();
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
