// SPDX-License-Identifier: Apache-2.0
// What upstreams do, and what follows: for the caller, for the account, for the counts. Each row has
// accounts of its own, the first preferred; what is not said of the second is that it answers well.
// tests/api/failover.test.ts plays the rows, and docs/failover.md is this table in words.
import { STATUS_CODES } from "node:http";

// Bytes, a pause in ms, or the end of the connection; made when the request is there.
export type Step = string | number | "FIN" | "RST" | (() => string);

export interface Row {
  does: string;
  // The first account's answer to its first request, its second …; the last is repeated.
  answers: Step[][];
  // Where the first account is, when not at the stand-in.
  at?: "closed port" | "closing port" | "resetting port" | "TLS" | "unknown name";
  stream?: true;
  task?: true; // an account that makes jobs (dialect videos, GW-8)
  second?: Step[] | null; // null: there is none
  sees: string;
  retryAfter?: number; // seconds
  first: string; // the first account's mark, see MARKS
  counted?: "done" | "failed";
  calls: [number, number]; // that reached each account
}

export interface Section {
  title: string;
  rows: Row[];
}

// What the words of `first` mean: the cause, and which of the two times is set.
export const MARKS: Record<string, { cause: string | null; in?: "failures" | "auth" | "rate" }> = {
  "no mark": { cause: null },
  "backs off": { cause: "account_failing", in: "failures" },
  declined: { cause: "account_declined", in: "failures" },
  "key refused": { cause: "auth_failed", in: "auth" },
  limited: { cause: "account_rate_limited", in: "rate" },
};

const JSON_TYPE = "Content-Type: application/json";

function answer(status: number, body: string, ...headers: string[]): string {
  const all = [...headers, `Content-Length: ${Buffer.byteLength(body)}`, "Connection: close"];
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Whatever"}\r\n${all.join("\r\n")}\r\n\r\n${body}`;
}

function says(status: number, error: object, ...headers: string[]): Step[] {
  return [answer(status, JSON.stringify({ error }), JSON_TYPE, ...headers)];
}

const THEIRS = { message: "theirs: out of paper", code: "theirs" };
const NO_MODEL = { message: "The model does not exist", code: "model_not_found" };
const PAGE = "<!DOCTYPE html><html><body><h1>theirs: Bad Gateway</h1></body></html>";
const HTML_TYPE = "Content-Type: text/html";

export const GOOD = "second: a video";
export const CHAT: Step[] = [
  answer(200, JSON.stringify({ choices: [{ message: { content: GOOD } }] }), JSON_TYPE),
];
const TASK = { id: "task_1", object: "video", model: "m", status: "queued", progress: 0 };
const task = (more: object): Step[] => [
  answer(200, JSON.stringify({ ...TASK, ...more }), JSON_TYPE),
];
export const DONE: Step[] = task({ status: "completed", progress: 100 });

