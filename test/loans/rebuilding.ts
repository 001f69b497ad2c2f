/**
 * Builds a second revision of `Applications` beside the first, while a writer goes on with the log and readers go on
 * asking. Every answer is held against the lines of the log: it is the row after some of them, and never of fewer than
 * the answer before.
 */
import { EventStore, Projection, Rebuild, RowStore } from "@varve/core"
import { Deferred, Effect, Fiber, Option, Ref, Schedule, Stream } from "effect"
import * as assert from "node:assert/strict"
import { type Application, Applications } from "../../examples/loans/src/Applications.ts"
import * as Import from "../../examples/loans/src/Import.ts"
import { LoanApplication, Stage } from "../../examples/loans/src/LoanApplication.ts"
import type { LogLine } from "../../examples/loans/src/LogLine.ts"
import * as log from "./log.ts"
import * as reference from "./reference.ts"
import { Revised } from "./revised.ts"

const partitions = 4

const readerCount = 3

/** Rows of one page that a reader lists. */
const pageSize = 50

/** A wait for what another fiber does ends in an error, not in a hang. */
const patience = "120 seconds"

// --- The log in three parts --------------------------------------------------

/** A writer that imports a log, and stops before the second and the third part of it until it is told to go on. */
const writer = Effect.fnUntraced(function*(lines: ReadonlyArray<LogLine>) {
  const checked = yield* log.check(lines)
  const cuts = [Math.floor(lines.length / 3), Math.floor(lines.length * 2 / 3)] as const
  const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
  const parts = [lines.slice(0, cuts[0]), lines.slice(cuts[0], cuts[1]), lines.slice(cuts[1])]
  const bytes = parts.map((part, i) =>
    i === 0 ? log.bytes(part) : Stream.unwrap(Effect.as(Deferred.await(gates[i - 1]!), log.bytes(part)))
  )
  const fiber = yield* Effect.forkScoped(
    Import.run(bytes.slice(1).reduce((all, part) => Stream.concat(all, part), bytes[0]!), checked)
  )
  const store = yield* EventStore.EventStore
  return {
    /** Events that are there when a part is written: its last commit waits for the line that ends it. */
    heads: {
      first: checked.starts.findLast((start) => start <= cuts[0])! - 1,
      second: checked.starts.findLast((start) => start <= cuts[1])! - 1,
      third: lines.length
    },
    goOn: (part: 0 | 1) => Deferred.succeed(gates[part], undefined),
    /** Waits until so many events are stored. Fails when the import does. */
    until: (head: number) =>
      Effect.raceFirst(
        Effect.repeat(store.head, { until: (now) => now >= head, schedule: Schedule.spaced("10 millis") }),
        // A writer that has ended well has written everything.
        Effect.andThen(Fiber.join(fiber), store.head)
      ).pipe(Effect.timeout(patience))
  }
})

// --- Readers -----------------------------------------------------------------

/** Holds answers against the lines. */
class Witness {
  reads = 0
  rows = 0
  private readonly linesOf: Map<string, ReadonlyArray<LogLine>>

  constructor(lines: ReadonlyArray<LogLine>) {
    this.linesOf = reference.group(lines, ({ application }) => application)
  }

  /** The row is that of the first lines of its application, of `least` or more. Answers with how many they are. */
  saw(key: string, row: Application, least: number): number {
    const lines = this.linesOf.get(key)!
    this.rows++
    assert.ok(row.events >= least, `${key}: a row of ${row.events} events came after one of ${least}`)
    assert.deepEqual(reference.plain(row), reference.applicationOf(lines.slice(0, row.events)), key)
    return row.events
  }
}

/** Asks for one application after the other. `keys` are there from the beginning, so there is never none. */
const readsRows = (witness: Witness, keys: ReadonlyArray<string>, offset: number) =>
  Effect.gen(function*() {
    const known = new Map<string, number>()
    for (let i = offset;; i += 7) {
      const key = keys[i % keys.length]!
      const row = yield* Applications.get(key)
      assert.ok(Option.isSome(row), `${key}: there is no row any more`)
      known.set(key, witness.saw(key, row.value, known.get(key) ?? 1))
      witness.reads++
      yield* Effect.yieldNow
    }
  })

