/**
 * What the programs that run projections have in common with the tests that judge them: steps of walks in lanes, rows that
 * depend on every step and on their order, and what they must come to.
 */
import { PgClient } from "@effect/sql-pg"
import { type Commit, Event, EventStore, Projection, StreamName, Subscription } from "@varve/core"
import { Effect, Schedule, Schema, Stream } from "effect"
import { createHash } from "node:crypto"

export class Stepped extends Event.make("Stepped", { lane: Schema.String, n: Schema.Int }) {}

/** The step that a fold with a bug cannot take. */
export const poison = 13

export const Link = Schema.Struct({ count: Schema.Int, chain: Schema.String })
export type Link = typeof Link.Type

const start: Link = { count: 0, chain: "" }

/** A step more or less, or in another place, gives another chain. */
const link = ({ chain, count }: Link, eventId: string): Link => ({
  count: count + 1,
  chain: createHash("sha1").update(`${chain}/${eventId}`).digest("base64")
})

const makeChains = (buggy: boolean) =>
  Projection.make("Chains", { row: Link, events: [Stepped], indexes: { longest: ["count"] } }).fold({
    initial: start,
    key: { Stepped: ({ lane }, { stream }) => [stream.id, lane] },
    on: {
      Stepped: (row, { n }, { eventId }) => {
        if (buggy && n === poison) throw new Error("The thirteenth step is too much")
        return link(row, eventId)
      }
    }
  })

/** A row a walk, and a row a lane. */
export class Chains extends makeChains(false) {}
/** The same revision, before its bug was found. */
export class BuggyChains extends makeChains(true) {}

const makeJournal = (buggy: boolean) =>
  Projection.custom("Journal", {
    events: [Stepped],
    key: { Stepped: ({ lane }) => lane },
    retry: Schedule.recurs(1),
    // Nothing in the table keeps a second entry of an event out.
    setup: (table) =>
      Effect.flatMap(PgClient.PgClient, (sql) =>
        sql`CREATE TABLE IF NOT EXISTS ${sql(table("journal"))} (
          place bigint GENERATED ALWAYS AS IDENTITY, position bigint, lane text, event_id text
        )`),
    handle: {
      Stepped: ({ lane, n }, { eventId, position, table }) =>
        Effect.gen(function*() {
          if (buggy && n === poison) return yield* Effect.fail(new Error("The thirteenth step is too much"))
          const sql = yield* PgClient.PgClient
          yield* sql`INSERT INTO ${sql(table("journal"))} ${
            sql.insert({ position: `${position}`, lane, event_id: eventId })
          }`
        })
    }
  })

/** One line a step in a table of the program's own. */
export class Journal extends makeJournal(false) {}
/** The same revision, before its bug was found. */
export class BuggyJournal extends makeJournal(true) {}

/** Delivers steps; whoever runs it says where to. */
export class Steps extends Subscription.make("Steps", { events: [Stepped] }) {}

/** A commit of steps of one walk. */
export const steps = (
  walk: string,
  events: ReadonlyArray<{ readonly lane: string; readonly n: number }>
): Commit.Commit => {
  const [first, ...others] = events.map((payload) => ({ type: Stepped.tag, revision: 1, payload }))
  return { writes: [{ stream: StreamName.make("Walk", walk), expected: "any", events: [first!, ...others] }] }
}

/** A step as the store has it. */
export interface Taken {
  readonly position: number
  readonly eventId: string
  readonly walk: string
  readonly lane: string
  readonly n: number
}

/** All steps, in order. */
export const taken = Effect.map(
  Effect.suspend(() => Stream.runCollect(EventStore.readAll({ filter: { types: [Stepped.tag] } }))),
  (events) =>
    events.map(({ id, payload, position, stream }): Taken => {
      // The payload of a step.
      const { lane, n } = payload as { readonly lane: string; readonly n: number }
      return { position, eventId: id, walk: stream.id, lane, n }
    })
)

/** The rows of `Chains`, by a plain fold over the store. */
export const chainsOf = (all: ReadonlyArray<Taken>): ReadonlyMap<string, Link> => {
  const rows = new Map<string, Link>()
  for (const { eventId, lane, walk } of all) {
    for (const key of [walk, lane]) rows.set(key, link(rows.get(key) ?? start, eventId))
  }
  return rows
}
