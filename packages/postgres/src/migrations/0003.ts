/**
 * Programs at work and what they can read, and copies of a store.
 *
 * Frozen: a test pins the hash of this text. What changes comes as another migration.
 */
import { programs } from "./0003/programs.ts"
import { restore } from "./0003/restore.ts"
import type { MigrationSource } from "./Migration.ts"

export const migration: MigrationSource = {
  number: 3,
  name: "programs and copies",
  minProgram: 1,
  statements: (schema) => [...programs(schema), ...restore(schema)]
}
