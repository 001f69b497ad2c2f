/**
 * What every event and every aggregate must do, checked on generated values with any test runner.
 *
 * **When to use**
 *
 * In the tests of a domain: loop over `Laws.all(Bank)` with the runner at hand. A law finds what examples rarely do,
 * such as an old payload that a newer revision refuses.
 *
 * **Example** (An old payload that the newest revision refuses)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Event } from "@varve/core"
 * import { Laws } from "@varve/core/testing"
 *
 * class Deposited extends Event.make("Deposited", { euros: Schema.Finite }).revise(
 *   2,
 *   { cents: Schema.Int.check(Schema.isGreaterThan(0)) },
 *   ({ euros }) => ({ cents: Math.round(euros * 100) })
 * ) {}
 *
 * const violated = Effect.flip(Laws.upcasts(Deposited))
 *
 * Effect.runPromise(Effect.map(violated, ({ law }) => law)) // => "upcasts"
 * ```
 *
 * @since 0.1.0
 */
import * as Arbitrary from "effect/Arbitrary"
import type * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Event from "../Event.ts"
import { parseJson } from "../StoredEvent.ts"
import { type Broken, check, LawViolated, type Options, type Part, part } from "./internal/lawsCheck.ts"
import { elsewhen } from "./internal/lawsClock.ts"
import { print } from "./internal/lawsPrint.ts"
import { type Moment, type Next, steps, walk } from "./internal/lawsWalk.ts"
import type { Subject } from "./Scenario.ts"

export {
  /**
   * A law that does not hold: which, of what, why, and the smallest counterexample that was found.
   *
   * **Details**
   *
   * `replay` leads to the counterexample at once, `seed` to the whole run.
   *
   * @category errors
   * @since 0.1.0
   */
  LawViolated,
  /**
   * How a law is checked.
   *
   * **Details**
   *
   * - `runs`: values generated for each property, 100 unless told
   * - `seed`: makes two runs the same; a new one each time unless told. A violation names it
   * - `replay`: the token of a violation; only its counterexample is checked
   *
   * @category models
   * @since 0.1.0
   */
  type Options
}

/**
 * A law of one definition.
 *
 * @category models
 * @since 0.1.0
 */
export interface Law {
  readonly name: string
  /** Succeeds when the law holds. */
  readonly effect: Effect.Effect<void, LawViolated>
}

/** Complexity of generated payloads: effect's own default. */
const payloadSize = 10

/** Complexity of generated sequences: up to that many commands. */
const sequenceSize = 30

/**
 * Every payload that a stored revision can have becomes an event of the newest revision, and always the same one.
 *
 * **Details**
 *
 * Payloads are generated from the schema of each revision, encoded as they lie in a store, and read.
 *
 * @category laws
 * @since 0.1.0
 */
export const upcasts = (event: Event.Any, options?: Options): Effect.Effect<void, LawViolated> =>
  check("upcasts", event.revisions.map((revision) => upcastsFrom(event, revision)), options)

const upcastsFrom = (event: Event.Any, { revision, schema }: Event.Revision): Part => {
  const encode = Schema.encodeUnknownResult(Schema.toCodecJson(schema))
  return part(
    `revision ${revision} of ${event.tag}`,
    payloadSize,
    () => Arbitrary.schema(schema),
    (value): Broken | undefined => {
      const encoded = encode(value)
      if (Result.isFailure(encoded)) {
        return { why: `it cannot be encoded: ${encoded.failure.message}`, counterexample: value }
      }
      const payload = encoded.success
      const counterexample = { revision, payload }
      const read = () => Event.decode(event, { revision, payload: throughText(payload) })
      const [first, second] = [read(), elsewhen(read)]
      if (Result.isFailure(first)) {
        const { cause, revision: at, why } = first.failure
        return { why: `${why} at revision ${at}: ${messageOf(cause)}`, counterexample }
      }
      return Equal.equals(first, second)
        ? undefined
        : { why: "it is read differently from one time to the next", counterexample }
    }
  )
}

/**
 * What is written of an event is read back as that event: the encoding loses nothing.
 *
 * **Details**
 *
 * Events are generated from the newest schema, encoded, written as JSON text, and read.
 *
 * @category laws
 * @since 0.1.0
 */
