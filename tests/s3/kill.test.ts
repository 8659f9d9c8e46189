// SPDX-License-Identifier: Apache-2.0
// kill -9 at every named step of storing, deleting and saving when the store is a bucket: one final
// state, exactly its bytes counted, and in the bucket what the rows say and no half upload.
// KINORA_FULL=1 plays the whole matrix on both engines, and on SQLite once more with everything lost
// that was not synced, and writes the table of docs/faults.md.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { engines, FULL, World, type Engine } from "../fault/world.ts";
import { doctor } from "../lib/doctor.ts";
import { mediaFiles, violations } from "../lib/invariants.ts";
import { eventually, type Generation } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";
import { Bucket, gateway, type Gateway, Way } from "../lib/s3.ts";
import { Source } from "../lib/source.ts";
import { type Bench, save, type Step, STEPS } from "./steps.ts";

const SETTINGS = "/api/v1/admin/settings";
const OFF = { sora_s3_enabled: false, local_storage_enabled: false };
const ON = { sora_s3_enabled: true, local_storage_enabled: true };
// In the gate: one of each kind.
const SHORT = ["settle", "delete-heard", "save-settle"];
// What a dead save has left is swept the first time, and gone on with the second.
const times = (step: Step) => (FULL && step.kind === "save" ? 2 : 1);

interface Column {
  name: string;
  engine: Engine;
  drops: boolean;
}
const COLUMNS: Column[] = FULL
  ? [...engines.map((engine) => ({ name: engine as string, engine, drops: false })),
    { name: "sqlite, unsynced writes lost", engine: "sqlite", drops: true }]
  : [{ name: "sqlite", engine: "sqlite", drops: false }];
const CHOSEN = STEPS.filter((step) => FULL || SHORT.includes(step.name));
const isFor = (step: Step, { engine }: Column) => !step.only || step.only === engine;

let gate: Gateway;
before(async () => {
  gate = await gateway();
});
after(() => gate.stop());

async function bench(column: Column): Promise<Bench> {
  const way = await Way.start(gate.url);
  const bucket = await Bucket.make(gate);
  const source = await Source.start();
  const w = await World.start({ engine: column.engine, drops: column.drops });
  await source.account(w.person);
  await w.person.ask("PATCH", SETTINGS, bucket.settings({ sora_s3_endpoint: way.url, ...ON }));
  return { w, way, bucket, source };
}

// Every row has its object and every object its row, and nobody is counted for more or less.
async function clean({ w, bucket }: Bench): Promise<void> {
  let wrong: string[] = [];
  await eventually("nothing is under way", async () => {
    w.rows.change("UPDATE deletions SET next_at = 0");
    wrong = [...violations(w.rows, []),
      ...w.rows.query("SELECT key FROM deletions").map((d) => `deletion of ${d.key} waits`)];
    return wrong.length === 0;
  }, 90).catch(() => assert.deepEqual(wrong, [], w.kinora.log.slice(-2000)));
  assert.deepEqual(mediaFiles(w.kinora), []);
  const named = w.rows.query("SELECT key, size, checksum FROM objects");
  assert.deepEqual((await bucket.keys()).sort(), named.map((o) => o.key).sort());
  assert.deepEqual(await bucket.uploads(), []);
  for (const o of named) {
    const found = await bucket.read(o.key);
    assert.deepEqual([found.size, found.sha256], [Number(o.size), o.checksum], o.key);
  }
  const sum = named.reduce((all, o) => all + Number(o.size), 0);
  assert.equal((await w.person.ask("GET", "/api/v1/sora/quota")).used_bytes, sum);
}

async function examined({ w }: Bench): Promise<void> {
  const report = await doctor(w.kinora, "--safe-age", "0");
  assert.deepEqual([report.status, report.findings], ["clean", []], JSON.stringify(report.checks));
}

const promptOf = (step: Step, i: number) => `size=${step.size} ${step.name}-${i} ${step.wishes ?? ""}`.trim();

// Works that were kept as links while there was no store, one for each kill of a step of `save`.
async function linksOf(b: Bench): Promise<Map<string, Generation>> {
  await b.w.person.ask("PATCH", SETTINGS, OFF);
  const made = new Map<string, Generation>();
  for (const step of CHOSEN.filter((s) => s.on === "link")) {
    for (let i = 0; i < times(step); i++) {
      const prompt = promptOf(step, i);
      const g = await b.w.person.ended(await b.w.person.generate(prompt));
      assert.equal(g.storage_type, "upstream", JSON.stringify(g));
      made.set(prompt, g);
    }
  }
  await b.w.person.ask("PATCH", SETTINGS, ON);
  return made;
}

