// SPDX-License-Identifier: Apache-2.0
// Every view, dialog and menu in both languages, in every width and both themes: nothing of the other
// language, no bare key of the catalogues and no word outside them, nothing that is too wide, and
// nothing that axe finds to shut anyone out.
import assert from "node:assert/strict";
import { at, atBothWidths, FULL, GATE, named, screens, Stage, WINDOW, type Enter, type Screen, type Visitor } from "../lib/browser.ts";
import { faults, show, STILL, strays, THEMES, tooWide } from "../lib/faults.ts";
import { eventually } from "../lib/kinora.ts";
import { png, upload } from "../lib/uploads.ts";
import { FAILING, tour, type Who } from "../lib/views.ts";
import { CATALOGUES, file, type Language } from "../lib/words.ts";
import { everyState, showWorks } from "../lib/works.ts";

const stage = await Stage.open("language");
const { admin, demo } = stage;

// Jobs in every state, so that every kind of card has its words.
await admin.account(demo, "chat");
await demo.fault(
  { route: "chat", prompt: "one refused", job: { refuse: true } },
  { route: "chat", prompt: "endless", times: 0, job: { duration_ms: 3_600_000 } },
);
for (const prompt of ["a finished one", "one refused"]) await admin.ended(await admin.generate(prompt));
const cancelled = await admin.generate("an endless one, and stopped");
await admin.until(cancelled, (g) => g.status === "generating");
await admin.ask("POST", `/api/v1/sora/generations/${cancelled}/cancel`);
await admin.generate("an endless one");
await admin.key({ name: "my script" });
await upload(admin, "oc-gallery", png(64, 36));

await admin.ask("PATCH", "/api/v1/admin/settings", { registration_enabled: true });

// Lets in whoever a tour is for.
async function visitorFor(who: Who, enter: Enter, language: Language): Promise<Visitor> {
  if (who === "admin") return enter({ person: admin, language });
  if (who === "newcomer") return enter({ person: await stage.newcomer(), language });
  const v = await enter({ language });
  v.allow(/^GET \/api\/v1\/auth\/me 401$/);
  return v;
}

const WIDTHS = [1440, 1024, 768, 360];
const WHO: Who[] = ["guest", "newcomer", "admin"];

// In the gate every view is seen once in each language, with the widths and themes in turn, and
// closely in one of the two.
async function inTurn(enter: Enter, language: Language): Promise<void> {
  const found: string[] = [];
  const second = Number(language === "zh");
  let n = -1;
  for (const who of WHO) {
    const v = await visitorFor(who, enter, language);
    const next = () => show(v, WIDTHS[(++n + 2 * second) % 4], THEMES[((n >> 2) + second) % 2]);
    const look = async (view: string) => {
      const name = `${view} at ${v.page.viewportSize()!.width}`;
      found.push(...(await faults(v, language, name, n % 2 === second)));
    };
    await tour(v, who, look, next);
  }
  assert.deepEqual(found, []);
}

async function inBothThemes(enter: Enter, { width, language }: Screen): Promise<void> {
  const found: string[] = [];
  for (const colorScheme of THEMES) {
    for (const who of WHO) {
      const v = await visitorFor(who, enter, language);
      await show(v, width, colorScheme);
      await tour(v, who, async (view) => {
        found.push(...(await faults(v, language, `${view}, ${colorScheme}`, true)));
      });
    }
  }
  assert.deepEqual(found, []);
}

const LANGUAGES = { en: "English", zh: "Chinese" };
for (const screen of screens([named("1440-en"), named("1440-zh")])) {
  const { language } = screen;
  // Which of two things the gate does in this language.
  const second = Number(language === "zh");
  const speaks = `${LANGUAGES[language]}, fits, and shuts nobody out`;
  const every = (enter: Enter) => (GATE ? inTurn(enter, language) : inBothThemes(enter, screen));
  at(stage, screen, `[UI-9, ST-10] every view speaks ${speaks}`, every, GATE ? 300 : 900);

  at(stage, screen, `[UI-4, UI-9] a card in every state speaks ${speaks}`, async (enter) => {
    const v = await enter({ person: admin });
    await showWorks(v, everyState());
    await v.go("/sora");
    await v.see("job-card");
    const width = GATE ? [360, 768][second] : screen.width;
    await show(v, width, "dark");
    assert.deepEqual(await faults(v, language, `cards at ${width}`, true), []);
  });

  // In the gate each view is seen in one of the languages, closely.
  at(stage, screen, `[UI-1, UI-9] what does not load says so in ${speaks}`, async (enter) => {
    const v = await enter({ person: admin });
    v.allow(/^GET \/api\/\S+ 503$/);
    await v.page.route(/\/api\/(?!v1\/(auth\/me|settings\/public|sora\/events))/, (route) =>
      route.fulfill({ status: 503, json: { error: { code: "busy", message: "" } } }),
    );
    const found: string[] = [];
    for (const [n, path] of FAILING.entries()) {
      if (GATE && n % 2 !== second) continue;
      await v.go(path);
      await v.see("retry");
      const width = GATE ? WIDTHS[(n >> 1) % 4] : screen.width;
      for (const theme of GATE ? [THEMES[(n >> 2) % 2]] : THEMES) {
        await show(v, width, theme);
        found.push(...(await faults(v, language, `${path} that failed, ${theme}, at ${width}`, true)));
      }
    }
    assert.deepEqual(found, []);
  }, 300);
}

