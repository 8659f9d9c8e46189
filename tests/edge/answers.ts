// SPDX-License-Identifier: Apache-2.0
// Odd and hostile answers of an upstream to a direct call, and what the client must see.
import { type AnswerCase, CHUNKED, answer, chunk } from "./table.ts";

type Row = Omit<AnswerCase, "group">;
const TEXT = '{"a":1}';
const LENGTH = `Content-Length: ${TEXT.length}\r\n`;
const LAST = "0\r\n\r\n";
const NEXT = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale";
const GOOD = answer(LENGTH, TEXT);
const OK = { answer: "200 whole kept", body: TEXT };
const REFUSED = { answer: "502 whole dropped" };

const framing: Row[] = [
  { name: "a length", rfc: "9112 6.2", send: GOOD, ...OK },
  { name: "chunks", rfc: "9112 7.1", send: answer(CHUNKED, chunk(TEXT) + LAST), ...OK },
  {
    name: "a chunk for every byte",
    rfc: "9112 7.1",
    send: answer(CHUNKED, [...TEXT].map((c) => chunk(c)).join("") + LAST),
    ...OK,
  },
  { name: "byte by byte", rfc: "9112 2.2", send: [...answer(CHUNKED, chunk(TEXT) + LAST)], ...OK },
  {
    name: "no length and no end",
    rfc: "9112 6.3",
    send: answer("", TEXT),
    then: "ends",
    answer: "200 whole dropped",
    body: TEXT,
  },
  {
    name: "no length, ended by a reset",
    rfc: "9112 8",
    send: answer("", TEXT),
    then: "resets",
    answer: "200 cut dropped",
  },
  {
    name: "both lengths",
    rfc: "9112 6.3",
    send: answer(LENGTH + CHUNKED, chunk(TEXT) + LAST),
    ...REFUSED,
  },
  {
    name: "Content-Length twice, alike",
    rfc: "9110 8.6",
    send: answer(LENGTH + LENGTH, TEXT),
    ...REFUSED,
  },
  {
    name: "Content-Length twice, unlike",
    rfc: "9112 6.3",
    send: answer(`${LENGTH}Content-Length: 3\r\n`, TEXT),
    ...REFUSED,
  },
  {
    name: "Content-Length as a list of equals",
    rfc: "9110 8.6",
    send: answer(`Content-Length: ${TEXT.length}, ${TEXT.length}\r\n`, TEXT),
    ...REFUSED,
  },
  {
    name: "Content-Length with a minus",
    rfc: "9110 8.6",
    send: answer("Content-Length: -1\r\n", TEXT),
    ...REFUSED,
  },
  {
    name: "Content-Length with a plus",
    rfc: "9110 8.6",
    send: answer("Content-Length: +7\r\n", TEXT),
    ...REFUSED,
  },
  {
    name: "Content-Length past 64 bits",
    rfc: "9110 8.6",
    send: answer("Content-Length: 18446744073709551623\r\n", TEXT),
    ...REFUSED,
  },
  {
    name: "an empty Content-Length",
    rfc: "9110 8.6",
    send: answer("Content-Length:\r\n", TEXT),
    ...REFUSED,
  },
  {
    name: "fewer bytes than the length",
    rfc: "9112 8",
    send: answer("Content-Length: 9\r\n", TEXT),
    then: "ends",
    answer: "200 cut dropped",
  },
  {
    name: "bytes behind the length",
    rfc: "9112 9.2",
    send: GOOD + NEXT,
    answer: "200 whole dropped",
    body: TEXT,
  },
  {
    name: "bytes behind the last chunk",
    rfc: "9112 9.2",
    send: answer(CHUNKED, chunk(TEXT) + LAST + NEXT),
    answer: "200 whole dropped",
    body: TEXT,
  },
  {
    name: "CRLF behind the answer",
    rfc: "9112 9.2",
    send: `${GOOD}\r\n`,
    answer: "200 whole dropped",
    body: TEXT,
  },
  {
    name: "an answer cut inside its head",
    rfc: "9112 8",
    send: "HTTP/1.1 200 OK\r\nContent-",
    then: "ends",
    ...REFUSED,
  },
  { name: "no answer at all", rfc: "9112 9.5", send: "", then: "ends", ...REFUSED },
  { name: "a reset for an answer", rfc: "9112 9.5", send: "", then: "resets", ...REFUSED },
];

