// SPDX-License-Identifier: Apache-2.0
// Every kind of upload against every rule of docs/spec.md, section 6, wherever files and rows lie:
// the disk and a bucket, SQLite and PostgreSQL. KINORA_FULL=1 plays all of it, else some kinds on
// the pair that the other suites see least of.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { mediaFiles } from "../lib/invariants.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { assertError, stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { Bucket, gateway, type Gateway } from "../lib/s3.ts";
import { create, patch, recordOf } from "../lib/tus.ts";
import { BOUNDARY, fields, film, form, GIF, jpeg, png, post, upload, WEBP } from "../lib/uploads.ts";

const FULL = process.env.KINORA_FULL === "1";
const ENGINES = process.env.KINORA_TEST_POSTGRES ? ["sqlite", "postgres"] : ["sqlite"];
const STORES = ["disk", "bucket"] as const;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const NOBODYS = "00000000-0000-4000-8000-000000000000";
const URL_OF_OTHERS = "https://example.org/a.png";

interface Kind {
  name: string;
  counts?: boolean;
  video?: boolean;
  extra?: boolean; // only where the administrator's list has it
  // What a value of it may be.
  takes: "url" | "uuid" | "both";
  profile?: "avatar" | "background";
}
const KINDS: Kind[] = [
  { name: "reference", takes: "url" },
  { name: "oc-avatar", counts: true, takes: "uuid" },
  { name: "oc-gallery", counts: true, takes: "uuid" },
  { name: "oc-gallery-video", counts: true, video: true, takes: "uuid" },
  { name: "user-avatar", takes: "both", profile: "avatar" },
  { name: "user-background", takes: "both", profile: "background" },
  { name: "world-background", takes: "both" },
  { name: "scene", extra: true, takes: "both" },
  { name: "other", extra: true, takes: "both" },
];
const SHORT = ["reference", "oc-avatar"];

let gate: Gateway;
before(async () => {
  gate = await gateway();
});
after(() => gate.stop());

const films = new Map<string, Buffer>();
function filmOf(format: "mp4" | "webm" | "mov"): Buffer {
  if (!films.has(format)) films.set(format, film(format));
  return films.get(format)!;
}
const fileOf = (kind: Kind): Buffer => (kind.video ? filmOf("mp4") : png(3, 2));

// A refusal, in English to someone who reads Chinese.
async function refused(asked: Promise<any>, status: number, code: string): Promise<any> {
  const answer = await asked;
  assertError(answer, status, code);
  assert.match(answer.body.error.message, /^[\x20-\x7e]+$/);
  return answer.body.error;
}

