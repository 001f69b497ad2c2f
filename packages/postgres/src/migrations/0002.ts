/**
 * What is derived from events: entries, checkpoints, rows and parked events, and the functions that write them.
 *
 * Frozen: a test pins the hash of this text. What changes comes as another migration.
 */
import { batches } from "./0002/batches.ts"
import { entries } from "./0002/entries.ts"
import { inline } from "./0002/inline.ts"
import { leases } from "./0002/leases.ts"
import { tables } from "./0002/tables.ts"
import type { MigrationSource } from "./Migration.ts"

export const migration: MigrationSource = {
  number: 2,
  name: "rows",
  minProgram: 1,
  statements: (schema) => [
    ...tables(schema),
    ...entries(schema),
    ...leases(schema),
    ...batches(schema),
    inline(schema)
  ]
}
