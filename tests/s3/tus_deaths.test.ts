// SPDX-License-Identifier: Apache-2.0
// kill -9 at every named step of a resumable upload: what was acknowledged is there, the upload goes
// on to the same file, and nothing else is left, on the disk and in a bucket.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { engines, FULL, World } from "../fault/world.ts";
import { mediaFiles } from "../lib/invariants.ts";
import { eventually } from "../lib/kinora.ts";
import { Bucket, gateway, type Gateway } from "../lib/s3.ts";
import { create, offsetOf, patch, recordOf, tus } from "../lib/tus.ts";
import { png, sha256 } from "../lib/uploads.ts";

const MIB = 1 << 20;
const PART = 8 * MIB;
const KILLS = FULL ? 3 : 1;

type Store = "disk" | "bucket";

interface Step {
  name: string;
  store: Store;
  // Bytes that are there already, request by request; then so many come, or DELETE.
  there: number[];
  then: number | "DELETE" | "expiry";
  // Of tests/fault/shim.c; s3: the gateway.
  dies: (w: World, s3: string) => string[];
  // What HEAD says after the restart: as before, all that came, or nothing of it any more.
  stands: "before" | "after" | "gone";
  gate?: boolean;
}

const ALL = -1;
const ANSWERED = () => ["send - HTTP/1.1~204 kill"];
const synced = (w: World) => ["fsync .png - go", w.anyCommit];
// Behind the answer to the request with this text in it, and before anything is committed.
const behind = (text: string) => (w: World, s3: string) => [`send ${s3} ${text} go`, `recv ${s3} HTTP/1.1~200 go`, w.anyCommit];

const STEPS: Step[] = [
  { name: "append written, not synced", store: "disk", there: [1000], then: 90_000, dies: () => ["fsync .png - kill"], stands: "before", gate: true },
  { name: "append synced, offset not committed", store: "disk", there: [1000], then: 90_000, dies: synced, stands: "before" },
  { name: "offset committed, not answered", store: "disk", there: [1000], then: 90_000, dies: ANSWERED, stands: "after" },
  { name: "a step of 8 MiB written, not synced", store: "disk", there: [], then: PART + 1000, dies: () => ["fsync .png - kill"], stands: "before" },
  { name: "last bytes synced, completion not committed", store: "disk", there: [1000], then: ALL, dies: synced, stands: "before" },
  { name: "completed, not answered", store: "disk", there: [1000], then: ALL, dies: ANSWERED, stands: "after" },
  { name: "terminated, not answered", store: "disk", there: [1000], then: "DELETE", dies: ANSWERED, stands: "gone" },
  { name: "terminated, file not removed", store: "disk", there: [1000], then: "DELETE", dies: () => ["unlink /media/ - kill"], stands: "gone" },
  { name: "expired, file not removed", store: "disk", there: [1000], then: "expiry", dies: () => ["unlink /media/ - kill"], stands: "gone" },
  { name: "tail in the air", store: "bucket", there: [1000], then: 90_000, dies: (_w, s3) => [`send ${s3} PUT kill`], stands: "before" },
  { name: "tail put, offset not committed", store: "bucket", there: [1000], then: 90_000, dies: behind("PUT"), stands: "before", gate: true },
  { name: "offset committed, not answered", store: "bucket", there: [1000], then: 90_000, dies: ANSWERED, stands: "after" },
  { name: "tail replaced, the old one not removed", store: "bucket", there: [1000], then: 90_000, dies: (_w, s3) => [`send ${s3} POST kill`], stands: "after" },
  { name: "upload in parts begun, not committed", store: "bucket", there: [1000], then: PART + 1000, dies: behind("uploads="), stands: "before" },
  { name: "part in the air", store: "bucket", there: [1000], then: PART + 1000, dies: (_w, s3) => [`send ${s3} partNumber= kill`], stands: "before" },
  { name: "part uploaded, not committed", store: "bucket", there: [1000], then: PART + 1000, dies: behind("partNumber="), stands: "before", gate: true },
  { name: "completed in the bucket, not committed", store: "bucket", there: [PART + 1000], then: ALL, dies: (w, s3) => [`recv ${s3} CompleteMultipartUploadResult go`, w.anyCommit], stands: "before" },
  { name: "completed, not answered", store: "bucket", there: [PART + 1000], then: ALL, dies: ANSWERED, stands: "after" },
  { name: "terminated, not answered", store: "bucket", there: [PART + 1000], then: "DELETE", dies: ANSWERED, stands: "gone" },
  { name: "terminated, objects not removed", store: "bucket", there: [PART + 1000], then: "DELETE", dies: (_w, s3) => [`send ${s3} DELETE kill`], stands: "gone" },
  { name: "expired, objects not removed", store: "bucket", there: [PART + 1000], then: "expiry", dies: (_w, s3) => [`send ${s3} DELETE kill`], stands: "gone" },
];

let gate: Gateway;
before(async () => {
  gate = await gateway();
});
after(() => gate.stop());

// "name|store engine" → deaths survived.
const survived = new Map<string, number>();
const THEN = { before: "goes on from where it stood", after: "goes on behind what came", gone: "is gone, with all its bytes" };

