// SPDX-License-Identifier: Apache-2.0
// Uploads that nobody should send, each with what must become of it: refused for the right reason,
// or stored as what its bytes are.
import { BOUNDARY, fields, fileForm, form, GIF, jpeg, mp4ish, png, WEBP, type Part } from "./uploads.ts";

export interface Hostile {
  title: string;
  body: Buffer;
  headers?: Record<string, string>;
  query?: string;
  // Status and code of the refusal, or the type it is stored as.
  refused?: [status: number, code: string];
  stored?: string;
}

const UNSUPPORTED: [number, string] = [415, "unsupported_type"];
const UNREADABLE: [number, string] = [422, "image_unreadable"];
const MALFORMED: [number, string] = [400, "bad_multipart"];
const text = (s: string) => Buffer.from(s);
const padded = (s: string | Buffer, n = 400) => Buffer.concat([Buffer.from(s), Buffer.alloc(n, 0x20)]);

// ---- files that are something else, under every name

const OTHERS: Record<string, Buffer> = {
  "an SVG": padded('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
  "an SVG behind an XML head": padded('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
  "an HTML page": padded("<!DOCTYPE html><html><script>alert(1)</script></html>"),
  "an HTML fragment": padded("<script>alert(1)</script>"),
  "a script": padded("#!/bin/sh\nrm -rf /\n"),
  "an ELF program": padded(Buffer.from("7f454c4602010100000000000000000002003e00", "hex")),
  "a Windows program": padded("MZ\x90\0\x03\0\0\0\x04\0\0\0"),
  "a PDF": padded("%PDF-1.7\n1 0 obj\n<</JS(app.alert(1))>>"),
  "a ZIP": padded(Buffer.from("504b0304140000000800", "hex")),
  "a gzip": padded(Buffer.from("1f8b0800000000000003", "hex")),
  "a TIFF": padded(Buffer.from("49492a0008000000", "hex")),
  "a BMP": padded(Buffer.from("424d3600000000000000360000002800000001000000010000000100180000", "hex")),
  "an AVIF": padded(Buffer.from("0000001c6674797061766966000000006176696d", "hex")),
  "a HEIC": padded(Buffer.from("0000001c6674797068656963000000006d696631", "hex")),
  "an MP3": padded(Buffer.from("4944330300000000", "hex")),
  "a PHP page": padded("<?php system($_GET['c']); ?>"),
  "JSON": padded('{"a":1}'),
  "text": text("hello"),
  "one NUL": Buffer.alloc(1),
  "NULs": Buffer.alloc(5000),
  "0xff": Buffer.alloc(5000, 0xff),
  "a byte-order mark": text("\ufeff<svg/>"),
};
const NAMES = ["a.png", "a.jpg", "a.gif"];

const disguised: Hostile[] = Object.entries(OTHERS).flatMap(([what, body]) =>
  NAMES.map((name) => ({
    title: `${what} called ${name}`,
    body: fileForm("oc-gallery", body, name),
    refused: UNSUPPORTED,
  })),
);

// ---- pictures where videos belong, and the other way round

const FILMS: Record<string, Buffer> = {
  "an MP4": mp4ish(4096),
  "a MOV": padded(Buffer.from("0000001466747970717420200000020071742020", "hex")),
  "a WebM": padded(Buffer.from("1a45dfa39f4286810142f7810142f2810442f381084282847765626d", "hex")),
};
const PICTURES: Record<string, Buffer> = {
  "a PNG": png(),
  "a JPEG": jpeg(),
  "a GIF": GIF,
  "a WebP": WEBP.lossy,
};
const misplaced: Hostile[] = [
  ...Object.entries(FILMS).map(([what, body]) => ({
    title: `${what} as an avatar`,
    body: fileForm("oc-avatar", body, "a.png"),
    refused: UNSUPPORTED,
  })),
  ...Object.entries(PICTURES).map(([what, body]) => ({
    title: `${what} as a video`,
    body: fileForm("oc-gallery-video", body, "a.mp4"),
    refused: UNSUPPORTED,
  })),
  {
    title: "a Matroska that is no WebM",
    body: fileForm("oc-gallery-video", padded(Buffer.from("1a45dfa3934282886d6174726f736b61", "hex")), "a.webm"),
    refused: UNSUPPORTED,
  },
  ...["3gp4", "M4A ", "heic", "avif"].map((brand) => ({
    title: `a file of brand ${brand} as a video`,
    body: fileForm("oc-gallery-video", padded(Buffer.concat([Buffer.from("0000001866747970", "hex"), text(brand)]))),
    refused: UNSUPPORTED,
  })),
];

// ---- wrong endings and polyglots: what the bytes are counts

const behind = (first: Buffer, second: string | Buffer) => Buffer.concat([first, Buffer.from(second)]);
const truths: Hostile[] = [
  ...Object.entries({ "image/png": png(), "image/jpeg": jpeg(), "image/gif": GIF, "image/webp": WEBP.lossy }).flatMap(
    ([type, body]) =>
      ["a.html", "a.svg", "a.exe", "a", "a.png.php"].map((name) => ({
        title: `${type} called ${name}`,
        body: fileForm("reference", body, name),
        stored: type,
      })),
  ),
  { title: "a GIF that is a script too", body: fileForm("reference", behind(GIF, "/*<script>alert(1)</script>*/")), stored: "image/gif" },
  { title: "a GIF whose comment is a page", body: fileForm("reference", behind(GIF.subarray(0, 19), "!\xfe\x10<html></html>")), stored: "image/gif" },
  { title: "a PNG with a ZIP behind it", body: fileForm("reference", behind(png(), Buffer.from("504b0506", "hex"))), stored: "image/png" },
  { title: "a PNG with a page behind it", body: fileForm("reference", behind(png(), "<html><script>1</script>")), stored: "image/png" },
  { title: "a JPEG with PHP in its comments", body: fileForm("reference", behind(jpeg(), "<?php phpinfo(); ?>")), stored: "image/jpeg" },
  { title: "a WebP with a PDF behind it", body: fileForm("reference", behind(WEBP.lossless, "%PDF-1.4")), stored: "image/webp" },
  { title: "a JPEG whose frame comes behind 200 kB", body: fileForm("reference", jpeg(4, 5, 200_000)), stored: "image/jpeg" },
];

// ---- bombs, and pictures that are cut short

const bombs: Hostile[] = [
  ...([[50_000, 50_000], [7072, 7072], [50_000_001, 1], [0xffffffff, 0xffffffff], [1, 0xffffffff]] as const).map(
    ([w, h]) => ({ title: `a PNG of ${w} x ${h}`, body: fileForm("oc-gallery", png(w, h)), refused: [413, "too_many_pixels"] as [number, string] }),
  ),
  { title: "a JPEG of 65535 x 65535", body: fileForm("oc-gallery", jpeg(65535, 65535)), refused: [413, "too_many_pixels"] },
  { title: "a JPEG of 65535 x 65535 behind 300 kB", body: fileForm("oc-gallery", jpeg(65535, 65535, 300_000)), refused: [413, "too_many_pixels"] },
  {
    title: "a GIF of 65535 x 65535",
    body: fileForm("oc-gallery", Buffer.concat([GIF.subarray(0, 6), Buffer.alloc(4, 0xff), GIF.subarray(10)])),
    refused: [413, "too_many_pixels"],
  },
  {
    title: "a WebP of 16384 x 16384",
    body: fileForm("oc-gallery", Buffer.concat([WEBP.lossless.subarray(0, 21), Buffer.alloc(4, 0xff), Buffer.alloc(40)])),
    refused: [413, "too_many_pixels"],
  },
];
const broken: Hostile[] = [
  { title: "a PNG of 0 x 5", body: fileForm("oc-gallery", png(0, 5)), refused: UNREADABLE },
  { title: "a JPEG without height", body: fileForm("oc-gallery", jpeg(5, 0)), refused: UNREADABLE },
  ...[9, 16, 20, 24].map((n) => ({ title: `a PNG of ${n} bytes`, body: fileForm("oc-gallery", png().subarray(0, n)), refused: UNREADABLE })),
  ...[4, 6, 9, 11].map((n) => ({ title: `a JPEG of ${n} bytes`, body: fileForm("oc-gallery", jpeg().subarray(0, n)), refused: UNREADABLE })),
  ...[7, 8, 9].map((n) => ({ title: `a GIF of ${n} bytes`, body: fileForm("oc-gallery", GIF.subarray(0, n)), refused: UNREADABLE })),
  ...[13, 20, 29].map((n) => ({ title: `a WebP of ${n} bytes`, body: fileForm("oc-gallery", WEBP.lossy.subarray(0, n)), refused: UNREADABLE })),
  {
    title: "a WebP that begins with no frame",
    body: fileForm("oc-gallery", Buffer.concat([WEBP.lossy.subarray(0, 12), text("XXXX"), Buffer.alloc(40)])),
    refused: UNREADABLE,
  },
  { title: "a PNG without IHDR", body: fileForm("oc-gallery", Buffer.concat([png().subarray(0, 12), text("IDAT"), Buffer.alloc(300)])), refused: UNREADABLE },
  { title: "a JPEG that ends at once", body: fileForm("oc-gallery", padded(Buffer.from("ffd8ffd9", "hex"))), refused: UNREADABLE },
  { title: "a JPEG of segments without length", body: fileForm("oc-gallery", padded(Buffer.from("ffd8ffe00000", "hex"))), refused: UNREADABLE },
  { title: "a JPEG whose segment never ends", body: fileForm("oc-gallery", padded(Buffer.from("ffd8ffe0ffff", "hex"))), refused: UNREADABLE },
  { title: "a JPEG of fill bytes", body: fileForm("oc-gallery", Buffer.concat([Buffer.from("ffd8", "hex"), Buffer.alloc(500, 0xff)])), refused: UNREADABLE },
  { title: "nothing", body: fileForm("oc-gallery", Buffer.alloc(0)), refused: [400, "file_empty"] },
];

// ---- videos that no player plays: kept as what they say they are, without figures

const films: Hostile[] = [
  { title: "an MP4 that is cut short", body: fileForm("oc-gallery-video", mp4ish(3000)), stored: "video/mp4" },
  { title: "an MP4 of its first box alone", body: fileForm("oc-gallery-video", mp4ish(32)), stored: "video/mp4" },
  { title: "an MP4 whose box is endless", body: fileForm("oc-gallery-video", Buffer.concat([mp4ish(32), Buffer.from("ffffffff6d646174", "hex")])), stored: "video/mp4" },
  { title: "a WebM of its head alone", body: fileForm("oc-gallery-video", FILMS["a WebM"]), stored: "video/webm" },
];

// ---- names

const WEIRD: Record<string, string> = {
  "a path upwards": "../../../../etc/passwd",
  "an absolute path": "/etc/passwd",
  "a path of Windows": "C:\\\\Windows\\\\system32\\\\a.png",
  "a dot": ".",
  "two dots": "..",
  "no name": "",
  "300 bytes": "x".repeat(300),
  "4000 bytes": "x".repeat(4000),
  "256 bytes of Chinese": "图".repeat(86),
  "control characters": "a\x01\x1b[31m\x07.png",
  "a tab": "a\tb.png",
  "a right-to-left override": "gnp.\u202eexe",
  "markup": "<img src=x onerror=alert(1)>.png",
  "a quote": 'a\\".png',
  "a colon": "a.png::$DATA",
  "an encoded NUL": "a%00.png",
  "a device": "CON",
  "an ending dot": "a.png.",
  "emoji": "😀.png",
};
const names: Hostile[] = Object.entries(WEIRD).map(([what, name]) => ({
  title: `a file called by ${what}`,
  body: fileForm("reference", png(), name),
  stored: "image/png",
}));

// ---- forms

const FILE: Part = { filename: "a.png", type: "image/png", body: png() };
const [TYPE, SUB] = fields("reference");
const subType = (value: string): Hostile => ({
  title: `the sub-type ${JSON.stringify(value.slice(0, 20))}`,
  body: fileForm(value, png()),
  refused: [400, "invalid_field"],
});
const whole = form([TYPE, SUB, FILE]);
const headed = (head: string, what: string): Hostile => ({
  title: `a part with ${what}`,
  body: form([TYPE, SUB, { ...FILE, head }]),
  refused: MALFORMED,
});
const shapes: Hostile[] = [
  { title: "no part", body: form([]), refused: [400, "missing_field"] },
  { title: "no body", body: Buffer.alloc(0), refused: MALFORMED },
  { title: "no file", body: form([TYPE, SUB]), refused: [400, "missing_field"] },
  { title: "a file alone", body: form([FILE]), refused: [400, "missing_field"] },
  { title: "no type", body: form([SUB, FILE]), refused: [400, "missing_field"] },
  { title: "no sub-type", body: form([TYPE, FILE]), refused: [400, "missing_field"] },
  { title: "the file first", body: form([FILE, TYPE, SUB]), refused: [400, "missing_field"] },
  { title: "the sub-type last", body: form([TYPE, FILE, SUB]), refused: [400, "missing_field"] },
  { title: "two files", body: form([TYPE, SUB, FILE, FILE]), refused: [400, "invalid_field"] },
  { title: "two types", body: form([TYPE, TYPE, SUB, FILE]), refused: [400, "invalid_field"] },
  { title: "two sub-types", body: form([TYPE, SUB, { name: "sub_type", body: "oc-avatar" }, FILE]), refused: [400, "invalid_field"] },
  { title: "a sub-type behind the file", body: form([TYPE, SUB, FILE, SUB]), refused: [400, "invalid_field"] },
  { title: "a sub-type beside that of the query", body: whole, query: "?sub_type=oc-avatar", refused: [400, "invalid_field"] },
  { title: "another type", body: form([{ name: "type", body: "avatar" }, SUB, FILE]), refused: [400, "invalid_field"] },
  { title: "an endless field", body: form([{ name: "type", body: "x".repeat(70_000) }, SUB, FILE]), refused: [400, "invalid_field"] },
  { title: "an endless part that nobody asked for", body: form([{ name: "more", body: "x".repeat(70_000) }, TYPE, SUB, FILE]), refused: [413, "too_large"] },
  { title: "10,000 parts", body: form([...Array.from({ length: 10_000 }, () => ({ name: "x", body: "" })), TYPE, SUB, FILE]), refused: MALFORMED },
  ...["", "portrait", "OC-AVATAR", "oc-avatar ", "../oc-avatar", "user_upload", "x".repeat(60), "图"].map(subType),
  ...["scene", "other"].map((value) => ({ ...subType(value), refused: [403, "upload_sub_type_off"] as [number, string] })),
  { title: "no last boundary", body: whole.subarray(0, whole.length - 4), refused: MALFORMED },
  { title: "half a last boundary", body: whole.subarray(0, whole.length - 20), refused: MALFORMED },
  { title: "another boundary than is said", body: whole, headers: { "content-type": "multipart/form-data; boundary=other" }, refused: MALFORMED },
  { title: "no boundary", body: whole, headers: { "content-type": "multipart/form-data" }, refused: MALFORMED },
  { title: "an empty boundary", body: whole, headers: { "content-type": 'multipart/form-data; boundary=""' }, refused: MALFORMED },
  { title: "a boundary of 71 characters", body: whole, headers: { "content-type": `multipart/form-data; boundary=${"x".repeat(71)}` }, refused: MALFORMED },
  { title: "another kind of body", body: png(), headers: { "content-type": "image/png" }, refused: MALFORMED },
  { title: "a form of the other kind", body: text("type=user_upload"), headers: { "content-type": "application/x-www-form-urlencoded" }, refused: MALFORMED },
  { title: "JSON", body: text("{}"), headers: { "content-type": "application/json" }, refused: MALFORMED },
  { title: "a boundary that something follows", body: Buffer.concat([text(`--${BOUNDARY}x\r\n`), whole]), refused: MALFORMED },
  headed("Content-Type: image/png", "no name"),
  headed('Content-Disposition: attachment; name="file"', "another disposition"),
  headed('Content-Disposition: form-data; name="file"; name="type"', "two names"),
  headed('Content-Disposition: form-data; name="file"\r\nContent-Disposition: form-data; name="x"', "two dispositions"),
  headed('Content-Disposition: form-data; name="file', "an open quote"),
  headed("no colon here", "a line that is no header"),
  headed(`X: ${"y".repeat(9000)}`, "a header of 9,000 bytes"),
  headed('Content-Disposition: form-data; name="fi\0le"', "a NUL in its name"),
];

// ---- right and unusual: taken

const unusual: Hostile[] = [
  { title: "the fields in the query", body: form([FILE]), query: "?type=user_upload&sub_type=reference", stored: "image/png" },
  { title: "one field in the query", body: form([TYPE, FILE]), query: "?sub_type=reference", stored: "image/png" },
  { title: "a part that nobody asked for", body: form([{ name: "more", body: "x" }, TYPE, SUB, FILE]), stored: "image/png" },
  { title: "a file without a name", body: form([TYPE, SUB, { body: png() }]), stored: "image/png" },
  { title: "a type that lies", body: form([TYPE, SUB, { ...FILE, type: "text/html" }]), stored: "image/png" },
  { title: "something before and behind the form", body: Buffer.concat([text("before\r\n"), whole, text("behind")]), stored: "image/png" },
  { title: "a WebP with room for more", body: fileForm("reference", WEBP.extended), stored: "image/webp" },
];

export const HOSTILE: Hostile[] = [
  ...disguised,
  ...misplaced,
  ...truths,
  ...bombs,
  ...broken,
  ...films,
  ...names,
  ...shapes,
  ...unusual,
];
