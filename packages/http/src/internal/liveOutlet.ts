import type { ProjectionError } from "@varve/core"
import { type Bounds, rowsPerBatch } from "./liveOptions.ts"

/** A row at a position, or that there is none: made once for all who are told of it. */
export class Item {
  readonly key: string
  /** `undefined` when there is no such row. */
  readonly row: unknown
  /** Everything up to here has been seen by the row. */
  readonly position: number
  /** It changed when the position had been told: that the position has been told says nothing of it. */
  readonly late: boolean
  private readonly encode: (row: unknown) => unknown
  private json: string | undefined

  constructor(key: string, row: unknown, position: number, encode: (row: unknown) => unknown, late = false) {
    this.key = key
    this.row = row
    this.position = position
    this.late = late
    this.encode = encode
  }

  /** Whether it tells nothing to whoever has been told everything up to a position. */
  isBehind(position: number): boolean {
    return this.position < position || (this.position === position && !this.late)
  }

  /** The same without a row. */
  without(): Item {
    return new Item(this.key, undefined, this.position, this.encode, this.late)
  }

  /** As JSON text, made once. Throws where the row does not fit its schema. */
  get text(): string {
    return this.json ??= this.row === undefined
      ? JSON.stringify({ key: this.key })
      : JSON.stringify({ key: this.key, row: this.encode(this.row) })
  }
}

/** Why nothing more comes. */
export type End =
  /** The server closes, the connection is too old, or rows of another revision serve: who comes back is told the rest. */
  | { readonly _tag: "End"; readonly reason: "closing" | "stalled" | "expired" | "again" }
  | { readonly _tag: "Failure"; readonly error: ProjectionError.ProjectionError }

/** What a subscriber is told. A position is a place to resume from: everything up to it has been told. */
export type Message =
  | { readonly _tag: "Row"; readonly item: Item; readonly position: number | undefined }
  /** What was told before counts no more: all rows follow, up to `Level`. */
  | { readonly _tag: "Resync" }
  | { readonly _tag: "Level"; readonly position: number }
  /** Nothing else to tell. */
  | { readonly _tag: "Heartbeat"; readonly position: number }
  | End

/** What a subscriber is told of. */
export interface Source {
  /** Everything up to here has been offered. */
  readonly position: number
  /** All rows, where a subscriber may be told to start anew. */
  readonly items: () => Iterable<Item>
}

/** What a subscriber may see. */
export interface Sight {
  /** Which rows: the others are none. */
  readonly allowed?: ((key: string, row: unknown) => boolean) | undefined
  /** Why a row, or that there is none, may not be seen: that ends it. Of one that is followed by its key. */
  readonly denied?: ((key: string, row: unknown) => ProjectionError.ProjectionError | undefined) | undefined
}

/**
 * What waits for one subscriber: of each key the newest row, and no more than a number of them. Whoever falls behind
 * further gets all rows anew, which takes no memory but a reference each.
 */
export class Outlet {
  /** By the position that they are of, the oldest first. */
  private readonly pending = new Map<string, Item>()
  private readonly pendingRows: number
  private readonly fillingRows: number
  private readonly source: Source
  private readonly sight: Sight
  /** The keys of rows that were told, where not all may be. */
  private readonly shown: Set<string> | undefined
  /** What it starts with is not there yet. */
  private opening = true
  /** Rows are told of which some are from before: none but the last of them is a place to resume from. */
  private filling = false
  private resyncs = false
  private beats = false
  private end: End | undefined
  private over = false
  /** The subscriber has been told everything up to here. */
  private floor = 0
  private waiting: (() => void) | undefined
  /** How often something was taken; and for how many looks since nothing was. */
  private taken = 0
  private looked = { taken: 0, looks: 0 }
  /** Cuts the connection of a subscriber that takes nothing. */
  onStalled: (() => void) | undefined

  constructor(source: Source, { pendingRows, rowsPerList }: Bounds, sight: Sight, isList: boolean) {
    this.source = source
    this.pendingRows = pendingRows
    this.fillingRows = pendingRows + rowsPerList
    this.sight = sight
    this.shown = sight.allowed !== undefined && isList ? new Set() : undefined
  }

  /** Whether there is something to take. */
  get isReady(): boolean {
    if (this.over) return false
    if (this.end !== undefined) return true
    return !this.opening && (this.pending.size > 0 || this.resyncs || this.filling || this.beats)
  }

  get isOver(): boolean {
    return this.over
  }

  /** Why it has failed, if it has. */
  get failure(): ProjectionError.ProjectionError | undefined {
    return this.end?._tag === "Failure" ? this.end.error : undefined
  }

  /** How many rows wait. */
  get size(): number {
    return this.pending.size
  }

  /** Has somebody called once there is something to take: at once when there is. */
  whenReady(call: (() => void) | undefined): void {
    this.waiting = call
    this.wake()
  }

  wake(): void {
    const call = this.waiting
    if (call === undefined || !this.isReady) return
    this.waiting = undefined
    call()
  }

