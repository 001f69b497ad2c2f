import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { EventStore } from "../../EventStore.ts"
import type { EventStoreError } from "../../EventStoreError.ts"
import {
  type Batch,
  type Committed,
  type Entry,
  type Lease,
  type Parked,
  type RowKey,
  RowStore,
  type RowWrite,
  type StoredRow,
  type Target
} from "../../RowStore.ts"
import { StoreAdmin } from "../../StoreAdmin.ts"
import * as StoredEvent from "../../StoredEvent.ts"
import { type ContractFailure, type Failure, Fixture, guarded } from "./fixture.ts"

/** What a case needs beyond rows and checkpoints. See `RowStoreContract.Capability`. */
export type Capability = "inline" | "moves" | "transactions"

/** A case before it has a store. */
export interface Definition {
  readonly name: string
  readonly body: (t: RowFixture) => Effect.Effect<void, Failure, Scope.Scope>
  readonly needs: Capability | undefined
}

export const define = (name: string, body: Definition["body"], needs?: Capability): Definition => ({
  name,
  body,
  needs
})

/** A row with little in it, under the tenant of who has none. */
export const row = (
  key: string,
  position: number,
  more: Partial<Omit<RowWrite, "key" | "position">> = {}
): RowWrite => ({
  tenant: "",
  key,
  value: JSON.stringify({ at: position }),
  position,
  index: 0,
  sorts: [],
  ...more
})

export const tombstone = (
  key: string,
  position: number,
  more: Partial<Pick<RowWrite, "index" | "tenant">> = {}
): RowWrite => row(key, position, { ...more, value: null })

/** An event that waits, of a number that tells it apart. */
export const waiting = (
  key: string,
  position: number,
  more: Partial<Omit<Parked, "key" | "position">> = {}
): Parked => ({
  tenant: "",
  key,
  position,
  index: 0,
  eventId: `event-${position}`,
  type: "Happened",
  attempts: 0,
  cause: "",
  parkedAt: DateTime.makeUnsafe(1_700_000_000_000 + position),
  due: false,
  ...more
})

/** Keys of the tenant of who has none. */
export const keysOf = (...keys: ReadonlyArray<string>): ReadonlyArray<RowKey> =>
  keys.map((key) => ({ tenant: "", key }))

