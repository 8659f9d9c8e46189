// SPDX-License-Identifier: Apache-2.0
// The library, with a video of an upstream that is polled and a picture of one that streams.
import assert from "node:assert/strict";
import { atBothWidths, inWindow, Stage, type Visitor } from "../lib/browser.ts";
import { eventually, type Person } from "../lib/kinora.ts";

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

async function remove(v: Visitor, prompt: string): Promise<void> {
  const tile = v.at("library-tile").filter({ hasText: prompt });
  if (v.size.phone) {
    await v.at("tile-open", tile).tap();
    await v.click("preview-delete");
  } else {
    await tile.hover();
    await v.at("tile-delete", tile).click();
  }
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
    await remove(v, "kite");
    await v.see("toast", "kite");
    await v.click("toast-action");
    if (v.size.phone && (await v.at("preview").count()) > 0) await v.click("preview-close");
    await v.see("library-tile", "kite");
    assert.equal((await person.generation(video)).status, "completed");

    await remove(v, "kite");
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
