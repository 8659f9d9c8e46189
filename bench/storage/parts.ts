// SPDX-License-Identifier: Apache-2.0
// The parts of bench/storage/run.sh: each gives lines of its table.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, freePort, sleep, type Person } from "../../tests/lib/kinora.ts";
import { median, quantile } from "../lib/figures.ts";
import type { Line, Table } from "../lib/report.ts";
import { copyWork } from "../lib/works.ts";
import { seconds, SETTINGS, type Stage } from "./stage.ts";

const MIB = 1 << 20;
let runs = 0;

async function shell(command: string, env: Record<string, string> = {}): Promise<void> {
  const child = spawn("bash", ["-c", `set -o pipefail; ${command}`], {
    stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...env },
  });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${command}: ${code}`);
}

// ---- from an upstream into the bucket

// A file of the upstream, asked for as Kinora does; it comes without being held.
async function film(stage: Stage, prompt: string): Promise<string> {
  const answer = await fetch(`${stage.source.url}/v1/videos`, { method: "POST", body: JSON.stringify({ prompt }) });
  const { id } = (await answer.json()) as { id: string };
  return `${stage.source.url}/v1/videos/${id}/content`;
}

async function byKinora(stage: Stage, people: Person[], count: number, mib: number) {
  const jobs: [Person, number][] = [];
  const tag = ++runs;
  for (let n = 0; n < count; n++) {
    const person = people[n % people.length]!;
    jobs.push([person, await person.generate(`size=${mib * MIB} hold=1 k${tag}-${n}`)]);
  }
  await eventually("all of them have begun", async () => stage.source.holding === count, 120);
  const [time, growth] = await stage.growth(() => seconds(async () => {
    stage.source.release();
    for (const [person, id] of jobs) {
      const g = await person.ended(id, 600);
      if (g.storage_type !== "s3") throw new Error(JSON.stringify(g));
    }
  }));
  stage.source.films.clear();
  return { time, growth };
}

async function byCurl(stage: Stage, count: number, mib: number): Promise<number> {
  const tag = ++runs;
  const pipes: string[] = [];
  for (let n = 0; n < count; n++) {
    const from = await film(stage, `size=${mib * MIB} c${tag}-${n}`);
    const to = await stage.bucket.link("put", `curl/${tag}-${n}`);
    pipes.push(`curl -sSf '${from}' | curl -sSf -T - -H 'Transfer-Encoding:' -H 'Expect:' ` +
      `-H 'Content-Length: ${mib * MIB}' '${to}'`);
  }
  const time = await seconds(() => Promise.all(pipes.map((pipe) => shell(pipe))));
  stage.source.films.clear();
  return time;
}

export async function partTransfer(stage: Stage, mib: number, rounds: number): Promise<Table> {
  const people = await Promise.all([1, 2, 3].map((n) => stage.admin.member(`transfer${n}@example.org`)));
  const lines: Line[] = [];
  for (const [count, size] of [[1, mib], [8, mib / 4]] as const) {
    const ours: { time: number; growth: number }[] = [], theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(await byKinora(stage, people, count, size));
      await stage.empty();
      theirs.push(await byCurl(stage, count, size));
      await stage.empty();
    }
    const rate = (time: number) => (count * size) / time;
    const k = rate(median(ours.map((o) => o.time))), c = rate(median(theirs));
    lines.push([`${count} of ${size} MiB`, k.toFixed(0), c.toFixed(0), (k / c).toFixed(2),
      Math.max(...ours.map((o) => o.growth)).toFixed(1)]);
  }
  return {
    title: "From an upstream into Ceph",
    head: ["at once", "Kinora, MiB/s", "`curl \\| curl`, MiB/s", "ratio", "peak growth of memory, MiB"],
    lines,
  };
}

// ---- a user's upload

async function startNginx(folder: string) {
  const port = await freePort();
  mkdirSync(join(folder, "files"));
  writeFileSync(join(folder, "nginx.conf"), `user root; daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http { access_log off; client_max_body_size 0; client_body_temp_path ${folder}/temp; client_body_buffer_size 256k;
  server { listen 127.0.0.1:${port}; location / { root ${folder}/files; dav_methods PUT; } } }`);
  const child = spawn("/usr/sbin/nginx", ["-c", join(folder, "nginx.conf")], { stdio: "inherit" });
  const url = `http://127.0.0.1:${port}`;
  await eventually("nginx answers", () => fetch(url).then(() => true, () => false));
  return { url, stop: () => (child.kill(), once(child, "exit")) };
}

