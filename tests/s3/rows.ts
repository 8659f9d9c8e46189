// SPDX-License-Identifier: Apache-2.0
// What may go wrong between Kinora and its bucket, and what must follow: the table of
// docs/storage.md, which faults.test.ts plays and writes.
import type { Fault } from "../lib/s3.ts";

export interface Row {
  what: string;
  faults: Fault[];
  // Above one part, so that it goes up in parts.
  large?: boolean;
  // Where the work lies then: in the bucket, on the disk, or (`link`, with the disk off) upstream.
  then: "s3" | "local";
  gate?: boolean;
}

const always = Infinity;
const date = (ms: number) => new Date(Date.now() + ms).toUTCString();
const HTML = { "content-type": "text/html" };

// One failure, which another try gets over.
const ONCE: Row[] = [
  { what: "PUT: 500 once", faults: [{ on: "put", status: 500, code: "InternalError" }], then: "s3" },
  { what: "PUT: 503 once, Retry-After 1", faults: [{ on: "put", status: 503, code: "SlowDown", headers: { "retry-after": "1" } }], then: "s3" },
  { what: "PUT: 503 once, no Retry-After, no words", faults: [{ on: "put", status: 503 }], then: "s3" },
  { what: "PUT: 429 once", faults: [{ on: "put", status: 429, code: "TooManyRequests" }], then: "s3" },
  { what: "PUT: 400 RequestTimeout once", faults: [{ on: "put", status: 400, code: "RequestTimeout" }], then: "s3" },
  { what: "PUT: 400 XAmzContentSHA256Mismatch once", faults: [{ on: "put", status: 400, code: "XAmzContentSHA256Mismatch" }], then: "s3" },
  { what: "PUT: connection cut before the first byte is read", faults: [{ on: "put", cutRequestAt: 0 }], then: "s3" },
  { what: "PUT: connection cut at byte 50,000 of the request", faults: [{ on: "put", cutRequestAt: 50_000 }], then: "s3", gate: true },
  { what: "PUT: taken, but the answer cut at its first byte", faults: [{ on: "put", cutAnswerAt: 0 }], then: "s3", gate: true },
  { what: "PUT: taken, but the answer cut inside its head", faults: [{ on: "put", cutAnswerAt: 30 }], then: "s3" },
  { what: "PUT: taken, but answered 500", faults: [{ on: "put", asked: true, status: 500 }], then: "s3" },
  { what: "PUT: our clock an hour behind", faults: [{ on: "put", status: 403, code: "RequestTimeTooSkewed", headers: { date: date(3600_000) } }], then: "s3" },
  { what: "begin: 500 once", large: true, faults: [{ on: "begin", status: 500, code: "InternalError" }], then: "s3" },
  { what: "begin: done, but the answer cut", large: true, faults: [{ on: "begin", cutAnswerAt: 200 }], then: "s3", gate: true },
  { what: "begin: done, but the answer's body cut short", large: true, faults: [{ on: "begin", change: (a) => (a.body = a.body.subarray(0, 60)) }], then: "s3" },
  { what: "part: 503 twice", large: true, faults: [{ on: "part", times: 2, status: 503, code: "SlowDown" }], then: "s3" },
  { what: "part: connection cut at byte 5,000,000 of the request", large: true, faults: [{ on: "part", cutRequestAt: 5_000_000 }], then: "s3" },
  { what: "part: taken, but the answer cut", large: true, faults: [{ on: "part", cutAnswerAt: 10 }], then: "s3" },
  { what: "part: a wrong ETag in the answer", large: true, faults: [{ on: "part", change: (a) => (a.headers.etag = '"0123456789abcdef0123456789abcdef"') }], then: "s3", gate: true },
  { what: "complete: 500 once", large: true, faults: [{ on: "complete", status: 500, code: "InternalError" }], then: "s3" },
  { what: "complete: 200 with an error inside, once", large: true, faults: [{ on: "complete", status: 200, code: "InternalError" }], then: "s3" },
  { what: "complete: 200 with an empty body, not done", large: true, faults: [{ on: "complete", status: 200 }], then: "s3" },
  { what: "complete: done, but the answer cut", large: true, faults: [{ on: "complete", cutAnswerAt: 0 }], then: "s3", gate: true },
  { what: "complete: done, but answered 200 with an error inside", large: true, faults: [{ on: "complete", change: (a) => (a.body = Buffer.from("<Error><Code>InternalError</Code></Error>")) }], then: "s3" },
  { what: "complete: done, but the answer's body cut short", large: true, faults: [{ on: "complete", change: (a) => (a.body = a.body.subarray(0, 40)) }], then: "s3" },
  { what: "the last look: 500 once", faults: [{ on: "head", status: 500 }], then: "s3" },
];

