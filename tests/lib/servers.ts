// SPDX-License-Identifier: Apache-2.0
// Servers of the Videos dialect as they really answer, each with its own traps, to stand behind an
// account. Their words are those of tests/fixtures/upstreams, which names where they were read.
//
// A prompt of "fail" fails, one of "hang" never ends; every other is done at the second poll.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

export const KINDS = ["vllm-omni", "sglang", "litellm", "new-api", "openrouter"] as const;
export type Kind = (typeof KINDS)[number];

interface Task {
  id: string;
  prompt: string;
  polls: number;
  looks: number; // of these, up to the one that its file's address is from
  deletes: number;
}

interface Reply {
  status: number;
  body: unknown;
}

export const FILM = Buffer.concat([Buffer.from("\0\0\0\x18ftypmp42"), Buffer.alloc(5000, 7)]);
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export class VideoServer {
  readonly kind: Kind;
  models: { id: string }[] = [];
  picture = PNG; // what its images are, as base64
  // Files of "openrouter" have another address at each poll, as long as there is `another`; those of
  // `dead` are refused.
  another = true;
  readonly dead = new Set<string>();
  // Polls are answered after it.
  gate: Promise<unknown> = Promise.resolve();
  readonly seen: { method: string; path: string; type: string; body: string; key: string }[] = [];
  private readonly server: Server;
  private readonly tasks = new Map<string, Task>();

  private constructor(kind: Kind) {
    this.kind = kind;
    this.server = createServer((call, answer) => void this.serve(call, answer));
  }

  static async start(kind: Kind): Promise<VideoServer> {
    const one = new VideoServer(kind);
    one.server.listen(0, "127.0.0.1");
    await once(one.server, "listening");
    return one;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }

  // As an administrator would type it.
  get base(): string {
    return this.kind === "openrouter" ? `${this.origin}/api/v1` : this.origin;
  }

  private images(body: string): { b64_json: string }[] {
    return Array(JSON.parse(body).n ?? 1).fill({ b64_json: this.picture });
  }

  private async serve(call: IncomingMessage, answer: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of call) pieces.push(piece);
    const body = Buffer.concat(pieces).toString("latin1");
    const { method = "", url = "" } = call;
    const type = call.headers["content-type"] ?? "";
    const key = call.headers.authorization ?? "";
    this.seen.push({ method, path: url, type, body, key });
    if (key !== "Bearer server-key") return this.say(answer, this.refusal(401, "no key"));
    if (this.dead.has(url)) return this.say(answer, this.refusal(403, "the link has expired"));
    const path = url.replace(/^\/api\/v1|^\/v1/, "").replace(/\?.*/, "");
    const task = this.tasks.get(/^\/videos\/([^/]+)/.exec(path)?.[1] ?? "");
    if (path === "/models") this.say(answer, { status: 200, body: { data: this.models } });
    else if (method === "POST" && path === "/videos") this.say(answer, this.submit(type, body));
    else if (method === "POST" && path === "/images/generations")
      this.say(answer, { status: 200, body: { created: 1, data: this.images(body) } });
    else if (!task) this.say(answer, this.refusal(404, "task_not_exist"));
    else if (path.endsWith("/content") || path.endsWith("/file")) this.content(task, path, answer);
    else if (method === "DELETE") this.say(answer, this.remove(task));
    else {
      await this.gate;
      this.say(answer, this.poll(task));
    }
  }

  private say(answer: ServerResponse, { status, body }: Reply): void {
    answer.writeHead(status, { "content-type": "application/json" });
    answer.end(JSON.stringify(body));
  }

  private refusal(status: number, message: string): Reply {
    const bodies: Record<Kind, unknown> = {
      "vllm-omni": { detail: message },
      sglang: { detail: message },
      litellm: {
        error: { message, type: "invalid_request_error", param: null, code: `${status}` },
      },
      "new-api": { code: message, message, data: null },
      openrouter: { error: { code: status, message } },
    };
    return { status, body: bodies[this.kind] };
  }

  private submit(type: string, body: string): Reply {
    const form = type.startsWith("multipart/form-data");
    const prompt = form
      ? /name="prompt"\r\n\r\n([^\r]*)/.exec(body)?.[1]
      : (JSON.parse(body) as { prompt?: string }).prompt;
    // Multipart only; JSON only; a form only with a picture.
    if (this.kind === "vllm-omni" && !form)
      return {
        status: 422,
        body: { detail: [{ loc: ["body", "prompt"], msg: "Field required" }] },
      };
    if (this.kind === "vllm-omni" && prompt === "broken")
      return {
        status: 422,
        body: { detail: [{ loc: ["body", "input_reference"], msg: "cannot be read" }] },
      };
    if (this.kind === "openrouter" && form)
      return this.refusal(415, "Unsupported Media Type: application/json is expected");
    if (this.kind === "sglang" && form && !body.includes('name="input_reference"'))
      return this.refusal(400, "input_reference file is required");
    if (prompt === "refuse") return this.refusal(400, "the size is not supported");
    const task = { id: `task_${this.tasks.size + 1}`, prompt: prompt ?? "", polls: 0, looks: 0, deletes: 0 };
    this.tasks.set(task.id, task);
    if (this.kind === "openrouter")
      return {
        status: 202,
        body: { id: "gen-1", polling_url: `/api/v1/videos/${task.id}`, status: "pending" },
      };
    return { status: 200, body: this.object(task) };
  }

  private state(task: Task): "queued" | "running" | "done" | "failed" {
    if (task.polls === 0) return "queued";
    if (task.polls === 1 || task.prompt === "hang") return "running";
    return task.prompt === "fail" ? "failed" : "done";
  }

  private object(task: Task): Record<string, unknown> {
    const state = this.state(task);
    const common = { id: task.id, object: "video", model: "m", prompt: task.prompt };
    const words: Record<Kind, Record<string, string>> = {
      "vllm-omni": {
        queued: "queued",
        running: "in_progress",
        done: "completed",
        failed: "failed",
      },
      sglang: { queued: "queued", running: "queued", done: "completed", failed: "failed" },
      litellm: { queued: "queued", running: "in_progress", done: "completed", failed: "failed" },
      "new-api": { queued: "NOT_START", running: "unknown", done: "SUCCESS", failed: "FAILURE" },
      openrouter: {
        queued: "pending",
        running: "in_progress",
        done: "completed",
        failed: "failed",
      },
    };
    const status = words[this.kind][state];
    const failed = state === "failed";
    const done = state === "done";
    switch (this.kind) {
      case "vllm-omni": {
        const error = failed ? { code: 500, message: "out of memory" } : null;
        return { ...common, status, progress: done ? 100 : 0, created_at: 1762000000, error };
      }
      case "sglang": {
        const error = failed ? { message: "out of memory" } : null;
        const url = done ? `${this.origin}/v1/videos/${task.id}/file` : null;
        return { ...common, status, progress: done ? 100 : 0, created_at: 1762000000, url, error };
      }
      case "litellm": {
        const id = task.polls ? "video_another" : task.id;
        const error = failed ? { code: "500", message: "out of memory" } : null;
        return { ...common, id, status, progress: 10, created_at: 1762000000, error };
      }
      case "new-api": {
        const error = failed ? "out of memory" : null;
        return {
          ...common,
          task_id: task.id,
          status,
          progress: 30,
          created_at: 1762000000123,
          error,
        };
      }
      case "openrouter": {
        const links = done
          ? { unsigned_urls: [`${this.origin}/api/v1/videos/${task.id}/file?of=${task.looks}`] }
          : {};
        const error = failed ? { error: "out of memory" } : {};
        return { id: "gen-1", status, ...links, ...error };
      }
    }
  }

  private poll(task: Task): Reply {
    task.polls++;
    if (this.another) task.looks = task.polls;
    const failed = this.state(task) === "failed";
    return { status: failed && this.kind === "vllm-omni" ? 500 : 200, body: this.object(task) };
  }

  private content(task: Task, path: string, answer: ServerResponse): void {
    const state = this.state(task);
    if (state === "failed") return this.say(answer, this.refusal(422, "failed"));
    if (state !== "done")
      return this.say(answer, this.refusal(this.kind === "new-api" ? 400 : 404, "in progress"));
    if (this.kind === "sglang" && path.endsWith("/content"))
      return this.say(answer, this.refusal(400, "stored in a cloud: use url"));
    answer.writeHead(200, { "content-type": "video/mp4", "content-length": FILM.length });
    answer.end(FILM);
  }

  private remove(task: Task): Reply {
    task.deletes++;
    if (this.kind === "new-api" || this.kind === "openrouter") return this.refusal(404, "no route");
    if (this.kind === "vllm-omni" && task.deletes === 1)
      return this.refusal(409, "cancellation still running");
    if (this.kind === "sglang")
      return { status: 200, body: { ...this.object(task), status: "deleted" } };
    return { status: 200, body: { id: task.id, deleted: true, object: "video.deleted" } };
  }
}
