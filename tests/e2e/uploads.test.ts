// SPDX-License-Identifier: Apache-2.0
// The page of one's uploads: files come in, are shown by their kind, go, and are of use elsewhere.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atBothWidths, inWindow, Stage, type Visitor } from "../lib/browser.ts";
import { eventually, type Person } from "../lib/kinora.ts";
import { film, mp4ish, png, upload } from "../lib/uploads.ts";

const stage = await Stage.open("uploads");
await stage.admin.account(stage.demo, "chat");

const file = (name: string, buffer: Buffer, mimeType = "image/png") => ({ name, mimeType, buffer });
// As much as the page sends at a time.
const PIECE = 8 << 20;
const summary = (person: Person) => person.ask("GET", "/api/uploads/summary");

// The field itself is not to be seen: its button is.
const bring = (v: Visitor, files: ReturnType<typeof file>[]) =>
  v.page.locator('[data-testid="upload-input"]').setInputFiles(files);

async function arrived(v: Visitor, count: number): Promise<void> {
  await eventually(`${count} have arrived`, async () => {
    const states = await v.at("transfer").evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset.state));
    return states.filter((state) => state === "done").length === count;
  });
}

atBothWidths(
  stage,
  "[UP-1, UP-4, UP-5] files are sent by their kind, shown on their shelves, and what cannot be kept says why",
  async (enter) => {
    const person = await stage.newcomer();
    const v = await enter({ person, path: "/uploads" });
    await v.see("upload-drop");
    await bring(v, [
      file("dunes.png", png(64, 36)),
      file("boat.png", png(36, 36)),
      file("storyboard.psd", Buffer.from("8BPS and more"), "image/vnd.adobe.photoshop"),
      file("walk.mp4", film("mp4"), "video/mp4"),
    ]);
    await arrived(v, 3);
    await v.see("transfer-problem", "PNG");
    await eventually("three tiles", async () => (await v.at("upload-tile").count()) === 3);
    assert.equal(await v.at("upload-shelf").count(), 2);
    await v.at("upload-kind").selectOption("oc-avatar");
    await bring(v, [file("vesna.png", png(48, 48))]);
    await arrived(v, 4);
    await eventually("three shelves", async () => (await v.at("upload-shelf").count()) === 3);
    const { data } = await person.ask("GET", "/api/uploads/list");
    assert.deepEqual(
      data.map((item: any) => item.sub_type).sort(),
      ["oc-avatar", "oc-gallery", "oc-gallery", "oc-gallery-video"],
    );
  },
);

atBothWidths(stage, "[UP-4, UP-6] the quota is said before anything is sent, and deleting can be undone", async (enter) => {
  const person = await stage.newcomer();
  for (let i = 0; i < 2; i++) assert.equal((await upload(person, "oc-gallery", png(20, 20, 2000))).status, 200);
  const { used } = await summary(person);
  await stage.admin.ask("PATCH", "/api/v1/admin/settings", { upload_quota_enabled: true, upload_quota_bytes: used + 500 });
  const v = await enter({ person, path: "/uploads" });
  await v.see("upload-usage", "500 B");
  await bring(v, [file("large.png", png(20, 20, 2000))]);
  await v.see("transfer-problem", "500 B");
  assert.equal((await summary(person)).used, used);

  const remove = async () => {
    const tile = v.at("upload-tile").first();
    await v.at("upload-open", tile).click();
    await v.click("dialog-delete");
  };
  await remove();
  await v.see("toast");
  assert.equal(await v.at("upload-tile").count(), 1);
  await v.click("toast-action");
  await eventually("both are back", async () => (await v.at("upload-tile").count()) === 2);
  await remove();
  await v.page.reload();
  await eventually("one is gone", async () => (await person.ask("GET", "/api/uploads/list")).total === 1);
  await stage.admin.ask("PATCH", "/api/v1/admin/settings", { upload_quota_enabled: null, upload_quota_bytes: null });
});

