// SPDX-License-Identifier: Apache-2.0
import type { Person } from "../lib/kinora.ts";

// An account of dialect chat that serves one model alone, from a port of this machine.
export async function addAccount(admin: Person, port: number, model: string): Promise<void> {
  await admin.ask("POST", "/api/v1/admin/accounts", {
    name: `upstream of ${model}`,
    platform: "sora",
    type: "apikey",
    dialect: "chat",
    credentials: { base_url: `http://127.0.0.1:${port}`, api_key: "edge" },
    priority: 1,
    concurrency: 10,
    group_ids: [1],
    models: [model],
  });
}