function writeTable(): void {
  const line = (s: Step) =>
    `| ${s.store} | ${s.name} | ${engines.map((e) => `${survived.get(`${s.name}|${s.store} ${e}`) ?? 0} of ${KILLS}`).join(" | ")} | ${THEN[s.stands]} |`;
  writeFileSync("docs/faults-uploads.md", `# Deaths survived by resumable uploads

Written by \`KINORA_FULL=1 scripts/test s3\` (\`tests/s3/tus_deaths.test.ts\`) at the end of the run, where both
engines are there: how many times of how many a process was killed by SIGKILL at each step of an upload by tus
([uploads.md](uploads.md)), and everything held after the restart: HEAD says what was acknowledged, the rest is
taken, the file is the same byte for byte, and in the end the store has what the ledger has and nothing else. The
last column is what becomes of the upload. What the run did not reach stands as 0.

| store | step | ${engines.join(" | ")} | then it |
|---|---|${engines.map(() => "---|").join("")}---|
${STEPS.map(line).join("\n")}
`);
}

after(() => {
  const whole = !process.execArgv.some((word) => word.startsWith("--test-name-pattern"));
  if (FULL && engines.length === 2 && whole) writeTable();
});

for (const engine of engines) {
  for (const store of ["disk", "bucket"] as Store[]) {
    const steps = STEPS.filter((s) => s.store === store && (FULL || (s.gate && engine === engines.at(-1))));
    if (!steps.length) continue;
    describe(`${store}, ${engine}`, () => {
      let w: World, bucket: Bucket;
      const s3 = () => `:${new URL(gate.url).port}`;
      const healthy = () =>
        eventually("the bucket answers", async () =>
          store === "disk" || (await w.person.ask("GET", "/api/v1/sora/storage-status")).s3_healthy);

      before(async () => {
        w = await World.start({ engine });
        bucket = await Bucket.make(gate);
        if (store === "bucket") await w.person.ask("PATCH", "/api/v1/admin/settings", bucket.settings({ local_storage_enabled: false }));
        await healthy();
      });
      after(() => w.stop());

      async function restart(): Promise<void> {
        w.stopAt();
        await w.kinora.launch();
        // With PostgreSQL nobody can say that the one who was at it is dead, until its time is over.
        w.rows.change("UPDATE tus_uploads SET busy_until = 0");
        await healthy();
      }

      // What an earlier death has left to remove would otherwise be what the next one dies at.
      const calm = () =>
        eventually("no deletion waits", async () => {
          w.rows.change("UPDATE deletions SET next_at = 0");
          return w.rows.query("SELECT id FROM deletions").length === 0;
        }, 90);

      async function die(step: Step, address: string, at: number, file: Buffer): Promise<void> {
        await calm();
        w.stopAt(...step.dies(w, s3()));
        if (step.then === "DELETE") await tus(w.person, "DELETE", address).catch(() => {});
        else if (step.then === "expiry") w.rows.change("UPDATE objects SET lease_until = 0 WHERE state = 'writing'");
        else await patch(w.person, address, at, file.subarray(at, step.then === ALL ? file.length : step.then)).catch(() => {});
        await w.died();
      }

      async function play(step: Step, round: number): Promise<void> {
        const file = png(3, 2, (store === "bucket" || step.then === PART + 1000 ? PART + 2000 : 100_000) + round);
        const address = await create(w.person, "oc-gallery", file.length);
        let at = 0;
        for (const to of step.there) {
          assert.equal((await patch(w.person, address, at, file.subarray(at, to))).status, 204);
          at = to;
        }
        await die(step, address, at, file);
        await restart();
        if (step.stands === "gone") {
          assert.equal((await tus(w.person, "HEAD", address)).status, 404);
          return;
        }
        const came = step.then === ALL ? file.length : (step.then as number);
        const now = await offsetOf(w.person, address);
        assert.equal(now, step.stands === "before" ? at : came);
        if (now < file.length)
          assert.equal((await patch(w.person, address, now, file.subarray(now))).status, 204);
        const { url } = await recordOf(w.person, address);
        assert.equal(sha256(Buffer.from(await (await fetch(url)).arrayBuffer())), sha256(file));
      }

      for (const step of steps)
        test(`[UP-7] ${store}, ${engine}: a death at "${step.name}" (${KILLS} times)`, async () => {
          for (let i = 0; i < KILLS; i++) {
            await play(step, i);
            survived.set(`${step.name}|${store} ${engine}`, i + 1);
          }
        });

      // What the dead had begun ends with its lease; a new process looks for that first of all.
      test(`[UP-7] [SG-6] ${store}, ${engine}: in the end the store has what the ledger has`, async () => {
        w.rows.change("UPDATE objects SET lease_until = 0 WHERE state = 'writing'");
        await w.kinora.kill();
        await restart();
        await eventually("nothing is being written", async () =>
          w.rows.query("SELECT id FROM objects WHERE state = 'writing'").length === 0);
        await calm();
        const keys = w.rows.query("SELECT key FROM objects").map((o) => o.key).sort();
        assert.deepEqual(store === "bucket" ? (await bucket.keys()).sort() : mediaFiles(w.kinora).sort(), keys);
        if (store === "bucket") assert.deepEqual(await bucket.uploads(), []);
        assert.deepEqual(w.rows.query("SELECT id FROM tus_uploads WHERE done = 0"), []);
      });
    });
  }
}
