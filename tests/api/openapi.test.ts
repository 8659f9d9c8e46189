// SPDX-License-Identifier: Apache-2.0
// docs/openapi.json against the router's own table and the running server's answers. Every other
// suite holds its answers against the document too (documented() in tests/lib/openapi.ts).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { Kinora, type Person } from "../lib/kinora.ts";
import { assertDocumented, document, documented, faults, type Schema } from "../lib/openapi.ts";
import { CODES, send, stopAll } from "../lib/raw.ts";
import { routes } from "../lib/routes.ts";

let kinora: Kinora;
let demo: Demo;
let admin: Person;

before(async () => {
  [kinora, demo] = await Promise.all([Kinora.start(), Demo.start("--speed", "200")]);
  admin = documented(await kinora.admin());
});

after(async () => {
  await stopAll(kinora, demo);
});

function operations() {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  );
}

test("The document and the router's table have the same addresses and methods", () => {
  const ours = new Set(routes().map((r) => `${r.method} ${r.path}`));
  const theirs = new Set(operations().map((o) => o.name));
  assert.deepEqual(
    [...ours].filter((r) => !theirs.has(r)),
    [],
    "not in the document",
  );
  assert.deepEqual(
    [...theirs].filter((r) => !ours.has(r)),
    [],
    "not in the router",
  );
});

test("The document says of every address who may use it, as the router does", () => {
  const access = new Map(routes().map((r) => [`${r.method} ${r.path}`, r.access]));
  for (const { name, operation } of operations()) {
    const schemes = operation.security.flatMap((s) => Object.keys(s)).sort();
    const said = operation["x-kinora-role"] ?? schemes.join();
    const wanted = { anyone: "", link: "", key: "key", user: "bearer,session", admin: "admin" };
    assert.equal(said, wanted[access.get(name)!], name);
  }
});

test("Every operation has an id of its own, and a parameter for each part of its path", () => {
  const ids = operations().map((o) => o.operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const { name, path, operation } of operations()) {
    const parts = [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();
    const given = (operation.parameters ?? [])
      .map((p: any) => (p.$ref ? document.components.parameters[p.$ref.split("/").at(-1)] : p))
      .filter((p: any) => p.in === "path")
      .map((p: any) => p.name);
    assert.deepEqual(given.sort(), parts, name);
  }
});

// Every $ref below a value.
function refs(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, v]) => (key === "$ref" ? [v] : refs(v)));
}

test("No reference leads nowhere, and no component is there for nothing", () => {
  const used = new Set(refs(document).map((r) => r.replace("#/components/", "")));
  const there = Object.entries(document.components)
    .filter(([kind]) => kind !== "securitySchemes")
    .flatMap(([kind, members]) => Object.keys(members).map((name) => `${kind}/${name}`));
  const inEvents = ["schemas/DeletedGeneration"]; // named in words at GET …/events
  assert.deepEqual([...used, ...inEvents].sort(), there.sort());
});

test("[ST-10] The document lists the codes of docs/errors.md", () => {
  const listed: string[] = document.components.schemas.ErrorCode.enum;
  const codes = [...CODES.keys()];
  assert.deepEqual(
    codes.filter((c) => !listed.includes(c)),
    [],
    "not in the document",
  );
  assert.deepEqual(listed, codes);
});

test("The server gives out the document itself", async () => {
  const answer = await send(kinora.url, "GET", "/openapi.json");
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type")!, /^application\/json/);
  const file = readFileSync(new URL("../../docs/openapi.json", import.meta.url), "utf8");
  assert.ok(answer.text === file, "it is not docs/openapi.json");
});

test("What may be read is as the document says, before and after there is something", async () => {
  const readable = operations().filter(
    (o) =>
      o.name.startsWith("GET") && !/\{|events|openapi/.test(o.name) && o.path.startsWith("/api"),
  );
  for (const { path } of readable) await admin.ask("GET", path);
  await admin.account(demo, "chat", { model_mapping: { a: "b" }, models: ["a", "gpt-image"] });
  await admin.key({ expires_at: "2100-01-01T00:00:00Z" });
  const id = await admin.generate("a lighthouse", { model: "gpt-image" });
  const made = await admin.ended(id);
  assert.equal(made.status, "completed", String(made.error_message));
  for (const { path } of readable) await admin.ask("GET", path);
  for (const path of ["/healthz", "/readyz"]) {
    assertDocumented("GET", path, await send(kinora.url, "GET", path));
  }
});

// Small checks of the judge itself: one that accepts everything would prove nothing.
test("The validator sees wrong types, missing and unknown members, and bad formats", () => {
  const wrong: [unknown, Schema][] = [
    ["1", { type: "integer" }],
    [1.5, { type: "integer" }],
    [null, { type: "string" }],
    [{}, { type: "object", properties: { a: {} }, required: ["a"] }],
    [{ b: 1 }, { type: "object", properties: { a: {} } }],
    [{ a: { b: "x" } }, { properties: { a: { properties: { b: { type: "boolean" } } } } }],
    [["a", 1], { type: "array", items: { type: "string" } }],
    ["yesterday", { type: "string", format: "date-time" }],
    ["red", { enum: ["green"] }],
    ["red", { oneOf: [{ type: "string" }, { enum: ["red"] }] }],
    [-1, { minimum: 0 }],
  ];
  for (const [value, schema] of wrong) {
    assert.notDeepEqual(faults(value, schema), [], JSON.stringify([value, schema]));
  }
  assert.throws(() => faults(1, { multipleOf: 2 }), /does not know/);
});
