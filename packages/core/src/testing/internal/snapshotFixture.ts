import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import { EventStore } from "../../EventStore.ts"
import type { EventStoreError } from "../../EventStoreError.ts"
import { SnapshotStore, type Stated } from "../../SnapshotStore.ts"
import { StoreAdmin } from "../../StoreAdmin.ts"
import type { StreamName } from "../../StreamName.ts"
import { type ContractFailure, type Failure, Fixture, guarded } from "./fixture.ts"

/** A case before it has a store. */
export interface Definition {
  readonly name: string
  readonly body: (t: SnapshotFixture) => Effect.Effect<void, Failure>
}

export const define = (name: string, body: Definition["body"]): Definition => ({ name, body })

/** What a case works with: a snapshot store, and streams that no other case has. */
export class SnapshotFixture extends Fixture {
  readonly snapshots: SnapshotStore["Service"]

  constructor(
    name: string,
    seed: string,
    store: EventStore["Service"],
    admin: StoreAdmin["Service"],
    snapshots: SnapshotStore["Service"]
  ) {
    super(name, seed, store, admin, 0)
    this.snapshots = snapshots
  }

  /** Saves a state that says what it is of, unless told. */
  save(
    stream: StreamName,
    revision: number,
    version: number,
    state: Schema.Json = { revision, version }
  ): Effect.Effect<void, EventStoreError> {
    return this.snapshots.save({ stream, revision, version, state })
  }

  /** Fails unless this is found of a stream. */
  finds(
    what: string,
    stream: StreamName,
    revision: number,
    expected: Stated | undefined
  ): Effect.Effect<void, Failure> {
    return Effect.flatMap(this.snapshots.find(stream, revision), (found) =>
      this.equal(
        `snapshot of revision ${revision} ${what}`,
        Option.getOrUndefined(Option.map(found, ({ state, version }) => ({ version, state }))),
        expected
      ))
  }

  /** Fails unless the snapshots of a stream that `save` has made are of these versions, by revision. */
  has(
    what: string,
    stream: StreamName,
    versions: { readonly [revision: number]: number | undefined }
  ): Effect.Effect<void, Failure> {
    return Effect.forEach(Object.entries(versions), ([key, version]) => {
      const revision = Number(key)
      const expected = version === undefined ? undefined : { version, state: { revision, version } }
      return this.finds(what, stream, revision, expected)
    }, { concurrency: "unbounded", discard: true })
  }
}

/** Runs a case against the store in its environment. */
export const run = (
  { body, name }: Definition,
  seed: string
): Effect.Effect<void, ContractFailure, EventStore | SnapshotStore | StoreAdmin> =>
  guarded(
    name,
    Effect.gen(function*() {
      const store = yield* EventStore
      const admin = yield* StoreAdmin
      const snapshots = yield* SnapshotStore
      yield* body(new SnapshotFixture(name, seed, store, admin, snapshots))
    })
  )
