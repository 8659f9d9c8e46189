// SPDX-License-Identifier: Apache-2.0
// The page with a real bucket: where a work goes, what its card says of it, and links that are fresh.
import assert from "node:assert/strict";
import { after } from "node:test";
import { inWindow, Stage, type Visitor } from "../lib/browser.ts";
import { eventually, type Person } from "../lib/kinora.ts";
import { Bucket, gateway, Way } from "../lib/s3.ts";
import { removeWork } from "../lib/views.ts";

const gate = await gateway();
after(() => gate.stop());
const way = await Way.start(gate.url);
after(() => way.stop());
const bucket = await Bucket.make(gate);
const stage = await Stage.open("cloud");
const { admin, demo } = stage;
await admin.account(demo, "chat");

const settings = (changes: Record<string, unknown>) => admin.ask("PATCH", "/api/v1/admin/settings", changes);
const usedBy = async (person: Person) => (await person.ask("GET", "/api/v1/sora/quota")).used_bytes as number;
await settings(bucket.settings({ sora_s3_endpoint: way.url }));

// Until it is mended the bucket takes nothing, which is no matter of trying again.
const refuseAll = () =>
  way.break(...["put", "begin"].map((on) => ({ on, times: Infinity, status: 403, code: "AccessDenied" })));

async function workOf(v: Visitor, person: Person, prompt: string, state: string) {
  const card = await v.cardIs(prompt, state);
  return { card, work: await person.generation(Number(await card.getAttribute("data-id"))) };
}

inWindow(stage, "[UI-4, V-2, V-3] a work goes to the cloud, else to this server, else it is a link, and its card says so", async (enter) => {
  const person = await stage.newcomer();
  const v = await enter({ person, path: "/sora" });
  await v.ask("a red kite");
  const first = await workOf(v, person, "a red kite", "saved");
  await first.card.getByText(v.words("card.state.saved")).waitFor();
  assert.ok(await bucket.has((first.work.s3_object_keys as string[])[0]));
  assert.equal(await usedBy(person), first.work.file_size_bytes);
  await v.plays(first.card.locator("video"));

  refuseAll();
  try {
    await v.ask("a green kite");
    const second = await workOf(v, person, "a green kite", "local");
    assert.equal(second.work.storage_type, "local");
    await v.plays(second.card.locator("video"));
    await settings({ local_storage_enabled: false });
    await v.ask("a blue kite");
    const third = await workOf(v, person, "a blue kite", "link");
    assert.equal(third.work.storage_type, "upstream");
    await v.at("countdown", third.card).waitFor();
  } finally {
    way.mend();
    await settings({ local_storage_enabled: true });
  }
  const [first_, second_] = ["a red kite", "a green kite"].map((prompt) => v.card(prompt));
  assert.equal(await v.at("countdown", first_).count() + (await v.at("countdown", second_).count()), 0);
});

inWindow(stage, "[ST-6, UI-4, V-11] a link is saved by a press, lies in the bucket then, and is counted", async (enter) => {
  const person = await stage.newcomer();
  await settings({ local_storage_enabled: false });
  refuseAll();
  try {
    const v = await enter({ person, path: "/sora" });
    await v.ask("a paper lantern");
    const { card } = await workOf(v, person, "a paper lantern", "link");
    assert.equal(await usedBy(person), 0);
    way.mend();
    await v.at("job-save", card).click();
    const saved = await workOf(v, person, "a paper lantern", "saved");
    await v.see("toast", v.words("sora.savedToast"));
    const [key] = saved.work.s3_object_keys as string[];
    assert.equal((await bucket.read(key)).size, saved.work.file_size_bytes);
    assert.equal(await usedBy(person), saved.work.file_size_bytes);
    await v.click("tab-library");
    await v.see("library-tile", "a paper lantern");
  } finally {
    way.mend();
    await settings({ local_storage_enabled: true });
  }
});

inWindow(stage, "[ST-6, SG-9, UI-4, UI-6] what did not fit is saved once there is room, and the way there is shown", async (enter) => {
  const person = await stage.newcomer();
  await person.ended(await person.generate("an old kettle"));
  const limit = (bytes: number) =>
    admin.ask("PATCH", `/api/v1/admin/users/${person.user.id}`, { sora_storage_quota_bytes: bytes });
  await limit((await usedBy(person)) + 1);
  const v = await enter({ person, path: "/sora" });
  v.allow(/^POST .*\/save 429$/);
  await v.ask("a tall lantern");
  const { card } = await workOf(v, person, "a tall lantern", "link");
  const rows = () => card.locator(".card__actions .btn").evaluateAll((all) => {
    const middles = all.map((e) => e.getBoundingClientRect()).map((b) => Math.round(b.top + b.height / 2));
    return new Set(middles).size;
  });
  const size = v.page.viewportSize()!;
  for (const width of [768, size.width]) {
    await v.page.setViewportSize({ ...size, width });
    await eventually(`one row of buttons at ${width}`, async () => (await rows()) === 1);
  }
  await v.at("job-save", card).click();
  await v.see("quota-dialog");
  assert.equal(await v.at("toast").count(), 0);
  await v.click("quota-to-library");
  await v.see("library-tile", "an old kettle");
  await removeWork(v, "an old kettle");
  await v.see("library-empty");
  await v.page.reload();
  await eventually("there is room", async () => (await usedBy(person)) === 0);
  await limit(50_000_000);
  await v.click("tab-generate");
  await v.at("job-save", await v.cardIs("a tall lantern", "link")).press("Enter");
  const saved = await v.cardIs("a tall lantern", "saved");
  await eventually("one goes on from the card", () => saved.evaluate((e) => e === document.activeElement));
});

inWindow(stage, "[SG-4, UI-7, V-14] the library asks for links at each visit, and one that has expired is renewed", async (enter) => {
  const person = await stage.newcomer();
  await person.ended(await person.generate("a quiet harbour", { model: "gpt-image" }));
  const v = await enter({ person });
  let asked = 0;
  v.page.on("request", (request) => {
    if (/generations\?.*page_size=50/.test(request.url())) asked++;
  });
  await v.go("/sora/library");
  const image = v.at("library-tile").locator("img");
  const link = () => image.getAttribute("src");
  const whole = () =>
    eventually("the picture", () => image.evaluate((i: HTMLImageElement) => i.complete && i.naturalWidth > 0));
  await whole();
  assert.match((await link())!, /X-Amz-Signature=/);
  const before = asked;
  await v.click("tab-generate");
  await v.see("prompt-bar");
  await v.click("tab-library");
  await whole();
  assert.equal(asked, before + 1);

  // Signed, but not by anyone whom the bucket knows: as it answers to what has expired.
  v.allow(new RegExp(`^GET /${bucket.name}/\\S+ (403|net::ERR_BLOCKED_BY_ORB)$`));
  await v.page.route(
    /\/api\/v1\/sora\/generations\?/,
    async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text()).replaceAll(/X-Amz-Signature=\w+/g, `X-Amz-Signature=${"0".repeat(64)}`);
      await route.fulfill({ response: answer, body });
    },
  );
  await v.page.reload();
  await whole();
  assert.ok(!(await link())!.includes("0".repeat(64)));
});
