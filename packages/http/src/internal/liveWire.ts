import * as Sse from "effect/encoding/Sse"
import { refused } from "./liveErrors.ts"
import type { Message } from "./liveOutlet.ts"
import * as problems from "./problems.ts"

/** A message on its way, over SSE or WebSocket. */
export interface Told {
  readonly type: "row" | "resync" | "level" | "heartbeat" | "end" | "failure"
  /** JSON text. */
  readonly data: string
  /** Where to resume from now on; `""` is nowhere, so that whoever comes back starts anew. */
  readonly at: string | undefined
}

const nothing = "{}"

const told = (message: Message, idOf: (position: number) => string): Told => {
  switch (message._tag) {
    case "Row": {
      const { item, position } = message
      return { type: "row", data: item.text, at: position === undefined ? undefined : idOf(position) }
    }
    case "Resync":
      return { type: "resync", data: nothing, at: "" }
    case "Level":
      return { type: "level", data: nothing, at: idOf(message.position) }
    case "Heartbeat":
      return { type: "heartbeat", data: nothing, at: idOf(message.position) }
    case "End": {
      const { reason } = message
      return { type: "end", data: JSON.stringify({ reason }), at: reason === "again" ? "" : undefined }
    }
    case "Failure":
      return { type: "failure", data: JSON.stringify(problems.ofProjection(message.error)), at: undefined }
  }
}

/** Messages as they are told. A row that does not fit its schema ends it. */
export const tellAll = (
  target: string,
  messages: ReadonlyArray<Message>,
  idOf: (position: number) => string
): { readonly all: ReadonlyArray<Told>; readonly isOver: boolean } => {
  const all: Array<Told> = []
  for (const message of messages) {
    try {
      all.push(told(message, idOf))
    } catch (error) {
      const wrong = refused(
        target,
        "a row",
        "one of its schema",
        error instanceof Error ? error.message : String(error)
      )
      return { all: [...all, told({ _tag: "Failure", error: wrong }, idOf)], isOver: true }
    }
    if (message._tag === "End" || message._tag === "Failure") return { all, isOver: true }
  }
  return { all, isOver: messages.length === 0 }
}

/** As an event of a stream. */
export const toEvent = ({ at, data, type }: Told): string =>
  Sse.encoder.write({ _tag: "Event", event: type, id: at, data })

/** As part of a frame: what is in `data` is JSON already. */
export const toPart = (id: string, { at, data, type }: Told): string =>
  `{"id":${JSON.stringify(id)},"type":"${type}","data":${data}${at === undefined ? "" : `,"at":${JSON.stringify(at)}`}}`
