/**
 * The shorter way of a batch, `append_2`: taken only where the conditions tell every version, and the same as the longer.
 */
import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { Commit, CommitId, EventStore, StreamName } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Exit, Layer, Redacted } from "effect"
import { Batch } from "../../packages/postgres/src/internal/batch.ts"
import * as TestServer from "../support/TestServer.ts"

const streams = ["a", "b", "c"].map((id) => StreamName.make("Account", id))
const [a, b] = streams as [StreamName.StreamName, StreamName.StreamName]

const events = (count: number): Commit.Write["events"] => {
  const event = { type: "Changed", revision: 1, payload: { count } } as const
  // One is the least.
  return [event, ...Array.from({ length: count - 1 }, () => event)]
}

const write = (stream: StreamName.StreamName, expected: Commit.Expected, count = 1): Commit.Write => ({
  stream,
  expected,
  events: events(count)
})

const check = (stream: StreamName.StreamName, expected: Commit.Expected): Commit.Check => ({
  _tag: "Stream",
  stream,
  expected
})

const isCounted = (...commits: ReadonlyArray<Omit<Commit.Commit, "id">>) =>
  new Batch(commits.map((commit) => Commit.encode(commit) as Commit.Encoded)).isCounted

describe("a batch is counted", () => {
  it("where numbers tell the version of every stream", () => {
    expect(isCounted({ writes: [write(a, 0)] })).toBe(true)
    expect(isCounted({ writes: [write(a, 7), write(b, 0)] })).toBe(true)
    expect(isCounted({ writes: [write(a, 7, 2)] }, { writes: [write(a, 9)] })).toBe(true)
    expect(isCounted({ writes: [write(a, 7)], checks: [check(b, 3)] })).toBe(true)
  })

  it("where what else is asked follows from them", () => {
    expect(isCounted({ writes: [write(a, 7)] }, { writes: [write(a, "any")] }, { writes: [write(a, 9)] })).toBe(true)
    expect(isCounted({ writes: [write(a, 0)] }, { writes: [write(a, "exists")] })).toBe(true)
    // Told by a later one, for the one before as well.
    expect(isCounted({ writes: [write(a, "any")] }, { writes: [write(a, 1)] })).toBe(true)
  })

  it("and nowhere else", () => {
    expect(isCounted({ writes: [write(a, "any")] })).toBe(false)
    expect(isCounted({ writes: [write(a, "exists")] })).toBe(false)
    expect(isCounted({ writes: [write(a, 0)] }, { writes: [write(b, "any")] })).toBe(false)
    expect(isCounted({ writes: [write(a, 0)], checks: [check(b, "exists")] })).toBe(false)
    expect(isCounted({ writes: [write(a, 0)], checks: [check(a, "exists")] })).toBe(false)
    // Both cannot hold.
    expect(isCounted({ writes: [write(a, 0)] }, { writes: [write(a, 0)] })).toBe(false)
    expect(isCounted({ writes: [write(a, 7)] }, { writes: [write(a, 9)] })).toBe(false)
    expect(isCounted({ writes: [write(a, "any", 2)] }, { writes: [write(a, 1)] })).toBe(false)
    expect(isCounted({ writes: [write(a, 0)], checks: [check(a, 1)] })).toBe(false)
    const linked = { version: 1, commitId: CommitId.generateUnsafe() }
    expect(isCounted({ writes: [write(a, 0)] }, { writes: [write(a, linked)] })).toBe(false)
  })
})

/** Numbers that look random, and are the same for the same seed. */
const numbers = (seed: number) => (below: number) => {
  seed = seed * 48_271 % 2_147_483_647
  return seed % below
}

const batches = 200

/** Makes batches of commits of which most expect what they will find. Takes the versions that there are. */
const makeBatches = (seed: number) => {
  const next = numbers(seed)
  const known: Array<Commit.Commit> = []
  const expectedOf = (version: number): Commit.Expected => {
    const luck = next(400)
    return luck === 0 ? version + 1 : luck === 1 ? version - 1 : luck < 12 ? "any" : luck < 24 ? "exists" : version
  }
  const commit = (versions: Map<StreamName.StreamName, number>): Commit.Commit => {
    if (known.length > 0 && next(60) === 0) return known[next(known.length)]!
    const first = next(streams.length)
    const written = streams.filter((_, i) => i === first || next(4) === 0)
    const writes = written.map((stream) => write(stream, expectedOf(versions.get(stream)!), 1 + next(3)))
    for (const { events, stream } of writes) versions.set(stream, versions.get(stream)! + events.length)
    const checks = streams.filter((stream) => !written.includes(stream) && next(3) === 0).map((stream) =>
      check(stream, expectedOf(versions.get(stream)!))
    )
    const made: Commit.Commit = {
      id: CommitId.make(`00000000-0000-7000-8000-${String(known.length).padStart(12, "0")}`),
      // One at the least.
      writes: writes as [Commit.Write, ...Array<Commit.Write>],
      checks
    }
    known.push(made)
    return made
  }
  return (versions: ReadonlyMap<StreamName.StreamName, number>): ReadonlyArray<Commit.Commit> => {
    const expected = new Map(versions)
    return Array.from({ length: 1 + next(6) }, () => commit(expected))
  }
}

/** What a conflict tells, or what a receipt does, but for what differs from store to store. */
const outcomeOf = (exit: Exit.Exit<Commit.Receipt, { readonly reason: unknown }>): unknown => {
  if (Exit.isFailure(exit)) {
    return exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error.reason : reason)
  }
  const { recordedAt: _, storeId: _store, ...receipt } = exit.value
  return receipt
}

const run = (seed: number) =>
  Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    const next = makeBatches(seed)
    const outcomes: Array<unknown> = []
    for (let i = 0; i < batches; i++) {
      const versions = new Map<StreamName.StreamName, number>()
      for (const stream of streams) {
        const last = yield* store.readStreamPage({ stream, after: 0 })
        versions.set(stream, last.events.length)
      }
      // In one tick, so in one batch.
      const exits = yield* Effect.all(next(versions).map((commit) => Effect.exit(store.append(commit))), {
        concurrency: "unbounded"
      })
      outcomes.push(exits.map(outcomeOf))
    }
    const { events } = yield* store.readPage({ after: 0, limit: 10_000 })
    return { outcomes, events: events.map(({ occurredAt: _, recordedAt: _recorded, ...event }) => event) }
  })

describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
  it.live("the short way and the long way come to the same", () =>
    Effect.scoped(Effect.gen(function*() {
      const seed = 1 + Math.floor(Math.random() * 1_000_000)
      yield* Effect.log(`seed ${seed}`)
      const url = yield* TestServer.database
      const open = (schema: string) => Layer.build(Postgres.layerPool({ url: Redacted.make(url), schema }))
      const short = yield* open("short")
      const long = yield* open("long")
      // It always says that nothing is as expected.
      const sql = yield* Effect.provideContext(PgClient.PgClient, long)
      const [row] = yield* sql<{ definition: string }>`SELECT pg_get_functiondef(p.oid) AS definition
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'long' AND p.proname = 'append_2'`
      yield* sql.unsafe(row!.definition.replace("\nBEGIN\n", "\nBEGIN\nRETURN;\n"))
      const expected = yield* run(seed).pipe(Effect.provideContext(long))
      const actual = yield* run(seed).pipe(Effect.provideContext(short))
      expect(actual, `seed ${seed}`).toEqual(expected)
      expect(JSON.stringify(expected.outcomes), `seed ${seed}`).toContain("Conflict")
    })), 60_000)
})
