import type { Projection, Rows } from "@varve/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import type { Live, Subscription } from "../Live.ts"
import * as liveFrames from "./liveFrames.ts"
import { rowsPerBatch } from "./liveOptions.ts"
import type { Sight } from "./liveOutlet.ts"
import { tellAll, toPart } from "./liveWire.ts"
import * as problems from "./problems.ts"
import type { Problem } from "./problems.ts"

/** What a client asks to follow. */
export interface Wanted {
  readonly projection: Projection.Any
  readonly of: string | Rows.Query
  readonly allowed: Sight["allowed"]
}

/** Why a connection is closed, by the codes of the protocol. */
const closings = {
  goingAway: [1001, "The server closes: resume elsewhere"],
  notText: [1003, "Expected messages of text"],
  againstRules: [1008, "Against the rules"],
  tooBig: [1009, `Expected messages of at most ${liveFrames.messageCharacters} characters`],
  stalled: [1013, "The client takes nothing"]
} as const

type Closing = keyof typeof closings

/** What one connection has to tell, in frames, and how many of them are under way. */
class Sending {
  /** Scopes of the subscriptions. */
  readonly entries = new Map<string, Scope.Closeable>()
  private readonly over: Array<string> = []
  private readonly left = Latch.makeUnsafe(false)
  private readonly ready = new Map<string, Subscription>()
  private readonly answers: Array<string> = []
  private frame = 0
  private acknowledged = 0
  private waiting: (() => void) | undefined
  private readonly target: (id: string) => string

  constructor(target: (id: string) => string) {
    this.target = target
  }

  /** Takes note of an answer; whether there is room for it. */
  answer(part: string): boolean {
    if (this.answers.length >= liveFrames.pendingAnswers) return false
    this.answers.push(part)
    this.wake()
    return true
  }

  /** Frames up to a number have been taken; whether there are so many. */
  acknowledge(frame: number): boolean {
    if (frame > this.frame) return false
    this.acknowledged = Math.max(this.acknowledged, frame)
    this.wake()
    return true
  }

  /** Has what a subscription tells sent, as it comes. */
  listen(id: string, subscription: Subscription): void {
    subscription.outlet.whenReady(() => {
      this.ready.set(id, subscription)
      this.wake()
    })
  }

  add(id: string, scope: Scope.Closeable): void {
    this.entries.set(id, scope)
    this.left.closeUnsafe()
  }

  /** Ends a subscription. */
  drop(id: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const scope = this.entries.get(id)
      this.ready.delete(id)
      this.entries.delete(id)
      if (this.entries.size === 0) this.left.openUnsafe()
      return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
    })
  }

  /** Ends the subscriptions that are over, once that has been told. */
  readonly settle: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach(this.over.splice(0), (id) => this.drop(id), { discard: true })
  )

  /** Waits until every subscription is over, and that has been told. */
  readonly idle: Effect.Effect<void> = Effect.suspend(() => this.entries.size === 0 ? Effect.void : this.left.await)

  private get canSend(): boolean {
    return this.frame - this.acknowledged < liveFrames.framesInFlight
      && (this.answers.length > 0 || this.ready.size > 0)
  }

  private wake(): void {
    const call = this.waiting
    if (call === undefined || !this.canSend) return
    this.waiting = undefined
    call()
  }

  /** The next frame, as soon as there is something to tell and the client has taken what was told before. */
  readonly next: Effect.Effect<string> = Effect.callback((resume) => {
    this.waiting = () => resume(Effect.sync(() => this.take()))
    this.wake()
    return Effect.sync(() => {
      this.waiting = undefined
    })
  })

  private take(): string {
    const parts = this.answers.splice(0, rowsPerBatch)
    for (const [id, subscription] of this.ready) {
      if (parts.length >= rowsPerBatch) break
      this.ready.delete(id)
      const { all, isOver } = tellAll(this.target(id), subscription.outlet.take(), subscription.idOf)
      for (const one of all) parts.push(toPart(id, one))
      if (isOver) this.over.push(id)
      else this.listen(id, subscription)
    }
    return `{"frame":${++this.frame},"told":[${parts.join(",")}]}`
  }
}

