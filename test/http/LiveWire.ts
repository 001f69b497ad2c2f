/** One end of a WebSocket of live rows, as a client that is not ours has it. */
import { Deferred, Effect, Queue } from "effect"

export interface Told {
  readonly id: string
  readonly type: string
  readonly data: unknown
  readonly at?: string
}

export class Wire {
  readonly socket: WebSocket
  readonly closed: Effect.Effect<number>
  /** Frames that have come. */
  frames = 0
  private readonly told: Queue.Queue<Told>
  private readonly waiting: Array<Told> = []

  private constructor(socket: WebSocket, told: Queue.Queue<Told>, acknowledges: boolean) {
    this.socket = socket
    this.told = told
    const closed = Deferred.makeUnsafe<number>()
    this.closed = Deferred.await(closed)
    socket.addEventListener("close", ({ code }) => Deferred.doneUnsafe(closed, Effect.succeed(code)))
    socket.addEventListener("message", ({ data }) => {
      const { frame, told } = JSON.parse(String(data)) as { readonly frame: number; readonly told: ReadonlyArray<Told> }
      this.frames = frame
      for (const one of told) Queue.offerUnsafe(this.told, one)
      if (acknowledges) this.send({ _tag: "Ack", frame })
    })
  }

  static open(url: string, acknowledges = true, query = "") {
    return Effect.acquireRelease(
      Effect.flatMap(Queue.unbounded<Told>(), (queue) =>
        Effect.callback<Wire>((resume) => {
          const socket = new WebSocket(`${url.replace("http", "ws")}/live${query}`)
          socket.addEventListener("open", () => resume(Effect.succeed(new Wire(socket, queue, acknowledges))))
        })),
      ({ socket }) => Effect.sync(() => socket.close())
    )
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message))
  }

  /** The next that is told of a subscription, of a type. */
  until(id: string, type: string): Effect.Effect<Told> {
    return Effect.gen({ self: this }, function*() {
      const i = this.waiting.findIndex((told) => told.id === id && told.type === type)
      if (i >= 0) return this.waiting.splice(i, 1)[0]!
      while (true) {
        const told = yield* Queue.take(this.told)
        if (told.id === id && told.type === type) return told
        this.waiting.push(told)
      }
    })
  }
}
