/**
 * The older of two releases of a bank, as it is deployed: amounts in euros, accounts that are opened.
 */
import { Aggregate, Command, Decision, Domain, Event, Projection } from "@varve/core"
import { Schema } from "effect"

export class AccountOpened extends Event.make("AccountOpened", { owner: Schema.String }) {}
export class MoneyDeposited extends Event.make("MoneyDeposited", { euros: Schema.Int, by: Schema.String }) {}

export class Open extends Command.make("Open", { owner: Schema.String }) {}
export class Deposit extends Command.make("Deposit", { euros: Schema.Int, by: Schema.String }) {}

/** Euros by who has deposited them, which tells each command's effect. */
export const State = Schema.Struct({
  owner: Schema.NullOr(Schema.String),
  euros: Schema.Int,
  deposits: Schema.Record(Schema.String, Schema.Int)
})

export class Account extends Aggregate.make("Account", {
  id: Schema.String,
  state: State,
  commands: [Open, Deposit],
  events: [AccountOpened, MoneyDeposited],
  rejections: []
}).decider({
  initial: { owner: null, euros: 0, deposits: {} },
  decide: {
    Open: ({ owner }, state) =>
      state.owner === null ? Decision.accept(AccountOpened.make({ owner })) : Decision.accept(),
    Deposit: ({ by, euros }) => Decision.accept(MoneyDeposited.make({ euros, by }))
  },
  evolve: {
    AccountOpened: (state, { owner }) => ({ ...state, owner }),
    MoneyDeposited: (state, { by, euros }) => ({
      ...state,
      euros: state.euros + euros,
      deposits: { ...state.deposits, [by]: (state.deposits[by] ?? 0) + 1 }
    })
  }
}) {}

export class Total extends Projection.make("Total", {
  row: Schema.Struct({ euros: Schema.Int }),
  events: [MoneyDeposited]
}).fold({
  key: { MoneyDeposited: () => "all" },
  on: { MoneyDeposited: (row, { euros }) => ({ euros: (row?.euros ?? 0) + euros }) }
}) {}

export const Bank = Domain.make("Bank", { aggregates: [Account], projections: [Total] })
