// SPDX-License-Identifier: Apache-2.0
// The studio: from the prompt to the finished work, and all that can come in between. Jobs whose
// prompt says "slowly" stand still upstream until the test moves them, so that nothing here
// depends on how fast the machine is.
import assert from "node:assert/strict";
import { deflateSync, crc32 } from "node:zlib";
import { violations } from "../lib/axe.ts";
import {
  at,
  atBothWidths,
  atDesk,
  inWindow,
  named,
  onPhone,
  PHONE,
  screens,
  Stage,
  WINDOW,
  type Visitor,
} from "../lib/browser.ts";
import type { Job } from "../lib/demo.ts";
import { eventually } from "../lib/kinora.ts";

const stage = await Stage.open("studio");
const { admin, demo } = stage;
await admin.account(demo, "chat");
await demo.fault({ name: "slow", route: "chat", prompt: "slowly", times: 0, job: { duration_ms: 3_600_000 } });

function jobOf(prompt: string): Promise<Job> {
  return eventually(`a job upstream: ${prompt}`, async () =>
    (await demo.jobs()).find((job) => job.prompt === prompt),
  );
}

async function steer(prompt: string, order: Record<string, unknown>): Promise<void> {
  await demo.steer((await jobOf(prompt)).id, order);
}

// The card's percentage has come as far as this.
async function progressIs(v: Visitor, prompt: string, percent: number): Promise<void> {
  const bar = v.card(prompt).getByRole("progressbar");
  await eventually(`${prompt} at ${percent} %`, async () => {
    const value = await bar.getAttribute("data-value");
    return Number(value) === percent;
  });
}

// A PNG of one colour.
function png(size: number): Buffer {
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const head = Buffer.from([0, 0, 0, size, 0, 0, 0, size, 8, 2, 0, 0, 0]);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(size * 3, 0x7f)]);
  const rows = Buffer.concat(Array.from({ length: size }, () => row));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

atBothWidths(
  stage,
  "[UI-3, UI-4, V-2] a prompt becomes a card that works, ends and plays, and is kept",
  async (enter, screen) => {
    const prompt = `a lighthouse, slowly turning ${screen.name}`;
    const v = await enter({ person: await stage.newcomer(), path: "/sora" });
    await v.see("timeline-empty");
    await v.ask(prompt);
    await v.cardIs(prompt, "generating");
    assert.equal(await v.at("prompt-input").inputValue(), "");
    await v.see("running-slots", "1/3");
    await steer(prompt, { progress: 30 });
    await progressIs(v, prompt, 30);
    await steer(prompt, { progress: 72 });
    await progressIs(v, prompt, 72);
    await steer(prompt, { finish: true });
    const card = await v.cardIs(prompt, "local");
    await v.see("running-slots", "0/3");
    await v.plays(card.locator("video"));

    await v.click("tab-library");
    await v.see("library-tile", prompt);
    assert.match((await v.at("quota-bar").textContent())!, v.pattern("quota.used", { used: /[1-9].* [KMG]B/ }));
  },
);

atBothWidths(
  stage,
  "[UI-3] orientation and length are part of what is asked, and Ctrl+Enter sends",
  async (enter, screen) => {
    const prompt = `a tall tower ${screen.name}`;
    const v = await enter({ person: await stage.newcomer(), path: "/sora" });
    const sheet = screen.sheet ? "sheet-" : "";
    if (screen.sheet) await v.click("format-chip");
    await v.page.locator(`[data-testid="${sheet}orientation-portrait"]`).check({ force: true });
    await v.page.locator(`[data-testid="${sheet}duration-15"]`).check({ force: true });
    if (screen.sheet) {
      await v.page.keyboard.press("Escape");
      await v.gone("sheet-duration");
    }
    await v.fill("prompt-input", prompt);
    await v.at("prompt-input").press("Control+Enter");
    await v.cardIs(prompt, "local");
    assert.equal((await jobOf(prompt)).model, "sora2-portrait-15s");
  },
);