const bad_chunks: [string, string, string][] = [
  ["a chunked answer without its end", "9112 8", chunk(TEXT)],
  ["a chunked answer cut inside a chunk", "9112 8", "9\r\n{}"],
  ["a chunked answer without its last line", "9112 8", `${chunk(TEXT)}0\r\n`],
  ["a chunk size past 64 bits", "9112 7.1", `${chunk(TEXT)}10000000000000000\r\n`],
  ["a chunk size with a minus", "9112 7.1", `${chunk(TEXT)}-1\r\n`],
  ["a chunk size with 0x", "9112 7.1", `${chunk(TEXT)}0x1\r\na\r\n${LAST}`],
  ["a space behind a chunk size", "9112 7.1", `${chunk(TEXT)}1 \r\na\r\n${LAST}`],
  ["a bare LF behind a chunk size", "9112 7.1", `${chunk(TEXT)}1\na\r\n${LAST}`],
  ["a bare LF behind a chunk", "9112 7.1", `${chunk(TEXT)}1\r\na\n${LAST}`],
  ["a chunk longer than its size", "9112 7.1", `${chunk(TEXT)}1\r\nabc\r\n${LAST}`],
  ["a bare LF in a chunk extension", "9112 7.1.1", `${chunk(TEXT)}1;a\nb\r\na\r\n${LAST}`],
  [
    "an endless chunk extension",
    "9112 7.1.1",
    `${chunk(TEXT)}1;${"a".repeat(2000)}\r\na\r\n${LAST}`,
  ],
  [
    "trailers without end",
    "9110 5.4",
    `${chunk(TEXT)}0\r\n${`X: ${"a".repeat(999)}\r\n`.repeat(9)}\r\n`,
  ],
];

const chunks: Row[] = [
  ...bad_chunks.map(([name, rfc, body]): Row => ({
    name,
    rfc,
    send: answer(CHUNKED, body),
    then: "ends",
    answer: "200 cut dropped",
  })),
  {
    name: "chunk extensions",
    rfc: "9112 7.1.1",
    send: answer(CHUNKED, chunk(TEXT, ';a="b;c"') + LAST),
    ...OK,
  },
  {
    name: "trailers do not become fields",
    rfc: "9110 6.5.1",
    send: answer(CHUNKED, `${chunk(TEXT)}0\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\n\r\n`),
    ...OK,
    lacks: /Set-Cookie/i,
  },
];

