/**
 * Processes that run projections and subscriptions, and are killed or frozen while they do. The seed of what is killed when
 * is printed: `VARVE_PROCESSES_SEED`.
 */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Projection, Upcaster } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Exit, Option, Redacted, Schedule, type Scope } from "effect"
import * as Program from "../support/Program.ts"
import * as TestServer from "../support/TestServer.ts"
import { Chains, chainsOf, Journal, Steps, steps, type Taken, taken } from "./programs/projectDefinitions.ts"
import type { Orders } from "./programs/projectRunner.ts"

type Body = (url: string) => Effect.Effect<void, unknown, TestServer.Provides | Upcaster.Upcaster | Scope.Scope>

/** What the test does with the database itself; what runs on it are programs. */
const test = (name: string, body: Body, { concurrent = false } = {}) =>
  it.live(
    name,
    () =>
      Effect.flatMap(TestServer.database, (url) =>
        Effect.provide(body(url), [Postgres.layerPool({ url: Redacted.make(url) }), Upcaster.layer()])).pipe(
          Effect.scoped,
          Effect.timeout("55 seconds")
        ),
    { concurrent, timeout: 60_000 }
  )

/** Some seconds of it are spent waiting for the server, so such tests run together. */
const slow = (name: string, body: Body) => test(name, body, { concurrent: true })

const start = (url: string, orders: Orders) => Program.start("projectRunner.ts", [url, JSON.stringify(orders)])

const patience = "20 seconds"

/** Asks until it is so. */
const until = <A, E, R>(ask: Effect.Effect<A, E, R>, holds: (answer: A) => boolean) =>
  Effect.repeat(ask, { schedule: Schedule.spaced("20 millis"), until: holds }).pipe(Effect.timeout(patience))

/** Reads what a program says, up to a line. */
const hear = (program: Program.Program, wanted: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    while (lines.at(-1) !== wanted) {
      const line = yield* Effect.exit(program.line)
      if (Exit.isFailure(line)) {
        return yield* Effect.die(new Error(`no "${wanted}" after ${lines.join(", ")}`, { cause: line.cause }))
      }
      lines.push(line.value)
    }
    return lines
  })

const signal = (program: Program.Program, name: "SIGSTOP" | "SIGCONT") =>
  Effect.sync(() => process.kill(program.pid, name))

/** Numbers from 0 to `below`, by a seed. */
const randomOf = (seed: number) => {
  let state = seed >>> 0
  return (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Appends commits of one to three steps, of a few walks, in a few lanes. */
const walk = Effect.fnUntraced(function*(random: (below: number) => number, commits: number) {
  const store = yield* EventStore.EventStore
  for (let i = 0; i < commits; i++) {
    const events = Array.from({ length: 1 + random(3) }, () => ({ lane: `lane ${random(4)}`, n: random(10) }))
    yield* store.append(steps(`walk ${random(5)}`, events))
  }
})

const byKey = <A>(all: ReadonlyArray<A>, keyOf: (one: A) => string): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const one of all) {
    const group = groups.get(keyOf(one))
    if (group === undefined) groups.set(keyOf(one), [one])
    else group.push(one)
  }
  return groups
}

/** Waits for both projections, and judges what they have made of the store. */
const judge = Effect.gen(function*() {
  yield* Projection.whenCaughtUp(Chains, { timeout: patience })
  yield* Projection.whenCaughtUp(Journal, { timeout: patience })
  const all = yield* taken
  const { rows } = yield* Effect.provide(Chains.list({ limit: 1_000 }), Chains.layerStored)
  assert.deepStrictEqual(new Map(rows.map(({ key, row }) => [key, row])), new Map(chainsOf(all)), "rows")

  const sql = yield* PgClient.PgClient
  const entries = yield* sql<{ position: string; lane: string; event_id: string }>`
    SELECT position::text, lane, event_id FROM ${sql(Journal.table("journal"))} ORDER BY place`
  const written = entries.map(({ event_id, lane, position }) => ({
    position: Number(position),
    lane,
    eventId: event_id
  }))
  // Every step once, and in the order of its lane.
  const wanted = all.map(({ eventId, lane, position }) => ({ position, lane, eventId }))
  assert.deepStrictEqual(byKey(written, ({ lane }) => lane), byKey(wanted, ({ lane }) => lane), "journal")
  assert.deepStrictEqual(yield* Projection.parked(Chains), [])
  assert.deepStrictEqual(yield* Projection.parked(Journal), [])
})

