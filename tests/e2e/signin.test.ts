// SPDX-License-Identifier: Apache-2.0
// Coming in: the set-up link, signing in, and what the sidebar offers to whom.
import assert from "node:assert/strict";
import { atBothWidths, inWindow, onPhone, Stage } from "../lib/browser.ts";
import { eventually, PASSWORD } from "../lib/kinora.ts";

const stage = await Stage.open("signin");
const member = await stage.admin.member("mia@example.org");

// The page asks who we are before it knows that nobody has signed in.
const NOBODY = /^GET \/api\/v1\/auth\/me 401$/;

atBothWidths(
  stage,
  "[ID-4, UI-1] a wrong password is told, the right one leads to the page that was asked for",
  async (enter) => {
    const v = await enter({ path: "/keys" });
    v.allow(NOBODY, /^POST \/api\/v1\/auth\/login 401$/);
    await v.fill("login-email", "mia@example.org");
    await v.fill("login-password", "not her password");
    await v.click("login-submit");
    await v.page.getByText(v.words("auth.mismatch")).waitFor();
    await v.fill("login-password", PASSWORD);
    await v.click("login-submit");
    await v.see("keys-page");
    await v.go("/login");
    await v.see("dashboard");
  },
);

inWindow(
  stage,
  "[ID-4] the set-up link of an empty server makes the first administrator, once",
  async (enter) => {
    const empty = await stage.another();
    const link = await eventually("a set-up link", async () => empty.setupLink);
    const path = link.slice(new URL(link).origin.length);
    const first = await enter({ kinora: empty, path: "/login" });
    first.allow(NOBODY);
    await first.see("setup-hint");
    await first.go(path);
    await first.fill("setup-email", "root@example.org");
    await first.fill("setup-password", PASSWORD);
    assert.ok(!first.page.url().includes("token"), "the token leaves the address bar");
    await first.page.reload();
    await first.page.getByText(first.words("setup.part")).waitFor();
    await first.go(path);
    await first.fill("setup-email", "root@example.org");
    await first.fill("setup-password", PASSWORD);
    await first.click("setup-submit");
    await first.see("accounts-page");
    const second = await enter({ kinora: empty, path });
    second.allow(NOBODY);
    await second.page.getByText(second.words("setup.over")).waitFor();
    assert.equal((await empty.signIn("root@example.org")).user.role, "admin");
  },
);

atBothWidths(
  stage,
  "[UI-1, V-17, V-19] the sidebar leads people and administrators to their pages",
  async (enter) => {
    const account = await stage.admin.account(stage.demo, "chat");
    try {
      const mia = await enter({ person: member, path: "/" });
      assert.deepEqual(await mia.entries(), ["dashboard", "sora", "keys", "uploads", "account"]);
      assert.equal(await mia.at("nav-sora").locator("svg.lucide-sparkles").count(), 1);
      await mia.navigate("sora");
      await mia.see("prompt-bar");
      await mia.navigate("account");
      await mia.see("account-page");
      await mia.navigate("keys");
      await mia.see("keys-page");
      await mia.navigate("uploads");
      await mia.see("uploads-page");
      await mia.navigate("dashboard");
      await mia.see("dashboard");

      const root = await enter({ person: stage.admin, path: "/" });
      assert.deepEqual(await root.entries(), [
        ...["dashboard", "users", "groups", "accounts", "jobs", "audit", "settings"],
        ...["keys", "sora", "uploads", "account"],
      ]);
      await root.navigate("sora");
      await root.see("prompt-bar");
      await mia.go("/admin/users");
      await mia.see("dashboard");
    } finally {
      await stage.admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
    }
  },
);

inWindow(
  stage,
  "[ID-5, UI-1, V-16] Sora comes and goes with the accounts, without a reload",
  async (enter) => {
    const v = await enter({ person: member, path: "/sora" });
    await v.see("sora-disabled");
    assert.deepEqual(await v.entries(), ["dashboard", "keys", "uploads", "account"]);

    const account = await stage.admin.account(stage.demo, "chat");
    await v.see("nav-sora");
    await v.closeSidebar();
    await v.see("prompt-bar");
    await stage.admin.ask("PATCH", `/api/v1/admin/accounts/${account.id}`, { status: "disabled" });
    await v.see("sora-disabled");
    await stage.admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
    assert.deepEqual(await v.entries(), ["dashboard", "keys", "uploads", "account"]);
  },
);

inWindow(
  stage,
  "[ID-6, UI-1, V-18] simple mode takes Sora and the pages for many people out of the sidebar",
  async (enter) => {
    const account = await stage.admin.account(stage.demo, "chat");
    const v = await enter({ person: stage.admin, path: "/" });
    assert.ok((await v.entries()).includes("sora"));
    await stage.admin.ask("PATCH", "/api/v1/admin/settings", { simple_mode: true });
    try {
      await v.gone("nav-sora");
      await v.gone("nav-users");
      const left = ["dashboard", "accounts", "audit", "settings", "keys", "uploads", "account"];
      assert.deepEqual(await v.entries(), left);
    } finally {
      await stage.admin.ask("PATCH", "/api/v1/admin/settings", { simple_mode: false });
      await stage.admin.ask("DELETE", `/api/v1/admin/accounts/${account.id}`);
    }
  },
);

onPhone(
  stage,
  "[ID-4] signing out, and being disabled elsewhere, leads to the sign-in page",
  async (enter, screen) => {
    const email = `sam-${screen.name}@example.org`;
    const sam = await stage.admin.member(email);
    await sam.key();
    const v = await enter({ person: sam, path: "/keys" });
    v.allow(/^GET .* 401$/, /^DELETE \/api\/v1\/keys\/\d+ 503$/);
    const busy = { error: { code: "busy", message: "Later, please." } };
    await v.page.route("**/api/v1/keys/*", (route) => route.fulfill({ status: 503, json: busy }));
    await v.click("key-menu");
    await v.click("key-menu-delete");
    await v.click("confirm-ok");
    await v.see("toast", "Later, please.");
    await v.navigate("account");
    await v.see("toast", "Later, please.");
    await v.click("sign-out");
    const field = await v.see("login-email");
    await v.gone("toast");
    await eventually("one may write at once", () => field.evaluate((e) => e === document.activeElement));
    const again = await enter({ person: await stage.kinora.signIn(email), path: "/" });
    again.allow(/^GET .* 401$/);
    await again.see("dashboard");
    await stage.admin.ask("PATCH", `/api/v1/admin/users/${sam.user.id}`, { status: "disabled" });
    await again.see("login-submit");
  },
);
