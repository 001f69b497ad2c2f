import { describe, layer } from "@effect/vitest"
import type { EventStore, ProgramStore, StoreAdmin } from "@varve/core"
import { ProgramStoreContract } from "@varve/core/testing"
import type { Layer } from "effect"

/** Runs the contract of program stores against a store that is built once: cases share it, as programs do. */
export const runProgramContract = <E>(
  name: string,
  store: Layer.Layer<EventStore.EventStore | ProgramStore.ProgramStore | StoreAdmin.StoreAdmin, E>,
  unless?: string
): void => {
  describe.skipIf(unless !== undefined)(
    `ProgramStoreContract: ${name}${unless === undefined ? "" : ` (${unless})`}`,
    () => {
      layer(store, { excludeTestServices: true, timeout: "2 minutes" })((it) => {
        for (const { effect, name } of ProgramStoreContract.cases) it.effect(name, () => effect, 90_000)
      })
    }
  )
}
