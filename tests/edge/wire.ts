// SPDX-License-Identifier: Apache-2.0
// Both ends of Kinora as sockets that a test moves by hand.
import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { eventually, sleep, type Kinora } from "../lib/kinora.ts";
import { HOST } from "./table.ts";

const BOUND_MS = 120_000; // against hanging; nothing is measured by it

export function within<T>(what: string, promise: Promise<T>, ms = BOUND_MS): Promise<T> {
  let bound: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    bound = setTimeout(() => reject(new Error(`never: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(bound));
}

export function sha256(bytes: string | Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

// ---- the client

export type Leaving = "closes" | "resets" | "half-closes";
export const LEAVINGS: Leaving[] = ["closes", "resets", "half-closes"];

export class Caller {
  readonly socket: Socket;
  readonly hash: Hash = createHash("sha256"); // of what follows the first head
  received = 0;
  text = ""; // the first 64 KiB
  reset = false;
  // The other side has ended; the connection is gone.
  readonly over: Promise<void>;
  readonly closed: Promise<void>;
  private body = -1; // where it begins; -1: not yet
  private watchers: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (piece: Buffer) => this.take(piece));
    socket.on("error", () => (this.reset = true));
    this.closed = new Promise((resolve) => socket.on("close", () => resolve()));
    this.over = new Promise((resolve) => socket.on("end", resolve).on("close", () => resolve()));
    void this.over.then(() => this.watchers.forEach((look) => look()));
  }

  get cut(): boolean {
    return this.socket.destroyed;
  }

  static async connect(origin: string): Promise<Caller> {
    const { hostname, port } = new URL(origin);
    const socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      allowHalfOpen: true,
    });
    await once(socket, "connect");
    return new Caller(socket);
  }

  private take(piece: Buffer): void {
    if (this.text.length < 65536) this.text += piece.toString("latin1");
    if (this.body < 0 && this.text.includes("\r\n\r\n")) {
      this.body = this.text.indexOf("\r\n\r\n") + 4;
      this.hash.update(
        this.received + piece.length > this.body ? piece.subarray(this.body - this.received) : "",
      );
    } else if (this.body >= 0) {
      this.hash.update(piece);
    }
    this.received += piece.length;
    for (const look of this.watchers) look();
  }

  // Resolves when the bytes are in the kernel, or the connection is over.
  send(bytes: string | Buffer): Promise<void> {
    if (this.socket.destroyed || !this.socket.writable) return Promise.resolve();
    const sent = new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()));
    return Promise.race([sent, this.over]);
  }

  saw(what: string | ((text: string) => boolean)): Promise<void> {
    const found = typeof what === "string" ? (text: string) => text.includes(what) : what;
    return within(
      `the client sees ${what}`,
      new Promise((resolve, reject) => {
        const look = () => {
          if (found(this.text)) resolve();
          else if (this.socket.readableEnded || this.socket.destroyed)
            reject(new Error(`the client saw only: ${this.text.slice(0, 2000)}`));
        };
        this.watchers.push(look);
        look();
      }),
    );
  }

  // Bytes of the body that have come.
  get bodyBytes(): number {
    return this.body < 0 ? 0 : this.received - this.body;
  }

  // Takes about so many bytes a second, for so long, and then nothing.
  async readSlowly(bytesPerSecond: number, seconds: number): Promise<void> {
    this.socket.pause();
    for (let tick = 0; tick < seconds * 10; tick++) {
      this.socket.read(0);
      this.socket.read(Math.min(bytesPerSecond / 10, this.socket.readableLength));
      await sleep(100);
    }
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.text)?.[1] ?? 0);
  }

  leave(how: Leaving): void {
    if (how === "closes") this.socket.destroy();
    else if (how === "resets") this.socket.resetAndDestroy();
    else this.socket.end();
  }
}

export function chatHead(key: string, length: number | "chunked", fields = ""): string {
  const framing = length === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`;
  return (
    `POST /sora/v1/chat/completions HTTP/1.1\r\n${HOST}Authorization: Bearer ${key}\r\n` +
    `Content-Type: application/json\r\n${fields}${framing}\r\n\r\n`
  );
}

// A chat request of at least `bytes` bytes; no two stretches of it are alike.
export function chatBody(model: string, bytes = 0, stream = true): Buffer {
  const head = `{"model":"${model}","stream":${stream},"messages":[{"role":"user","content":"`;
  const tail = '"}]}';
  const fill = Math.max(bytes - head.length - tail.length, 1);
  const text = Buffer.alloc(fill, 120);
  for (let at = 0, n = 0; at < fill; at += 64, n++) text.write(`<${n}>`, at, "latin1");
  return Buffer.concat([Buffer.from(head), text, Buffer.from(tail)]);
}

// A call whose request is on its way as a whole.
export async function ask(
  at: { kinora: Kinora; key: string },
  body: Buffer,
  fields = "",
): Promise<Caller> {
  const caller = await Caller.connect(at.kinora.url);
  void caller.send(Buffer.concat([Buffer.from(chatHead(at.key, body.length, fields)), body]));
  return caller;
}

// ---- the upstream

// One request that Kinora made.
export class Visit {
  readonly socket: Socket;
  readonly head: string;
  readonly length: number;
  taken = 0; // bytes of its body
  private readonly hash = createHash("sha256");
  whole!: Promise<string>; // its body has come: the hash
  // Kinora has ended the connection.
  readonly left: Promise<void>;
  private done!: (hash: string) => void;

  constructor(socket: Socket, head: string, left: Promise<void>) {
    this.socket = socket;
    this.left = left;
    this.head = head;
    this.length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0);
    this.whole = new Promise((resolve) => (this.done = resolve));
  }

  // Returns what belongs to the next request.
  take(bytes: Buffer): Buffer {
    const mine = bytes.subarray(0, this.length - this.taken);
    this.taken += mine.length;
    this.hash.update(mine);
    if (this.taken === this.length && !this.isWhole) {
      this.isWhole = true;
      this.done(this.hash.digest("hex"));
    }
    return bytes.subarray(mine.length);
  }
  isWhole = false;

  send(bytes: string | Buffer): Promise<void> {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  // Room again, after a write that said there is none.
  drained(): Promise<void> {
    return new Promise((resolve) => this.socket.once("drain", resolve));
  }

  // A whole answer.
  answer(status: number, body: string, fields = ""): Promise<void> {
    return this.send(
      `HTTP/1.1 ${status} Said\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n${fields}\r\n${body}`,
    );
  }

  // The head of a stream, and its first event.
  begin(): Promise<void> {
    const event = 'data: {"first":1}\n\n';
    return this.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
        `${event.length.toString(16)}\r\n${event}\r\n`,
    );
  }
}

export class Upstream {
  readonly port: number;
  readonly visits: Visit[] = [];
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly onVisit: (visit: Visit, n: number) => void;
  private readonly keeps: boolean;

  private constructor(server: Server, onVisit: (v: Visit, n: number) => void, keeps: boolean) {
    this.server = server;
    this.port = (server.address() as { port: number }).port;
    this.onVisit = onVisit;
    this.keeps = keeps;
    server.on("connection", (socket) => this.take(socket));
  }

  // Connections that Kinora has to it.
  get open(): number {
    return this.sockets.size;
  }

  // onVisit comes with the head, before the body is looked at: it may pause the socket. Without
  // `keeps`, visits are not remembered.
  static async start(
    onVisit: (visit: Visit, n: number) => void = () => {},
    { keeps = true } = {},
  ): Promise<Upstream> {
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    server.listen(0, "127.0.0.1").unref();
    await once(server, "listening");
    return new Upstream(server, onVisit, keeps);
  }

  private take(socket: Socket): void {
    let kept = Buffer.alloc(0);
    let visit: Visit | undefined;
    const left = new Promise<void>((resolve) =>
      socket.on("end", resolve).on("close", () => resolve()),
    );
    this.sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("end", () => socket.end());
    socket.on("data", (piece: Buffer) => {
      let rest = visit && !visit.isWhole ? visit.take(piece) : Buffer.concat([kept, piece]);
      kept = Buffer.alloc(0);
      for (let end = rest.indexOf("\r\n\r\n"); end >= 0; end = rest.indexOf("\r\n\r\n")) {
        visit = new Visit(socket, rest.subarray(0, end + 4).toString("latin1"), left);
        if (this.keeps) this.visits.push(visit);
        this.onVisit(visit, this.visits.length);
        rest = visit.take(rest.subarray(end + 4));
      }
      kept = Buffer.from(rest);
    });
  }

  // The n-th request, counted from 1.
  async visit(n: number): Promise<Visit> {
    return eventually(`request ${n} at the upstream`, async () => this.visits[n - 1], 120);
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

// ---- what can be seen of Kinora from outside

export async function metric(kinora: Kinora, name: string): Promise<number> {
  const text = await (
    await fetch(`${kinora.url}/metrics`, { headers: { connection: "close" } })
  ).text();
  return Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1] ?? NaN);
}

// So many direct calls are under way.
export async function underWay(kinora: Kinora, n: number): Promise<void> {
  await eventually(
    `${n} calls under way`,
    async () => (await metric(kinora, "kinora_gateway_streams")) === n,
    120,
  );
}

export function residentKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);
}

// What the process has open, by what each descriptor leads to.
export function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

// Files without a name in its data folder: bodies that wait.
export function spooled(kinora: Kinora): number {
  const bodies = descriptors(kinora.pid).filter(
    (to) => to.startsWith(kinora.data) && to.endsWith(" (deleted)"),
  );
  return bodies.length;
}
