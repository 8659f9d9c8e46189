// SPDX-License-Identifier: Apache-2.0
// Every state that a view goes through, in every width and both themes: nothing that axe finds to
// shut anyone out, no word of another language, nothing that is too wide.
import assert from "node:assert/strict";
import { at, FULL, screens, Stage, WINDOW, type Enter, type Screen } from "../lib/browser.ts";
import { faults, show, THEMES, type Theme } from "../lib/faults.ts";
import { STATES, visit, type States } from "../lib/states.ts";

const stage = await Stage.open("states");
const { admin, demo } = stage;
await admin.account(demo, "chat");
await demo.fault({ route: "chat", prompt: "one refused", job: { refuse: true } });
await admin.ended(await admin.generate("one refused"));
await admin.ask("PATCH", "/api/v1/admin/settings", { registration_enabled: true });

// In the gate in one of the themes, by turns.
let turn = 0;
const themes = (): readonly Theme[] => (FULL ? THEMES : [THEMES[turn++ % 2]]);

async function shutNobodyOut(enter: Enter, { width, language }: Screen, states: States): Promise<void> {
  const person = states.who === "admin" ? admin : await stage.newcomer();
  const v = await enter(states.who === "guest" ? {} : { person });
  v.allow(...states.allow);
  const found: string[] = [];
  await visit(v, person, states, async (name) => {
    for (const theme of themes()) {
      await show(v, width, theme);
      found.push(...(await faults(v, language, `${name}, ${theme}`, true)));
    }
  });
  assert.deepEqual(found, []);
}

for (const screen of screens([WINDOW]))
  for (const states of STATES) {
    const body = (enter: Enter) => shutNobodyOut(enter, screen, states);
    at(stage, screen, `${states.title} shut nobody out`, body, FULL ? 900 : 300);
  }
