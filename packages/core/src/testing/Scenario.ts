/**
 * Given, when, then for aggregates: no runtime, no store, no test runner.
 *
 * **Example** (A withdrawal)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Aggregate, Command, Decision, Event } from "@varve/core"
 * import { Scenario } from "@varve/core/testing"
 *
 * class Deposited extends Event.make("Deposited", { cents: Schema.Int }) {}
 * class Withdrawn extends Event.make("Withdrawn", { cents: Schema.Int }) {}
 * class Withdraw extends Command.make("Withdraw", { cents: Schema.Int }) {}
 * class Insufficient extends Schema.TaggedError<Insufficient>()("Insufficient", { cents: Schema.Int }) {}
 *
 * class Purse extends Aggregate.make("Purse", {
 *   id: Schema.String,
 *   state: Schema.Int,
 *   commands: [Withdraw],
 *   events: [Deposited, Withdrawn],
 *   rejections: [Insufficient]
 * }).decider({
 *   initial: 0,
 *   decide: {
 *     Withdraw: ({ cents }, there) =>
 *       cents > there ? Decision.reject(new Insufficient({ cents: there })) : Decision.accept(Withdrawn.make({ cents }))
 *   },
 *   evolve: { Deposited: (there, { cents }) => there + cents, Withdrawn: (there, { cents }) => there - cents }
 * }) {}
 *
 * Scenario.given(Purse, Deposited.make({ cents: 100 }))
 *   .when(Withdraw.make({ cents: 40 }))
 *   .thenEvents(Withdrawn.make({ cents: 40 }))
 *   .thenState(60)
 *
 * Scenario.given(Purse).when(Withdraw.make({ cents: 40 })).thenRejected(new Insufficient({ cents: 0 }))
 * ```
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import * as TextDiff from "effect/TextDiff"
import type * as Aggregate from "../Aggregate.ts"
import * as CommitId from "../CommitId.ts"
import type * as Decision from "../Decision.ts"
import { print } from "./internal/lawsPrint.ts"

/**
 * An aggregate with its behaviour, whatever its types.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subject extends Aggregate.Any {
  readonly evolve: (state: never, event: never) => unknown
  readonly decide: (
    command: never,
    state: never,
    context: Decision.Context
  ) => Decision.Decision<unknown, unknown>
}

/**
 * What `decide` is told where a scenario says nothing.
 *
 * **Details**
 *
 * `now` is 2000-01-01T00:00:00Z, `actor` is undefined, `commitId` is `00000000-0000-7000-8000-000000000000`.
 *
 * @category constants
 * @since 0.1.0
 */
export const context: Decision.Context = {
  now: DateTime.makeUnsafe("2000-01-01T00:00:00Z"),
  actor: undefined,
  commitId: CommitId.make("00000000-0000-7000-8000-000000000000")
}

/**
 * A scenario that went another way. The message shows what was given, what was done, and where expected and actual
 * part.
 *
 * @category errors
 * @since 0.1.0
 */
export class ScenarioFailure extends Data.TaggedError("ScenarioFailure")<{
  /** Name of the aggregate. */
  readonly aggregate: string
  readonly given: ReadonlyArray<unknown>
  readonly when: unknown
  /** What was compared: an outcome, `{ events }` or `{ rejection }`, or a `{ state }`. */
  readonly expected: Outcome
  readonly actual: Outcome
}> {
  override get message(): string {
    const given = this.given.length === 0 ? ["  nothing"] : this.given.map((event) => `  ${print(event, "  ")}`)
    const difference = TextDiff.lines(describe(this.expected), describe(this.actual)).flatMap(({ _tag, items }) =>
      items.map((line) => `${marks[_tag]} ${line.trimEnd()}`)
    )
    return [
      `Scenario of ${this.aggregate} went another way`,
      "given",
      ...given,
      "when",
      `  ${print(this.when, "  ")}`,
      "then (- expected, + actual)",
      ...difference
    ].join("\n")
  }
}

