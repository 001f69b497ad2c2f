/**
 * Snapshot stores that are wrong on purpose, each in one way: what their contract is judged by.
 */
import { EventStore, EventStoreError, Limits, SnapshotStore, StoreAdmin, StreamName } from "@varve/core"
import { Context, Effect, Layer, Option, type Schema } from "effect"

type Services = EventStore.EventStore | SnapshotStore.SnapshotStore | StoreAdmin.StoreAdmin

/** A snapshot store that is wrong in one way. */
export interface WrongSnapshotStore {
  readonly name: string
  readonly layer: Layer.Layer<Services>
}

/** The snapshot of one revision, as it is kept. */
interface Kept {
  readonly version: number
  readonly text: string
}

/** The rules of a snapshot store. */
interface Rules {
  readonly encode: typeof SnapshotStore.encode
  readonly check: typeof SnapshotStore.check
  readonly read: (text: string) => Schema.Json
  /** What a stream is known by. */
  readonly key: (stream: StreamName.StreamName) => string
  /** What a revision is known by. */
  readonly revision: (revision: number) => number
  /** Whether one takes the place of another. */
  readonly replaces: (version: number, before: number) => boolean
  /** Whether a revision is forgotten when another is saved. */
  readonly outlived: (older: number, revision: number) => boolean
  /** Whether revisions are forgotten also when what was saved is not kept. */
  readonly forgetsAlways: boolean
  /** Whether a snapshot is gone when a version was erased. */
  readonly erases: (version: number, from: number) => boolean
  /** Whether an erasure that erased nothing counts. */
  readonly erasesNothing: boolean
  /** Whether one comes too late, of the first and the last version that were erased. */
  readonly late: (version: number, first: number, last: number) => boolean
  /** Whether what was erased is remembered for one that comes late. */
  readonly remembers: (erased: number) => boolean
  /** Whether an erasure takes the snapshots of all streams. */
  readonly erasesAll: boolean
  /** What comes between judging a snapshot and keeping it. */
  readonly between: Effect.Effect<void>
}

const right: Rules = {
  encode: SnapshotStore.encode,
  check: SnapshotStore.check,
  read: (text) => JSON.parse(text),
  key: StreamName.format,
  revision: (revision) => revision,
  replaces: (version, before) => version >= before,
  outlived: (older, revision) => older < revision - 1,
  forgetsAlways: false,
  erases: (version, from) => version >= from,
  erasesNothing: false,
  late: (version, first) => version >= first,
  remembers: () => true,
  erasesAll: false,
  between: Effect.void
}

const refuse = (reason: EventStoreError.Refused) =>
  Effect.fail(new EventStoreError.EventStoreError({ operation: "snapshots", reason }))

/** A snapshot store by some rules, and what it is told of erasures. */
const make = (rules: Rules) => {
  const streams = new Map<string, Map<number, Kept>>()
  const erasures = new Map<string, { readonly first: number; readonly last: number }>()

  const erased = (stream: StreamName.StreamName, from: number, to: number, count: number) => {
    if (count === 0 && !rules.erasesNothing) return
    const key = rules.key(stream)
    const before = erasures.get(key)
    if (rules.remembers(erasures.size)) {
      erasures.set(key, { first: Math.min(from, before?.first ?? from), last: Math.max(to, before?.last ?? to) })
    }
    for (const [of, kept] of streams) {
      if (of !== key && !rules.erasesAll) continue
      for (const [revision, { version }] of kept) if (rules.erases(version, from)) kept.delete(revision)
    }
  }

  const save = Effect.fnUntraced(function*(snapshot: SnapshotStore.Snapshot) {
    const text = rules.encode(snapshot)
    if (text instanceof EventStoreError.Refused) return yield* refuse(text)
    const { stream, version } = snapshot
    const [key, revision] = [rules.key(stream), rules.revision(snapshot.revision)]
    const erasure = erasures.get(key)
    if (erasure !== undefined && rules.late(version, erasure.first, erasure.last)) return
    const kept = streams.get(key) ?? new Map<number, Kept>()
    streams.set(key, kept)
    const before = kept.get(revision)
    const keeps = before === undefined || rules.replaces(version, before.version)
    yield* rules.between
    if (keeps) kept.set(revision, { version, text })
    if (!keeps && !rules.forgetsAlways) return
    for (const older of kept.keys()) if (rules.outlived(older, revision)) kept.delete(older)
  })

  const snapshots: SnapshotStore.SnapshotStore["Service"] = {
    save,
    find: (stream, revision) =>
      Effect.suspend(() => {
        const wrong = rules.check(stream, revision)
        if (wrong !== undefined) return refuse(wrong)
        const kept = streams.get(rules.key(stream))?.get(rules.revision(revision))
        return Effect.succeed(Option.map(Option.fromUndefinedOr(kept), ({ text, version }) => ({
          version,
          state: rules.read(text)
        })))
      })
  }
  return { erased, snapshots }
}

