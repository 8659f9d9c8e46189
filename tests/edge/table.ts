// SPDX-License-Identifier: Apache-2.0
// What a row of the tables of the edge is, and the pieces that rows are made of.
//
// All text is bytes (latin1). $KEY stands for an API key that is accepted. An outcome is the
// statuses in the order they came and then what became of the connection:
//   keeps    it went on to answer another request
//   closes   the server ended it
//   waits    the server took the message for unfinished, and said nothing
export interface RequestCase {
  name: string;
  group: string;
  rfc: string;
  send: string | string[]; // several: each in a write of its own
  slow?: boolean; // byte by byte
  awaits?: boolean; // with several: bytes of an answer come before the next is sent
  cut?: boolean; // ends with our side shut, where others are followed by one more request
  head?: boolean; // the first answer is to a HEAD
  answer: string;
  sees?: string[]; // the bodies that the upstream got; none if not said
  has?: RegExp; // in the bytes of the answer
}

//   whole    the client can tell that it has all of the answer
//   cut      it can tell that it has not
//   kept     the connection to the upstream carried the next call
//   dropped  it was closed
export interface AnswerCase {
  name: string;
  group: string;
  rfc: string;
  send: string | string[];
  then?: "ends" | "resets"; // what the upstream does behind its bytes; else it stays
  answer: string;
  body?: string; // that the client got; not looked at when not said
  has?: RegExp; // in the head that the client got
  lacks?: RegExp;
}

export const HOST = "Host: edge.example\r\n";
export const ASK = '{"model":"edge","messages":[{"role":"user","content":"x"}]}';
export const LENGTH = `Content-Length: ${ASK.length}\r\n`;
export const CHUNKED = "Transfer-Encoding: chunked\r\n";

export function get(fields = "", target = "/healthz"): string {
  return `GET ${target} HTTP/1.1\r\n${HOST}${fields}\r\n`;
}

export function post(fields: string, body: string): string {
  return (
    `POST /sora/v1/chat/completions HTTP/1.1\r\n${HOST}` +
    `Authorization: Bearer $KEY\r\n${fields}\r\n${body}`
  );
}

export function chunk(text: string, extension = ""): string {
  return `${text.length.toString(16)}${extension}\r\n${text}\r\n`;
}

export function answer(fields: string, body = "", line = "HTTP/1.1 200 OK"): string {
  return `${line}\r\nContent-Type: application/json\r\n${fields}\r\n${body}`;
}
