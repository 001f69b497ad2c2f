/** What projections and subscriptions say of themselves, for people and for programs. */
import type { Parked } from "@varve/core/RowStore"
import * as Status from "@varve/core/Status"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { type Cell, count, cut, number, plain } from "./print.ts"
import { seconds } from "./progress.ts"

const encode = Schema.encodeSync(Schema.toCodecJson(Status.Status))

export const jsonOf = (status: Status.Status): unknown => encode(status)

export const head: ReadonlyArray<string> = [
  "name",
  "revision",
  "kind",
  "mode",
  "state",
  "serving",
  "position",
  "behind",
  "for",
  "per second",
  "parked",
  "partitions"
]

/** What its last owner has measured tells nothing of what nobody runs. */
const rateOf = (rate: number, owned: boolean): number | undefined => owned ? Math.round(rate) : undefined

export const rowOf = (status: Status.Status): ReadonlyArray<Cell> => [
  status.name,
  status.revision,
  status.kind,
  status.mode,
  status.state,
  status.kind === "subscription" ? "" : status.serving ? "yes" : "no",
  status.position,
  status.lag.events,
  status.lag.events === 0 ? "" : seconds(Duration.toMillis(status.lag.time)),
  rateOf(status.rate, status.owners.length > 0),
  status.parkedEvents,
  status.partitions.length
]

/** The partitions, and what failed last: what the table of all leaves out. */
export const detailsOf = ({ failure, head, owners, parkedEvents, parkedKeys, partitions }: Status.Status) => ({
  lines: [
    `head ${number(head)}; run by ${owners.length === 0 ? "nobody" : plain(owners.join(", "))}`,
    ...parkedEvents === 0 ? [] : [`${number(parkedEvents)} parked, under ${number(parkedKeys)} keys`],
    ...failure === null ? [] : [
      `last failure: ${plain(failure.type)} at position ${number(failure.position)}`
      + `${failure.key === null ? "" : `, key ${plain(failure.key)}`}, ${count(failure.attempts, "attempt")},`
      + ` ${DateTime.formatIso(failure.at)}: ${cut(plain(failure.cause), 200)}`
    ]
  ],
  head: ["partition", "position", "owner", "per second", "moved"],
  rows: partitions.map(({ movedAt, owner, partition, position, rate }): ReadonlyArray<Cell> => [
    partition,
    position,
    owner === null ? "nobody" : plain(owner),
    rateOf(rate, owner !== null),
    DateTime.formatIso(movedAt)
  ])
})

export const parkedHead: ReadonlyArray<string> = ["key", "position", "type", "attempts", "parked", "cause"]

export const parkedRow = (parked: Parked): ReadonlyArray<Cell> => [
  plain(parked.tenant === "" ? parked.key : `${parked.key}@${parked.tenant}`),
  parked.position,
  plain(parked.type),
  parked.attempts,
  DateTime.formatIso(parked.parkedAt),
  parked.due ? "to be tried again" : parked.cause === "" ? "waits behind another" : cut(plain(parked.cause), 100)
]

export const parkedJson = ({ parkedAt, ...parked }: Parked): unknown => ({
  ...parked,
  parkedAt: DateTime.formatIso(parkedAt)
})
