/**
 * Cases across processes, without a runner, as those of `EventStoreContract` are.
 */
import { type Commit, CommitId, EventStoreError, StreamName } from "@varve/core"
import { EventStoreContract } from "@varve/core/testing"
import { Cause, Effect, type Scope } from "effect"
import { difference, show } from "../../packages/core/src/testing/internal/compare.ts"
import type { Agent } from "./Agent.ts"
import { Crew } from "./Crew.ts"
import { type Opened, type Target, waitersSql } from "./Target.ts"

const { ContractFailure } = EventStoreContract
type ContractFailure = EventStoreContract.ContractFailure

export interface Case {
  readonly name: string
  readonly effect: Effect.Effect<void, ContractFailure, Crew>
}

export type Failure = ContractFailure | EventStoreError.EventStoreError

/** Longest time a case may take. */
const caseSeconds = 120

/** Longest time that a case waits for one thing to come about. */
const waitSeconds = 20

/** How often it looks. */
const lookEvery = "3 millis"

/** What a case works with. */
export class Fixture {
  readonly name: string
  readonly crew: Crew["Service"]
  readonly home: Opened
  /** Head of the store before the case. */
  readonly start: number
  /** Names that no other case has. */
  readonly run: string = CommitId.generateUnsafe().replaceAll("-", "")
  private commits = 0

  constructor(name: string, crew: Crew["Service"], start: number) {
    this.name = name
    this.crew = crew
    this.home = crew.home
    this.start = start
  }

  get target(): Target {
    return this.crew.target
  }

  get category(): string {
    return `Verify_${this.run}`
  }

  stream(id: string): StreamName.StreamName {
    return StreamName.make(this.category, id)
  }

  /** A commit of some events to a stream of its own. */
  commit(events = 1): Commit.Commit & { readonly id: CommitId.CommitId } {
    const n = ++this.commits
    const event = (i: number) => ({ type: "Happened", revision: 1, payload: { n, i } })
    const [first, ...others] = Array.from({ length: events }, (_, i) => event(i))
    return {
      id: CommitId.generateUnsafe(),
      writes: [{ stream: this.stream(`s${n}`), expected: 0, events: [first!, ...others] }]
    }
  }

  fail(what: string, expected: string, actual: unknown): ContractFailure {
    return new ContractFailure({
      case: this.name,
      what,
      expected,
      actual: typeof actual === "string" ? actual : show(actual)
    })
  }

  equal(what: string, actual: unknown, expected: unknown): Effect.Effect<void, ContractFailure> {
    const found = difference(actual, expected)
    if (found === undefined) return Effect.void
    const at = found.path.length === 0 ? "" : ` at ${JSON.stringify(found.path)}`
    return Effect.fail(this.fail(`${what}${at}`, found.expected, found.actual))
  }

  holds(what: string, condition: boolean, expected: string, actual: unknown): Effect.Effect<void, ContractFailure> {
    return condition ? Effect.void : Effect.fail(this.fail(what, expected, actual))
  }

  /** Looks again and again until something is so. */
  until(what: string, look: Effect.Effect<boolean, Failure>): Effect.Effect<void, Failure> {
    const again = Effect.flatMap(
      look,
      (there) => there ? Effect.succeed(true) : Effect.as(Effect.sleep(lookEvery), false)
    )
    return Effect.repeat(again, { until: (there) => there }).pipe(
      Effect.asVoid,
      Effect.timeoutOrElse({
        duration: `${waitSeconds} seconds`,
        orElse: () => Effect.fail(this.fail(what, `within ${waitSeconds} seconds`, "not so"))
      })
    )
  }

  /** How many sessions wait for the lock of the writers. */
  get waiters(): Effect.Effect<number> {
    return this.home.sql.unsafe<{ readonly waiters: number }>(waitersSql(this.target.schema)).pipe(
      Effect.map(([row]) => row!.waiters),
      Effect.orDie
    )
  }

  get recruit(): Effect.Effect<Agent, never, Scope.Scope> {
    return this.crew.recruit
  }
}

const outOfTime = (name: string, seconds: number) =>
  new ContractFailure({ case: name, what: "the case", expected: `an end within ${seconds} seconds`, actual: "none" })

/**
 * Names a case and its body: whatever goes wrong is a failure of the case. `secondsMore` is what it may take beyond what
 * others may.
 */
export const define = (
  name: string,
  body: (t: Fixture) => Effect.Effect<void, Failure, Scope.Scope>,
  secondsMore: (crew: Crew["Service"]) => number = () => 0
): Case => ({
  name,
  effect: Crew.use((crew) => {
    const seconds = caseSeconds + secondsMore(crew)
    return Effect.flatMap(crew.home.store.head, (start) => body(new Fixture(name, crew, start))).pipe(
      Effect.scoped,
      Effect.timeoutOrElse({
        duration: `${seconds} seconds`,
        orElse: () => Effect.fail(outOfTime(name, seconds))
      })
    )
  }).pipe(
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const error = Cause.squash(cause)
      if (error instanceof ContractFailure) return Effect.fail(error)
      const what = error instanceof EventStoreError.EventStoreError ? "a call of the store" : "the store"
      const actual = error instanceof Error ? error.message : Cause.pretty(cause)
      return Effect.fail(new ContractFailure({ case: name, what, expected: "no error", actual }))
    })
  )
})
