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
export interface LiveLine {
  /** Follows rows until the function that it returns is called. */
  readonly follow: (wanted: Wanted, listener: Listener) => () => void
}

/** Behind the code 4000 a server says the status that it would have answered with. */
const refused = (code: number): Heard | undefined =>
  code < 4_400 ? undefined : { type: "failure", data: `{"status":${code - 4_000}}`, at: undefined }

export const make = (url: () => string): LiveLine => {
  const readers = new Map<string, { readonly wanted: Wanted; readonly listener: Listener }>()
  let socket: WebSocket | undefined
  let silence: ReturnType<typeof setTimeout> | undefined
  let readersSoFar = 0

  const say = (asked: typeof liveFrames.Asked.Type): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(asked))
  }

  const subscribe = (id: string, wanted: Wanted): void => say({ _tag: "Subscribe", id, ...wanted })

  const leave = (id: string): void => {
    if (!readers.delete(id)) return
    if (readers.size === 0) lose()
    else say({ _tag: "Unsubscribe", id })
  }

  /** Gives a line up. Whoever reads comes back, and opens the next one, unless that is of no use. */
  const lose = (why?: Heard): void => {
    clearTimeout(silence)
    socket?.close()
    socket = undefined
    const all = [...readers.values()]
    readers.clear()
    for (const { listener } of all) {
      if (why !== undefined) listener(why)
      listener(undefined)
    }
  }

  const listen = (): void => {
    clearTimeout(silence)
    silence = setTimeout(lose, silenceMillis)
  }

  const hear = (data: unknown): void => {
    listen()
    try {
      // What a server of ours says. Rows are decoded by their schema where they are read.
      const { frame, told } = JSON.parse(String(data)) as Frame
      for (const { at, data, id, type } of told) {
        if (readers.get(id)?.listener({ type, data: JSON.stringify(data), at }) === false) leave(id)
      }
      say({ _tag: "Ack", frame })
    } catch {
      lose()
    }
  }

  const open = (): void => {
    const own = socket = new WebSocket(url())
    // What one says that was given up counts no more. That it is closed is told after an error, too.
    const on = (event: string, act: (told: MessageEvent & CloseEvent) => void) =>
      // The data is looked at where it is a message, and the code where it is closed.
      own.addEventListener(event as "message", (told) => {
        if (own === socket) act(told as MessageEvent & CloseEvent)
      })
    on("open", () => {
      for (const [id, { wanted }] of readers) subscribe(id, wanted)
    })
    on("message", ({ data }) => hear(data))
    on("close", ({ code }) => lose(refused(code)))
    listen()
  }

  return {
    follow: (wanted, listener) => {
      const id = String(++readersSoFar)
      readers.set(id, { wanted, listener })
      if (socket === undefined) open()
      // One that is not open yet subscribes for all when it is.
      else subscribe(id, wanted)
      return () => leave(id)
    }
  }
}