  /** Starts with some rows as they are now, which have seen all up to a position. What was offered meanwhile is newer. */
  startWith(items: Iterable<Item>, position: number): void {
    const newer = Array.from(this.pending.values()).filter((item) => !item.isBehind(position))
    this.pending.clear()
    this.floor = position
    for (const item of items) {
      const told = this.visible(item)
      if (told !== undefined) this.pending.set(item.key, told)
    }
    if (this.end !== undefined) return
    for (const item of newer) this.put(item)
    this.filling = true
    this.opening = false
    this.wake()
  }

  /** Starts where the subscriber was: it is told what is behind that, the oldest first. */
  startAfter(items: Iterable<Item>, position: number): void {
    this.floor = position
    for (const [key, item] of this.pending) if (item.isBehind(position)) this.pending.delete(key)
    for (const item of items) this.put(item)
    this.opening = false
    // It hears at once that it is where it was.
    this.beat()
  }

  /** Starts with all rows. */
  startAnew(): void {
    this.opening = false
    this.resync()
    this.wake()
  }

  /** Takes note of a row. Whoever offers wakes the subscriber when all of a position has been offered. */
  offer(item: Item): void {
    if (this.end !== undefined || item.isBehind(this.floor)) return
    const told = this.visible(item)
    if (told === undefined) return
    this.put(told)
    if (this.pending.size > (this.filling ? this.fillingRows : this.pendingRows)) this.resync()
  }

  /** Rows wait in the order of their positions: what is newer goes to the end. */
  private put(item: Item): void {
    const known = this.pending.get(item.key)
    if (known !== undefined && known.position > item.position) return
    if (known !== undefined) this.pending.delete(item.key)
    this.pending.set(item.key, item)
  }

  /** An item as the subscriber may see it; `undefined` when there is nothing to tell. */
  private visible(item: Item): Item | undefined {
    const { allowed, denied } = this.sight
    const error = denied?.(item.key, item.row)
    if (error !== undefined) {
      this.close({ _tag: "Failure", error })
      return undefined
    }
    if (allowed === undefined) return item
    if (item.row !== undefined && allowed(item.key, item.row)) {
      this.shown?.add(item.key)
      return item
    }
    // A row that may not be seen is none; of a list, whoever was never told its key is not told now.
    if (this.shown !== undefined && !this.shown.delete(item.key)) return undefined
    return item.row === undefined ? item : item.without()
  }

  /** Has all rows told anew. */
  private resync(): void {
    this.pending.clear()
    this.shown?.clear()
    this.resyncs = true
    this.filling = true
    for (const item of this.source.items()) {
      const told = this.visible(item)
      if (told !== undefined) this.pending.set(item.key, told)
    }
  }

  /** Looks after a subscriber, now and then: one that hears nothing is told so, one that takes nothing is cut. */
  look(heartbeatLooks: number, stallLooks: number): void {
    if (this.over || this.opening) return
    if (this.looked.taken !== this.taken) this.looked = { taken: this.taken, looks: 0 }
    const looks = ++this.looked.looks
    if (!this.isReady) {
      if (looks >= heartbeatLooks) this.beat()
    } else if (looks >= stallLooks) {
      this.close({ _tag: "End", reason: "stalled" })
      this.onStalled?.()
    }
  }

  /** Has the subscriber told that nothing is new. */
  private beat(): void {
    this.beats = true
    this.wake()
  }

  /** Nothing more comes: what waits is dropped, since whoever comes back is told it. */
  close(end: End): void {
    if (this.end !== undefined) return
    this.pending.clear()
    this.resyncs = this.filling = this.beats = false
    this.end = end
    this.wake()
  }

  /** Takes what waits, up to a bound. */
  take(): Array<Message> {
    this.taken++
    const messages: Array<Message> = []
    if (this.end !== undefined) {
      if (!this.over) messages.push(this.end)
      this.over = true
      return messages
    }
    if (this.resyncs) messages.push({ _tag: "Resync" })
    this.resyncs = false
    let last: Item | undefined
    for (const item of this.pending.values()) {
      if (last !== undefined) messages.push(this.row(last, item))
      last = undefined
      if (messages.length >= rowsPerBatch) break
      this.pending.delete(item.key)
      last = item
    }
    if (last !== undefined) messages.push(this.row(last, this.pending.values().next().value))
    if (this.pending.size === 0 && this.filling) {
      this.filling = false
      messages.push({ _tag: "Level", position: this.position })
    } else if (messages.length === 0 && this.beats) {
      messages.push({ _tag: "Heartbeat", position: this.position })
    }
    this.beats = false
    return messages
  }

  private get position(): number {
    return Math.max(this.floor, this.source.position)
  }

  /** Only behind the last row of a position everything up to there has been told. */
  private row(item: Item, next: Item | undefined): Message {
    const position = next === undefined
      ? Math.max(item.position, this.position)
      : this.filling || next.position === item.position
      ? undefined
      : item.position
    return { _tag: "Row", item, position }
  }
}
