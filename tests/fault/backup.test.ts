// SPDX-License-Identifier: Apache-2.0
// kinora backup and kinora restore, under load, from one engine to the other, and with bad files.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Demo } from "../lib/demo.ts";
import { doctor } from "../lib/doctor.ts";
import { settled } from "../lib/invariants.ts";
import { Kinora, type Person } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";
import { type Row, Rows } from "../lib/rows.ts";
import { engines, FULL, newDatabase, shimmed } from "./world.ts";

const BINARY = process.env.KINORA_BIN ?? "build/asan/kinora";
const folder = mkdtempSync(join(tmpdir(), "kinora-backup-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const TABLES = ["groups", "users", "settings", "accounts", "account_groups", "sora_generations", "jobs", "objects", "stores"];

function run(...args: string[]) {
  return spawnSync(BINARY, args, { encoding: "utf8" });
}

// One clear line on standard error.
function refused(done: ReturnType<typeof run>, says: RegExp): void {
  assert.equal(done.status, 1, `${done.stdout}${done.stderr}`);
  assert.match(done.stderr, /^kinora: [^\n]+\n$/);
  assert.match(done.stderr, says);
}

// The rows as values, whichever engine has them: JSON is compared as what it says.
function contents(rows: Rows): Record<string, Row[]> {
  const plain = (value: unknown): unknown => {
    if (typeof value === "string" && /^[[{]/.test(value)) value = JSON.parse(value);
    if (value && typeof value === "object" && !Array.isArray(value))
      return Object.fromEntries(Object.entries(value).sort());
    return typeof value === "bigint" ? Number(value) : value;
  };
  return Object.fromEntries(TABLES.map((table) => [table, rows.query(`SELECT * FROM ${table}`)
    .map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, plain(v)])))
    .map((row) => JSON.stringify(row)).sort().map((text) => JSON.parse(text))]));
}

// PostgreSQL has its part of the gate below.
for (const engine of engines.filter((engine) => engine === "sqlite" || FULL)) {
  describe(`backup on ${engine}`, () => {
    let demo: Demo;
    let kinora: Kinora;
    let admin: Person;

    before(async () => {
      demo = await Demo.start("--speed", "50", "--plain-media");
      kinora = await Kinora.start({ database: engine === "postgres" ? newDatabase() : "" });
      admin = await kinora.admin();
      await admin.account(demo, "videos");
    });
    after(() => stopAll(kinora, demo));

    test(`[V-7] ${engine}: a backup made while jobs run restores to an installation that is whole, and its jobs go on`, async () => {
      const done = await admin.ended(await admin.generate("before"));
      assert.equal(done.storage_type, "local");
      const running = [await admin.generate("meanwhile 1"), await admin.generate("meanwhile 2")];
      const file = join(folder, `${engine}.backup`);
      const made = kinora.run(["backup", file, "--media"]);
      assert.equal(made.status, 0, made.stderr);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      await kinora.kill();

      const data = join(folder, `${engine}-restored`);
      const database = engine === "postgres" ? newDatabase() : "";
      const where = ["--data", data, ...(database ? ["--database", database] : [])];
      const restored = run("restore", file, ...where);
      assert.equal(restored.status, 0, restored.stderr);
      assert.equal(statSync(join(data, "secret.keys")).mode & 0o777, 0o600);
      const looked = spawnSync(BINARY, ["doctor", ...where], { encoding: "utf8" });
      assert.equal(looked.status, 0, looked.stdout);

      const again = await Kinora.start({ data, database });
      try {
        new Rows(again).passLeases();
        const person = await again.signIn(admin.user.email);
        const work = await person.generation(done.id);
        assert.equal((await fetch(work.media_url!)).status, 200);
        for (const id of running) assert.equal((await person.ended(id)).status, "completed");
        assert.ok((await person.generate("after")) > running[1]);
        await settled(again);
        assert.equal((await doctor(again)).status, "clean");
        refused(run("restore", file, ...where.slice(2), "--data", join(folder, `${engine}-other`),
          ...(database ? [] : ["--database", join(data, "kinora.db")])), /in use/);
      } finally {
        await again.stop();
      }
      await kinora.launch();
    });
  });
}

