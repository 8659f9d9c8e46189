// SPDX-License-Identifier: Apache-2.0
// People in front of the page: one browser per file, a context for each of them. Whatever the
// page complains of is written down (errors of the console and of scripts, answers of 400 and
// above, requests without an answer, breaches of the content policy), and a test that leaves
// something there fails.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, test } from "node:test";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { launchBrowser } from "./chromium.ts";
import { Demo } from "./demo.ts";
import { eventually, Kinora, type Person } from "./kinora.ts";
import { pattern, sentence, words, type Language, type Values } from "./words.ts";

const SHOTS = "build/test-output/e2e";

// Against hanging, not a measurement: the server may run under a sanitizer on a busy machine.
const PATIENCE_MS = 20_000;

// What someone sits in front of, and the language that they read.
export interface Screen {
  // Told in the titles of tests; what a test makes in the stage's servers has it in its name, so
  // that the next screen's test finds none of it.
  name: string;
  width: number;
  height: number;
  language: Language;
  // A tablet or a phone, without a mouse.
  touch: boolean;
  // So narrow that the sidebar is behind a button, or that the prompt's choices are in a sheet.
  drawer: boolean;
  sheet: boolean;
}

function screen(width: number, height: number, language: Language): Screen {
  const name = `${width}-${language}`;
  return { name, width, height, language, touch: width < 1000, drawer: width <= 860, sheet: width <= 640 };
}

// The gate has two screens, the full run (KINORA_FULL=1) every width in both languages, and
// KINORA_SCREENS=768-zh,360-en just these.
const SIZES = [[1440, 900], [1024, 768], [768, 1024], [390, 844], [360, 800]] as const;
const LANGUAGES = ["en", "zh"] as const;
export const EVERY = LANGUAGES.flatMap((language) => SIZES.map(([width, height]) => screen(width, height, language)));
export const WINDOW = named("1440-en");
export const PHONE = named("390-zh");
export const FULL = process.env.KINORA_FULL === "1";
const WANTED = process.env.KINORA_SCREENS?.split(",").map(named);

export function named(name: string): Screen {
  const found = EVERY.find((s) => s.name === name);
  assert.ok(found, `${name} is one of ${EVERY.map((s) => s.name).join(" ")}`);
  return found;
}

// Each test in front of as few screens as will do.
export const GATE = !FULL && !WANTED;

// The screens to run a test on that has these in the gate.
export function screens(gate: Screen[]): Screen[] {
  return WANTED ?? (FULL ? EVERY : gate);
}

export interface Wishes {
  // Another than the screen's.
  language?: Language;
  // Signed in from the start, and then at this path.
  person?: Person;
  path?: string;
  // Another server than the stage's.
  kinora?: Kinora;
  colorScheme?: "light" | "dark";
  // With the page's service worker, which would answer in the place of a test's routes.
  serviceWorker?: boolean;
  // Before the first request.
  prepare?: (visitor: Visitor) => Promise<void>;
}

// What a file of tests runs against: a browser, a demo upstream, a Kinora and its administrator.
export class Stage {
  readonly suite: string;
  browser!: Browser;
  demo!: Demo;
  kinora!: Kinora;
  admin!: Person;
  private readonly others: Kinora[] = [];
  private guests = 0;

  private constructor(suite: string) {
    this.suite = suite;
  }

  // To be awaited before the first test is named; ends after the last.
  static async open(suite: string): Promise<Stage> {
    const stage = new Stage(suite);
    try {
      await stage.start();
    } catch (error) {
      await stage.close();
      throw error;
    }
    after(() => stage.close());
    return stage;
  }

  private async start(): Promise<void> {
    mkdirSync(SHOTS, { recursive: true });
    this.browser = await launchBrowser("--autoplay-policy=no-user-gesture-required");
    this.demo = await Demo.start("--speed", "20", "--plain-media");
    this.kinora = await Kinora.start();
    this.admin = await this.kinora.admin();
  }

  // All of them, whatever the first ones say: what is left behind keeps the run from ending.
  private async close(): Promise<void> {
    await this.browser?.close();
    const ends = [this.kinora?.stop(), this.demo?.stop(), ...this.others.map((k) => k.stop())];
    for (const end of await Promise.allSettled(ends)) if (end.status === "rejected") throw end.reason;
  }

  // One more server, that ends with the rest.
  async another(): Promise<Kinora> {
    const kinora = await Kinora.start();
    this.others.push(kinora);
    return kinora;
  }

  // Someone without any jobs.
  newcomer(more: Record<string, unknown> = {}): Promise<Person> {
    return this.admin.member(`guest-${++this.guests}@example.org`, more);
  }

