// SPDX-License-Identifier: Apache-2.0
// A Kinora's database, read and changed behind its back.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Kinora } from "./kinora.ts";
import { psql } from "./psql.ts";

export type Row = Record<string, any>;

export class Rows {
  private readonly file: string;
  private readonly server: string | undefined;

  constructor(kinora: Kinora) {
    this.file = join(kinora.data, "kinora.db");
    this.server = kinora.database;
  }

  // The rows of a SELECT.
  query(sql: string): Row[] {
    if (!this.server) return this.sqlite((db) => db.prepare(sql).all() as Row[]);
    const text = psql(this.server, `SELECT COALESCE(json_agg(t), '[]') FROM (${sql}) AS t`);
    return JSON.parse(text) as Row[];
  }

  one(sql: string): Row {
    const [row] = this.query(sql);
    if (!row) throw new Error(`no row: ${sql}`);
    return row;
  }

  change(sql: string): void {
    if (this.server) psql(this.server, sql);
    else this.sqlite((db) => db.exec(sql));
  }

  // The leases of a process that is dead have ended.
  passLeases(): void {
    this.change("UPDATE jobs SET lease_until = 0 WHERE lease_until IS NOT NULL");
    this.change("UPDATE objects SET lease_until = 0 WHERE state = 'writing'");
  }

  private sqlite<T>(fn: (db: DatabaseSync) => T): T {
    const db = new DatabaseSync(this.file);
    try {
      db.exec("PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON");
      return fn(db);
    } finally {
      db.close();
    }
  }
}
