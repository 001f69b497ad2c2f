import type { Rows } from "@varve/core"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Live } from "../Live.ts"
import type { Sight } from "./liveOutlet.ts"
import { tellAll, toEvent } from "./liveWire.ts"
import * as problems from "./problems.ts"

// A connection that was listened on is not kept for another request: a server that closes would wait for it.
const headers = { "cache-control": "no-store", "x-accel-buffering": "no", connection: "close" }

const encoder = new TextEncoder()

/** Answers with live rows as a stream of events, until the request is over. */
export const respond = Effect.fnUntraced(function*(
  live: Live["Service"],
  target: string,
  of: string | Rows.Query,
  options: {
    readonly after: string | undefined
    readonly allowed: Sight["allowed"]
    readonly client: string | undefined
  }
) {
  const { after, allowed, client } = options
  const over = yield* Effect.mapError(live.connect(client), problems.ofProjection)
  const { idOf, outlet, take } = yield* Effect.mapError(
    live.subscribe(target, of, { after, allowed, over }),
    problems.ofProjection
  )
  over.whenOver((reason) => {
    if (reason === "expired") outlet.close({ _tag: "End", reason })
  })
  // The next messages are taken when the last ones were written: what comes meanwhile waits, the newest of each row.
  const next = Effect.withFiber((fiber) => {
    // A client that does not read keeps the writing waiting: only who writes can be told to give up.
    outlet.onStalled = () => fiber.interruptUnsafe()
    return Effect.map(take, (messages) => {
      const { all, isOver } = tellAll(target, messages, idOf)
      const bytes = all.length === 0 ? [] : [encoder.encode(all.map(toEvent).join(""))]
      return [bytes, isOver ? Option.none<void>() : Option.some<void>(undefined)] as const
    })
  })
  return HttpServerResponse.stream(Stream.paginate(undefined as void, () => next), {
    headers,
    contentType: "text/event-stream"
  })
})