  async visitor(kinora: Kinora, screen: Screen, wishes: Wishes): Promise<Visitor> {
    const { width, height, touch } = screen;
    const language = wishes.language ?? screen.language;
    const context = await this.browser.newContext({
      baseURL: kinora.url,
      viewport: { width, height },
      isMobile: touch,
      hasTouch: touch,
      locale: language === "zh" ? "zh-CN" : "en-US",
      colorScheme: wishes.colorScheme ?? "dark",
      serviceWorkers: wishes.serviceWorker ? "allow" : "block",
    });
    context.setDefaultTimeout(PATIENCE_MS);
    if (wishes.person) {
      const { token } = wishes.person;
      await context.addCookies([{ name: "kinora_session", value: token, url: kinora.url }]);
    }
    const visitor = new Visitor(context, await context.newPage(), { ...screen, language });
    await visitor.watch();
    await wishes.prepare?.(visitor);
    if (wishes.path) await visitor.go(wishes.path);
    return visitor;
  }
}

export type Enter = (wishes?: Wishes) => Promise<Visitor>;

export type Body = (enter: Enter, screen: Screen) => Promise<void>;

// Runs a test in front of this screen. Everyone whom it lets in is watched, and leaves a picture
// of the last view under build/test-output/e2e/.
export function at(stage: Stage, screen: Screen, title: string, body: Body, seconds = 90): void {
  test(`${title} (${screen.name})`, { timeout: seconds * 1000 }, async () => {
    const visitors: Visitor[] = [];
    const enter: Enter = async (wishes = {}) => {
      const visitor = await stage.visitor(wishes.kinora ?? stage.kinora, screen, wishes);
      visitors.push(visitor);
      return visitor;
    };
    try {
      await body(enter, screen);
      for (const visitor of visitors) visitor.check();
    } finally {
      const words = title.replace(/\[[^\]]*\]/g, "").trim().replace(/\W+/g, "-").slice(0, 60);
      for (const [i, visitor] of visitors.entries())
        await visitor.leave(`${SHOTS}/${stage.suite}-${words}-${i + 1}-${screen.name}.png`);
    }
  });
}

// For what looks or is done otherwise on a phone: in the gate in a window and on a phone.
export function atBothWidths(stage: Stage, title: string, body: Body, seconds?: number): void {
  for (const screen of screens([WINDOW, PHONE])) at(stage, screen, title, body, seconds);
}

// For what is the same at every width: in the gate in a window.
export function inWindow(stage: Stage, title: string, body: Body, seconds?: number): void {
  for (const screen of screens([WINDOW])) at(stage, screen, title, body, seconds);
}

// The same, in the gate on a phone.
export function onPhone(stage: Stage, title: string, body: Body, seconds?: number): void {
  for (const screen of screens([PHONE])) at(stage, screen, title, body, seconds);
}

// For what needs a mouse or a keyboard, and so is no phone's nor tablet's.
export function atDesk(stage: Stage, title: string, body: Body, seconds?: number): void {
  for (const screen of screens([WINDOW]).filter((s) => !s.touch)) at(stage, screen, title, body, seconds);
}

