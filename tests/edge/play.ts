// SPDX-License-Identifier: Apache-2.0
// Plays rows of the tables on raw sockets: a client for both, an upstream for each.
import { once } from "node:events";
import { createServer, connect, type Server, type Socket } from "node:net";
import { HOST, type AnswerCase, type RequestCase } from "./table.ts";

const BOUND_MS = 30_000; // against hanging; nothing is measured by it

export interface Head {
  text: string;
  line: string;
  fields: Map<string, string>;
}

export interface Message extends Head {
  status: number;
  body: string;
  whole: boolean;
}

function parseHead(bytes: string): { head: Head; rest: string } | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [line, ...lines] = bytes.slice(0, end).split("\r\n");
  const fields = lines.map((l) => {
    const colon = l.indexOf(":");
    return [l.slice(0, colon).toLowerCase(), l.slice(colon + 1).trim()] as [string, string];
  });
  const head = { text: bytes.slice(0, end + 4), line, fields: new Map(fields) };
  return { head, rest: bytes.slice(end + 4) };
}

// As much of a body as is there.
function parseBody(head: Head, rest: string): { body: string; rest: string; whole: boolean } {
  const length = head.fields.get("content-length");
  if (head.fields.get("transfer-encoding") === "chunked") return parseChunks(rest);
  const n = Number(length ?? 0);
  return { body: rest.slice(0, n), rest: rest.slice(n), whole: rest.length >= n };
}

function parseChunks(rest: string): { body: string; rest: string; whole: boolean } {
  let body = "";
  for (;;) {
    const size = /^([0-9a-f]+)\r\n/.exec(rest);
    const n = size ? parseInt(size[1], 16) : 0;
    const from = size ? size[0].length : 0;
    body += rest.slice(from, from + n);
    if (!size || rest.length < from + n + 2) return { body, rest: "", whole: false };
    rest = rest.slice(from + n + 2);
    if (n === 0) return { body, rest, whole: true };
  }
}

export function parseAnswers(bytes: string, ended: boolean, toHead = false): Message[] {
  const answers: Message[] = [];
  for (let at = parseHead(bytes); at; at = parseHead(bytes)) {
    const { head } = at;
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head.line)?.[1] ?? 0);
    const bodiless =
      status < 200 || status === 204 || status === 304 || (toHead && !answers.length);
    const framed = head.fields.has("content-length") || head.fields.has("transfer-encoding");
    const got = bodiless
      ? { body: "", rest: at.rest, whole: true }
      : framed
        ? parseBody(head, at.rest)
        : { body: at.rest, rest: "", whole: ended };
    bytes = got.rest;
    answers.push({ ...head, status, body: got.body, whole: got.whole });
  }
  return answers;
}

// ---- the client

const PROBE = `GET /healthz HTTP/1.1\r\n${HOST}X-Request-Id: probe\r\nConnection: close\r\n\r\n`;

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

export interface Played {
  outcome: string;
  bytes: string;
  answers: Message[];
}

async function sendPieces(socket: Socket, pieces: string[], awaits: boolean): Promise<void> {
  for (const [i, piece] of pieces.entries()) {
    if (i && awaits) await Promise.race([once(socket, "data"), once(socket, "close")]);
    if (socket.destroyed) return;
    await new Promise<void>((resolve) => socket.write(latin1(piece), () => resolve()));
    if (i % 8 === 7) await new Promise((resolve) => setImmediate(resolve));
  }
}

// What came, and how it ended; "waits" when nothing happens for as long as patience says.
async function exchange(
  socket: Socket,
  play: () => Promise<void>,
  patience: number,
): Promise<{ bytes: string; ended: boolean; reset: boolean }> {
  const pieces: Buffer[] = [];
  const state = { ended: false, reset: false };
  socket.on("data", (piece) => pieces.push(Buffer.from(piece)));
  socket.on("error", (error: NodeJS.ErrnoException) => (state.reset = error.code === "ECONNRESET"));
  const over = new Promise<void>((resolve) => {
    const bound = setTimeout(resolve, patience);
    const done = () => {
      state.ended = true;
      clearTimeout(bound);
      resolve();
    };
    socket.on("end", done).on("close", done);
  });
  await once(socket, "connect");
  void play();
  await over;
  socket.destroy();
  return { bytes: Buffer.concat(pieces).toString("latin1"), ...state };
}

