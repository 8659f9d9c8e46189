// SPDX-License-Identifier: Apache-2.0
// The parts of bench/page/run.sh: each gives lines of its table.
import { gzipSync } from "node:zlib";
import type { BrowserContext, Page } from "playwright-core";
import type { Person } from "../../tests/lib/kinora.ts";
import { median, quantile } from "../lib/figures.ts";
import type { Line, Table } from "../lib/report.ts";
import { DESKTOP, MOBILE, type Size, type Stage } from "./stage.ts";

const round = (n: number, digits = 0) => Number(n.toFixed(digits));

// ---- script before the first view

async function scripts(context: BrowserContext, path: string): Promise<{ files: number; plain: number; gzip: number }> {
  const page = await context.newPage();
  const bodies: Promise<Buffer>[] = [];
  page.on("response", (response) => {
    if (response.request().resourceType() === "script") bodies.push(response.body());
  });
  await page.goto(path, { waitUntil: "load" });
  await page.locator("h1, [data-testid=prompt-input]").first().waitFor();
  const sent = await Promise.all(bodies);
  await page.close();
  const sum = (sizes: number[]) => sizes.reduce((all, size) => all + size, 0);
  return {
    files: sent.length,
    plain: sum(sent.map((body) => body.length)),
    gzip: sum(sent.map((body) => gzipSync(body, { level: 9 }).length)),
  };
}

export async function partScript(stage: Stage, person: Person): Promise<Table> {
  const lines: Line[] = [];
  for (const path of ["/login", "/", "/sora", "/sora/library", "/uploads"]) {
    const context = await stage.visit(person, DESKTOP);
    if (path === "/login") await context.clearCookies();
    const { files, plain, gzip } = await scripts(context, path);
    lines.push([`\`${path}\``, files, round(plain / 1024, 1), round(gzip / 1024, 1)]);
    await context.close();
  }
  return { title: "Script before the first view, cache empty", head: ["page", "files", "KB", "KB gzip"], lines };
}

// ---- from click to card

// Milliseconds from the click to the frame after the one in which the card stands.
async function clickToCard(page: Page, prompt: string): Promise<number> {
  await page.getByTestId("prompt-input").fill(prompt);
  const seen = page.evaluate(
    (words) =>
      new Promise<number>((resolve) => {
        let clicked = 0;
        addEventListener("pointerdown", (event) => (clicked = event.timeStamp), { once: true, capture: true });
        const watch = new MutationObserver(() => {
          const cards = [...document.querySelectorAll('[data-testid="job-card"]')];
          if (!clicked || !cards.some((card) => card.textContent?.includes(words))) return;
          watch.disconnect();
          requestAnimationFrame(() => requestAnimationFrame((now) => resolve(now - clicked)));
        });
        watch.observe(document.body, { childList: true, subtree: true, characterData: true });
      }),
    prompt,
  );
  await page.getByTestId("generate-button").click();
  return seen;
}

export async function partClick(stage: Stage, person: Person, rounds: number): Promise<Table> {
  const lines: Line[] = [];
  for (const size of [DESKTOP, MOBILE]) {
    const context = await stage.visit(person, size);
    const page = await context.newPage();
    await page.goto("/sora", { waitUntil: "load" });
    await page.getByTestId("job-card").first().waitFor();
    const times: number[] = [];
    for (let n = 0; n < rounds; n++) {
      const prompt = `clicked ${size.name} ${n + 1}.`;
      times.push(await clickToCard(page, prompt));
      const { data } = await person.ask("GET", "/api/v1/sora/generations?page_size=1");
      await person.ended(data[0].id as number);
    }
    lines.push([size.name, rounds, round(median(times)), round(Math.max(...times))]);
    await context.close();
  }
  return {
    title: "From the click on Generate to the card on the screen, 20 cards there before",
    head: ["", "rounds", "median ms", "longest ms"],
    lines,
  };
}

// ---- a long library

interface Frames {
  deltas: number[];
  elements: number;
}

