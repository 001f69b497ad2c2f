import { EventStoreError } from "@varve/core"

/** Why a store cannot be opened, which only somebody can change. */
export const refused = (what: string, expected: string, actual: string): EventStoreError.EventStoreError =>
  new EventStoreError.EventStoreError({
    operation: "open",
    reason: new EventStoreError.Refused({ what, expected, actual })
  })
