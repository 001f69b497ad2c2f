import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { EventStoreError, Refused } from "../EventStoreError.ts"
import * as Limits from "../Limits.ts"
import * as ProgramStore from "../ProgramStore.ts"
import { formerOf, type Known, knownOf, placeOf, readableBy } from "./programReads.ts"
import * as text from "./text.ts"

/** A program as it is kept. */
interface Kept extends ProgramStore.Program {
  /** Milliseconds since 1970. */
  readonly until: number
  readonly known: Known
}

const refuse = (reason: Refused) => Effect.fail(new EventStoreError({ operation: "programs", reason }))

const byPlace = (a: ProgramStore.Readable, b: ProgramStore.Readable): number =>
  text.compare(a.category, b.category) || text.compare(a.type, b.type)

/** Keeps programs in memory. Every method is one synchronous step: a transaction. */
export const make = (): ProgramStore.ProgramStore["Service"] => {
  const programs = new Map<string, Kept>()
  const opened = new Map<string, ProgramStore.Opened>()

  /** When anybody was heard of last, in milliseconds since 1970. */
  let heardAt: number | undefined

  /** A silence of all is no program's own: the store could not be reached, or its clock was put forward. */
  const hear = ({ expiry }: ProgramStore.Entry, now: DateTime.Utc): void => {
    const silence = now.epochMilliseconds - (heardAt ?? now.epochMilliseconds)
    heardAt = now.epochMilliseconds
    const uncounted = silence - Duration.toMillis(expiry) / 3
    if (uncounted <= 0) return
    for (const kept of programs.values()) programs.set(kept.id, { ...kept, until: kept.until + uncounted })
  }

  const forgetExpired = (now: DateTime.Utc): void => {
    for (const { id, until } of programs.values()) {
      if (until <= now.epochMilliseconds) programs.delete(id)
    }
  }

  /** The revision of what is wanted that may be written, from now on. */
  const open = (write: ProgramStore.Wanted, by: string, at: DateTime.Utc): number => {
    const { category, formerly, type } = write
    const alive = Array.from(programs.values(), ({ known }) => known)
    // Whatever others may write: it would take the place of what somebody reads.
    if (alive.some((known) => formerOf(known, write, formerly) !== undefined)) return 0
    const before = opened.get(placeOf(write))
    const readable = alive.map((known) => readableBy(known, write) ?? write.revision)
    const revision = Math.max(before?.revision ?? 0, Math.min(write.revision, ...readable))
    if (revision === 0) return 0
    const next = before?.revision === revision ? before : { category, type, revision, by, at }
    const former = new Set([...before?.formerly ?? [], ...formerly])
    opened.set(placeOf(write), { ...next, formerly: Array.from(former).sort(text.compare) })
    return revision
  }

  const enter = (entry: ProgramStore.Entry, now: DateTime.Utc): Refused | ReadonlyArray<ProgramStore.Readable> => {
    hear(entry, now)
    forgetExpired(now)
    if (!programs.has(entry.id) && programs.size >= Limits.programs) return ProgramStore.tooMany(entry)
    const known = knownOf(entry.reads)
    for (const one of Array.from(opened.values()).sort(byPlace)) {
      const reads = readableBy(known, one)
      if (reads !== undefined && reads < one.revision) return ProgramStore.beyond(entry, one, reads)
      const former = formerOf(known, one, one.formerly)
      if (former !== undefined) return ProgramStore.passesOver(entry, one, former)
    }
    const { expiry, id, name, reads } = entry
    const until = now.epochMilliseconds + Duration.toMillis(expiry)
    programs.set(id, { id, name, reads, seenAt: now, until, known })
    return entry.writes.map((write) => ({
      category: write.category,
      type: write.type,
      revision: open(write, name, now)
    }))
  }

  return {
    enter: (entry) =>
      Effect.flatMap(DateTime.now, (now) => {
        const wrong = ProgramStore.check(entry)
        const answer = wrong ?? enter(entry, now)
        return answer instanceof Refused ? refuse(answer) : Effect.succeed(answer)
      }),
    leave: (id) => Effect.sync(() => void programs.delete(id)),
    programs: Effect.map(
      DateTime.now,
      (now) =>
        Array.from(programs.values()).filter(({ until }) => until > now.epochMilliseconds).map(
          ({ id, name, reads, seenAt }) => ({ id, name, reads: reads.toSorted(byPlace), seenAt })
        ).sort((a, b) => text.compare(a.name, b.name) || text.compare(a.id, b.id))
    ),
    writable: Effect.sync(() => Array.from(opened.values()).sort(byPlace))
  }
}
