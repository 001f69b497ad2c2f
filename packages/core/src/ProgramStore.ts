/**
 * Which programs are at work on a store, and what they can read: what a rolling deploy goes by.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import { type EventStoreError, Refused } from "./EventStoreError.ts"
import * as checks from "./internal/check.ts"
import * as Limits from "./Limits.ts"

/**
 * A stored type in a category, and a revision of it: the newest that a program can read, or one that may be written.
 *
 * **Details**
 *
 * A program that reads a type whatever its category, as a projection of foreign events does, says `""`. It asks for the
 * types that it knows; one that names a category reads whole streams of it, and must know every type that is written
 * there. One that takes only some of what an event was split into names the rest as well, in the highest revision: it knows
 * them, and passes over them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Readable {
  readonly category: string
  readonly type: string
  /** 0 where it is not to be written at all. */
  readonly revision: number
}

/**
 * What a program wants to write: a type of a category, and the newest revision that it wants to write it in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wanted extends Readable {
  /**
   * Other types under which what is written here was stored before: the event was renamed, or another was split into it. Who
   * reads one of them whatever its category, and does not know this type, passes over what is written.
   */
  readonly formerly: ReadonlyArray<string>
}

/**
 * A revision that may be written, and since when.
 *
 * @category models
 * @since 0.1.0
 */
export interface Opened extends Readable {
  /** Types under which it was stored before, of all that were said when it might be written, in their order. */
  readonly formerly: ReadonlyArray<string>
  /** Name of the program that was the first to be told so. */
  readonly by: string
  readonly at: DateTime.Utc
}

/**
 * A program at work on the store.
 *
 * @category models
 * @since 0.1.0
 */
export interface Program {
  /** A UUID of this process. */
  readonly id: string
  /** What its owner calls it, and its release: for messages. */
  readonly name: string
  readonly reads: ReadonlyArray<Readable>
  /** When it was last heard of. */
  readonly seenAt: DateTime.Utc
}

/**
 * What a program says of itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  /** A UUID in lower case, of this process. */
  readonly id: string
  /** 1 to 512 bytes. */
  readonly name: string
  /** Each type of a category once. */
  readonly reads: ReadonlyArray<Readable>
  /** What it wants to write: each type of a category once. */
  readonly writes: ReadonlyArray<Wanted>
  /** For how long it counts as alive without being heard of again: it is to enter again within a third of it. */
  readonly expiry: Duration.Duration
}

/**
 * Keeps which programs are at work on a store, and which revisions may be written.
 *
 * **Details**
 *
 * What may be written only ever rises: a revision that every program alive could read once is read by everybody who comes
 * later, or they are refused. So no program ever meets an event that it cannot read, unless it was taken for dead.
 *
 * A silence of all is no program's own: the store could not be reached, or its clock was put forward. When nobody was heard
 * of for longer than a third of the `expiry` of who enters now, the rest of that time counts for none of them.
 *
 * What a program can read of a type in a category is what it says of that pair. Where it reads the category and does not
 * know the type it is nothing, revision 0. What it says of the type under the category `""` holds in every category, and
 * where it says both, the lower one counts. A program that says nothing of a type or its category does not mind, unless it
 * says under the category `""` that it reads a type that this one was stored under before: then it is nothing, revision 0.
 *
 * Under which types one was stored before is said by who writes it, and kept from when it may write it so. Until then it is
 * told 0 while a program is alive that would pass over it, also where others may write the type, who do not say that it took
 * the place of another. From then on a program that would pass over it is refused.
 *
 * The suite `ProgramStoreContract` of `@varve/core/testing` tells whether a store is right.
 *
 * @category services
 * @since 0.1.0
 */
export class ProgramStore extends Context.Service<ProgramStore, {
  /**
   * Enters a program, or hears of it again, and tells for each of `writes`, in their order, the newest revision up to
   * the one wanted that every program alive can read, itself included, and never less than what was told before: it may
   * be written from now on. 0 where nothing may. In one atomic step, by the clock of the store. `Refused`, and nothing
   * entered, when a revision may be written already that this program cannot read, or a type that it would pass over.
   */
  readonly enter: (entry: Entry) => Effect.Effect<ReadonlyArray<Readable>, EventStoreError>
  /** Forgets a program that ends. */
  readonly leave: (id: string) => Effect.Effect<void, EventStoreError>
  /** The programs alive, in the order of their names and ids. What they read is in the order of category and type. */
  readonly programs: Effect.Effect<ReadonlyArray<Program>, EventStoreError>
  /** The newest revisions that may be written, in the order of category and type, where any program was told of one. */
  readonly writable: Effect.Effect<ReadonlyArray<Opened>, EventStoreError>
}>()("@varve/core/ProgramStore") {}

