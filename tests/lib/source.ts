// SPDX-License-Identifier: Apache-2.0
// An upstream of the Videos dialect whose jobs are done at once and whose files have whatever size
// and manners the prompt names: "size=20000000 chunked", "noranges", "cut=9000000" (once),
// "hold=9000000" (until release()), "late" (the same, before the head of a rest), "changes" (another file each time), "gone".
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Person } from "./kinora.ts";

// The head of a video: enough to be known as one.
const HEAD = Buffer.from("0000002066747970 69736f6d 00000200 69736f6d69736f32617663316d703431".replaceAll(" ", ""), "hex");

interface Film {
  id: string;
  wishes: Map<string, string>;
  bytes: Buffer;
  etag: string;
  asked: { range: string | undefined; status: number }[];
}

export class Source {
  url = "";
  readonly films = new Map<string, Film>();
  private readonly server: Server;
  private held: (() => void)[] = [];

  private constructor() {
    this.server = createServer((req, res) => void this.serve(req, res));
  }

  static async start(): Promise<Source> {
    const source = new Source();
    source.server.listen(0, "127.0.0.1");
    await once(source.server, "listening");
    source.url = `http://127.0.0.1:${(source.server.address() as AddressInfo).port}`;
    return source;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  account(person: Person, more: Record<string, unknown> = {}) {
    return person.ask("POST", "/api/v1/admin/accounts", {
      name: "source", platform: "sora", type: "apikey", dialect: "videos",
      credentials: { base_url: this.url, api_key: "source-key" },
      priority: 1, concurrency: 100, group_ids: [1], ...more,
    });
  }

  film(prompt: string): Film {
    return this.films.get(prompt)!;
  }

  sha256(prompt: string): string {
    return createHash("sha256").update(this.film(prompt).bytes).digest("hex");
  }

  get holding(): number {
    return this.held.length;
  }

  release(): void {
    const held = this.held;
    this.held = [];
    for (const go of held) go();
  }

  private make(prompt: string): Film {
    const wishes = new Map(prompt.split(/\s+/).map((word) => {
      const [name, value] = word.split("=");
      return [name, value ?? ""] as [string, string];
    }));
    const size = Number(wishes.get("size") ?? 100_000);
    const bytes = Buffer.concat([HEAD, randomBytes(Math.max(size - HEAD.length, 0))]);
    const film = { id: `film-${this.films.size + 1}`, wishes, bytes, etag: "", asked: [] };
    film.etag = `"${film.id}"`;
    this.films.set(prompt, film);
    return film;
  }

  private async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of req) pieces.push(piece as Buffer);
    const json = (status: number, body: unknown) => {
      res.writeHead(status, { "content-type": "application/json" });
      res.end(JSON.stringify(body));
    };
    const path = req.url!.split("?")[0];
    if (req.method === "POST") {
      const text = Buffer.concat(pieces).toString("latin1");
      const prompt = /name="prompt"\r\n\r\n([^\r]*)/.exec(text)?.[1] ??
        /"prompt":\s*"([^"]*)"/.exec(text)?.[1] ?? "";
      const film = this.make(prompt);
      return json(200, { id: film.id, object: "video", status: "queued", progress: 0 });
    }
    const id = /\/videos\/(film-\d+)/.exec(path)?.[1];
    const film = [...this.films.values()].find((f) => f.id === id);
    if (!film) return json(200, { object: "list", data: [] });
    if (path.endsWith("/content")) return this.send(req, res, film);
    json(200, { id, object: "video", status: "completed", progress: 100 });
  }

  private async send(req: IncomingMessage, res: ServerResponse, film: Film): Promise<void> {
    const { wishes } = film;
    const ranges = !wishes.has("noranges") && !wishes.has("chunked");
    if (wishes.has("changes")) {
      film.bytes = Buffer.concat([HEAD, randomBytes(film.bytes.length - HEAD.length)]);
      film.etag = `"${film.id}-${film.asked.length}"`;
    }
    const range = req.headers.range;
    const from = ranges && req.headers["if-range"] === film.etag
      ? Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0) : 0;
    const status = wishes.has("gone") ? 403 : from ? 206 : 200;
    film.asked.push({ range, status });
    const headers: Record<string, string> = { "content-type": "video/mp4" };
    if (ranges) Object.assign(headers, { "accept-ranges": "bytes", etag: film.etag });
    const rest = film.bytes.subarray(from);
    if (!wishes.has("chunked")) headers["content-length"] = String(rest.length);
    if (from) headers["content-range"] = `bytes ${from}-${film.bytes.length - 1}/${film.bytes.length}`;
    if (from && wishes.delete("late")) await new Promise<void>((resolve) => this.held.push(resolve));
    res.writeHead(status, headers);
    if (status === 403) return void res.end();
    await this.pour(res, film, rest, from);
  }

  private async pour(res: ServerResponse, film: Film, rest: Buffer, from: number): Promise<void> {
    const stop = (name: string) => Number(film.wishes.get(name) ?? Infinity) - from;
    const first = Math.min(stop("cut"), stop("hold"), rest.length);
    if (first > 0) res.write(rest.subarray(0, first));
    if (first > 0 && first === stop("cut")) {
      film.wishes.delete("cut");
      if (res.writableNeedDrain) await once(res, "drain").catch(() => {});
      res.destroy();
      return;
    }
    if (first > 0 && first === stop("hold")) {
      film.wishes.delete("hold");
      await new Promise<void>((resolve) => this.held.push(resolve));
    }
    res.end(rest.subarray(Math.max(first, 0)));
  }
}
