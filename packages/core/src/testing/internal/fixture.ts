import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Commit, Expected, NewEvent, Receipt, Write } from "../../Commit.ts"
import * as CommitId from "../../CommitId.ts"
import { EventStore } from "../../EventStore.ts"
import { EventStoreError, type Refused } from "../../EventStoreError.ts"
import type * as Page from "../../Page.ts"
import { StoreAdmin } from "../../StoreAdmin.ts"
import type { StoredEvent } from "../../StoredEvent.ts"
import * as StreamName from "../../StreamName.ts"
import { difference, show } from "./compare.ts"

/**
 * A store that did not do what the contract says: the case, what was looked at, and what was there instead.
 *
 * @category errors
 * @since 0.1.0
 */
export class ContractFailure
  extends Schema.TaggedError<ContractFailure>("@varve/core/testing/ContractFailure")("ContractFailure", {
    case: Schema.String,
    what: Schema.String,
    expected: Schema.String,
    actual: Schema.String
  })
{
  override get message(): string {
    return `${this.case}: ${this.what}: expected ${this.expected}, got ${this.actual}`
  }
}

/** What a case needs beyond appending and reading. See `EventStoreContract.Capability`. */
export type Capability = "appendOrder" | "erasure" | "wakeUps"

/** What a body of a case may fail with: the error of a store becomes a failure of the case. */
export type Failure = ContractFailure | EventStoreError

/** A case before it has a store. */
export interface Definition {
  readonly name: string
  readonly body: (t: Fixture) => Effect.Effect<void, Failure, EventStore | StoreAdmin>
  readonly needs: Capability | undefined
}

export const define = (name: string, body: Definition["body"], needs?: Capability): Definition => ({
  name,
  body,
  needs
})

/** Longest time a case may take. */
const caseSeconds = 60

/** Most pages that a case reads in a row. */
const pagesPerWalk = 20_000

/** An event with little in it. */
export const event = (
  type = "Happened",
  payload: Schema.JsonObject = { note: "a fact" },
  revision = 1
): NewEvent => ({ type, revision, payload })

/** So many events that can be told apart. */
export const numbered = (count: number, type = "Happened"): Arr.NonEmptyReadonlyArray<NewEvent> => [
  event(type, { n: 0 }),
  ...Array.from({ length: count - 1 }, (_, i) => event(type, { n: i + 1 }))
]

/** A write of one event, unless told. */
export const write = (
  stream: StreamName.StreamName,
  expected: Expected = "any",
  events: Arr.NonEmptyReadonlyArray<NewEvent> = [event()]
): Write => ({ stream, expected, events })

/** What a case works with: a store, names that no other case has, and assertions that name the case. */
export class Fixture {
  readonly name: string
  readonly store: EventStore["Service"]
  readonly admin: StoreAdmin["Service"]
  /** Makes one run differ from the next where chance is wanted; printed in every failure that it has a part in. */
  readonly seed: string
  /** Head of the store before the case. */
  readonly start: number
  private readonly run: string

  constructor(name: string, seed: string, store: EventStore["Service"], admin: StoreAdmin["Service"], start: number) {
    this.name = name
    this.seed = seed
    this.store = store
    this.admin = admin
    this.start = start
    this.run = CommitId.generateUnsafe().replaceAll("-", "")
  }

  /** A category of this run of the case. */
  category(name = "Contract"): string {
    return `${name}_${this.run}`
  }

  /** A stream of this run of the case. */
  stream(id = "a", tenant = "", category = "Contract"): StreamName.StreamName {
    return StreamName.make(this.category(category), id, tenant)
  }