/** Asks for pages of applications in a stage, and how many there are at all, again and again. */
const readsLists = (witness: Witness) =>
  Effect.gen(function*() {
    let least = 1
    for (let i = 0;; i++) {
      const stage = Stage.literals[i % Stage.literals.length]!
      const { rows } = yield* Applications.list({ index: "stage", where: { stage }, limit: pageSize })
      for (const { key, row } of rows) {
        assert.equal(row.stage, stage)
        witness.saw(key, row, 1)
      }
      const count = yield* Applications.count()
      assert.ok(count >= least, `${count} rows came after ${least}`)
      least = count
      witness.reads += 2
      yield* Effect.yieldNow
    }
  })

/** Readers that ask until the scope closes. The first that gets a wrong answer ends the program that waits for them. */
const readers = (witness: Witness, keys: ReadonlyArray<string>) =>
  Effect.forkScoped(Effect.all([
    ...Array.from({ length: readerCount }, (_, i) => readsRows(witness, keys, i)),
    readsLists(witness)
  ], { concurrency: "unbounded", discard: true }))

// --- The rebuild -------------------------------------------------------------

/** Waits until both revisions have seen so many events. Readers get the rows of one of them only. */
const bothLevel = (head: number) =>
  Effect.flatMap(
    RowStore.RowStore,
    ({ entries }) =>
      Effect.repeat(entries({ kind: "projection", name: Applications.tag }), {
        until: (found) => found.every(({ checkpoints }) => checkpoints.every(({ position }) => position >= head)),
        schedule: Schedule.spaced("10 millis")
      })
  ).pipe(Effect.timeout(patience))

/** Compares every row of both revisions. */
const bothAgree = Effect.fnUntraced(function*(rows: number) {
  const { differing, equal, left, right } = yield* Rebuild.compare(Revised, { with: Applications.revision })
  assert.deepEqual(differing, [])
  assert.deepEqual([left.rows, right.rows, equal], [rows, rows, rows])
})

/** What came of it. */
export interface Outcome {
  /** Answers that readers got, and rows in them, before the switch and after it. */
  readonly before: { readonly reads: number; readonly rows: number }
  readonly after: { readonly reads: number; readonly rows: number }
  readonly built: number
}

/** Goes through with it. Dies where an answer, or a comparison, is wrong. Needs an empty store. */
export const run = Effect.fnUntraced(function*(lines: ReadonlyArray<LogLine>) {
  const writing = yield* writer(lines)
  const { first, second, third } = writing.heads
  const upTo = (head: number) => new Set(lines.slice(0, head).map(({ application }) => application))
  yield* writing.until(first)
  yield* Applications.whenCaughtUp({ timeout: patience })

  const witness = new Witness(lines)
  const reading = yield* readers(witness, Array.from(upTo(first)))
  const built = yield* Ref.make(0)
  const rebuild = Rebuild.build(Revised, { aggregates: [LoanApplication], partitions }).pipe(
    Stream.runForEach(({ events }) => Ref.update(built, (most) => Math.max(most, events)))
  )
  /** As long as the readers get right answers. */
  const watched = <A, E, R>(program: Effect.Effect<A, E, R>) => Effect.raceFirst(program, Fiber.join(reading))

  yield* watched(Effect.all([Effect.andThen(writing.goOn(0), writing.until(second)), rebuild], {
    concurrency: "unbounded",
    discard: true
  }))
  // The writer may have ended behind the rebuild.
  yield* watched(rebuild)
  yield* watched(Applications.whenCaughtUp({ timeout: patience }))
  yield* watched(bothAgree(upTo(second).size))
  const before = { reads: witness.reads, rows: witness.rows }

  yield* watched(Rebuild.switchTo(Revised))
  yield* Effect.forkScoped(Projection.run([Revised]))
  yield* writing.goOn(1)
  yield* watched(writing.until(third))
  yield* watched(Applications.whenCaughtUp({ timeout: patience }))
  yield* watched(bothLevel(third))
  yield* watched(bothAgree(upTo(third).size))
  const outcome: Outcome = {
    before,
    after: { reads: witness.reads - before.reads, rows: witness.rows - before.rows },
    built: yield* Ref.get(built)
  }
  return outcome
}, Effect.scoped)
