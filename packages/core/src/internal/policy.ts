import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import { Forbidden } from "../Forbidden.ts"
import { defect } from "./definition.ts"

/** Documented at `Policy.Actor`. */
export interface Actor {
  readonly id: string
  readonly roles: ReadonlyArray<string>
}

/** Rules of an aggregate at run time: the types are gone. That they answer with a boolean is a promise that can be broken. */
export interface AggregateRules {
  readonly commands: {
    readonly [tag: string]: (
      request: { readonly actor: Actor; readonly id: string; readonly command: unknown },
      state: unknown
    ) => unknown
  }
  readonly read: (request: { readonly actor: Actor; readonly id: string }) => unknown
}

/** Rules of a projection at run time. */
export interface ProjectionRules {
  readonly get: (request: { readonly actor: Actor; readonly key: string }, row: Option.Option<unknown>) => unknown
  readonly list: (request: {
    readonly actor: Actor
    readonly index: string | undefined
    readonly where: { readonly [field: string]: unknown }
  }) => unknown
}

/** Documented at `Policy.Policy`. Rules are found by definition: another one of the name has none. */
export interface Policy {
  readonly "~aggregates": ReadonlyMap<object, AggregateRules>
  readonly "~projections": ReadonlyMap<object, ProjectionRules>
}

/** Documented at `Policy.CurrentActor`. */
export const CurrentActor: Context.Reference<Actor> = Context.Reference<Actor>("@varve/core/Policy/CurrentActor", {
  defaultValue: () => ({ id: "", roles: [] })
})

/** Documented at `Policy.Current`. */
export const Current: Context.Reference<Policy | undefined> = Context.Reference<Policy | undefined>(
  "@varve/core/Policy",
  { defaultValue: () => undefined }
)

/** What a rule said no to. */
export interface Denied {
  readonly forbidden: Forbidden
  /** Why it was the rule that is wrong, if it was. */
  readonly defect: unknown
}

/** The policy in force, asked for the actor of the program. What it does not deny is `undefined`. */
export interface Judge {
  readonly actor: Actor
  readonly command: (
    definition: { readonly name: string },
    id: string,
    command: { readonly _tag: string },
    state: unknown
  ) => Denied | undefined
  readonly read: (definition: { readonly name: string }, id: string) => Denied | undefined
  readonly get: (
    definition: { readonly name: string },
    key: string,
    row: Option.Option<unknown>
  ) => Denied | undefined
  readonly list: (
    definition: { readonly name: string },
    query: { readonly index?: string | undefined; readonly where?: object | undefined } | undefined
  ) => Denied | undefined
}

/** Asks a rule. One that throws, or answers with anything but a boolean, a promise say, lets nobody through. */
const ask = <R>(
  actor: Actor,
  name: string,
  what: string,
  rules: R | undefined,
  rule: (rules: R) => unknown
): Denied | undefined => {
  const denied = (wrong?: unknown): Denied => ({ forbidden: new Forbidden({ what, actor: actor.id }), defect: wrong })
  if (rules === undefined) {
    return denied(defect(`Policy: expected rules of the definition of ${name} that is asked, got those of others`))
  }
  try {
    const answer = rule(rules)
    if (answer === true) return undefined
    return answer === false
      ? denied()
      : denied(defect(`Policy, ${what} of ${name}: expected a rule to say true or false, got ${typeof answer}`))
  } catch (thrown) {
    return denied(thrown)
  }
}

const judgeOf = ({ "~aggregates": aggregates, "~projections": projections }: Policy, actor: Actor): Judge => ({
  actor,
  command: (definition, id, command, state) =>
    ask(actor, definition.name, command._tag, aggregates.get(definition), ({ commands }) =>
      // A policy has a rule for every command of its aggregates.
      commands[command._tag]!({ actor, id, command }, state)),
  read: (definition, id) =>
    ask(actor, definition.name, "read", aggregates.get(definition), ({ read }) => read({ actor, id })),
  get: (definition, key, row) =>
    ask(actor, definition.name, "get", projections.get(definition), ({ get }) => get({ actor, key }, row)),
  list: (definition, query) =>
    ask(actor, definition.name, "list", projections.get(definition), ({ list }) =>
      // What the rows are looked up by are properties of its own: what a rule sees is no more than that.
      list({ actor, index: query?.index, where: { ...query?.where } }))
})

/**
 * Who judges what the program asks for, if anybody does: the policy around the program, or else that around the layer
 * which is asked, so that a policy given to a layer is not one given to nobody.
 */
export const judge = (fiber: Fiber.Fiber<unknown, unknown>, around: Policy | undefined): Judge | undefined => {
  const policy = fiber.getRef(Current) ?? around
  return policy && judgeOf(policy, fiber.getRef(CurrentActor))
}

/** Logs what was denied: who asked for what, and nothing of what was in it. */
export const log = (
  { defect, forbidden: { actor, what } }: Denied,
  about: { readonly [annotation: string]: string }
): Effect.Effect<void> => {
  const denied = Effect.logWarning(`Forbidden: ${what}`)
  return Effect.annotateLogs(
    defect === undefined
      ? denied
      : Effect.andThen(Effect.logError(`The rule of ${what} is wrong, and denies`, Cause.die(defect)), denied),
    { ...about, "varve.actor": actor, "varve.rule": what }
  )
}
