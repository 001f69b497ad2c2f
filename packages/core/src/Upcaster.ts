/**
 * The one place where stored events become the events a program knows, and where it is told in which form it writes its
 * own.
 *
 * **Details**
 *
 * Revisions are the event's own affair: `Event.revise` says how each becomes the next. What is beyond one event is said
 * here: a type renamed, one event that has become several, events that nobody needs any more, a category that bears
 * another name than its aggregate. All of it happens on reading. What is stored stays what it was, and so do versions and
 * positions: the parts of a split bear those of the whole, and a place (`index`) in it.
 *
 * **Example** (Three years of changes)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Aggregate, Command, Decision, Event, EventStore, StreamName, Upcaster } from "@varve/core"
 *
 * class Sold extends Event.make("Sold", { cents: Schema.Int }) {}
 * class Refunded extends Event.make("Refunded", { cents: Schema.Int }) {}
 *
 * // Nobody writes it any more.
 * class Exchanged extends Event.make("Exchanged", { back: Schema.Int, bought: Schema.Int }) {}
 *
 * class Sell extends Command.make("Sell", { cents: Schema.Int }) {}
 * class Till extends Aggregate.make("Till", {
 *   id: Schema.String,
 *   state: Schema.Int,
 *   commands: [Sell],
 *   events: [Sold, Refunded],
 *   rejections: []
 * }).decider({
 *   initial: 0,
 *   decide: { Sell: ({ cents }) => Decision.accept(Sold.make({ cents })) },
 *   evolve: { Sold: (sum, { cents }) => sum + cents, Refunded: (sum, { cents }) => sum - cents }
 * }) {}
 *
 * const upcaster = Upcaster.layer({
 *   renamed: { PaidIn: Sold },
 *   splits: [
 *     Upcaster.split(Exchanged, [Refunded, Sold], ({ back, bought }) => [
 *       Refunded.make({ cents: back }),
 *       Sold.make({ cents: bought })
 *     ])
 *   ],
 *   dropped: ["ReceiptPrinted"]
 * })
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* EventStore.EventStore
 *   const events = [
 *     { type: "PaidIn", revision: 1, payload: { cents: 100 } },
 *     { type: "ReceiptPrinted", revision: 1, payload: {} },
 *     { type: "Exchanged", revision: 1, payload: { back: 30, bought: 50 } }
 *   ] as const
 *   yield* store.append({ writes: [{ stream: StreamName.make("Till", "t1"), expected: 0, events }] })
 *   return yield* Till.load("t1")
 * })
 *
 * const layer = Till.layer.pipe(Layer.provideMerge([EventStore.layerMemory, upcaster]))
 *
 * Effect.runPromise(Effect.provide(program, layer)) // => { state: 120, version: 3 }
 * ```
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Event from "./Event.ts"
import type { Refused } from "./EventStoreError.ts"
import * as chain from "./internal/chain.ts"
import * as definition from "./internal/definition.ts"
import * as instances from "./internal/instances.ts"
import type { Machinery } from "./internal/machinery.ts"
import * as modes from "./internal/modes.ts"
import { runAll } from "./internal/run.ts"
import {
  type Form,
  type Options,
  type Policies,
  type Reader,
  type Split,
  Unreadable,
  type Upcast,
  Upcaster
} from "./internal/upcaster.ts"
import * as writing from "./internal/writing.ts"
import * as Limits from "./Limits.ts"
import type { StoredEvent } from "./StoredEvent.ts"

export {
  type Form,
  type Options,
  type Policies,
  type Policy,
  type Reader,
  type Split,
  Unreadable,
  type Upcast,
  Upcaster,
  type Written
} from "./internal/upcaster.ts"

/**
 * Says that what was stored as `from` is read as several events, in the order that `f` gives them.
 *
 * **Details**
 *
 * `f` is pure and sees the newest revision of `from`. Versions and positions stay as they are.
 *
 * @category constructors
 * @since 0.1.0
 */
export const split = <From extends Event.Any, Into extends Event.Any>(
  from: From,
  into: ReadonlyArray<Into>,
  f: (event: Event.Type<From>) => ReadonlyArray<Event.Type<Into>>
): Split => ({ from, into, f })

const machinery: Machinery = {
  run: instances.run,
  loadAlone: instances.loadAlone,
  live: modes.live,
  stored: modes.stored,
  async: modes.async,
  inline: modes.inline,
  runAll
}

type Read = (stored: StoredEvent) => Result.Result<ReadonlyArray<Upcast<{ readonly _tag: string }>>, Unreadable>

const none: ReadonlyArray<never> = []
const skipped = Result.succeed(none)

const unreadable = (stored: StoredEvent, why: Unreadable["why"], cause?: unknown) => {
  const { position, revision, stream, type, version } = stored
  return Result.fail(new Unreadable({ stream, version, position, type, revision, why, cause }))
}

const checkCategories = ({ categories = {} }: Options): void => {
  for (const category of definition.duplicates(Object.values(categories))) {
    throw definition.defect(`Upcaster: two aggregates are stored under the category ${category}`)
  }
}

