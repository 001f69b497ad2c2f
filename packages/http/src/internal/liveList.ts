import { Limits, type ProjectionError, type Rows } from "@varve/core"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused, unavailable } from "./liveErrors.ts"
import { type Bounds, rowsKept } from "./liveOptions.ts"
import { Item, type Outlet, type Source } from "./liveOutlet.ts"

/** What a list asks of the rows it is of. */
export interface Origin {
  readonly target: string
  readonly bounds: Bounds
  readonly reading: Rows.Reading<unknown>
  /** Up to where all rows have seen everything. */
  readonly reached: Effect.Effect<number, ProjectionError.ProjectionError>
  readonly encode: (row: unknown) => unknown
  /** Takes places for rows that are kept, or says that there are none left. */
  readonly reserve: (rows: number) => boolean
}

/** The rows of one query, computed once for all who follow it. */
export class List implements Source {
  private readonly origin: Origin
  private readonly query: Rows.Query
  private readonly within: (key: string, row: unknown) => boolean
  private readonly rows = new Map<string, Item>()
  /** Rows that have left, and where, so that whoever was away is told. */
  private readonly gone = new Map<string, Item>()
  readonly outlets = new Set<Outlet>()
  /** Set when it has more rows than a list may have. */
  overflow: ProjectionError.ProjectionError | undefined
  private opened = false
  private reserved = 0
  /** Everything that has left behind this position is known. */
  since = 0
  position = 0

  constructor(origin: Origin, query: Rows.Query, within: (key: string, row: unknown) => boolean) {
    this.origin = origin
    this.query = query
    this.within = within
  }

  items(): Iterable<Item> {
    return this.rows.values()
  }

  get size(): number {
    return this.rows.size
  }

  /** Reads the rows. It is offered changes from before on, so that none is missed. */
  readonly open = Effect.gen({ self: this }, function*() {
    const { encode, reached, reading } = this.origin
    const start = Math.max(this.position, yield* reached)
    const found: Array<Item> = []
    let cursor: string | undefined
    do {
      const page = yield* reading.list({ ...this.query, limit: Limits.rowsPerPage, cursor })
      for (const { key, row } of page.rows) found.push(new Item(key, row, start, encode))
      yield* this.fit(found.length)
      cursor = Option.getOrUndefined(page.next)
    } while (cursor !== undefined)
    // What came meanwhile is newer, where the rows had not seen it when the reading began.
    const newer = [...this.rows.values(), ...this.gone.values()].filter((item) => !item.isBehind(start))
    this.rows.clear()
    this.gone.clear()
    for (const item of found) this.rows.set(item.key, item)
    this.opened = true
    this.since = start
    this.position = Math.max(this.position, start)
    newer.sort((a, b) => a.position - b.position)
    for (const item of newer) this.apply(item)
    yield* this.fit(this.rows.size)
  })

  private fit(rows: number): Effect.Effect<void, ProjectionError.ProjectionError> {
    const wrong = this.misfit(rows)
    return wrong === undefined ? Effect.void : Effect.fail(wrong)
  }

  /** Takes places for rows; why it does not, where there are none. */
  private misfit(rows: number): ProjectionError.ProjectionError | undefined {
    const { bounds: { rowsPerList }, reserve, target } = this.origin
    if (rows <= this.reserved) return undefined
    if (rows > rowsPerList) return refused(target, "rows of a live list", `at most ${rowsPerList}`, "more")
    if (!reserve(rows - this.reserved)) {
      return unavailable(target, "rows kept for live lists", `at most ${rowsKept}`, "more")
    }
    this.reserved = rows
    return undefined
  }

  /** Gives back the places of its rows. */
  close(): void {
    this.origin.reserve(-this.reserved)
    this.reserved = 0
  }

  /** A row has changed. Whether its subscribers are to be woken. */
  apply(item: Item): boolean {
    const known = this.rows.has(item.key)
    if (item.row !== undefined && this.within(item.key, item.row)) {
      if (item.late) this.since = Math.max(this.since, item.position + 1)
      this.gone.delete(item.key)
      this.rows.set(item.key, item)
      this.overflow ??= this.misfit(this.rows.size)
      return this.tell(item)
    }
    // Until it is open, nobody knows which rows it has.
    if (!known && this.opened) return false
    if (item.late) this.since = Math.max(this.since, item.position + 1)
    const left = item.without()
    this.rows.delete(item.key)
    this.gone.delete(item.key)
    this.gone.set(item.key, left)
    this.forget()
    return this.tell(left)
  }

  /** Whoever was away for longer than is known gets all rows. */
  private forget(): void {
    if (this.gone.size <= this.origin.bounds.rowsPerList) return
    for (const [key, { position }] of this.gone) {
      this.gone.delete(key)
      this.since = Math.max(this.since, position)
      return
    }
  }

  private tell(item: Item): boolean {
    for (const outlet of this.outlets) outlet.offer(item)
    return this.outlets.size > 0
  }

  /** Starts a subscriber: behind where it was, where that is known, or else with all rows. */
  start(outlet: Outlet, after: number | undefined): void {
    if (after === undefined || after < this.since) outlet.startAnew()
    else {
      const behind = [...this.rows.values(), ...this.gone.values()].filter(({ position }) => position > after)
      outlet.startAfter(behind.sort((a, b) => a.position - b.position), after)
    }
    this.outlets.add(outlet)
  }
}
