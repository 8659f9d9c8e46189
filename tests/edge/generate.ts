// SPDX-License-Identifier: Apache-2.0
// Messages by a grammar, most of them bent afterwards; the same for the same number.
export type Kind = "q" | "r" | "h"; // requests, answers to a GET, answers to a HEAD

export interface Generated {
  kind: Kind;
  bytes: string; // latin1
}

// mulberry32: small, good enough, and the same everywhere.
class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = (seed * 2654435761) >>> 0;
  }

  below(n: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)];
  }

  in(n: number): boolean {
    return this.below(n) === 0;
  }

  word(from: string, least: number, most: number): string {
    const n = least + this.below(most - least + 1);
    return Array.from({ length: n }, () => this.one([...from])).join("");
  }
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCXYZ0189";
const TOKEN = LETTERS + "!#$%&'*+-.^_`|~";
const VALUE = LETTERS + " \t,;=\"()<>@/\\?{}[]:'\x80\xe6\xff";
const TARGET = LETTERS + "/-._~!$&'()*+,;=:@%?[]|{}<>\"^`\\";
const METHODS = [
  "GET",
  "GET",
  "POST",
  "PUT",
  "HEAD",
  "DELETE",
  "PATCH",
  "OPTIONS",
  "CONNECT",
  "TRACE",
  "PRI",
  "SOURCE",
  "get",
  "BREW",
];
const VERSIONS = ["1.1", "1.1", "1.1", "1.1", "1.1", "1.0", "1.2", "2.0", "0.9", "1.10", "11"];
const STATUSES = [
  "200",
  "200",
  "200",
  "201",
  "204",
  "206",
  "304",
  "404",
  "429",
  "500",
  "100",
  "103",
  "101",
  "199",
  "099",
  "600",
  "999",
  "20",
  "2000",
];
const CODINGS = [
  "chunked",
  "chunked",
  "chunked",
  "Chunked",
  "gzip, chunked",
  "chunked, gzip",
  "identity",
  "chunked,",
  ",chunked",
  "chunked;a=b",
  "",
  "xchunked",
];
const LENGTHS = [
  "+5",
  "-1",
  "0x5",
  "5, 5",
  "5,6",
  "05",
  "5 ",
  "",
  "5 5",
  "18446744073709551616",
  "9223372036854775807",
  "5a",
  "\t5",
];
const CONNECTIONS = [
  "close",
  "keep-alive",
  "Close",
  "close, x",
  "keep-alive, close",
  "upgrade",
  "Upgrade, keep-alive",
  "closed",
  "",
  "x",
];
const HOSTS = ["a", "a.example:80", "[::1]", "[::1]:8080", "", "a b", "a:b", "u@a", "a,b", "a%41"];
const FIELDS = ["Accept", "X-A", "x-b", "Cookie", "TE", "Via", "Keep-Alive", "Trailer", "Range"];
// What two readers like to differ over.
const BENDS = [
  "\0",
  "\x01",
  "\t",
  "\v",
  "\f",
  "\x1b",
  "\x7f",
  "\x80",
  "\xff",
  " ",
  "  ",
  "\r",
  "\n",
  "\r\n",
  "\n\r",
  "\r\r\n",
  ":",
  ";",
  ",",
  "0",
  '"',
  "\\",
  "-",
  "+",
  "#",
  "?",
  "\r\n ",
  "\r\n\t",
  " :",
  "\r\n\r\n",
  "_",
  "x",
  "HTTP/1.1",
];

function body(dice: Dice): string {
  return dice.word(VALUE + "\r\n", 0, 30);
}

function chunked(dice: Dice, text: string): string {
  let out = "";
  while (text) {
    const n = 1 + dice.below(text.length);
    const size = dice.in(4) ? n.toString(16).toUpperCase().padStart(4, "0") : n.toString(16);
    out += size + extension(dice) + "\r\n" + text.slice(0, n) + "\r\n";
    text = text.slice(n);
  }
  return out + (dice.in(5) ? "000" : "0") + extension(dice) + "\r\n" + trailers(dice) + "\r\n";
}

function extension(dice: Dice): string {
  if (!dice.in(4)) return "";
  const value = dice.one(["", "=b", '="c d"', '="\\""', "=", "=;", " = b"]);
  return dice.one([";", ";", " ;", ";;"]) + dice.word(LETTERS, 0, 5) + value;
}

function trailers(dice: Dice): string {
  if (!dice.in(4)) return "";
  const name = dice.one(["X-T", "Content-Length", "Transfer-Encoding", "Host", "Digest"]);
  return `${name}: ${dice.one(["5", "chunked", "x", ""])}\r\n`;
}