// How far what is seen moves while the page comes, as the browser counts it (a "layout shift"), and what moves.
async function movesOf(v: Visitor, cards: number): Promise<[number, ...string[]][]> {
  await v.page.addInitScript(() => {
    interface Shift extends PerformanceEntry {
      value: number;
      sources: { node?: Element }[];
    }
    const moves: unknown[] = [];
    new PerformanceObserver((list) => {
      for (const { value, sources } of list.getEntries() as Shift[])
        moves.push([value, ...sources.map(({ node }) => node?.id || node?.className)]);
    }).observe({ type: "layout-shift", buffered: true });
    Object.assign(window, { moves });
  });
  await v.go("/sora");
  await v.see("model-menu");
  await eventually("all cards stand", async () => (await v.page.locator(".card:not(:empty)").count()) === cards);
  await v.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  return v.page.evaluate(() => (window as unknown as { moves: [number, ...string[]][] }).moves);
}

for (const screen of screens([WINDOW, named("768-zh"), PHONE]))
  at(stage, screen, "[UI-2, UI-4] nothing that is seen moves while the cards and the prompt bar come", async (enter) => {
    const [film, tall, picture] = ["sora2-landscape-10s", "sora2-portrait-10s", "gpt-image"];
    for (const [wishes, models] of [
      [{}, [picture, tall, film, picture, film]],
      // These do not fit, and are offered as links.
      [{ sora_storage_quota_bytes: 1000 }, [tall, picture, film]],
    ] as const) {
      const person = await stage.newcomer(wishes);
      for (const model of models) await person.ended(await person.generate(`a heron ${screen.name}`, { model }));
      const moves = await movesOf(await enter({ person, path: "/dashboard" }), models.length);
      // 0.1 is what others call good; a line of words more than usual makes 0.01.
      assert.ok(moves.reduce((sum, [value]) => sum + value, 0) < 0.03, JSON.stringify(moves));
    }
  });

atDesk(
  stage,
  "[UI-4] who comes back to the timeline finds it where it was left",
  async (enter, screen) => {
    const person = await stage.newcomer();
    for (const n of [1, 2, 3, 4, 5, 6])
      await person.ended(await person.generate(`a stork ${n} ${screen.name}`, { model: "gpt-image" }));
    const v = await enter({ person, path: "/sora" });
    await eventually("all cards stand", async () => (await v.page.locator(".card:not(:empty)").count()) === 6);
    await v.page.evaluate(() => window.scrollTo(0, 700));
    await v.navigate("keys");
    await v.see("keys-page");
    await v.page.goBack();
    await eventually("the same place", () => v.page.evaluate(() => window.scrollY === 700));
  },
);

onPhone(
  stage,
  "[UI-3, UI-4] an image model offers no orientation and no length, and gives a picture",
  async (enter, screen) => {
    const prompt = `a paper boat ${screen.name}`;
    const v = await enter({ person: await stage.newcomer(), path: "/sora" });
    await v.see(screen.sheet ? "format-chip" : "duration");
    await v.chooseModel("gpt-image");
    for (const control of ["orientation", "duration", "format-chip"])
      assert.equal(await v.at(control).count(), 0, control);
    await v.ask(prompt);
    const card = await v.cardIs(prompt, "local");
    const image = card.locator("img");
    await eventually("the picture is there", () =>
      image.evaluate((i: HTMLImageElement) => i.complete && i.naturalWidth > 0),
    );
    const kind = await v.page.evaluate(
      async (url) => (await fetch(url)).headers.get("content-type"),
      (await image.getAttribute("src"))!,
    );
    assert.equal(kind, "image/png");
  },
);

inWindow(
  stage,
  "[UI-5, V-12] a reload and another device show the same running card, and it goes on",
  async (enter, screen) => {
    const prompt = `a snail, slowly ${screen.name}`;
    const person = await stage.newcomer();
    const v = await enter({ person, path: "/sora" });
    await v.ask(prompt);
    const id = await (await v.cardIs(prompt, "generating")).getAttribute("data-id");
    await steer(prompt, { progress: 40 });
    await progressIs(v, prompt, 40);
    await v.page.reload();
    assert.equal(await (await v.cardIs(prompt, "generating")).getAttribute("data-id"), id);
    await progressIs(v, prompt, 40);
    const other = await enter({ person, path: "/sora" });
    assert.equal(await (await other.cardIs(prompt, "generating")).getAttribute("data-id"), id);
    await steer(prompt, { progress: 80 });
    await progressIs(v, prompt, 80);
    await progressIs(other, prompt, 80);
    await steer(prompt, { finish: true });
    await v.cardIs(prompt, "local");
    await other.cardIs(prompt, "local");
  },
);

