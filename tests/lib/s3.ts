// SPDX-License-Identifier: Apache-2.0
// A real S3 gateway (Ceph's), read by Amazon's own package, and a way to it that can be broken.
//
// KINORA_TEST_S3 and the variables beside it name one that runs; without them a file of tests
// starts its own (scripts/services.sh), which ends with it.
import {
  CompleteMultipartUploadCommand, CreateBucketCommand, CreateMultipartUploadCommand, DeleteObjectCommand,
  GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command, PutObjectCommand,
  S3Client, UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { open } from "node:fs/promises";
import {
  createServer, request, type IncomingMessage, type Server, type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { freePort } from "./kinora.ts";

export interface Gateway {
  url: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  stop(): void;
}

export async function gateway(): Promise<Gateway> {
  const env: Record<string, string | undefined> = { ...process.env };
  let stop = () => {};
  if (!env.KINORA_TEST_S3) {
    const port = String(await freePort());
    const ran = spawnSync("scripts/services.sh", ["start", port, "s3"], { encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`services.sh: ${ran.stderr}`);
    for (const line of ran.stdout.trim().split("\n")) {
      const at = line.indexOf("=");
      env[line.slice(0, at)] = line.slice(at + 1);
    }
    stop = () => void spawnSync("scripts/services.sh", ["stop", port]);
  }
  return {
    url: env.KINORA_TEST_S3!,
    bucket: env.KINORA_TEST_S3_BUCKET!,
    accessKey: env.KINORA_TEST_S3_ACCESS_KEY!,
    secretKey: env.KINORA_TEST_S3_SECRET_KEY!,
    stop,
  };
}

// A bucket of its own, looked at from outside.
export class Bucket {
  readonly client: S3Client;
  readonly name: string;
  readonly gateway: Gateway;

  private constructor(gate: Gateway, name: string) {
    this.gateway = gate;
    this.name = name;
    this.client = new S3Client({
      endpoint: gate.url,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: gate.accessKey, secretAccessKey: gate.secretKey },
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    });
  }

  static async make(gate: Gateway): Promise<Bucket> {
    const bucket = new Bucket(gate, `kinora-${Math.random().toString(36).slice(2, 12)}`);
    await bucket.client.send(new CreateBucketCommand({ Bucket: bucket.name }));
    return bucket;
  }

  // The settings that make it Kinora's; through another address, where one is given.
  settings(more: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      sora_s3_enabled: true,
      sora_s3_endpoint: this.gateway.url,
      sora_s3_region: "us-east-1",
      sora_s3_bucket: this.name,
      sora_s3_access_key_id: this.gateway.accessKey,
      sora_s3_secret_access_key: this.gateway.secretKey,
      sora_s3_force_path_style: true,
      ...more,
    };
  }

  async keys(): Promise<string[]> {
    const found = await this.client.send(new ListObjectsV2Command({ Bucket: this.name }));
    return (found.Contents ?? []).map((o) => o.Key!);
  }

  async uploads(): Promise<string[]> {
    const found = await this.client.send(new ListMultipartUploadsCommand({ Bucket: this.name }));
    return (found.Uploads ?? []).map((u) => u.Key!);
  }

  async read(key: string): Promise<{ type: string; size: number; sha256: string }> {
    const found = await this.client.send(new GetObjectCommand({ Bucket: this.name, Key: key }));
    const bytes = await found.Body!.transformToByteArray();
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { type: found.ContentType!, size: bytes.length, sha256 };
  }

  // Amazon's links: to read an object with, or to put one.
  link(verb: "get" | "put", key: string, expiresIn = 86400): Promise<string> {
    const name = { Bucket: this.name, Key: key };
    return verb === "get"
      ? getSignedUrl(this.client, new GetObjectCommand(name), { expiresIn })
      : getSignedUrl(this.client, new PutObjectCommand(name), { expiresIn });
  }

  // As the package's own helper for large files does: parts of 8 MiB, four under way.
  async upload(key: string, path: string): Promise<void> {
    const name = { Bucket: this.name, Key: key }, part = 8 << 20;
    const { UploadId } = await this.client.send(new CreateMultipartUploadCommand(name));
    const file = await open(path);
    const count = Math.ceil((await file.stat()).size / part);
    const Parts: { ETag: string | undefined; PartNumber: number }[] = [];
    let next = 0;
    const some = async () => {
      for (let n = next++; n < count; n = next++) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(part), 0, part, n * part);
        const sent = await this.client.send(new UploadPartCommand({
          ...name, UploadId, PartNumber: n + 1, Body: buffer.subarray(0, bytesRead),
        }));
        Parts[n] = { ETag: sent.ETag, PartNumber: n + 1 };
      }
    };
    await Promise.all([some(), some(), some(), some()]).finally(() => file.close());
    await this.client.send(new CompleteMultipartUploadCommand({ ...name, UploadId, MultipartUpload: { Parts } }));
  }

  async remove(key: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand({ Bucket: this.name, Key: key }));
  }

  async has(key: string): Promise<boolean> {
    return this.client
      .send(new HeadObjectCommand({ Bucket: this.name, Key: key }))
      .then(() => true, (error) => {
        if (error.$metadata?.httpStatusCode === 404) return false;
        throw error;
      });
  }
}

