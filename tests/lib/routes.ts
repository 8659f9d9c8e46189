// SPDX-License-Identifier: Apache-2.0
// The server's own table of addresses, as `kinora routes` prints it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

export interface Route {
  method: string;
  path: string;
  access: "anyone" | "link" | "key" | "user" | "admin";
}

export function routes(): Route[] {
  const binary = process.env.KINORA_BIN ?? "build/asan/kinora";
  const { status, stdout, stderr } = spawnSync(binary, ["routes"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split("\n")
    .map((line) => {
      const [method, path, access] = line.split(" ");
      // "{id...}" may have slashes; OpenAPI has no word for that.
      return { method, path: path.replace("...}", "}"), access } as Route;
    });
}