/** Shortest and longest time without being heard of that a program can ask for. */
const leastExpiry = Duration.millis(1)
const mostExpiry = Duration.days(1)

const checkPlaces = (what: string, places: ReadonlyArray<Readable>, whole: boolean): Refused | undefined => {
  if (places.length > Limits.readsPerProgram) {
    return new Refused({
      what: `types that a program ${what}`,
      expected: `at most ${Limits.readsPerProgram}`,
      actual: `${places.length}`
    })
  }
  const seen = new Set<string>()
  for (const { category, revision, type } of places) {
    const wrong = (category === "" && !whole ? undefined : checks.name(`category that a program ${what}`, category))
      ?? checks.name(`type that a program ${what}`, type)
      ?? checks.int(`revision of ${type} that a program ${what}`, revision, 1, Limits.revisions)
    if (wrong !== undefined) return wrong
    const place = `${category}/${type}`
    if (seen.has(place)) {
      return new Refused({
        what: `types that a program ${what}`,
        expected: "each of a category once",
        actual: `${place} twice`
      })
    }
    seen.add(place)
  }
}

const checkFormer = (writes: ReadonlyArray<Wanted>): Refused | undefined => {
  let count = 0
  for (const { formerly, type } of writes) {
    count += formerly.length
    for (const former of formerly) {
      const wrong = checks.name(`type that ${type} was stored under before`, former)
      if (wrong !== undefined) return wrong
    }
  }
  return count <= Limits.readsPerProgram ? undefined : new Refused({
    what: "types that what a program writes was stored under before",
    expected: `at most ${Limits.readsPerProgram}`,
    actual: `${count}`
  })
}

/**
 * Why a program cannot be entered, whatever else is in the store; `undefined` when it can. For authors of stores.
 *
 * @category stores
 * @since 0.1.0
 */
export const check = ({ expiry, id, name, reads, writes }: Entry): Refused | undefined => {
  const wrong = checks.commitId("id of a program", id)
    ?? checks.text("name of a program", name, 1)
    ?? checkPlaces("reads", reads, false)
    ?? checkPlaces("writes", writes, true)
    ?? checkFormer(writes)
  if (wrong !== undefined) return wrong
  return Duration.isGreaterThanOrEqualTo(expiry, leastExpiry) && Duration.isLessThanOrEqualTo(expiry, mostExpiry)
    ? undefined
    : new Refused({
      what: `expiry of program ${name}`,
      expected: `${Duration.format(leastExpiry)} to ${Duration.format(mostExpiry)}`,
      actual: Duration.format(expiry)
    })
}

/**
 * Says that a program cannot read what may be written already. For authors of stores.
 *
 * **Details**
 *
 * `reads` is the newest revision that it can read; 0 when it does not know the type. Of several such types, those of
 * `passesOver` among them, that with the lowest category and then the lowest name is told.
 *
 * @category stores
 * @since 0.1.0
 */
export const beyond = (entry: Entry, opened: Opened, reads: number): Refused => {
  const { at, by, category, revision, type } = opened
  return new Refused({
    what: `program ${entry.name}`,
    expected: `one that reads revision ${revision} of ${type} in ${category}, which may be written since`
      + ` ${DateTime.formatIso(at)} (by ${by})`,
    actual: reads === 0 ? `one that reads ${category} and does not know the type` : `one that reads revision ${reads}`
  })
}

/**
 * Says that a program would pass over what may be written already, as it asks for it under a type of before: the lowest such
 * one is told. For authors of stores.
 *
 * @category stores
 * @since 0.1.0
 */
export const passesOver = (entry: Entry, opened: Opened, former: string): Refused => {
  const { at, by, category, type } = opened
  return new Refused({
    what: `program ${entry.name}`,
    expected: `one that knows ${type} of ${category}, in place of ${former}, which may be written since`
      + ` ${DateTime.formatIso(at)} (by ${by})`,
    actual: `one that reads ${former}, which is written as ${type} now, and does not know that`
  })
}

/**
 * Says that there are too many programs. For authors of stores.
 *
 * @category stores
 * @since 0.1.0
 */
export const tooMany = (entry: Entry): Refused =>
  new Refused({
    what: `program ${entry.name}`,
    expected: `at most ${Limits.programs} programs at a time`,
    actual: "one more"
  })
