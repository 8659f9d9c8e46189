// SPDX-License-Identifier: Apache-2.0
// Where our codec and Node's parser differ over generated messages, in named classes, each with
// its reason. What falls into none has no explanation.
import { type Generated, generate } from "./generate.ts";
import { type Message, type Opinion, nodes, ours } from "./opinions.ts";

// What our codec says when it refuses what Node reads: RFC 9110 and 9112 unless said otherwise.
const REFUSALS: Record<string, string> = {
  "the protocol version is not HTTP/1":
    "Node reads 0.9 and 2.0 too; 505 is for those (9110 15.6.6)",
  "the protocol version is malformed": "one digit on each side of the dot (9112 2.3)",
  "the status is no number from 100 to 599": "statuses are 100 to 599 (9110 15)",
  "the status line is malformed": "the grammar of 9112 4, and no empty lines before it",
  "the reason has a control byte": "the grammar of 9112 4",
  "the transfer coding is not exactly chunked":
    "Node passes on codings it does not know; 501 is for those (9112 6.1)",
  "Transfer-Encoding stands twice": "chunked is applied once (9112 6.1)",
  "HTTP/1.0 knows no Transfer-Encoding": "the framing is faulty then (9112 6.1)",
  "Host is missing": "Node's parser leaves Host to its server (9110 7.2)",
  "Authorization stands twice": "two keys are no key (9110 5.3)",
  "Idempotency-Key stands twice": "two would be two requests (9110 5.3)",
  "Host stands twice": "Node's parser leaves Host to its server (9112 3.2)",
  "Host is malformed": "Node's parser leaves Host to its server (9110 7.2)",
  "Host differs from the request target": "we believe neither of the two (9112 3.2.2)",
  "the request target's host is malformed": "an http address has a host (9110 4.2.1)",
  "the request target is neither a path nor an http address":
    "Node's parser leaves it to its server (9112 3.2)",
  "the request target has a forbidden byte":
    "a target has no fragment and is ASCII (9112 3.2, RFC 3986 2)",
  "the request line is malformed": "one space between the parts (9112 3)",
  "the method is not known": "501; Node has a longer list (9110 9.1)",
  "the method is not a token": "the grammar of 9110 9.1",
  "CONNECT is not offered": "501 (9110 9.3.6)",
  "Expect asks for something unknown": "417 (9110 10.1.1)",
  "an interim answer nobody asked for": "101 answers an Upgrade only (9110 15.2.2)",
  "the answer is not HTTP/1": "judged before its line has ended (9112 2.3)",
  "an interim answer announces a body": "it has none (9112 6.3), but Node reads one",
  "a line ends in a bare line feed": "a lone LF as an end is a MAY (9112 2.2)",
  "a field value has a control byte": "control bytes may be refused (9110 5.5)",
  "a field line is folded or has no name": "a folded line is refused (9112 5.2)",
  "a field name is not a token followed by a colon": "the grammar of 9112 5.1",
  "a chunk extension has a control byte": "the grammar of 9112 7.1.1",
  "a chunk extension is malformed": "the grammar of 9112 7.1.1",
  "a line of the chunked framing does not end in CRLF": "the grammar of 9112 7.1",
  "a chunk size has a bad digit": "the grammar of 9112 7.1",
  "a chunk size is missing or too large": "the grammar of 9112 7.1",
  "a chunk size has too many digits": "noughts in front are bounded (9112 7.1)",
  "Content-Length is malformed": "digits only (9110 8.6)",
  "Content-Length stands twice": "we repair none (9112 6.3)",
  "both Content-Length and Transfer-Encoding are there": "we repair none (9112 6.3)",
  "a trailer has a control byte": "control bytes may be refused (9110 5.5)",
  "a trailer's name is malformed": "the grammar of 9112 7.1.2",
  "there are too many fields": "a limit (9110 5.4)",
};

interface Difference {
  generated: Generated;
  ours: Opinion;
  nodes: Opinion;
  mine?: Message; // the first message over which they differ, if one was read at all
  theirs?: Message;
}

// What we read and Node does not; each must stand in the RFC.
const ACCEPTED: [name: string, why: string, fits: (d: Difference) => boolean][] = [
  [
    "a higher minor version",
    "it reads as the highest that the reader speaks, 1.1 (9110 2.5)",
    ({ nodes: { why }, generated: { bytes } }) =>
      why.startsWith("HPE_INVALID_VERSION") && /HTTP\/1\.[2-9][ \r\n]/.test(bytes),
  ],
  [
    "a trailer that frames",
    "Content-Length and Transfer-Encoding have no place in trailers, where we drop all (9110 6.5.1)",
    ({ nodes: { end, why }, generated: { bytes } }) =>
      /\r\n0+(;[^\r\n]*)?\r\n(content-length|transfer-encoding):/i.test(bytes) &&
      (end === "closed" || /content-length|transfer-encoding/i.test(why)),
  ],
  [
    "an offer to upgrade with a body",
    "Node hands the connection over, where we take no offer and read on (9110 7.8)",
    ({ nodes: { end }, generated: { bytes } }) => end === "upgraded" && /upgrade:/i.test(bytes),
  ],
];

