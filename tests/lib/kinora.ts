// SPDX-License-Identifier: Apache-2.0
// A running Kinora with its own data folder, and people who talk to it, for every suite.
//
// KINORA_BIN names the program (build/asan/kinora at first, so that every suite runs under the
// sanitizers); KINORA_TEST_POSTGRES a server's address: then each Kinora gets a database of its own.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Demo } from "./demo.ts";

const BINARY = process.env.KINORA_BIN ?? "build/asan/kinora";
const POSTGRES = process.env.KINORA_TEST_POSTGRES;

export const PASSWORD = "correct horse battery";

export interface Options {
  args?: string[];
  env?: Record<string, string>;
  // A program, with its words, that starts it.
  under?: string[];
  // Keep a folder of an earlier one.
  data?: string;
  database?: string;
}

// Standard error of a sanitized program that found something.
const REPORT = /(AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:)/;

export class Kinora {
  readonly data: string;
  readonly database: string | undefined;
  url = "";
  setupLink: string | undefined;
  private child!: ChildProcess;
  private options: Options;
  private killed = false;
  log = "";
  // How often the program said that it is ready: an init system may start it again.
  starts = 0;

  private constructor(options: Options) {
    this.options = options;
    this.data = options.data ?? mkdtempSync(join(tmpdir(), "kinora-test-"));
    this.database = options.database ?? newDatabase();
  }

  static async start(options: Options = {}): Promise<Kinora> {
    const kinora = new Kinora(options);
    await kinora.launch();
    return kinora;
  }

