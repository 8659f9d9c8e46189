// SPDX-License-Identifier: Apache-2.0
// kinora doctor: every damage is made by hand, told, mended, and gone at the second look.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { doctor, kinds, type Report } from "../lib/doctor.ts";
import { Kinora, type Person } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";
import { Rows } from "../lib/rows.ts";
import { engines, newDatabase } from "./world.ts";

const BINARY = process.env.KINORA_BIN ?? "build/asan/kinora";

for (const engine of engines) {
  describe(`doctor on ${engine}`, () => {
    let demo: Demo;
    let kinora: Kinora;
    let admin: Person;
    let rows: Rows;

    before(async () => {
      demo = await Demo.start("--speed", "100", "--plain-media");
      kinora = await Kinora.start({ database: engine === "postgres" ? newDatabase() : "" });
      admin = await kinora.admin();
      rows = new Rows(kinora);
      await admin.account(demo, "videos");
    });
    after(() => stopAll(kinora, demo));

    const media = (key: string) => join(kinora.data, "media", key);
    const keyOf = (work: number) =>
      rows.one(`SELECT key FROM objects WHERE generation_id = ${work} AND place = 0`).key as string;

    async function works(n: number): Promise<number[]> {
      const ids: number[] = [];
      for (let i = 0; i < n; i++) {
        const id = await admin.generate(`work ${i}`);
        assert.equal((await admin.ended(id)).storage_type, "local");
        ids.push(id);
      }
      return ids;
    }

    function file(key: string, bytes: string, old: boolean): void {
      mkdirSync(dirname(media(key)), { recursive: true });
      writeFileSync(media(key), bytes);
      if (old) utimesSync(media(key), 1e9, 1e9);
    }

    // Lists the figures of one finding only where there is just one of its kind.
    function only(report: Report, kind: string) {
      const found = report.findings.filter((f) => f.kind === kind);
      assert.equal(found.length, 1, JSON.stringify(report));
      return found[0];
    }

    test(`[SG-10] ${engine}: beside a running server each damage is told, mended, and not there at the second look`, async () => {
      const [lost, cut, astray, away] = await works(engine === "sqlite" ? 3 : 4);
      assert.equal((await doctor(kinora)).status, "clean");

      rmSync(media(keyOf(lost)));
      truncateSync(media(keyOf(cut)), 7);
      file("sora/1/2020/01/01/nobody.mp4", "old bytes", true);
      file("sora/1/2020/01/01/newcomer.mp4", "new bytes", false);
      rows.change(`UPDATE objects SET generation_id = NULL WHERE generation_id = ${astray} AND place = 0`);
      rows.change(
        "INSERT INTO objects (user_id, counter, storage, key, state, reserved, type, created_at) " +
          `VALUES (${admin.user.id}, 'sora', 'local', 'sora/1/never.mp4', 'writing', 100, 'video/mp4', 1)`);
      rows.change(
        "INSERT INTO sora_generations (user_id, model, prompt, media_type, params, status, media_urls, " +
          `s3_object_keys, created_at) VALUES (${admin.user.id}, 'm', 'stuck', 'video', '{}', 'generating', '[]', '[]', 1)`);
      rows.change(`UPDATE users SET sora_storage_used_bytes = sora_storage_used_bytes + 5 WHERE id = ${admin.user.id}`);

      // With PostgreSQL a file may lie on another machine.
      if (away) {
        rmSync(media(keyOf(away)));
        rows.change(`UPDATE objects SET store_id = 999 WHERE generation_id = ${away} AND place = 0`);
      }
      const expected = ["counter", "ghost", "missing_rows", "orphan", "stray_object",
        "stuck_reservation", "stuck_work", "wrong_size"];
      const told = await doctor(kinora);
      assert.deepEqual([told.exit, told.status, kinds(told)], [1, "findings", expected], JSON.stringify(told));
      assert.ok(told.findings.every((f) => f.outcome === "told"));
      assert.equal(only(told, "orphan").key, "sora/1/2020/01/01/nobody.mp4");
      assert.equal(only(told, "wrong_size").found, 7);
      assert.equal(only(told, "counter").found, Number(only(told, "counter").expected) + 5);
      const disk = told.checks.find((c) => c.name === "disk")!;
      assert.match(disk.text, /1 too young to judge/);
      if (away) assert.match(disk.text, /of this machine alone: 1 rows/);
      assert.deepEqual(kinds(await doctor(kinora)), expected, "a look alone changes nothing");

      const mended = await doctor(kinora, "--repair");
      assert.equal(mended.exit, 1);
      assert.ok(mended.findings.every((f) => f.outcome === "mended"), JSON.stringify(mended));
      // What came to light behind another damage counts as mended with it.
      for (const kind of kinds(mended)) assert.ok(expected.includes(kind), kind);
      const clean = await doctor(kinora);
      assert.deepEqual([clean.exit, clean.status, clean.findings], [0, "clean", []], JSON.stringify(clean));

      assert.ok(!existsSync(media("sora/1/2020/01/01/nobody.mp4")));
      assert.ok(existsSync(media("sora/1/2020/01/01/newcomer.mp4")));
      rmSync(media("sora/1/2020/01/01/newcomer.mp4"));
      const honest = await admin.generation(lost);
      assert.deepEqual([honest.status, honest.storage_type, honest.storage_reason, honest.file_size_bytes],
        ["completed", "upstream", "object_missing", 0]);
      const shorter = await admin.generation(cut);
      assert.deepEqual([shorter.storage_type, shorter.storage_reason, shorter.file_size_bytes],
        ["local", "object_damaged", 7]);
      const ended = rows.one("SELECT status, error_class FROM sora_generations WHERE prompt = 'stuck'");
      assert.deepEqual([ended.status, ended.error_class], ["failed", "internal"]);
      const { used_bytes } = await admin.ask("GET", "/api/v1/sora/quota");
      const { sum } = rows.one("SELECT SUM(size) AS sum FROM objects WHERE counter = 'sora'");
      assert.equal(used_bytes, Number(sum));
    });

    test(`[SG-10] ${engine}: rows whose owner is gone are told and removed`, { skip: engine === "postgres" }, async () => {
      const [work] = await works(1);
      const key = keyOf(work);
      rows.change("PRAGMA foreign_keys = OFF; " +
        `UPDATE objects SET user_id = 999 WHERE generation_id = ${work}; ` +
        `UPDATE sora_generations SET user_id = 999 WHERE id = ${work}; ` +
        `UPDATE jobs SET user_id = 999 WHERE generation_id = ${work}; ` +
        "UPDATE users SET sora_storage_used_bytes = (SELECT SUM(size) FROM objects WHERE user_id = users.id " +
        "AND counter = 'sora')");
      const told = await doctor(kinora);
      assert.ok(kinds(told).every((kind) => kind === "ownerless_row") && told.findings.length >= 3, JSON.stringify(told));
      assert.equal((await doctor(kinora, "--repair")).exit, 1);
      assert.equal((await doctor(kinora)).status, "clean");
      assert.equal(rows.query(`SELECT id FROM objects WHERE key = '${key}'`).length, 0);
    });
  });
}

test("[SG-10] What cannot be looked at is said, with status 2, and nothing is made", () => {
  const folder = mkdtempSync(join(tmpdir(), "kinora-doctor-"));
  const ran = spawnSync(BINARY, ["doctor", "--data", folder], { encoding: "utf8" });
  assert.equal(ran.status, 2);
  assert.match(ran.stderr, /^kinora: there is no database [^\n]+\n$/);
  const nowhere = spawnSync(BINARY, ["doctor", "--data", join(folder, "none")], { encoding: "utf8" });
  assert.equal(nowhere.status, 2);
  assert.ok(!existsSync(join(folder, "none")));
  assert.ok(!existsSync(join(folder, "secret.keys")));
  rmSync(folder, { recursive: true });
});