for (const engine of ENGINES) {
  for (const store of STORES) {
    if (!FULL && (engine !== ENGINES.at(-1) || store !== "bucket")) continue;
    describe(`${store}, ${engine}`, () => {
      let kinora: Kinora, admin: Person, rows: Rows, bucket: Bucket;
      const settings = (more: Record<string, unknown>) => admin.ask("PATCH", "/api/v1/admin/settings", more);

      before(async () => {
        kinora = await Kinora.start(engine === "sqlite" ? { database: "" } : {});
        admin = await kinora.admin();
        rows = new Rows(kinora);
        bucket = await Bucket.make(gate);
        if (store === "disk") return;
        await settings(bucket.settings({ sora_s3_prefix: "pre", local_storage_enabled: false }));
        await eventually("the bucket answers", async () => (await admin.ask("GET", "/api/v1/sora/storage-status")).s3_healthy);
      });
      after(() => stopAll(kinora));

      for (const kind of KINDS) {
        if (!FULL && !SHORT.includes(kind.name)) continue;
        const title = (id: string, rule: string) => `[${id}] ${kind.name}, ${store}, ${engine}: ${rule}`;
        describe(kind.name, () => {
          let ann: Person, bob: Person;
          const brought = async (bytes = fileOf(kind), name?: string) => {
            const { status, body } = await upload(ann, kind.name, bytes, name);
            assert.equal(status, 200, JSON.stringify(body));
            return body;
          };
          const send = (bytes: Buffer) => upload(ann, kind.name, bytes);
          const summary = async () => {
            const sum = await ann.ask("GET", "/api/uploads/summary");
            return { ...sum, kind: sum.sub_types.find((k: any) => k.sub_type === kind.name) };
          };

          before(async () => {
            ann = await admin.member(`ann-${kind.name}@example.org`);
            bob = await admin.member(`bob-${kind.name}@example.org`);
            ann.language = "zh";
            if (!kind.extra) return;
            await refused(send(fileOf(kind)), 403, "upload_sub_type_off");
            await settings({ upload_extra_sub_types: [kind.name] });
          });
          after(() => settings({ upload_extra_sub_types: null }));

          test(title("UP-1", "the form as it must be, and no other"), async () => {
            const file = { filename: "a.png", body: fileOf(kind) };
            const [type, subType] = fields(kind.name);
            for (const [parts, code] of [
              [[type, file], "missing_field"],
              [[subType, file], "missing_field"],
              [[{ ...type, body: "other" }, subType, file], "invalid_field"],
              [[type, subType, subType, file], "invalid_field"],
              [[file, type, subType], "missing_field"],
              [[type, subType], "missing_field"],
              [[type, subType, file, file], "invalid_field"],
              [[type, subType, { ...file, body: "" }], "file_empty"],
            ] as const)
              await refused(post(ann, form([...parts])), 400, code);
            await refused(post(ann, form([type, subType, file], BOUNDARY, "")), 400, "bad_multipart");
            const inQuery = await post(ann, form([file]), {}, `/api/upload?type=user_upload&sub_type=${kind.name}`);
            assert.equal(inQuery.status, 200, JSON.stringify(inQuery.body));
            const { body } = inQuery;
            assert.deepEqual([body.sub_type, body.size, body.mime],
              [kind.name, file.body.length, kind.video ? "video/mp4" : "image/png"]);
            assert.deepEqual([body.width, body.height], kind.video ? [64, 48] : [3, 2]);
            assert.equal(body.duration === null, !kind.video);
            assert.deepEqual(Buffer.from(await (await fetch(body.url)).arrayBuffer()), file.body);
          });

          test(title("UP-2", "its key, and what the ledger has of it"), async () => {
            const { key, upload_uuid, mime } = await brought();
            const month = new Date().toISOString().slice(0, 7).replace("-", "/");
            const folder = kind.name === "reference" ? `reference/${ann.user.uuid}` : `uploads/${ann.user.uuid}/${kind.name}`;
            const prefix = store === "bucket" ? "pre/" : "";
            assert.match(key, new RegExp(`^${prefix}${folder}/${month}/[0-9a-f-]{36}\\.${mime.split("/")[1]}$`));
            const row = rows.one(`SELECT counter, storage, state, used_at FROM objects WHERE key = '${key}'`);
            assert.deepEqual([row.counter, row.storage, row.state, row.used_at !== null],
              [kind.counts ? "upload" : "free", store === "bucket" ? "s3" : "local", "stored", kind.name === "reference"]);
            assert.ok(store === "bucket" ? await bucket.has(key) : mediaFiles(kinora).includes(key));
            if (kind.name === "reference") assert.equal(upload_uuid, null);
            else assert.match(upload_uuid, UUID);
          });

          test(title("UP-3", "its rows, and what a value of it may be"), async () => {
            const { upload_uuid } = await brought();
            const resolve = (value: string, person = ann) =>
              person.call("POST", "/api/uploads/resolve", { sub_type: kind.name, value });
            if (upload_uuid) {
              const medium = kind.video ? "generation_videos" : "generation_images";
              const row = rows.one(`SELECT g.type, g.sub_type, m.sub_type AS medium FROM generations g JOIN ${medium} m ` +
                `ON m.generation_id = g.id WHERE g.uuid = '${upload_uuid}'`);
              assert.deepEqual({ ...row }, { type: "user_upload", sub_type: kind.name, medium: kind.name });
              assert.equal((await resolve(upload_uuid)).body.upload_uuid, upload_uuid);
              await refused(resolve(upload_uuid, bob), 404, "upload_not_found");
              await refused(resolve(NOBODYS), 404, "upload_not_found");
            } else {
              await refused(resolve(NOBODYS), 400, "invalid_field");
            }
            if (kind.takes === "uuid") await refused(resolve(URL_OF_OTHERS), 400, "invalid_field");
            else assert.equal((await resolve(URL_OF_OTHERS)).body.url, URL_OF_OTHERS);
            await refused(resolve("ftp://example.org/a.png"), 400, "invalid_field");
            if (!kind.profile) return;
            for (const value of [upload_uuid, URL_OF_OTHERS])
              assert.equal((await ann.ask("PATCH", "/api/v1/auth/me", { [kind.profile]: value }))[kind.profile], value);
          });

          test(title("UP-4", "counted, listed, shown and deleted"), async () => {
            const before = await summary();
            const made = await brought();
            const sum = await summary();
            assert.equal(sum.kind.files, before.kind.files + 1);
            assert.equal(sum.kind.size, before.kind.size + made.size);
            assert.equal(sum.used - before.used, kind.counts ? made.size : 0);
            assert.equal(sum.left, sum.limit - sum.used);
            const { data } = await ann.ask("GET", `/api/uploads/list?sub_type=${kind.name}`);
            assert.equal(data[0].key, made.key);
            assert.equal((await bob.ask("GET", `/api/uploads/list?sub_type=${kind.name}`)).total, 0);
            if (!made.upload_uuid) return;
            const path = `/api/uploads/${made.upload_uuid}`;
            assert.equal((await ann.ask("GET", path)).key, made.key);
            for (const method of ["GET", "DELETE"]) await refused(bob.call(method, path), 404, "upload_not_found");
            assert.equal((await ann.call("DELETE", path)).status, 204);
            await refused(ann.call("GET", path), 404, "upload_not_found");
            assert.equal((await summary()).used, before.used);
            await eventually("its bytes are gone", async () =>
              store === "bucket" ? !(await bucket.has(made.key)) : !mediaFiles(kinora).includes(made.key));
          });

          test(title("UP-5", "its types by the bytes, and its limits"), async () => {
            const images: [Buffer, string][] = [[jpeg(), "image/jpeg"], [GIF, "image/gif"], [WEBP.lossy, "image/webp"]];
            const videos: [Buffer, string][] = [[filmOf("webm"), "video/webm"], [filmOf("mov"), "video/quicktime"]];
            for (const [bytes, mime] of kind.video ? videos : images)
              assert.equal((await brought(bytes, "a.txt")).mime, mime);
            for (const bytes of [kind.video ? png() : filmOf("mp4"), Buffer.from("<svg/>"), Buffer.alloc(1000, 60)])
              await refused(send(bytes), 415, "unsupported_type");
            const large = kind.video ? fileOf(kind) : png(3, 2, 2000);
            try {
              await settings({ upload_rules: [{ sub_type: kind.name, max_bytes: 1000, max_pixels: 5 }] });
              assert.equal((await refused(send(large), 413, "file_too_large")).limit_bytes, 1000);
              if (!kind.video) assert.equal((await refused(send(png(3, 2)), 413, "too_many_pixels")).limit_pixels, 5);
              await settings({ upload_rules: [{ sub_type: kind.name === "other" ? "scene" : "other", max_bytes: 10 }] });
              await brought(large);
            } finally {
              await settings({ upload_rules: null });
            }
          });

          test(title("UP-6", "over the quota or not asked for it"), async () => {
            const file = fileOf(kind);
            const { used } = await summary();
            try {
              await settings({ upload_quota_enabled: true, upload_quota_bytes: used + file.length });
              await brought();
              if (kind.counts) assert.equal((await refused(send(file), 413, "upload_quota_exceeded")).message, "Upload quota exceeded");
              else await brought();
              await settings({ upload_quota_enabled: false });
              await brought();
            } finally {
              await settings({ upload_quota_enabled: null, upload_quota_bytes: null });
            }
          });

          test(title("UP-7", "in pieces, the same as in one"), async () => {
            const file = fileOf(kind);
            const address = await create(ann, kind.name, file.length);
            for (const [from, to] of [[0, 40], [40, file.length]])
              assert.equal((await patch(ann, address, from, file.subarray(from, to))).status, 204);
            const record = await recordOf(ann, address), whole = await brought();
            const kept = ["width", "height", "duration"];
            for (const field of ["size", "mime", "sub_type", ...kept]) assert.equal(record[field], whole[field], field);
            assert.equal(record.upload_uuid === null, kind.name === "reference");
            assert.deepEqual(Buffer.from(await (await fetch(record.url)).arrayBuffer()), file);
          });
        });
      }

      test(`[SG-6] [UP-4] ${store}, ${engine}: in the end the store has what the ledger has`, async () => {
        await eventually("nothing is being written, and no deletion waits", async () => {
          rows.change("UPDATE deletions SET next_at = 0");
          return rows.query("SELECT id FROM objects WHERE state = 'writing' UNION SELECT id FROM deletions").length === 0;
        }, 90);
        const keys = rows.query("SELECT key FROM objects").map((o) => o.key).sort();
        assert.deepEqual(store === "bucket" ? (await bucket.keys()).sort() : mediaFiles(kinora).sort(), keys);
      });
    });
  }
}