/** As text is compared everywhere: bytewise as UTF-8, which is by code points. */
export const compareText = (a: string, b: string): number => {
  const [left, right] = [Array.from(a), Array.from(b)]
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

/** A row so that it can be compared: JSON is not its text, and rows under some keys come in any order. */
const plain = ({ index, key, position, tenant, value }: StoredRow) => ({
  tenant,
  key,
  position,
  index,
  value: value === null ? "tombstone" : { json: StoredEvent.parseJson(value) }
})

export const inOrder = (rows: ReadonlyArray<StoredRow>): ReadonlyArray<ReturnType<typeof plain>> => rows.map(plain)

export const inAnyOrder = (rows: ReadonlyArray<StoredRow>): ReadonlyArray<ReturnType<typeof plain>> =>
  inOrder(rows).toSorted((a, b) => compareText(a.tenant, b.tenant) || compareText(a.key, b.key))

/** How long a lease is that nobody waits for. */
export const longLease = Duration.minutes(5)

/** A lease that has soon run out. */
export const shortLease = Duration.millis(20)

/** Most times that a case asks until something is so, and the pause between. */
const asks = 1_000
const askMillis = 5

/** What a case works with: a row store beside its event store, and names that no other case has. */
export class RowFixture extends Fixture {
  readonly rows: RowStore["Service"]

  constructor(
    name: string,
    seed: string,
    store: EventStore["Service"],
    admin: StoreAdmin["Service"],
    rows: RowStore["Service"],
    start: number
  ) {
    super(name, seed, store, admin, start)
    this.rows = rows
  }

  /** A projection of this run of the case. */
  target(name = "Rows", revision = 1): Target {
    return { kind: "projection", name: this.category(name), revision }
  }

  /** A projection that is open and at 0, unless told. */
  opened(options: {
    readonly name?: string
    readonly revision?: number
    readonly partitions?: number
    readonly position?: number
    readonly mode?: Entry["mode"]
  } = {}): Effect.Effect<Target, EventStoreError> {
    const { mode = "async", name, revision, ...where } = options
    const target = this.target(name, revision)
    return Effect.as(this.rows.open({ target, mode, ...where }), target)
  }

  /** A batch for the first partition, by nobody in particular. */
  batch(target: Target, parts: Pick<Batch, "from" | "to"> & Partial<Batch>): Batch {
    return {
      target,
      partition: 0,
      fence: undefined,
      rows: [],
      park: [],
      unpark: [],
      rate: 0,
      lease: longLease,
      ...parts
    }
  }

  /** Commits a batch, and fails unless it becomes of it what was expected. */
  commits(
    what: string,
    batch: Batch,
    expected: Committed = "Committed",
    within?: Effect.Effect<void>
  ): Effect.Effect<void, Failure> {
    return Effect.flatMap(this.rows.commit(batch, within), (actual) => this.equal(what, actual, expected))
  }

  /** Commits rows as the first batch of a target. */
  holding(target: Target, to: number, ...rows: ReadonlyArray<RowWrite>): Effect.Effect<void, Failure> {
    return this.commits("the first batch", this.batch(target, { from: 0, to, rows }))
  }

  /** The entry of a target, as far as the store tells. */
  entry({ kind, name, revision }: Target): Effect.Effect<Entry, Failure> {
    return Effect.flatMap(this.rows.entries({ kind, name }), (entries) => {
      const found = entries.filter(({ target }) => target.revision === revision)
      return found.length === 1
        ? Effect.succeed(found[0]!)
        : Effect.fail(this.fail(`entries of ${name}, revision ${revision}`, "1", `${found.length}`))
    })
  }

  /** Checkpoints of a target, by partition. */
  positions(target: Target): Effect.Effect<ReadonlyArray<number>, Failure> {
    return Effect.map(this.entry(target), ({ checkpoints }) => checkpoints.map(({ position }) => position))
  }

  /** Fails unless the rows under some keys, tombstones included, are these. */
  loads(
    what: string,
    target: Target,
    keys: ReadonlyArray<RowKey>,
    ...expected: ReadonlyArray<StoredRow>
  ): Effect.Effect<void, Failure> {
    return Effect.flatMap(
      this.rows.load(target, keys),
      ({ rows }) => this.equal(what, inAnyOrder(rows), inAnyOrder(expected))
    )
  }

  /** All parked events of a target. */
  waits(target: Target): Effect.Effect<ReadonlyArray<Parked>, EventStoreError> {
    return this.rows.parked({ target, limit: 1_000 })
  }

  /** Fails unless the parked events of a target are these, in this order. */
  parks(what: string, target: Target, ...expected: ReadonlyArray<Parked>): Effect.Effect<void, Failure> {
    return Effect.flatMap(this.waits(target), (actual) => this.equal(what, actual, expected))
  }

  /** All that is stored of a target and some keys of it. */
  snapshot(target: Target, keys: ReadonlyArray<RowKey>): Effect.Effect<object, Failure> {
    return Effect.gen({ self: this }, function*() {
      const { parked, rows } = yield* this.rows.load(target, keys)
      return {
        entry: yield* this.entry(target),
        rows: inAnyOrder(rows),
        keys: parked.map(({ key, tenant }) => `${tenant}/${key}`).toSorted(),
        parked: yield* this.waits(target)
      }
    })
  }

  /** Fails when anything that is stored of a target has changed by the effect. */
  unchanged(
    what: string,
    target: Target,
    keys: ReadonlyArray<RowKey>,
    effect: Effect.Effect<unknown, Failure>
  ): Effect.Effect<void, Failure> {
    return Effect.gen({ self: this }, function*() {
      const before = yield* this.snapshot(target, keys)
      yield* effect
      yield* this.equal(`what is stored ${what}`, yield* this.snapshot(target, keys), before)
    })
  }

  /** The leases that an owner gets, by partition. */
  leases(
    target: Target,
    owner: string,
    options: { readonly lease?: Duration.Duration; readonly most?: number } = {}
  ): Effect.Effect<ReadonlyArray<Lease>, EventStoreError> {
    const { lease = longLease, most } = options
    return Effect.map(
      this.rows.acquire({ target, owner, lease, most }),
      ({ leases }) => leases.toSorted((a, b) => a.partition - b.partition)
    )
  }

  /** The one lease of a target of one partition. */
  lease(target: Target, owner: string, lease = longLease): Effect.Effect<Lease, Failure> {
    return Effect.flatMap(this.leases(target, owner, { lease }), (leases) =>
      leases.length === 1
        ? Effect.succeed(leases[0]!)
        : Effect.fail(this.fail(`leases of ${owner}`, "1", leases)))
  }

  /** The value of an option that must have one. */
  some<A>(what: string, option: Option.Option<A>): Effect.Effect<A, ContractFailure> {
    return Option.isSome(option) ? Effect.succeed(option.value) : Effect.fail(this.fail(what, "some", "none"))
  }

  /** Asks again and again until there is an answer. */
  eventually<A>(
    what: string,
    ask: Effect.Effect<Option.Option<A>, Failure>
  ): Effect.Effect<A, Failure> {
    return Effect.gen({ self: this }, function*() {
      for (let i = 0; i < asks; i++) {
        const answer = yield* ask
        if (Option.isSome(answer)) return answer.value
        yield* Effect.sleep(askMillis)
      }
      return yield* this.fail(what, `within ${asks} times asked`, "never")
    })
  }

  /** Moves a target again and again, until the time is another that its checkpoint says it last moved at. */
  movesInTime(target: Target, move: Effect.Effect<unknown, Failure>): Effect.Effect<void, Failure> {
    const movedAt = Effect.map(this.entry(target), ({ checkpoints: [{ movedAt }] }) => movedAt.epochMilliseconds)
    return Effect.gen({ self: this }, function*() {
      const before = yield* movedAt
      const moved = Effect.map(Effect.andThen(move, movedAt), (at) => at === before ? Option.none() : Option.some(at))
      const at = yield* this.eventually("another time when the checkpoint moved", moved)
      yield* this.holds("when it moved", at > before, `later than ${before}`, at)
    })
  }

  /** Waits until some leases, of anybody, are somebody's who asks again and again. */
  takesOver(target: Target, owner: string, count = 1): Effect.Effect<ReadonlyArray<Lease>, Failure> {
    const ask = Effect.map(
      this.leases(target, owner),
      (leases) => leases.length >= count ? Option.some(leases) : Option.none()
    )
    return this.eventually(`leases that have run out, for ${owner}`, ask)
  }
}

/** Runs a case against the store in its environment. */
export const run = (
  { body, name }: Definition,
  seed: string
): Effect.Effect<void, ContractFailure, EventStore | RowStore | StoreAdmin> =>
  guarded(
    name,
    Effect.scoped(Effect.gen(function*() {
      const store = yield* EventStore
      const admin = yield* StoreAdmin
      const rows = yield* RowStore
      const start = yield* store.head
      yield* body(new RowFixture(name, seed, store, admin, rows, start))
    }))
  )