const options: Projection.RunOptions = { pageSize: 3, lease: "1 second", poll: "50 millis" }

const places = ["before", "within", "after", undefined] as const

/** Two processes share the work; the first is frozen within a transaction of each projection. */
const frozenWithin = Effect.fnUntraced(function*(url: string, random: (below: number) => number) {
  yield* walk(random, 10)
  const first = yield* start(url, { run: "projections", options, stop: { at: 4, when: "twice" } })
  yield* hear(first, "stopped")
  const second = yield* start(url, { run: "projections", options })
  yield* hear(second, "opened")
  yield* hear(second, "opened")
  yield* first.send("go on")
  yield* hear(first, "stopped")
  yield* signal(first, "SIGSTOP")
  return { first, second }
})

describe.skipIf(TestServer.skipped !== undefined)("projections in processes on a server", () => {
  test("that are killed in mid-batch, one after the other: every effect once, in the order of its key", (url) =>
    Effect.gen(function*() {
      const seed = Number(process.env.VARVE_PROCESSES_SEED ?? Math.floor(Math.random() * 1_000_000))
      console.log(`VARVE_PROCESSES_SEED=${seed}`)
      const random = randomOf(seed)
      let earlier: Program.Program | undefined
      for (let round = 0; round < 6; round++) {
        yield* walk(random, 10)
        const when = places[(round + random(2)) % places.length]
        const at = 1 + random(4)
        const program = yield* start(url, {
          run: "projections",
          options: { ...options, partitions: 1 + random(3) },
          stop: when === undefined ? undefined : { at, when }
        })
        // It begins while the one before it still has its leases, and may be in the middle of a transaction.
        yield* hear(program, "running")
        if (earlier !== undefined) yield* earlier.kill
        yield* hear(program, when === undefined ? `committed ${at}` : "stopped")
        // Where it has stopped nothing of it goes on.
        yield* when === undefined ? program.kill : signal(program, "SIGSTOP")
        earlier = program
      }
      yield* walk(random, 5)
      const last = yield* start(url, { run: "projections", options })
      yield* hear(last, "running")
      yield* earlier!.kill
      yield* judge
    }))

  slow(
    "of which the first is frozen before a batch, and wakes up: its batch is not taken, and it waits",
    (url) =>
      Effect.gen(function*() {
        const random = randomOf(1)
        yield* walk(random, 10)
        const first = yield* start(url, { run: "projections", options, stop: { at: 3, when: "before" } })
        yield* hear(first, "stopped")
        yield* signal(first, "SIGSTOP")
        const second = yield* start(url, { run: "projections", options })
        yield* judge
        yield* first.send("go on")
        yield* signal(first, "SIGCONT")
        yield* hear(first, "answered Lost")
        yield* walk(random, 5)
        yield* judge
        // What was the second one's is the first one's again.
        yield* second.kill
        yield* walk(random, 5)
        yield* judge
      })
  )

  slow(
    "of which the first is frozen inside of a transaction, longer than its lease: its batch is taken, once",
    (url) =>
      Effect.gen(function*() {
        const random = randomOf(2)
        const { first } = yield* frozenWithin(url, random)
        // The second has what it can have, and the leases of the first are over.
        const both = Effect.all([Projection.status(Chains), Projection.status(Journal)])
        yield* until(both, (found) => {
          const all = found.flatMap(Option.toArray)
          return all.some(({ lag, owners }) => lag.events === 0 && owners.length === 1)
            && all.some(({ owners }) => owners.length === 0)
        })
        yield* first.send("go on")
        yield* signal(first, "SIGCONT")
        yield* walk(random, 5)
        yield* judge
      })
  )

  slow(
    "of which the first is frozen inside of a transaction until the server ends it: it wakes up, and goes on",
    (url) =>
      Effect.gen(function*() {
        const random = randomOf(5)
        const { first, second } = yield* frozenWithin(url, random)
        // The server gives a transaction 10 seconds to do something.
        yield* judge
        yield* first.send("go on")
        yield* signal(first, "SIGCONT")
        yield* hear(first, "owns 0")
        yield* second.kill
        yield* walk(random, 5)
        yield* judge
      })
  )

  slow("whose transaction takes longer than the lease: it is theirs all the same", (url) =>
    Effect.gen(function*() {
      const random = randomOf(4)
      yield* walk(random, 10)
      const program = yield* start(url, { run: "projections", options, stop: { at: 2, when: "within" } })
      yield* hear(program, "stopped")
      yield* start(url, { run: "projections", options })
      // Nobody renews a lease of a checkpoint that its own transaction has locked.
      const both = Effect.all([Projection.status(Chains), Projection.status(Journal)])
      yield* until(both, (found) => found.flatMap(Option.toArray).some(({ owners }) => owners.length === 0))
      // It asks for its leases three times in each, for two projections: the last times it is without.
      yield* Effect.repeat(hear(program, "owns 1"), { times: 12 })
      yield* program.send("go on")
      yield* hear(program, "committed 2")
      yield* judge
    }))

  test("of a subscription, of which the first is frozen and wakes up: at least once, in the order of each key", (url) =>
    Effect.gen(function*() {
      const random = randomOf(3)
      const sql = yield* PgClient.PgClient
      yield* sql`CREATE TABLE deliveries (
        place bigint GENERATED ALWAYS AS IDENTITY, position bigint, key text, process integer)`
      yield* walk(random, 12)
      const run: Orders = { run: "subscription", options: { ...options, pageSize: 8 } }
      const first = yield* start(url, { ...run, stop: { at: 5, when: "before" } })
      yield* hear(first, "stopped")
      yield* signal(first, "SIGSTOP")
      const second = yield* start(url, run)
      yield* Steps.whenCaughtUp({ timeout: patience })
      const deliveries = Effect.map(
        sql<{ position: string; key: string; process: number }>`
          SELECT position::text, key, process FROM deliveries ORDER BY place`,
        (all) => all.map((one) => ({ ...one, position: Number(one.position) }))
      )
      const [before, all] = [yield* deliveries, yield* taken]
      const own = before.filter((one) => one.process === first.pid)
      assert.deepStrictEqual(own.map(({ position }) => position), all.slice(0, 4).map(({ position }) => position))
      yield* first.send("go on")
      yield* signal(first, "SIGCONT")
      yield* hear(first, "owns 0")
      yield* walk(random, 5)
      yield* Steps.whenCaughtUp({ timeout: patience })
      // Whether it ends what it had in hand depends on what it hears of first; nothing else is its any more.
      const woken = (yield* deliveries).slice(before.length).filter((one) => one.process === first.pid)
      assert.includeMembers([all[4]!.position], woken.map(({ position }) => position))
      yield* second.kill
      yield* walk(random, 5)
      yield* Steps.whenCaughtUp({ timeout: patience })
      yield* judgeDeliveries(yield* deliveries, yield* taken)
    }))
})

/** Every step, and of every key by every process in order: what comes again comes in order again. */
const judgeDeliveries = (
  deliveries: ReadonlyArray<{ readonly position: number; readonly key: string; readonly process: number }>,
  all: ReadonlyArray<Taken>
) =>
  Effect.sync(() => {
    const first = new Map<number, string>()
    for (const { key, position } of deliveries) if (!first.has(position)) first.set(position, key)
    const found = byKey(Array.from(first, ([position, key]) => ({ position, key })), ({ key }) => key)
    const wanted = byKey(all.map(({ position, walk: key }) => ({ position, key })), ({ key }) => key)
    assert.deepStrictEqual(found, wanted, "in the order of their keys when they came first")
    for (const own of byKey(deliveries, ({ key, process }) => `${key} by ${process}`).values()) {
      const positions = own.map(({ position }) => position)
      assert.deepStrictEqual(
        positions,
        Array.from(new Set(positions)).sort((a, b) => a - b),
        "in order by each process"
      )
    }
  })
