import { assert, describe, it } from "@effect/vitest"
import { Event } from "@varve/core"
import { Laws, Scenario } from "@varve/core/testing"
import { Bank } from "@varve/example-bank/Bank"
import {
  AccountClosed,
  AccountOpened,
  AlreadyOpened,
  BalanceRemains,
  BankAccount,
  Close,
  Deposit,
  ForeignCurrency,
  InsufficientFunds,
  MoneyDeposited,
  MoneyWithdrawn,
  NotOpen,
  Open,
  Withdraw
} from "@varve/example-bank/BankAccount"
import { Result, Schema } from "effect"

const eur = (cents: number) => ({ cents, currency: "EUR" } as const)

// #region scenarios
const opened = AccountOpened.make({ owner: "Ada", currency: "EUR" })
const deposited = MoneyDeposited.make({ cents: 100, currency: "EUR" })

describe("Withdraw", () => {
  it("takes what is there", () => {
    Scenario.given(BankAccount, opened, deposited)
      .when(Withdraw.make({ cents: 40, currency: "EUR" }))
      .thenEvents(MoneyWithdrawn.make({ cents: 40, currency: "EUR" }))
      .thenState({ _tag: "Active", currency: "EUR", balance: 60 })
  })

  it("takes no more than is there", () => {
    Scenario.given(BankAccount, opened, deposited)
      .when(Withdraw.make({ cents: 150, currency: "EUR" }))
      .thenRejected(new InsufficientFunds({ balance: 100, requested: 150 }))
  })
})
// #endregion

describe("Open", () => {
  const open = Open.make({ owner: "Ada", currency: "EUR" })

  it("opens", () => {
    Scenario.given(BankAccount).when(open).thenEvents(opened).thenState({ _tag: "Active", currency: "EUR", balance: 0 })
  })

  it("opens once", () => {
    Scenario.given(BankAccount, opened).when(open).thenRejected(new AlreadyOpened())
  })

  it("does not open what was closed", () => {
    Scenario.given(BankAccount, opened, AccountClosed.make({})).when(open).thenRejected(new AlreadyOpened())
  })
})

describe("Deposit", () => {
  it("adds to the balance", () => {
    Scenario.given(BankAccount, opened, deposited)
      .when(Deposit.make(eur(1)))
      .thenEvents(MoneyDeposited.make(eur(1)))
      .thenState({ _tag: "Active", currency: "EUR", balance: 101 })
  })

  it("takes the currency of the account only", () => {
    Scenario.given(BankAccount, opened)
      .when(Deposit.make({ cents: 1, currency: "USD" }))
      .thenRejected(new ForeignCurrency({ expected: "EUR", actual: "USD" }))
  })

  it("needs an account that is open", () => {
    Scenario.given(BankAccount).when(Deposit.make(eur(1))).thenRejected(new NotOpen())
    Scenario.given(BankAccount, opened, AccountClosed.make({})).when(Deposit.make(eur(1))).thenRejected(new NotOpen())
  })

  it.each([0, -1, 0.5, 1_000_000_000_001, Number.NaN, Number.POSITIVE_INFINITY])(
    "is no deposit of %s cents",
    (cents) => {
      assert.throws(() => Deposit.make(eur(cents)), /^Command Deposit: /)
    }
  )
})

describe("Withdraw, further", () => {
  it("takes all that is there", () => {
    Scenario.given(BankAccount, opened, deposited)
      .when(Withdraw.make(eur(100)))
      .thenEvents(MoneyWithdrawn.make(eur(100)))
      .thenState({ _tag: "Active", currency: "EUR", balance: 0 })
  })

  it("gives the currency of the account only", () => {
    Scenario.given(BankAccount, opened, deposited)
      .when(Withdraw.make({ cents: 1, currency: "CZK" }))
      .thenRejected(new ForeignCurrency({ expected: "EUR", actual: "CZK" }))
  })

  it("needs an account that is open", () => {
    Scenario.given(BankAccount).when(Withdraw.make(eur(1))).thenRejected(new NotOpen())
    Scenario.given(BankAccount, opened, AccountClosed.make({})).when(Withdraw.make(eur(1))).thenRejected(new NotOpen())
  })
})

describe("Close", () => {
  it("closes an empty account", () => {
    Scenario.given(BankAccount, opened).when(Close.make({})).thenEvents(AccountClosed.make({})).thenState({
      _tag: "Closed"
    })
  })

  it("leaves no money behind", () => {
    Scenario.given(BankAccount, opened, deposited).when(Close.make({})).thenRejected(
      new BalanceRemains({ balance: 100 })
    )
  })

  it("is nothing the second time", () => {
    Scenario.given(BankAccount, opened, AccountClosed.make({})).when(Close.make({})).thenNothing()
  })

  it("needs an account that was opened", () => {
    Scenario.given(BankAccount).when(Close.make({})).thenRejected(new NotOpen())
  })
})

// #region laws
describe("laws", () => {
  for (const { effect, name } of Laws.all(Bank)) it.effect(name, () => effect)
})
// #endregion

describe("always", () => {
  const AnyCommand = Schema.Union([Open.schema, Deposit.schema, Withdraw.schema, Close.schema])

  it.prop(
    "the balance is what came in less what went out, and never below zero",
    [Schema.Array(AnyCommand)],
    ([commands]) => {
      let state: typeof BankAccount.initial = BankAccount.initial
      let sum = 0
      for (const command of commands) {
        const events = Result.getOrElse(BankAccount.decide(command, state, Scenario.context), () => [])
        for (const event of events) {
          state = BankAccount.evolve(state, event)
          if (event._tag === "MoneyDeposited") sum += event.cents
          if (event._tag === "MoneyWithdrawn") sum -= event.cents
        }
        if (state._tag === "Active") {
          assert.isAtLeast(state.balance, 0)
          assert.strictEqual(state.balance, sum)
        }
      }
    }
  )
})

describe("deposits of revision 1", () => {
  it.each([
    [0.01, 1],
    [0.014_9, 1],
    [12.34, 1_234],
    [0.1 + 0.2, 30],
    [19.99, 1_999],
    [999_999.99, 99_999_999],
    [1_000_000, 100_000_000]
  ])("%s euros are %s cents", (euros, cents) => {
    const decoded = Event.decode(MoneyDeposited, { revision: 1, payload: { euros } })
    assert.deepStrictEqual(Result.getOrThrow(decoded), MoneyDeposited.make(eur(cents)))
  })

  it.each([0, -1, 0.001, 1_000_000.01, 1e300, "12", null])("%s is not what revision 1 accepted", (euros) => {
    const decoded = Event.decode(MoneyDeposited, { revision: 1, payload: { euros } })
    assert.isTrue(
      Result.isFailure(decoded) && decoded.failure.why === "InvalidPayload" && decoded.failure.revision === 1
    )
  })
})
