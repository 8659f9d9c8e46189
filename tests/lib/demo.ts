// SPDX-License-Identifier: Apache-2.0
// A running demo upstream and its control API (docs/demo-upstream.md), for every suite.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const BINARY = process.env.KINORA_DEMO_BIN ?? "build/asan/kinora-demo-upstream";

export interface Rule {
  [field: string]: unknown;
}

export interface RouteCounts {
  requests: number;
  open: number;
  max_open: number;
  answered: number;
  left: number;
  cut: number;
  faulted: number;
}

export interface State {
  settings: Record<string, unknown>;
  open: { connections: number; requests: number; streams: number; held: number };
  routes: Record<string, RouteCounts>;
  submissions: {
    received: number;
    accepted: number;
    by_key: { key: string; received: number; accepted: number }[];
    by_prompt: { prompt: string; received: number; accepted: number }[];
  };
  jobs: { made: number; active: number; completed: number; failed: number; cancelled: number };
  renders: number;
  faults: { name: string; seen: number; applied: number; left: number | null; rule: Rule }[];
}

export interface Bytes {
  bytes: number;
  sha256: string | null;
  base64: string | null;
}

export interface Recorded {
  n: number;
  route: string;
  method: string;
  target: string;
  headers: [string, string][];
  body: Bytes & { complete: boolean };
  rule: string | null;
  job: string | null;
  answer: Bytes & { status: number | null; headers: [string, string][]; end: string };
}

export interface Job {
  id: string;
  shown_id: string;
  route: string;
  model: string;
  prompt: string;
  status: string;
  progress: number;
  links: string[];
  [member: string]: unknown;
}

export class Demo {
  readonly url: string;
  private readonly child: ChildProcess;
  private readonly errors: string[];

  private constructor(url: string, child: ChildProcess, errors: string[]) {
    this.url = url;
    this.child = child;
    this.errors = errors;
  }

  static async start(...options: string[]): Promise<Demo> {
    const child = spawn(BINARY, ["--listen", "127.0.0.1:0", ...options], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const errors: string[] = [];
    child.stderr!.on("data", (piece) => errors.push(String(piece)));
    for await (const line of createInterface({ input: child.stdout! })) {
      const ready = /^kinora-demo-upstream ready (http:\S+)$/.exec(line);
      if (ready) return new Demo(ready[1], child, errors);
    }
    throw new Error(`the demo upstream did not start: ${errors.join("")}`);
  }

  // Ends it as an init system would; anything but a clean end is an error.
  async stop(): Promise<void> {
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    const [code, signal] = await ended;
    if (code !== 0 || this.errors.length > 0) {
      throw new Error(`the demo upstream ended with ${code ?? signal}: ${this.errors.join("")}`);
    }
  }

  async control<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}/_demo${path}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} /_demo${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }

  fault(...rules: Rule[]): Promise<unknown> {
    return this.control("POST", "/faults", { rules });
  }

  settings(changes: Record<string, unknown>): Promise<unknown> {
    return this.control("POST", "/settings", changes);
  }

  reset(): Promise<unknown> {
    return this.control("POST", "/reset");
  }

  release(rule?: string): Promise<{ released: number }> {
    return this.control("POST", "/release", rule === undefined ? {} : { rule });
  }

  state(): Promise<State> {
    return this.control("GET", "/state");
  }

  // All of them, the oldest first.
  async requests(route?: string): Promise<Recorded[]> {
    const found: Recorded[] = [];
    for (;;) {
      const query = new URLSearchParams({ after: String(found.at(-1)?.n ?? 0), ...(route && { route }) });
      const { requests } = await this.control<{ requests: Recorded[] }>("GET", `/requests?${query}`);
      if (!requests.length) return found;
      found.push(...requests);
    }
  }

  async jobs(): Promise<Job[]> {
    const { jobs } = await this.control<{ jobs: Job[] }>("GET", "/jobs");
    return jobs;
  }

  steer(id: string, order: Record<string, unknown>): Promise<Job> {
    return this.control("POST", `/jobs/${id}`, order);
  }

  // Asks until the answer satisfies, at most a minute (against hanging).
  async until(satisfies: (state: State) => boolean): Promise<State> {
    for (let i = 0; i < 3000; i++) {
      const state = await this.state();
      if (satisfies(state)) return state;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`the demo upstream never came to it: ${JSON.stringify(await this.state())}`);
  }
}