const checkEvents = (steps: chain.Steps, events: ReadonlyArray<Event.Any>): void => {
  for (const tag of definition.duplicates(events.map(({ tag }) => tag))) {
    throw definition.defect(`Two events of the tag ${tag}: a tag names one event of a store`)
  }
  for (const { tag } of events) {
    if (steps.has(tag)) throw definition.defect(`Upcaster: ${tag} is renamed, split or dropped, and still asked for`)
  }
}

const makeReader = (
  steps: chain.Steps,
  policies: Policies,
  categories: ReadonlyArray<string>,
  events: ReadonlyArray<Event.Any>
) => {
  checkEvents(steps, events)
  const { dropped, events: decoders, reads, types } = chain.reading(steps, events)
  const { erased, newerRevision, unknownType } = policies
  const upcast: Read = (stored) => {
    const read = reads.get(stored.type)
    if (read === undefined) {
      return dropped.has(stored.type) || unknownType === "skip" ? skipped : unreadable(stored, "UnknownType")
    }
    if (stored.payload === null) return erased === "skip" ? skipped : unreadable(stored, "Erased")
    const parts = read(stored)
    if (!(parts instanceof chain.Failed)) return Result.succeed(parts)
    const { cause, why } = parts
    return why === "NewerRevision" && newerRevision === "skip" ? skipped : unreadable(stored, why, cause)
  }
  return {
    sources: categories.flatMap((category) => types.map((type) => ({ category, type }))),
    types,
    dropped: Array.from(dropped),
    newest: (type: string) => dropped.has(type) ? Limits.revisions : decoders.get(type)?.revision ?? 0,
    upcast
  }
}

/** Told policies over those of all readers. */
const policiesOf = (options: Options, name: string | undefined): Policies => {
  const { erased, newerRevision, readers, unknownType } = options
  const own = name !== undefined && readers !== undefined && Object.hasOwn(readers, name) ? readers[name]! : {}
  return {
    erased: own.erased ?? erased,
    newerRevision: own.newerRevision ?? newerRevision,
    unknownType: own.unknownType ?? unknownType
  }
}

/**
 * The form that the options ask for: the newest revision under the tag of the event, unless `writeRevision` says
 * otherwise.
 *
 * @category forms
 * @since 0.1.0
 */
export const form = (options: Options, event: Event.Any): Form => writing.asked(chain.steps(options), options, event)

/**
 * Every form that an event can be written in, the best first: the one that the options ask for, then older revisions as far
 * as downcasts lead, then the same under its old names.
 *
 * **Example** (A field that was renamed, of an event that was renamed)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Event, Upcaster } from "@varve/core"
 *
 * class OrderSubmitted extends Event.make("OrderSubmitted", { total: Schema.Int }).revise(
 *   2,
 *   { cents: Schema.Int },
 *   ({ total }) => ({ cents: total }),
 *   ({ cents }) => ({ total: cents })
 * ) {}
 *
 * const forms = Upcaster.forms({ renamed: { OrderPlaced: OrderSubmitted } }, OrderSubmitted)
 *
 * forms.map(({ revision, type }) => `${type} ${revision}`)
 * // => ["OrderSubmitted 2", "OrderSubmitted 1", "OrderPlaced 2", "OrderPlaced 1"]
 * ```
 *
 * @category forms
 * @since 0.1.0
 */
export const forms = (options: Options, event: Event.Any): ReadonlyArray<Form> =>
  writing.all(chain.steps(options), options, event)

/**
 * Makes an upcaster that follows the revisions of each event, and what the options say.
 *
 * **Details**
 *
 * `choose` tells, for the category that an event is stored under and for the event, the form in which it is to be written
 * now, or why it may not be. It is asked at every write, and is to choose among `forms`: what is not among them is
 * `Refused`, and `writeRevision` is heeded there. Without it, the options alone say.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options = {},
  choose?: (category: string, event: Event.Any) => Form | Refused
): Upcaster["Service"] => {
  checkCategories(options)
  const steps = chain.steps(options)
  const category = (aggregate: string) => options.categories?.[aggregate] ?? aggregate
  return {
    "~machinery": machinery,
    options,
    category,
    write: writing.writer(steps, options, choose && ((aggregate, event) => choose(category(aggregate), event))),
    reader: <E extends Event.Any>({ aggregates, events, name }: {
      readonly name?: string | undefined
      readonly aggregates: ReadonlyArray<string>
      readonly events: ReadonlyArray<E>
    }) => {
      // What is asked for that cannot be written is found before there is anything to write.
      for (const event of events) writing.asked(steps, options, event)
      const reader = makeReader(steps, policiesOf(options, name), aggregates.map(category), events)
      // The table holds only reads of these events, and of what is read as one of them.
      return reader as unknown as Reader<Event.Type<E>>
    }
  }
}

/**
 * Provides an upcaster. Without options it follows the revisions of each event.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<Upcaster> => Layer.sync(Upcaster, () => make(options))
