import { describe, layer } from "@effect/vitest"
import type { EventStore, RowStore, StoreAdmin } from "@varve/core"
import { RowStoreContract } from "@varve/core/testing"
import type { Layer } from "effect"

interface Options extends RowStoreContract.Options {
  /** Why the store cannot run on this machine. */
  readonly unless?: string | undefined
}

/** Runs the contract of row stores against a store that is built once: cases share it, as programs do. */
export const runRowContract = <E>(
  name: string,
  store: Layer.Layer<EventStore.EventStore | RowStore.RowStore | StoreAdmin.StoreAdmin, E>,
  { unless, ...options }: Options = {}
): void => {
  describe.skipIf(unless !== undefined)(
    `RowStoreContract: ${name}${unless === undefined ? "" : ` (${unless})`}`,
    () => {
      layer(store, { excludeTestServices: true, timeout: "2 minutes" })((it) => {
        for (const { effect, name, skip } of RowStoreContract.suite(options)) {
          if (skip === undefined) it.effect(name, () => effect, 90_000)
          else it.effect.skip(`${name} (${skip})`, () => effect)
        }
      })
    }
  )
}
