/** An account for tests: opened once, holds cents, never overdrawn, closed when empty. */
import { Aggregate, Command, Decision, Event } from "@varve/core"
import { Schema } from "effect"

export const Id = Schema.NonEmptyString.pipe(Schema.brand("Account/Id"))
export const Cents = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000_000 }))

export class Opened extends Event.make("Opened", { owner: Schema.NonEmptyString }) {}

export class Deposited extends Event.make("Deposited", {
  euros: Schema.Finite.check(Schema.isBetween({ minimum: 0.01, maximum: 1_000_000 }))
}).revise(2, { cents: Cents }, ({ euros }) => ({ cents: Math.round(euros * 100) })) {}

export class Withdrawn extends Event.make("Withdrawn", { cents: Cents }) {}
export class Closed extends Event.make("Closed", { at: Schema.DateTimeUtc, by: Schema.optional(Schema.String) }) {}

export class Open extends Command.make("Open", { owner: Schema.NonEmptyString }) {}
export class Deposit extends Command.make("Deposit", { cents: Cents }) {}
export class Withdraw extends Command.make("Withdraw", { cents: Cents }) {}
export class Close extends Command.make("Close") {}

export class NotOpen extends Schema.TaggedError<NotOpen>()("NotOpen", {}) {}
export class AlreadyOpened extends Schema.TaggedError<AlreadyOpened>()("AlreadyOpened", {}) {}
export class Insufficient extends Schema.TaggedError<Insufficient>()("Insufficient", {
  balance: Schema.Int,
  requested: Schema.Int
}) {}
export class BalanceRemains extends Schema.TaggedError<BalanceRemains>()("BalanceRemains", { balance: Schema.Int }) {}

export const State = Schema.TaggedUnion({ Unopened: {}, Active: { balance: Schema.Int }, Ended: {} })

export const contract = Aggregate.make("Account", {
  id: Id,
  state: State,
  commands: [Open, Deposit, Withdraw, Close],
  events: [Opened, Deposited, Withdrawn, Closed],
  rejections: [NotOpen, AlreadyOpened, Insufficient, BalanceRemains]
})

export class Account extends contract.decider({
  initial: { _tag: "Unopened" },
  decide: {
    Open: ({ owner }, state) =>
      state._tag === "Unopened" ? Decision.accept(Opened.make({ owner })) : Decision.reject(new AlreadyOpened()),
    Deposit: ({ cents }, state) =>
      state._tag === "Active" ? Decision.accept(Deposited.make({ cents })) : Decision.reject(new NotOpen()),
    Withdraw: ({ cents }, state) => {
      if (state._tag !== "Active") return Decision.reject(new NotOpen())
      if (cents > state.balance) {
        return Decision.reject(new Insufficient({ balance: state.balance, requested: cents }))
      }
      return Decision.accept(Withdrawn.make({ cents }))
    },
    Close: (_, state, { actor, now }) => {
      if (state._tag === "Ended") return Decision.ignore
      if (state._tag === "Unopened") return Decision.reject(new NotOpen())
      if (state.balance !== 0) return Decision.reject(new BalanceRemains({ balance: state.balance }))
      return Decision.accept(Closed.make(actor === undefined ? { at: now } : { at: now, by: actor }))
    }
  },
  evolve: {
    Opened: () => ({ _tag: "Active", balance: 0 }),
    Deposited: (state, { cents }) => add(state, cents),
    Withdrawn: (state, { cents }) => add(state, -cents),
    Closed: () => ({ _tag: "Ended" })
  }
}) {}

const add = (state: typeof State.Type, cents: number): typeof State.Type =>
  state._tag === "Active" ? { ...state, balance: state.balance + cents } : state

export const active = (balance: number): typeof State.Type => ({ _tag: "Active", balance })
