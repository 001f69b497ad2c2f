/**
 * A bank account: opened once, holds money of one currency, never overdrawn.
 */
import { Aggregate, Command, Decision, Event } from "@varve/core"
import { Schema } from "effect"

// #region schemas
export const Id = Schema.NonEmptyString.pipe(Schema.brand("BankAccount/Id"))

/** An amount of money that moves: at least a cent, at most ten billion, far below where numbers stop being exact. */
export const Cents = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000_000_000 }))
export const Currency = Schema.Literals(["CZK", "EUR", "USD"])
export const Money = Schema.Struct({ cents: Cents, currency: Currency })
// #endregion

// --- Events: facts, in the past tense. Their fields are what lies on disk. ---

// #region events
export class AccountOpened extends Event.make("AccountOpened", { owner: Schema.NonEmptyString, currency: Currency }) {}

// Revision 1 was in euros. What it accepted is part of it: every such payload becomes at least one whole cent.
export class MoneyDeposited extends Event.make("MoneyDeposited", {
  euros: Schema.Finite.check(Schema.isBetween({ minimum: 0.01, maximum: 1_000_000 }))
}).revise(2, Money.fields, ({ euros }) => ({ cents: Math.round(euros * 100), currency: "EUR" })) {}

export class MoneyWithdrawn extends Event.make("MoneyWithdrawn", Money.fields) {}

export class AccountClosed extends Event.make("AccountClosed", {}) {}
// #endregion

// --- Commands: intents, in the imperative. -----------------------------------

// #region commands
export class Open extends Command.make("Open", { owner: Schema.NonEmptyString, currency: Currency }) {}
export class Deposit extends Command.make("Deposit", Money.fields) {}
export class Withdraw extends Command.make("Withdraw", Money.fields) {}
export class Close extends Command.make("Close") {}
// #endregion

// --- Rejections: the ways the business says no. ------------------------------

// #region rejections
export class NotOpen extends Schema.TaggedError<NotOpen>()("NotOpen", {}) {}
export class AlreadyOpened extends Schema.TaggedError<AlreadyOpened>()("AlreadyOpened", {}) {}
export class ForeignCurrency extends Schema.TaggedError<ForeignCurrency>()("ForeignCurrency", {
  expected: Currency,
  actual: Currency
}) {}
export class InsufficientFunds extends Schema.TaggedError<InsufficientFunds>()("InsufficientFunds", {
  balance: Schema.Int,
  requested: Schema.Int
}) {}
export class BalanceRemains extends Schema.TaggedError<BalanceRemains>()("BalanceRemains", { balance: Schema.Int }) {}
// #endregion

// --- State: only what the decisions need. ------------------------------------

// #region state
export const State = Schema.TaggedUnion({
  Unopened: {},
  Active: { currency: Currency, balance: Schema.Int },
  Closed: {}
})
// #endregion

// --- The aggregate. ----------------------------------------------------------

// #region aggregate
export class BankAccount extends Aggregate.make("BankAccount", {
  id: Id,
  state: State,
  commands: [Open, Deposit, Withdraw, Close],
  events: [AccountOpened, MoneyDeposited, MoneyWithdrawn, AccountClosed],
  rejections: [NotOpen, AlreadyOpened, ForeignCurrency, InsufficientFunds, BalanceRemains]
}).decider({
  initial: { _tag: "Unopened" },

  decide: {
    Open: ({ currency, owner }, state) =>
      state._tag === "Unopened"
        ? Decision.accept(AccountOpened.make({ owner, currency }))
        : Decision.reject(new AlreadyOpened()),

    Deposit: ({ cents, currency }, state) => {
      if (state._tag !== "Active") return Decision.reject(new NotOpen())
      if (currency !== state.currency) {
        return Decision.reject(new ForeignCurrency({ expected: state.currency, actual: currency }))
      }
      return Decision.accept(MoneyDeposited.make({ cents, currency }))
    },

    Withdraw: ({ cents, currency }, state) => {
      if (state._tag !== "Active") return Decision.reject(new NotOpen())
      if (currency !== state.currency) {
        return Decision.reject(new ForeignCurrency({ expected: state.currency, actual: currency }))
      }
      if (cents > state.balance) {
        return Decision.reject(new InsufficientFunds({ balance: state.balance, requested: cents }))
      }
      return Decision.accept(MoneyWithdrawn.make({ cents, currency }))
    },

    Close: (_, state) => {
      if (state._tag === "Closed") return Decision.ignore
      if (state._tag === "Unopened") return Decision.reject(new NotOpen())
      if (state.balance !== 0) return Decision.reject(new BalanceRemains({ balance: state.balance }))
      return Decision.accept(AccountClosed.make({}))
    }
  },

  evolve: {
    AccountOpened: (_, { currency }) => ({ _tag: "Active", currency, balance: 0 }),
    MoneyDeposited: (state, { cents }) => addToBalance(state, cents),
    MoneyWithdrawn: (state, { cents }) => addToBalance(state, -cents),
    AccountClosed: () => ({ _tag: "Closed" })
  }
}) {}

const addToBalance = (state: typeof State.Type, cents: number): typeof State.Type =>
  state._tag === "Active" ? { ...state, balance: state.balance + cents } : state
// #endregion
