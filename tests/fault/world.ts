// SPDX-License-Identifier: Apache-2.0
// A Kinora that can be stopped at a system call, its upstream, and its rows.
import { spawnSync } from "node:child_process";
import { linkSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Demo } from "../lib/demo.ts";
import { eventually, Kinora, type Person } from "../lib/kinora.ts";
import { Rows } from "../lib/rows.ts";

const BINARY = process.env.KINORA_BIN ?? "build/asan/kinora";
const SHIM = process.env.KINORA_SHIM_LIB ?? join(dirname(BINARY), "kinora-shim.so");
export const POSTGRES = process.env.KINORA_TEST_POSTGRES;
export const FULL = process.env.KINORA_FULL === "1";

export type Engine = "sqlite" | "postgres";
export type Dialect = "chat" | "videos";

// Always SQLite; PostgreSQL where there is one.
export const engines: Engine[] = POSTGRES ? ["sqlite", "postgres"] : ["sqlite"];

// A database of its own; without a server's address Kinora uses its data folder.
export function newDatabase(): string {
  const name = `kinora_fault_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  const made = spawnSync("psql", [POSTGRES!, "-qc", `CREATE DATABASE ${name}`], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`CREATE DATABASE: ${made.stderr}`);
  const url = new URL(POSTGRES!);
  url.pathname = `/${name}`;
  return url.toString();
}

// Of a program that goes by a file of rules (tests/fault/shim.c). drops: each death is a power cut.
export function shimmed(rules: string, drops = false): Record<string, string> {
  return {
    LD_PRELOAD: SHIM,
    KINORA_SHIM: rules,
    ...(drops ? { KINORA_SHIM_DROPS: "1" } : {}),
    ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:verify_asan_link_order=0`,
  };
}

export interface WorldOptions {
  engine?: Engine;
  demo?: string[];
  args?: string[];
  database?: string;
  // Each death is a power cut: what was written since the last fsync of its file is lost.
  drops?: boolean;
}

export class World {
  readonly demo: Demo;
  readonly kinora: Kinora;
  readonly rows: Rows;
  readonly engine: Engine;
  person!: Person;
  private readonly folder: string;
  readonly drops: boolean;
  private ruleFiles = 0;

  private constructor(demo: Demo, kinora: Kinora, engine: Engine, folder: string, drops: boolean) {
    this.demo = demo;
    this.kinora = kinora;
    this.engine = engine;
    this.folder = folder;
    this.drops = drops;
    this.rows = new Rows(kinora);
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const engine = options.engine ?? "sqlite";
    const demo = await Demo.start("--speed", "20", "--plain-media", ...(options.demo ?? []));
    const folder = mkdtempSync(join(tmpdir(), "kinora-shim-"));
    const kinora = await Kinora.start({
      args: ["--drain", "5", ...(options.args ?? [])],
      // Empty: not undefined, which would make the harness choose.
      database: options.database ?? (engine === "postgres" ? newDatabase() : ""),
      env: shimmed(join(folder, "rules"), options.drops),
    });
    const world = new World(demo, kinora, engine, folder, options.drops ?? false);
    world.person = await kinora.admin();
    return world;
  }

  async stop(): Promise<void> {
    await this.kinora.stop().finally(() => this.demo.stop());
    rmSync(this.folder, { recursive: true, force: true });
  }

  // Rules of tests/fault/shim.c, in force from the next call on; none: everything goes through.
  // The shim knows a file by its inode: each keeps a second name, so that none comes twice.
  stopAt(...rules: string[]): void {
    const file = join(this.folder, `${++this.ruleFiles}`);
    writeFileSync(file, rules.join("\n"));
    linkSync(file, join(this.folder, "new"));
    renameSync(join(this.folder, "new"), join(this.folder, "rules"));
  }

  // The next write of a transaction, whoever's it is.
  get anyCommit(): string {
    return this.engine === "sqlite" ? "pwrite -wal - kill" : `send ${this.postgresPort} - kill`;
  }

  // What lets the transaction that has these words commit, and is the end before anything else is done.
  afterCommitOf(words: string): string[] {
    const text = words.replaceAll(" ", "~");
    if (this.engine === "sqlite") return [`pwrite -wal ${text} go`, "fsync -wal - go", "- - - kill"];
    return [`send ${this.postgresPort} ${text} go`, `recv ${this.postgresPort} COMMIT kill`];
  }

  get postgresPort(): string {
    return `:${new URL(POSTGRES!).port}`;
  }

  get upstreamPort(): string {
    return `:${new URL(this.demo.url).port}`;
  }

  // Killed, wherever it is: from outside, or with what it has not synced at its next call.
  async end(): Promise<void> {
    if (!this.drops) return this.kinora.kill();
    this.stopAt("- - - kill");
    // One that waits for somebody may make none for long: it is asked something.
    fetch(this.kinora.url).catch(() => {});
    await this.died();
  }

  // Waits until the process has been killed by a rule.
  async died(): Promise<void> {
    const { pid } = this.kinora;
    await eventually(`the end of process ${pid}`, async () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    }, 90);
  }

  // A new process on the same data, after the dead one's leases have ended.
  async again(): Promise<void> {
    this.stopAt();
    this.rows.passLeases();
    await this.kinora.launch();
  }

  // The prompts of a suite are all different, and the row outlives its record.
  stateOf(prompt: string): string {
    return this.rows.one(`SELECT state FROM jobs WHERE CAST(request AS TEXT) LIKE '%${prompt}%'`)
      .state as string;
  }

  job(generation: number) {
    return this.rows.one(`SELECT * FROM jobs WHERE generation_id = ${generation}`);
  }

  // That many more like a job's row but for some columns, of nobody's generation.
  clone(generation: number, count: number, other: Record<string, string> = {}): void {
    const names = ["group_id", "user_id", "model", "request", "state", "account_id", "tried_accounts",
      "upstream_id", "upstream_ref", "next_at", "pending_until", "deadline_at", "submitted_at",
      "created_at"];
    const numbers = Array.from({ length: count }, (_, i) => `(${i})`).join(",");
    const tag = Math.random().toString(36).slice(2);
    this.rows.change(`WITH n (i) AS (VALUES ${numbers}) INSERT INTO jobs (public_id,
      idempotency_key, kind, ${names}) SELECT '${tag}-' || i, '${tag}-' || i, 'video',
      ${names.map((name) => other[name] ?? name)}
      FROM jobs, n WHERE generation_id = ${generation} ORDER BY i`);
  }

  until(what: string, sql: string): Promise<boolean> {
    return eventually(what, async () => this.rows.query(sql).length > 0, 90).catch((error) => {
      throw new Error(`${error.message}\n${JSON.stringify(this.rows.query("SELECT * FROM jobs"))}\n${this.kinora.log}`);
    });
  }

  async submissions(prompt: string): Promise<number> {
    const { by_prompt } = (await this.demo.state()).submissions;
    return by_prompt.find((s) => s.prompt === prompt)?.received ?? 0;
  }
}
