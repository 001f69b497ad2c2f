/** A bank of one kind of account, its balances, and who may do what there. */
import { Domain, EventStore, Policy, Projection, Upcaster } from "@varve/core"
import { Effect, Layer, Logger, Option, References, Schema } from "effect"
import { Account, Closed, Deposited, Opened, Withdrawn } from "./Account.ts"

export class Balances extends Projection.make("Balances", {
  row: Schema.Struct({ owner: Schema.String, cents: Schema.Int }),
  events: [Opened, Deposited, Withdrawn, Closed],
  indexes: { byOwner: ["owner"] }
}).fold({
  on: {
    Opened: (_, { owner }) => ({ owner, cents: 0 }),
    Deposited: (row, { cents }) => row && { ...row, cents: row.cents + cents },
    Withdrawn: (row, { cents }) => row && { ...row, cents: row.cents - cents },
    Closed: () => undefined
  }
}) {}

export const Bank = Domain.make("Bank", { aggregates: [Account], projections: [Balances] })

const teller = Policy.hasRole("teller")

export const rules: Policy.Rules<typeof Bank> = {
  Account: {
    commands: {
      Open: teller,
      Deposit: Policy.everyone,
      // Who is no teller takes from their own account, and not more than half of what is there.
      Withdraw: ({ actor, command, id }, state) =>
        teller({ actor }) || (actor.id === id && state._tag === "Active" && command.cents * 2 <= state.balance),
      Close: teller
    },
    read: ({ actor, id }) => teller({ actor }) || actor.id === id
  },
  Balances: {
    get: ({ actor }, row) => teller({ actor }) || Option.exists(row, ({ owner }) => owner === actor.id),
    list: ({ actor, index, where }) => teller({ actor }) || (index === "byOwner" && where.owner === actor.id)
  }
}

export const Access = Policy.make(Bank, rules)

/** Who is denied is logged; only what looks for it is to see it. */
export const quiet = Logger.layer([])
export const below = Layer.mergeAll(EventStore.layerMemory, Upcaster.layer(), quiet)
export const layer = Bank.layer().pipe(Layer.provideMerge(Layer.mergeAll(below, Policy.layer(Access))))

export const asTeller = Policy.as({ id: "tess", roles: ["teller"] })
export const asBob = Policy.as({ id: "bob", roles: ["customer"] })
export const asAda = Policy.as({ id: "ada", roles: ["customer"] })

/** What was forbidden, to whom, and of what: everything that the error says. */
export const forbidden = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    const { reason, ...about } = error as unknown as { readonly reason: { readonly _tag: string } }
    const { actor, what } = reason as unknown as { readonly actor: string; readonly what: string }
    const { aggregate, id, target } = about as { readonly [field: string]: string }
    return [reason._tag, what, actor, aggregate ?? target, ...(id === undefined ? [] : [id])]
  })

/** What a program logs: level, message and annotations. */
export const logs = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const lines: Array<readonly [string, string, { readonly [name: string]: unknown }]> = []
  const logger = Logger.make(({ fiber, logLevel, message }) => {
    const [first] = Array.isArray(message) ? message : [message]
    lines.push([logLevel, String(first), { ...fiber.getRef(References.CurrentLogAnnotations) }])
  })
  return Effect.map(Effect.provide(effect, Logger.layer([logger])), () => lines)
}
