// SPDX-License-Identifier: Apache-2.0
// One psql that stays, asked from straight-line code: to start one for each question costs more
// than most questions. Its worker is psql_worker.ts.
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";

export interface Question {
  server: string;
  sql: string;
}
export type Answer = { text: string } | { error: string };

const { port1: port, port2 } = new MessageChannel();
const answered = new Int32Array(new SharedArrayBuffer(4));
let worker: Worker | undefined;

// What the statements print, one row a line; throws what psql said of an error.
export function psql(server: string, sql: string): string {
  if (!worker) {
    worker = new Worker(new URL("./psql_worker.ts", import.meta.url), {
      workerData: { port: port2, answered },
      transferList: [port2],
    });
    worker.unref();
    port.unref();
  }
  Atomics.store(answered, 0, 0);
  port.postMessage({ server, sql } satisfies Question);
  Atomics.wait(answered, 0, 0);
  const answer = receiveMessageOnPort(port)!.message as Answer;
  if ("error" in answer) throw new Error(`psql: ${answer.error}\n${sql}`);
  return answer.text;
}
