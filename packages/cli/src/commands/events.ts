/** `varve events`: what is in the store, and what comes. */
import * as EventStore from "@varve/core/EventStore"
import type { EventStoreError } from "@varve/core/EventStoreError"
import * as Limits from "@varve/core/Limits"
import type * as Page from "@varve/core/Page"
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { headOf, rowOf } from "../internal/eventRows.ts"
import { follow } from "../internal/following.ts"
import * as ndjson from "../internal/ndjson.ts"
import * as parameters from "../internal/parameters.ts"
import * as print from "../internal/print.ts"
import * as projectFile from "../internal/projectFile.ts"
import { Json } from "../internal/settings.ts"

/** Events that people are shown, unless told. */
const shown = 100

const names = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.atMost(Limits.namesPerFilter)
  )

const filters = {
  stream: parameters.streamFlag,
  tenant: parameters.tenantFlag,
  category: names("category", "NAME", "Events of a category; may be given several times"),
  type: names("type", "NAME", "Events of a type; may be given several times"),
  payload: Flag.Boolean("payload").pipe(
    Flag.withAlias("p"),
    Flag.withDescription("Show payloads, too"),
    Flag.withDefault(false)
  )
}

interface Filters {
  readonly stream: Option.Option<parameters.StreamPath>
  readonly tenant: Option.Option<string>
  readonly category: ReadonlyArray<string>
  readonly type: ReadonlyArray<string>
}

const filterOf = ({ category, stream, tenant, type }: Filters): Page.Filter => ({
  stream: Option.getOrUndefined(Option.map(stream, (path) => parameters.streamOf(path, tenant))),
  tenant: Option.getOrUndefined(tenant),
  categories: category.length === 0 ? undefined : category,
  types: type.length === 0 ? undefined : type
})

/** Prints events page by page, for whoever asked. */
const printer = (payload: boolean) =>
  Effect.map(Effect.service(Json), (json) => {
    const table = print.growing(headOf(payload))
    return (events: ReadonlyArray<StoredEvent>): Effect.Effect<void> => {
      if (events.length === 0) return Effect.void
      return json
        // Without `commitEvents`: a filter leaves events of a commit out.
        ? Console.log(events.map((event) => ndjson.format(event)).join("\n"))
        : table(events.map((event) => rowOf(event, payload)))
    }
  })

/** Positions to look at: behind the first, up to the second. */
const rangeOf = Effect.fnUntraced(function*(options: {
  readonly after: Option.Option<number>
  readonly until: Option.Option<number>
  readonly from: Option.Option<DateTime.Utc>
  readonly to: Option.Option<DateTime.Utc>
}) {
  const head = yield* EventStore.EventStore.use((store) => store.head)
  const since = Option.isNone(options.from)
    ? 0
    : yield* EventStore.positionAt(DateTime.subtract(options.from.value, { milliseconds: 1 }))
  const to = Option.isNone(options.to) ? head : yield* EventStore.positionAt(options.to.value)
  return {
    // What is appended meanwhile is no part of it.
    last: Math.min(Option.getOrElse(options.until, () => head), to, head),
    after: Math.max(Option.getOrElse(options.after, () => 0), since)
  }
})

/** Reads the events of a range, and hands them on a page at a time. Tells how many, and whether there were more. */
const readRange = Effect.fnUntraced(function*(
  { after, last }: { readonly after: number; readonly last: number },
  options: { readonly filter: Page.Filter; readonly backward: boolean; readonly limit: number },
  emit: (events: ReadonlyArray<StoredEvent>) => Effect.Effect<void>
) {
  const { backward, filter, limit } = options
  if (after >= last) return { count: 0, more: false }
  const store = yield* EventStore.EventStore
  const direction = backward ? "backward" as const : "forward" as const
  const until = backward ? after + 1 : last
  let next: number = backward ? last + 1 : after
  let count = 0
  while (true) {
    const wanted = Math.min(limit - count + 1, Limits.eventsPerPageDefault)
    const page: Page.Page = yield* store.readPage({ after: next, until, filter, direction, limit: wanted })
    const events = page.events.slice(0, limit - count)
    yield* emit(events)
    count += events.length
    if (events.length < page.events.length) return { count, more: true }
    if (page.atHead) return { count, more: false }
    next = page.scannedTo
  }
})

const list = Command.make("list", {
  ...filters,
  after: parameters.intFlag("after", "POSITION", 0, "Events behind a position"),
  until: parameters.intFlag("until", "POSITION", 0, "Events up to a position, itself included"),
  from: parameters.timeFlag("from", "start", "Events that the store took at a time or later"),
  to: parameters.timeFlag("to", "end", "Events that the store took at a time or before"),
  limit: parameters.intFlag("limit", "N", 1, `Events at the most (default: ${shown}, or all with --json)`),
  backward: Flag.Boolean("backward").pipe(
    Flag.withAlias("b"),
    Flag.withDescription("The newest first"),
    Flag.withDefault(false)
  )
}, (flags) =>
  Effect.gen(function*() {
    const { project } = yield* projectFile.load
    const json = yield* Json
    const emit = yield* printer(flags.payload)
    yield* Effect.gen(function*() {
      const range = yield* rangeOf(flags)
      const limit = Option.getOrElse(flags.limit, () => json ? Number.MAX_SAFE_INTEGER : shown)
      const { count, more } = yield* readRange(range, { ...flags, filter: filterOf(flags), limit }, emit)
      if (json) return
      if (count === 0) yield* Console.log("no events")
      if (more) {
        const which = flags.backward ? "newest" : "first"
        const behind = flags.backward ? "--until" : "--after"
        yield* Console.error(`There are more: these are the ${which} ${print.number(count)}. See --limit, ${behind}`)
      }
    }).pipe(projectFile.withStore(project))
  })).pipe(
    Command.withDescription(
      "List events of the store, oldest first. With --json a line an event, with the keys that `varve export` gives it"
    ),
    Command.withExamples([
      { command: "varve events list --stream BankAccount/ada --payload", description: "All about one account" },
      { command: "varve events list --backward --limit 20", description: "The last 20 events" },
      { command: "varve events list --from 2026-01-31 --to 2026-01-31 --type MoneyWithdrawn", description: "One day" },
      { command: "varve events list --category BankAccount --json | jq .payload", description: "For another program" }
    ])
  )

const following = Command.make("follow", {
  ...filters,
  after: parameters.intFlag("after", "POSITION", 0, "Events behind a position (default: those that come from now on)")
}, (flags) =>
  Effect.gen(function*() {
    const { project } = yield* projectFile.load
    const emit = yield* printer(flags.payload)
    yield* Effect.gen(function*() {
      const head: Effect.Effect<number, EventStoreError, EventStore.EventStore> = EventStore.EventStore.use(
        (store) => store.head
      )
      const after = Option.isSome(flags.after) ? flags.after.value : yield* head
      return yield* follow({ after, filter: filterOf(flags) }, emit)
    }).pipe(projectFile.withStore(project))
  })).pipe(
    Command.withDescription("Print events as they come, until it is interrupted"),
    Command.withExamples([
      { command: "varve events follow --category BankAccount --payload", description: "What happens to accounts" },
      { command: "varve events follow --after 0 --json", description: "Everything there is, then what comes" }
    ])
  )

export const command = Command.make("events").pipe(
  Command.withDescription("See the events of the store"),
  Command.withSubcommands([list, following])
)
