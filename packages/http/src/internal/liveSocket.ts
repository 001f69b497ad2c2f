import type { Projection, Rows } from "@varve/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as Limits from "../Limits.ts"
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

/** Why a connection is closed, by the codes of the protocol; those from 4000 on are ours. */
const closings = {
  goingAway: [1001, "The server closes: resume elsewhere"],
  notText: [1003, "Expected messages of text"],
  againstRules: [1008, "Expected the number of a frame that was sent"],
  tooBig: [1009, `Expected messages of at most ${Limits.messageCharacters} characters`],
  stalled: [1013, "The client takes nothing"],
  expired: [4000, "The connection is old: resume over another one"],
  idle: [4001, "Nothing is followed over the connection"]
} as const

type Closing = keyof typeof closings

/** What a client is told that has done something wrong, before the connection is closed. */
const lastWords = (closing: Closing): Problem | undefined => {
  const [, detail] = closings[closing]
  if (closing === "tooBig") return problems.make("TooLarge", detail, { limitCharacters: Limits.messageCharacters })
  return closing === "notText" || closing === "againstRules" ? problems.make("BadRequest", detail) : undefined
}

const failure = (id: string, problem: Problem): string =>
  toPart(id, { type: "failure", data: JSON.stringify(problem), at: undefined })

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
  /** Names of the projections. */
  private readonly targets = new Map<string, string>()

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
  listen(id: string, target: string, subscription: Subscription): void {
    this.targets.set(id, target)
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
      this.targets.delete(id)
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
      // It is known from when it was first listened to until it is dropped.
      const target = this.targets.get(id)!
      const { all, isOver } = tellAll(target, subscription.outlet.take(), subscription.idOf)
      for (const one of all) parts.push(toPart(id, one))
      if (isOver) this.over.push(id)
      else this.listen(id, target, subscription)
    }
    return this.frameOf(parts)
  }

  /** Parts as the next frame. */
  frameOf(parts: ReadonlyArray<string>): string {
    return `{"frame":${++this.frame},"told":[${parts.join(",")}]}`
  }
}

/** Takes up a connection. A handshake that comes to nothing is the client's. */
const open = Effect.fnUntraced(function*(request: HttpServerRequest.HttpServerRequest) {
  const refused = () => problems.badPart(["headers", "upgrade"], "a WebSocket")
  const socket = yield* Effect.mapError(request.upgrade, refused)
  const reader = yield* Effect.mapError(socket.reader, refused)
  return { reader, writer: yield* socket.writer }
})

/** Whether a page may open a connection: one of the same host, or of an origin that is named. Who is no page may. */
const isWelcome = (
  { headers: { host = "", origin } }: HttpServerRequest.HttpServerRequest,
  origins: ReadonlyArray<string> | "any"
): boolean => {
  if (origin === undefined || origins === "any" || origins.includes(origin)) return true
  try {
    const { host: of, protocol } = new URL(origin)
    // A port that is that of the protocol may be said or not.
    return new URL(`${protocol}//${host}`).host === of
  } catch {
    return false
  }
}

/** A server keeps no connection for another request over which a WebSocket was asked for. */
const closes = { connection: "close" }

/** Longest time for the handshake of a connection that is refused, in milliseconds. */
const refusalMillis = 5_000

/** What the code of a connection that is refused says beside its status. */
const refusals: { readonly [status: number]: string } = {
  401: problems.kinds.Unauthenticated[1],
  403: problems.kinds.Forbidden[1]
}

/**
 * Lets connections in. One that the guard does not let enter is opened, and closed with the status behind 4000: no page of
 * a browser is told of the status that a handshake was answered with, so that it would come back again and again.
 */
