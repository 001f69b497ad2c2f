import { describe, layer } from "@effect/vitest"
import type { EventStore, StoreAdmin } from "@varve/core"
import { EventStoreContract } from "@varve/core/testing"
import type { Layer } from "effect"

interface Options extends EventStoreContract.Options {
  /** Why the store cannot run on this machine. */
  readonly unless?: string | undefined
}

/** Runs the contract against a store that is built once: cases share it, as programs do. */
export const runContract = <E>(
  name: string,
  store: Layer.Layer<EventStore.EventStore | StoreAdmin.StoreAdmin, E>,
  { unless, ...options }: Options = {}
): void => {
  describe.skipIf(unless !== undefined)(
    `EventStoreContract: ${name}${unless === undefined ? "" : ` (${unless})`}`,
    () => {
      layer(store, { excludeTestServices: true, timeout: "2 minutes" })((it) => {
        for (const { effect, name, skip } of EventStoreContract.suite(options)) {
          if (skip === undefined) it.effect(name, () => effect, 90_000)
          else it.effect.skip(`${name} (${skip})`, () => effect)
        }
      })
    }
  )
}
