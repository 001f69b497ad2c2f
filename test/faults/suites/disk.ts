/**
 * The disk of the server is full: that of its tables, and that of its write-ahead log, without which it cannot run. Small
 * ones in memory are filled up, and emptied again.
 */
import { Effect, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import { chownSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type * as PostgresServer from "../../support/PostgresServer.ts"
import { conclude } from "../conclude.ts"
import { Crew } from "../Crew.ts"
import * as Place from "../Place.ts"
import * as Plan from "../Plan.ts"
import { type Found, Lacks, server, type Suite, wanted } from "../Suite.ts"

/** How long all goes well, and how long the disk is full then; and how much room is left on it. */
export interface Round {
  readonly wellMillis: number
  readonly fullMillis: number
  readonly leftBytes: number
}

const roundSeconds = 3

/** The rounds of one of the two disks. */
export const plan = (seed: number, seconds: number): ReadonlyArray<Round> => {
  const chance = new Plan.Chance(seed)
  return Array.from({ length: Math.max(1, Math.round(seconds / roundSeconds)) }, () => ({
    wellMillis: chance.between(300, 800),
    fullMillis: chance.between(1_500, 2_500),
    leftBytes: chance.below(2) * chance.below(65_536)
  }))
}

/** Room for the tables of a run and for a write-ahead log, in MB. */
const dataMegabytes = 160
const walMegabytes = 48

/** Enough that files have to grow while the disk is full. */
const padding = { tables: 2_000, log: 20_000 }

/** How long it may take until appends pass again when there is room. */
const resumeSeconds = 30

const megabyte = Buffer.alloc(1 << 20)

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "varve-disk-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A disk in memory. */
const mount = (megabytes: number): Effect.Effect<string, Lacks, Scope.Scope> =>
  Effect.gen(function*() {
    if (process.platform !== "linux" || process.getuid?.() !== 0) {
      return yield* new Lacks({ reason: "a small tmpfs can be mounted by root on Linux only" })
    }
    const path = yield* folder
    const { status, stderr } = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0755`, "tmpfs", path], { encoding: "utf8" })
      ),
      ({ status }) => Effect.sync(() => status === 0 && spawnSync("umount", [path]))
    )
    if (status !== 0) return yield* new Lacks({ reason: `no tmpfs can be mounted here: ${stderr ?? "no mount"}` })
    // The server does not run as root.
    chownSync(path, 65534, 65534)
    return path
  })

/** Fills a disk up to some bytes. */
const fill = (disk: string, leftBytes: number): void => {
  const file = openSync(join(disk, "ballast"), "w")
  const keep = openSync(join(disk, "room"), "w")
  try {
    if (leftBytes > 0) writeSync(keep, megabyte, 0, leftBytes)
    for (let size = megabyte.length; size >= 512;) {
      try {
        // A file that has no room takes what there is, and then throws.
        writeSync(file, megabyte, 0, size)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
        size = size >> 1
      }
    }
  } catch (error) {
    // Not even for what is to be left.
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
  } finally {
    closeSync(file)
    closeSync(keep)
    rmSync(join(disk, "room"))
  }
}

/** Waits until something more is acknowledged. */
const resumes = (crew: Crew) =>
  Effect.gen(function*() {
    const before = crew.ledger.acknowledgements
    const until = performance.now() + resumeSeconds * 1_000
    while (crew.ledger.acknowledgements < before + 5) {
      if (performance.now() > until) return false
      yield* Effect.sleep("20 millis")
    }
    return true
  })

/** Lets the server remove the files of its log that it needs no more. */
const checkpoint = (url: string): Effect.Effect<void> =>
  Place.open(Place.server(url)).pipe(
    Effect.flatMap(({ sql }) => sql`CHECKPOINT`),
    Effect.scoped,
    Effect.orDie,
    Effect.asVoid
  )

const play = (
  disk: string,
  database: PostgresServer.PostgresServer,
  rounds: ReadonlyArray<Round>,
  seed: number,
  padding: number,
  before: Effect.Effect<void> = Effect.void
): Effect.Effect<Found, never, Scope.Scope> =>
  Effect.gen(function*() {
    const place = Place.server(database.url)
    const crew = new Crew(seed)
    const hands = [yield* crew.recruit(place, { inline: true }), yield* crew.recruit(place)]
    yield* crew.project(hands[1]!, ["Journal"])
    for (const hand of hands) yield* crew.work(hand, { padding })
    const stuck: Array<string> = []
    for (const { fullMillis, leftBytes, wellMillis } of rounds) {
      yield* Effect.sleep(wellMillis)
      yield* before
      fill(disk, leftBytes)
      yield* Effect.sleep(fullMillis)
      rmSync(join(disk, "ballast"))
      // Without room for its log it may have ended.
      yield* Effect.promise(database.restart)
      if (!(yield* resumes(crew))) stuck.push(`no append passes ${resumeSeconds} s after there is room again`)
    }
    yield* Effect.forEach(hands, (hand) => crew.finish(hand), { concurrency: "unbounded" })
    const full = [...crew.ledger.commits.values()].flatMap(({ attempts }) =>
      attempts.filter(({ outcome }) => outcome?.tag === "Unavailable" && outcome.message.includes("the disk is full"))
    )
    const failed = [...crew.ledger.commits.values()].flatMap(({ attempts }) =>
      attempts.filter(({ outcome }) => outcome?.tag === "Unavailable" || outcome?.tag === "OutcomeUnknown")
    )
    const { counts, violations } = yield* conclude(place, crew.ledger, ["Chains", "Journal"])
    return {
      counts: { ...counts, rounds: rounds.length, attemptsFailed: failed.length, toldThatFull: full.length },
      violations: [...stuck, ...violations, ...wanted("attempts that failed", 1, failed.length)]
    }
  })

const data = (seed: number, seconds: number) =>
  Effect.gen(function*() {
    const disk = yield* mount(dataMegabytes)
    const log = yield* folder
    chownSync(log, 65534, 65534)
    const database = yield* server({ parent: disk, wal: join(log, "wal") })
    const found = yield* play(disk, database, plan(seed, seconds), seed, padding.tables)
    const told = wanted("attempts that were told that the disk is full", 1, found.counts.toldThatFull!)
    return { ...found, violations: [...found.violations, ...told] }
  }).pipe(Effect.scoped)

const log = (seed: number, seconds: number) =>
  Effect.gen(function*() {
    const disk = yield* mount(walMegabytes)
    // A file that is through is not used again, and none is removed while the disk is full.
    const settings = { max_wal_size: "1GB", min_wal_size: "2MB", wal_recycle: "off" }
    const database = yield* server({ wal: join(disk, "wal"), walFile: 1, settings })
    return yield* play(disk, database, plan(seed + 1, seconds), seed, padding.log, checkpoint(database.url))
  }).pipe(Effect.scoped)

/** Sums of both. */
const add = (one: Found["counts"], other: Found["counts"]): Found["counts"] =>
  Object.fromEntries(Object.entries(one).map(([name, count]) => [name, count + (other[name] ?? 0)]))

export const suite: Suite = {
  name: "disk",
  about: "the disk of the tables, and that of the write-ahead log, is full",
  seconds: 15,
  run: ({ seconds, seed }) =>
    Effect.gen(function*() {
      const tables = yield* data(seed, seconds / 2)
      const wal = yield* log(seed, seconds / 2)
      return {
        counts: add(tables.counts, wal.counts),
        violations: [
          ...tables.violations.map((violation) => `disk of the tables: ${violation}`),
          ...wal.violations.map((violation) => `disk of the log: ${violation}`)
        ]
      }
    })
}