const layerOf = (rules: Partial<Rules>): Layer.Layer<Services> =>
  Layer.effectContext(Effect.gen(function*() {
    const store = yield* EventStore.EventStore
    const admin = yield* StoreAdmin.StoreAdmin
    const { erased, snapshots } = make({ ...right, ...rules })
    const erase: typeof admin.erase = (request) =>
      Effect.tap(admin.erase(request), (count) =>
        Effect.sync(() => erased(request.stream, request.from, request.to, count)))
    return Context.make(SnapshotStore.SnapshotStore, snapshots).pipe(
      Context.add(EventStore.EventStore, store),
      Context.add(StoreAdmin.StoreAdmin, { ...admin, erase })
    )
  })).pipe(Layer.provide(EventStore.layerMemory))

/** The plain store without a fault: what is wrong with the others is their one rule. */
export const layerRight: Layer.Layer<Services> = layerOf({})

const wrong = (name: string, rules: Partial<Rules>): WrongSnapshotStore => ({ name, layer: layerOf(rules) })

/** States kept as values, not as texts. */
const references = (): Partial<Rules> => {
  const values = new Map<string, Schema.Json>()
  return {
    encode: (snapshot) => {
      const text = SnapshotStore.encode(snapshot)
      if (typeof text === "string") values.set(text, snapshot.state)
      return text
    },
    read: (text) => values.get(text)!
  }
}

const kept: ReadonlyArray<WrongSnapshotStore> = [
  wrong("keeps the lower version", { replaces: (version, before) => version <= before }),
  wrong("keeps the version that came first", { replaces: () => false }),
  wrong("keeps the version that came last", { replaces: () => true }),
  wrong("does not replace an equal version", { replaces: (version, before) => version > before }),
  wrong("compares versions as texts", { replaces: (version, before) => `${version}` >= `${before}` }),
  wrong("judges first and keeps later", { between: Effect.yieldNow }),
  wrong("keeps values, and not what they were", references()),
  wrong("turns negative zero into zero", { read: (text) => JSON.parse(text.replaceAll("-0", "0")) }),
  wrong("takes every state that has a JSON text", {
    encode: (snapshot) => {
      const text = SnapshotStore.encode(snapshot)
      return text instanceof EventStoreError.Refused && text.what.startsWith("state") && text.actual !== "1 bytes"
        ? JSON.stringify(snapshot.state, (_, value) => typeof value === "bigint" ? Number(value) : value) ?? "null"
        : text
    }
  }),
  wrong("cuts what is too long", {
    encode: (snapshot) => {
      const text = SnapshotStore.encode(snapshot)
      return text instanceof EventStoreError.Refused && text.expected.includes(`${Limits.snapshotBytes}`)
        ? JSON.stringify("cut")
        : text
    }
  }),
  wrong("takes version 0", {
    encode: (snapshot) => SnapshotStore.encode(snapshot.version === 0 ? { ...snapshot, version: 1 } : snapshot)
  }),
  wrong("looks for any revision", { check: (stream) => SnapshotStore.check(stream, 1) })
]

const keys: ReadonlyArray<WrongSnapshotStore> = [
  wrong("forgets the tenant", { key: ({ category, id }) => `${category}/${id}` }),
  wrong("forgets the category", { key: ({ id, tenant }) => `${tenant}/${id}` }),
  wrong("knows streams by their ids in lower case", { key: (stream) => StreamName.format(stream).toLowerCase() }),
  wrong("knows streams by their ids in one form of Unicode", {
    key: (stream) => StreamName.format(stream).normalize()
  }),
  wrong("knows streams by their ids without spaces", { key: (stream) => StreamName.format(stream).trim() }),
  wrong("mixes revisions", { revision: () => 1 }),
  wrong("never forgets a revision", { outlived: () => false }),
  wrong("forgets the revision before", { outlived: (older, revision) => older < revision }),
  wrong("forgets all other revisions", { outlived: (older, revision) => older < revision - 1 || older > revision }),
  wrong("forgets revisions for one that is not kept", { forgetsAlways: true })
]

const erasures: ReadonlyArray<WrongSnapshotStore> = [
  wrong("survives erasure", { erases: () => false }),
  wrong("survives the erasure of its last event", { erases: (version, from) => version > from }),
  wrong("loses what was made before the first event erased", { erases: () => true }),
  wrong("loses the snapshots of all streams when one is erased", { erasesAll: true }),
  wrong("takes an erasure of nothing for one", { erasesNothing: true }),
  wrong("keeps what comes after an erasure", { late: () => false }),
  wrong("keeps what lies behind the last event erased", {
    late: (version, first, last) => version >= first && version <= last
  }),
  wrong("keeps what is of the version erased", { late: (version, first) => version > first }),
  wrong("keeps nothing more of a stream that was erased", { late: () => true }),
  wrong("remembers no more than one erasure", { remembers: (erased) => erased < 1 })
]

export const wrongSnapshotStores: ReadonlyArray<WrongSnapshotStore> = [...kept, ...keys, ...erasures]