export const roundTrips = (event: Event.Any, options?: Options): Effect.Effect<void, LawViolated> =>
  check("roundTrips", [roundTrip(event)], options)

const roundTrip = (event: Event.Any): Part =>
  part(
    `revision ${event.revision} of ${event.tag}`,
    payloadSize,
    () => eventsOf(event),
    (value): Broken | undefined => {
      const encoded = Event.encode(event, value)
      if (Result.isFailure(encoded)) {
        return {
          why: `it cannot be encoded: ${encoded.failure.message}`,
          counterexample: value
        }
      }
      const payload = throughText(encoded.success)
      if (!Equal.equals(payload, encoded.success)) {
        return { why: `JSON changes what it is encoded to, ${print(encoded.success)}`, counterexample: value }
      }
      const decoded = Event.decode(event, { revision: event.revision, payload })
      if (Result.isFailure(decoded)) {
        const { cause, why } = decoded.failure
        return {
          why: `${why}: what is written, ${print(payload)}, cannot be read: ${messageOf(cause)}`,
          counterexample: value
        }
      }
      return Equal.equals(decoded.success, value)
        ? undefined
        : { why: `it is read back as ${print(decoded.success)}`, counterexample: value }
    }
  )

/**
 * What is written of an event in an older revision is read back, as an event that is written in that revision the same
 * way: going down loses what the older revision cannot say, and nothing else.
 *
 * **Details**
 *
 * Events are generated from the newest schema, brought down to each revision that the downcasts lead to, written as JSON
 * text, read, and brought down again. A downcast takes every event; one that throws for some breaks the law.
 *
 * **Example** (A way back that does not lead back)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Change, Event } from "@varve/core"
 * import { Laws } from "@varve/core/testing"
 *
 * class Paid extends Event.make("Paid", { euros: Schema.Int }).revise(
 *   2,
 *   Change.retype("euros", Schema.Int, (euros) => euros + 1, (euros) => euros)
 * ) {}
 *
 * const violated = Effect.flip(Laws.downcasts(Paid))
 *
 * Effect.runPromise(Effect.map(violated, ({ counterexample }) => counterexample))
 * // => { revision: 1, payload: { euros: 0 } }
 * ```
 *
 * @category laws
 * @since 0.1.0
 */
export const downcasts = (event: Event.Any, options?: Options): Effect.Effect<void, LawViolated> => {
  const oldest = Event.oldestWritable(event)
  return check(
    "downcasts",
    event.revisions.slice(oldest - 1, -1).map(({ revision }) => downcastTo(event, revision)),
    options
  )
}

const downcastTo = (event: Event.Any, revision: number): Part => {
  const write = (value: { readonly _tag: string }) => Event.encodeAs(event, value, revision)
  const reasonOf = ({ cause, revision: at, why }: Event.Unwritable) => `${why} at revision ${at}: ${messageOf(cause)}`
  return part(
    `revision ${revision} of ${event.tag}`,
    payloadSize,
    () => eventsOf(event),
    (value): Broken | undefined => {
      const [written, again] = [write(value), elsewhen(() => write(value))]
      if (Result.isFailure(written)) {
        return { why: `it cannot be written: ${reasonOf(written.failure)}`, counterexample: value }
      }
      if (!Equal.equals(written, again)) {
        return { why: "it is written differently from one time to the next", counterexample: value }
      }
      const counterexample = { revision, payload: throughText(written.success) }
      const read = Event.decode(event, counterexample)
      if (Result.isFailure(read)) {
        const { cause, revision: at, why } = read.failure
        return { why: `what is written cannot be read: ${why} at revision ${at}: ${messageOf(cause)}`, counterexample }
      }
      const rewritten = write(read.success)
      if (Result.isFailure(rewritten)) {
        return { why: `what is read back cannot be written: ${reasonOf(rewritten.failure)}`, counterexample }
      }
      return Equal.equals(throughText(rewritten.success), counterexample.payload)
        ? undefined
        : { why: `what is read back is written as ${print(rewritten.success)}`, counterexample }
    }
  )
}

/** Events ask for no services. */
const eventsOf = (event: Event.Any) =>
  Arbitrary.schema(event.schema as unknown as Schema.Codec<{ readonly _tag: string }, unknown>)