  /** A tenant of this run of the case. */
  tenant(name: string): string {
    return `${name}-${this.run}`
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

  append(...writes: Arr.NonEmptyReadonlyArray<Write>): Effect.Effect<Receipt, EventStoreError> {
    return this.store.append({ writes })
  }

  /** Fails unless the effect fails with that reason. */
  reason<A>(
    what: string,
    effect: Effect.Effect<A, EventStoreError>,
    tag: EventStoreError["reason"]["_tag"]
  ): Effect.Effect<EventStoreError["reason"], ContractFailure> {
    return Effect.matchEffect(effect, {
      onSuccess: (value) => Effect.fail(this.fail(what, tag, `success with ${show(value)}`)),
      onFailure: ({ reason }) =>
        reason._tag === tag
          ? Effect.succeed(reason)
          : Effect.fail(this.fail(what, tag, `${reason._tag}: ${reason.message}`))
    })
  }

  /** Fails unless the effect is refused with words that say what was wrong. */
  refused<A>(what: string, effect: Effect.Effect<A, EventStoreError>): Effect.Effect<void, ContractFailure> {
    return Effect.flatMap(this.reason(what, effect, "Refused"), (reason) => {
      const { actual, expected, what: subject } = reason as Refused
      const complete = subject !== "" && expected !== "" && actual !== "" && reason.message.length < 2_000
      return this.holds(`words of ${what}`, complete, "a short text with what, expected and actual", reason.message)
    })
  }

  /** Fails unless the effect is a conflict that tells exactly this. */
  conflict<A>(
    what: string,
    effect: Effect.Effect<A, EventStoreError>,
    told: { readonly stream: StreamName.StreamName; readonly expected: Expected; readonly actual: number }
  ): Effect.Effect<void, ContractFailure> {
    return Effect.flatMap(this.reason(what, effect, "Conflict"), (reason) =>
      reason._tag !== "Conflict"
        ? Effect.void
        : this.equal(`conflict of ${what}`, {
          stream: { ...reason.stream },
          expected: typeof reason.expected === "object" ? { ...reason.expected } : reason.expected,
          actual: reason.actual
        }, told))
  }

  /** All events of a stream, oldest first. */
  events(stream: StreamName.StreamName): Effect.Effect<ReadonlyArray<StoredEvent>, Failure> {
    return Effect.map(this.walkStream({ stream }), (pages) => pages.flatMap(({ events }) => events))
  }

  /** All events that this run of the case wrote to its categories, in the order of the store. */
  own(...categories: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<StoredEvent>, Failure> {
    const filter = { categories: categories.length === 0 ? [this.category()] : categories }
    return Effect.map(this.walk({ after: this.start, filter }), (pages) => pages.flatMap(({ events }) => events))
  }

  /** Fails unless the streams hold so many events, as far as any reader can tell. */
  lengths(
    what: string,
    ...expected: ReadonlyArray<readonly [stream: StreamName.StreamName, length: number]>
  ): Effect.Effect<void, Failure> {
    return Effect.forEach(expected, ([stream, length]) =>
      Effect.gen({ self: this }, function*() {
        const name = `${stream.category}/${stream.id}`
        const byStream = yield* this.events(stream)
        yield* this.equal(`versions of ${name} ${what}`, byStream.map(({ version }) => version), upTo(length))
        const pages = yield* this.walk({ after: this.start, filter: { stream } })
        const byPosition = pages.flatMap(({ events }) => events)
        yield* this.equal(
          `events of ${name} in the order of the store ${what}`,
          byPosition.map(({ id }) => id),
          byStream.map(({ id }) => id)
        )
      }), { discard: true })
  }

  /** Pages until the head. A store that makes no progress is a failure, not a loop. */
  walk(request: Page.Request): Effect.Effect<ReadonlyArray<Page.Page>, Failure> {
    return Effect.gen({ self: this }, function*() {
      const pages: Array<Page.Page> = []
      let after = request.after
      while (pages.length < pagesPerWalk) {
        const page: Page.Page = yield* this.store.readPage({ ...request, after })
        pages.push(page)
        if (page.atHead) return pages
        const moved = after === undefined
          || (request.direction === "backward" ? page.scannedTo < after : page.scannedTo > after)
        yield* this.holds("scannedTo of a page that is not the last", moved, `beyond ${after}`, page.scannedTo)
        after = page.scannedTo
      }
      return yield* this.fail("pages up to the head", `at most ${pagesPerWalk}`, "more")
    })
  }

  /** Pages of one stream until its end. */
  walkStream(request: Page.StreamRequest): Effect.Effect<ReadonlyArray<Page.StreamPage>, Failure> {
    return Effect.gen({ self: this }, function*() {
      const pages: Array<Page.StreamPage> = []
      let after = request.after
      while (pages.length < pagesPerWalk) {
        const page: Page.StreamPage = yield* this.store.readStreamPage({ ...request, after })
        pages.push(page)
        if (page.atEnd) return pages
        const last = page.events.at(-1)
        if (last === undefined) {
          return yield* this.fail("a page of a stream before its end", "at least one event", "none")
        }
        after = last.version
      }
      return yield* this.fail("pages of a stream", `at most ${pagesPerWalk}`, "more")
    })
  }
}

/** 1 to n. */
export const upTo = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i + 1)

/** A commit id that nothing was written under. */
export const newId = CommitId.generate

/** A commit with a new id. */
export const commitOf = (...writes: Arr.NonEmptyReadonlyArray<Write>): Commit & { readonly id: CommitId.CommitId } => ({
  id: CommitId.generateUnsafe(),
  writes
})

/** Bounds a case, and names it in whatever goes wrong. */
export const guarded = <R>(
  name: string,
  body: Effect.Effect<void, Failure, R>
): Effect.Effect<void, ContractFailure, R> =>
  body.pipe(
    Effect.timeoutOrElse({
      duration: `${caseSeconds} seconds`,
      orElse: () =>
        Effect.fail(
          new ContractFailure({
            case: name,
            what: "the case",
            expected: `an end within ${caseSeconds} seconds`,
            actual: "none"
          })
        )
    }),
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const error = Cause.squash(cause)
      if (error instanceof ContractFailure) return Effect.fail(error)
      const what = error instanceof EventStoreError ? "a call of the store" : "the store"
      const actual = error instanceof EventStoreError ? error.message : Cause.pretty(cause)
      return Effect.fail(new ContractFailure({ case: name, what, expected: "no error", actual }))
    })
  )

/** Runs a case against the store in its environment. */
export const run = (
  { body, name }: Definition,
  seed: string
): Effect.Effect<void, ContractFailure, EventStore | StoreAdmin> =>
  guarded(
    name,
    Effect.gen(function*() {
      const store = yield* EventStore
      const admin = yield* StoreAdmin
      const start = yield* store.head
      yield* body(new Fixture(name, seed, store, admin, start))
    })
  )