export async function playRequest(
  origin: string,
  key: string,
  row: RequestCase,
  patience = BOUND_MS,
): Promise<Played> {
  const { hostname, port } = new URL(origin);
  const sends = [row.send].flat().map((piece) => piece.replaceAll("$KEY", key));
  const pieces = row.slow ? [...sends.join("")] : sends;
  if (!row.cut && row.awaits) pieces.push(PROBE);
  else if (!row.cut) pieces[pieces.length - 1] += PROBE;
  const socket = connect({
    host: hostname,
    port: Number(port),
    noDelay: true,
    allowHalfOpen: true,
  });
  const { bytes, ended } = await exchange(
    socket,
    async () => {
      await sendPieces(socket, pieces, row.awaits === true);
      if (row.cut && !socket.destroyed) socket.end();
    },
    patience,
  );
  const answers = parseAnswers(bytes, ended, row.head);
  const probed = answers.at(-1)?.fields.get("x-request-id") === "probe";
  if (probed) answers.pop();
  const end = probed ? "keeps" : ended ? "closes" : "waits";
  return { outcome: [...answers.map((a) => a.status), end].join(" "), bytes, answers };
}

// ---- the upstream that hears requests

export interface Heard extends Head {
  body: string;
}

export class Listener {
  readonly heard: Heard[] = [];
  private readonly server: Server;
  readonly port: number;

  private constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
  }

  static async start(): Promise<Listener> {
    const { server, port } = await listen((socket) => listener.take(socket));
    const listener: Listener = new Listener(server, port);
    return listener;
  }

  private take(socket: Socket): void {
    forEachRequest(socket, (request) => {
      this.heard.push(request);
      const id = request.fields.get("x-request-id") ?? "none";
      socket.write(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: ${id}\r\n` +
          "Content-Length: 2\r\n\r\n{}",
      );
    });
  }

  stop(): void {
    this.server.close();
  }
}

async function listen(take: (s: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    take(socket);
  });
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  return { server, port: (server.address() as { port: number }).port };
}

function forEachRequest(socket: Socket, take: (request: Heard) => void): void {
  let bytes = "";
  socket.on("data", (piece) => {
    bytes += piece.toString("latin1");
    for (let at = parseHead(bytes); at; at = parseHead(bytes)) {
      const { body, rest, whole } = parseBody(at.head, at.rest);
      if (!whole) return;
      bytes = rest;
      take({ ...at.head, body });
    }
  });
}

// ---- the upstream that answers

export const ANSWERED = '{"next":true}';

type Played = Pick<AnswerCase, "send" | "then">;

// One for each row: the first request gets the row's bytes, each that follows a plain answer.
export class Player {
  readonly port: number;
  private readonly server: Server;
  private sockets: Socket[] = [];
  private requests: Socket[] = [];

  private constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
  }

  static async start(row: Played): Promise<Player> {
    const { server, port } = await listen((socket) => player.take(socket, row));
    const player: Player = new Player(server, port);
    return player;
  }

  private take(socket: Socket, row: Played): void {
    this.sockets.push(socket);
    forEachRequest(socket, () => {
      this.requests.push(socket);
      if (this.requests.length === 1) void playBytes(socket, row);
      else
        socket.write(
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" +
            `Content-Length: ${ANSWERED.length}\r\n\r\n${ANSWERED}`,
        );
    });
  }

  // The connection of the first request is gone.
  async dropped(): Promise<void> {
    if (!this.sockets[0].destroyed) await once(this.sockets[0], "close");
  }

  get reused(): boolean {
    return this.requests.length > 1 && this.requests[1] === this.requests[0];
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

async function playBytes(socket: Socket, row: Played): Promise<void> {
  await sendPieces(socket, [row.send].flat(), false);
  if (row.then === "ends") socket.end();
  else if (row.then === "resets") socket.resetAndDestroy();
}

// One call by a client that sends `request`; its answer, and "whole" or "cut".
export async function call(
  origin: string,
  request: string,
  patience = BOUND_MS,
): Promise<{ answer: Message | undefined; extra: number; ended: boolean }> {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let bytes = "";
  socket.on("data", (piece) => {
    bytes += piece.toString("latin1");
    const last = parseAnswers(bytes, false).at(-1);
    if (last && last.status >= 200 && last.whole) socket.end();
  });
  const got = await exchange(socket, () => sendPieces(socket, [request], false), patience);
  const answers = parseAnswers(got.bytes, got.ended && !got.reset);
  return { answer: answers[0], extra: answers.length - 1, ended: got.ended };
}
