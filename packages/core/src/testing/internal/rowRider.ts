import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Encoded, NewEvent, Receipt } from "../../Commit.ts"
import type { Inline, Prepared, RowKey, RowWrite, StoredRow, Target } from "../../RowStore.ts"
import * as StoredEvent from "../../StoredEvent.ts"
import type { Failure } from "./fixture.ts"
import { inAnyOrder, keysOf, row, type RowFixture, tombstone } from "./rowFixture.ts"

/** What a fold sees of an event. */
interface Seen extends RowKey {
  readonly type: string
  readonly n: unknown
  readonly position: number
}

/** Events that the rider counts, with a number of their own. */
export const counted = (...ns: Arr.NonEmptyReadonlyArray<number>): Arr.NonEmptyReadonlyArray<NewEvent> => {
  const [first, ...others] = ns.map((n): NewEvent => ({ type: "Counted", revision: 1, payload: { n } }))
  return [first!, ...others]
}

/** An event that removes the row of its stream. */
export const removed: NewEvent = { type: "Removed", revision: 1, payload: {} }

/** An event that the rider has nothing to do with. */
export const ignored: NewEvent = { type: "Ignored", revision: 1, payload: {} }

const idOf = ({ key, tenant }: RowKey): string => `${tenant}\n${key}`

interface Value {
  readonly ns: ReadonlyArray<unknown>
}

const valueOf = (row: StoredRow | undefined): Value =>
  row === undefined || row.value === null
    ? { ns: [] }
    // Written by `step`.
    : StoredEvent.parseJson(row.value) as unknown as Value

/** The fold: a row lists the numbers of the events of its stream. */
const step = (before: StoredRow | undefined, { key, n, position, tenant, type }: Seen): RowWrite => {
  if (type === "Removed") return tombstone(key, position, { tenant })
  const { ns, ...rest } = valueOf(before)
  const value = JSON.stringify({ ...rest, ns: [...ns, n] })
  return row(key, position, { tenant, value, sorts: [`${1_000 + ns.length}`] })
}

const fold = (rows: ReadonlyArray<StoredRow>, events: ReadonlyArray<Seen>): ReadonlyArray<RowWrite> => {
  const latest = new Map<string, StoredRow>(rows.map((row) => [idOf(row), row]))
  const written = new Map<string, RowWrite>()
  for (const event of events) {
    const write = step(latest.get(idOf(event)), event)
    latest.set(idOf(event), write)
    written.set(idOf(event), write)
  }
  return [...written.values()]
}

const folds = (type: string): boolean => type === "Counted" || type === "Removed"

/** How a rider differs from a good one. */
export interface Manner {
  /** Stays away from commits, or changes what it prepares. */
  readonly prepare?: (prepared: Prepared) => Prepared | undefined
  /** Does not catch up. */
  readonly lazy?: boolean
}

/** A projection written by hand that rides with appends: what it was asked, and what it should have made of it. */
export class Rider {
  readonly t: RowFixture
  readonly target: Target
  readonly manner: Manner
  /** Ids of the commits it was asked to prepare. */
  readonly prepared: Array<string> = []
  /** Positions it was told were missed. */
  readonly missed: Array<number> = []
  /** Heads at which it was asked to catch up. */
  readonly catchUps: Array<number> = []

  constructor(t: RowFixture, target: Target, manner: Manner) {
    this.t = t
    this.target = target
    this.manner = manner
  }

  /** Attaches it until the scope closes. */
  get attach(): Effect.Effect<void, never, Scope.Scope> {
    const { manner, missed, prepared, target } = this
    const inline: Inline = {
      target,
      prepare: (commits) => {
        prepared.push(...commits.map(({ id }) => id))
        const made = this.prepare(commits)
        return manner.prepare === undefined ? made : manner.prepare(made)
      },
      catchUp: Effect.gen({ self: this }, function*() {
        this.catchUps.push(yield* this.t.store.head)
        if (manner.lazy !== true) yield* this.catchUp
      }).pipe(Effect.orDie),
      missed: (position) => {
        missed.push(position)
      }
    }
    return this.t.rows.attach(inline)
  }

