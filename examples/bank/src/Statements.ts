/**
 * Read model: what went into an account and out of it, month by month.
 */
import { Projection } from "@varve/core"
import { DateTime, Schema } from "effect"
import { Currency, MoneyDeposited, MoneyWithdrawn } from "./BankAccount.ts"

// #region statements
const Statement = Schema.Struct({
  account: Schema.String,
  month: Schema.String,
  currency: Currency,
  movements: Schema.Int,
  paidIn: Schema.Int,
  paidOut: Schema.Int
})

type Circumstances = Pick<Projection.Envelope, "occurredAt" | "stream">

/** By when it happened, not by when it was stored. */
const monthOf = ({ occurredAt }: Circumstances): string => DateTime.formatIsoDateUtc(occurredAt).slice(0, 7)

/** A row for every account and month. */
const keyOf = (_: unknown, circumstances: Circumstances) => `${circumstances.stream.id}/${monthOf(circumstances)}`

const empty = (currency: typeof Currency.Type, circumstances: Circumstances): typeof Statement.Type => ({
  account: circumstances.stream.id,
  month: monthOf(circumstances),
  currency,
  movements: 0,
  paidIn: 0,
  paidOut: 0
})

export class Statements extends Projection.make("Statements", {
  row: Statement,
  events: [MoneyDeposited, MoneyWithdrawn],
  indexes: { ofAccount: ["account", "month"] }
}).fold({
  key: { MoneyDeposited: keyOf, MoneyWithdrawn: keyOf },
  on: {
    MoneyDeposited: (row, { cents, currency }, envelope) => {
      const { movements, paidIn, ...rest } = row ?? empty(currency, envelope)
      return { ...rest, movements: movements + 1, paidIn: paidIn + cents }
    },
    MoneyWithdrawn: (row, { cents, currency }, envelope) => {
      const { movements, paidOut, ...rest } = row ?? empty(currency, envelope)
      return { ...rest, movements: movements + 1, paidOut: paidOut + cents }
    }
  }
}) {}
// #endregion
