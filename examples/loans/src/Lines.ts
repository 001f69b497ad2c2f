/**
 * Cuts bytes into lines of text, in bounded memory.
 */
import { Result, Schema, Stream } from "effect"
import { Buffer } from "node:buffer"

/** Longest line, in bytes. What is longer is not kept. */
export const longestBytes = 4_096

/** A line that is none of the log, and why. */
export class BadLine extends Schema.TaggedError<BadLine>()("BadLine", {
  number: Schema.Int,
  reason: Schema.String
}) {
  override get message(): string {
    return `line ${this.number}: ${this.reason}`
  }
}

export interface Line {
  /** 1-based. */
  readonly number: number
  readonly text: string
}

/** An unknown text in a message: short, quoted, and without control characters. */
export const quote = (text: string): string =>
  JSON.stringify(text.length <= 60 ? text : `${text.slice(0, 60)}…`).replaceAll(
    // What JSON leaves as it is and a terminal obeys.
    /[\u007F-\u009F]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

const utf8 = new TextDecoder("utf-8", { fatal: true })
// U+0000 to U+001F and U+007F, the tab apart. Written with escapes so that the file itself holds none.
const control = new RegExp("[\\u0000-\\u0008\\u000A-\\u001F\\u007F]")

const decode = (number: number, bytes: Uint8Array): Result.Result<Line, BadLine> => {
  const bad = (reason: string) => Result.fail(new BadLine({ number, reason }))
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return bad("expected text in UTF-8, got other bytes")
  }
  if (text.endsWith("\r")) text = text.slice(0, -1)
  const found = control.exec(text)
  if (found !== null) {
    const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")
    return bad(`expected text, got the control character U+${code} at column ${found.index + 1}`)
  }
  return text.trim() === "" ? bad("expected a JSON object, got an empty line") : Result.succeed({ number, text })
}

class Cutter {
  private number = 0
  private bytes = 0
  private parts: Array<Uint8Array> = []

  /** The lines that end in this chunk. */
  push(chunk: Uint8Array): ReadonlyArray<Result.Result<Line, BadLine>> {
    const lines: Array<Result.Result<Line, BadLine>> = []
    for (let from = 0;;) {
      const at = chunk.indexOf(0x0A, from)
      this.add(chunk.subarray(from, at === -1 ? chunk.length : at))
      if (at === -1) return lines
      lines.push(this.cut())
      from = at + 1
    }
  }

  /** The last line, when no newline ends it. */
  end(): ReadonlyArray<Result.Result<Line, BadLine>> {
    return this.bytes === 0 ? [] : [this.cut()]
  }

  private add(part: Uint8Array): void {
    this.bytes += part.length
    if (this.bytes <= longestBytes) this.parts.push(part)
    else this.parts = []
  }

  private cut(): Result.Result<Line, BadLine> {
    const { bytes, parts } = this
    this.number++
    this.bytes = 0
    this.parts = []
    if (bytes > longestBytes) {
      const reason = `expected at most ${longestBytes} bytes, got ${bytes}`
      return Result.fail(new BadLine({ number: this.number, reason }))
    }
    return decode(this.number, Buffer.concat(parts))
  }
}

/** The lines of a file, each with its number; a line that is no text is named in its place. */
export const lines = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>
): Stream.Stream<Result.Result<Line, BadLine>, E, R> =>
  Stream.mapAccumArray(
    bytes,
    () => new Cutter(),
    (cutter, chunks) => [cutter, chunks.flatMap((chunk) => cutter.push(chunk))] as const,
    { onHalt: (cutter) => cutter.end() }
  )
