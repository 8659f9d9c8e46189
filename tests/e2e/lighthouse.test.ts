// SPDX-License-Identifier: Apache-2.0
// Lighthouse on the pages that are seen most, signed in, on a desktop and on a phone: nothing costs a
// point for accessibility or best practices. In the full run alone; how fast the pages are is measured
// by bench/page, in a quiet machine.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Stage } from "../../bench/page/stage.ts";
import type { Person } from "../lib/kinora.ts";

const FULL = process.env.KINORA_FULL === "1";
const PAGES: [name: string, path: string, works: number][] = [
  ["the Sora page with 20 cards", "/sora", 20],
  ["the library with 50 works", "/sora/library", 50],
  ["the dashboard", "/", 0],
];

describe("Lighthouse", { skip: !FULL && "in the full run" }, () => {
  let stage: Stage;
  const people: Person[] = [];
  before(async () => {
    // What this needs is only installed for the full run.
    stage = await (await import("../../bench/page/stage.ts")).Stage.open();
    for (const [, , works] of PAGES) people.push(works ? await stage.maker(`has-${works}`, works) : stage.admin);
  });
  after(() => stage?.close());

  for (const [n, [name, path]] of PAGES.entries())
    for (const mobile of [false, true])
      test(`[UI-1, UI-2, UI-7] ${name} costs no point (${mobile ? "mobile" : "desktop"})`, { timeout: 180_000 }, async () => {
        const { lighthouse } = await import("../../bench/page/lighthouse.ts");
        const scores = await lighthouse({ port: stage.port, person: people[n], path, mobile });
        assert.deepEqual(scores.faults, []);
        assert.deepEqual([scores.accessibility, scores["best-practices"]], [100, 100]);
      });
});
