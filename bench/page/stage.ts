// SPDX-License-Identifier: Apache-2.0
// What is measured: a Kinora and a demo upstream, people with works of their own, a browser.
import { linkSync } from "node:fs";
import { join } from "node:path";
import { launchBrowser, type Browser, type BrowserContext } from "../../tests/lib/chromium.ts";
import { Demo } from "../../tests/lib/demo.ts";
import { freePort, Kinora, type Person } from "../../tests/lib/kinora.ts";
import { Rows } from "../../tests/lib/rows.ts";
import { copyWork } from "../lib/works.ts";

export interface Size {
  name: string;
  width: number;
  height: number;
}
export const DESKTOP: Size = { name: "desktop", width: 1440, height: 900 };
export const MOBILE: Size = { name: "mobile", width: 390, height: 844 };

export class Stage {
  readonly kinora: Kinora;
  readonly demo: Demo;
  readonly admin: Person;
  readonly browser: Browser;
  // Where Lighthouse finds the browser.
  readonly port: number;

  private constructor(kinora: Kinora, demo: Demo, admin: Person, browser: Browser, port: number) {
    this.kinora = kinora;
    this.demo = demo;
    this.admin = admin;
    this.browser = browser;
    this.port = port;
  }

  static async open(): Promise<Stage> {
    const demo = await Demo.start("--speed", "20", "--plain-media");
    const kinora = await Kinora.start();
    const admin = await kinora.admin();
    await admin.account(demo, "chat");
    const port = await freePort();
    const browser = await launchBrowser(`--remote-debugging-port=${port}`);
    return new Stage(kinora, demo, admin, browser, port);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.kinora.stop();
    await this.demo.stop();
  }

  // Someone's browser, with an empty cache.
  async visit(person: Person, size: Size): Promise<BrowserContext> {
    const { width, height } = size;
    const context = await this.browser.newContext({
      baseURL: this.kinora.url,
      viewport: { width, height },
      locale: "en-US",
      serviceWorkers: "block",
    });
    await context.addCookies([{ name: "kinora_session", value: person.token, url: this.kinora.url }]);
    return context;
  }

  // Someone with this many works, as many at a time as the studio runs: of three, two are films.
  async maker(name: string, works: number): Promise<Person> {
    const person = await this.admin.member(`${name}@example.org`);
    const make = async (n: number) => {
      const model = n % 3 === 2 ? "gpt-image" : "sora2-landscape-10s";
      const { status } = await person.ended(await person.generate(`${name} ${n + 1}`, { model }));
      if (status !== "completed") throw new Error(`${name} ${n + 1} is ${status}`);
    };
    for (let n = 0; n < works; n += 3)
      await Promise.all(Array.from({ length: Math.min(3, works - n) }, (_, i) => make(n + i)));
    return person;
  }

  // Someone with a library that nobody would wait for: one picture's rows copied, its files linked.
  async collector(works: number): Promise<Person> {
    const person = await this.admin.member("collector@example.org");
    const first = await person.ended(await person.generate("work 1", { model: "gpt-image" }));
    if (first.storage_type !== "local") throw new Error(`the picture is ${first.status}, ${first.storage_type}`);
    const rows = new Rows(this.kinora);
    copyWork(rows, first.id, works);
    const copies = rows.query(`SELECT o.key AS key, c.key AS copy FROM objects o, objects c
      WHERE o.generation_id = ${first.id} AND c.generation_id <> ${first.id} AND c.key = o.key || '.' || c.generation_id`);
    const media = join(this.kinora.data, "media");
    for (const { key, copy } of copies) linkSync(join(media, key), join(media, copy));
    return person;
  }
}