/**
 * What came of a scenario, or what its author expected.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | { readonly events: ReadonlyArray<unknown> }
  | { readonly rejection: unknown }
  | { readonly state: unknown }

const marks = { Equal: " ", Delete: "-", Insert: "+" } as const

const describe = (outcome: Outcome): string => {
  if ("rejection" in outcome) return `rejected\n  ${print(outcome.rejection, "  ")}\n`
  if ("state" in outcome) return `state\n  ${print(outcome.state, "  ")}\n`
  return outcome.events.length === 0
    ? "nothing\n"
    : `events\n${outcome.events.map((event) => `  ${print(event, "  ")}\n`).join("")}`
}

/**
 * A scenario with its history.
 *
 * @category models
 * @since 0.1.0
 */
export interface Given<A extends Subject> {
  /** Decides a command. What is not said of the context is that of `Scenario.context`. */
  readonly when: <Cmd extends Aggregate.CommandOf<A> & { readonly _tag: string }>(
    command: Cmd,
    context?: Partial<Decision.Context>
  ) => When<A, Aggregate.Rejection<A["~decide"], Cmd["_tag"]>>
}

/**
 * A scenario whose command is decided. Each check throws a `ScenarioFailure`, or returns the scenario for the next.
 *
 * @category models
 * @since 0.1.0
 */
export interface When<A extends Subject, Rejected> {
  readonly decision: Decision.Decision<Aggregate.EventOf<A>, Rejected>
  /** The command was accepted with exactly these events, in this order. */
  readonly thenEvents: (...events: ReadonlyArray<Aggregate.EventOf<A>>) => When<A, Rejected>
  /** The command was accepted and there was nothing to do. */
  readonly thenNothing: () => When<A, Rejected>
  /** The command was rejected with exactly this. */
  readonly thenRejected: (rejection: Rejected) => When<A, Rejected>
  /** The state after the command, which is the state before it when the command was rejected. */
  readonly thenState: (state: Aggregate.StateOf<A>) => When<A, Rejected>
}

/**
 * Begins a scenario: an instance with these events, oldest first.
 *
 * **Details**
 *
 * Values are compared by structure, dates and errors included. A missing field is not one that is `undefined`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const given = <A extends Subject>(
  aggregate: A,
  ...history: ReadonlyArray<Aggregate.EventOf<A>>
): Given<A> => {
  const before = fold(aggregate, aggregate.initial, history)
  return {
    when: (command, overrides) => {
      const decision = aggregate.decide(command as never, before as never, { ...context, ...overrides })
      return decided(aggregate, history, command, before, decision) as never
    }
  }
}

/** The signatures above have checked that the events are the aggregate's. */
const fold = (aggregate: Subject, from: unknown, events: ReadonlyArray<unknown>): unknown =>
  events.reduce((state, event) => aggregate.evolve(state as never, event as never), from)

const decided = (
  aggregate: Subject,
  history: ReadonlyArray<unknown>,
  command: unknown,
  before: unknown,
  decision: Decision.Decision<unknown, unknown>
) => {
  const outcome: Outcome = Result.isSuccess(decision) ? { events: decision.success } : { rejection: decision.failure }
  const check = (actual: Outcome, expected: Outcome) => {
    if (Equal.equals(actual, expected)) return checks
    throw new ScenarioFailure({ aggregate: aggregate.tag, given: history, when: command, expected, actual })
  }
  const checks = {
    decision,
    thenEvents: (...events: ReadonlyArray<unknown>) => check(outcome, { events }),
    thenNothing: () => check(outcome, { events: [] }),
    thenRejected: (rejection: unknown) => check(outcome, { rejection }),
    thenState: (state: unknown) =>
      check({ state: fold(aggregate, before, "events" in outcome ? outcome.events : []) }, { state })
  }
  return checks
}
