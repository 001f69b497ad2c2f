import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import { Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import * as check from "./check.ts"

/** Documented at `Projection.RunOptions`. */
export interface RunOptions {
  readonly partitions?: number | undefined
  readonly most?: number | undefined
  readonly pageSize?: number | undefined
  readonly poll?: Duration.Input | undefined
  readonly lease?: Duration.Input | undefined
  readonly switch?: "automatic" | "manual" | undefined
  readonly name?: string | undefined
}

/** Documented at `Projection.RunDefaults`. */
export const Defaults: Context.Reference<RunOptions> = Context.Reference<RunOptions>(
  "@varve/core/Projection/RunDefaults",
  { defaultValue: () => ({}) }
)

/** Options with everything filled in and checked. */
export interface Settings {
  /** As stored, where nobody says. */
  readonly partitions: number | undefined
  readonly most: number
  readonly pageSize: number
  readonly pollMillis: number
  readonly lease: Duration.Duration
  readonly leaseMillis: number
  readonly switch: "automatic" | "manual"
  readonly name: string
}

const hourMillis = 3_600_000

const millisOf = (
  what: string,
  input: Duration.Input,
  minimum: number
): number | Refused => {
  const duration: Option.Option<Duration.Duration> = Duration.fromInput(input)
  const millis = duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  return millis >= minimum && millis <= hourMillis
    ? millis
    : new Refused({ what, expected: `${minimum} ms to 1 hour`, actual: check.show(input) })
}

/** Fills in the options, those around first, or tells which is beyond its bounds. */
export const settingsOf = (given: RunOptions, around: RunOptions, pageSizeDefault: number): Settings | Refused => {
  const {
    lease = "30 seconds",
    most = Limits.partitions,
    name = "",
    pageSize = pageSizeDefault,
    partitions,
    poll = "1 second"
  } = {
    ...around,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  }
  const pollMillis = millisOf("poll of a run", poll, 1)
  if (typeof pollMillis !== "number") return pollMillis
  const leaseMillis = millisOf("lease of a run", lease, 100)
  if (typeof leaseMillis !== "number") return leaseMillis
  const wrong = check.int("page size of a run", pageSize, 1, Limits.eventsPerPage)
    ?? check.int("partitions of a run at the most", most, 1, Limits.partitions)
    ?? (partitions === undefined ? undefined : check.int("partitions of a run", partitions, 1, Limits.partitions))
    ?? check.text("name of a run", name, 0)
  return wrong ?? {
    partitions,
    most,
    pageSize,
    pollMillis,
    lease: Duration.millis(leaseMillis),
    leaseMillis,
    switch: given.switch ?? around.switch ?? "automatic",
    name
  }
}
