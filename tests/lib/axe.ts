// SPDX-License-Identifier: Apache-2.0
// axe-core on what the page shows now. It is put in by the tool, not by the page, so that the
// page's content policy stays as it is.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Visitor } from "./browser.ts";
import { eventually } from "./kinora.ts";

const SOURCE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  nodes: { html: string }[];
}

// A view that is still coming in is half transparent. What moves with a scroll, or for ever, ends with none; and the
// promise of an animation that is called off may never be kept.
async function still(v: Visitor): Promise<void> {
  const passing = () =>
    document
      .getAnimations()
      .filter((animation) => animation.timeline === document.timeline && animation.playState === "running")
      .filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity).length;
  await eventually("nothing moves", async () => (await v.page.evaluate(passing)) === 0);
}

// The rules that this view breaks, each with the places: "color-contrast: <p class="note">…".
export async function violations(v: Visitor): Promise<string[]> {
  await still(v);
  if (!(await v.page.evaluate("'axe' in window"))) await v.page.evaluate(SOURCE);
  const found = await v.page.evaluate(() => {
    const { axe } = window as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
    return axe.run({ resultTypes: ["violations"] });
  });
  // A menu stands outside the landmarks, as menus do.
  const menu = (id: string, html: string) => id === "region" && html.includes("data-reka-popper");
  return found.violations.flatMap(({ id, nodes }) =>
    nodes
      .map(({ html }) => html)
      .filter((html) => !menu(id, html))
      .slice(0, 3)
      .map((html) => `${id}: ${html.slice(0, 200)}`),
  );
}
