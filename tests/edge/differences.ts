// SPDX-License-Identifier: Apache-2.0
// Why nginx answers a row otherwise, for the first pattern that fits "Group: name".
export const DIFFERENCES: [pattern: RegExp, why: string][] = [
  [/^Lengths: .*blanks and tabs/, "a tab is OWS, which is no part of a value (RFC 9112 5.1)"],
  [
    /^Lengths: a body without/,
    "both read the body as the next request; here the first has nothing to say",
  ],
  [/^Transfer codings: .*(vertical tab|folded)/, "refused by both, for another of its two faults"],
  [
    /^Chunks and trailers: .*(endless|without end)/,
    "a limit: what is read and dropped is bounded (RFC 9110 5.4)",
  ],
  [
    /^Chunks and trailers: .*(size past|minus|0x|longer than its size)/,
    "nginx judges before it has sent the head, we as the bytes come; both end the connection",
  ],
  [
    /^Chunks and trailers: a chunk shorter/,
    "nginx takes the line's end for data and the line's first byte for its end; a reader that counts differently is the next hop's",
  ],
  [
    /^Chunks and trailers: something else for the last/,
    "nginx skips to the next line feed, so the next request is lost",
  ],
  [
    /^Chunks and trailers: /,
    "nginx skips what the grammar does not have; the next hop may read it differently",
  ],
  [
    /^Lines and fields: .*(LF|CR)/,
    "a lone LF may be taken for a line's end (RFC 9112 2.2, a MAY); two readers may differ over it",
  ],
  [
    /^Lines and fields: .*(two spaces|space behind)/,
    "lenient splitting is a MAY (RFC 9112 3) that invites smuggling (11.2)",
  ],
  [
    /^Lines and fields: a field without a colon/,
    "nginx drops the line; a field line has a colon (RFC 9112 5)",
  ],
  [
    /^Lines and fields: .*(control|DEL|escape)/,
    "control bytes are no part of a value (RFC 9110 5.5), nor good in a log",
  ],
  [
    /^Lines and fields: .*(past ASCII in a name|bracket)/,
    "nginx drops such a field; a name is a token (RFC 9110 5.1)",
  ],
  [
    /^Versions: HTTP\/0\.9/,
    "nginx answers in HTTP/0.9, which has no status; it is gone since RFC 9112",
  ],
  [/^Versions: HTTP\/1\.10/, "a version has one digit on each side (RFC 9112 2.3)"],
  [/^Versions: the preface/, "refused by both; 505 says why"],
  [
    /^Methods: (CONNECT|TRACE|get in)/,
    "refused by both; 501 is for a method that the server does not know (RFC 9110 15.6.2)",
  ],
  [
    /^Methods: (an unknown|a method of 100)/,
    "nginx passes on what it does not know; here the table of addresses knows all there is",
  ],
  [/^Methods: a method that/, "nginx only passes on; the application decides"],
  [/^Methods: OPTIONS/, "nginx does not know asterisk-form, which RFC 9110 9.3.7 has"],
  [/^Targets: a fragment/, "a target has no fragment (RFC 9112 3.2); nginx cuts it off"],
  [/^Targets: bytes past ASCII/, "a target is ASCII (RFC 3986 2); nginx passes the bytes on"],
  [
    /^Targets: absolute-form with another host/,
    "a proxy must not believe Host then (RFC 9112 3.2.2); we believe neither",
  ],
  [/^Targets: absolute-form of another/, "nginx ignores the scheme; ours serves http and https"],
  [
    /^Targets: (dot segments above|an encoded NUL|a bad escape|a cut escape)/,
    "refused by both; here such an address is not in the table",
  ],
  [/^Targets: /, "nginx resolves, merges or passes on; here no address is written in two ways"],
  [/^Host: /, "nginx takes what is no host for a name; RFC 9110 7.2 says 400"],
  [/^Limits: 101 fields/, "nginx counts bytes only; the number of fields is bounded here too"],
  [/^Limits: .*(33 KiB|40000|never ends)/, "refused by both; 431 says which limit (RFC 6585 5)"],
  [
    /^Limits: fields of 27 KiB/,
    "nginx has 32 KiB for heads, in buffers of 8 KiB that no field may cross",
  ],
  [/^Limits: empty lines/, "nginx skips empty lines without end; one line's limit is enough"],
  [
    /^Limits: a body past the limit by its length/,
    "refused by both; nginx keeps reading for a while",
  ],
  [/^Expect: .*already there/, "100 may be left out once the body comes (RFC 9110 10.1.1)"],
  [/^Expect: 100-continue without a body/, "there is no body to invite (RFC 9110 10.1.1)"],
  [
    /^Expect: .*refusal/,
    "nginx invites before the application has judged the head; here a refusal saves the body",
  ],
  [/^Expect: .*too long/, "refused by both; nginx keeps reading for a while"],
  [/^Expect: /, "nginx ignores it; RFC 9110 10.1.1 has 417 for what is not known"],
  [
    /^Connections: Connection: closed/,
    "nginx looks for the letters; Connection is a list of tokens (RFC 9110 7.6.1)",
  ],
  [/^Connections: a good one, then/, "refused by both: 400 for a version that is malformed"],
  [
    /^Connections: a side shut behind/,
    "nginx takes a half-closed client for one that left; here it is served",
  ],
  [/^Other fields: (an Authorization|Idempotency-Key)/, "nginx only passes on; the application decides"],
  [/^Framing: both lengths/, "RFC 9112 6.3 calls it smuggling; nginx drops the length"],
  [/^Framing: Content-Length twice/, "nginx takes the first; RFC 9112 6.3 has it an error"],
  [
    /^Framing: /,
    "nginx takes the length for unknown and waits for the end; RFC 9112 6.3 has it an error",
  ],
  [
    /^Heads: .*(coding|gzip|chunked|Transfer)/,
    "nginx ignores codings it does not know; the bytes would mean something else (RFC 9112 6.1)",
  ],
  [
    /^Heads: HTTP\/0\.9 on a/,
    "nginx takes it for HTTP/0.9, whose answers end with their connection",
  ],
  [
    /^Heads: (no HTTP|HTTP\/0\.9|http in|a status of (two|letters)|a status with|an empty line)/,
    "nginx takes it for HTTP/0.9 and passes the bytes on under a status of nought",
  ],
  [
    /^Heads: HTTP\/[12]/,
    "nginx does not look at the version; RFC 9110 2.5 has another major version another language",
  ],
  [/^Heads: a status/, "a status is three digits, 100 to 599 (RFC 9110 15)"],
  [/^Heads: two spaces/, "the grammar has one (RFC 9112 4)"],
  [
    /^Heads: .*(LF)/,
    "a lone LF may be taken for a line's end (RFC 9112 2.2, a MAY); two readers may differ over it",
  ],
  [
    /^Heads: (a NUL|a field|a name)/,
    "nginx passes on or drops; what the grammar does not have is an error",
  ],
  [/^Heads: 101 fields/, "nginx counts bytes only; the number of fields is bounded here too"],
  [/^Interim/, "nginx does not expect interim answers, which a client must skip (RFC 9110 15.2)"],
];

export function whyOtherwise(row: { group: string; name: string }): string | undefined {
  return DIFFERENCES.find(([pattern]) => pattern.test(`${row.group}: ${row.name}`))?.[1];
}
