/**
 * The store that the late-commit suite is there to find: positions come from a plain sequence, as `bigserial` gives them,
 * and no lock is held until the commit. All else is as it should be.
 */
import { Effect, type Scope } from "effect"
import * as Target from "./Target.ts"

const replaceOnce = (text: string, pattern: RegExp, by: string): string => {
  if (text.split(pattern).length !== 2) throw new Error(`expected ${pattern.source} once in the append function`)
  return text.replace(pattern, () => by)
}

/** The append function, spoiled. */
const spoil = (definition: string, schema: string): string => {
  const unlocked = replaceOnce(definition, /IF NOT pg_try_advisory_xact_lock\(lock_key\) THEN[\s\S]*?END IF;/, "")
  // The lock is only for the drawing, so that one batch gets neighbours, as the receipts tell. It is no part of what is
  // wrong: gone with the statement that draws, it orders no commits.
  return replaceOnce(
    unlocked,
    /head := coalesce\(head, 0\);/,
    `PERFORM pg_advisory_lock(lock_key);
  SELECT min(n.drawn) - 1 INTO head
  FROM (SELECT nextval('${schema}.positions') AS drawn FROM generate_series(1, cardinality(e_slot))) n;
  PERFORM pg_advisory_unlock(lock_key);`
  )
}

/** Makes a store in the schema of a target, and then makes it wrong. */
export const make = (target: Target.Target): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { sql } = yield* Target.open(target)
    const functions = yield* sql<{ definition: string }>`SELECT pg_get_functiondef(p.oid) AS definition
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE n.nspname = ${target.schema} AND p.proname IN ('append_1', 'append_2')`
    yield* sql.unsafe(`CREATE SEQUENCE "${target.schema}".positions`)
    for (const { definition } of functions) yield* sql.unsafe(spoil(definition, `"${target.schema}"`))
  }).pipe(Effect.orDie)
