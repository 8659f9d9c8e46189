// SPDX-License-Identifier: Apache-2.0
import { after, before } from "node:test";
import { Kinora, type Options, type Person } from "../lib/kinora.ts";

export interface Site {
  kinora: Kinora;
  admin: Person;
  key: string; // an API key of the administrator's
}

// A Kinora of the test file's own, filled in before its first test and stopped behind its last.
export function site(options: Options = {}): Site {
  const at = {} as Site;
  before(async () => {
    at.kinora = await Kinora.start(options);
    at.admin = await at.kinora.admin();
    at.key = await at.admin.key();
  });
  after(() => at.kinora.stop());
  return at;
}
