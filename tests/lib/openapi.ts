// SPDX-License-Identifier: Apache-2.0
// docs/openapi.json as a judge: is this answer what the document promises?
//
// Knows the keywords that the document uses and fails on any other. Stricter than JSON Schema in
// one point: an object with `properties` has no members besides, so that what the server adds is
// written down too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Answer, Person } from "./kinora.ts";

export interface Schema {
  [keyword: string]: any;
}

export interface Operation {
  operationId: string;
  security: Record<string, string[]>[];
  requestBody?: { required: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, Schema>;
  [member: string]: any;
}

export interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema>; [kind: string]: Record<string, any> };
}

export const document: Document = JSON.parse(
  readFileSync(new URL("../../docs/openapi.json", import.meta.url), "utf8"),
);

function follow(schema: Schema): Schema {
  if (typeof schema.$ref !== "string") return schema;
  const found = schema.$ref
    .replace(/^#\//, "")
    .split("/")
    .reduce((at: any, part: string) => at?.[part], document);
  assert.ok(found, `${schema.$ref} leads nowhere`);
  return follow(found);
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

const FORMATS: Record<string, RegExp> = {
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  uri: /^https?:\/\//,
  binary: /^/,
};

type Check = (value: any, limit: any, schema: Schema, at: string) => string[];

function when(wrong: boolean, text: string): string[] {
  return wrong ? [text] : [];
}

const say = JSON.stringify;
const none: Check = () => [];

const CHECKS: Record<string, Check> = {
  type: (value, types, _, at) => {
    const is = typeOf(value);
    const fits = [types].flat().some((t) => t === is || (t === "number" && is === "integer"));
    return when(!fits, `${at} is ${is}, not ${types}`);
  },
  enum: (value, words, _, at) => when(!words.includes(value), `${at}: ${say(value)} is not listed`),
  const: (value, only, _, at) => when(value !== only, `${at}: ${say(value)} is not ${only}`),
  minimum: (value, min, _, at) =>
    when(typeof value === "number" && value < min, `${at}: ${value} is below ${min}`),
  maximum: (value, max, _, at) =>
    when(typeof value === "number" && value > max, `${at}: ${value} is above ${max}`),
  minLength: (value, min, _, at) =>
    when(typeof value === "string" && [...value].length < min, `${at} is too short`),
  maxLength: (value, max, _, at) =>
    when(typeof value === "string" && [...value].length > max, `${at} is too long`),
  pattern: (value, pattern, _, at) =>
    when(
      typeof value === "string" && !new RegExp(pattern, "u").test(value),
      `${at} has not the form`,
    ),
  format: (value, format, _, at) =>
    when(
      typeof value === "string" && !FORMATS[format].test(value),
      `${at}: ${value} is no ${format}`,
    ),
  minItems: (value, min, _, at) => when(value?.length < min, `${at} has too few items`),
  maxItems: (value, max, _, at) => when(value?.length > max, `${at} has too many items`),
  items: (value, item, _, at) =>
    Array.isArray(value) ? value.flatMap((v, i) => faults(v, item, `${at}[${i}]`)) : [],
  required: (value, names: string[], _, at) =>
    typeOf(value) === "object"
      ? names.filter((n) => !(n in value)).map((n) => `${at}.${n} is missing`)
      : [],
  properties: (value, properties, schema, at) => {
    if (typeOf(value) !== "object") return [];
    return Object.entries(value).flatMap(([name, member]) => {
      const known = properties[name] ?? schema.additionalProperties;
      if (known === undefined) return [`${at}.${name} is not in the document`];
      return known === true ? [] : faults(member, known, `${at}.${name}`);
    });
  },
  additionalProperties: (value, rule, schema, at) => {
    if (rule === true || schema.properties || typeOf(value) !== "object") return [];
    return Object.entries(value).flatMap(([name, member]) => faults(member, rule, `${at}.${name}`));
  },
  oneOf: (value, choices: Schema[], _, at) => {
    const fitting = choices.filter((c) => faults(value, c, at).length === 0).length;
    return when(fitting !== 1, `${at}: ${say(value)} fits ${fitting} of the choices`);
  },
  description: none,
  default: none,
};

// What is wrong with a value; empty when it fits.
export function faults(value: unknown, schema: Schema, at = "$"): string[] {
  const target = follow(schema);
  return Object.entries(target).flatMap(([keyword, limit]) => {
    const check = CHECKS[keyword];
    assert.ok(check, `the validator does not know "${keyword}" at ${at}`);
    return check(value, limit, target, at);
  });
}

// The path of the document that an address belongs to; literal segments win.
export function pathOf(address: string): string | undefined {
  const wanted = address.split("?")[0].split("/");
  const fits = Object.keys(document.paths).filter((path) => {
    const parts = path.split("/");
    return (
      parts.length === wanted.length &&
      parts.every((p, i) => (p.startsWith("{") ? wanted[i] !== "" : p === wanted[i]))
    );
  });
  return fits.sort((a, b) => a.split("{").length - b.split("{").length)[0];
}

// Fails unless the document promises this answer to this request.
export function assertDocumented(method: string, address: string, answer: Answer<unknown>): void {
  const path = pathOf(address);
  const where = `${method} ${address} → ${answer.status}`;
  assert.ok(path, `${where}: no such path in the document`);
  const operation = document.paths[path][method.toLowerCase()];
  assert.ok(operation, `${where}: no such method in the document`);
  const promised = operation.responses[String(answer.status)];
  assert.ok(promised, `${where} is not in the document: ${say(answer.body)}`);
  const content = follow(promised).content as Record<string, { schema: Schema }> | undefined;
  if (!content) {
    assert.equal(answer.body, undefined, `${where} has a body`);
    return;
  }
  const type = (answer.headers.get("content-type") ?? "").split(";")[0];
  assert.ok(content[type], `${where}: the content type is ${type}`);
  assert.deepEqual(faults(answer.body, content[type].schema), [], where);
}

// The same person, every one of whose answers is held against the document.
export function documented(person: Person): Person {
  const call = person.call.bind(person);
  person.call = async <T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => {
    const answer = await call<T>(method, path, body, headers);
    assertDocumented(method, path, answer);
    return answer;
  };
  return person;
}
