// SPDX-License-Identifier: Apache-2.0
// The parts of bench/page/run.sh: each gives lines of its table.
import { gzipSync } from "node:zlib";
import type { BrowserContext, Page } from "../../tests/lib/chromium.ts";
import type { Person } from "../../tests/lib/kinora.ts";
import { median, quantile } from "../lib/figures.ts";
import type { Goal, Line, Table } from "../lib/report.ts";
import { lighthouse, type Scores } from "./lighthouse.ts";
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
  const most = Math.max(...lines.map((line) => Number(line[3])));
  return {
    title: "Script before the first view, cache empty",
    head: ["page", "files", "KB", "KB gzip"],
    lines,
    goals: [["script before the first view, KB gzip, the largest of five pages", "≤ 150", most, most <= 150]],
  };
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
  const goals: Goal[] = [];
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
    const middle = round(median(times));
    lines.push([size.name, rounds, middle, round(Math.max(...times))]);
    goals.push([`from the click to the card, ${size.name}, ms`, "≤ 100", middle, middle <= 100]);
    await context.close();
  }
  return {
    title: "From the click on Generate to the card on the screen, 20 cards there before",
    head: ["", "rounds", "median ms", "longest ms"],
    lines,
    goals,
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

// Loads all of it: for a second the height has not grown.
async function toTheEnd(page: Page): Promise<void> {
  await page.evaluate(async () => {
    let height = 0;
    for (let grown = performance.now(); performance.now() - grown < 1000; ) {
      scrollTo(0, document.documentElement.scrollHeight);
      await new Promise((done) => setTimeout(done, 5));
      if (document.documentElement.scrollHeight === height) continue;
      height = document.documentElement.scrollHeight;
      grown = performance.now();
    }
  });
}

async function heapMb(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return usedSize / 2 ** 20;
}

// At the newest works of a fresh page first; then all are loaded, and scrolled at the other end.
export async function partScroll(stage: Stage, works: number, seconds: number): Promise<Table> {
  const person = await stage.collector(works);
  const lines: Line[] = [];
  const rates: number[] = [];
  const sizes: number[] = [];
  const note = async (page: Page, name: string, { deltas, elements }: Frames) => {
    const slow = deltas.filter((ms) => ms > 34).length;
    const rate = round((1000 * deltas.length) / deltas.reduce((all, ms) => all + ms, 0), 1);
    rates.push(rate);
    sizes.push(elements);
    const share = `${round((100 * slow) / deltas.length, 1)} %`;
    lines.push([name, rate, round(quantile(deltas, 0.99), 1), share, elements, round(await heapMb(page), 1)]);
  };
  const context = await stage.visit(person, MOBILE);
  const page = await context.newPage();
  const show = async (size: Size) => {
    await page.setViewportSize(size);
    await page.goto("/sora/library", { waitUntil: "load" });
    await page.getByTestId("library-tile").first().waitFor();
  };
  for (const size of [MOBILE, DESKTOP]) {
    await show(size);
    await note(page, `${size.name}, the newest`, await scroll(page, seconds, 1));
  }
  await toTheEnd(page);
  for (const size of [DESKTOP, MOBILE]) {
    await page.setViewportSize(size);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await note(page, `${size.name}, the oldest`, await scroll(page, seconds, -1));
  }
  await context.close();
  const least = Math.min(...rates);
  const most = Math.max(...sizes);
  const many = works.toLocaleString("en");
  return {
    title: `Scrolling a library of ${many} works at 4,000 pixels a second`,
    head: ["", "frames/s", "frame, p99 ms", "over 34 ms", "elements, most", "heap MB"],
    lines,
    goals: [
      [`frames a second while ${many} works are scrolled, the least of four`, "≥ 50", least, least >= 50],
      ["elements meanwhile, the most", "≤ 1500", most, most <= 1500],
    ],
  };
}

// ---- Lighthouse

type Figure = Exclude<keyof Scores, "faults">;
const FIGURES: Figure[] = ["performance", "accessibility", "best-practices", "fcp", "lcp", "tbt", "cls", "index"];

// Lighthouse takes a phone's processor for four times slower than that of a desk whose index is 1500 and more; for
// one of 1000 to 1500 its guide (docs/throttling.md, "Calibrating the CPU slowdown") gives two.
const DEVICES = [
  { device: "desktop", mobile: false, wanted: 95 },
  { device: "mobile", mobile: true, wanted: 90 },
  { device: "mobile, calibrated", mobile: true, wanted: 90, slowdown: 2 },
];

export async function partLighthouse(stage: Stage, pages: [string, string, Person][], rounds: number): Promise<Table> {
  const lines: Line[] = [];
  const goals: Goal[] = [];
  for (const [name, path, person] of pages) {
    for (const { device, mobile, wanted, slowdown } of DEVICES) {
      const runs: Scores[] = [];
      for (let n = 0; n < rounds; n++)
        runs.push(await lighthouse({ port: stage.port, person, path, mobile, performance: true, slowdown }));
      const middle = (figure: Figure) => median(runs.map((run) => run[figure]));
      lines.push([`${name}, ${device}`, ...FIGURES.map((figure) => round(middle(figure), figure === "cls" ? 3 : 0))]);
      const fast = middle("performance");
      goals.push([`Lighthouse performance, ${name}, ${device}`, `≥ ${wanted}`, fast, fast >= wanted]);
      const fair = Math.min(...runs.flatMap((run) => [run.accessibility, run["best-practices"]]));
      goals.push([`accessibility and best practices, ${name}, ${device}`, "100", fair, fair === 100]);
      for (const fault of new Set(runs.flatMap((run) => run.faults))) console.error(`${name}, ${device}: ${fault}`);
    }
  }
  return {
    title: `Lighthouse, medians of ${rounds}`,
    head: ["", "performance", "accessibility", "best practices", "FCP ms", "LCP ms", "TBT ms", "CLS", "index"],
    lines,
    goals,
  };
}