// Each letter of the catalogue in a circle: wider than English, and unlike anything else.
function circled(tree: object): object {
  const circle = (letter: string) =>
    String.fromCodePoint(letter.charCodeAt(0) + (letter < "a" ? 0x24b6 - 65 : 0x24d0 - 97));
  const text = (value: string) =>
    value.replace(/\{\w+\}|[A-Za-z]/g, (found) => (found.length > 1 ? found : circle(found)));
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [key, typeof value === "string" ? text(value) : circled(value)]),
  );
}

// What no catalogue holds: names, units, keys of the keyboard, dates, addresses.
const NOT_WORDS =
  /\b(Sora 2( Pro)?( HD)?|GPT Image|Ctrl|Del|Esc|[KMGT]?B|\d+ [A-Z][a-z]{2}( \d{4})?|admin|default|sora|chat|English)\b|guest-\d+|https?:\/\/\S*|^[A-Z]$/g;
const CODE = /^[a-z0-9_]*$/;

// What the server says while this visitor is here: its own sentences, and what people wrote. A code
// such as "completed" is not to be shown; the audit log alone names actions and fields as they are.
function listen(v: Visitor): (view: string) => Promise<string[]> {
  const said = new Set<string>();
  const answers: Promise<unknown>[] = [];
  const take = (value: unknown): void => {
    if (typeof value === "string") said.add(value);
    else if (value && typeof value === "object") Object.values(value).forEach(take);
  };
  v.page.on("response", (answer) => {
    if (/json/.test(answer.headers()["content-type"] ?? "")) answers.push(answer.json().then(take, () => undefined));
  });
  return async (view) => {
    await Promise.all(answers);
    const words = [...said].filter((text) => view.includes("/audit") || !CODE.test(text));
    return words.filter(Boolean).sort((a, b) => b.length - a.length);
  };
}

async function circledTour(enter: Enter): Promise<void> {
  const found: string[] = [];
  const asset = (name: string) => `export default ${JSON.stringify(circled(file(name)))}`;
  for (const who of FULL ? WHO : (["admin"] as const)) {
    const v = await visitorFor(who, enter, "en");
    await v.page.emulateMedia({ reducedMotion: STILL });
    const heard = listen(v);
    for (const name of ["en", "admin.en"]) {
      await v.page.route(new RegExp(`/assets/${name}-[^/]*\\.js$`), (route) =>
        route.fulfill({ contentType: "text/javascript", body: asset(name) }),
      );
    }
    await tour(v, who, async (view) => {
      const beyond = await tooWide(v);
      if (beyond > 0) found.push(`${view} is ${beyond} px too wide`);
      const said = await heard(view);
      for (const { text, lang } of await v.texts()) {
        const own = said.reduce((rest, words) => rest.replaceAll(words, ""), text);
        if (lang === "en" && /[A-Za-z]/.test(own.replace(NOT_WORDS, ""))) found.push(`${view}: ${text}`);
      }
    });
  }
  assert.deepEqual(found, []);
}

const ALONE = "[UI-9] no view shows a word that stands outside the catalogues, nor breaks for longer ones";
for (const screen of screens([WINDOW]).filter((s) => s.language === "en")) at(stage, screen, ALONE, circledTour, 300);

atBothWidths(stage, "[UI-9] the language changes at once, and stays", async (enter, { language }) => {
  const before = CATALOGUES[language];
  const other = language === "en" ? "zh" : "en";
  const after = CATALOGUES[other];
  const v = await enter({ path: "/login" });
  v.allow(/^GET \/api\/v1\/auth\/me 401$/);
  await v.see("login-submit", before.get("auth.signIn"));
  await v.click(`lang-${other}`);
  await v.see("login-submit", after.get("auth.signIn"));
  const inside = await enter({ person: admin, path: "/sora" });
  await inside.see("generate-button");
  await inside.openSidebar();
  await inside.see("nav-keys", before.get("nav.keys"));
  await inside.click("lang-toggle");
  await inside.see("nav-keys", after.get("nav.keys"));
  let left: string[] = [];
  const changed = async () => (left = await strays(inside, other, "after the change")).length === 0;
  await eventually("all of it", changed).catch(() => assert.deepEqual(left, []));
  await inside.page.reload();
  await inside.see("generate-button", after.get("sora.generate"));
});
