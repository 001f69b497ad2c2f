import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import { Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import * as check from "./check.ts"

/** Documented at `Projection.RunOptions`. */
export interface RunOptions {
  /**
   * In how many parts the rows are folded, each with a checkpoint and an owner of its own: 1 to `Limits.partitions`. As
   * they were, unless told; 1 at first. With several, the rows of one commit need not appear at once. What has no rows
   * (`custom`, and subscriptions) changes the number once nobody else works any of it and all parts are level.
   */
  readonly partitions?: number | undefined
  /** Most partitions that this process works: all that nobody else has, unless told. */
  readonly most?: number | undefined
  /**
   * Events of a page, 1 to `Limits.eventsPerPage`: 5,000 unless told, of `custom` 1,000. A page is committed whole; those
   * that were folded while the one before was being committed go together.
   */
  readonly pageSize?: number | undefined
  /** How long to wait at the head without a hint, and for what others have: 1 second unless told. */
  readonly poll?: Duration.Input | undefined
  /** How long after the last sign of life another may take over: 30 seconds unless told. */
  readonly lease?: Duration.Input | undefined
  /**
   * Who gives readers the rows of a new revision: `automatic`, unless told, once it has seen all that the store holds; or
   * `Rebuild.switchTo`.
   */
  readonly switch?: "automatic" | "manual" | undefined
  /** What the names of owners begin with, so that a status tells who they are. */
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
