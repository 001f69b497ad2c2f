/** A domain: one value, one layer. */
import type { Aggregate, EventStore, Projection, Upcaster } from "@varve/core"
import { Domain } from "@varve/core"
import { Balances } from "@varve/example-bank/Balances"
import { BankAccount, MoneyDeposited } from "@varve/example-bank/BankAccount"
import type { Layer } from "effect"
import type { Equals } from "../Equals.ts"

const Bank = Domain.make("Bank", { aggregates: [BankAccount], projections: [Balances] })
export const main = Bank.layer({ Balances: "live" })

export const provided: [
  Equals<Layer.Success<typeof main>, Aggregate.Instances<"BankAccount"> | Projection.Rows<"Balances">>,
  Equals<Layer.Error<typeof main>, never>,
  Equals<Layer.Services<typeof main>, EventStore.EventStore | Upcaster.Upcaster>,
  Equals<typeof Bank.name, "Bank">
] = [true, true, true, true]

export const compiled = () => {
  // @ts-expect-error no such projection
  Bank.layer({ Balancez: "live" })
  // @ts-expect-error no such mode
  Bank.layer({ Balances: "nope" })
  // @ts-expect-error an event is no aggregate
  Domain.make("Bank", { aggregates: [MoneyDeposited], projections: [] })
}

// The modes "inline", "async" and "read" are not built yet; when they are, `Mode` grows and this line stops compiling.
export const modes: Equals<Domain.Mode, "live"> = true