async function outcome(b: Bench, step: Step, prompt: string): Promise<Generation | undefined> {
  const [row] = b.w.rows.query(`SELECT id FROM sora_generations WHERE prompt = '${prompt}'`);
  assert.equal(row === undefined, step.then === "gone");
  if (!row) return undefined;
  const g = await b.w.person.ended(row.id as number);
  assert.deepEqual([g.status, g.storage_type], ["completed", step.then], b.w.kinora.log.slice(-2000));
  return g;
}

async function play(b: Bench, step: Step, i: number, link?: Generation): Promise<void> {
  const prompt = promptOf(step, i);
  const { person } = b.w;
  const g = step.on === "work" ? await person.ended(await person.generate(prompt)) : link;
  await step.reach(b, prompt, g!);
  const rows = b.w.rows.query("SELECT state FROM objects").map((o) => o.state as string);
  const kept = step.leaves === "unsynced" ? (b.w.drops ? "writing" : "stored") : step.leaves;
  assert.deepEqual(rows, kept === "none" ? [] : [kept]);
  b.w.rows.change("UPDATE sora_generations SET saving_until = 0 WHERE saving_until IS NOT NULL");
  await b.w.again();
  const left = await outcome(b, step, prompt);
  if (i % 2 === 0) await clean(b);
  if (left && step.kind === "save") {
    assert.equal((await save(b, prompt, left) as { status: number }).status, step.then === "s3" ? 409 : 200);
    assert.equal((await person.generation(left.id)).storage_type, "s3");
  }
  await clean(b);
  await examined(b);
  if (!left) return;
  await person.ask("DELETE", `/api/v1/sora/generations/${left.id}`);
  assert.equal((await person.ask("GET", "/api/v1/sora/quota")).used_bytes, 0);
  // The next step may be one of a deletion.
  await eventually("its object is gone", async () => b.w.rows.query("SELECT id FROM deletions").length === 0, 90);
}

// "step|column" → deaths survived.
const survived = new Map<string, number>();

for (const column of COLUMNS) {
  describe(`a bucket, ${column.name}`, () => {
    let b: Bench;
    let links: Map<string, Generation>;
    before(async () => {
      b = await bench(column);
      links = await linksOf(b);
    });
    after(() => stopAll(b.w, b.source, b.way));

    for (const step of CHOSEN.filter((s) => isFor(s, column))) {
      const id = step.kind === "store" ? "SG-5" : step.kind === "delete" ? "SG-7" : "ST-6";
      test(`[${id}] ${column.name}: a death at "${step.name}": ${step.stopped}`, async () => {
        for (let i = 0; i < times(step); i++) {
          await play(b, step, i, links.get(promptOf(step, i)));
          survived.set(`${step.name}|${column.name}`, i + 1);
        }
      });
    }
  });
}

function writeTable(): void {
  const cell = (step: Step, c: Column) => !isFor(step, c) ? "–" : `${survived.get(`${step.name}|${c.name}`) ?? 0} of ${times(step)}`;
  const rows = STEPS.map((s) =>
    `| ${s.kind} | ${s.stopped} | ${COLUMNS.map((c) => cell(s, c)).join(" | ")} | ${s.then} |`);
  const text = `## With a bucket

Written by \`KINORA_FULL=1 scripts/test s3\` (\`tests/s3/kill.test.ts\`), where the steps have their names:
the same of storing, deleting and saving (ST-6) when works go into a bucket. After each death one final
state, counters equal to the sums of their rows, exactly the rows' objects in the bucket, no upload begun
there, and \`kinora doctor --safe-age 0\` clean. In the last column but one a death is a power cut: what
SQLite's file has been given since its last fsync is taken away again. The last column is what becomes of
the work by itself; what is \`upstream\` is then saved once more, and lies in the bucket.

| of | stopped | ${COLUMNS.map((c) => c.name).join(" | ")} | then |
|---|---|${COLUMNS.map(() => "---|").join("")}---|
${rows.join("\n")}
`;
  const file = "docs/faults.md";
  const old = readFileSync(file, "utf8").split("\n## With a bucket\n")[0].trimEnd();
  writeFileSync(file, `${old}\n\n${text}`);
}

after(() => {
  const whole = !process.execArgv.some((word) => word.startsWith("--test-name-pattern"));
  if (FULL && engines.length === 2 && whole) writeTable();
});