const bad_heads: [string, string, string][] = [
  ["gzip under chunked", "9112 6.1", answer("Transfer-Encoding: gzip, chunked\r\n", LAST)],
  ["Transfer-Encoding twice", "9112 6.1", answer(CHUNKED + CHUNKED, LAST)],
  ["chunked not last", "9112 6.3", answer("Transfer-Encoding: chunked, gzip\r\n", LAST)],
  ["an unknown coding", "9112 6.1", answer("Transfer-Encoding: x\r\n", TEXT)],
  ["Transfer-Encoding in HTTP/1.0", "9112 6.1", answer(CHUNKED, LAST, "HTTP/1.0 200 OK")],
  ["no HTTP", "9112 4", `ready\r\n\r\n${TEXT}`],
  ["HTTP/0.9", "9112 2.3", TEXT],
  ["HTTP/2.0", "9110 2.5", answer(LENGTH, TEXT, "HTTP/2.0 200 OK")],
  ["http in lower case", "9112 2.3", answer(LENGTH, TEXT, "http/1.1 200 OK")],
  ["a status of two digits", "9112 4", answer(LENGTH, TEXT, "HTTP/1.1 20 OK")],
  ["a status of four digits", "9112 4", answer(LENGTH, TEXT, "HTTP/1.1 2000 OK")],
  ["a status of letters", "9112 4", answer(LENGTH, TEXT, "HTTP/1.1 OK OK")],
  ["a status below 100", "9110 15", answer(LENGTH, TEXT, "HTTP/1.1 099 OK")],
  ["a status past 599", "9110 15", answer(LENGTH, TEXT, "HTTP/1.1 600 OK")],
  ["a status with a sign", "9112 4", answer(LENGTH, TEXT, "HTTP/1.1 +20 OK")],
  ["two spaces before the status", "9112 4", answer(LENGTH, TEXT, "HTTP/1.1  200 OK")],
  ["a NUL in the reason", "9112 4", answer(LENGTH, TEXT, "HTTP/1.1 200 O\0K")],
  ["an empty line before the answer", "9112 2.2", `\r\n${GOOD}`],
  ["a folded field", "9112 5.2", answer(`X: a\r\n b\r\n${LENGTH}`, TEXT)],
  ["a bare LF behind a field", "9112 2.2", answer(`X: a\n${LENGTH}`, TEXT)],
  ["a bare LF everywhere", "9112 2.2", GOOD.replaceAll("\r\n", "\n")],
  ["a bare CR in a value", "9110 5.5", answer(`X: a\rb\r\n${LENGTH}`, TEXT)],
  ["a NUL in a value", "9110 5.5", answer(`X: a\0b\r\n${LENGTH}`, TEXT)],
  ["a space before a colon", "9112 5.1", answer(`X : a\r\n${LENGTH}`, TEXT)],
  ["a space before Content-Length's colon", "9112 5.1", answer(`Content-Length : 7\r\n`, TEXT)],
  ["a field without a name", "9112 5", answer(`: a\r\n${LENGTH}`, TEXT)],
  ["a field without a colon", "9112 5", answer(`X\r\n${LENGTH}`, TEXT)],
  ["a name past ASCII", "9110 5.1", answer(`X\xe9: a\r\n${LENGTH}`, TEXT)],
  ["101 fields", "9110 5.4", answer("X: a\r\n".repeat(100) + LENGTH, TEXT)],
  ["a head of 66 KiB", "9110 5.4", answer(`X: ${"a".repeat(1000)}\r\n`.repeat(67) + LENGTH, TEXT)],
  ["a head that never ends", "9110 5.4", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(200000)}`],
  ["a status line that never ends", "9112 4", `HTTP/1.1 200 ${"a".repeat(70000)}`],
];

const heads: Row[] = [
  ...bad_heads.map(([name, rfc, send]): Row => ({ name, rfc, send, then: "ends", ...REFUSED })),
  { name: "HTTP/0.9 on a connection that stays", rfc: "9112 2.3", send: TEXT, ...REFUSED },
  { name: "no reason", rfc: "9112 4", send: answer(LENGTH, TEXT, "HTTP/1.1 200 "), ...OK },
  {
    name: "no reason and no space before it",
    rfc: "9112 4",
    send: answer(LENGTH, TEXT, "HTTP/1.1 200"),
    ...OK,
  },
  {
    name: "a reason past ASCII",
    rfc: "9112 4",
    send: answer(LENGTH, TEXT, "HTTP/1.1 200 \xe5\xa5\xbd"),
    ...OK,
  },
  {
    name: "a status that nobody knows",
    rfc: "9110 15",
    send: answer(LENGTH, TEXT, "HTTP/1.1 299 Fine"),
    answer: "299 whole kept",
    body: TEXT,
  },
  {
    name: "HTTP/1.2",
    rfc: "9110 2.5",
    send: answer(LENGTH, TEXT, "HTTP/1.2 200 OK"),
    ...OK,
  },
  {
    name: "HTTP/1.0 with a length",
    rfc: "9112 9.3",
    send: answer(LENGTH, TEXT, "HTTP/1.0 200 OK"),
    answer: "200 whole dropped",
    body: TEXT,
  },
  {
    name: "HTTP/1.0 that keeps alive",
    rfc: "9112 9.3",
    send: answer(`${LENGTH}Connection: keep-alive\r\n`, TEXT, "HTTP/1.0 200 OK"),
    ...OK,
  },
  {
    name: "HTTP/1.0 until it ends",
    rfc: "9112 6.3",
    send: answer("", TEXT, "HTTP/1.0 200 OK"),
    then: "ends",
    answer: "200 whole dropped",
    body: TEXT,
  },
  {
    name: "Connection: close",
    rfc: "9112 9.6",
    send: answer(`${LENGTH}Connection: close\r\n`, TEXT),
    answer: "200 whole dropped",
    body: TEXT,
  },
  {
    name: "Connection: close and keep-alive",
    rfc: "9112 9.3",
    send: answer(`${LENGTH}Connection: keep-alive, close\r\n`, TEXT),
    answer: "200 whole dropped",
    body: TEXT,
  },
];

const early = (status: string) => `HTTP/1.1 ${status}\r\n\r\n`;
const bodiless: Row[] = [
  { name: "100 before the answer", rfc: "9110 15.2", send: early("100 Continue") + GOOD, ...OK },
  {
    name: "103 with fields before the answer",
    rfc: "9110 15.2",
    send: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nSet-Cookie: a=b\r\n\r\n${GOOD}`,
    ...OK,
    lacks: /Link|Cookie/i,
  },
  { name: "a 1xx that nobody knows", rfc: "9110 15.2", send: early("199 Soon") + GOOD, ...OK },
  {
    name: "100 with a body, which it cannot have",
    rfc: "9112 6.3",
    send: `HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello${GOOD}`,
    ...REFUSED,
  },
  {
    name: "199 with chunks, which it cannot have",
    rfc: "9112 6.1",
    send: `HTTP/1.1 199 Soon\r\n${CHUNKED}\r\n${LAST}${GOOD}`,
    ...REFUSED,
  },
  {
    name: "100 with a length of nought",
    rfc: "9110 8.6",
    send: `HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n${GOOD}`,
    ...OK,
  },
  {
    name: "100s without end",
    rfc: "9110 15.2",
    send: early("100 Continue").repeat(100) + GOOD,
    ...REFUSED,
  },
  {
    name: "101 that nobody asked for",
    rfc: "9110 15.2.2",
    send: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ...REFUSED,
  },
  {
    name: "nothing but a 100",
    rfc: "9110 15.2",
    send: early("100 Continue"),
    then: "ends",
    ...REFUSED,
  },
  {
    name: "204",
    rfc: "9112 6.3",
    send: early("204 No Content"),
    answer: "204 whole kept",
    body: "",
  },
  {
    name: "204 with a length and a body",
    rfc: "9110 15.3.5",
    send: answer(LENGTH, TEXT, "HTTP/1.1 204 No"),
    answer: "204 whole dropped",
    body: "",
    lacks: /Content-Length/i,
  },
  {
    name: "204 with chunks",
    rfc: "9112 6.1",
    send: answer(CHUNKED, chunk(TEXT) + LAST, "HTTP/1.1 204 No"),
    answer: "204 whole dropped",
    body: "",
    lacks: /Transfer-Encoding/i,
  },
  {
    name: "304 with a length and no body",
    rfc: "9110 15.4.5",
    send: answer(LENGTH, "", "HTTP/1.1 304 No"),
    answer: "304 whole kept",
    body: "",
  },
  {
    name: "304 with a body",
    rfc: "9110 15.4.5",
    send: answer(LENGTH, TEXT, "HTTP/1.1 304 No"),
    answer: "304 whole dropped",
    body: "",
  },
  {
    name: "a length of nought",
    rfc: "9112 6.2",
    send: answer("Content-Length: 0\r\n"),
    answer: "200 whole kept",
    body: "",
  },
  {
    name: "205 with a body",
    rfc: "9110 15.3.6",
    send: answer(LENGTH, TEXT, "HTTP/1.1 205 Reset"),
    answer: "205 whole kept",
  },
];

