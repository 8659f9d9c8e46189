// SPDX-License-Identifier: Apache-2.0
// Our signatures beside those of Amazon's own package, over keys and queries of every kind.
import {
  AbortMultipartUploadCommand, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand,
  ListMultipartUploadsCommand, ListObjectsV2Command, ListPartsCommand, PutObjectCommand, S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";

const SIGNER = join(dirname(process.env.KINORA_BIN ?? "build/asan/kinora"), "tests/s3_signer");
const EACH = 110;

interface Seen {
  method: string;
  hostname: string;
  port?: number;
  path: string;
  query: Record<string, string | string[]>;
  headers: Record<string, string>;
}

// Answers nothing: what would have been sent is what is wanted.
class Sent extends Error {
  readonly request: Seen;
  constructor(request: Seen) {
    super("sent");
    this.request = request;
  }
}

function client(i: number): S3Client {
  return new S3Client({
    endpoint: ["https://s3.example.com", "http://127.0.0.1:9000", "https://store.example:8443/base"][i % 3],
    region: "eu-west-3",
    forcePathStyle: i % 2 === 0,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" },
    requestChecksumCalculation: "WHEN_REQUIRED",
    maxAttempts: 1,
    requestHandler: { handle: async (request: unknown) => { throw new Sent(request as Seen); } } as any,
  });
}

// Printable ASCII and beyond, always the same for the same number.
const LETTERS = [..."abcXYZ019-_.~ !\"#$%&'()*+,:;<=>?@[]^`{|}äß中文🎬"];
function word(seed: number, length: number): string {
  let x = seed * 2654435761 + 1;
  return Array.from({ length }, () => {
    x = (x * 1103515245 + 12345) % 2147483648;
    return LETTERS[x % LETTERS.length];
  }).join("");
}
const keyOf = (i: number) => [word(i, 1 + (i % 9)), word(i + 500, 6), word(i + 900, 4)]
  .slice(0, 1 + (i % 3)).map((part) => part.replace(/^\.+/, "x")).join("/");

function commandOf(i: number): any {
  const at = { Bucket: "bucket-of-tests", Key: keyOf(i) };
  const all = [
    () => new PutObjectCommand({ ...at, Body: word(i, 40), ContentType: "video/mp4" }),
    () => new GetObjectCommand({ ...at, Range: `bytes=${i}-${i + 10}` }),
    () => new HeadObjectCommand(at),
    () => new DeleteObjectCommand(at),
    () => new UploadPartCommand({ ...at, UploadId: word(i, 30), PartNumber: i + 1, Body: "part" }),
    () => new AbortMultipartUploadCommand({ ...at, UploadId: word(i + 7, 30) }),
    () => new ListPartsCommand({ ...at, UploadId: word(i + 8, 20), PartNumberMarker: String(i) }),
    () => new ListObjectsV2Command({ Bucket: at.Bucket, Prefix: word(i, 12), MaxKeys: i + 1,
      ContinuationToken: word(i + 3, 15) }),
    () => new ListMultipartUploadsCommand({ Bucket: at.Bucket, Prefix: keyOf(i) }),
  ];
  return all[i % all.length]();
}

const coded = (text: string) => encodeURIComponent(text);

function line(now: number, life: number, r: Seen, hash: string, params: [string, string][],
  headers: [string, string][]): string {
  const host = r.headers.host;
  return [now, life, r.method, coded(host), coded(r.path), hash,
    ...params.map(([n, v]) => `?${coded(n)}=${coded(v)}`),
    ...headers.map(([n, v]) => `${coded(n)}:${coded(v)}`)].join("\t");
}

function ours(lines: string[]): string[][] {
  const ran = spawnSync(SIGNER, [], { input: `${lines.join("\n")}\n`, encoding: "utf8" });
  assert.equal(ran.status, 0, ran.stderr);
  return ran.stdout.trimEnd().split("\n").map((answer) => answer.split("\t"));
}

const OWN = new Set(["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"]
  .map((name) => `X-Amz-${name}`));

const timeOf = (date: string) => Date.parse(date.replace(
  /^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));

test(`[SG-2] ${EACH} requests signed in their headers as Amazon's package signs them`, async () => {
  const lines: string[] = [];
  const theirs: string[] = [];
  for (let i = 0; i < EACH; i++) {
    const sent = await client(i).send(commandOf(i)).catch((error) => error);
    assert.ok(sent instanceof Sent, String(sent));
    const { request } = sent;
    const names = /SignedHeaders=([^,]+)/.exec(request.headers.authorization)![1].split(";");
    const own = ["host", "x-amz-date", "x-amz-content-sha256"];
    const headers = names.filter((n) => !own.includes(n)).map((n) => {
      const name = Object.keys(request.headers).find((h) => h.toLowerCase() === n)!;
      return [n, request.headers[name]] as [string, string];
    });
    const params = Object.entries(request.query ?? {}).map(([n, v]) => [n, String(v ?? "")] as [string, string]);
    lines.push(line(timeOf(request.headers["x-amz-date"]), 0, request,
      request.headers["x-amz-content-sha256"], params, headers));
    theirs.push(request.headers.authorization);
  }
  const answers = ours(lines);
  for (let i = 0; i < EACH; i++) assert.equal(answers[i][1], theirs[i], lines[i]);
});

test(`[SG-4] ${EACH} presigned addresses as Amazon's package makes them`, async () => {
  const lines: string[] = [];
  const theirs: URL[] = [];
  for (let i = 0; i < EACH; i++) {
    const command = new GetObjectCommand({
      Bucket: "bucket-of-tests",
      Key: keyOf(i),
      ResponseContentDisposition: `attachment; filename="${word(i, 10).replaceAll('"', "")}"`,
    });
    const signingDate = new Date(1_700_000_000_000 + i * 86_400_000);
    const url = new URL(await getSignedUrl(client(i) as any, command as any,
      { expiresIn: 60 + i, signingDate } as any));
    const params = [...url.searchParams].filter(([n]) => !OWN.has(n));
    lines.push(line(signingDate.getTime(), 60 + i,
      { method: "GET", path: url.pathname, headers: { host: url.host } } as any,
      "UNSIGNED-PAYLOAD", params as [string, string][], []));
    theirs.push(url);
  }
  const answers = ours(lines);
  for (let i = 0; i < EACH; i++) {
    const own = new URLSearchParams(answers[i][0]);
    const their = theirs[i].searchParams;
    assert.equal(own.get("X-Amz-Signature"), their.get("X-Amz-Signature"), theirs[i].href);
    assert.deepEqual([...own].sort(), [...their].sort());
  }
});