export const admit = <R>(
  origins: ReadonlyArray<string> | "any",
  guarded: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>
) =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    if (!isWelcome(request, origins)) {
      const detail = `Expected a page of this host, got one of ${request.headers["origin"]?.slice(0, 100)}`
      return problems.toResponse(problems.make("Forbidden", detail), closes)
    }
    const response = HttpServerResponse.setHeaders(yield* guarded, closes)
    const reason = refusals[response.status]
    if (reason === undefined) return response
    return yield* Effect.gen(function*() {
      const { writer } = yield* open(request)
      yield* writer.write(new Socket.CloseEvent(4_000 + response.status, reason))
      return HttpServerResponse.empty()
    }).pipe(
      Effect.timeout(refusalMillis),
      // Who asks for no WebSocket is answered as everywhere.
      Effect.orElseSucceed(() => response)
    )
  })

/** Serves one connection until either end closes it: any number of subscriptions, told in frames. */
export const serve = Effect.fnUntraced(function*(
  live: Live["Service"],
  request: HttpServerRequest.HttpServerRequest,
  client: string | undefined,
  wantedOf: (asked: typeof liveFrames.Subscribe.Type) => Effect.Effect<Wanted, Problem>
) {
  const connection = yield* Effect.mapError(live.connect(client), problems.ofProjection)
  const { reader, writer } = yield* open(request)
  const scope = yield* Effect.scope
  const over = yield* Deferred.make<Closing | undefined>()
  const close = (closing: Closing | undefined) => Deferred.succeed(over, closing)
  connection.whenOver((reason) => Deferred.doneUnsafe(over, Exit.succeed(reason)))
  const sending = new Sending()

  const answer = (id: string, problem: Problem) =>
    Effect.suspend(() => sending.answer(failure(id, problem)) ? Effect.void : close("stalled"))

  const subscribe = Effect.fnUntraced(function*(asked: typeof liveFrames.Subscribe.Type) {
    const { after, id } = asked
    if (sending.entries.has(id)) {
      return yield* answer("", problems.badPart(["id"], `one that is not in use, got ${JSON.stringify(id)}`))
    }
    if (sending.entries.size >= liveFrames.subscriptionsPerConnection) {
      const detail = `At most ${liveFrames.subscriptionsPerConnection} subscriptions of one connection`
      return yield* answer(id, problems.make("Refused", detail))
    }
    const own = yield* Scope.fork(scope)
    sending.add(id, own)
    yield* Effect.gen(function*() {
      const { allowed, of, projection } = yield* wantedOf(asked)
      const subscription = yield* Effect.mapError(
        Scope.provide(own)(live.subscribe(projection.tag, of, { after, allowed, over: connection })),
        problems.ofProjection
      )
      // A client that takes nothing is the same for all that it follows.
      subscription.outlet.onStalled = () => Deferred.doneUnsafe(over, Exit.succeed("stalled" as const))
      sending.listen(id, projection.tag, subscription)
    }).pipe(
      Effect.catch((problem) => Effect.andThen(sending.drop(id), answer(id, problem))),
      Effect.forkIn(own)
    )
  })

  const act = Effect.fnUntraced(function*(message: Uint8Array | string) {
    if (typeof message !== "string") return yield* close("notText")
    if (message.length > Limits.messageCharacters) return yield* close("tooBig")
    const decoded = liveFrames.decodeAsked(message)
    if (Result.isFailure(decoded)) {
      return yield* answer("", problems.badRequest(["message"], decoded.failure))
    }
    const asked = decoded.success
    switch (asked._tag) {
      case "Subscribe":
        return yield* subscribe(asked)
      case "Unsubscribe":
        if (sending.entries.has(asked.id)) return yield* sending.drop(asked.id)
        return yield* answer("", problems.badPart(["id"], `a subscription, got ${JSON.stringify(asked.id)}`))
      case "Ack":
        if (!sending.acknowledge(asked.frame)) yield* close("againstRules")
    }
  })

  const receive = Effect.forever(Effect.flatMap(reader.pull, (some) => Effect.forEach(some, act, { discard: true })))
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
    const problem = lastWords(closing)
    if (problem !== undefined) yield* Effect.ignore(writer.write(sending.frameOf([failure("", problem)])))
    yield* Effect.ignore(writer.write(new Socket.CloseEvent(code, reason)))
  }
  return HttpServerResponse.empty()
})