// The fields that frame, and the body that goes with them.
function framing(dice: Dice, fields: string[]): string {
  const text = body(dice);
  const way = dice.below(12);
  if (way < 3) return "";
  if (way < 6) {
    fields.push(`Content-Length: ${text.length}`);
    return text;
  }
  if (way < 9) {
    fields.push("Transfer-Encoding: chunked");
    return chunked(dice, text);
  }
  if (way === 9) fields.push(`Content-Length: ${dice.one(LENGTHS)}`);
  if (way === 10) fields.push(`Transfer-Encoding: ${dice.one(CODINGS)}`);
  if (way === 11) {
    fields.push(`Content-Length: ${text.length}`, `Transfer-Encoding: ${dice.one(CODINGS)}`);
    if (dice.in(2)) fields.shift();
  }
  return dice.in(2) ? chunked(dice, text) : text;
}

function lines(dice: Dice, first: string, request: boolean): string {
  const fields: string[] = [];
  const content = framing(dice, fields);
  if (request && !dice.in(12)) fields.push(`Host: ${dice.in(6) ? dice.one(HOSTS) : "a.example"}`);
  if (dice.in(4)) fields.push(`Connection: ${dice.one(CONNECTIONS)}`);
  if (dice.in(12)) fields.push(`Upgrade: ${dice.one(["h2c", "websocket", ""])}`);
  if (dice.in(16)) fields.push(`Expect: ${dice.one(["100-continue", "tea"])}`);
  for (let i = dice.below(4); i > 0; i--) {
    const name = dice.in(3) ? dice.word(TOKEN, 1, 6) : dice.one(FIELDS);
    fields.push(name + dice.one([":", ": ", ":\t ", ": "]) + dice.word(VALUE, 0, 12));
  }
  if (dice.in(20)) fields.push(dice.one(fields) ?? "X: y"); // one of them twice
  fields.sort(() => dice.below(3) - 1);
  return [first, ...fields].join("\r\n") + "\r\n\r\n" + content;
}

function request(dice: Dice): string {
  const version = `HTTP/${dice.in(3) ? dice.one(VERSIONS) : "1.1"}`;
  const method = dice.in(3) ? dice.one(METHODS) : dice.one(["GET", "POST"]);
  const path = "/" + dice.word(TARGET, 0, 12);
  const odd = [
    "*",
    "http://a.example/x",
    "http://b/",
    "a.example:80",
    "",
    "x",
    "/#x",
    "//",
    "https://",
  ];
  const target = dice.in(8) ? dice.one(odd) : path;
  return lines(dice, `${method} ${target} ${version}`, true);
}

function answer(dice: Dice): string {
  const version = `HTTP/${dice.in(4) ? dice.one(VERSIONS) : "1.1"}`;
  const status = dice.in(2) ? dice.one(STATUSES) : "200";
  const reason = dice.one([" OK", " OK", "", " ", " Not \xe5 \t it", " OK OK"]);
  return lines(dice, `${version} ${status}${reason}`, false);
}

function bend(dice: Dice, bytes: string): string {
  const at = dice.below(bytes.length + 1);
  const n = 1 + dice.below(3);
  switch (dice.below(8)) {
    case 0:
    case 1:
    case 2:
      return bytes.slice(0, at) + dice.one(BENDS) + bytes.slice(at);
    case 3:
      return bytes.slice(0, at) + dice.one(BENDS) + bytes.slice(at + n);
    case 4:
      return bytes.slice(0, at) + bytes.slice(at + n);
    case 5: // the end is lost
      return dice.in(3) ? bytes.slice(0, at) : bytes + dice.one(BENDS);
    case 6: {
      // a line's end, or the place before a colon
      const places = [...bytes.matchAll(/\r\n|:/g)];
      const place = places.length ? dice.one(places).index : 0;
      const bent =
        bytes[place] === ":"
          ? dice.one([" ", "\t", "", "\0"]) + ":"
          : dice.one(["\n", "\r", "\r\r\n", ""]);
      return bytes.slice(0, place) + bent + bytes.slice(place + (bytes[place] === ":" ? 1 : 2));
    }
    default: // a byte becomes any other
      return bytes.slice(0, at) + String.fromCharCode(dice.below(256)) + bytes.slice(at + 1);
  }
}

export function generate(number: number): Generated {
  const dice = new Dice(number);
  const kind = dice.in(2) ? "q" : dice.in(5) ? "h" : "r";
  let bytes = "";
  for (let i = dice.in(3) ? 1 + dice.below(3) : 1; i > 0; i--)
    bytes += kind === "q" ? request(dice) : answer(dice);
  for (let i = dice.in(2) ? 0 : 1 + dice.below(dice.in(4) ? 4 : 1); i > 0; i--)
    bytes = bend(dice, bytes);
  return { kind, bytes };
}
