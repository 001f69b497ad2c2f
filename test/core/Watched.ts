/**
 * The store in memory, watched: what is read of streams, which snapshots are looked for and saved; and any call can be
 * made to go wrong.
 */
import { EventStore, EventStoreError, SnapshotStore, StoreAdmin } from "@varve/core"
import { Context, Effect, Layer } from "effect"

/** A page that was read of a stream. */
export interface Read {
  readonly id: string
  /** Version that it was read behind. */
  readonly after: number
  readonly events: number
}

type Saved = Pick<SnapshotStore.Snapshot, "version" | "revision" | "state"> & { readonly id: string }

/** What a test sees of the store, and does to it. */
export class Watch extends Context.Service<Watch, {
  /** Pages of streams that were read since this was asked last. */
  readonly reads: Effect.Effect<ReadonlyArray<Read>>
  /** Ids of streams of which a snapshot was looked for since this was asked last. */
  readonly finds: Effect.Effect<ReadonlyArray<string>>
  /** Snapshots that were saved, whatever came of it, oldest first. */
  readonly saves: Effect.Effect<ReadonlyArray<Saved>>
  /** Waits until so many snapshots were saved, whatever came of it. */
  readonly saved: (count: number) => Effect.Effect<void>
  /** Says what happens to calls from now on, before they do anything. */
  readonly before: (calls: {
    readonly append?: Effect.Effect<void, EventStoreError.EventStoreError>
    readonly find?: Effect.Effect<void, EventStoreError.EventStoreError>
    readonly save?: Effect.Effect<void, EventStoreError.EventStoreError>
  }) => Effect.Effect<void>
  /** Says whether the program is in a transaction of its own. */
  readonly enlist: (enlisted: boolean) => Effect.Effect<void>
}>()("test/core/Watched") {}

/** A call that nothing comes of. */
export const unavailable = (operation: EventStoreError.EventStoreError["operation"]) =>
  Effect.fail(
    new EventStoreError.EventStoreError({
      operation,
      reason: new EventStoreError.Unavailable({ what: "store", expected: "an answer", actual: "none" })
    })
  )

type Services = EventStore.EventStore | SnapshotStore.SnapshotStore | StoreAdmin.StoreAdmin

const make = Effect.gen(function*() {
  const store = yield* EventStore.EventStore
  const snapshots = yield* SnapshotStore.SnapshotStore
  const admin = yield* StoreAdmin.StoreAdmin
  let reads: Array<Read> = []
  let finds: Array<string> = []
  const saves: Array<Saved> = []
  let listeners: Array<() => void> = []
  let enlisted = false
  let calls: Parameters<Watch["Service"]["before"]>[0] = {}
  const gate = (name: keyof typeof calls) => Effect.suspend(() => calls[name] ?? Effect.void)

  const until = (holds: () => boolean): Effect.Effect<void> =>
    Effect.suspend(() =>
      holds() ? Effect.void : Effect.andThen(
        Effect.callback<void>((resume) => {
          listeners.push(() => resume(Effect.void))
        }),
        until(holds)
      )
    )

  const taken = <A>(take: () => A) => Effect.sync(take)
  const watched: EventStore.EventStore["Service"] = {
    ...store,
    append: (commit) => Effect.andThen(gate("append"), store.append(commit)),
    readStreamPage: (request) =>
      Effect.tap(
        store.readStreamPage(request),
        ({ events }) =>
          Effect.sync(() => reads.push({ id: request.stream.id, after: request.after ?? 0, events: events.length }))
      ),
    enlisted: Effect.sync(() => enlisted)
  }
  const kept: SnapshotStore.SnapshotStore["Service"] = {
    find: (stream, revision) =>
      Effect.suspend(() => {
        finds.push(stream.id)
        return Effect.andThen(gate("find"), snapshots.find(stream, revision))
      }),
    save: (snapshot) =>
      Effect.andThen(gate("save"), snapshots.save(snapshot)).pipe(
        Effect.onExit(() =>
          Effect.sync(() => {
            const { revision, state, stream, version } = snapshot
            saves.push({ id: stream.id, revision, version, state })
            for (const listener of listeners.splice(0)) listener()
          })
        )
      )
  }
  return Context.make(EventStore.EventStore, watched).pipe(
    Context.add(StoreAdmin.StoreAdmin, admin),
    Context.add(SnapshotStore.SnapshotStore, kept),
    Context.add(Watch, {
      reads: taken(() => {
        const all = reads
        reads = []
        return all
      }),
      finds: taken(() => {
        const all = finds
        finds = []
        return all
      }),
      saves: taken(() => [...saves]),
      saved: (count) => until(() => saves.length >= count),
      before: (next) =>
        Effect.sync(() => {
          calls = next
        }),
      enlist: (next) =>
        Effect.sync(() => {
          enlisted = next
        })
    })
  )
})

/** The watched store. Everything passes unless told. */
export const layer: Layer.Layer<Services | Watch> = Layer.effectContext(make).pipe(
  Layer.provide(EventStore.layerMemory)
)
