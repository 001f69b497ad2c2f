/** An event as it may lie in a store. */
import { CommitId, StoredEvent, StreamName } from "@varve/core"
import { DateTime, type Schema } from "effect"

export const storedAs = (type: string, payload: Schema.Json, revision = 1): StoredEvent.StoredEvent => ({
  id: "x/0",
  commitId: CommitId.make("00000000-0000-7000-8000-000000000000"),
  commitIndex: 0,
  stream: StreamName.make("Account", "ada"),
  version: 3,
  position: StoredEvent.position(7),
  type,
  revision,
  payload,
  metadata: {},
  occurredAt: DateTime.makeUnsafe(0),
  recordedAt: DateTime.makeUnsafe(0)
})