  // Also after kill(): the same data, a new process, the same port.
  async launch(...more: string[]): Promise<void> {
    const listen = this.url ? new URL(this.url).host : `127.0.0.1:${await freePort()}`;
    const args = ["serve", "--listen", listen, "--data", this.data, ...(this.options.args ?? [])];
    args.push(...more);
    if (this.database) args.push("--database", this.database);
    this.killed = false;
    const [program, ...words] = [...(this.options.under ?? []), BINARY, ...args];
    this.child = spawn(program, words, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...this.options.env },
    });
    this.child.stderr!.on("data", (piece) => (this.log += String(piece)));
    const lines = createInterface({ input: this.child.stdout! });
    const ready = new Promise<string>((resolve, reject) => {
      lines.on("line", (line) => {
        const address = /^kinora \S+ ready (http:\S+)$/.exec(line);
        if (address) this.starts++;
        if (address) resolve(address[1]);
        // Printed after the ready line.
        this.setupLink ??= /^no administrator yet: (http:\S+)$/.exec(line)?.[1];
      });
      lines.on("close", () => reject(new Error(`kinora did not start: ${this.log}`)));
    });
    this.url = await ready;
  }

  // A new process takes over, as `kinora serve --replace` does, and answers; the old one has heard of
  // it when the log says so, and ends when its last call has.
  async takeOver(): Promise<{ pid: number; ended: Promise<void> }> {
    const old = this.child;
    const ended = once(old, "exit").then(([code, signal]) => {
      if (code !== 0) throw new Error(`the old kinora ended with ${code ?? signal}: ${this.log}`);
    });
    await this.launch("--replace");
    return { pid: old.pid!, ended };
  }

  // The same, and the old one has ended well.
  async replace(): Promise<void> {
    await (await this.takeOver()).ended;
  }

  get pid(): number {
    return this.child.pid!;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  // SIGKILL: as a power cut would, but for the page cache.
  async kill(): Promise<void> {
    const ended = once(this.child, "exit");
    this.killed = true;
    this.child.kill("SIGKILL");
    await ended;
  }

  // Ends it as an init system would; anything but a clean end is an error.
  async stop({ keep = false, signal = "SIGTERM" as NodeJS.Signals } = {}): Promise<void> {
    const { exitCode, signalCode } = this.child;
    if (!this.killed && (exitCode !== null || signalCode !== null))
      throw new Error(`kinora ended by itself with ${exitCode ?? signalCode}: ${this.log}`);
    if (this.running) {
      const ended = once(this.child, "exit");
      this.child.kill(signal);
      const [code, by] = await ended;
      if (code !== 0) throw new Error(`kinora ended with ${code ?? by}: ${this.log}`);
    }
    if (REPORT.test(this.log)) throw new Error(`a sanitizer reported: ${this.log}`);
    if (!keep) rmSync(this.data, { recursive: true, force: true });
  }

  // A command with where its data are.
  words(args: string[]): string[] {
    return [...args, "--data", this.data, ...(this.database ? ["--database", this.database] : [])];
  }

  // Runs a command of the program on the same data.
  run(args: string[], input = ""): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(BINARY, this.words(args), { input, encoding: "utf8" });
  }

  // The same while this process goes on, which may be the way to the bucket.
  async runBeside(args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
    const child = spawn(BINARY, this.words(args), { stdio: ["ignore", "pipe", "pipe"] });
    const out = { status: null as number | null, stdout: "", stderr: "" };
    child.stdout.on("data", (piece) => (out.stdout += String(piece)));
    child.stderr.on("data", (piece) => (out.stderr += String(piece)));
    [out.status] = (await once(child, "close")) as [number | null];
    return out;
  }

  async admin(email = "admin@example.org"): Promise<Person> {
    const made = this.run(["user", "add", email, "--admin", "--password-stdin"], PASSWORD);
    if (made.status !== 0) throw new Error(`user add: ${made.stderr}`);
    return this.signIn(email);
  }

  async signIn(email: string, password = PASSWORD): Promise<Person> {
    const answer = await fetch(`${this.url}/api/v1/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email, password }),
    });
    if (!answer.ok) throw new Error(`login: ${answer.status} ${await answer.text()}`);
    const { token, user } = (await answer.json()) as { token: string; user: User };
    return new Person(this, token, user);
  }
}

export interface User {
  id: number;
  uuid: string;
  email: string;
  role: string;
  group_id: number;
  [field: string]: unknown;
}

export interface Answer<T> {
  status: number;
  headers: Headers;
  body: T;
}

export interface Generation {
  id: number;
  status: "pending" | "generating" | "completed" | "failed" | "cancelled";
  progress: number;
  storage_type: string;
  media_url: string | null;
  media_urls: string[];
  error_code: string | null;
  error_message: string | null;
  file_size_bytes: number;
  [field: string]: unknown;
}

// Someone who has signed in.
export class Person {
  readonly kinora: Kinora;
  readonly token: string;
  readonly user: User;
  language = "en";

  constructor(kinora: Kinora, token: string, user: User) {
    this.kinora = kinora;
    this.token = token;
    this.user = user;
  }

  // Any status is an answer.
  async call<T = any>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const answer = await fetch(this.kinora.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        "accept-language": this.language,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: (text ? JSON.parse(text) : undefined) as T,
    };
  }

  // Only success is an answer.
  async ask<T = any>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.call<T>(method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  // An upstream account on a demo upstream; taken over by the time the call returns.
  account(demo: Demo, dialect: "chat" | "videos", more: Record<string, unknown> = {}) {
    return this.ask("POST", "/api/v1/admin/accounts", {
      name: `demo ${dialect}`,
      platform: "sora",
      type: "apikey",
      dialect,
      credentials: { base_url: demo.url, api_key: "demo-key" },
      priority: 10,
      concurrency: 20,
      group_ids: [1],
      ...more,
    });
  }

  // As many accounts on a demo upstream as there are forms, the first preferred, each with a key of
  // its own; no others. Their numbers.
  async onlyAccounts(demo: Demo, ...forms: Record<string, unknown>[]): Promise<number[]> {
    const { data } = await this.ask("GET", "/api/v1/admin/accounts?page_size=100");
    for (const { id } of data) await this.ask("DELETE", `/api/v1/admin/accounts/${id}`);
    const ids: number[] = [];
    for (const [i, { dialect = "chat", ...form }] of forms.entries()) {
      const made = await this.account(demo, dialect as "chat" | "videos", {
        name: `account ${i + 1}`,
        credentials: { base_url: demo.url, api_key: `key-${i + 1}` },
        priority: i + 1,
        ...form,
      });
      ids.push(made.id as number);
    }
    return ids;
  }

  async member(email: string, more: Record<string, unknown> = {}): Promise<Person> {
    await this.ask("POST", "/api/v1/admin/users", { email, password: PASSWORD, ...more });
    return this.kinora.signIn(email);
  }

  async key(more: Record<string, unknown> = {}): Promise<string> {
    const made = await this.ask("POST", "/api/v1/keys", { name: "test", ...more });
    return made.key as string;
  }

  async generate(prompt: string, more: Record<string, unknown> = {}): Promise<number> {
    const form = { model: "sora2-landscape-10s", prompt, ...more };
    const made = await this.ask("POST", "/api/v1/sora/generate", form);
    return made.generation_id as number;
  }

  generation(id: number): Promise<Generation> {
    return this.ask<Generation>("GET", `/api/v1/sora/generations/${id}`);
  }

  // Waits until the record is as wanted; the bound is against hanging, not a measurement.
  async until(id: number, wanted: (g: Generation) => boolean, seconds = 60): Promise<Generation> {
    const patience = new Patience(seconds);
    for (;;) {
      const g = await this.generation(id);
      if (wanted(g)) return g;
      if (patience.isOver) throw new Error(`still ${JSON.stringify(g)}`);
      await sleep(50);
    }
  }

  ended(id: number, seconds = 60): Promise<Generation> {
    return this.until(id, (g) => !["pending", "generating"].includes(g.status), seconds);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// The bound of a wait, against hanging. A virtual machine may stand still for many seconds, with all
// that is waited for: between two looks no more than a second counts.
class Patience {
  private seen = performance.now();
  private seconds: number;

  constructor(seconds: number) {
    this.seconds = seconds;
  }

  get isOver(): boolean {
    const now = performance.now();
    this.seconds -= Math.min((now - this.seen) / 1000, 1);
    this.seen = now;
    return this.seconds < 0;
  }
}

// Polls until fn gives something; the bound is against hanging.
export async function eventually<T>(
  what: string,
  fn: () => Promise<T | undefined | false | null>,
  seconds = 30,
): Promise<T> {
  const patience = new Patience(seconds);
  for (;;) {
    const found = await fn();
    if (found) return found;
    if (patience.isOver) throw new Error(`never: ${what}`);
    await sleep(40);
  }
}

export async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

// A database of its own on the test server, or none: SQLite in the data folder.
function newDatabase(): string | undefined {
  if (!POSTGRES) return undefined;
  const name = `kinora_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  const made = spawnSync("psql", [POSTGRES, "-qc", `CREATE DATABASE ${name}`], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`CREATE DATABASE: ${made.stderr}`);
  const url = new URL(POSTGRES);
  url.pathname = `/${name}`;
  return url.toString();
}
