// SPDX-License-Identifier: Apache-2.0
// What is to be read: the words of the page's catalogues, and the server's own sentences.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export type Language = "en" | "zh";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

// One file of the catalogues, as the page gets it.
export function file(name: string): Record<string, object> {
  return JSON.parse(read(`web/src/locales/${name}.json`));
}

function leaves(tree: object, path: string[] = []): [string, string][] {
  return Object.entries(tree).flatMap(([name, value]) =>
    typeof value === "string"
      ? [[[...path, name].join("."), value] as [string, string]]
      : leaves(value, [...path, name]),
  );
}

function catalogue(language: Language): Map<string, string> {
  return new Map(leaves({ ...file(language), ...file(`admin.${language}`), ...file("languages")[language] }));
}

export const CATALOGUES = { en: catalogue("en"), zh: catalogue("zh") };

export type Values = Record<string, string | number | RegExp>;

// The form for this number, where there are several.
function form(text: string, { n }: Values): string {
  const forms = text.split(" | ");
  if (forms.length === 1) return text;
  const count = Number(n);
  return forms.length === 2 ? forms[count === 1 ? 0 : 1] : forms[Math.min(count, forms.length - 1)];
}

function text(language: Language, key: string, values: Values): string {
  const found = CATALOGUES[language].get(key);
  assert.ok(found !== undefined, `${key} is in the catalogue`);
  return form(found, values);
}

// The words of this key, with the values in their places.
export function words(language: Language, key: string, values: Values = {}): string {
  return text(language, key, values).replace(/\{(\w+)\}/g, (_, name: string) => {
    assert.ok(name in values, `${key} is told its ${name}`);
    return String(values[name]);
  });
}

const escape = (value: string | number) => String(value).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// The same for what is not known to the letter: a value may be a pattern.
export function pattern(language: Language, key: string, values: Values): RegExp {
  const parts = text(language, key, values).split(/\{(\w+)\}/);
  const source = (name: string) => {
    const value = values[name];
    assert.ok(value !== undefined, `${key} is told its ${name}`);
    return value instanceof RegExp ? value.source : escape(value);
  };
  return new RegExp(parts.map((part, i) => (i % 2 ? source(part) : escape(part))).join(""));
}

// What the server says of a problem with this code: {"code", status, "Chinese", "English"}.
export function sentence(language: Language, code: string): string {
  const string = String.raw`((?:"(?:[^"\\]|\\.)*"\s*)+)`;
  const row = new RegExp(String.raw`\{"${code}",\s*\d+,\s*${string},\s*${string}\}`).exec(read("src/api/messages.c"));
  assert.ok(row, `the server has words for ${code}`);
  const pieces = row[language === "zh" ? 1 : 2].match(/"(?:[^"\\]|\\.)*"/g)!;
  return pieces.map((piece) => JSON.parse(piece)).join("");
}
