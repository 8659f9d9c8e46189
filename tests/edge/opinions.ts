// SPDX-License-Identifier: Apache-2.0
// Two readers of the same bytes: our codec, and Node's own parser (llhttp, strict).
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Generated, Kind } from "./generate.ts";

const BINARY = process.env.KINORA_BIN ?? "build/asan/kinora";
const READER = join(dirname(BINARY), "tests/codec_reader");

export interface Message {
  start: string; // method and target, or status
  fields: string; // one a line, as name: value
  body: string;
}

// How a connection's bytes end: "end", "closed", "more" or "bad", and for that why.
export interface Opinion {
  messages: Message[];
  end: string;
  why: string;
}

// ---- ours

function record({ kind, bytes }: Generated): Buffer {
  const start = Buffer.alloc(5);
  start.write(kind, 0);
  start.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([start, Buffer.from(bytes, "latin1")]);
}

function unhex(text: string): string {
  return text === "-" ? "" : Buffer.from(text, "hex").toString("latin1");
}

function messageOf(line: string): Message {
  const [, what, target, body, ...pairs] = line.split(" ");
  const texts = pairs.map(unhex);
  const fields = texts.flatMap((name, i) => (i % 2 ? [] : [`${name}: ${texts[i + 1]}`]));
  const start = /^\d/.test(what) ? what : `${what} ${unhex(target)}`;
  return { start, fields: fields.join("\n"), body: unhex(body) };
}

export function ours(all: Generated[]): Opinion[] {
  const input = Buffer.concat(all.map(record));
  const ran = spawnSync(READER, { input, maxBuffer: 1 << 30, encoding: "latin1" });
  if (ran.status !== 0) throw new Error(`${READER}: ${ran.error ?? ran.stderr}`);
  const opinions: Opinion[] = [];
  let messages: Message[] = [];
  for (const line of ran.stdout.split("\n").slice(0, -1)) {
    if (line.startsWith("m ")) {
      messages.push(messageOf(line));
      continue;
    }
    const [end] = line.split(" ");
    opinions.push({ messages, end, why: line.slice(end.length + 1) });
    messages = [];
  }
  return opinions;
}

// ---- Node's

const { HTTPParser, methods } = createRequire(import.meta.url)("_http_common");

class Reader {
  readonly messages: Message[] = [];
  private now: Message | undefined;
  private pairs: string[] = [];
  private url = "";
  private readonly parser = new HTTPParser();

  constructor(kind: Kind) {
    this.parser.initialize(kind === "q" ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, 1 << 20, 0);
    this.parser[HTTPParser.kOnHeaders] = (pairs: string[], url: string) => {
      this.pairs.push(...pairs);
      this.url += url;
    };
    this.parser[HTTPParser.kOnHeadersComplete] = (...all: unknown[]) => this.onHead(all, kind);
    this.parser[HTTPParser.kOnBody] = (piece: Buffer) => {
      this.now!.body += piece.toString("latin1");
    };
    this.parser[HTTPParser.kOnMessageComplete] = () => {
      this.messages.push(this.now!);
      this.pairs = [];
      this.url = "";
    };
  }

  private onHead([, , pairs, method, url, status]: any[], kind: Kind): number {
    const all: string[] = [...this.pairs, ...(pairs ?? [])];
    const fields = all.flatMap((name, i) => (i % 2 ? [] : [`${name}: ${all[i + 1]}`]));
    const start = kind === "q" ? `${methods[method]} ${url ?? this.url}` : String(status);
    this.now = { start, fields: fields.join("\n"), body: "" };
    return kind === "h" ? 1 : 0;
  }

  read(bytes: string): Opinion {
    const opinion = (end: string, why = "") => ({ messages: this.messages, end, why });
    let left = Buffer.from(bytes, "latin1");
    for (;;) {
      const used = this.parser.execute(left);
      if (used instanceof Error) {
        const why = `${(used as any).code}: ${(used as any).reason}`;
        return (used as any).code === "HPE_CLOSED_CONNECTION"
          ? opinion("closed")
          : opinion("bad", why);
      }
      left = left.subarray(used);
      if (!left.length) break;
      if (!used) return opinion("upgraded"); // it waits for somebody else to take over
    }
    return opinion(this.parser.finish() instanceof Error ? "more" : "end");
  }
}

export function nodes({ kind, bytes }: Generated): Opinion {
  return new Reader(kind).read(bytes);
}
