// SPDX-License-Identifier: Apache-2.0
// The commands: what they say and what they end with (docs/spec.md, section 10).
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Events } from "../lib/events.ts";
import { eventually, Kinora, PASSWORD } from "../lib/kinora.ts";
import { stopAll } from "../lib/raw.ts";

const BINARY = process.env.KINORA_BIN ?? "build/asan/kinora";
const folder = mkdtempSync(join(tmpdir(), "kinora-cli-"));
let kinora: Kinora;

before(async () => {
  kinora = await Kinora.start();
});

after(async () => {
  await stopAll(kinora);
  rmSync(folder, { recursive: true, force: true });
});

function run(args: string[], input = "", env: Record<string, string> = {}) {
  const all = { ...process.env, ...env };
  return spawnSync(BINARY, args, { input, encoding: "utf8", env: all, timeout: 20000 });
}

// One clear line on standard error, nothing on standard output, status 2.
function assertUsage(done: ReturnType<typeof run>, says: RegExp): void {
  assert.equal(done.status, 2, `${done.stdout}${done.stderr}`);
  assert.equal(done.stdout, "");
  assert.match(done.stderr, /^kinora: [^\n]+\n$/);
  assert.match(done.stderr, says);
}

test("A wrong command, option, value or word is one clear line and status 2", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  assertUsage(run(["fly"]), /no command "fly"/);
  assertUsage(run(["serve", "--lissten", "x"]), /--lissten/);
  assertUsage(run(["serve", "--listen"]), /--listen/);
  assertUsage(run(["serve", "--data", folder, "--listen", "nowhere"]), /nowhere/);
  assertUsage(run(["serve", "--data", folder, "--listen", "127.0.0.1:99999"]), /99999/);
  assertUsage(run(["serve", "--data", folder, "--loops", "many"]), /--loops .*"many"/);
  assertUsage(run(["serve", "--data", folder, "--drain", "-1"]), /--drain/);
  assertUsage(run(["serve", "extra"]), /"extra"/);
  assertUsage(run(["user"]), /./);
  assertUsage(run(["user", "fly", "a@b.example"]), /./);
  assertUsage(run(["routes", "extra"]), /"extra"/);
  assertUsage(run(["version", "extra"]), /"extra"/);
  assertUsage(run(["migrate", "--data", ""]), /--data needs a value/);
  assertUsage(run(["doctor", "--safe-age", "soon"]), /--safe-age .*"soon"/);
  assertUsage(run(["doctor", "extra"]), /"extra"/);
  assertUsage(run(["backup"]), /Usage: kinora backup FILE/);
  assertUsage(run(["backup", "one", "two"]), /"two"/);
  assertUsage(run(["backup", ""]), /""/);
  assertUsage(run(["restore"]), /Usage: kinora restore FILE/);
  assertUsage(run(["backup", "x", "--data", join(folder, "absent")]), /absent/);
});

test("A data folder that cannot be used is one clear line and status 2", () => {
  const file = join(folder, "plain-file");
  writeFileSync(file, "");
  assertUsage(run(["serve", "--data", file]), /plain-file/);
  assertUsage(run(["serve", "--data", join(file, "below")]), /plain-file\/below/);
  assertUsage(run(["migrate", "--data", "/proc/kinora"]), /\/proc\/kinora/);
});

test("A database address that leads nowhere is one clear line and status 2, without its password", () => {
  const refused = run([
    "migrate",
    "--data",
    folder,
    "--database",
    "postgres://u:secret@127.0.0.1:1/k",
  ]);
  assertUsage(refused, /./);
  assert.doesNotMatch(refused.stderr, /secret/);
  assertUsage(
    run(["serve", "--data", folder, "--database", "mysql://localhost/k"]),
    /mysql|database/i,
  );
});

test("A second server on the same folder is refused, and the first goes on", async () => {
  const second = run(["serve", "--data", kinora.data, "--listen", "127.0.0.1:0"]);
  assertUsage(second, /another server/);
  assert.equal((await fetch(`${kinora.url}/healthz`)).status, 200);
});

test("A terminal that closes stops a server as SIGTERM does, but not one that is to outlive it", async () => {
  const asked = await Kinora.start();
  await asked.stop({ keep: true, signal: "SIGHUP" });
  const { host } = new URL(asked.url);
  const serve = asked.words(["serve", "--listen", host]);
  const child = spawn("sh", ["-c", 'trap "" HUP; exec "$0" "$@"', BINARY, ...serve]);
  let log = "";
  child.stderr.on("data", (piece) => (log += String(piece)));
  await eventually("it answers", () => fetch(`${asked.url}/healthz`).then((a) => a.ok, () => false));
  child.kill("SIGHUP");
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  assert.equal(code, 0, log);
  assert.match(log, /"?stopping"?.*Terminated/);
  rmSync(asked.data, { recursive: true });
});

test("A socket from the starter must be one that listens, else one clear line and status 2", () => {
  const passed = (fds: number) =>
    spawnSync("sh", ["-c", `LISTEN_PID=$$ LISTEN_FDS=${fds} exec ${BINARY} serve --data ${folder}/own`], {
      encoding: "utf8",
      timeout: 20_000,
    });
  assertUsage(passed(1), /LISTEN_FDS/);
  assertUsage(passed(3), /LISTEN_FDS/);
});