// What does not pass, or what no second try can mend: the disk.
const LASTING: Row[] = [
  { what: "PUT: 403 AccessDenied", faults: [{ on: "put", times: always, status: 403, code: "AccessDenied" }], then: "local", gate: true },
  { what: "PUT: 403 without words", faults: [{ on: "put", times: always, status: 403 }], then: "local" },
  { what: "PUT: 403 InvalidAccessKeyId", faults: [{ on: "put", times: always, status: 403, code: "InvalidAccessKeyId" }], then: "local" },
  { what: "PUT: 403 SignatureDoesNotMatch", faults: [{ on: "put", times: always, status: 403, code: "SignatureDoesNotMatch" }], then: "local" },
  { what: "PUT: 400 ExpiredToken", faults: [{ on: "put", times: always, status: 400, code: "ExpiredToken" }], then: "local" },
  { what: "PUT: 404 NoSuchBucket", faults: [{ on: "put", times: always, status: 404, code: "NoSuchBucket" }], then: "local" },
  { what: "PUT: 301 to another region", faults: [{ on: "put", times: always, status: 301, code: "PermanentRedirect", headers: { "x-amz-bucket-region": "eu-west-1", location: "http://elsewhere.example/" } }], then: "local" },
  { what: "PUT: 307 elsewhere", faults: [{ on: "put", times: always, status: 307, code: "TemporaryRedirect", headers: { location: "http://elsewhere.example/" } }], then: "local" },
  { what: "PUT: 400 AuthorizationHeaderMalformed (region)", faults: [{ on: "put", times: always, status: 400, code: "AuthorizationHeaderMalformed" }], then: "local" },
  { what: "PUT: 403 QuotaExceeded", faults: [{ on: "put", times: always, status: 403, code: "QuotaExceeded" }], then: "local" },
  { what: "PUT: 200 with a web page", faults: [{ on: "put", times: always, status: 200, body: "<html></html>", headers: HTML }], then: "local" },
  { what: "PUT: 500 always", faults: [{ on: "put", times: always, status: 500, code: "InternalError" }], then: "local" },
  { what: "PUT: 503 always", faults: [{ on: "put", times: always, status: 503, code: "SlowDown" }], then: "local" },
  { what: "PUT: answered 200, but not stored", faults: [{ on: "put", times: always, status: 200 }], then: "local" },
  { what: "PUT: cut at byte 50,000, always", faults: [{ on: "put", times: always, cutRequestAt: 50_000 }], then: "local" },
  { what: "PUT: taken, and every answer lost", faults: [{ on: "put", times: always, cutAnswerAt: 0 }], then: "local", gate: true },
  { what: "begin: 403", large: true, faults: [{ on: "begin", times: always, status: 403, code: "AccessDenied" }], then: "local" },
  { what: "part: 404 NoSuchUpload", large: true, faults: [{ on: "part", times: always, status: 404, code: "NoSuchUpload" }], then: "local" },
  { what: "part: 500 always", large: true, faults: [{ on: "part", times: always, status: 500, code: "InternalError" }], then: "local" },
  { what: "complete: 200 with an error inside, always", large: true, faults: [{ on: "complete", times: always, status: 200, code: "InternalError" }], then: "local" },
  { what: "complete: 403", large: true, faults: [{ on: "complete", times: always, status: 403, code: "AccessDenied" }], then: "local" },
  { what: "everything: connections cut at once", faults: [{ on: "any", times: always, cutRequestAt: 0 }], then: "local" },
  { what: "everything: 503", large: true, faults: [{ on: "any", times: always, status: 503 }], then: "local" },
];

export const ROWS: Row[] = [...ONCE, ...LASTING];
