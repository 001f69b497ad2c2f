/**
 * What is looked at when a run is over: what the store holds against the ledger, what the store finds wrong with itself,
 * and the projections.
 */
import { PgClient } from "@effect/sql-pg"
import { EventStoreError, Projection, StoreAdmin } from "@varve/core"
import { Cause, Effect, Option } from "effect"
import { Chains, chainsOf, Journal, type Link, type Taken, taken } from "../postgres/programs/projectDefinitions.ts"
import * as History from "./History.ts"
import * as Oracle from "./Oracle.ts"
import * as Place from "./Place.ts"
import type { Name } from "./Protocol.ts"
import type { Ledger } from "./Records.ts"

/** How long projections may take to be level with the head when nothing disturbs them any more. */
const patience = "30 seconds"

const listAll = Effect.gen(function*() {
  const rows = new Map<string, Link>()
  let cursor: string | undefined
  do {
    const page = yield* Chains.list({ limit: 500, cursor })
    for (const { key, row } of page.rows) rows.set(key, row)
    cursor = Option.getOrUndefined(page.next)
  } while (cursor !== undefined)
  return rows
}).pipe(Effect.provide(Chains.layerStored))

const checkChains = (all: ReadonlyArray<Taken>) =>
  Effect.gen(function*() {
    const late = yield* level(Chains)
    if (late.length > 0) return late
    const found = yield* listAll
    const violations: Array<string> = []
    for (const [key, { chain, count }] of chainsOf(all)) {
      const row = found.get(key)
      if (row?.chain !== chain) {
        violations.push(`row ${key} of Chains: expected ${count} steps in their order, got ${row?.count ?? "no row"}`)
      }
      found.delete(key)
    }
    for (const key of found.keys()) violations.push(`row ${key} of Chains: of nothing that is stored`)
    return violations
  })

/** Every step once, and in the order of its lane. */
const checkJournal = (all: ReadonlyArray<Taken>) =>
  Effect.gen(function*() {
    const late = yield* level(Journal)
    if (late.length > 0) return late
    const sql = yield* PgClient.PgClient
    const entries = yield* sql<{ position: string; lane: string; event_id: string }>`
      SELECT position::text, lane, event_id FROM ${sql(Journal.table("journal"))} ORDER BY place`
    const violations: Array<string> = []
    const seen = new Set<string>()
    const last = new Map<string, number>()
    for (const { event_id, lane, position } of entries) {
      if (seen.has(event_id)) violations.push(`entry of position ${position} in the journal: it is there twice`)
      seen.add(event_id)
      if ((last.get(lane) ?? 0) > Number(position)) {
        violations.push(`entry of position ${position} in the journal: behind ${last.get(lane)}`)
      }
      last.set(lane, Number(position))
    }
    for (const { eventId, position } of all) {
      if (!seen.delete(eventId)) violations.push(`entry of position ${position} in the journal: it is missing`)
    }
    for (const id of seen) violations.push(`entry of event ${id} in the journal: of nothing that is stored`)
    return violations
  })

/** Waits for a projection, and tells why it stands still. */
const level = (projection: Projection.Runnable) =>
  Projection.whenCaughtUp(projection, { timeout: patience }).pipe(
    Effect.as<ReadonlyArray<string>>([]),
    Effect.catch((error) =>
      Effect.map(Projection.status(projection), (status) => {
        const { failure = null, state = "absent" } = Option.getOrElse(
          status,
          () => ({ failure: null, state: "absent" })
        )
        return [`${error.message}; it is ${state}${failure === null ? "" : `, by ${JSON.stringify(failure)}`}`]
      })
    )
  )

const checkProjections = (names: ReadonlyArray<Name>) =>
  Effect.gen(function*() {
    if (names.length === 0) return []
    const all = yield* taken
    const violations: Array<string> = []
    for (const name of names) {
      violations.push(...yield* name === "Chains" ? checkChains(all) : checkJournal(all))
      const parked = yield* Projection.parked(name === "Chains" ? Chains : Journal)
      for (const { key, position } of parked) violations.push(`${name}: position ${position} is parked under ${key}`)
    }
    return violations
  })

export interface Concluded {
  readonly counts: Ledger["counts"] & {
    readonly events: number
    /** Of the commits whose outcome nobody knew: how many are there, and how many are not. */
    readonly unknownStored: number
    readonly unknownAbsent: number
  }
  readonly violations: ReadonlyArray<string>
}

/** Judges a run. Nothing works on the store any more, except what runs its projections. */
export const conclude = (
  place: Place.Place,
  ledger: Ledger,
  projections: ReadonlyArray<Name> = []
): Effect.Effect<Concluded> =>
  Effect.gen(function*() {
    const { context, store } = yield* Place.open(place)
    const history = yield* History.read(store)
    const { unknownAbsent, unknownStored, violations } = Oracle.judge(ledger, history)
    const findings = yield* Effect.provideContext(StoreAdmin.StoreAdmin.use((admin) => admin.verify), context)
    const wrongRows = yield* Effect.provideContext(checkProjections(projections), context)
    return {
      counts: { events: history.length, ...ledger.counts, unknownStored, unknownAbsent },
      violations: [
        ...violations,
        ...findings.map(({ actual, expected, what }) => `the store: ${what}: expected ${expected}, got ${actual}`),
        ...wrongRows
      ]
    }
  }).pipe(
    Effect.scoped,
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const error = Cause.squash(cause)
      const message = error instanceof EventStoreError.EventStoreError ? error.message : Cause.pretty(cause)
      return Effect.succeed({
        counts: { ...ledger.counts, events: 0, unknownStored: 0, unknownAbsent: 0 },
        violations: [`looking at what the store holds: ${message}`, ...ledger.defects]
      })
    })
  )
