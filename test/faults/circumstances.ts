/**
 * Where a run took place, and what took part.
 */
import { createRequire } from "node:module"
import { type Machine, machine } from "../support/machine.ts"
import * as Pooler from "../support/Pooler.ts"
import * as PostgresServer from "../support/PostgresServer.ts"

export interface Circumstances extends Machine {
  readonly at: string
  readonly postgres: string | null
  readonly pgbouncer: string | null
  readonly pglite: string
}

export const circumstances = (at: Date): Circumstances => ({
  at: at.toISOString(),
  ...machine(),
  postgres: PostgresServer.version() ?? null,
  pgbouncer: Pooler.version() ?? null,
  // It does not say itself.
  pglite: createRequire(import.meta.url)("../package.json").dependencies["@electric-sql/pglite"]
})
