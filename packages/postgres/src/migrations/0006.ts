/**
 * Fences that never come again, also where a target is dropped and made anew; and whether anything is stored of a target.
 *
 * Frozen: a test pins the hash of this text. What changes comes as another migration.
 */
import { entryOf } from "./0002/locks.ts"
import type { MigrationSource } from "./Migration.ts"

/*
 * The first fence of an entry: its number, in front of 32 bits to count in. `open_entry_1` begins with 0, so that who had a
 * lease of what was dropped had a right to what was made in its place. The number is cut so that fences stay below 2^53.
 */
const fences = (schema: string): ReadonlyArray<string> => [
  `CREATE FUNCTION ${schema}.first_fence_1() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  NEW.fence := (NEW.entry % 1048576)::bigint << 32;
  RETURN NEW;
END $body$`,
  `CREATE TRIGGER checkpoints_first_fence BEFORE INSERT ON ${schema}.checkpoints
FOR EACH ROW WHEN (NEW.fence = 0) EXECUTE FUNCTION ${schema}.first_fence_1()`
]

/*
 * Whether nothing is stored of a target; NULL when there is no such entry. By an index, whatever is known of the tables: of
 * tables that were empty once the planner has plans that look through all of them.
 */
const empty = (schema: string): string =>
  `CREATE FUNCTION ${schema}.is_empty_1(p_kind text, p_name text, p_revision integer)
RETURNS boolean LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $body$
DECLARE
  target integer := ${entryOf(schema)};
BEGIN
  RETURN CASE WHEN target IS NOT NULL THEN (
    SELECT 1 FROM ${schema}.rows r WHERE r.entry = target ORDER BY r.entry, r.tenant, r.key LIMIT 1
  ) IS NULL AND (
    SELECT 1 FROM ${schema}.parked p WHERE p.entry = target
    ORDER BY p.entry, p.tenant, p.key, p.position, p.index LIMIT 1
  ) IS NULL END;
END $body$`

export const migration: MigrationSource = {
  number: 6,
  name: "fences that never come again",
  minProgram: 1,
  statements: (schema) => [...fences(schema), empty(schema)]
}