test("An address in use is one clear line and status 2", () => {
  const { host } = new URL(kinora.url);
  assertUsage(run(["serve", "--data", join(folder, "other"), "--listen", host]), new RegExp(host));
});

test("Without a command, or with --help, the commands are listed; each has its own help", () => {
  const none = run([]);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /^Usage: kinora COMMAND/);
  const help = run(["--help"]);
  assert.equal(help.status, 0);
  for (const command of ["serve", "user", "migrate", "doctor", "backup", "restore", "routes", "version"]) {
    assert.match(help.stdout, new RegExp(`^  ${command} `, "m"));
  }
  for (const command of ["serve", "migrate", "doctor", "backup", "restore", "routes"]) {
    const own = run([command, "--help"]);
    assert.equal(own.status, 0);
    assert.match(own.stdout, new RegExp(`^Usage: kinora ${command}`));
  }
});

test("kinora version says the version that the server answers with", async () => {
  const said = run(["version"]).stdout;
  assert.match(said, /^kinora \d+\.\d+\.\d+\S*\n$/);
  assert.equal(run(["--version"]).stdout, said);
  const open: any = await (await fetch(`${kinora.url}/api/v1/settings/public`)).json();
  assert.equal(`kinora ${open.version}\n`, said);
});

test("[V-7] kinora migrate brings a new folder up to date, and a second time has nothing to do", () => {
  const data = join(folder, "new");
  const first = run(["migrate", "--data", data]);
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /^\d+ migrations? applied\n$/);
  assert.doesNotMatch(first.stdout, /^0 /);
  const second = run(["migrate", "--data", data]);
  assert.equal(second.status, 0, second.stderr);
  assert.match(second.stdout, /^0 migrations applied\n$/);
});

test("[V-7] What was there before a migration is there after it, and after a restart", async () => {
  const own = await Kinora.start();
  try {
    const admin = await own.admin();
    const before = await admin.ask("GET", "/api/v1/auth/me");
    await own.stop({ keep: true });
    assert.match(own.run(["migrate"]).stdout, /^0 migrations applied/);
    await own.launch();
    const after = await (await own.signIn(admin.user.email)).ask("GET", "/api/v1/auth/me");
    assert.deepEqual(after, before);
  } finally {
    await own.stop();
  }
});

test("[ID-4] kinora user add makes people, and kinora user passwd ends their sessions and streams beside a running server", async () => {
  const add = (email: string, ...more: string[]) =>
    kinora.run(["user", "add", email, "--password-stdin", ...more], PASSWORD);
  assert.equal(add("boss@example.org", "--admin").status, 0);
  assert.equal(add("person@example.org").status, 0);
  const person = await kinora.signIn("person@example.org");
  assert.equal(person.user.role, "user");
  assert.equal((await kinora.signIn("boss@example.org")).user.role, "admin");
  for (const [email, password] of [
    ["person@example.org", PASSWORD],
    ["no address", PASSWORD],
    ["x@example.org", "short"],
  ]) {
    const refused = kinora.run(["user", "add", email, "--password-stdin"], password);
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /^kinora: [^\n]+\n$/);
  }
  const stream = await Events.open(person);
  const changed = kinora.run(
    ["user", "passwd", "person@example.org", "--password-stdin"],
    "another password",
  );
  assert.equal(changed.status, 0, changed.stderr);
  assert.equal((await person.call("GET", "/api/v1/auth/me")).status, 401);
  await eventually("the end of the stream", async () => stream.ended);
  assert.ok(await kinora.signIn("person@example.org", "another password"));
  const nobody = kinora.run(["user", "passwd", "nobody@example.org", "--password-stdin"], PASSWORD);
  assert.notEqual(nobody.status, 0);
  assert.match(nobody.stderr, /^kinora: [^\n]+\n$/);
});

test("Options stand in the environment too, and the command line wins", () => {
  const data = join(folder, "by-environment");
  const env = { KINORA_DATA: data };
  assert.equal(run(["migrate"], "", env).status, 0);
  assert.match(run(["migrate", "--data", data]).stdout, /^0 /);
  assert.match(run(["migrate", "--data", join(folder, "other2")], "", env).stdout, /^[1-9]/);
});

test("[AC-1] Where secrets are sealed, a lost secret.keys stops the server and every command, and is not made anew", async () => {
  const own = await Kinora.start();
  try {
    const admin = await own.admin();
    await admin.ask("POST", "/api/v1/admin/accounts", {
      name: "sealed", platform: "sora", type: "apikey", dialect: "chat",
      credentials: { base_url: "http://127.0.0.1:9", api_key: "sk-sealed" },
    });
    await own.stop({ keep: true });
    const keys = join(own.data, "secret.keys");
    renameSync(keys, `${keys}.away`);
    assertUsage(own.run(["serve", "--listen", "127.0.0.1:0"]), /secret\.keys is missing, and 1 secrets/);
    assertUsage(own.run(["user", "passwd", admin.user.email, "--password-stdin"], PASSWORD), /secret\.keys/);
    assert.ok(!existsSync(keys));
    const seen = own.run(["doctor"]);
    assert.equal(seen.status, 2);
    assert.match(seen.stdout, /^keys +FINDINGS +secret\.keys is missing; 1 secrets/m);
    renameSync(`${keys}.away`, keys);
    await own.launch();
    assert.equal(own.run(["doctor"]).status, 0);
  } finally {
    await own.stop();
  }
});
