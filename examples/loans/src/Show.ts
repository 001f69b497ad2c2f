/**
 * Shows an application: its history, and what it had come to at a time.
 */
import { type Aggregate, EventStore, type EventStoreError, StreamName, Upcaster } from "@varve/core"
import { Console, DateTime, Effect, Option, Result, Schema, Stream } from "effect"
import { type Failed, failed } from "./Failed.ts"
import { quote } from "./Lines.ts"
import { Id, LoanApplication } from "./LoanApplication.ts"
import * as Text from "./Text.ts"
import * as Time from "./Time.ts"

/** A day in the Netherlands, to its end, or a time to the millisecond. */
export interface At {
  readonly words: string
  readonly time: DateTime.Utc
}

const shape = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/

/** Times without an offset, and days, are those of the Netherlands. The 30th of February is none. */
export const at = (text: string): Option.Option<At> => {
  if (!shape.test(text) || Option.isNone(DateTime.make(text))) return Option.none()
  const day = text.slice(0, 10)
  // The calendar would read the 30th of February as the 2nd of March.
  if (!Option.exists(DateTime.make(day), (time) => DateTime.formatIsoDateUtc(time) === day)) return Option.none()
  if (/(Z|[+-]\d{2}:\d{2})$/.test(text) && text.length > 10) {
    return Option.map(DateTime.make(text), (time) => ({ words: text, time: DateTime.toUtc(time) }))
  }
  const whole = text.length === 10
  const local = DateTime.makeZoned(whole ? `${text}T23:59:59.999Z` : `${text}Z`, {
    timeZone: Time.zone,
    adjustForTimeZone: true
  })
  return Option.map(local, (time) => ({ words: whole ? `the end of ${text}` : text, time: DateTime.toUtc(time) }))
}

/** The events of an application with their times, oldest first. */
const history = (id: typeof Id.Type) =>
  Stream.unwrap(Effect.gen(function*() {
    const { category, reader } = yield* Upcaster.Upcaster
    const { upcast } = reader({ aggregates: [LoanApplication.name], events: LoanApplication.events })
    return EventStore.read(StreamName.make(category(LoanApplication.name), id)).pipe(
      Stream.mapEffect((stored) =>
        Effect.fromResult(Result.map(upcast(stored), (events) => events.map(({ event }) => ({ stored, event }))))
      ),
      Stream.flattenIterable
    )
  }))

type Problem = EventStoreError.EventStoreError | Upcaster.Unreadable | Aggregate.ExecutionError
type Needs = EventStore.EventStore | Upcaster.Upcaster | Aggregate.Instances<"LoanApplication">

/** Prints the history of an application up to a time in the world, and what it comes to. */
export const show = Effect.fnUntraced(function*(
  application: string,
  at: Option.Option<At>
): Effect.fn.Return<void, Problem | Failed, Needs> {
  const parsed = Schema.decodeUnknownOption(Id)(application)
  if (Option.isNone(parsed)) return yield* failed("application", "a number", quote(application))
  const id = parsed.value
  const { strong } = yield* Text.Style
  const words = Option.match(at, { onNone: () => "", onSome: ({ words }) => `, as of ${words}` })
  const bound = Option.match(at, { onNone: () => undefined, onSome: ({ time }) => ({ occurredAt: time }) })
  const { state, version } = yield* LoanApplication.load(id, { at: bound })
  if (version === 0) return yield* failed(`application ${id}${words}`, "an application with events", "none")
  yield* history(id).pipe(
    Stream.filter(({ stored }) =>
      bound === undefined || DateTime.isLessThanOrEqualTo(stored.occurredAt, bound.occurredAt)
    ),
    Stream.runForEach(({ event, stored }) =>
      Console.log(
        `  ${String(stored.version).padStart(4)}  ${Time.format(DateTime.toEpochMillis(stored.occurredAt))}  ${
          Text.event(event)
        }`
      )
    )
  )
  const amount = state.amountRequested === null ? "" : ` for ${Text.euros(state.amountRequested)}`
  yield* Console.log(`\nApplication ${strong(id)}${amount}${words}: ${strong(Text.stage(state))}`)
  yield* Console.log(`${Text.offers(state)}\n${Text.work(state)}\nlast ${state.lastResource ?? "nobody known"}`)
})

/** Some of a list, evenly spread, the first and the last among them. */
const spread = <A>(all: ReadonlyArray<A>, count: number): ReadonlyArray<A> =>
  all.length <= count
    ? all
    : Array.from({ length: count }, (_, i) => all[Math.round(i * (all.length - 1) / (count - 1))]!)

/** Prints what an application had come to on days on which something happened, `days` of them at the most. */
export const between = Effect.fnUntraced(function*(
  id: typeof Id.Type,
  days: number
): Effect.fn.Return<void, Problem, Needs> {
  const { strong } = yield* Text.Style
  const dates = yield* Stream.runCollect(
    Stream.map(history(id), ({ stored }) => Time.format(DateTime.toEpochMillis(stored.occurredAt)).slice(0, 10))
  )
  const { state, version } = yield* LoanApplication.load(id)
  yield* Console.log(`\nApplication ${strong(id)} for ${Text.euros(state.amountRequested ?? 0)}, ${version} events`)
  for (const day of spread(Array.from(new Set(dates)), days)) {
    const then = Option.getOrThrow(at(day))
    const loaded = yield* LoanApplication.load(id, { at: { occurredAt: then.time } })
    yield* Console.log(`  ${day}  ${String(loaded.version).padStart(4)} events  ${Text.state(loaded.state)}`)
  }
})
