/**
 * Every movement of money in a table of the bank's own, so that a report is plain SQL.
 */
import { Projection } from "@varve/core"
import { DateTime } from "effect"
import { SqlClient } from "effect/sql"
import { MoneyDeposited, MoneyWithdrawn } from "./BankAccount.ts"

// #region movements
type Circumstances = Pick<Projection.CustomEnvelope, "occurredAt" | "stream" | "table">

const insert = (cents: number, { occurredAt, stream, table }: Circumstances) =>
  SqlClient.SqlClient.use((sql) =>
    sql`INSERT INTO ${sql(table("movements"))} VALUES (${stream.id}, ${cents}, ${DateTime.toDateUtc(occurredAt)})`
  )

export class Movements extends Projection.custom("Movements", {
  events: [MoneyDeposited, MoneyWithdrawn],
  setup: (table) =>
    SqlClient.SqlClient.use((sql) =>
      sql`CREATE TABLE IF NOT EXISTS ${sql(table("movements"))} (account text, cents integer, at timestamptz)`
    ),
  drop: (table) => SqlClient.SqlClient.use((sql) => sql`DROP TABLE IF EXISTS ${sql(table("movements"))}`),
  handle: {
    MoneyDeposited: ({ cents }, envelope) => insert(cents, envelope),
    MoneyWithdrawn: ({ cents }, envelope) => insert(-cents, envelope)
  }
}) {}
// #endregion
