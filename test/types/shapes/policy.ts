/**
 * Policies: a missing rule is a compile error.
 *
 * Not built yet, so `policy` is a stand-in that has types only; what it is made of are the types of the library.
 */
import type { Aggregate, Command } from "@varve/core"
import { BankAccount } from "@varve/example-bank/BankAccount"
import { Schema } from "effect"

class Forbidden
  extends Schema.TaggedError<Forbidden>()("Forbidden", { aggregate: Schema.String, actor: Schema.String })
{}

type CommandsOf<A extends Aggregate.Any> = A["commands"][number]

interface Request<Cmd> {
  readonly actor: { readonly id: string; readonly roles: ReadonlyArray<string> }
  readonly id: string
  readonly command: Cmd
}

type Rules<A extends Aggregate.Any> = {
  readonly [Tag in CommandsOf<A>["tag"]]: (
    request: Request<Command.Type<Command.WithTag<CommandsOf<A>, Tag>>>,
    state: Aggregate.StateOf<A>
  ) => boolean
}

declare const policy: <A extends Aggregate.Any>(aggregate: A, rules: Rules<A>) => { readonly forbidden: Forbidden }

export const compiled = () => {
  policy(BankAccount, {
    Open: ({ actor }) => actor.roles.includes("teller"),
    Deposit: () => true,
    Withdraw: ({ actor, command }, state) =>
      (state._tag === "Active" && command.cents < 100_00) || actor.roles.includes("teller"),
    Close: ({ actor }) => actor.roles.includes("teller")
  })
  // @ts-expect-error a command without a rule is a compile error, so "no rule means refused" needs no run-time rule
  policy(BankAccount, { Open: () => true })
}
