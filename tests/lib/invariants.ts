// SPDX-License-Identifier: Apache-2.0
// What must hold in a Kinora's database and media folder whenever things have settled, whatever
// died on the way.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Demo } from "./demo.ts";
import { doctor } from "./doctor.ts";
import { eventually, type Kinora } from "./kinora.ts";
import { Rows } from "./rows.ts";

const FINAL = ["completed", "failed", "cancelled"];
const JOB_STATES = ["queued", "submitting", "streaming", "polling", "storing", "ended"];

function filesUnder(folder: string, prefix = ""): string[] {
  if (!existsSync(folder)) return [];
  // Names with a dot are the store's own: its mark.
  const entries = readdirSync(folder, { withFileTypes: true }).filter((e) => !e.name.startsWith("."));
  return entries.flatMap((entry) =>
    entry.isDirectory()
      ? filesUnder(join(folder, entry.name), `${prefix}${entry.name}/`)
      : [prefix + entry.name],
  );
}

export function mediaFiles(kinora: Kinora): string[] {
  return filesUnder(join(kinora.data, "media"));
}

// Everything that is not as it should be, as sentences; folders: those of all nodes.
export function violations(rows: Rows, folders: string[]): string[] {
  const found: string[] = [];
  const say = (wrong: boolean, sentence: string) => wrong && found.push(sentence);

  for (const u of rows.query(
    "SELECT u.id AS id, u.sora_storage_used_bytes AS used, (SELECT COALESCE(SUM(size), 0) FROM " +
      "objects o WHERE o.user_id = u.id AND o.counter = 'sora' AND o.state = 'stored') AS stored " +
      "FROM users u",
  ))
    say(Number(u.used) !== Number(u.stored), `user ${u.id}: counter ${u.used}, rows ${u.stored}`);

  for (const g of rows.query("SELECT id, status, storage_type FROM sora_generations")) {
    say(!FINAL.includes(g.status), `generation ${g.id} is still ${g.status}`);
    say((g.status === "completed") === (g.storage_type === "none"),
      `generation ${g.id}: ${g.status} with storage ${g.storage_type}`);
  }
  for (const j of rows.query("SELECT id, state, generation_id, lease_owner FROM jobs")) {
    say(!JOB_STATES.includes(j.state), `job ${j.id} is in no state: ${j.state}`);
    say(j.state !== "ended", `job ${j.id} of generation ${j.generation_id} is still ${j.state}`);
  }

  const objects = rows.query("SELECT key, state, size, checksum, storage FROM objects");
  const deletions = rows.query("SELECT key FROM deletions").map((d) => d.key as string);
  const known = new Set([...objects.map((o) => o.key as string), ...deletions]);
  for (const folder of folders)
    for (const file of filesUnder(folder)) say(!known.has(file), `file ${file} has no row`);
  for (const o of objects) {
    say(o.state !== "stored", `object ${o.key} is still ${o.state}`);
    if (o.state !== "stored" || o.storage !== "local") continue;
    const path = folders.map((folder) => join(folder, o.key)).find((p) => existsSync(p));
    if (!path) {
      found.push(`object ${o.key} has no file`);
      continue;
    }
    const sum = createHash("sha256").update(readFileSync(path)).digest("hex");
    say(statSync(path).size !== Number(o.size), `object ${o.key}: another size`);
    say(sum !== o.checksum, `object ${o.key}: another checksum`);
  }
  for (const { key } of rows.query("SELECT key FROM objects WHERE counter = 'free' AND " +
    "generation_id IS NULL AND id NOT IN (SELECT input_object_id FROM jobs WHERE input_object_id IS NOT NULL) AND " +
    "id NOT IN (SELECT object_id FROM job_results)"))
    found.push(`object ${key} is nobody's`);
  return found;
}

// Waits until nothing is on its way any more, then says what is wrong.
export async function settled(kinoras: Kinora | Kinora[], demo?: Demo, seconds = 30) {
  const nodes = [kinoras].flat();
  const rows = new Rows(nodes[0]);
  const folders = nodes.map((kinora) => join(kinora.data, "media"));
  let wrong: string[] = [];
  await eventually("a state without violations", async () => {
    wrong = [...violations(rows, folders), ...rows.query("SELECT key FROM deletions")
      .map((d) => `deletion of ${d.key} waits`)];
    return wrong.length === 0;
  }, seconds).catch(() => assert.deepEqual(wrong, [], nodes.map((kinora) => kinora.log).join("\n")));
  // SQLite's doctor sees one folder; a node's own is enough where there is one.
  if (process.env.KINORA_FULL === "1" && nodes.length === 1) {
    const report = await doctor(nodes[0]);
    assert.deepEqual([report.status, report.findings], ["clean", []], JSON.stringify(report.checks));
  }
  if (!demo) return;
  for (const { key, received } of (await demo.state()).submissions.by_key)
    assert.equal(received, 1, `submissions with the key ${key}`);
}
