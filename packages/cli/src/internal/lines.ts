/** Cuts bytes into lines, in bounded memory. */
import { Buffer } from "node:buffer"

/** A line as it lies in a file, its end not included. */
export interface Line {
  /** 1-based; 0 for a last line that nobody has counted. */
  readonly number: number
  /** Where it begins, in bytes. */
  readonly offset: number
  /** Empty when it is too long. */
  readonly bytes: Uint8Array
  /** Its length in bytes, which is beyond the limit when it is too long. */
  readonly length: number
  /** Whether a line end follows. */
  readonly ended: boolean
}

const newline = 0x0A

export class Cutter {
  private readonly limitBytes: number
  private number: number
  private offset: number
  private length = 0
  private parts: Array<Uint8Array> = []

  constructor(
    limitBytes: number,
    from: { readonly number: number; readonly offset: number } = { number: 1, offset: 0 }
  ) {
    this.limitBytes = limitBytes
    this.number = from.number
    this.offset = from.offset
  }

  /** The lines that end in this chunk. */
  push(chunk: Uint8Array): ReadonlyArray<Line> {
    const lines: Array<Line> = []
    for (let from = 0;;) {
      const at = chunk.indexOf(newline, from)
      this.add(chunk.subarray(from, at === -1 ? chunk.length : at))
      if (at === -1) return lines
      lines.push(this.cut(true))
      from = at + 1
    }
  }

  /** What follows the last line end. */
  end(): ReadonlyArray<Line> {
    return this.length === 0 ? [] : [this.cut(false)]
  }

  private add(part: Uint8Array): void {
    if (part.length === 0) return
    this.length += part.length
    if (this.length <= this.limitBytes) this.parts.push(part)
    else this.parts = []
  }

  private cut(ended: boolean): Line {
    const { length, number, offset, parts } = this
    this.number++
    this.offset += length + (ended ? 1 : 0)
    this.length = 0
    this.parts = []
    return { number, offset, length, ended, bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts) }
  }
}