  private prepare(commits: ReadonlyArray<Encoded>): Prepared {
    const category = this.t.category()
    const seen = commits.map(({ events, streams }) =>
      events.map(({ payload, slot, type }) => {
        const { stream } = streams[slot]!
        // A payload is an object, and those of counted events have a number.
        const { n } = StoredEvent.parseJson(payload) as { readonly n?: unknown }
        return { tenant: stream.tenant, key: stream.id, type, n, ours: stream.category === category && folds(type) }
      })
    )
    const keys = new Map(
      seen.flat().filter(({ ours }) => ours).map((it) => [idOf(it), { tenant: it.tenant, key: it.key }])
    )
    return {
      keys: [...keys.values()],
      fold: (rows, accepted) => {
        const stored = seen.filter((_, i) => accepted[i] === true).flat().map((event, position) => ({
          ...event,
          position
        }))
        return fold(rows, stored.filter(({ ours }) => ours))
      }
    }
  }

  /** Events of the case that it folds, behind a position. */
  private seen(after: number): Effect.Effect<ReadonlyArray<Seen>, Failure> {
    return Effect.map(
      this.t.walk({ after, filter: { categories: [this.t.category()] } }),
      (pages) =>
        pages.flatMap(({ events }) => events).filter(({ type }) => folds(type)).map((event) => ({
          tenant: event.stream.tenant,
          key: event.stream.id,
          type: event.type,
          // Written by the case.
          n: (event.payload as { readonly n?: unknown }).n,
          position: event.position
        }))
    )
  }

  /** Brings the target to the head, like a runner behind a checkpoint. */
  get catchUp(): Effect.Effect<void, Failure> {
    return Effect.gen({ self: this }, function*() {
      const { rows, store } = this.t
      const [from = 0] = yield* this.t.positions(this.target)
      const to = yield* store.head
      if (to <= from) return
      const events = (yield* this.seen(from)).filter(({ position }) => position <= to)
      const loaded = yield* rows.load(this.target, events)
      const parked = new Set(loaded.parked.map(idOf))
      const writes = fold(loaded.rows, events.filter((event) => !parked.has(idOf(event))))
      // When somebody else moved the checkpoint meanwhile, nothing is written, and who asked finds out.
      yield* rows.commit(this.t.batch(this.target, { from, to, rows: writes }))
    })
  }

  /** Fails unless its rows are those of the events of the case, each once. */
  isRight(what: string): Effect.Effect<void, Failure> {
    return Effect.gen({ self: this }, function*() {
      const wanted = fold([], yield* this.seen(this.t.start))
      const { rows } = yield* this.t.rows.load(this.target, wanted)
      yield* this.t.equal(`rows ${what}`, inAnyOrder(rows), inAnyOrder(wanted))
    })
  }

  /** Fails unless its rows and its checkpoint are level with the head, and nothing was missed since `missed` was so long. */
  isLevel(what: string, missed = 0): Effect.Effect<void, Failure> {
    return Effect.gen({ self: this }, function*() {
      const head = yield* this.t.store.head
      yield* this.t.equal(`checkpoint ${what}`, yield* this.t.positions(this.target), [head])
      yield* this.t.equal(`missed ${what}`, this.missed.slice(missed), [])
      yield* this.isRight(what)
    })
  }
}

/** A rider whose target is at the head, attached. */
export const riding = (
  t: RowFixture,
  manner: Manner = {},
  name = "Rows"
): Effect.Effect<Rider, Failure, Scope.Scope> =>
  Effect.gen(function*() {
    const target = yield* t.opened({ name, mode: "inline", position: yield* t.store.head })
    const rider = new Rider(t, target, manner)
    yield* rider.attach
    return rider
  })

/** Fails unless a commit went without rows, and the rider was told. */
export const goesWithout = (
  t: RowFixture,
  what: string,
  rider: Rider,
  append: Effect.Effect<Receipt, Failure>
): Effect.Effect<Receipt, Failure> =>
  Effect.gen(function*() {
    const keys = keysOf("a", "b")
    const before = rider.missed.length
    const [from] = yield* t.positions(rider.target)
    const { rows } = yield* t.rows.load(rider.target, keys)
    const receipt = yield* append
    const [only] = receipt.streams
    yield* t.equal(`events ${what}`, (yield* t.events(only.stream)).at(-1)?.version, only.to)
    yield* t.equal(`checkpoint ${what}`, (yield* t.positions(rider.target))[0], from)
    yield* t.loads(`rows ${what}`, rider.target, keys, ...rows)
    const missed = rider.missed.slice(before)
    yield* t.holds(`positions missed ${what}`, Math.max(0, ...missed) === receipt.last, `${receipt.last}`, missed)
    return receipt
  })
