// SPDX-License-Identifier: Apache-2.0
// kill -9 at every named step of a job: nothing is lost, nothing is done twice.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { settled } from "../lib/invariants.ts";
import { steps, type Step } from "./steps.ts";
import { engines, FULL, World, type Dialect } from "./world.ts";

const KILLS = FULL ? 3 : 1;

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

for (const engine of engines) {
  for (const dialect of ["videos", "chat"] as Dialect[]) {
    describe(`${dialect} on ${engine}`, () => {
      let w: World;
      before(async () => {
        w = await World.start({ engine });
        await w.person.account(w.demo, dialect);
      });
      after(() => w.stop());

      for (const step of steps.filter((s) => s.dialects.includes(dialect))) {
        test(`[ST-3] ${engine}, ${dialect}: a death at "${step.name}" (${KILLS} times)`, async () => {
          for (let i = 0; i < KILLS; i++) {
            const prompt = `${step.name} ${i}`;
            await w.demo.control("DELETE", "/faults");
            const id = await step.reach(w, dialect, prompt);
            assert.equal(w.stateOf(prompt), step.leaves(dialect));
            await w.again();
            await checkOutcome(w, step, id, prompt);
            await settled(w.kinora, w.demo);
          }
        });
      }
    });
  }
}