const messageOf = (thrown: unknown): string => thrown instanceof Error ? thrown.message : String(thrown)

/** What is there after writing and reading. `undefined` has no text; whatever comes of it is not what was there. */
const throughText = (payload: unknown): unknown => {
  const text: string | undefined = JSON.stringify(payload)
  return text === undefined ? undefined : parseJson(text)
}

/**
 * `decide` comes to the same decision whenever it is asked: it looks at nothing but what it is given, and changes
 * nothing of it.
 *
 * **Details**
 *
 * Commands are generated from their schemas and sent to one instance in a row; accepted ones carry it on, so deep
 * states are reached. Every decision is taken twice, at two times of the clock.
 *
 * @category laws
 * @since 0.1.0
 */
export const decideIsDeterministic = (aggregate: Subject, options?: Options): Effect.Effect<void, LawViolated> =>
  check(
    "decideIsDeterministic",
    walks(aggregate, (moment) => {
      const counterexample = exampleOf(moment)
      const decided = decisionOf(aggregate, moment)
      if (Result.isFailure(decided)) return { why: `decide threw ${messageOf(decided.failure)}`, counterexample }
      const again = elsewhen(() => decisionOf(aggregate, moment))
      if (!Equal.equals(decided, again)) {
        const [first, second] = [decided, again].map((one) =>
          print(Result.isSuccess(one) ? plain(one.success) : one.failure)
        )
        return { why: `decide came to ${first}, and then to ${second}`, counterexample }
      }
      return { next: next(aggregate, moment, decided.success) }
    }),
    options
  )

/**
 * `evolve` takes whatever `decide` emits, and what it returns fits the schema of the state.
 *
 * **Details**
 *
 * Sequences of commands are generated as for `decideIsDeterministic`. Events must fit their own schemas, and what is
 * read back of them must lead to the same state: an instance in memory and one that is loaded are the same.
 *
 * @category laws
 * @since 0.1.0
 */
export const evolveIsTotal = (aggregate: Subject, options?: Options): Effect.Effect<void, LawViolated> => {
  const tags = new Map(aggregate.events.map((event) => [event.tag, event]))
  const misfit = misfitOf(aggregate.state)
  return check(
    "evolveIsTotal",
    walks(aggregate, (moment) => {
      const counterexample = exampleOf(moment)
      const wrong = misfit(moment.state)
      if (wrong !== undefined) {
        return { why: `the state does not fit its schema: ${wrong}`, counterexample: moment.state }
      }
      const decided = decisionOf(aggregate, moment)
      // That is another law's affair.
      if (Result.isFailure(decided)) return { next: undefined }
      if (Result.isFailure(decided.success)) return { next: { events: [], state: moment.state } }
      let state = moment.state
      for (const event of decided.success.success) {
        const evolved = evolveOnce(aggregate, tags, state, event)
        if ("why" in evolved) return { why: evolved.why, counterexample: { ...counterexample, event } }
        const why = misfit(evolved.state)
        if (why !== undefined) {
          return {
            why: `evolve returned a state that does not fit its schema: ${why}`,
            counterexample: { ...counterexample, event }
          }
        }
        state = evolved.state
      }
      return { next: { events: decided.success.success, state } }
    }),
    options
  )
}

const walks = (aggregate: Subject, visit: (moment: Moment) => Broken | { readonly next: Next }): ReadonlyArray<Part> =>
  aggregate.commands.length === 0
    ? []
    : [part(aggregate.tag, sequenceSize, () => steps(aggregate), (sequence) => walk(aggregate, sequence, visit))]

const exampleOf = ({ command, context: { actor, now }, given, state }: Moment) => ({
  given,
  state,
  command,
  now,
  actor
})

const plain = (decision: Result.Result<ReadonlyArray<unknown>, unknown>) =>
  Result.isSuccess(decision) ? decision.success : { rejected: decision.failure }

/** The walk has generated a command of the aggregate, and its state. */
const decisionOf = (aggregate: Subject, { command, context, state }: Moment) =>
  Result.try({ try: () => aggregate.decide(command as never, state as never, context), catch: (thrown) => thrown })

