// SPDX-License-Identifier: Apache-2.0
// A line to PostgreSQL that can lose the answer to a COMMIT: the server has it, the client never
// hears. On a thread of its own, because psql and the program are waited for without an event loop.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const LOSE = 0;
const LOST = 1;

export class LossyLine {
  readonly port: number;
  private readonly flags: Int32Array;
  private readonly worker: Worker;

  private constructor(port: number, flags: Int32Array, worker: Worker) {
    this.port = port;
    this.flags = flags;
    this.worker = worker;
  }

  static async start(to: URL): Promise<LossyLine> {
    const flags = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { host: to.hostname, port: Number(to.port), flags },
    });
    const [port] = (await once(worker, "message")) as [number];
    return new LossyLine(port, flags, worker);
  }

  // The next COMMIT's answer.
  loseNext(lose: boolean): void {
    Atomics.store(this.flags, LOSE, lose ? 1 : 0);
  }

  get lost(): number {
    return Atomics.load(this.flags, LOST);
  }

  stop(): Promise<number> {
    return this.worker.terminate();
  }
}

async function serve(to: { host: string; port: number; flags: Int32Array }): Promise<void> {
  const server = createServer((near: Socket) => {
    const far = connect(to.port, to.host);
    for (const socket of [near, far]) socket.on("error", () => {});
    near.on("data", (piece) => {
      far.write(piece);
      if (!piece.includes("COMMIT") || Atomics.exchange(to.flags, LOSE, 0) === 0) return;
      Atomics.add(to.flags, LOST, 1);
      far.removeAllListeners("data");
      far.resume();
      setTimeout(() => near.destroy(), 100);
    });
    far.on("data", (piece) => near.write(piece));
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  parentPort!.postMessage((server.address() as { port: number }).port);
}

if (!isMainThread && workerData?.flags) void serve(workerData);