// Where we end a connection, or wait, and Node goes on.
const EARLIER: typeof ACCEPTED = [
  [
    "close beside keep-alive, in HTTP/1.0",
    "close is stronger (9112 9.3); Node reads on",
    ({ ours: { end }, generated: { bytes } }) =>
      end === "closed" && /HTTP\/1\.0/.test(bytes) && /connection: keep-alive, close/i.test(bytes),
  ],
  [
    "half an empty line between messages",
    "Node skips a lone CR or LF there, which we wait to see the end of (9112 2.2)",
    ({ mine, theirs, nodes: { end }, generated: { bytes } }) =>
      !mine && !theirs && end === "end" && /[\r\n]$/.test(bytes),
  ],
];

function unlike(a: Message | undefined, b: Message | undefined): boolean {
  return !a || !b || a.start !== b.start || a.fields !== b.fields || a.body !== b.body;
}

export interface Class {
  name: string;
  why: string;
  count: number;
  example: string;
}

export interface Comparison {
  connections: number;
  messages: number;
  alike: number; // connections
  stricter: Class[];
  accepted: Class[];
  later: number; // Node refuses a line that is not at its end yet
  unexplained: string[];
}

function note(classes: Class[], name: string, why: string, { bytes }: Generated): void {
  let found = classes.find((c) => c.name === name);
  if (!found) classes.push((found = { name, why, count: 0, example: bytes }));
  found.count++;
}

function differenceOf(generated: Generated, a: Opinion, b: Opinion): Difference | undefined {
  let k = 0;
  while (!unlike(a.messages[k], b.messages[k])) k++;
  const mine = a.messages[k];
  const theirs = b.messages[k];
  if (!mine && !theirs && a.end === b.end) return undefined;
  return { generated, ours: a, nodes: b, mine, theirs };
}

// Node refuses a line whose end was not there, so that we had not judged it.
function isLater({ mine, ours: a, nodes: b }: Difference): boolean {
  return !mine && a.end === "more" && b.end === "bad";
}

// With its end we must refuse it too.
function judgeLater(waiting: Difference[], into: Comparison): void {
  const ended = waiting.map(({ generated: { kind, bytes } }) => ({
    kind,
    bytes: `${bytes}\r\n\r\n`,
  }));
  for (const [i, opinion] of ours(ended).entries()) {
    if (opinion.end === "bad") into.later++;
    else into.unexplained.push(JSON.stringify(waiting[i]));
  }
}

function place(d: Difference, into: Comparison, waiting: Difference[]): void {
  const { mine, ours: a, generated } = d;
  if (!mine && a.end === "bad" && REFUSALS[a.why])
    return note(into.stricter, a.why, REFUSALS[a.why], generated);
  const accepted = ACCEPTED.find(([, , fits]) => fits(d));
  if (accepted) return note(into.accepted, accepted[0], accepted[1], generated);
  const earlier = EARLIER.find(([, , fits]) => fits(d));
  if (earlier) return note(into.stricter, earlier[0], earlier[1], generated);
  if (isLater(d)) waiting.push(d);
  else into.unexplained.push(JSON.stringify(d));
}

export function compare(first: number, count: number): Comparison {
  const all = Array.from({ length: count }, (_, i) => generate(first + i));
  const waiting: Difference[] = [];
  const into: Comparison = {
    connections: count,
    messages: 0,
    alike: 0,
    stricter: [],
    accepted: [],
    later: 0,
    unexplained: [],
  };
  for (const [i, opinion] of ours(all).entries()) {
    into.messages += opinion.messages.length;
    const difference = differenceOf(all[i], opinion, nodes(all[i]));
    if (difference) place(difference, into, waiting);
    else into.alike++;
  }
  judgeLater(waiting, into);
  return into;
}

// As one comparison of both.
export function add(a: Comparison, b: Comparison): Comparison {
  for (const key of ["connections", "messages", "alike", "later"] as const) a[key] += b[key];
  for (const key of ["stricter", "accepted"] as const) {
    for (const one of b[key]) {
      const found = a[key].find((c) => c.name === one.name);
      if (found) found.count += one.count;
      else a[key].push(one);
    }
  }
  a.unexplained.push(...b.unexplained);
  return a;
}

export function compareMany(count: number, each = 5000): Comparison {
  let all = compare(0, Math.min(each, count));
  for (let at = each; at < count; at += each)
    all = add(all, compare(at, Math.min(each, count - at)));
  return all;
}