const fields: Row[] = [
  {
    name: "fields of the hop stay there",
    rfc: "9110 7.6.1",
    send: answer(
      `${LENGTH}Keep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\n` +
        "Connection: upgrade, keep-alive\r\n",
      TEXT,
    ),
    ...OK,
    lacks: /Keep-Alive|Proxy-|Upgrade/i,
  },
  {
    name: "a field that Connection names stays there",
    rfc: "9110 7.6.1",
    send: answer(`${LENGTH}Connection: X-Own\r\nX-Own: a\r\n`, TEXT),
    ...OK,
    lacks: /X-Own/i,
  },
  {
    name: "a field of the content stays, though Connection names it",
    rfc: "9110 7.6.1",
    send: answer(`${LENGTH}Connection: Content-Encoding\r\nContent-Encoding: identity\r\n`, TEXT),
    ...OK,
    has: /Content-Encoding: identity/i,
  },
  {
    name: "a cookie is not the client's",
    rfc: "6265 5.3",
    send: answer(`${LENGTH}Set-Cookie: kinora=stolen\r\n`, TEXT),
    ...OK,
    lacks: /Set-Cookie/i,
  },
  {
    name: "a policy of the upstream's is not ours",
    rfc: "9110 5.1",
    send: answer(
      `${LENGTH}Access-Control-Allow-Origin: *\r\nStrict-Transport-Security: max-age=9\r\n` +
        "Location: http://other.example/\r\nServer: x\r\n",
      TEXT,
    ),
    ...OK,
    lacks: /Access-|Strict|Location|Server/i,
  },
  {
    name: "gzip is passed as it is",
    rfc: "9110 8.4",
    send: answer(`${LENGTH}Content-Encoding: gzip\r\n`, TEXT),
    ...OK,
    has: /\r\nContent-Encoding: gzip\r\n/i,
  },
  {
    name: "Content-Type twice",
    rfc: "9110 5.3",
    send: answer(`${LENGTH}Content-Type: text/html\r\n`, TEXT),
    ...OK,
    has: /Content-Type: application\/json/i,
    lacks: /text\/html/,
  },
  {
    name: "many types do not crowd out the encoding",
    rfc: "9110 5.3",
    send: answer(
      `${"Content-Type: text/x\r\n".repeat(9)}Content-Encoding: gzip\r\n${LENGTH}`,
      TEXT,
    ),
    ...OK,
    has: /Content-Encoding: gzip/i,
  },
  {
    name: "two encodings in two lines",
    rfc: "9110 5.3",
    send: answer(`Content-Encoding: deflate\r\nContent-Encoding: gzip\r\n${LENGTH}`, TEXT),
    ...OK,
    has: /Content-Encoding: deflate[^]*Content-Encoding: gzip/i,
  },
  {
    name: "the upstream's request id",
    rfc: "9110 5.1",
    send: answer(`${LENGTH}X-Request-Id: up-1\r\n`, TEXT),
    ...OK,
    has: /\r\nx-request-id: up-1\r\n/i,
  },
  {
    name: "the upstream's request id, twice",
    rfc: "9110 5.3",
    send: answer(`${LENGTH}X-Request-Id: up-1\r\nX-Request-Id: up-2\r\n`, TEXT),
    ...OK,
    lacks: /up-2/,
  },
  {
    name: "an empty request id of the upstream's",
    rfc: "9110 5.5",
    send: answer(`${LENGTH}X-Request-Id:\r\n`, TEXT),
    ...OK,
    has: /\r\nx-request-id: req_/i,
  },
  {
    name: "the upstream's Date",
    rfc: "9110 6.6.1",
    send: answer(`${LENGTH}Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n`, TEXT),
    ...OK,
    lacks: /1970/,
  },
];

const groups: Record<string, Row[]> = {
  Framing: framing,
  "Chunks and trailers": chunks,
  Heads: heads,
  "Interim answers and answers without a body": bodiless,
  Fields: fields,
};

export const ANSWERS: AnswerCase[] = Object.entries(groups).flatMap(([group, rows]) =>
  rows.map((row) => ({ group, ...row })),
);
