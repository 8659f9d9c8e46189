// SPDX-License-Identifier: Apache-2.0
// Works in a bucket, as a browser plays them: by links that the bucket's own server answers.
import assert from "node:assert/strict";
import { after } from "node:test";
import { inWindow, Stage } from "../lib/browser.ts";
import { eventually } from "../lib/kinora.ts";
import { Bucket, gateway } from "../lib/s3.ts";

const gate = await gateway();
after(() => gate.stop());
const bucket = await Bucket.make(gate);
const stage = await Stage.open("bucket");
await stage.admin.account(stage.demo, "videos", { models: ["sora2-landscape-10s"] });
await stage.admin.ask("PATCH", "/api/v1/admin/settings", bucket.settings());

inWindow(stage, "[SG-4] [V-14] a work in the bucket plays, can be sought in, and does so again the next time", async (enter) => {
  const person = await stage.newcomer();
  const work = await person.ended(await person.generate("a kite in the bucket"));
  assert.equal(work.storage_type, "s3", JSON.stringify(work));
  const v = await enter({ person, path: "/sora/library" });
  for (const time of ["first", "second"]) {
    const tile = await v.see("library-tile", "kite");
    await v.at("tile-open", tile).click({ position: { x: 20, y: 20 } });
    const video = v.at("preview-video");
    await v.plays(video);
    const from = await video.evaluate((e: HTMLVideoElement) => e.currentSrc);
    assert.ok(from.startsWith(`${gate.url}/${bucket.name}/`), `${time}: ${from}`);
    await video.evaluate((e: HTMLVideoElement) => {
      e.pause();
      e.currentTime = e.duration / 2;
    });
    await eventually("it stands in the middle", () =>
      video.evaluate((e: HTMLVideoElement) =>
        !e.seeking && e.readyState >= 2 && Math.abs(e.currentTime - e.duration / 2) < 0.2));
    await v.go("/sora/library");
  }
});
