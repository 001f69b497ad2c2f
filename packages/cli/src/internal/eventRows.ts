/** Events as rows of a table. */
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as StreamName from "@varve/core/StreamName"
import * as DateTime from "effect/DateTime"
import { type Cell, plain } from "./print.ts"

/** Payload, on one line. */
export const payloadOf = ({ payload }: StoredEvent): string =>
  payload === null ? "(erased)" : plain(JSON.stringify(payload))

export const headOf = (payload: boolean): ReadonlyArray<string> => [
  "position",
  "recorded",
  "stream",
  "version",
  "type",
  "revision",
  ...payload ? ["payload"] : []
]

export const rowOf = (event: StoredEvent, payload: boolean): ReadonlyArray<Cell> => [
  event.position,
  DateTime.formatIso(event.recordedAt),
  plain(StreamName.format(event.stream)),
  event.version,
  event.type,
  event.revision,
  ...payload ? [payloadOf(event)] : []
]
