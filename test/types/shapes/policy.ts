/** Policies: every command and every read has its rule, and a rule sees what it is about. */
import { type Aggregate, Domain, type Forbidden, Policy, type ProjectionError } from "@varve/core"
import { Balances } from "@varve/example-bank/Balances"
import { BankAccount, type Cents, type Currency, type Id, type State } from "@varve/example-bank/BankAccount"
import { Option } from "effect"
import type { Layer } from "effect"
import type { Equals } from "../Equals.ts"

const Bank = Domain.make("Bank", { aggregates: [BankAccount], projections: [Balances] })

const commands = {
  Open: Policy.hasRole("teller"),
  Deposit: Policy.everyone,
  Withdraw: Policy.nobody,
  Close: Policy.hasRole("teller")
}
const account = { commands, read: Policy.everyone }
const balances = { get: Policy.everyone, list: Policy.nobody }

export const Access = Policy.make(Bank, {
  BankAccount: {
    commands: {
      ...commands,
      Withdraw: ({ actor, command, id }, state) => {
        const seen: [
          Equals<typeof actor, Policy.Actor>,
          Equals<typeof id, typeof Id.Type>,
          Equals<typeof command.cents, typeof Cents.Type>,
          Equals<typeof state, typeof State.Type>
        ] = [true, true, true, true]
        return seen.length > 0 && (state._tag === "Active" && command.cents < 100_00 || actor.roles.includes("teller"))
      }
    },
    read: ({ actor, id }) => actor.id === id
  },
  Balances: {
    get: ({ actor, key }, row) => {
      const seen: Equals<typeof row, Option.Option<typeof Balances.row.Type>> = true
      return seen && actor.id === key && Option.exists(row, ({ owner }) => owner === actor.id)
    },
    list: ({ index, where }) => {
      const seen: [
        Equals<typeof index, "richest" | undefined>,
        Equals<typeof where.currency, typeof Currency.Type | undefined>
      ] = [true, true]
      return seen.length > 0 && where.cents === 1
    }
  }
})

export const layer: Equals<Layer.Layer<never>, ReturnType<typeof Policy.layer>> = true
export const reasons: [
  Equals<Extract<Aggregate.ExecutionError["reason"], { _tag: "Forbidden" }>, Forbidden.Forbidden>,
  Equals<Extract<ProjectionError.Reason, { _tag: "Forbidden" }>, Forbidden.Forbidden>
] = [true, true]

export const compiled = () => {
  Policy.make(Bank, { BankAccount: account, Balances: balances })
  const { Close: _, ...fewer } = commands
  // @ts-expect-error a command without a rule
  Policy.make(Bank, { BankAccount: { ...account, commands: fewer }, Balances: balances })
  // @ts-expect-error an aggregate whose instances nobody has said who may read
  Policy.make(Bank, { BankAccount: { commands }, Balances: balances })
  // @ts-expect-error a projection without rules
  Policy.make(Bank, { BankAccount: account })
  // @ts-expect-error an aggregate without rules
  Policy.make(Bank, { Balances: balances })
  // @ts-expect-error a projection that nobody has said who may list
  Policy.make(Bank, { BankAccount: account, Balances: { get: Policy.everyone } })
  // @ts-expect-error no such command
  Policy.make(Bank, { BankAccount: { ...account, commands: { ...commands, Nope: Policy.nobody } }, Balances: balances })
  // @ts-expect-error no such part
  Policy.make(Bank, { BankAccount: account, Balances: balances, Cards: balances })
  // @ts-expect-error no such rule
  Policy.make(Bank, { BankAccount: { ...account, write: Policy.nobody }, Balances: balances })
  // @ts-expect-error a rule says yes or no, at once
  Policy.make(Bank, { BankAccount: { ...account, read: async () => true }, Balances: balances })
  Policy.make(Bank, {
    // @ts-expect-error the command has no such field
    BankAccount: { ...account, commands: { ...commands, Open: ({ command }) => command.cents > 1 } },
    // @ts-expect-error no such index
    Balances: { get: Policy.nobody, list: ({ index }) => index === "poorest" }
  })
  // @ts-expect-error a policy at least
  Policy.layer()
}
