// SPDX-License-Identifier: Apache-2.0
// Requests as nobody's client library would make them, and errors held against docs/errors.md.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { gunzipSync } from "node:zlib";
import type { Answer } from "./kinora.ts";

export interface Raw {
  headers?: Record<string, string | string[]>; // a list: as often as it is long
  body?: string | Uint8Array;
}

// As fetch would, but with any method, path and headers (Cookie, Origin, Host) exactly as given.
// length: of the body as it came, perhaps packed.
export function send(
  origin: string,
  method: string,
  path: string,
  { headers = {}, body }: Raw = {},
): Promise<Answer<any> & { text: string; length: number }> {
  const { hostname, port } = new URL(origin);
  const length = body === undefined ? {} : { "content-length": String(Buffer.from(body).length) };
  return new Promise((resolve, reject) => {
    const call = request(
      { hostname, port, method, path, agent: false, headers: { ...length, ...headers } },
      (answer) => {
        const pieces: Buffer[] = [];
        answer.on("data", (piece) => pieces.push(piece));
        answer.on("error", reject);
        answer.on("end", () => {
          const bytes = Buffer.concat(pieces);
          const packed = answer.headers["content-encoding"] === "gzip";
          const text = (packed ? gunzipSync(bytes) : bytes).toString();
          const list = Object.entries(answer.headersDistinct).flatMap(([name, values]) =>
            values!.map((value) => [name, value] as [string, string]),
          );
          const json = /json/.test(answer.headers["content-type"] ?? "");
          resolve({
            status: answer.statusCode!,
            headers: new Headers(list),
            body: json && text ? JSON.parse(text) : undefined,
            text,
            length: bytes.length,
          });
        });
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

export interface Code {
  code: string;
  status: number;
  zh: string;
  en: string;
}

// The table of docs/errors.md.
export const CODES: Map<string, Code> = new Map(
  readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8")
    .split("\n")
    .map((line) => /^\| `(\w+)` \| (\d+) \| (.*) \| (.*) \|$/.exec(line))
    .filter((found) => found !== null)
    .map(([, code, status, zh, en]) => [code, { code, status: Number(status), zh, en }]),
);

const CHINESE = /[\u4e00-\u9fff]/;

// An error of /api/*: this status and code, which the table has, and a sentence in that language.
export function assertError(
  answer: Answer<any>,
  status: number,
  code: string,
  language: "zh" | "en" = "en",
): void {
  const error = answer.body?.error;
  const seen = JSON.stringify(answer.body);
  assert.equal(answer.status, status, seen);
  assert.equal(error?.code, code, seen);
  const known = CODES.get(code);
  assert.ok(known, `docs/errors.md does not have ${code}`);
  assert.equal(known.status, status, `docs/errors.md gives ${code} another status`);
  assert.ok(error.message.length > 3, seen);
  assert.equal(CHINESE.test(error.message), language === "zh", seen);
  if (language === "zh") assert.ok(error.message.startsWith(known.zh), seen);
}

// Stops all of them, even when one complains; its complaint is the outcome then.
export async function stopAll(...programs: ({ stop(): Promise<void> } | undefined)[]) {
  const ends = await Promise.allSettled(programs.map((p) => p?.stop()));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
