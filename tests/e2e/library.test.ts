// SPDX-License-Identifier: Apache-2.0
// The library, with a video of an upstream that is polled and a picture of one that streams.
import assert from "node:assert/strict";
import { atBothWidths, atDesk, inWindow, onPhone, Stage, type Visitor } from "../lib/browser.ts";
import { eventually, type Person } from "../lib/kinora.ts";
import { removeWork } from "../lib/views.ts";
import { DOT, showWorks, work } from "../lib/works.ts";

const stage = await Stage.open("library");
await stage.admin.account(stage.demo, "videos", { models: ["sora2-landscape-10s"] });
await stage.admin.account(stage.demo, "chat", { models: ["gpt-image"] });

interface Works {
  person: Person;
  video: number;
  image: number;
}

// Someone with a video of a kite and a picture of a kettle.
async function collector(): Promise<Works> {
  const person = await stage.newcomer();
  const video = await person.generate("a kite over the dunes");
  const image = await person.generate("a kettle on the stove", { model: "gpt-image" });
  for (const id of [video, image]) {
    const work = await person.ended(id);
    assert.equal(work.status, "completed", work.error_message ?? "");
  }
  return { person, video, image };
}

atBothWidths(
  stage,
  "[UI-7] the library shows what is kept, by kind and by words, and plays it",
  async (enter) => {
    const { person } = await collector();
    const v = await enter({ person, path: "/sora/library" });
    await v.see("library-tile", "kite");
    assert.equal(await v.at("library-tile").count(), 2);
    await v.see("filter-all", "2");
    await v.click("filter-image");
    await v.gone("preview");
    await eventually("only pictures", async () => (await v.at("library-tile").count()) === 1);
    await v.see("library-tile", "kettle");
    await v.click("filter-all");
    await v.fill("library-search", "kite");
    await eventually("only the kite", async () => (await v.at("library-tile").count()) === 1);
    await v.fill("library-search", "zebra");
    await v.see("library-no-match");
    await v.fill("library-search", "");

    const tile = await v.see("library-tile", "kite");
    await v.at("tile-open", tile).click({ position: { x: 20, y: 20 } });
    assert.equal(await (await v.see("preview-prompt")).textContent(), "a kite over the dunes");
    await v.plays(v.at("preview-video"));
    await v.click("use-prompt");
    await v.see("prompt-bar");
    assert.equal(await v.at("prompt-input").inputValue(), "a kite over the dunes");
  },
);

atBothWidths(
  stage,
  "[SG-7, UI-7] a work that is deleted can be had back, and is gone with the page that is left",
  async (enter) => {
    const { person, video } = await collector();
    const before = await person.ask("GET", "/api/v1/sora/quota");
    const v = await enter({ person, path: "/sora/library" });
    await v.see("library-tile", "kite");
    await removeWork(v, "kite");
    await v.see("toast", "kite");
    await v.click("toast-action");
    if (v.screen.touch) {
      await v.see("preview-prompt", "kite");
      await v.click("preview-close");
    }
    await v.see("library-tile", "kite");
    assert.equal((await person.generation(video)).status, "completed");

    await removeWork(v, "kite");
    await v.see("toast", "kite");
    await v.page.reload();
    await eventually("the record is gone", async () => {
      const answer = await person.call("GET", `/api/v1/sora/generations/${video}`);
      return answer.status === 404;
    });
    await v.page.reload();
    await v.see("library-tile", "kettle");
    assert.equal(await v.at("library-tile").count(), 1);
    const later = await person.ask("GET", "/api/v1/sora/quota");
    assert.ok(later.used_bytes > 0 && later.used_bytes < before.used_bytes);
  },
);

inWindow(stage, "[UI-7] an empty library leads to the prompt", async (enter) => {
  const v = await enter({ person: await stage.newcomer(), path: "/sora/library" });
  await v.see("library-empty");
  await v.click("start-creating");
  await v.see("prompt-bar");
});

atDesk(stage, "[UI-7] the sheet has four, three, two or one column, and says what each work is", async (enter) => {
  const v = await enter({ person: stage.admin });
  const kinds = [
    { width: 1280, height: 720 },
    { media_type: "video", model: "sora2-landscape-10s", duration_seconds: 10, poster_url: DOT, media_url: null, media_urls: [] },
    { storage_type: "local", media_urls: [DOT, DOT, DOT] },
  ];
  await showWorks(v, Array.from({ length: 30 }, (_, n) => work(30 - n, kinds[n % 3])));
  await v.go("/sora/library");
  for (const [width, columns] of [[1440, 4], [1024, 3], [768, 2], [390, 1], [1440, 4]]) {
    await v.page.setViewportSize({ width, height: 900 });
    await eventually(`${columns} columns at ${width}`, async () => {
      const lefts = await v.at("library-tile").evaluateAll((all) => all.map((e) => e.getBoundingClientRect().left));
      return lefts.length > 0 && new Set(lefts.map(Math.round)).size === columns;
    });
  }
  const tile = (id: number) => v.page.locator(`[data-testid="library-tile"][data-id="${id}"]`);
  const badges = (id: number) => tile(id).locator(".badge").allInnerTexts();
  assert.deepEqual(await badges(30), [v.words("media.image")]);
  assert.deepEqual(await badges(29), ["0:10"]);
  assert.deepEqual(await badges(28), [v.words("sora.pieces", { n: 3 }), v.words("library.onServer")]);
  assert.equal(await tile(29).locator(".tile__acts").count(), 0);
  // The sheet may still be growing, which takes a tile away from under the pointer.
  const actions = ["tile-play", "tile-download", "tile-delete"].map((name) => v.at(name, tile(29)));
  await eventually("the tile's actions", async () => {
    await tile(29).hover();
    return (await Promise.all(actions.map((action) => action.isVisible()))).every(Boolean);
  });
  await eventually("the work opens by its tile", async () => {
    if (await v.at("preview-prompt").isVisible()) return true;
    await tile(29).hover({ timeout: 2000 }).catch(() => {});
    await actions[0]!.click({ timeout: 2000 }).catch(() => {});
    return false;
  });
  await v.see("preview-prompt", "work 29");
  await v.click("preview-older");
  const remove = (await (await v.see("preview-delete")).boundingBox())!;
  assert.ok(remove.y + remove.height <= 900, "what can be done with a picture of any shape is in view");
  await v.see("preview-prompt", "work 28");
  await v.page.keyboard.press("Delete");
  await v.see("preview-prompt", "work 27");
  await v.click("toast-action");
  // What was taken back is looked at again.
  await v.see("preview-prompt", "work 28");
});