export async function partUpload(stage: Stage, mib: number, rounds: number): Promise<Table> {
  const folder = mkdtempSync(join(tmpdir(), "kinora-bench-"));
  const file = join(folder, "film.mp4");
  await shell(`{ printf '\\0\\0\\0\\040ftypisom\\0\\0\\002\\0isomiso2avc1mp41'; head -c ${mib * MIB - 32} /dev/urandom; } > ${file}`);
  const nginx = await startNginx(folder);
  await stage.admin.ask("PATCH", SETTINGS, { upload_video_max_bytes: 2 * mib * MIB });
  const post = (type: string) => shell(`curl -sSf -o /dev/null -H "Authorization: Bearer $TOKEN" -H 'Expect:' ` +
    `-F file=@${file} '${stage.kinora.url}/api/upload?type=user_upload&sub_type=${type}'`, { TOKEN: stage.admin.token });
  const forget = async () => {
    const { data } = await stage.admin.ask("GET", "/api/uploads/list");
    for (const { upload_uuid, uuid } of data) await stage.admin.ask("DELETE", `/api/uploads/${upload_uuid ?? uuid}`);
    await sleep(1500);
  };
  const lines: Line[] = [];
  const put = (then: string) => {
    const name = `film-${++runs}`;
    return shell(`curl -sSf -o /dev/null -H 'Expect:' -T ${file} ${nginx.url}/${name}${then && ` && ${then} ${folder}/files/${name}`}`);
  };
  for (const [where, bucket, name, other] of [
    ["disk", false, "nginx PUT", () => put("")],
    ["disk", false, "nginx PUT, then `sync`", () => put("sync")],
    ["Ceph", true, "AWS package", () => stage.bucket.upload(`aws/${++runs}`, file)],
  ] as const) {
    await stage.useBucket(bucket);
    const ours: number[] = [], theirs: number[] = [], growths: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const [time, growth] = await stage.growth(() => seconds(() => post("oc-gallery-video")));
      ours.push(time);
      growths.push(growth);
      await forget();
      theirs.push(await seconds(other));
      await shell(`rm -f ${folder}/files/*`);
      await stage.empty();
    }
    const k = mib / median(ours), o = mib / median(theirs);
    lines.push([where, k.toFixed(0), `${o.toFixed(0)} (${name})`, (k / o).toFixed(2),
      Math.max(...growths).toFixed(1)]);
  }
  await nginx.stop();
  rmSync(folder, { recursive: true });
  await stage.useBucket(true);
  return {
    title: `An upload of ${mib} MiB`,
    head: ["to", "Kinora, MiB/s", "the other, MiB/s", "ratio", "peak growth of memory, MiB"],
    lines,
  };
}

// ---- links

export async function partPresign(stage: Stage): Promise<Table> {
  const ours = [1, 2, 3, 4, 5].map(() => Number(execFileSync(process.env.BENCH_PRESIGN!, { encoding: "utf8" })));
  const theirs: number[] = [];
  for (let round = 0; round < 5; round++) {
    const began = process.cpuUsage();
    for (let n = 0; n < 2000; n++) await stage.bucket.link("get", `sora/7/2026/11/22/${n}.mp4`);
    const { user, system } = process.cpuUsage(began);
    theirs.push(2000 / ((user + system) / 1e6));
  }
  const k = median(ours), a = median(theirs);
  return {
    title: "Presigned links a second of one core",
    head: ["Kinora", "AWS package", "ratio"],
    lines: [[k.toFixed(0), a.toFixed(0), (k / a).toFixed(1)]],
  };
}

// ---- the list of works

// So many works of the same person.
async function fill(stage: Stage, person: Person, works: number): Promise<void> {
  const first = await person.ended(await person.generate(`size=1000 first of ${works}`));
  if (first.storage_type !== "s3") throw new Error(JSON.stringify(first));
  copyWork(stage.rows, first.id, works);
  stage.source.films.clear();
}

export async function partList(stage: Stage, most: number, times: number): Promise<Table> {
  const lines: Line[] = [];
  const found: number[][] = [];
  for (const works of [1000, most]) {
    const person = await stage.admin.member(`list${works}@example.org`);
    await fill(stage, person, works);
    const took: number[] = [];
    for (let n = 0; n < times; n++) {
      const began = performance.now();
      const { data } = await person.ask("GET", "/api/v1/sora/generations?page_size=100&storage_type=s3,local");
      took.push(performance.now() - began);
      if (data.length !== 100 || !data[0].media_url.includes("X-Amz-Signature")) throw new Error("no links");
    }
    const now = [quantile(took, 0.5), quantile(took, 0.99)];
    found.push(now);
    lines.push([`${works} works`, ...now.map((ms) => ms.toFixed(1))]);
  }
  lines.push(["ratio", ...found[1]!.map((ms, n) => (ms / found[0]![n]!).toFixed(2))]);
  return { title: "A page of 100 works with fresh links", head: ["of", "p50, ms", "p99, ms"], lines };
}