/** Where an instance stands after a decision; nowhere when `evolve` throws. */
const next = (
  aggregate: Subject,
  { state }: Moment,
  decision: Result.Result<ReadonlyArray<unknown>, unknown>
): Next => {
  if (Result.isFailure(decision)) return { events: [], state }
  try {
    const evolve = (from: unknown, event: unknown) => aggregate.evolve(from as never, event as never)
    return { events: decision.success, state: decision.success.reduce(evolve, state) }
  } catch {
    return undefined
  }
}

/** The state after an event as it was decided, which is the state after the event as it is read back. */
const evolveOnce = (
  aggregate: Subject,
  tags: ReadonlyMap<string, Event.Any>,
  from: unknown,
  event: unknown
): { readonly state: unknown } | { readonly why: string } => {
  const tagged = event as { readonly _tag: string }
  const known = tags.get(tagged._tag)
  if (known === undefined) return { why: `decide emitted a ${tagged._tag}, which is no event of the aggregate` }
  const encoded = Event.encode(known, tagged)
  if (Result.isFailure(encoded)) {
    return { why: `decide emitted an event that does not fit its schema: ${encoded.failure.message}` }
  }
  const read = Event.decode(known, { revision: known.revision, payload: throughText(encoded.success) })
  try {
    const state = aggregate.evolve(from as never, tagged as never)
    // What cannot be read back breaks the law `roundTrips`.
    if (Result.isFailure(read)) return { state }
    const loaded = aggregate.evolve(from as never, read.success as never)
    return Equal.equals(state, loaded)
      ? { state }
      : { why: `evolve came to ${print(state)}, and to ${print(loaded)} when the event was read back` }
  } catch (thrown) {
    return { why: `evolve threw ${messageOf(thrown)}` }
  }
}

/** What a schema has to say against a decoded value, if anything. */
const misfitOf = (schema: Schema.Top): (value: unknown) => string | undefined => {
  // States are plain data: their schemas ask for no services.
  const check = Schema.decodeUnknownResult(Schema.toType(schema) as unknown as Schema.Codec<unknown, unknown>)
  return (value) => {
    const result = check(value)
    return Result.isFailure(result) ? result.failure.message : undefined
  }
}

/**
 * The parts of a domain that have laws.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parts {
  readonly name: string
  readonly aggregates: ReadonlyArray<Subject>
  readonly events: ReadonlyArray<Event.Any>
}

/**
 * All laws of a domain, or of an aggregate and its events, as a list for any runner.
 *
 * **Example** (The names of an aggregate's laws)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Aggregate, Command, Decision, Event } from "@varve/core"
 * import { Laws } from "@varve/core/testing"
 *
 * class Switched extends Event.make("Switched", { on: Schema.Boolean }) {}
 * class Switch extends Command.make("Switch") {}
 *
 * class Light extends Aggregate.make("Light", {
 *   id: Schema.String,
 *   state: Schema.Boolean,
 *   commands: [Switch],
 *   events: [Switched],
 *   rejections: []
 * }).decider({
 *   initial: false,
 *   decide: { Switch: (_, on) => Decision.accept(Switched.make({ on: !on })) },
 *   evolve: { Switched: (_, { on }) => on }
 * }) {}
 *
 * Laws.all(Light).length // => 4
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const all = (of: Subject | Parts, options?: Options): ReadonlyArray<Law> => {
  const aggregates = "aggregates" in of ? of.aggregates : [of]
  return [
    ...of.events.flatMap((event): ReadonlyArray<Law> => [
      { name: `${event.tag}: every stored revision upcasts to the newest`, effect: upcasts(event, options) },
      { name: `${event.tag}: encoding loses nothing`, effect: roundTrips(event, options) },
      ...(Event.oldestWritable(event) === event.revision ? [] : [
        { name: `${event.tag}: what is written down is read back`, effect: downcasts(event, options) }
      ])
    ]),
    ...aggregates.flatMap((aggregate): ReadonlyArray<Law> => [
      { name: `${aggregate.tag}: decide is deterministic`, effect: decideIsDeterministic(aggregate, options) },
      { name: `${aggregate.tag}: evolve is total`, effect: evolveIsTotal(aggregate, options) }
    ])
  ]
}