const CHUNKED = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n`;
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const EVENT = chunk(`data: {"choices":[{"delta":{"content":"theirs"}}]}\n\n`);
const LAST = chunk("data: [DONE]\n\n") + "0\r\n\r\n";

const inAnHour = (): number => Date.now() + 3_600_000;
const late = (header: string, value: () => string | number): Step[] => [
  () => says(429, THEIRS, `${header}: ${value()}`)[0] as string,
];

// ---- kinds of rows

const SECOND = "200, the second's";

function other(status: number, first: string, error = THEIRS): Row {
  const counted = first === "no mark" ? undefined : "failed";
  const does = error === NO_MODEL ? `${status}, for the model` : `${status}`;
  return { does, answers: [says(status, error)], sees: SECOND, first, counted, calls: [1, 1] };
}

function kept(status: number): Row {
  const row = { does: `${status}`, answers: [says(status, THEIRS)], sees: `${status} as it is` };
  return { ...row, first: "no mark", calls: [1, 0] };
}

function limited(does: string, seconds: number, ...headers: string[]): Row {
  const row = { does: `429, ${does}`, answers: [says(429, THEIRS, ...headers)], sees: SECOND };
  return { ...row, first: `limited ${seconds} s`, counted: "failed", calls: [1, 1] };
}

function broken(does: string, ...steps: Step[]): Row {
  const row = { does, answers: [steps], sees: SECOND };
  return { ...row, first: "backs off", counted: "failed", calls: [1, 1] };
}

function away(at: Row["at"], does: string): Row {
  return { ...broken(does), at, calls: [0, 1] };
}

function passing(does: string, sees: string, counted: Row["counted"], ...steps: Step[]): Row {
  const first = counted === "failed" ? "backs off" : "no mark";
  return { does, answers: [steps], sees, first, counted, calls: [1, 0] };
}

function alone(does: string, sees: string, first: string, ...steps: Step[]): Row {
  return { does, answers: [steps], second: null, sees, first, counted: "failed", calls: [1, 0] };
}

const RESULT = "200, a result";

function refusedTask(status: number, first: string, error = THEIRS): Row {
  return { ...other(status, first, error), task: true, sees: RESULT };
}

function polled(does: string, first: string, ...polls: Step[][]): Row {
  const answers = [task({}), ...polls, DONE];
  const calls: [number, number] = [answers.length, 0];
  return { does, answers, task: true, sees: RESULT, first, counted: "done", calls };
}

function endedTask(does: string, sees: string, first: string, ...steps: Step[]): Row {
  const counted = first === "no mark" ? undefined : ("failed" as const);
  return { does, answers: [steps], task: true, sees, first, counted, calls: [1, 0] };
}

export const SECTIONS: Section[] = [
  {
    title: "A status, before the first byte has gone to the caller",
    rows: [
      ...[400, 404, 405, 409, 410, 413, 415, 418, 422, 451].map(kept),
      other(401, "key refused"),
      other(402, "declined"),
      other(403, "declined"),
      other(404, "no mark", NO_MODEL),
      other(408, "no mark"),
      ...[500, 501, 502, 503, 504, 507, 520, 529].map((status) => other(status, "backs off")),
      {
        ...other(503, "backs off 45 s"),
        does: "503, Retry-After: 45",
        answers: [says(503, THEIRS, "Retry-After: 45")],
      },
      {
        ...other(500, "backs off"),
        does: "500, and when its rate window ends",
        answers: [says(500, THEIRS, "X-RateLimit-Reset: 3000")],
      },
      { ...other(500, "backs off"), does: "500 to a streamed call", stream: true },
    ],
  },
  {
    title: "429, and when to come again",
    rows: [
      limited("not saying when", 60),
      limited("Retry-After: 7", 7, "Retry-After: 7"),
      limited("Retry-After: 0", 1, "Retry-After: 0"),
      limited("Retry-After in words", 60, "Retry-After: soon"),
      limited("Retry-After of a century", 86400, "Retry-After: 3153600000"),
      limited("Retry-After-Ms: 9000", 9, "Retry-After-Ms: 9000"),
      limited("Retry-After in the past", 1, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"),
      {
        ...limited("Retry-After as a date", 3600),
        answers: [late("Retry-After", () => new Date(inAnHour()).toUTCString())],
      },
      limited("RateLimit-Reset: 30", 30, "RateLimit-Reset: 30"),
      limited("X-RateLimit-Reset: 90", 90, "X-RateLimit-Reset: 90"),
      {
        ...limited("X-RateLimit-Reset as seconds since 1970", 3600),
        answers: [late("X-RateLimit-Reset", () => Math.floor(inAnHour() / 1000))],
      },
      {
        ...limited("X-RateLimit-Reset as milliseconds since 1970", 3600),
        answers: [late("X-RateLimit-Reset", inAnHour)],
      },
      limited("X-RateLimit-Reset-Requests: 6m0s", 360, "X-RateLimit-Reset-Requests: 6m0s"),
      limited("both, Retry-After: 5", 5, "X-RateLimit-Reset: 500", "Retry-After: 5"),
    ],
  },
  {
    title: "What an error's body may be",
    rows: [
      broken("500 with a page of HTML", answer(500, PAGE, HTML_TYPE)),
      broken("502 without a body", answer(502, "")),
      broken("500 with a MiB of text", answer(500, "x".repeat(1 << 20), "Content-Type: text/plain")),
      broken(
        "500 that never ends",
        "HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n",
        ...Array<string>(40).fill(chunk("x".repeat(4096))),
      ),
      broken("500 cut in its body", "HTTP/1.1 500 X\r\nContent-Length: 500\r\n\r\n{", "FIN"),
      broken("500 with half a JSON", answer(500, '{"error":{"mess', JSON_TYPE)),
      {
        ...passing("a 404 longer than 64 KiB", "404 as it is", undefined),
        answers: [[answer(404, "y".repeat(100_000), "Content-Type: text/plain")]],
      },
      alone("500 in words", "502 upstream_error: theirs: out of paper", "backs off", ...says(500, THEIRS)),
      alone("502 with a page of HTML", "502 upstream_error: its status", "backs off", answer(502, PAGE, HTML_TYPE)),
      alone(
        "401 that repeats the key",
        "502 upstream_error: its status",
        "key refused",
        ...says(401, { message: "no such key: KEY", code: "theirs" }),
      ),
    ],
  },
  {
    title: "Connections, before the first byte",
    rows: [
      away("closed port", "refuses the connection"),
      away("closing port", "closes what it accepts"),
      away("resetting port", "resets what it accepts"),
      away("TLS", "speaks no TLS where https is asked for"),
      away("unknown name", "has a name that nobody knows"),
      broken("closes after the request", "FIN"),
      broken("resets after the request", "RST"),
      broken("closes in the middle of its head", "HTTP/1.1 200 OK\r\nContent-Ty", "FIN"),
      broken("says 100 and closes", "HTTP/1.1 100 Continue\r\n\r\n", "FIN"),
      broken("speaks something else", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "FIN"),
      broken(
        "states two lengths",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
      ),
      broken("has a head of 100 KiB", `HTTP/1.1 200 OK\r\nX-Long: ${"z".repeat(100_000)}\r\n\r\n`),
      { ...broken("closes after the request, streamed", "FIN"), stream: true },
    ],
  },
  {
    title: "Answers that have begun",
    rows: [
      passing("JSON that closes early", "200, cut", "failed",
        "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", 50, "FIN"),
      passing("JSON that resets early", "200, cut", "failed",
        "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", 50, "RST"),
      ...(
        [
          ["a stream that closes early", "200, cut", "failed", CHUNKED, EVENT, 50, "FIN"],
          ["a stream that resets early", "200, cut", "failed", CHUNKED, EVENT, 50, "RST"],
          ["a stream whose next chunk is none", "200, cut", "failed", CHUNKED, EVENT, 50, "zz\r\n"],
          ["a stream without [DONE]", "200 as it is", "done", CHUNKED, EVENT, "0\r\n\r\n"],
          ["an error as an event", "200 as it is", "done", CHUNKED,
            chunk('data: {"error":{"message":"theirs"}}\n\n'), LAST],
          ["a stream with pauses", "200 as it is", "done", CHUNKED, EVENT, 300, EVENT, 300, LAST],
        ] as [string, string, Row["counted"], ...Step[]][]
      ).map((words) => ({ ...passing(...words), stream: true as const })),
      passing("a head that comes in pieces", "200 as it is", "done",
        "HTTP/1.1 20", 200, "0 OK\r\nContent-Le", 200, "ngth: 2\r\nConnection: close\r\n\r\n{}"),
    ],
  },
  {
    title: "Successes that look odd, and redirects: passed on as they are, and no address is followed",
    rows: [
      passing("200 without a body", "200 as it is", "done", answer(200, "")),
      passing("204", "204 as it is", "done", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
      passing("200 with a page of HTML", "200 as it is", "done", answer(200, PAGE, HTML_TYPE)),
      passing("200 with half a JSON", "200 as it is", "done", answer(200, '{"choices":[', JSON_TYPE)),
      ...[301, 302, 303, 307, 308].map((status) =>
        passing(`${status} to elsewhere`, `${status} as it is`, undefined,
          answer(status, "", "Location: http://127.0.0.1:1/elsewhere")),
      ),
    ],
  },
  {
    title: "When nothing is left",
    rows: [
      {
        ...limited("Retry-After: 50; the second: 429, Retry-After: 20", 50, "Retry-After: 50"),
        second: says(429, THEIRS, "Retry-After: 20"),
        sees: "429 rate_limited: theirs: out of paper",
        retryAfter: 20,
      },
      {
        ...limited("Retry-After: 50; the second: 500 in words", 50, "Retry-After: 50"),
        second: says(500, { message: "theirs: the second's", code: "theirs" }),
        sees: "502 upstream_error: theirs: the second's",
      },
      {
        ...other(500, "backs off"),
        does: "500 in words; the second: 429",
        second: says(429, { message: "theirs: slower", code: "theirs" }),
        sees: "502 upstream_error: theirs: out of paper",
      },
      {
        ...other(404, "no mark", NO_MODEL),
        does: "404 for the model; the second the same",
        second: says(404, NO_MODEL),
        sees: "502 upstream_error: The model does not exist",
      },
      {
        ...alone("429, Retry-After: 40; alone", "429 rate_limited: theirs: out of paper", "limited 40 s",
          ...says(429, THEIRS, "Retry-After: 40")),
        retryAfter: 40,
      },
      { ...alone("refuses the connection; alone", "502 upstream_error: refused", "backs off"),
        at: "closed port", calls: [0, 0] },
    ],
  },
  {
    title: "Accounts that make jobs (GW-8): the submission",
    rows: [
      refusedTask(401, "key refused"),
      refusedTask(402, "declined"),
      refusedTask(403, "declined"),
      refusedTask(404, "no mark", NO_MODEL),
      { ...limited("Retry-After: 11", 11, "Retry-After: 11"), task: true, sees: RESULT },
      refusedTask(500, "backs off"),
      refusedTask(503, "backs off"),
      { ...broken("502 with a page of HTML", answer(502, PAGE, HTML_TYPE)), task: true, sees: RESULT },
      { ...away("closed port", "refuses the connection"), task: true, sees: RESULT },
      endedTask("400 for the prompt's content", "400 content_policy", "no mark",
        ...says(400, { message: "theirs: moderation blocked it", code: "moderation_blocked" })),
      endedTask("408", "502 upstream_error: theirs: out of paper", "no mark", ...says(408, THEIRS)),
      endedTask("closes after the request", "502 submission_unknown", "backs off", "FIN"),
      endedTask("200 with a page of HTML", "502 submission_unknown", "backs off",
        answer(200, PAGE, HTML_TYPE)),
      endedTask("200 without an id", "502 submission_unknown", "backs off",
        answer(200, "{}", JSON_TYPE)),
    ],
  },
  {
    title: "Accounts that make jobs (GW-8): while it runs",
    rows: [
      polled("a poll is answered 500", "backs off", says(500, THEIRS)),
      polled("a poll is answered 401", "key refused", says(401, THEIRS)),
      polled("a poll is answered 429, Retry-After: 2", "limited 2 s", says(429, THEIRS, "Retry-After: 2")),
      polled("a poll's connection breaks", "backs off", ["FIN"]),
      polled("a poll is answered with a page", "no mark", [answer(200, PAGE, HTML_TYPE)]),
      polled("a poll says 404, the next knows it", "no mark", says(404, THEIRS)),
    ],
  },
];
