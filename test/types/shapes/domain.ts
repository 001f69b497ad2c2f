/** A domain: one value, one layer. */
import type { Aggregate, EventStore, Projection, RowStore, Upcaster } from "@varve/core"
import { Domain } from "@varve/core"
import { Balances } from "@varve/example-bank/Balances"
import { BankAccount, MoneyDeposited } from "@varve/example-bank/BankAccount"
import type { Effect, Layer } from "effect"
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

const live = Bank.layer()
const stored = Bank.layer({ Balances: "stored" })
const async = Bank.layer({ Balances: "async" })
const mode = undefined as unknown as Domain.Mode
const any = Bank.layer({ Balances: mode })

/** A stored mode asks for a store of rows; one that runs the projection can fail. */
export const modes: [
  Equals<Domain.Mode, "live" | "inline" | "async" | "stored">,
  Equals<Layer.Services<typeof live>, EventStore.EventStore | Upcaster.Upcaster>,
  Equals<Layer.Success<typeof stored>, Layer.Success<typeof main>>,
  Equals<Layer.Error<typeof stored>, never>,
  Equals<Layer.Services<typeof stored>, EventStore.EventStore | Upcaster.Upcaster | RowStore.RowStore>,
  Equals<Layer.Error<typeof async>, Projection.ProjectionError>,
  Equals<Layer.Services<typeof async>, Layer.Services<typeof stored>>,
  Equals<Layer.Error<typeof any>, Projection.ProjectionError>,
  Equals<Layer.Services<typeof any>, Layer.Services<typeof stored>>
] = [true, true, true, true, true, true, true, true, true]

const run = Bank.run()
export const running: [
  Equals<Effect.Success<typeof run>, never>,
  Equals<Effect.Error<typeof run>, Projection.ProjectionError>,
  Equals<Effect.Services<typeof run>, Layer.Services<typeof stored>>
] = [true, true, true]
