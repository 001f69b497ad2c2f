/** Arguments and flags that commands share: how streams, times and numbers are written. */
import * as Limits from "@varve/core/Limits"
import * as StreamName from "@varve/core/StreamName"
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"

/** A stream, without its tenant. */
export interface StreamPath {
  readonly category: string
  readonly id: string
}

const streamForm = "CATEGORY/ID, such as BankAccount/ada"

/** `BankAccount/ada`: no category has a slash in it, an id may. */
const streamPath = (text: string): Option.Option<StreamPath> => {
  const slash = text.indexOf("/")
  const category = text.slice(0, Math.max(slash, 0))
  const id = text.slice(slash + 1)
  return Limits.namePattern.test(category) && id !== "" ? Option.some({ category, id }) : Option.none()
}

export const streamArgument = Argument.String("stream").pipe(
  Argument.withMetavar("CATEGORY/ID"),
  Argument.withDescription("A stream: its category, a slash, its id"),
  Argument.filterMap(streamPath, () => streamForm)
)

export const streamFlag = Flag.String("stream").pipe(
  Flag.withMetavar("CATEGORY/ID"),
  Flag.withDescription("Events of one stream"),
  Flag.filterMap(streamPath, () => streamForm),
  Flag.optional
)

export const tenantFlag = Flag.String("tenant").pipe(
  Flag.withMetavar("NAME"),
  Flag.withDescription("A tenant, where the store has several"),
  Flag.optional
)

export const streamOf = ({ category, id }: StreamPath, tenant: Option.Option<string>): StreamName.StreamName =>
  StreamName.make(category, id, Option.getOrElse(tenant, () => ""))

const day = /^\d{4}-\d\d-\d\d$/

const edges = { start: "T00:00:00.000Z", end: "T23:59:59.999Z" }

/** Without a zone it would be another time on another machine. */
const zoned = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/

/** A time in ISO 8601, with its zone, or a day of UTC: its first or its last millisecond. */
export const timeOf = (edge: keyof typeof edges) => (text: string): Option.Option<DateTime.Utc> => {
  if (!day.test(text) && !zoned.test(text)) return Option.none()
  // A day that no month has would be read as one of the next month.
  const date = Date.parse(`${text.slice(0, 10)}T00:00:00Z`)
  const there = Number.isFinite(date) && new Date(date).toISOString().startsWith(text.slice(0, 10))
  const parsed = Date.parse(day.test(text) ? `${text}${edges[edge]}` : text)
  return there && parsed >= Limits.earliestMillis && parsed <= Limits.latestMillis
    ? Option.some(DateTime.makeUnsafe(parsed))
    : Option.none()
}

export const timeForm = "a day such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z"

export const timeFlag = (name: string, edge: "start" | "end", description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.withDescription(description),
    Flag.filterMap(timeOf(edge), () => timeForm),
    Flag.optional
  )

/** A whole number within bounds. */
export const intFlag = (name: string, metavar: string, minimum: number, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.filter(
      (value) => value >= minimum && Number.isSafeInteger(value),
      () => `a whole number from ${minimum} on`
    ),
    Flag.optional
  )

/** A projection or a subscription, and a revision where one is named: `Balances`, `Balances@2`. */
export interface TargetName {
  readonly name: string
  readonly revision: number | undefined
}

export const targetName = (text: string): Option.Option<TargetName> => {
  const parts = /^([^@]+)(?:@(\d{1,5}))?$/.exec(text)
  return parts === null || !Limits.namePattern.test(parts[1]!)
    ? Option.none()
    : Option.some({ name: parts[1]!, revision: parts[2] === undefined ? undefined : Number(parts[2]) })
}
