/**
 * The newer of two releases of a bank: amounts in cents, accounts that are registered, and can be closed.
 */
import { Aggregate, Command, Decision, Domain, Event, Projection, type Upcaster } from "@varve/core"
import { Schema } from "effect"

export class AccountRegistered extends Event.make("AccountRegistered", { owner: Schema.String }) {}
export class MoneyDeposited extends Event.make("MoneyDeposited", { euros: Schema.Int, by: Schema.String }).revise(
  2,
  { cents: Schema.Int, by: Schema.String },
  ({ by, euros }) => ({ cents: euros * 100, by }),
  ({ by, cents }) => ({ euros: Math.round(cents / 100), by })
) {}
export class AccountClosed extends Event.make("AccountClosed", {}) {}

export class Open extends Command.make("Open", { owner: Schema.String }) {}
export class Deposit extends Command.make("Deposit", { cents: Schema.Int, by: Schema.String }) {}
export class Close extends Command.make("Close") {}

export const State = Schema.Struct({
  owner: Schema.NullOr(Schema.String),
  cents: Schema.Int,
  closed: Schema.Boolean,
  deposits: Schema.Record(Schema.String, Schema.Int)
})

export class Account extends Aggregate.make("Account", {
  id: Schema.String,
  state: State,
  commands: [Open, Deposit, Close],
  events: [AccountRegistered, MoneyDeposited, AccountClosed],
  rejections: []
}).decider({
  initial: { owner: null, cents: 0, closed: false, deposits: {} },
  decide: {
    Open: ({ owner }, state) =>
      state.owner === null ? Decision.accept(AccountRegistered.make({ owner })) : Decision.accept(),
    Deposit: ({ by, cents }) => Decision.accept(MoneyDeposited.make({ cents, by })),
    Close: () => Decision.accept(AccountClosed.make({}))
  },
  evolve: {
    AccountRegistered: (state, { owner }) => ({ ...state, owner }),
    MoneyDeposited: (state, { by, cents }) => ({
      ...state,
      cents: state.cents + cents,
      deposits: { ...state.deposits, [by]: (state.deposits[by] ?? 0) + 1 }
    }),
    AccountClosed: (state) => ({ ...state, closed: true })
  }
}) {}

export class Total extends Projection.make("Total", {
  revision: 2,
  row: Schema.Struct({ cents: Schema.Int }),
  events: [MoneyDeposited]
}).fold({
  key: { MoneyDeposited: () => "all" },
  on: { MoneyDeposited: (row, { cents }) => ({ cents: (row?.cents ?? 0) + cents }) }
}) {}

export const Bank = Domain.make("Bank", { aggregates: [Account], projections: [Total] })

/** What the release knows of the one before. */
export const upcaster: Upcaster.Options = { renamed: { AccountOpened: AccountRegistered } }
