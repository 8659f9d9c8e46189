// SPDX-License-Identifier: Apache-2.0
// A stand-in for Volcengine Ark's video tasks, with the traps of its documents. What becomes of a
// task is said by words in its prompt:
//   "sensitive"  the submission is refused: InputTextSensitiveContentDetected
//   "overload"   the submission is answered 429, once
//   "fails"      the task fails, on HTTP 200
//   "expires"    the task expires
//   "link dies"  the first link answers 403; another look at the task gives a fresh one
//   "all die"    every link answers 404
//   "held"       it runs until `held` is false
import { StandIn, type Asked, type Reply } from "./stand_in.ts";

interface Task {
  id: string;
  body: Record<string, any>;
  prompt: string;
  looks: number;
  links: number;
  status: string;
}

const KEY = "ark-key";
const LIST = "/api/v3/contents/generations/tasks";
const error = (status: number, code: string, message: string): Reply => ({
  status,
  body: { error: { code, message, type: "BadRequest", param: "" } },
});

export class Ark extends StandIn {
  readonly key = KEY;
  readonly made: Task[] = [];
  private overloads = 0;

  protected answer(asked: Asked): Reply {
    const path = asked.path.split("?")[0];
    if (asked.headers.authorization !== `Bearer ${KEY}`)
      return error(401, "AuthenticationError", "The API key in the request is missing or invalid.");
    if (path === LIST)
      return asked.method === "POST"
        ? this.submit(asked.body)
        : { status: 200, body: { items: [], total: this.made.length } };
    const task = this.made.find((t) => path === `${LIST}/${t.id}`);
    if (!task) return error(404, "InvalidParameter.NotFound", "the task was not found");
    return asked.method === "DELETE" ? this.remove(task) : this.look(task);
  }

  private submit(body: Record<string, any>): Reply {
    const prompt = String(body.content?.find((c: any) => c.type === "text")?.text ?? "");
    if (body.model === "no-such-model")
      return error(404, "InvalidEndpointOrModel.NotFound", "The model or endpoint does not exist.");
    if (prompt.includes("sensitive"))
      return error(400, "InputTextSensitiveContentDetected", "The input text may contain sensitive information.");
    if (prompt.includes("overload") && this.overloads++ === 0)
      return { ...error(429, "ServerOverloaded", "The service is overloaded."), headers: { "retry-after": "1" } };
    const task: Task = { id: `cgt-${this.made.length + 1}`, body, prompt, looks: 0, links: 0, status: "queued" };
    this.made.push(task);
    return { status: 200, body: { id: task.id } };
  }

  private look(task: Task): Reply {
    const body: Record<string, unknown> = { id: task.id, model: task.body.model };
    if (task.status !== "cancelled") {
      task.looks++;
      const held = this.held && task.prompt.includes("held");
      task.status = task.looks === 1 ? "queued" : held ? "running" : this.end(task, body);
    }
    return { status: 200, body: { ...body, status: task.status } };
  }

  private end(task: Task, body: Record<string, unknown>): string {
    if (task.prompt.includes("expires")) return "expired";
    if (task.prompt.includes("fails")) {
      body.error = { code: "OutputVideoSensitiveContentDetected", message: "The output video may be sensitive." };
      return "failed";
    }
    const path = `/${task.id}-${++task.links}.mp4`;
    if (task.prompt.includes("all die")) this.dead.set(path, 404);
    if (task.prompt.includes("link dies") && task.links === 1) this.dead.set(path, 403);
    body.content = { video_url: `${this.mediaUrl}${path}` };
    return "succeeded";
  }

  private remove(task: Task): Reply {
    if (task.status === "running") return error(409, "OperationDenied.Running", "A running task cannot be cancelled.");
    task.status = "cancelled";
    return { status: 200, body: {} };
  }
}