// Scrolls at a hand's fast pace, away from the end where it is and back, and notes every frame.
function scroll(page: Page, seconds: number, first: 1 | -1): Promise<Frames> {
  return page.evaluate(
    ([ms, way]) =>
      new Promise<Frames>((resolve) => {
        const pace = 4; // pixels a millisecond
        const deltas: number[] = [];
        let elements = 0;
        let last = performance.now();
        const begun = last;
        const step = (now: number) => {
          const passed = now - last;
          last = now;
          deltas.push(passed);
          if (deltas.length % 10 === 0) elements = Math.max(elements, document.querySelectorAll("*").length);
          if (now - begun > ms) return resolve({ deltas: deltas.slice(1), elements });
          scrollBy(0, (now - begun < ms / 2 ? way : -way) * pace * passed);
          requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
      }),
    [seconds * 1000, first] as const,
  );
}

// Loads all of it: the height no longer grows.
async function toTheEnd(page: Page): Promise<void> {
  await page.evaluate(async () => {
    for (let height = 0, still = 0; still < 40; ) {
      scrollTo(0, document.documentElement.scrollHeight);
      await new Promise((done) => setTimeout(done, 50));
      still = document.documentElement.scrollHeight === height ? still + 1 : 0;
      height = document.documentElement.scrollHeight;
    }
  });
}

async function heapMb(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return usedSize / 2 ** 20;
}

export async function partScroll(stage: Stage, works: number, seconds: number): Promise<Table> {
  const person = await stage.collector(works);
  const lines: Line[] = [];
  for (const size of [DESKTOP, MOBILE]) {
    const context = await stage.visit(person, size);
    const page = await context.newPage();
    await page.goto("/sora/library", { waitUntil: "load" });
    await page.getByTestId("library-tile").first().waitFor();
    for (const place of ["the newest", "the oldest"]) {
      const oldest = place === "the oldest";
      if (oldest) await toTheEnd(page);
      const { deltas, elements } = await scroll(page, seconds, oldest ? -1 : 1);
      const slow = deltas.filter((ms) => ms > 34).length;
      lines.push([
        `${size.name}, ${place}`,
        round(median(deltas), 1),
        round(quantile(deltas, 0.99), 1),
        `${round((100 * slow) / deltas.length, 1)} %`,
        elements,
        round(await heapMb(page), 1),
      ]);
    }
    await context.close();
  }
  return {
    title: `Scrolling a library of ${works.toLocaleString("en")} works at 4,000 pixels a second`,
    head: ["", "frame, median ms", "p99 ms", "over 34 ms", "elements, most", "heap MB"],
    lines,
  };
}

// ---- Lighthouse

const CATEGORIES = ["performance", "accessibility", "best-practices"];
const AUDITS = ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift"];

async function lighthouseOnce(stage: Stage, person: Person, path: string, size: Size): Promise<number[]> {
  const { default: lighthouse, desktopConfig } = await import("lighthouse");
  const flags = {
    port: stage.port,
    onlyCategories: CATEGORIES,
    logLevel: "error" as const,
    extraHeaders: { Cookie: stage.cookie(person) },
  };
  const result = await lighthouse(stage.kinora.url + path, flags, size === DESKTOP ? desktopConfig : undefined);
  if (!result || result.lhr.runtimeError) throw new Error(`lighthouse: ${result?.lhr.runtimeError?.message}`);
  const { categories, audits } = result.lhr;
  return [
    ...CATEGORIES.map((name) => 100 * (categories[name]?.score ?? 0)),
    ...AUDITS.map((name) => audits[name]?.numericValue ?? 0),
  ];
}

export async function partLighthouse(stage: Stage, pages: [string, string, Person][], rounds: number): Promise<Table> {
  const lines: Line[] = [];
  for (const [name, path, person] of pages) {
    for (const size of [DESKTOP, MOBILE]) {
      const runs: number[][] = [];
      for (let n = 0; n < rounds; n++) runs.push(await lighthouseOnce(stage, person, path, size));
      const middle = runs[0]!.map((_, place) => median(runs.map((run) => run[place]!)));
      lines.push([`${name}, ${size.name}`, ...middle.map((value, place) => round(value, place === 6 ? 3 : 0))]);
    }
  }
  return {
    title: `Lighthouse, medians of ${rounds}`,
    head: ["", "performance", "accessibility", "best practices", "FCP ms", "LCP ms", "TBT ms", "CLS"],
    lines,
  };
}