describe("one engine to the other", { skip: engines.length < 2 }, () => {
  test("[V-7] SQLite to PostgreSQL and back is the same installation, row by row, and ids go on", async () => {
    const demo = await Demo.start("--speed", "100", "--plain-media");
    const first = await Kinora.start({ database: "" });
    const admin = await first.admin();
    await admin.account(demo, "videos");
    await admin.ended(await admin.generate("多种文字 \"quoted\" \\ '☃'"));
    const gone = await admin.generate("deleted");
    await admin.ended(gone);
    await admin.ask("DELETE", `/api/v1/sora/generations/${gone}`);
    await settled(first);
    await first.stop({ keep: true });
    const before = contents(new Rows(first));

    const files = [join(folder, "to-postgres.backup"), join(folder, "to-sqlite.backup")];
    assert.equal(first.run(["backup", files[0], "--media"]).status, 0);
    const database = newDatabase();
    const there = { data: join(folder, "there"), database };
    const went = run("restore", files[0], "--data", there.data, "--database", database);
    assert.equal(went.status, 0, went.stderr);
    assert.deepEqual(contents(new Rows(there as Kinora)), before);
    assert.equal(run("backup", files[1], "--media", "--data", there.data, "--database", database).status, 0);
    const back = run("restore", files[1], "--data", join(folder, "back"));
    assert.equal(back.status, 0, back.stderr);
    assert.deepEqual(contents(new Rows({ data: join(folder, "back") } as Kinora)), before);

    const places = [there, { data: join(folder, "back"), database: "" }];
    for (const place of FULL ? places : [there]) {
      const kinora = await Kinora.start(place);
      const person = await kinora.signIn(admin.user.email);
      const id = await person.generate("anew");
      assert.ok(id > gone, "an id is never given twice");
      assert.equal((await person.ended(id)).status, "completed");
      await settled(kinora);
      assert.equal((await doctor(kinora)).status, "clean");
      await kinora.stop();
    }
    await stopAll(demo);
    rmSync(first.data, { recursive: true });
  });
});

// Rules of the shim: the calls that go through, and the one at which the power fails.
const DEATHS = [
  "open /.new - kill", "write /.new - kill", "fsync /.new - kill", "rename a.png - kill",
  "rename a.png - go|fsync - - kill", "rename a.png - go|write /.new - kill", "rename b.png - go|pwrite -wal - kill",
];

describe("a restore that dies", () => {
  const [source, target] = [join(folder, "dies-from"), join(folder, "dies")];
  const backup = join(folder, "dies.backup");
  const keys = ["sora/1/a.png", "sora/1/b.png"];
  const media = (at: string, key: string) => join(at, "media", key);
  const fill = (at: string, word: string) => keys.forEach((key, i) => {
    mkdirSync(dirname(media(at, key)), { recursive: true });
    writeFileSync(media(at, key), `${word} ${i}`);
  });
  const have = () => keys.map((key) => readFileSync(media(target, key), "utf8"));

  before(() => {
    const made = spawnSync(BINARY, ["user", "add", "a@example.com", "--password-stdin", "--data", source],
      { encoding: "utf8", input: "a good long password\n" });
    assert.equal(made.status, 0, made.stderr);
    const rows = new Rows({ data: source } as Kinora);
    for (const key of keys)
      rows.change("INSERT INTO objects (user_id, counter, storage, key, state, size, type, created_at) " +
        `VALUES (1, 'free', 'local', '${key}', 'stored', 5, 'image/png', 1)`);
    fill(source, "new");
    assert.equal(run("backup", backup, "--media", "--data", source).status, 0);
  });

  function die(rules: string): void {
    const file = join(folder, "dies.rules");
    writeFileSync(file, rules.replaceAll("|", "\n"));
    const env = { ...process.env, ...shimmed(file, true) };
    const died = spawnSync(BINARY, ["restore", backup, "--data", target], { encoding: "utf8", env });
    assert.equal(died.signal, "SIGKILL", `${rules}: ${died.stdout}${died.stderr}`);
  }

  test("[V-7] Whatever step of a restore is its last, each file is the old or the new one whole, and it can be begun again", () => {
    for (const rules of DEATHS) {
      fill(target, "old");
      die(rules);
      have().forEach((text, i) => assert.match(text, new RegExp(`^(old|new) ${i}$`), rules));
    }
    const again = run("restore", backup, "--data", target);
    assert.equal(again.status, 0, again.stderr);
    assert.deepEqual(have(), ["new 0", "new 1"]);
    assert.deepEqual(readdirSync(dirname(media(target, keys[0]))).sort(), ["a.png", "b.png"]);
    assert.deepEqual(contents(new Rows({ data: target } as Kinora)), contents(new Rows({ data: source } as Kinora)));
  });
});

