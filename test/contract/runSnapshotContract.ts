import { describe, layer } from "@effect/vitest"
import type { EventStore, SnapshotStore, StoreAdmin } from "@varve/core"
import { SnapshotStoreContract } from "@varve/core/testing"
import type { Layer } from "effect"

/** Runs the contract of snapshot stores against a store that is built once: cases share it, as programs do. */
export const runSnapshotContract = <E>(
  name: string,
  store: Layer.Layer<EventStore.EventStore | SnapshotStore.SnapshotStore | StoreAdmin.StoreAdmin, E>,
  unless?: string
): void => {
  describe.skipIf(unless !== undefined)(
    `SnapshotStoreContract: ${name}${unless === undefined ? "" : ` (${unless})`}`,
    () => {
      layer(store, { excludeTestServices: true, timeout: "2 minutes" })((it) => {
        for (const { effect, name } of SnapshotStoreContract.cases) it.effect(name, () => effect, 90_000)
      })
    }
  )
}