onPhone(
  stage,
  "[ST-1, UI-3, V-13] three may run, Generate says so, and a fourth is refused",
  async (enter, screen) => {
    const person = await stage.newcomer();
    const v = await enter({ person, path: "/sora" });
    const prompts = [1, 2, 3].map((n) => `wave ${n}, slowly ${screen.name}`);
    for (const prompt of prompts) {
      await v.ask(prompt);
      await v.cardIs(prompt, "generating");
    }
    await v.see("running-slots", "3/3");
    await v.fill("prompt-input", "a fourth");
    assert.equal(await v.at("generate-button").getAttribute("aria-disabled"), "true");
    await v.press("generate-button");
    await v.see("toast", v.words("sora.slotsFull"));
    const fourth = await person.call("POST", "/api/v1/sora/generate", {
      model: "sora2-landscape-10s",
      prompt: "a fourth",
    });
    assert.equal(fourth.status, 429);
    await eventually("three cards", async () => (await v.at("job-card").count()) === 3);
    for (const prompt of prompts) await steer(prompt, { finish: true });
    await v.see("running-slots", "0/3");
    await v.click("generate-button");
    await v.cardIs("a fourth", "local");
  },
);

inWindow(
  stage,
  "[ST-5, UI-4, V-10] cancelling asks first, then stops the job, and takes no storage",
  async (enter, screen) => {
    const prompt = `a glacier, slowly ${screen.name}`;
    const person = await stage.newcomer();
    const v = await enter({ person, path: "/sora" });
    await v.ask(prompt);
    const running = await v.cardIs(prompt, "generating");
    await jobOf(prompt);
    await v.at("job-cancel", running).click();
    await v.click("confirm-cancel");
    await v.gone("confirm");
    await v.at("job-cancel", running).click();
    await v.click("confirm-ok");
    const stopped = await v.cardIs(prompt, "cancelled");
    await stopped.getByText(v.pattern("card.cancelledAfter", { time: /.+/ })).waitFor();
    await eventually("the upstream's job ends", async () => (await jobOf(prompt)).status === "cancelled");
    const quota = await person.ask("GET", "/api/v1/sora/quota");
    assert.equal(quota.used_bytes, 0);
  },
);

inWindow(
  stage,
  "[ST-8, UI-4] a failed card names the class, and is tried again as it was or after a change",
  async (enter, screen) => {
    const refused = `somebody famous ${screen.name}`;
    const broken = `a broken kiln ${screen.name}`;
    await demo.fault(
      { route: "chat", prompt: refused, times: 1, job: { refuse: true } },
      { route: "chat", prompt: broken, times: 1, job: { fail: "the kiln is cold" } },
    );
    const v = await enter({ person: await stage.newcomer(), path: "/sora" });
    const failed = (code: string) => v.words("card.failedAs", { reason: v.words(`failure.${code}.name`) });
    await v.ask(refused);
    const first = await v.cardIs(refused, "failed");
    await first.getByText(failed("content_policy")).waitFor();
    await v.at("job-edit-retry", first).click();
    assert.equal(await v.at("prompt-input").inputValue(), refused);
    await v.ask(`${refused}, but only a hat`);
    await v.cardIs(`${refused}, but only a hat`, "local");

    await v.ask(broken);
    const second = await v.cardIs(broken, "failed");
    await second.getByText(failed("upstream")).waitFor();
    await v.at("job-retry", second).click();
    await v.cardIs(broken, "local");
  },
);

inWindow(
  stage,
  "[SG-9, UI-4, V-6] a work that does not fit is offered with a countdown, and leaving asks",
  async (enter, screen) => {
    const prompt = `a wide valley ${screen.name}`;
    const person = await stage.newcomer({ sora_storage_quota_bytes: 1000 });
    const v = await enter({ person, path: "/sora" });
    await v.ask(prompt);
    const card = await v.cardIs(prompt, "link");
    assert.match((await v.at("countdown", card).textContent())!, /^1[0-5]:\d\d$/);
    assert.equal(await v.at("job-save", card).getAttribute("aria-disabled"), "true");
    await v.see("job-note", v.words("card.linkNoteQuotaNoStorage"));
    await v.at("job-save", card).press("Enter");
    await v.see("toast", v.words("card.saveOff"));
    await v.plays(card.locator("video"));
    const asked = v.page.waitForEvent("dialog");
    const leaving = v.page.goto("/keys").catch(() => undefined);
    const dialog = await asked;
    assert.equal(dialog.type(), "beforeunload");
    await dialog.dismiss();
    await leaving;
    // The link is the upstream's own, which only a tab of its own can open.
    const opened = v.context.waitForEvent("page");
    await v.at("job-download", card).click();
    await (await opened).close();
    await v.go("/keys");
    await v.see("keys-page");
  },
);

