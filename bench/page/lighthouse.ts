// SPDX-License-Identifier: Apache-2.0
// One run of Lighthouse on a page of someone who is signed in.
import type { Person } from "../../tests/lib/kinora.ts";

export interface Scores {
  performance: number;
  accessibility: number;
  "best-practices": number;
  // First and largest paint, and blocking, in milliseconds; and how much moved.
  fcp: number;
  lcp: number;
  tbt: number;
  cls: number;
  // How fast this machine is, as Lighthouse finds it.
  index: number;
  // What cost points, but for performance: "color-contrast: Background and foreground …".
  faults: string[];
}

export interface Look {
  // Where the browser is listening for tools.
  port: number;
  person: Person;
  path: string;
  mobile: boolean;
  // Without it only accessibility and best practices are looked at, as fast as the machine can.
  performance?: boolean;
  // By how much the processor is taken to be slower than this one; else Lighthouse's own 4 for a phone.
  slowdown?: number;
}

const TRIES = 3;

async function once({ port, person, path, mobile, performance = false, slowdown }: Look): Promise<Scores> {
  const { default: lighthouse, desktopConfig } = await import("lighthouse");
  const flags = {
    port,
    logLevel: "error" as const,
    onlyCategories: [...(performance ? ["performance"] : []), "accessibility", "best-practices"],
    extraHeaders: { Cookie: `kinora_session=${person.token}` },
    disableFullPageScreenshot: true,
    ...(performance ? {} : { throttlingMethod: "provided" as const }),
    ...(slowdown ? { throttling: { cpuSlowdownMultiplier: slowdown } } : {}),
  };
  const result = await lighthouse(person.kinora.url + path, flags, mobile ? undefined : desktopConfig);
  if (!result || result.lhr.runtimeError) throw new Error(`lighthouse: ${result?.lhr.runtimeError?.message}`);
  const { categories, audits, environment, finalDisplayedUrl } = result.lhr;
  if (new URL(finalDisplayedUrl).pathname === "/login") throw new Error(`lighthouse: ${path} led to the sign-in page`);
  const score = (name: string) => Math.round(100 * (categories[name]?.score ?? 0));
  const figure = (name: string) => audits[name]?.numericValue ?? 0;
  const weighed = ["accessibility", "best-practices"].flatMap((name) => categories[name]?.auditRefs ?? []);
  return {
    performance: score("performance"),
    accessibility: score("accessibility"),
    "best-practices": score("best-practices"),
    fcp: figure("first-contentful-paint"),
    lcp: figure("largest-contentful-paint"),
    tbt: figure("total-blocking-time"),
    cls: figure("cumulative-layout-shift"),
    index: environment.benchmarkIndex,
    faults: weighed
      .filter(({ id, weight }) => weight > 0 && (audits[id]?.score ?? 1) < 1)
      .map(({ id }) => `${id}: ${audits[id]?.title}`),
  };
}

// A browser that was too busy to paint is asked again; scores are never chosen from.
export async function lighthouse(look: Look): Promise<Scores> {
  for (let left = TRIES - 1; ; left--) {
    try {
      return await once(look);
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}
