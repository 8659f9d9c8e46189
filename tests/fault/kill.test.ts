// SPDX-License-Identifier: Apache-2.0
// kill -9 at every named step of a job: nothing is lost, nothing is done twice.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { settled } from "../lib/invariants.ts";
import { steps, type Step } from "./steps.ts";
import { engines, FULL, World, type Dialect, type Engine } from "./world.ts";

// The whole matrix writes docs/faults.md; without it each step once, where it differs.
const KILLS = FULL ? 3 : 1;
const SHORT: Record<string, string[]> = {
  "sqlite chat": ["account committed", "submission in the air", "answer received", "cancelling"],
  "postgres videos": ["answer received", "polling", "rows not settled", "cancelling", "deletion queued"],
  "postgres chat": ["submission in the air"],
};

interface Column {
  name: string;
  engine: Engine;
  dialect: Dialect;
  drops?: boolean;
}
const columns: Column[] = engines.flatMap((engine) => (["videos", "chat"] as Dialect[])
  .map((dialect) => ({ name: `${engine} ${dialect}`, engine, dialect })));
if (FULL) columns.push({ name: "sqlite videos, unsynced writes lost", engine: "sqlite", dialect: "videos", drops: true });

function chosen(column: Column): Step[] {
  const names = FULL ? undefined : SHORT[column.name];
  return steps.filter((s) => s.dialects.includes(column.dialect) && (!names || names.includes(s.name)));
}

// "step|column" → kills survived.
const survived = new Map<string, number>();

function writeTable(): void {
  const cell = (step: Step, column: Column) => step.dialects.includes(column.dialect)
    ? `${survived.get(`${step.name}|${column.name}`) ?? 0} of ${KILLS}`
    : "–";
  // tests/s3/kill.test.ts writes what stands behind it.
  const behind = readFileSync("docs/faults.md", "utf8").split("\n## ").slice(1).map((part) => `\n## ${part}`);
  const rows = steps.map(
    (s) => `| ${s.name} | ${columns.map((c) => cell(s, c)).join(" | ")} | ${s.outcome.status} |`,
  );
  writeFileSync(
    "docs/faults.md",
    `# Deaths survived

Written by \`KINORA_FULL=1 scripts/test fault\` (\`tests/fault/kill.test.ts\`) at the end of the run, where
both engines are there: how many times of how many a process was killed by SIGKILL at each step of a job
([internals/jobs.md](internals/jobs.md)), and everything held after the restart: one final state per job,
counters equal to the sums of their rows, every file with a row and every row with its file, no second
submission upstream. Where unsynced writes are lost a death is a power cut: what a file has been given
since its last fsync is taken away again. The last column is what becomes of the job. A cell counts up to
the first time that did not hold; what the run did not reach stands as 0. Works go to the local disk here;
what may go wrong on the way to a bucket is the table of [storage.md](storage.md), of
\`tests/s3/faults.test.ts\`.

| step | ${columns.map((c) => c.name).join(" | ")} | then |
|---|${columns.map(() => "---|").join("")}---|
${rows.join("\n")}
${behind.join("")}`,
  );
}

after(() => {
  const whole = !process.execArgv.some((word) => word.startsWith("--test-name-pattern"));
  if (FULL && engines.length === 2 && whole) writeTable();
});

test("the steps are those of docs/internals/jobs.md", () => {
  const text = readFileSync("docs/internals/jobs.md", "utf8");
  const rows = [...text.matchAll(/^\| \*\*(.+?)\*\* \|/gm)].map((m) => m[1]);
  assert.deepEqual(steps.map((s) => s.name), rows);
});

async function checkOutcome(w: World, step: Step, id: number, prompt: string) {
  if (step.outcome.status === "gone") {
    const answer = await w.person.call("GET", `/api/v1/sora/generations/${id}`);
    assert.equal(answer.status, 404);
  } else {
    const g = await w.person.ended(id);
    assert.equal(g.status, step.outcome.status, JSON.stringify(g));
    if (g.status === "failed") {
      assert.equal(g.error_code, "submission_unknown");
      assert.match(g.error_message!, /may have/);
    }
    if (g.status === "completed") assert.equal(g.storage_type, "local");
  }
  assert.equal(await w.submissions(prompt), step.outcome.submissions);
}

for (const column of columns) {
  const { name, engine, dialect, drops } = column;
  describe(name, () => {
    let w: World;
    before(async () => {
      w = await World.start({ engine, drops });
      await w.person.account(w.demo, dialect);
    });
    // A step that failed on its way leaves a dead server, and the next one its say.
    afterEach(() => (w.kinora.running ? undefined : w.again()));
    after(() => w.stop());

    for (const step of chosen(column)) {
      test(`[ST-3] ${name}: a death at "${step.name}" (${KILLS} times)`, async () => {
        for (let i = 0; i < KILLS; i++) {
          const prompt = `${step.name} ${i}`;
          await w.demo.control("DELETE", "/faults");
          const id = await step.reach(w, dialect, prompt);
          assert.equal(w.stateOf(prompt), step.leaves(dialect));
          await w.again();
          await checkOutcome(w, step, id, prompt);
          await settled(w.kinora, w.demo);
          survived.set(`${step.name}|${name}`, i + 1);
        }
      });
    }
  });
}
