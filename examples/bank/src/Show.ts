/**
 * Shows an account: its history, and what it comes to.
 */
import { EventStore, type EventStoreError, Metadata, type StoredEvent, StreamName, Upcaster } from "@varve/core"
import { Console, DateTime, Effect, Option, Schema, Stream } from "effect"
import { BankAccount, Id } from "./BankAccount.ts"
import { type Failed, failed } from "./Failed.ts"
import { quote } from "./Lines.ts"
import * as Text from "./Text.ts"

/** A day, to its end, or a time to the millisecond. */
export interface At {
  readonly words: string
  readonly time: DateTime.Utc
}

/** `1993-01-31` is all of that day; `1993-01-31T12:00:00Z` is that moment. Both in UTC. */
export const at = (text: string): Option.Option<At> => {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text)
  const time = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z)?$/.test(text)
    ? DateTime.make(day ? `${text}T23:59:59.999Z` : text)
    : Option.none()
  return Option.flatMap(time, (time) =>
    // The calendar would read the 30th of February as the 2nd of March.
    DateTime.formatIso(time).startsWith(text.slice(0, 10))
      ? Option.some({ words: day ? `the end of ${text}` : text, time: DateTime.toUtc(time) })
      : Option.none())
}

/** The events of an account with the state after each of them, oldest first. */
const history = (id: typeof Id.Type) =>
  Stream.unwrap(Effect.gen(function*() {
    const { category, reader } = yield* Upcaster.Upcaster
    const { tenant } = yield* Metadata.Current
    const { upcast } = reader({ aggregates: [BankAccount.name], events: BankAccount.events })
    return EventStore.read(StreamName.make(category(BankAccount.name), id, tenant)).pipe(
      Stream.mapEffect((stored) =>
        Effect.map(Effect.fromResult(upcast(stored)), (events) => events.map(({ event }) => ({ stored, event })))
      ),
      Stream.flattenIterable
    )
  }))

const amount = (event: object): string =>
  "cents" in event && typeof event.cents === "number" ? Text.decimal(event.cents) : ""

/** Prints the history of an account up to a time in the world, and what it comes to. */
export const show = Effect.fnUntraced(function*(account: string, at: Option.Option<At>): Effect.fn.Return<
  void,
  Failed | EventStoreError.EventStoreError | Upcaster.Unreadable,
  EventStore.EventStore | Upcaster.Upcaster
> {
  const id = Schema.decodeUnknownOption(Id)(account)
  if (Option.isNone(id)) return yield* failed("account", "an id", quote(account))
  const { faint, strong } = yield* Text.Style
  const counts = Option.match(at, {
    onNone: () => () => true,
    onSome: ({ time }) => ({ occurredAt }: StoredEvent.StoredEvent) => DateTime.isLessThanOrEqualTo(occurredAt, time)
  })
  const words = Option.match(at, { onNone: () => "", onSome: ({ words }) => `, as of ${words}` })
  let state = BankAccount.initial
  yield* history(id.value).pipe(
    Stream.filter(({ stored }) => counts(stored)),
    Stream.runForEach(({ event, stored }) => {
      state = BankAccount.evolve(state, event)
      const cells = [
        `  ${String(stored.version).padStart(5)}`,
        DateTime.formatIso(stored.occurredAt).slice(0, 10),
        event._tag.padEnd(14),
        amount(event).padStart(14),
        Text.balance(state).padStart(18)
      ]
      const line = Console.log(cells.join("  "))
      return stored.version > 1 ? line : Effect.andThen(Console.log(faint(titles)), line)
    })
  )
  if (state._tag === "Unopened") {
    return yield* failed(`account ${quote(account)}${words}`, "an account with events", "none")
  }
  yield* Console.log(`\nAccount ${strong(account)}${words}: ${strong(Text.balance(state))}`)
})

const titles = "  event  date      type                    amount           balance"
