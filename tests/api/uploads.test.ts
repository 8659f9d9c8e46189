// SPDX-License-Identifier: Apache-2.0
// What becomes of files that were uploaded: lists and figures, quotas by tier, what a UUID may stand
// for, deleting, references, and uploads as the image of a job (docs/spec.md, section 6).
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { documented } from "../lib/openapi.ts";
import { assertError, stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { film, png, upload } from "../lib/uploads.ts";

let kinora: Kinora, demo: Demo, admin: Person, rows: Rows;
let ann: Person, bob: Person;
let people = 0;

const NOBODYS = "00000000-0000-4000-8000-000000000000";
const URL_OF_OTHERS = "https://example.org/picture.png";
const DEFAULTS = {
  upload_quota_enabled: null,
  upload_quota_bytes: null,
  upload_image_max_bytes: null,
  upload_rules: null,
  upload_extra_sub_types: null,
};

before(async () => {
  [kinora, demo] = await Promise.all([Kinora.start(), Demo.start("--speed", "200")]);
  admin = documented(await kinora.admin());
  await admin.account(demo, "chat");
  rows = new Rows(kinora);
});
after(() => stopAll(kinora, demo));
beforeEach(async () => {
  await settings(DEFAULTS);
  ann = documented(await admin.member(`ann-${++people}@example.org`));
  bob = documented(await admin.member(`bob-${people}@example.org`));
});

const settings = (more: Record<string, unknown>) => admin.ask("PATCH", "/api/v1/admin/settings", more);
const summary = (person: Person) => person.ask("GET", "/api/uploads/summary");
const list = (person: Person, query = "") => person.ask("GET", `/api/uploads/list${query}`);
const uuids = (page: { data: { upload_uuid: string }[] }) => page.data.map((item) => item.upload_uuid);

// A file that was taken.
async function brought(person: Person, subType: string, bytes = png()): Promise<any> {
  const answer = await upload(person, subType, bytes);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

function kindOf(sum: any, subType: string): any {
  return sum.sub_types.find((kind: any) => kind.sub_type === subType);
}

describe("Looking at one's uploads", () => {
  test("[UP-4] the list is one's own, newest first, by pages and by sub-type", async () => {
    const made: any[] = [];
    for (const subType of ["oc-avatar", "oc-gallery", "oc-gallery", "world-background"])
      made.push(await brought(ann, subType));
    await brought(bob, "oc-gallery");
    const newest = made.map((item) => item.upload_uuid).reverse();
    const all = await list(ann);
    assert.deepEqual(uuids(all), newest);
    assert.equal(all.total, 4);
    const second = await list(ann, "?page=2&page_size=3");
    assert.deepEqual(uuids(second), newest.slice(3));
    assert.deepEqual(uuids(await list(ann, "?sub_type=oc-gallery")), [newest[1], newest[2]]);
    const one = await ann.ask("GET", `/api/uploads/${newest[1].toUpperCase()}`);
    assert.deepEqual({ ...one, url: "", download_url: "" }, { ...all.data[1], url: "", download_url: "" });
    assertError(await bob.call("GET", `/api/uploads/${newest[1]}`), 404, "upload_not_found");
    assertError(await ann.call("GET", `/api/uploads/${NOBODYS}`), 404, "upload_not_found");
  });

  test("[UP-2] [UP-3] a reference has no UUID and no row, and is listed where it is asked for", async () => {
    const reference = await brought(ann, "reference");
    assert.equal(reference.upload_uuid, null);
    assert.equal((await list(ann)).total, 0);
    const { data } = await list(ann, "?sub_type=reference");
    assert.equal(data[0].key, reference.key);
    assert.ok(Date.parse(data[0].expires_at) > Date.now() + 29 * 86_400_000);
    assert.equal(rows.query(`SELECT id FROM generations WHERE user_id = ${ann.user.id}`).length, 0);
  });

  test("[UP-3] every other sub-type has a generations row, and an image's or a video's", async () => {
    const image = await brought(ann, "user-background");
    const video = await brought(ann, "oc-gallery-video", film("mp4"));
    for (const [made, table] of [
      [image, "generation_images"],
      [video, "generation_videos"],
    ] as const) {
      const row = rows.one(
        `SELECT g.type, g.sub_type, m.sub_type AS medium FROM generations g JOIN ${table} m ` +
          `ON m.generation_id = g.id WHERE g.uuid = '${made.upload_uuid}'`,
      );
      assert.deepEqual({ ...row }, { type: "user_upload", sub_type: made.sub_type, medium: made.sub_type });
    }
  });
});

describe("Quotas by tier", () => {
  test("[UP-4] [UP-6] portraits, galleries and videos count; the figures are exact", async () => {
    const bytes = png(3, 2, 1000);
    for (const subType of ["oc-avatar", "oc-gallery", "user-avatar", "world-background", "reference"])
      await brought(ann, subType, bytes);
    const sum = await summary(ann);
    assert.equal(sum.used, 2 * bytes.length);
    assert.equal(sum.limit, 1 << 30);
    assert.equal(sum.left, sum.limit - sum.used);
    assert.equal(sum.quota_enabled, false);
    for (const subType of ["oc-avatar", "world-background", "reference"]) {
      const kind = kindOf(sum, subType);
      assert.deepEqual([kind.files, kind.size, kind.counted], [1, bytes.length, subType === "oc-avatar"]);
    }
    const used = rows.one(`SELECT sora_storage_used_bytes AS n FROM users WHERE id = ${ann.user.id}`);
    assert.equal(Number(used.n), 0, "the studio's counter is another one");
  });

  test("[UP-6] over the quota is 413 in English, and deleting makes room at once", async () => {
    const bytes = png(3, 2, 1000);
    await settings({ upload_quota_enabled: true, upload_quota_bytes: 2 * bytes.length });
    ann.language = "zh";
    const first = await brought(ann, "oc-gallery", bytes);
    await brought(ann, "oc-avatar", bytes);
    const refused = await upload(ann, "oc-gallery", bytes);
    assertError(refused, 413, "upload_quota_exceeded");
    assert.equal(refused.body.error.message, "Upload quota exceeded");
    await brought(ann, "user-avatar", bytes);
    await brought(bob, "oc-gallery", bytes);

    // Smaller than what there is: deleting goes all the same.
    await settings({ upload_quota_bytes: 1 });
    assert.equal((await summary(ann)).left, 0);
    assert.equal((await ann.call("DELETE", `/api/uploads/${first.upload_uuid}`)).status, 204);
    assert.equal((await summary(ann)).used, bytes.length);
    await settings({ upload_quota_bytes: 2 * bytes.length });
    await brought(ann, "oc-gallery", bytes);
    await settings({ upload_quota_enabled: false });
    await brought(ann, "oc-gallery", bytes);
  });

  test("[UP-6] [SG-6] of many at once as many are taken as there is room for", async () => {
    const bytes = png(3, 2, 4000);
    await settings({ upload_quota_enabled: true, upload_quota_bytes: 3 * bytes.length + 100 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => upload(ann, "oc-gallery", bytes)));
    const codes = answers.filter((a) => a.status !== 200).map((a) => a.body.error.code);
    assert.ok(codes.every((code) => code === "upload_quota_exceeded"));
    // A length that is not stated is reserved with its ending still to come: fewer may fit at once.
    const { used, limit } = await summary(ann);
    assert.equal(used, (12 - codes.length) * bytes.length);
    assert.ok(used <= limit);
    while ((await summary(ann)).left >= bytes.length) await brought(ann, "oc-gallery", bytes);
    assert.equal((await summary(ann)).used, 3 * bytes.length);
  });

  test("[UP-5] [UP-6] quota and limits are a tier's and a sub-type's, changed while the server runs", async () => {
    const group = await admin.ask("POST", "/api/v1/admin/groups", { name: `tier ${people}`, platform: "sora" });
    await admin.ask("PATCH", `/api/v1/admin/users/${bob.user.id}`, { group_id: group.id });
    const bytes = png(3, 2, 1000);
    await settings({
      upload_quota_enabled: true,
      upload_rules: [
        { group_id: group.id, quota_bytes: 10 },
        { group_id: group.id, sub_type: "user-avatar", max_bytes: 100 },
        { sub_type: "world-background", max_pixels: 5 },
      ],
    });
    assertError(await upload(bob, "oc-avatar", bytes), 413, "upload_quota_exceeded");
    await brought(ann, "oc-avatar", bytes);
    assert.equal((await upload(bob, "user-avatar", bytes)).status, 413);
    await brought(ann, "user-avatar", bytes);
    assert.equal((await upload(ann, "world-background", png(3, 2))).status, 413);
    await brought(ann, "world-background", png(2, 2));
    assert.equal(kindOf(await summary(bob), "user-avatar").max_bytes, 100);
    for (const upload_rules of [[{ sub_type: "nonsense" }], [{ max: 1 }], [{ sub_type: "oc-avatar", quota_bytes: 1 }]]) {
      const answer = await admin.call("PATCH", "/api/v1/admin/settings", { upload_rules });
      assertError(answer, 400, "invalid_field");
      assert.equal(answer.body.error.field, "upload_rules");
    }
  });

  test("[UP-1] scene and other are taken only where the administrator's list has them", async () => {
    for (const subType of ["scene", "other"])
      assertError(await upload(ann, subType, png()), 403, "upload_sub_type_off");
    await settings({ upload_extra_sub_types: ["scene"] });
    await brought(ann, "scene");
    assertError(await upload(ann, "other", png()), 403, "upload_sub_type_off");
    assert.ok(kindOf(await summary(ann), "scene"));
    assert.ok(!kindOf(await summary(ann), "other"));
  });
});

describe("What a UUID or an address may stand for", () => {
  const resolve = (sub_type: string, value: string, person = ann) =>
    person.call("POST", "/api/uploads/resolve", { sub_type, value });

  test("[UP-3] OC sub-types take UUIDs of one's own, the others addresses too, which are not fetched", async () => {
    const image = (await brought(ann, "oc-gallery")).upload_uuid;
    const video = (await brought(ann, "oc-gallery-video", film("mp4"))).upload_uuid;
    for (const subType of ["user-avatar", "user-background", "world-background"]) {
      const address = await resolve(subType, URL_OF_OTHERS);
      assert.deepEqual(address.body, { sub_type: subType, url: URL_OF_OTHERS, upload_uuid: null });
      assertError(await resolve(subType, "ftp://example.org/a.png"), 400, "invalid_field");
    }
    for (const subType of ["oc-avatar", "oc-gallery", "oc-gallery-video"]) {
      assertError(await resolve(subType, URL_OF_OTHERS), 400, "invalid_field");
      const own = await resolve(subType, subType.endsWith("video") ? video : image);
      assert.equal(own.status, 200);
      assert.equal((await fetch(own.body.url)).status, 200);
      assertError(await resolve(subType, subType.endsWith("video") ? image : video), 400, "invalid_field");
    }
    assertError(await resolve("oc-gallery", image, bob), 404, "upload_not_found");
    assertError(await resolve("user-avatar", NOBODYS), 404, "upload_not_found");
  });

  test("[UP-3] one's pictures are uploads of one's own or addresses, and go when the upload does", async () => {
    const { upload_uuid } = await brought(ann, "user-avatar", png(5, 5));
    const me = await ann.ask("PATCH", "/api/v1/auth/me", { avatar: upload_uuid, background: URL_OF_OTHERS });
    assert.equal(me.avatar, upload_uuid);
    assert.equal(me.background_url, URL_OF_OTHERS);
    const shown = Buffer.from(await (await fetch(me.avatar_url)).arrayBuffer());
    assert.deepEqual(shown, png(5, 5));
    assertError(await bob.call("PATCH", "/api/v1/auth/me", { avatar: upload_uuid }), 404, "upload_not_found");
    const again = await kinora.signIn(ann.user.email);
    assert.equal(again.user.avatar, upload_uuid);
    assert.match(String(again.user.avatar_url), /^http/);
    await ann.ask("DELETE", `/api/uploads/${upload_uuid}`);
    const later = await ann.ask("GET", "/api/v1/auth/me");
    assert.deepEqual([later.avatar, later.avatar_url, later.background], [null, null, URL_OF_OTHERS]);
  });

  test("[UP-6] the messages are English whatever is asked for", async () => {
    ann.language = "zh";
    for (const answer of [
      await ann.call("GET", `/api/uploads/${NOBODYS}`),
      await ann.call("DELETE", `/api/uploads/${NOBODYS}`),
      await resolve("oc-avatar", URL_OF_OTHERS),
      await ann.call("GET", "/api/uploads/list?page=0"),
    ])
      assert.match(answer.body.error.message, /^[\x20-\x7e]+$/);
  });
});

describe("Going", () => {
  test("[UP-4] [SG-7] what is deleted is gone from rows and store, a video's poster too", async () => {
    const { upload_uuid, url } = await brought(ann, "oc-gallery-video", film("mp4"));
    assertError(await bob.call("DELETE", `/api/uploads/${upload_uuid}`), 404, "upload_not_found");
    assert.equal((await fetch(url)).status, 200);
    await ann.ask("DELETE", `/api/uploads/${upload_uuid}`);
    assertError(await ann.call("DELETE", `/api/uploads/${upload_uuid}`), 404, "upload_not_found");
    assert.equal((await summary(ann)).used, 0);
    assert.equal((await fetch(url)).status, 404);
    assert.equal(rows.query(`SELECT id FROM objects WHERE user_id = ${ann.user.id}`).length, 0);
    await eventually("the files are gone", async () => rows.query("SELECT id FROM deletions").length === 0);
  });

  test("[UP-2] a reference goes 30 days after its last use", async () => {
    const old = await brought(ann, "reference");
    const used = await brought(ann, "reference");
    const past = Date.now() - 30 * 86_400_000 - 60_000;
    rows.change(`UPDATE objects SET used_at = ${past} WHERE key = '${old.key}'`);
    rows.change(`UPDATE objects SET used_at = ${past + 3_600_000} WHERE key = '${used.key}'`);
    await eventually("the unused one is gone", async () => {
      const { data } = await list(ann, "?sub_type=reference");
      return data.length === 1 && data[0].key === used.key;
    });
    await ann.ended(await ann.generate("by its key", { model: "gpt-image", image_input: used.key }));
    const [kept] = (await list(ann, "?sub_type=reference")).data;
    assert.ok(Date.parse(kept.expires_at) > Date.now() + 29 * 86_400_000);
  });
});

describe("As the image of a job", () => {
  // The bodies of all submissions so far.
  const sent = async () =>
    (await demo.requests("chat")).map((r) => Buffer.from(r.body.base64!, "base64").toString());

  test("[ST-1] an upload by its UUID, a reference by its key or link, go up as the bytes they are", async () => {
    const image = await brought(ann, "oc-gallery", png(7, 7));
    const reference = await brought(ann, "reference", png(9, 9));
    for (const [name, image_input, bytes] of [
      ["by UUID", image.upload_uuid, png(7, 7)],
      ["by key", reference.key, png(9, 9)],
      ["by link", reference.url, png(9, 9)],
    ] as const) {
      const id = await ann.generate(name, { model: "gpt-image", image_input });
      const done = await ann.ended(id);
      assert.equal(done.status, "completed", String(done.error_message));
      const body = (await sent()).find((text) => text.includes(name))!;
      assert.ok(body.includes(`data:image/png;base64,${bytes.toString("base64")}`), name);
    }
    // The job has a copy: what was uploaded stays when the job goes.
    assert.equal((await list(ann)).total, 1);
  });

  test("[ST-1] nobody else's upload and no video is taken", async () => {
    const theirs = await brought(bob, "oc-gallery");
    const reference = await brought(bob, "reference");
    const video = await brought(ann, "oc-gallery-video", film("mp4"));
    const ask = (image_input: string) =>
      ann.call("POST", "/api/v1/sora/generate", { model: "gpt-image", prompt: "a boat", image_input });
    assertError(await ask(theirs.upload_uuid), 404, "upload_not_found");
    assertError(await ask(reference.key), 404, "upload_not_found");
    assertError(await ask(NOBODYS), 404, "upload_not_found");
    assertError(await ask(video.upload_uuid), 400, "invalid_field");
  });
});
