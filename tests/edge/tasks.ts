// SPDX-License-Identifier: Apache-2.0
// Accounts whose calls are tasks (GW-8), on an upstream that a test moves by hand.
import type { Person } from "../lib/kinora.ts";
import { addAccount } from "./account.ts";
import type { Site } from "./site.ts";
import { HOST } from "./table.ts";
import { ask, Caller, chatBody, Upstream, type Visit } from "./wire.ts";

export function addTaskAccount(
  admin: Person,
  port: number,
  model: string,
  more: Record<string, unknown> = {},
): Promise<void> {
  return addAccount(admin, port, model, { dialect: "videos", ...more });
}

// A task as the Videos API shows it.
export function task(status: "queued" | "in_progress" | "completed", progress = 0): string {
  return JSON.stringify({ id: "video_1", object: "video", status, progress });
}

// An upstream whose tasks are made at once; what asks for their media is the test's.
export function mediaUpstream(onMedia: (visit: Visit, n: number) => void = () => {}) {
  return Upstream.start((visit, n) => {
    if (visit.head.startsWith("POST ")) void visit.whole.then(() => visit.answer(200, task("completed")));
    else onMedia(visit, n - 1);
  });
}

// The path of a signed link to what the model's account keeps for itself. It takes one visit.
export async function mediaLink(at: Site, model: string): Promise<string> {
  const caller = await ask(at, chatBody(model, 0, false));
  await caller.saw("media_urls");
  caller.socket.destroy();
  return new URL(/"media_url":"([^"]+)"/.exec(caller.text)![1]).pathname;
}

export async function askFor(at: Site, path: string): Promise<Caller> {
  const caller = await Caller.connect(at.kinora.url);
  await caller.send(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`);
  return caller;
}