atDesk(stage, "[UI-7] the arrows go on from a work that was scrolled out of view", async (enter) => {
  const v = await enter({ person: stage.admin });
  await showWorks(v, Array.from({ length: 100 }, (_, n) => work(100 - n, { width: 1280, height: 720 })));
  await v.go("/sora/library");
  const held = () => v.page.evaluate(() => document.activeElement?.closest("[data-id]")?.getAttribute("data-id"));
  await v.at("tile-open").first().focus();
  assert.equal(await held(), "100");
  await v.at("library-tile").first().hover();
  for (let n = 0; n < 3; n++) await v.page.mouse.wheel(0, 2000);
  await eventually("the first is out of view", () => v.page.evaluate(() => scrollY > 2000));
  assert.equal(await held(), "100");
  await v.page.keyboard.press("ArrowRight");
  await eventually("the one beside", async () => (await held()) === "99");
});

atDesk(stage, "[UI-7] a film plays under the pointer, and only there", async (enter) => {
  const { person } = await collector();
  const v = await enter({ person, path: "/sora/library" });
  const film = (await v.see("library-tile", "kite")).locator("video");
  assert.equal(await film.count(), 0);
  await v.at("library-tile").filter({ hasText: "kite" }).hover();
  await eventually("it plays", () => film.evaluate((e: HTMLVideoElement) => !e.paused && e.currentTime > 0.1));
  await v.at("library-search").hover();
  await eventually("none is there", async () => (await film.count()) === 0);
});

onPhone(stage, "[UI-7] what is out of sight in the row of kinds fades, also where less motion is wanted", async (enter) => {
  const v = await enter({ person: stage.admin });
  await showWorks(v, [work(1)]);
  await v.page.emulateMedia({ reducedMotion: "reduce" });
  await v.go("/sora/library");
  await v.see("library-tile");
  await v.page.setViewportSize({ width: 200, height: 800 });
  const row = v.page.locator(".toolbar > .seg");
  const faded = (wanted: boolean) =>
    eventually(wanted ? "the end fades" : "no fade at the end", () =>
      row.evaluate((e, is) => parseFloat(getComputedStyle(e).getPropertyValue("--more")) > 0 === is, wanted),
    );
  await faded(true);
  await row.evaluate((e) => (e.scrollLeft = e.scrollWidth));
  await faded(false);
});

atDesk(stage, "[UI-7] a deletion is sent when 8 s have passed, and not before", async (enter) => {
  const v = await enter({ person: stage.admin, prepare: ({ page }) => page.clock.install() });
  const sent: string[] = [];
  v.page.on("request", (request) => request.method() === "DELETE" && sent.push(new URL(request.url()).pathname));
  await showWorks(v, [work(2), work(1)]);
  await v.page.route("**/api/v1/sora/generations/2", (route) => route.fulfill({ status: 204 }));
  await v.go("/sora/library");
  await v.see("library-tile", "work 2");
  await v.page.clock.pauseAt(Date.now() + 60_000);
  const remove = async () => {
    const tile = v.at("library-tile").filter({ hasText: "work 2" });
    await tile.hover();
    await v.at("tile-delete", tile).click();
    await v.see("toast", "work 2");
    await eventually("one work", async () => (await v.at("library-tile").count()) === 1);
  };
  await remove();
  await v.page.clock.runFor(7900);
  await v.click("toast-action");
  await v.page.clock.runFor(1000);
  await v.see("library-tile", "work 2");
  await remove();
  await v.page.clock.runFor(7900);
  assert.deepEqual(sent, []);
  await v.page.clock.runFor(200);
  await eventually("the request", async () => sent.length === 1);
  assert.deepEqual(sent, ["/api/v1/sora/generations/2"]);
});

inWindow(stage, "[ID-4, UI-7] a deletion that can still be taken back is carried out when one signs out", async (enter) => {
  const { person, image } = await collector();
  const v = await enter({ person, path: "/sora/library" });
  v.allow(/^GET .* 401$/);
  await v.see("library-tile", "kettle");
  await removeWork(v, "kettle");
  await v.see("toast", "kettle");
  if (v.screen.touch) await v.click("preview-close");
  await v.navigate("account");
  await v.click("sign-out");
  await v.see("login-email");
  await v.gone("toast");
  const again = await stage.kinora.signIn(person.user.email);
  assert.equal((await again.call("GET", `/api/v1/sora/generations/${image}`)).status, 404);
});