// What may happen on the way to the store, to requests of one kind.
export interface Fault {
  // put, part, begin, complete, abort, head, bucket (HEAD), list, uploads, delete, batch, get, any
  on: string;
  times?: number; // 1; Infinity: until it is taken away
  // Answered so, the store is not asked.
  status?: number;
  code?: string;
  headers?: Record<string, string>;
  body?: string;
  // The connection is cut behind so many bytes of the request, or of the answer.
  cutRequestAt?: number;
  cutAnswerAt?: number;
  // Nothing comes for so long (the store has been asked, and has answered, where `asked`).
  stall?: boolean;
  asked?: boolean;
  // The store's answer, changed.
  change?: (answer: { status: number; headers: Record<string, string>; body: Buffer }) => void;
}

function kindOf(method: string, url: string): string {
  const { pathname, searchParams: q } = new URL(url, "http://x");
  const key = pathname.split("/").length > 2 && !pathname.endsWith("/");
  if (method === "POST") return q.has("uploads") ? "begin" : q.has("delete") ? "batch" : "complete";
  if (method === "PUT") return q.has("partNumber") ? "part" : "put";
  if (method === "DELETE") return q.has("uploadId") ? "abort" : "delete";
  if (method === "HEAD") return key ? "head" : "bucket";
  if (q.has("uploadId")) return "parts";
  return q.has("uploads") ? "uploads" : key ? "get" : "list";
}

export const errorBody = (code: string) =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>of the test</Message></Error>`;

// Between Kinora and the gateway: passes everything on as it is, but for what is broken.
export class Way {
  url = "";
  readonly seen: { kind: string; url: string; applied: boolean }[] = [];
  private readonly target: URL;
  private faults: Fault[] = [];
  private readonly stalled = new Set<Socket>();
  private readonly server: Server;

  private constructor(target: string) {
    this.target = new URL(target);
    this.server = createServer((req, res) => this.serve(req, res));
  }

  static async start(target: string): Promise<Way> {
    const way = new Way(target);
    way.server.listen(0, "127.0.0.1");
    await once(way.server, "listening");
    way.url = `http://127.0.0.1:${(way.server.address() as AddressInfo).port}`;
    return way;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  break(...faults: Fault[]): void {
    this.faults = faults.map((f) => ({ times: 1, ...f }));
  }

  // From here on everything goes through; what hangs is cut.
  mend(): void {
    this.faults = [];
    for (const socket of this.stalled) socket.destroy();
    this.stalled.clear();
  }

  // Requests that nothing is answered to.
  get hanging(): number {
    return this.stalled.size;
  }

  count(kind: string): number {
    return this.seen.filter((s) => s.kind === kind).length;
  }

  private serve(req: IncomingMessage, res: ServerResponse): void {
    const kind = kindOf(req.method!, req.url!);
    const fault = this.faults.find((f) => (f.on === kind || f.on === "any") && f.times! > 0);
    if (fault) fault.times!--;
    this.seen.push({ kind, url: req.url!, applied: fault !== undefined });
    req.on("error", () => {});
    res.on("error", () => {});
    if (fault && !fault.asked && !fault.change && fault.cutAnswerAt === undefined)
      this.refuse(req, res, fault);
    else this.pass(req, res, fault);
  }

  private refuse(req: IncomingMessage, res: ServerResponse, fault: Fault): void {
    if (fault.stall) {
      this.stalled.add(req.socket);
      req.resume();
    } else if (fault.cutRequestAt !== undefined) {
      let seen = 0;
      const look = (n: number) => (seen += n) >= fault.cutRequestAt! && req.socket.resetAndDestroy();
      look(0);
      req.on("data", (piece: Buffer) => look(piece.length));
    } else {
      req.resume();
      req.on("end", () => {
        const body = fault.body ?? (fault.code ? errorBody(fault.code) : "");
        res.writeHead(fault.status!, {
          "content-length": String(Buffer.byteLength(body)),
          "content-type": "application/xml",
          ...fault.headers,
        });
        res.end(req.method === "HEAD" ? undefined : body);
      });
    }
  }

  private pass(req: IncomingMessage, res: ServerResponse, fault?: Fault): void {
    const headers = req.rawHeaders;
    const { hostname, port } = this.target;
    const on = request(
      { hostname, port, method: req.method, path: req.url, headers, agent: false, setHost: false },
      (answer) => {
        const pieces: Buffer[] = [];
        answer.on("data", (piece) => pieces.push(piece));
        answer.on("end", () => this.answer(req, res, answer, Buffer.concat(pieces), fault));
        answer.on("error", () => req.socket.destroy());
      },
    );
    on.on("error", () => req.socket.destroy());
    req.pipe(on);
  }

  private answer(
    req: IncomingMessage, res: ServerResponse, from: IncomingMessage, body: Buffer, fault?: Fault,
  ): void {
    const answer = {
      status: from.statusCode!,
      headers: Object.fromEntries(
        Object.entries(from.headers).map(([name, value]) => [name, String(value)])),
      body,
    };
    delete answer.headers["transfer-encoding"];
    delete answer.headers.connection;
    if (fault?.stall) {
      this.stalled.add(req.socket);
      return;
    }
    fault?.change?.(answer);
    if (req.method !== "HEAD") answer.headers["content-length"] = String(answer.body.length);
    if (fault?.cutAnswerAt !== undefined) {
      const head = [`HTTP/1.1 ${answer.status} x`,
        ...Object.entries(answer.headers).map(([n, v]) => `${n}: ${v}`), "", ""].join("\r\n");
      const all = Buffer.concat([Buffer.from(head, "latin1"), answer.body]);
      req.socket.write(all.subarray(0, fault.cutAnswerAt), () => req.socket.destroy());
      return;
    }
    if (fault?.asked && fault.status) answer.status = fault.status;
    res.writeHead(answer.status, answer.headers);
    res.end(req.method === "HEAD" ? undefined : answer.body);
  }
}