atBothWidths(stage, "[UP-3, ST-1] an upload becomes the avatar, and the reference of a prompt", async (enter) => {
  const person = await stage.newcomer();
  const { body } = await upload(person, "oc-gallery", png(30, 30));
  const v = await enter({ person, path: "/account" });
  await v.click("avatar-choose");
  await v.see("upload-picker");
  await v.click("pick");
  await v.see("avatar-remove");
  assert.equal((await person.ask("GET", "/api/v1/auth/me")).avatar, body.upload_uuid);

  await v.page.goto("/sora");
  await v.click("reference-uploads");
  await v.see("upload-picker");
  await v.click("pick");
  await v.see("reference-image");
  await v.fill("prompt-input", "from an upload");
  await v.click("generate-button");
  await eventually("the job has it", async () => {
    const { data } = await person.ask("GET", "/api/v1/sora/generations");
    return data[0]?.params.image_input === true;
  });
});

inWindow(stage, "[UP-4] the focus stays in the pictures to choose from when there are no older ones", async (enter) => {
  const person = await stage.newcomer();
  await upload(person, "oc-gallery", png(30, 30));
  const { data } = await person.ask("GET", "/api/uploads/list");
  const many = (from: number, count: number) =>
    Array.from({ length: count }, (_, n) => ({ ...data[0], upload_uuid: `00000000-0000-4000-8000-${String(from + n).padStart(12, "0")}` }));
  const v = await enter({ person });
  await v.page.route("**/api/uploads/list?*", (route) => {
    const asked = new URL(route.request().url()).searchParams;
    const page = Number(asked.get("page"));
    const found = asked.get("sub_type") ? [] : page === 1 ? many(0, 60) : many(60, 3);
    return route.fulfill({ json: { data: found, total: 63, page, page_size: 60 } });
  });
  await v.go("/sora");
  await v.click("reference-uploads");
  await v.see("upload-picker");
  await v.at("picks-older").press("Enter");
  await eventually("all of them", async () => (await v.at("pick").count()) === 63);
  const within = () => v.at("upload-picker").evaluate((e) => e.contains(document.activeElement));
  await eventually("the focus in the dialog", within);
  await v.page.keyboard.press("Tab");
  assert.ok(await within());
  await v.page.keyboard.press("Escape");
  await v.gone("upload-picker");
});

inWindow(
  stage,
  "[UP-7] a large file is paused, goes on after a lost line and after a reload, and nothing of it is sent twice",
  async (enter) => {
    const person = await stage.newcomer();
    const folder = mkdtempSync(join(tmpdir(), "kinora-large-"));
    const large = join(folder, "walk.mp4");
    const size = 17 << 20;
    writeFileSync(large, mp4ish(size));
    const v = await enter({ person, path: "/uploads" });
    v.allow(/PATCH .* net::ERR_FAILED/, /HEAD .* net::ERR_FAILED/);
    // The first piece passes, the line of the second breaks once, and the third waits for a word.
    const offsets: number[] = [];
    let broken = false;
    let held = true;
    await v.page.route("**/api/uploads/tus/*", async (route) => {
      if (route.request().method() !== "PATCH") return route.continue();
      const offset = Number(route.request().headers()["upload-offset"]);
      if (offset === PIECE && !broken) {
        broken = true;
        return route.abort();
      }
      offsets.push(offset);
      if (offset < 2 * PIECE || !held) return route.continue();
    });
    const choose = (testid: string) => v.page.locator(`[data-testid="${testid}"]`).setInputFiles(large);
    try {
      await v.at("upload-kind").selectOption("oc-gallery-video");
      await choose("upload-input");
      await eventually("the third piece is on its way", async () => offsets.length === 3, 60);
      await v.click("transfer-pause");
      await v.see("transfer", v.pattern("uploads.paused", { sent: /1\d(\.\d)? MB/, size: "17 MB" }));
      await v.click("transfer-resume");
      await eventually("it goes on there", async () => offsets.length === 4);

      await v.page.reload();
      await v.see("transfer", v.words("uploads.away", { sent: "16 MB", size: "17 MB" }));
      held = false;
      await choose("transfer-input");
      await arrived(v, 1);
      assert.deepEqual(offsets, [0, PIECE, 2 * PIECE, 2 * PIECE, 2 * PIECE]);
      const { data } = await person.ask("GET", "/api/uploads/list");
      assert.deepEqual([data.length, data[0].size, data[0].name], [1, size, "walk.mp4"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
