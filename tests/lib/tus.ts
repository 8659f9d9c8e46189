// SPDX-License-Identifier: Apache-2.0
// Resumable uploads (tus 1.0.0), as a client would make them and as none would.
import assert from "node:assert/strict";
import { request, type ClientRequest } from "node:http";
import { Upload, type UploadOptions } from "tus-js-client";
import type { Answer, Person } from "./kinora.ts";
import { send } from "./raw.ts";

export const ENDPOINT = "/api/uploads/tus";
const BYTES = "application/offset+octet-stream";

export const kind = (sub_type: string, filename = "a.bin"): Record<string, string> => ({
  type: "user_upload",
  sub_type,
  filename,
});

export const metadata = (pairs: Record<string, string>): string =>
  Object.entries(pairs)
    .map(([name, value]) => `${name} ${Buffer.from(value).toString("base64")}`)
    .join(",");

// ---- tus-js-client

// Ends with the upload, or with whatever stopped it; on: called with it before it starts.
export function upload(
  person: Person,
  file: Buffer,
  options: Partial<UploadOptions>,
  on: (upload: Upload) => void = () => undefined,
): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const made: Upload = new Upload(file, {
      endpoint: person.kinora.url + ENDPOINT,
      headers: { authorization: `Bearer ${person.token}` },
      retryDelays: null,
      ...options,
      onError: reject,
      onSuccess: () => resolve(made),
    });
    on(made);
    made.start();
  });
}

// ---- single requests

export function tus(
  person: Person,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: Uint8Array,
): Promise<Answer<any> & { text: string }> {
  return send(person.kinora.url, method, path, {
    headers: { authorization: `Bearer ${person.token}`, "tus-resumable": "1.0.0", ...headers },
    body,
  });
}

// Its address.
export async function create(person: Person, subType: string, length: number): Promise<string> {
  const made = await tus(person, "POST", ENDPOINT, {
    "upload-length": String(length),
    "upload-metadata": metadata(kind(subType)),
  });
  assert.equal(made.status, 201, made.text);
  return made.headers.get("location")!;
}

export const patch = (
  person: Person,
  address: string,
  offset: number,
  bytes: Uint8Array,
  more: Record<string, string> = {},
) => tus(person, "PATCH", address, { "content-type": BYTES, "upload-offset": String(offset), ...more }, bytes);

export async function offsetOf(person: Person, address: string): Promise<number> {
  const { status, headers } = await tus(person, "HEAD", address);
  assert.equal(status, 200);
  return Number(headers.get("upload-offset"));
}

export const recordOf = (person: Person, address: string) => person.ask("GET", address);

// A PATCH that says it brings so many bytes, for whoever writes and ends it.
export function begin(person: Person, address: string, offset: number, length: number): ClientRequest {
  const call = request(person.kinora.url + address, {
    method: "PATCH",
    agent: false,
    headers: {
      authorization: `Bearer ${person.token}`,
      "tus-resumable": "1.0.0",
      "content-type": BYTES,
      "upload-offset": offset,
      "content-length": length,
    },
  });
  call.on("error", () => undefined);
  return call;
}

// Brings the bytes, and leaves before the request has ended.
export function cut(person: Person, address: string, offset: number, bytes: Buffer, length: number): Promise<void> {
  const call = begin(person, address, offset, length);
  return new Promise((resolve) => {
    call.on("close", resolve);
    call.write(bytes, () => call.destroy());
  });
}
