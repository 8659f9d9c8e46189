// SPDX-License-Identifier: Apache-2.0
// Both languages in every view: nothing of the other one, and no bare key of the catalogues.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { atBothWidths, Stage, type Visitor } from "../lib/browser.ts";

const stage = await Stage.open("language");
const { admin, demo } = stage;

function leaves(tree: object, path: string[] = []): [string, string][] {
  return Object.entries(tree).flatMap(([name, value]) =>
    typeof value === "string"
      ? [[[...path, name].join("."), value] as [string, string]]
      : leaves(value, [...path, name]),
  );
}

function catalogue(language: string): Map<string, string> {
  const words = (name: string) =>
    JSON.parse(readFileSync(new URL(`../../web/src/locales/${name}.json`, import.meta.url), "utf8"));
  return new Map(leaves({ ...words(language), ...words("languages")[language] }));
}

const english = catalogue("en");
const chinese = catalogue("zh");
const onlyEnglish = new Set(
  [...english].filter(([key, text]) => chinese.get(key) !== text).map(([, text]) => text),
);
// Each language is offered in its own words.
const offered = new Set([english.get("language.name"), chinese.get("language.name")]);
const ideograph = /\p{Script=Han}/u;

function isKey(text: string): boolean {
  return english.has(text) || /\b[a-z]+(\.[a-zA-Z]+){2,}\b/.test(text);
}

// What is wrong with the words of this view.
async function strays(v: Visitor, language: "en" | "zh", view: string): Promise<string[]> {
  const texts = await v.texts();
  assert.ok(texts.length > 3, `${view} shows something`);
  const wrong = texts.filter(({ text, lang }) => {
    if (isKey(text)) return true;
    if (offered.has(text)) return false;
    // The button for the other language says in it what it does.
    if (language === "en") return ideograph.test(text) && lang === "en";
    return onlyEnglish.has(text) && lang === "zh-CN";
  });
  return wrong.map(({ text }) => `${view}: ${text}`);
}

// Jobs in every state, so that every kind of card has its words.
await admin.account(demo, "chat");
await demo.fault(
  { route: "chat", prompt: "refused", job: { refuse: true } },
  { route: "chat", prompt: "endless", times: 0, job: { duration_ms: 3_600_000 } },
);
for (const prompt of ["a finished one", "refused"]) await admin.ended(await admin.generate(prompt));
const cancelled = await admin.generate("endless, and stopped");
await admin.until(cancelled, (g) => g.status === "generating");
await admin.ask("POST", `/api/v1/sora/generations/${cancelled}/cancel`);
await admin.generate("endless");
await admin.key();

const VIEWS: [path: string, testid: string][] = [
  ["/dashboard", "stats-causes"],
  ["/sora", "job-card"],
  ["/sora/library", "library-tile"],
  ["/keys", "key-row"],
  ["/account", "account-page"],
  ["/admin/users", "user-row"],
  ["/admin/groups", "group-row"],
  ["/admin/accounts", "account-row"],
  ["/admin/jobs", "job-row"],
  ["/admin/audit", "audit-row"],
  ["/admin/settings", "settings-s3"],
  ["/nowhere", "not-found"],
];

// Menus and dialogs: how each is opened.
const OPENED: [path: string, opener: string, testid: string][] = [
  ["/sora", "model-menu", "model-option-sora2"],
  ["/sora", "job-cancel", "confirm"],
  ["/sora/library", "tile-open", "preview"],
  ["/keys", "key-add", "key-dialog"],
  ["/admin/accounts", "account-add", "account-dialog"],
  ["/admin/users", "user-add", "user-dialog"],
];

async function tour(v: Visitor, language: "en" | "zh"): Promise<void> {
  const found: string[] = [];
  for (const [path, testid] of VIEWS) {
    await v.go(path);
    if (testid === "not-found") await v.page.locator("h1").first().waitFor();
    else await v.see(testid);
    found.push(...(await strays(v, language, path)));
    const opened = OPENED.filter((o) => o[0] === path);
    for (const [, opener, shown] of opened) {
      await v.at(opener).first().click();
      await v.see(shown);
      found.push(...(await strays(v, language, `${path} ${shown}`)));
      await v.page.keyboard.press("Escape");
      await v.gone(shown);
    }
  }
  assert.deepEqual(found, []);
}

atBothWidths(stage, "[UI-9, ST-10] every view speaks English, and no bare key is seen", async (enter) => {
  const v = await enter({ person: admin, language: "en" });
  await tour(v, "en");
});

atBothWidths(stage, "[UI-9, ST-10] every view speaks Chinese, and no bare key is seen", async (enter) => {
  const v = await enter({ person: admin, language: "zh" });
  await tour(v, "zh");
});

atBothWidths(stage, "[UI-9] the language changes at once, and stays", async (enter) => {
  const v = await enter({ path: "/login" });
  v.allow(/^GET \/api\/v1\/auth\/me 401$/);
  await v.see("login-submit", english.get("auth.signIn"));
  await v.click("lang-zh");
  await v.see("login-submit", chinese.get("auth.signIn"));
  const inside = await enter({ person: admin, path: "/sora" });
  await inside.see("generate-button");
  await inside.openSidebar();
  await inside.see("nav-keys", english.get("nav.keys"));
  await inside.click("lang-toggle");
  await inside.see("nav-keys", chinese.get("nav.keys"));
  assert.deepEqual(await strays(inside, "zh", "after the change"), []);
  await inside.page.reload();
  assert.equal(
    await inside.at("generate-button").getAttribute("aria-label"),
    chinese.get("sora.generate"),
  );
});
