// SPDX-License-Identifier: Apache-2.0
// Libraries that nobody would wait for.
import type { Rows } from "../../tests/lib/rows.ts";

// The person's one work, which is generation `first`, copied until there are so many. The copies'
// files have rows too, but are nowhere.
export function copyWork(rows: Rows, first: number, works: number): void {
  const columns = (table: string, ...but: string[]) =>
    rows.query(`SELECT name FROM pragma_table_info('${table}')`).flatMap(({ name }) => (but.includes(name) ? [] : [name]));
  const kept = columns("sora_generations", "id", "prompt").join(", ");
  rows.change(`WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${works})
    INSERT INTO sora_generations (${kept}, prompt)
    SELECT ${kept}, 'work ' || i FROM sora_generations, n WHERE id = ${first} AND i <= ${works} ORDER BY i`);
  const of = columns("objects", "id", "key", "generation_id");
  rows.change(`INSERT INTO objects (${of}, key, generation_id)
    SELECT ${of.map((name) => `o.${name}`)}, o.key || '.' || g.id, g.id FROM objects o, sora_generations f, sora_generations g
    WHERE o.generation_id = ${first} AND f.id = ${first} AND g.user_id = f.user_id AND g.id <> ${first}`);
}
