// SPDX-License-Identifier: Apache-2.0
// Files as users bring them, good and bad, and forms as nobody's client library would write them.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { send } from "./raw.ts";
import type { Answer, Person } from "./kinora.ts";

// ---- files

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

// A PNG that says it is so large; padding makes it longer, by a chunk that nobody reads.
export function png(width = 3, height = 2, padding = 0): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = width * height < 10_000 ? Buffer.alloc((3 * width + 1) * height) : Buffer.alloc(1);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    ...(padding ? [chunk("prVt", Buffer.alloc(padding, padding))] : []),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

// A JPEG whose frame comes behind so many bytes of comments.
export function jpeg(width = 4, height = 5, comments = 0): Buffer {
  const pieces = [Buffer.from([0xff, 0xd8])];
  for (let left = comments; left > 0; left -= 65_000) {
    const n = Math.min(left, 65_000);
    const head = Buffer.from([0xff, 0xfe, (n + 2) >> 8, (n + 2) & 255]);
    pieces.push(head, Buffer.alloc(n, 0xc0));
  }
  const frame = Buffer.from([0xff, 0xff, 0xc0, 0, 11, 8, 0, 0, 0, 0, 1, 1, 0x11, 0]);
  frame.writeUInt16BE(height, 6);
  frame.writeUInt16BE(width, 8);
  return Buffer.concat([...pieces, frame, Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 0xff, 0xd9])]);
}

// The same, with what a camera says of how it was held (Exif's orientation, 1 to 8).
export function held(image: Buffer, orientation: number): Buffer {
  const exif = Buffer.from("ffe100224578696600004d4d002a00000008000101120003000000010000000000000000", "hex");
  exif[29] = orientation;
  return Buffer.concat([image.subarray(0, 2), exif, image.subarray(2)]);
}

export const GIF = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
export const WEBP = {
  lossy: Buffer.from("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA", "base64"),
  lossless: Buffer.from("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==", "base64"),
  // VP8X, 640 x 480.
  extended: Buffer.from("52494646160000005745425056503858 0a00000000000000 7f0200 df0100".replaceAll(" ", ""), "hex"),
};

// A second of a film of 64 x 48, whatever the container.
export function film(format: "mp4" | "webm" | "mov"): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "kinora-film-"));
  const codec = format === "webm" ? "libvpx" : "libx264";
  const source = ["-v", "error", "-f", "lavfi", "-i", "testsrc=d=1:s=64x48:r=5"];
  try {
    const to = join(folder, `film.${format}`);
    const made = spawnSync("ffmpeg", [...source, "-pix_fmt", "yuv420p", "-c:v", codec, to]);
    if (made.status !== 0) throw new Error(`ffmpeg: ${made.stderr}`);
    return readFileSync(to);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Enough of an MP4 to be known as one, and then noise.
export function mp4ish(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed >>> 0 || 1;
  for (let i = 0; i + 4 <= size; i += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(state, i);
  }
  const head = "0000002066747970" + "69736f6d" + "00000200" + "69736f6d69736f32617663316d703431";
  Buffer.from(head, "hex").copy(bytes);
  return bytes;
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

// ---- forms

export interface Part {
  name?: string;
  filename?: string;
  type?: string;
  body: string | Uint8Array;
  // The header lines, in place of those that the fields above make.
  head?: string;
}

export const BOUNDARY = "----kinora-test-boundary";

export function form(parts: Part[], boundary = BOUNDARY, end = `--${boundary}--\r\n`): Buffer {
  const pieces: Uint8Array[] = [];
  for (const { name = "file", filename, type, body, head } of parts) {
    let lines = `Content-Disposition: form-data; name="${name}"`;
    if (filename !== undefined) lines += `; filename="${filename}"`;
    if (type) lines += `\r\nContent-Type: ${type}`;
    pieces.push(Buffer.from(`--${boundary}\r\n${head ?? lines}\r\n\r\n`), Buffer.from(body), Buffer.from("\r\n"));
  }
  return Buffer.concat([...pieces, Buffer.from(end)]);
}

export const fields = (subType: string): Part[] => [
  { name: "type", body: "user_upload" },
  { name: "sub_type", body: subType },
];

export const fileForm = (subType: string, body: Uint8Array, filename = "a.png"): Buffer =>
  form([...fields(subType), { filename, type: "image/png", body }]);

// A body as it stands, with its Content-Type.
export function post(
  person: Person,
  body: Uint8Array,
  headers: Record<string, string> = {},
  path = "/api/upload",
): Promise<Answer<any>> {
  return send(person.kinora.url, "POST", path, {
    headers: {
      authorization: `Bearer ${person.token}`,
      "content-type": `multipart/form-data; boundary=${BOUNDARY}`,
      "accept-language": "zh",
      ...headers,
    },
    body,
  });
}

export const upload = (person: Person, subType: string, body: Uint8Array, filename?: string) =>
  post(person, fileForm(subType, body, filename));