export class Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly screen: Screen;
  private readonly problems: string[] = [];
  private readonly allowed: RegExp[] = [];

  constructor(context: BrowserContext, page: Page, screen: Screen) {
    this.context = context;
    this.page = page;
    this.screen = screen;
  }

  async watch(): Promise<void> {
    const { page } = this;
    page.on("console", (message) => {
      // The browser's own word on an answer; "response" below has it with its address.
      if (message.type() !== "error" || message.text().startsWith("Failed to load resource")) return;
      this.problems.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.problems.push(`script: ${error.stack || error.message}`));
    page.on("response", (response) => {
      if (response.status() < 400) return;
      const { pathname } = new URL(response.url());
      this.problems.push(`${response.request().method()} ${pathname} ${response.status()}`);
    });
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText ?? "";
      // A page that is left, and a video that has read enough, end their requests so.
      if (why === "net::ERR_ABORTED") return;
      this.problems.push(`${request.method()} ${new URL(request.url()).pathname} ${why}`);
    });
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`content policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
  }

  // What this test provokes on purpose.
  allow(...problems: RegExp[]): void {
    this.allowed.push(...problems);
  }

  check(): void {
    const unexpected = this.problems.filter((problem) => !this.allowed.some((a) => a.test(problem)));
    assert.deepEqual(unexpected, []);
  }

  async leave(picture: string): Promise<void> {
    await this.page.screenshot({ path: picture, timeout: 5000 }).catch(() => undefined);
    await this.context.close();
  }

  // Goes to a path of this server.
  async go(path: string): Promise<void> {
    await this.page.goto(path, { waitUntil: "load" });
  }

  // What the page says to this visitor: the words of a key of the catalogues.
  words(key: string, values?: Values): string {
    return words(this.screen.language, key, values);
  }

  pattern(key: string, values: Values): RegExp {
    return pattern(this.screen.language, key, values);
  }

  // The server's own, for the code of a problem.
  sentence(code: string): string {
    return sentence(this.screen.language, code);
  }

  // By data-testid, and only what can be seen: the sidebar exists twice on phones.
  at(testid: string, within?: Locator): Locator {
    return (within ?? this.page).locator(`[data-testid="${testid}"]`).filter({ visible: true });
  }

  async see(testid: string, text?: string | RegExp): Promise<Locator> {
    const found = text === undefined ? this.at(testid) : this.at(testid).filter({ hasText: text });
    await found.first().waitFor({ state: "visible" });
    return found.first();
  }

  async gone(testid: string): Promise<void> {
    await eventually(`${testid} gone`, async () => (await this.at(testid).count()) === 0, 20);
  }

  click(testid: string): Promise<void> {
    return this.at(testid).click();
  }

  // Also what says that it is disabled, as a hand would.
  press(testid: string): Promise<void> {
    return this.at(testid).click({ force: true });
  }

  fill(testid: string, text: string): Promise<void> {
    return this.at(testid).fill(text);
  }

  // The ids of the sidebar's entries, in order.
  async entries(): Promise<string[]> {
    await this.openSidebar();
    const links = this.page.locator('[data-testid^="nav-"]').filter({ visible: true });
    await links.first().waitFor();
    return links.evaluateAll((all) => all.map((a) => a.getAttribute("data-testid")!.slice(4)));
  }

  async openSidebar(): Promise<void> {
    if (this.screen.drawer && (await this.at("sidebar").count()) === 0) await this.click("open-menu");
  }

  async closeSidebar(): Promise<void> {
    if (!this.screen.drawer) return;
    await this.page.keyboard.press("Escape");
    await this.gone("sidebar");
  }

  // Goes somewhere by the sidebar.
  async navigate(entry: string): Promise<void> {
    await this.openSidebar();
    await this.click(`nav-${entry}`);
    if (this.screen.drawer) await this.gone("sidebar");
  }

  // The timeline's card with this prompt.
  card(prompt: string): Locator {
    return this.at("job-card").filter({ hasText: prompt });
  }

  async cardIs(prompt: string, state: string): Promise<Locator> {
    const card = this.page.locator(`[data-testid="job-card"][data-state="${state}"]`);
    const found = card.filter({ hasText: prompt });
    await found.waitFor({ state: "visible", timeout: 40_000 });
    return found;
  }

  async ask(prompt: string): Promise<void> {
    await this.fill("prompt-input", prompt);
    await this.click("generate-button");
  }

  async chooseModel(family: string): Promise<void> {
    await this.click("model-menu");
    await this.click(`model-option-${family}`);
    await this.gone(`model-option-${family}`);
  }

  // Plays the video and waits until its picture moves.
  async plays(video: Locator): Promise<void> {
    await video.evaluate((v: HTMLVideoElement) => v.play());
    const begun = await video.evaluate((v: HTMLVideoElement) => v.currentTime);
    await eventually("the video plays", () =>
      video.evaluate(
        (v: HTMLVideoElement, from) => v.videoWidth > 0 && !v.paused && v.currentTime > from + 0.2,
        begun,
      ),
    );
  }

  // Every text that can be seen or heard, with the language it is marked as.
  texts(): Promise<{ text: string; lang: string }[]> {
    return this.page.evaluate(() => {
      const found: { text: string; lang: string }[] = [];
      const langOf = (e: Element) => e.closest("[lang]")?.getAttribute("lang") ?? "";
      const add = (text: string | null, e: Element) => {
        if (text?.trim()) found.push({ text: text.trim(), lang: langOf(e) });
      };
      for (const e of document.body.querySelectorAll("*")) {
        if (!e.checkVisibility({ visibilityProperty: true })) continue;
        for (const node of e.childNodes) if (node.nodeType === Node.TEXT_NODE) add(node.nodeValue, e);
        for (const name of ["aria-label", "title", "placeholder", "alt"]) add(e.getAttribute(name), e);
      }
      add(document.title, document.documentElement);
      return found;
    });
  }
}