onPhone(
  stage,
  "[UI-2, UI-6, V-4] a full quota is told with its figures, and leads to the library",
  async (enter, screen) => {
    const prompt = `a heavy stone ${screen.name}`;
    const person = await stage.newcomer();
    const v = await enter({ person, path: "/sora" });
    v.allow(/^POST \/api\/v1\/sora\/generate 429$/);
    await v.ask(prompt);
    await v.cardIs(prompt, "local");
    const { used_bytes } = await person.ask("GET", "/api/v1/sora/quota");
    await admin.ask("PATCH", `/api/v1/admin/users/${person.user.id}`, {
      sora_storage_quota_bytes: used_bytes,
    });
    await v.ask("one too many");
    const dialog = await v.see("quota-dialog");
    assert.deepEqual(await violations(v), []);
    assert.match((await v.at("quota-figures", dialog).textContent())!, new RegExp(`\\d.*B\\s+${v.pattern("quota.of", { whole: /\d.*B/ }).source}`));
    assert.equal(await v.at("quota-bar").getAttribute("data-tone"), "danger");
    await v.click("quota-to-library");
    await v.see("library-tile", prompt);
    await v.click("tab-generate");
    assert.equal(await v.at("generate-button").getAttribute("aria-disabled"), "true");
    assert.equal(await v.at("prompt-input").inputValue(), "one too many");

    // With the work goes what it took, and there is room again.
    await v.at("job-more", await v.cardIs(prompt, "local")).click();
    await v.click("job-more-delete");
    await v.see("toast", prompt.slice(0, 10));
    await v.click("tab-library");
    await v.page.reload();
    await v.see("library-empty");
    await eventually("nothing is used", async () => (await person.ask("GET", "/api/v1/sora/quota")).used_bytes === 0);
    await v.click("tab-generate");
    await eventually("Generate is offered", async () =>
      (await v.at("generate-button").getAttribute("aria-disabled")) === "false",
    );
    await v.click("generate-button");
    await v.card("one too many").first().waitFor();
  },
);

inWindow(
  stage,
  "[ST-9] with the events blocked, the page asks by itself",
  async (enter, screen) => {
    const prompt = `a quiet pond, slowly ${screen.name}`;
    const v = await enter({
      person: await stage.newcomer(),
      path: "/sora",
      prepare: async (visitor) => {
        visitor.allow(/^GET \/api\/v1\/sora\/events net::ERR_FAILED$/);
        await visitor.page.route("**/api/v1/sora/events", (route) => route.abort());
      },
    });
    await v.ask(prompt);
    await v.cardIs(prompt, "generating");
    await steer(prompt, { progress: 55 });
    await progressIs(v, prompt, 55);
    await steer(prompt, { finish: true });
    await v.cardIs(prompt, "local");
  },
);

inWindow(
  stage,
  "[UI-3] a reference image goes up with its prompt",
  async (enter, screen) => {
    const prompt = `in this colour ${screen.name}`;
    const picture = png(64);
    const v = await enter({ person: await stage.newcomer(), path: "/sora" });
    const chosen = v.page.waitForEvent("filechooser");
    await v.click("reference-button");
    await (await chosen).setFiles({ name: "grey.png", mimeType: "image/png", buffer: picture });
    await v.see("reference-image");
    await v.ask(prompt);
    await v.cardIs(prompt, "local");
    await v.gone("reference-image");
    const sent = (await demo.requests("chat"))
      .map((request) => Buffer.from(request.body.base64 ?? "", "base64").toString())
      .filter((body) => body.includes(prompt));
    assert.equal(sent.length, 1);
    assert.ok(sent[0].includes(picture.toString("base64")), "the picture's bytes");
  },
);
