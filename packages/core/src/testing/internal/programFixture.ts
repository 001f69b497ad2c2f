import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as CommitId from "../../CommitId.ts"
import { EventStore } from "../../EventStore.ts"
import type { EventStoreError } from "../../EventStoreError.ts"
import { type Entry, type Opened, type Program, ProgramStore, type Readable, type Wanted } from "../../ProgramStore.ts"
import { StoreAdmin } from "../../StoreAdmin.ts"
import { type ContractFailure, type Failure, Fixture, guarded } from "./fixture.ts"

/** A case before it has a store. */
export interface Definition {
  readonly name: string
  readonly body: (t: ProgramFixture) => Effect.Effect<void, Failure, Scope.Scope>
}

export const define = (name: string, body: Definition["body"]): Definition => ({ name, body })

/** An expiry that nobody waits for. */
export const longExpiry = Duration.minutes(5)

/** An expiry that soon is over. */
export const shortExpiry = Duration.millis(30)

/** Most times that a case asks until something is so, and the pause between. */
const asks = 1_000
const askMillis = 5

/** What a case works with: a program store, and categories, types and programs that no other case has. */
export class ProgramFixture extends Fixture {
  readonly programs: ProgramStore["Service"]

  constructor(
    name: string,
    seed: string,
    store: EventStore["Service"],
    admin: StoreAdmin["Service"],
    programs: ProgramStore["Service"]
  ) {
    super(name, seed, store, admin, 0)
    this.programs = programs
  }

  /** A type of this run of the case. */
  type(name: string): string {
    return this.category(name)
  }

  /** A type of this run in its category, or in one that is named; `""` stands for all. */
  at(type: string, revision: number, category = "Contract"): Wanted {
    return { category: category === "" ? "" : this.category(category), type: this.type(type), revision, formerly: [] }
  }

  /** A type of this run that was stored under others before. */
  over(place: Readable, ...formerly: ReadonlyArray<string>): Wanted {
    return { ...place, formerly: formerly.map((type) => this.type(type)) }
  }

  /** A program of this run, which nobody has entered yet. */
  entry(name: string, parts: Partial<Omit<Entry, "id" | "name">> = {}): Entry {
    return {
      id: CommitId.generateUnsafe(),
      name: this.tenant(name),
      reads: [],
      writes: [],
      expiry: longExpiry,
      ...parts
    }
  }

  /** A program that reads and writes one type of its category, up to a revision. */
  release(name: string, revision: number, parts: Partial<Omit<Entry, "id" | "name">> = {}): Entry {
    const places = [this.at("Happened", revision)]
    return this.entry(name, { reads: places, writes: places, ...parts })
  }

  /** Enters a program, which leaves when the case ends. */
  enter(entry: Entry): Effect.Effect<ReadonlyArray<Readable>, EventStoreError, Scope.Scope> {
    return Effect.tap(
      this.programs.enter(entry),
      () => Effect.addFinalizer(() => Effect.ignore(this.programs.leave(entry.id)))
    )
  }

  /** Enters a program, and fails unless it is told these revisions. */
  told(
    what: string,
    entry: Entry,
    ...revisions: ReadonlyArray<number>
  ): Effect.Effect<void, Failure, Scope.Scope> {
    const expected = entry.writes.map(({ category, type }, i) => ({ category, type, revision: revisions[i]! }))
    return Effect.flatMap(
      this.enter(entry),
      (answer) => this.equal(`what ${what} may write`, answer.map(plain), expected)
    )
  }

  /** The programs of this run that are alive, in the order that they are told in. */
  get alive(): Effect.Effect<ReadonlyArray<Program>, EventStoreError> {
    const run = this.tenant("")
    return Effect.map(this.programs.programs, (programs) => programs.filter(({ name }) => name.endsWith(run)))
  }

  /** Fails unless these programs of this run are alive, with what they read. */
  lives(what: string, ...entries: ReadonlyArray<Entry>): Effect.Effect<void, Failure> {
    const shown = ({ id, name, reads }: Pick<Program, "id" | "name" | "reads">) => ({
      id,
      name,
      reads: reads.map(plain).toSorted((a, b) => compare(a.category, b.category) || compare(a.type, b.type))
    })
    const expected = entries.toSorted((a, b) => compare(a.name, b.name) || compare(a.id, b.id))
    return Effect.flatMap(
      this.alive,
      (programs) =>
        this.equal(
          `programs alive ${what}`,
          programs.map((program) => ({ ...shown(program), reads: program.reads.map(plain) })),
          expected.map(shown)
        )
    )
  }

  /** What may be written of the categories of this run. */
  get opened(): Effect.Effect<ReadonlyArray<Opened>, EventStoreError> {
    const run = this.category("")
    return Effect.map(this.programs.writable, (writable) => writable.filter(({ category }) => category.endsWith(run)))
  }

  /** Fails unless these revisions may be written of the categories of this run. */
  opens(what: string, ...expected: ReadonlyArray<Readable>): Effect.Effect<void, Failure> {
    const sorted = expected.map(plain).toSorted((a, b) => compare(a.category, b.category) || compare(a.type, b.type))
    return Effect.flatMap(this.opened, (opened) => this.equal(`what may be written ${what}`, opened.map(plain), sorted))
  }

  /** Fails unless what may be written was stored before under these types, of those of this run. */
  followed(
    what: string,
    ...expected: ReadonlyArray<readonly [type: string, formerly: ReadonlyArray<string>]>
  ): Effect.Effect<void, Failure> {
    const places = expected.map(([type, formerly]) => [this.type(type), formerly.map((former) => this.type(former))])
    return Effect.flatMap(
      this.opened,
      (opened) => this.equal(`what it was stored under ${what}`, opened.map((one) => [one.type, one.formerly]), places)
    )
  }

  /** Asks again and again until something holds. */
  eventually(
    what: string,
    ask: Effect.Effect<boolean, Failure, Scope.Scope>
  ): Effect.Effect<void, Failure, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      for (let i = 0; i < asks; i++) {
        if (yield* ask) return
        yield* Effect.sleep(askMillis)
      }
      return yield* this.fail(what, `within ${asks} times asked`, "never")
    })
  }

  /** Waits until a program of this run is forgotten. */
  gone({ id, name }: Entry): Effect.Effect<void, Failure, Scope.Scope> {
    return this.eventually(
      `${name}, which nobody hears of, is forgotten`,
      Effect.map(this.alive, (programs) => programs.every((program) => program.id !== id))
    )
  }
}

/** What a place says, and nothing beside it. */
export const plain = ({ category, revision, type }: Readable): Readable => ({ category, type, revision })

/** Names of this suite are ASCII. */
const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

/** Runs a case against the store in its environment. */
export const run = (
  { body, name }: Definition,
  seed: string
): Effect.Effect<void, ContractFailure, EventStore | ProgramStore | StoreAdmin> =>
  guarded(
    name,
    Effect.scoped(Effect.gen(function*() {
      const store = yield* EventStore
      const admin = yield* StoreAdmin
      const programs = yield* ProgramStore
      yield* body(new ProgramFixture(name, seed, store, admin, programs))
    }))
  )
