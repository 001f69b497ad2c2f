/** What an editor shows when it hovers over these names is in `types.test.ts`, character by character. */
import { Aggregate, Change, Command, Decision, Domain, Event, Projection } from "@varve/core"
import { Option, Schema } from "effect"

class Deposited extends Event.make("Deposited", { cents: Schema.Int }) {}
class Withdrawn extends Event.make("Withdrawn", { cents: Schema.Int }) {}
class Deposit extends Command.make("Deposit", { cents: Schema.Int }) {}
class Withdraw extends Command.make("Withdraw", { cents: Schema.Int }) {}
class InsufficientFunds extends Schema.TaggedError<InsufficientFunds>()("InsufficientFunds", { balance: Schema.Int }) {}

/** A state with a name: a union would be written out. */
export interface Active {
  readonly balance: number
}

export class BankAccount extends Aggregate.make("BankAccount", {
  id: Schema.String,
  state: Schema.Struct({ balance: Schema.Int }) as Schema.Codec<Active>,
  commands: [Deposit, Withdraw],
  events: [Deposited, Withdrawn],
  rejections: [InsufficientFunds]
}).decider({
  initial: { balance: 0 },
  decide: {
    Deposit: ({ cents }) => Decision.accept(Deposited.make({ cents })),
    Withdraw: ({ cents }, { balance }) =>
      cents > balance ? Decision.reject(new InsufficientFunds({ balance })) : Decision.accept(Withdrawn.make({ cents }))
  },
  evolve: {
    Deposited: ({ balance }, { cents }) => ({ balance: balance + cents }),
    Withdrawn: ({ balance }, { cents }) => ({ balance: balance - cents })
  }
}) {}

export class Balances extends Projection.make("Balances", {
  row: Schema.Struct({ balance: Schema.Int }) as Schema.Codec<Active>,
  events: [Deposited],
  indexes: { richest: ["balance"] }
}).fold({ on: { Deposited: (row, { cents }) => ({ balance: (row?.balance ?? 0) + cents }) } }) {}

export const event = Deposited.make({ cents: 1 })
export const revised = Deposited.revise(2, (payload) =>
  payload.pipe(
    Change.rename({ cents: "amount" }),
    Change.add("note", Schema.optionalKey(Schema.String))
  ))
export const execute = BankAccount.execute("ada", Withdraw.make({ cents: 1 }))
export const deposit = BankAccount.execute("ada", Deposit.make({ cents: 1 }))
export const load = BankAccount.load("ada")
export const get = Balances.get("ada")
export const list = Balances.list({ index: "richest", from: 100, after: Option.none() })
export const changes = Balances.changes({ index: "richest" })
export const view = Balances.asOf({ position: 1 })
export const history = Balances.history("ada")
export const rowDiff = Balances.diff("ada", { from: { position: 1 } })
export const stateDiff = BankAccount.diff("ada", { from: { version: 1 } })
export const evolved = BankAccount.history("ada")
export const domain = Domain.make("Bank", { aggregates: [BankAccount], projections: [Balances] })
  .layer({ Balances: "async" })
export const to = Aggregate.to(BankAccount, "ada", Withdraw.make({ cents: 1 }))
export const executeAll = Aggregate.executeAll([to, Aggregate.to(BankAccount, "bob", Deposit.make({ cents: 1 }))])
