// SPDX-License-Identifier: Apache-2.0
// What is wrong with what the page shows now: words of the other language, bare keys of the
// catalogues, what is wider than the window, and what axe finds to shut someone out.
import assert from "node:assert/strict";
import { violations } from "./axe.ts";
import { FULL, type Visitor } from "./browser.ts";
import { CATALOGUES, type Language } from "./words.ts";

const { en: english, zh: chinese } = CATALOGUES;
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
export async function strays(v: Visitor, language: Language, view: string): Promise<string[]> {
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

export const tooWide = (v: Visitor) => v.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

// What is wrong with a view for those who speak this language; with `closely` for those, too, who
// do not see, or hear, or use a mouse.
export async function faults(v: Visitor, language: Language, view: string, closely: boolean): Promise<string[]> {
  const found = await strays(v, language, view);
  const beyond = await tooWide(v);
  if (beyond > 0) found.push(`${view} is ${beyond} px too wide`);
  if (closely) found.push(...(await violations(v)).map((violation) => `${view}: ${violation}`));
  return found;
}

export const THEMES = ["light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

// Nothing here waits for what only moves; the full run sees it move.
export const STILL = FULL ? "no-preference" : "reduce";

export async function show(v: Visitor, width: number, colorScheme: Theme): Promise<void> {
  const { height } = v.page.viewportSize()!;
  await v.page.setViewportSize({ width, height });
  await v.page.emulateMedia({ colorScheme, reducedMotion: STILL });
}
