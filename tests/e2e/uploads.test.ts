// SPDX-License-Identifier: Apache-2.0
// The page of one's uploads: files come in, are shown by their kind, go, and are of use elsewhere.
import assert from "node:assert/strict";
import { atBothWidths, Stage, type Visitor } from "../lib/browser.ts";
import { eventually, type Person } from "../lib/kinora.ts";
import { film, png, upload } from "../lib/uploads.ts";

const stage = await Stage.open("uploads");
await stage.admin.account(stage.demo, "chat");

const file = (name: string, buffer: Buffer, mimeType = "image/png") => ({ name, mimeType, buffer });
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
