// SPDX-License-Identifier: Apache-2.0
import type { Person } from "../lib/kinora.ts";

// An account of dialect chat that serves one model alone, from a port of this machine or through
// that port as a proxy; `more`: its other fields.
export async function addAccount(
  admin: Person,
  port: number,
  model: string,
  { proxied = false, ...more }: { proxied?: boolean; [field: string]: unknown } = {},
): Promise<void> {
  const here = `http://127.0.0.1:${port}`;
  await admin.ask("POST", "/api/v1/admin/accounts", {
    name: `upstream of ${model}`,
    platform: "sora",
    type: "apikey",
    dialect: "chat",
    credentials: { base_url: proxied ? "http://upstream.example" : here, api_key: "edge" },
    ...(proxied ? { proxy_url: here } : {}),
    priority: 1,
    concurrency: 10,
    group_ids: [1],
    models: [model],
    ...more,
  });
}
