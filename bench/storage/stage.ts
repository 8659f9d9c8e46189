// SPDX-License-Identifier: Apache-2.0
// A Kinora with a bucket, an upstream whose files wait to be let go, and how to watch a process.
import { readFileSync, writeFileSync } from "node:fs";
import { eventually, Kinora, type Person } from "../../tests/lib/kinora.ts";
import { Rows } from "../../tests/lib/rows.ts";
import { Bucket, gateway, type Gateway } from "../../tests/lib/s3.ts";
import { Source } from "../../tests/lib/source.ts";

export const SETTINGS = "/api/v1/admin/settings";

export class Stage {
  readonly gate: Gateway;
  readonly bucket: Bucket;
  readonly source: Source;
  readonly kinora: Kinora;
  readonly admin: Person;
  readonly rows: Rows;

  private constructor(gate: Gateway, bucket: Bucket, source: Source, kinora: Kinora, admin: Person) {
    this.gate = gate;
    this.bucket = bucket;
    this.source = source;
    this.kinora = kinora;
    this.admin = admin;
    this.rows = new Rows(kinora);
  }

  static async open(): Promise<Stage> {
    const gate = await gateway();
    const bucket = await Bucket.make(gate);
    const source = await Source.start();
    const kinora = await Kinora.start();
    const admin = await kinora.admin();
    await source.account(admin);
    const stage = new Stage(gate, bucket, source, kinora, admin);
    await stage.useBucket(true);
    return stage;
  }

  async useBucket(on: boolean): Promise<void> {
    await this.admin.ask("PATCH", SETTINGS, this.bucket.settings({ sora_s3_enabled: on }));
    if (!on) return;
    await eventually("the bucket answers", async () =>
      (await this.admin.ask("GET", "/api/v1/sora/storage-status")).s3_healthy);
  }

  // The bucket lies in memory: it is emptied behind each round.
  async empty(): Promise<void> {
    for (const key of await this.bucket.keys()) await this.bucket.remove(key);
  }

  async close(): Promise<void> {
    await this.kinora.stop();
    await this.source.stop();
    this.gate.stop();
  }

  // Resident memory's greatest growth while fn runs, in MiB.
  async growth<T>(fn: () => Promise<T>): Promise<[T, number]> {
    const field = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${this.kinora.pid}/status`, "utf8"))![1]);
    writeFileSync(`/proc/${this.kinora.pid}/clear_refs`, "5"); // VmHWM begins anew (proc(5))
    const before = field("VmRSS");
    const value = await fn();
    return [value, (field("VmHWM") - before) / 1024];
  }
}

export async function seconds(fn: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await fn();
  return (performance.now() - began) / 1000;
}