/** Serves one connection until either end closes it: any number of subscriptions, told in frames. */
export const serve = Effect.fnUntraced(function*(
  live: Live["Service"],
  request: HttpServerRequest.HttpServerRequest,
  wantedOf: (asked: typeof liveFrames.Subscribe.Type) => Effect.Effect<Wanted, Problem>
) {
  // A handshake that comes to nothing is the client's.
  const refused = () => problems.badPart(["headers", "upgrade"], "a WebSocket")
  const socket = yield* Effect.mapError(request.upgrade, refused)
  const reader = yield* Effect.mapError(socket.reader, refused)
  const writer = yield* socket.writer
  const scope = yield* Effect.scope
  const over = yield* Deferred.make<Closing | undefined>()
  const close = (closing: Closing | undefined) => Deferred.succeed(over, closing)
  const targets = new Map<string, string>()
  const sending = new Sending((id) => targets.get(id) ?? "live rows")

  const answer = (id: string, type: "failure", problem: Problem) =>
    Effect.suspend(() =>
      sending.answer(toPart(id, { type, data: JSON.stringify(problem), at: undefined }))
        ? Effect.void
        : close("stalled")
    )

  const subscribe = Effect.fnUntraced(function*(asked: typeof liveFrames.Subscribe.Type) {
    const { after, id } = asked
    if (sending.entries.has(id)) {
      return yield* answer("", "failure", problems.badPart(["id"], `one that is not in use, got ${JSON.stringify(id)}`))
    }
    if (sending.entries.size >= liveFrames.subscriptionsPerConnection) {
      const detail = `At most ${liveFrames.subscriptionsPerConnection} subscriptions of one connection`
      return yield* answer(id, "failure", problems.make("Refused", detail))
    }
    const own = yield* Scope.fork(scope)
    sending.add(id, own)
    yield* Effect.gen(function*() {
      const { allowed, of, projection } = yield* wantedOf(asked)
      const subscription = yield* Effect.mapError(
        Scope.provide(own)(live.subscribe(projection.tag, of, { after, allowed })),
        problems.ofProjection
      )
      targets.set(id, projection.tag)
      // A client that takes nothing is the same for all that it follows.
      subscription.outlet.onStalled = () => Deferred.doneUnsafe(over, Exit.succeed("stalled" as const))
      sending.listen(id, subscription)
    }).pipe(
      Effect.catch((problem) => Effect.andThen(sending.drop(id), answer(id, "failure", problem))),
      Effect.forkIn(own)
    )
  })

  const act = Effect.fnUntraced(function*(message: Uint8Array | string) {
    if (typeof message !== "string") return yield* close("notText")
    if (message.length > liveFrames.messageCharacters) return yield* close("tooBig")
    const decoded = liveFrames.decodeAsked(message)
    if (Result.isFailure(decoded)) {
      return yield* answer("", "failure", problems.badRequest(["message"], decoded.failure))
    }
    const asked = decoded.success
    switch (asked._tag) {
      case "Subscribe":
        return yield* subscribe(asked)
      case "Unsubscribe":
        if (sending.entries.has(asked.id)) return yield* sending.drop(asked.id)
        return yield* answer("", "failure", problems.badPart(["id"], `a subscription, got ${JSON.stringify(asked.id)}`))
      case "Ack":
        if (!sending.acknowledge(asked.frame)) yield* close("againstRules")
    }
  })

  // Whoever follows nothing, and says nothing, is not there.
  const pull = Effect.suspend(() =>
    sending.entries.size > 0 ? reader.pull : Effect.timeoutOrElse(reader.pull, {
      duration: live.bounds.stallMillis,
      orElse: () => Effect.andThen(close("stalled"), Effect.never)
    })
  )

  const receive = Effect.forever(Effect.flatMap(pull, (some) => Effect.forEach(some, act, { discard: true })))
  const send = Effect.forever(
    Effect.flatMap(sending.next, (frame) => Effect.andThen(writer.write(frame), sending.settle))
  )
  // Whoever follows something has been told so before the connection is closed.
  const gone = Effect.andThen(live.closed, Effect.andThen(sending.idle, close("goingAway")))
  yield* Effect.forkScoped(Effect.ensuring(Effect.ignore(receive), close(undefined)))
  yield* Effect.forkScoped(Effect.ensuring(Effect.ignore(send), close(undefined)))
  yield* Effect.forkScoped(gone)
  const closing = yield* Deferred.await(over)
  if (closing !== undefined) {
    const [code, reason] = closings[closing]
    yield* Effect.ignore(writer.write(new Socket.CloseEvent(code, reason)))
  }
  return HttpServerResponse.empty()
})
