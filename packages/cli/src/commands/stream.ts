/** `varve stream`: one stream, and what it comes to. */
import type * as Aggregate from "@varve/core/Aggregate"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { payloadOf } from "../internal/eventRows.ts"
import { failed, Found } from "../internal/Failed.ts"
import * as ndjson from "../internal/ndjson.ts"
import * as parameters from "../internal/parameters.ts"
import * as print from "../internal/print.ts"
import * as projectFile from "../internal/projectFile.ts"
import * as streamView from "../internal/streamView.ts"
import { Style } from "../internal/style.ts"
import { messageOf } from "../internal/telling.ts"

/** Events that are shown, unless told. */
const shown = 100

/** Characters of a payload in the table. */
const payloadWidth = 60

const atForm = "a version (3), position:120, a time (2026-01-31T12:00:00Z) or day, or occurred:2026-01-31"

const whole = (text: string): number | undefined => /^\d{1,15}$/.test(text) ? Number(text) : undefined

/** A point in a history, as it is written on the command line. */
const pointOf = (text: string): Option.Option<Aggregate.At> => {
  const version = whole(text)
  if (version !== undefined) return Option.some({ version })
  const named = /^(position|occurred):(.*)$/.exec(text)
  if (named?.[1] === "position") {
    return Option.map(Option.fromUndefinedOr(whole(named[2]!)), (position) => ({ position }))
  }
  const time = parameters.timeOf("end")
  return named === null
    ? Option.map(time(text), (recordedAt) => ({ recordedAt }))
    : Option.map(time(named[2]!), (occurredAt) => ({ occurredAt }))
}

const wordsOf = (at: Aggregate.At | undefined): string => {
  if (at === undefined) return "now"
  if ("version" in at) return `at version ${at.version}`
  if ("position" in at) return `at position ${at.position}`
  return "recordedAt" in at
    ? `as the store had it at ${DateTime.formatIso(DateTime.toUtc(at.recordedAt))}`
    : `as of what had happened by ${DateTime.formatIso(DateTime.toUtc(at.occurredAt))}`
}

/** What is to be said of an event beside what it is. */
const remarkOf = ({ event, reading }: streamView.Seen): string => {
  switch (reading._tag) {
    case "Unknown":
      return ""
    case "Unreadable":
      return print.plain(reading.cause === undefined ? reading.why : `${reading.why}: ${reading.cause}`)
    case "Read":
      if (reading.as.length === 0) return "read as nothing"
      return reading.as.length === 1 && reading.as[0] === event.type ? "" : `read as ${reading.as.join(", ")}`
  }
}

const isUnreadable = ({ reading }: streamView.Seen): boolean => reading._tag === "Unreadable"

interface View {
  readonly name: string
  readonly seen: ReadonlyArray<streamView.Seen>
  readonly earlier: number
  readonly aggregate: string | undefined
  readonly at: Aggregate.At | undefined
  readonly state: streamView.State | undefined
}

const jsonOf = ({ aggregate, earlier, seen, state }: View) => ({
  aggregate: aggregate ?? null,
  // Versions up to here are left out.
  earlier,
  // With the keys that `varve export` gives them.
  events: seen.map((each) => ({
    event: JSON.parse(ndjson.format(each.event)) as unknown,
    ...each.reading._tag === "Read" && { readAs: each.reading.as },
    ...each.reading._tag === "Unreadable" && { unreadable: each.reading.why, cause: each.reading.cause }
  })),
  version: state?._tag === "Folded" ? state.version : null,
  state: state?._tag === "Folded" ? state.state : null,
  ...state?._tag === "Unreadable" && { unfoldable: state.message }
})

const show = Effect.fnUntraced(function*({ aggregate, at, earlier, name, seen, state }: View, full: boolean) {
  const { bad, strong } = yield* Style
  const rows = seen.map((each) => [
    each.event.version,
    each.event.position,
    DateTime.formatIso(each.event.recordedAt),
    each.event.type,
    each.event.revision,
    full ? payloadOf(each.event) : print.cut(payloadOf(each.event), payloadWidth),
    isUnreadable(each) ? bad(remarkOf(each)) : remarkOf(each)
  ])
  if (earlier > 0) yield* Console.error(`Versions up to ${print.number(earlier)} are left out. See --limit`)
  const head = ["version", "position", "recorded", "type", "revision", "payload", ""]
  yield* print.table(head, rows, `${name} had no events ${wordsOf(at)}`)
  yield* Console.log()
  if (aggregate === undefined) {
    return yield* Console.log("No aggregate of the project has this category: there is no state to fold")
  }
  if (state?._tag === "Unreadable") return yield* Console.log(bad(`No state: ${print.plain(messageOf(state.message))}`))
  if (state === undefined) return
  const point = at === undefined || "version" in at ? "" : `, ${wordsOf(at)}`
  yield* Console.log(strong(`State of ${aggregate} after version ${print.number(state.version)}${point}`))
  yield* Console.log(print.plain(JSON.stringify(state.state)))
})

const showing = Command.make("show", {
  stream: parameters.streamArgument,
  tenant: parameters.tenantFlag,
  at: Flag.String("at").pipe(
    Flag.withMetavar("POINT"),
    Flag.withDescription(`As of a point in its history: ${atForm}`),
    Flag.filterMap(pointOf, () => atForm),
    Flag.optional
  ),
  limit: parameters.intFlag("limit", "N", 1, `Events at the most, the newest ones (default: ${shown})`),
  full: Flag.Boolean("full").pipe(Flag.withDescription("Show payloads as a whole"), Flag.withDefault(false))
}, (flags) =>
  Effect.gen(function*() {
    const { project } = yield* projectFile.load
    const stream = parameters.streamOf(flags.stream, flags.tenant)
    const at = Option.getOrUndefined(flags.at)
    const limit = Option.getOrElse(flags.limit, () => shown)
    const view = yield* Effect.gen(function*() {
      const aggregate = yield* streamView.aggregateOf(project, stream.category)
      const { earlier, seen } = yield* streamView.eventsOf(stream, aggregate, { at, limit })
      const state = aggregate === undefined ? undefined : yield* streamView.stateOf(stream, aggregate, at)
      const name = `${flags.stream.category}/${print.plain(flags.stream.id)}`
      return { name, seen, earlier, aggregate: aggregate?.tag, at, state } satisfies View
    }).pipe(projectFile.withStore(project))
    if (view.seen.length === 0 && at === undefined) {
      return yield* failed(`stream ${view.name}`, "events", "none")
    }
    yield* print.answer(jsonOf(view), show(view, flags.full))
    if (view.state?._tag === "Unreadable") {
      return yield* new Found({ message: `${view.name} cannot be read` })
    }
  })).pipe(
    Command.withDescription(
      "Show the events of a stream and the state they come to. Ends with 1 when something of it cannot be read"
    ),
    Command.withExamples([
      { command: "varve stream show BankAccount/ada", description: "All of it" },
      { command: "varve stream show BankAccount/ada --at 3", description: "After three events" },
      { command: "varve stream show BankAccount/ada --at 2026-01-31", description: "As the store had it on a day" },
      { command: "varve stream show BankAccount/ada --json | jq .state", description: "The state, for a program" }
    ])
  )

export const command = Command.make("stream").pipe(
  Command.withDescription("See one stream"),
  Command.withSubcommands([showing])
)
