import type { Heard } from "./liveFollower.ts"
import type * as liveFrames from "./liveFrames.ts"

/** What a reader asks for, beside the id that the line gives it. */
export type Wanted = Omit<typeof liveFrames.Subscribe.Type, "_tag" | "id">

/** Takes what is told, and nothing more after `undefined`: come back. Whether there was room for it. */
export type Listener = (told: Heard | undefined) => boolean

interface Frame {
  readonly frame: number
  readonly told: ReadonlyArray<
    { readonly id: string; readonly type: string; readonly data: unknown; readonly at?: string }
  >
}

/** A line that says nothing for so long is dead, in milliseconds: a server says three times as often that nothing is new. */
const silenceMillis = 45_000

/** One WebSocket for all who follow rows, opened for the first of them, and closed after the last. */
export class LiveLine {
  private readonly url: string
  private readonly readers = new Map<string, { readonly wanted: Wanted; readonly listener: Listener }>()
  private socket: WebSocket | undefined
  private silence: ReturnType<typeof setTimeout> | undefined
  private readersSoFar = 0

  constructor(url: string) {
    this.url = url
  }

  /** Follows rows until the function that it returns is called. */
  follow(wanted: Wanted, listener: Listener): () => void {
    const id = String(++this.readersSoFar)
    this.readers.set(id, { wanted, listener })
    const socket = this.socket ?? this.open()
    if (socket.readyState === WebSocket.OPEN) this.subscribe(socket, id, wanted)
    return () => this.leave(id)
  }

  private open(): WebSocket {
    const socket = new WebSocket(this.url)
    this.socket = socket
    socket.addEventListener("open", () => {
      for (const [id, { wanted }] of this.readers) this.subscribe(socket, id, wanted)
    })
    socket.addEventListener("message", ({ data }) => this.hear(socket, data))
    for (const end of ["close", "error"]) socket.addEventListener(end, () => this.lose(socket))
    this.listen(socket)
    return socket
  }

  private subscribe(socket: WebSocket, id: string, wanted: Wanted): void {
    socket.send(JSON.stringify({ _tag: "Subscribe", id, ...wanted }))
  }

  private leave(id: string): void {
    const { socket } = this
    if (!this.readers.delete(id) || socket === undefined) return
    if (this.readers.size === 0) this.lose(socket)
    else if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ _tag: "Unsubscribe", id }))
  }

  private hear(socket: WebSocket, data: unknown): void {
    // What was on its way when the line was given up.
    if (socket !== this.socket) return
    this.listen(socket)
    let frame: Frame
    try {
      // What a server of ours says. Rows are decoded by their schema where they are read.
      frame = JSON.parse(String(data)) as Frame
      for (const { at, data, id, type } of frame.told) {
        const reader = this.readers.get(id)
        if (reader !== undefined && !reader.listener({ type, data: JSON.stringify(data), at })) this.leave(id)
      }
      // The last reader may have left.
      if (socket === this.socket) socket.send(JSON.stringify({ _tag: "Ack", frame: frame.frame }))
    } catch {
      this.lose(socket)
    }
  }

  private listen(socket: WebSocket): void {
    clearTimeout(this.silence)
    this.silence = setTimeout(() => this.lose(socket), silenceMillis)
  }

  /** Gives a line up. Whoever reads comes back, and opens the next one. */
  private lose(socket: WebSocket): void {
    if (socket !== this.socket) return
    this.socket = undefined
    clearTimeout(this.silence)
    socket.close()
    const readers = Array.from(this.readers.values())
    this.readers.clear()
    for (const { listener } of readers) listener(undefined)
  }
}