describe("bad files", () => {
  const data = join(folder, "small");
  const file = join(folder, "small.backup");
  let bytes: Buffer;

  before(() => {
    assert.equal(run("migrate", "--data", data).status, 0);
    assert.equal(run("backup", file, "--data", data).status, 0);
    bytes = readFileSync(file);
  });

  // Nothing may come of it.
  function refuse(content: Buffer, says: RegExp): void {
    const bad = join(folder, "bad.backup");
    const target = join(folder, "target");
    writeFileSync(bad, content);
    refused(run("restore", bad, "--data", target), says);
    assert.ok(!existsSync(target));
  }

  // As a program that lies would write it: the checksum is right.
  function resealed(change: (text: string) => string): Buffer {
    const body = Buffer.from(change(bytes.subarray(0, -41).toString("latin1")), "latin1");
    const end = bytes.subarray(-41, -32);
    return Buffer.concat([body, end, createHash("sha256").update(body).digest()]);
  }

  test("[V-7] A backup that is cut off anywhere is refused, and nothing is made", () => {
    for (const n of [17, 100, bytes.length >> 1, bytes.length - 41, bytes.length - 1])
      refuse(bytes.subarray(0, n), /cut off/);
    refuse(bytes.subarray(0, 5), /no backup/);
    refuse(Buffer.from("something else altogether\n"), /no backup/);
  });

  test("[V-7] A backup with one changed byte, or one too many, is refused", () => {
    for (const at of [40, bytes.length >> 1, bytes.length - 10]) {
      const changed = Buffer.from(bytes);
      changed[at] ^= 1;
      refuse(changed, /damaged|cut off|not those|newer/);
    }
    refuse(Buffer.concat([bytes, Buffer.from("x")]), /damaged/);
  });

  test("[V-7] A backup of a newer program, or of other tables, is refused by name", () => {
    assert.equal(resealed((t) => t).compare(bytes), 0);
    refuse(resealed((t) => t.replace(/"migrations":(\d\d)/, '"migrations":99')), /newer program/);
    refuse(resealed((t) => t.replace(/"schema":"..../, '"schema":"zzzz')), /not those of this program/);
  });

  test("[V-7] The keys come once, also where their variable is there and empty", () => {
    const [copy, target] = [join(folder, "empty.backup"), join(folder, "empty")];
    const env = { ...process.env, KINORA_SECRET_KEYS: "" };
    const made = spawnSync(BINARY, ["backup", copy, "--data", data], { encoding: "utf8", env });
    assert.equal(made.status, 0, made.stderr);
    assert.equal(run("restore", copy, "--data", target).status, 0);
    const keys = (at: string) => readFileSync(join(at, "secret.keys"), "utf8");
    assert.equal(keys(target), keys(data));
  });

  test("[V-7] A file that is there is not written over, and a folder in use is not restored into", () => {
    refused(run("backup", file, "--data", data), /there already/);
    assert.deepEqual(readFileSync(file), bytes);
    refused(run("restore", file, "--data", data), /in use/);
    refused(run("backup", join(folder, "none", "x"), "--data", data), /cannot be written/);
    refused(run("restore", join(folder, "absent"), "--data", join(folder, "t")), /cannot be read/);
    const nothing = run("backup", join(folder, "y"), "--data", join(folder, "absent"));
    assert.equal(nothing.status, 2);
  });
});
