/**
 * Read model: owner and balance of every open account, by account id.
 */
import { Projection } from "@varve/core"
import { Schema } from "effect"
import { AccountClosed, AccountOpened, Currency, MoneyDeposited, MoneyWithdrawn } from "./BankAccount.ts"

// #region balances
export class Balances extends Projection.make("Balances", {
  row: Schema.Struct({ owner: Schema.NonEmptyString, currency: Currency, cents: Schema.Int }),
  events: [AccountOpened, MoneyDeposited, MoneyWithdrawn, AccountClosed],
  indexes: { richest: ["currency", "cents"] }
}).fold({
  on: {
    AccountOpened: (_, { currency, owner }) => ({ owner, currency, cents: 0 }),
    MoneyDeposited: (row, { cents }) => row && { ...row, cents: row.cents + cents },
    MoneyWithdrawn: (row, { cents }) => row && { ...row, cents: row.cents - cents },
    AccountClosed: () => undefined
  }
}) {}
// #endregion
