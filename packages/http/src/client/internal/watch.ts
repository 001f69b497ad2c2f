import type { CommitId, Projection, ProjectionError, Rows } from "@varve/core"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import type { List, Row } from "../OptimisticState.ts"
import { type Command, foldAll, goingTo, type Happened, keep } from "./pendingCommand.ts"

/** What is watched: one row, or the rows of a query. */
export interface Subject {
  readonly projection: Projection.Any
  readonly tenant: string
  readonly of: string | Rows.Query
  /** The order of the query; `undefined` for one row. */
  readonly order: Rows.Order<unknown> | undefined
  /** The aggregate whose instances have no row before their first event. */
  readonly owner: string | undefined
}

/** A row as the server has told it, or as it is known otherwise. */
interface Told {
  readonly row: unknown
  /** When it came, in the order of what is sent and received. What was sent later is not in it. */
  readonly came: number
  /** What it has seen at the least, beside what the whole watch has seen. */
  readonly seen: number
  /** Whether it is among the rows that are watched. */
  readonly inside: boolean
  /** False when all that is known is that it is not among those that are watched. */
  readonly known: boolean
}

interface Shown {
  readonly told: Told
  readonly events: ReadonlyArray<ReadonlyArray<Happened>>
  readonly pending: ReadonlyArray<CommitId.CommitId>
  readonly item: List<unknown>["rows"][number]
  readonly place: Rows.Place | undefined
}

export const loadingRow: Row<unknown> = {
  loading: true,
  row: Option.none(),
  confirmed: Option.none(),
  pending: [],
  position: 0,
  behind: 0,
  error: Option.none()
}

export const loadingList: List<unknown> = {
  loading: true,
  rows: [],
  pending: [],
  position: 0,
  behind: 0,
  error: Option.none()
}

/**
 * Rows that are watched: as the server tells them, and with the events of pending commands on top.
 *
 * A row that comes while an own command is under way may have its events in it or not. So it is held back until that is
 * known: until the command has its receipt, and everything up to the receipt has come. Then the row takes the place of
 * the events at once: nothing flickers back, nothing counts twice.
 */
export class Watch {
  readonly subject: Subject
  /** Everything up to here has come. */
  position = 0
  /** Everything up to here is in the rows as they were told, and held back no more. */
  private confirmedTo = 0
  loaded = false
  error: Option.Option<ProjectionError.ProjectionError> = Option.none()
  /** Why nothing comes any more. */
  ended: ProjectionError.ProjectionError | undefined
  readonly listeners = new Set<() => void>()
  /** Keys whose rows are being asked for. */
  private readonly asked = new Set<string>()
  /** Position that the rows of keys had seen at the least when they were asked for last. */
  private readonly looked = new Map<string, number>()
  private readonly told = new Map<string, Told>()
  private readonly held = new Map<string, Told>()
  private readonly shown = new Map<string, Shown>()
  /** Keys of rows of a snapshot that was broken off, and that the next one has not told. */
  private untold = new Set<string>()
  private snapshot: Row<unknown> | List<unknown>
  private fresh = false

  constructor(subject: Subject) {
    this.subject = subject
    this.snapshot = subject.order === undefined ? loadingRow : loadingList
  }

  get size(): number {
    return this.told.size
  }

  /** A stream starts. Without a position to resume from it begins with all rows, and does not speak of those that are gone. */
  begin(): void {
    if (this.subject.order === undefined || this.position > 0) return
    this.loaded = false
    this.untold = new Set([...this.told.keys(), ...this.held.keys()])
  }

  /** All rows that there are have come. */
  complete(came: number): void {
    this.loaded = true
    for (const key of this.untold) {
      if (this.told.get(key)?.inside === false && !this.held.has(key)) continue
      this.held.set(key, { row: undefined, came, seen: 0, inside: false, known: false })
    }
    this.untold.clear()
  }

  /** Takes a row that the server has told. */
  receive({ key, position, row }: Projection.Change<unknown>, came: number): void {
    const inside = this.subject.order === undefined || Option.isSome(row)
    this.held.set(key, { row: Option.getOrUndefined(row), came, seen: 0, inside, known: inside })
    this.position = Math.max(this.position, position)
    this.untold.delete(key)
    if (this.subject.order === undefined) this.loaded = true
    else if (position > 0) this.complete(came)
  }

  /** Marks a row that is not watched as asked for. */
  ask(key: string, seen: number): void {
    this.asked.add(key)
    this.looked.set(key, seen)
  }

  /** Takes a row that is not watched, for the events of pending commands that go to it; `undefined` when none came. */
  lend(key: string, found: { readonly row: unknown; readonly seen: number; readonly came: number } | undefined): void {
    this.asked.delete(key)
    if (found === undefined) this.looked.delete(key)
    const told = this.told.get(key)
    if (found === undefined || this.held.has(key) || told?.inside === true) return
    // A row that is among those that are watched comes as such.
    const { row } = found
    if (told !== undefined && row !== undefined && this.subject.order?.placeOf(key, row) !== undefined) return
    this.held.set(key, { ...found, inside: false, known: true })
  }

  /**
   * Takes a row that was asked for although it is watched. One that is the same as was told last has seen as much: an event
   * that leaves a row as it was is not told. One that differs says nothing: it comes as a change, in its turn.
   */
  agree(key: string, row: unknown, seen: number, came: number): void {
    const last = this.held.get(key) ?? this.told.get(key)
    if (last?.known !== true || !Equal.equals(last.row, row)) return
    this.held.set(key, { ...last, came, seen: Math.max(last.seen, seen) })
  }

  /** Whether rows that the events of a command go to are being asked for. */
  isAsking({ touched }: Command): boolean {
    return Array.from(touched.get(this.subject.projection.tag)?.keys() ?? []).some((key) => this.asked.has(key))
  }

  /** Forgets everything: positions of another store tell nothing here. */
  reset(): void {
    this.told.clear()
    this.held.clear()
    this.position = 0
    this.confirmedTo = 0
    this.loaded = false
  }

  /** The commands whose events go to rows of the projection. */
  private relevant(commands: ReadonlyArray<Command>): ReadonlyArray<Command> {
    const { projection: { tag }, tenant } = this.subject
    return commands.filter(({ stream, touched }) => stream.tenant === tenant && touched.has(tag))
  }

  private goingTo(command: Command, key: string): ReadonlyArray<Happened> | undefined {
    return goingTo(command, this.subject.tenant, this.subject.projection.tag, key)
  }

  /** Whether the events of a command are on top of a row: they go to it, and are not in it. */
  private isOn(command: Command, key: string, told: Told | undefined): boolean {
    const { came, inside, seen } = told ?? { came: -1, inside: false, seen: 0 }
    if (this.goingTo(command, key) === undefined || command.sent <= came) return false
    if (inside || this.held.has(key) || command.receipt === undefined) return true
    // It was told, had it come among those that are watched.
    return !this.loaded || Math.max(this.position, seen) < command.receipt.last
  }

  /** Whether a row that was held back can be shown: each command that it may have in it is known to be in it. */
  private isClear(key: string, held: Told, commands: ReadonlyArray<Command>): boolean {
    const before = this.told.get(key)
    if (before === undefined) return true
    const seen = Math.max(held.seen, held.known && !held.inside ? 0 : this.position)
    if (seen < before.seen) return false
    return commands.every((command) =>
      command.sent <= before.came || command.sent > held.came || this.goingTo(command, key) === undefined
      || (command.receipt !== undefined && seen >= command.receipt.last)
    )
  }

  /** Brings rows and pending commands together, whenever one of them has changed. */
  settle(all: ReadonlyArray<Command>): void {
    const commands = this.relevant(all)
    for (const [key, held] of this.held) {
      if (!this.isClear(key, held, commands)) continue
      this.told.set(key, held)
      this.held.delete(key)
    }
    if (this.held.size === 0) this.confirmedTo = this.position
    for (const command of commands) this.found(command)
    for (const [key, { inside }] of this.told) {
      if (inside || commands.some((command) => this.goingTo(command, key) !== undefined)) continue
      this.told.delete(key)
      this.looked.delete(key)
    }
    this.fresh = false
  }

  /** Where the first event of an instance goes there was no row before. */
  private found({ stream, touched }: Command): void {
    const { of, order, owner, projection, tenant } = this.subject
    if (stream.category !== owner || stream.tenant !== tenant) return
    for (const [key, [first]] of touched.get(projection.tag) ?? []) {
      if (first!.envelope.version !== 1 || (order === undefined ? key !== of : !this.loaded)) continue
      if (this.told.get(key)?.known === true || this.held.has(key)) continue
      this.told.set(key, { row: undefined, came: -1, seen: 0, inside: order === undefined, known: true })
    }
  }

  /** The keys of rows that a command goes to, and that are not known to have seen it. */
  awaited(command: Command): ReadonlyArray<string> {
    const { projection: { tag }, tenant } = this.subject
    if (command.stream.tenant !== tenant) return []
    return Array.from(command.touched.get(tag)?.keys() ?? [])
      .filter((key) => this.isMine(key) && this.isOn(command, key, this.told.get(key)))
  }

  private isMine(key: string): boolean {
    return this.subject.order !== undefined || key === this.subject.of
  }

  /**
   * Keys of rows that are not watched and that events of pending commands go to: their rows are needed to fold on, and
   * once more when a command is stored: they may have gone elsewhere than was predicted, which nobody tells.
   */
  wanted(commands: ReadonlyArray<Command>): ReadonlyArray<string> {
    if (this.subject.order === undefined || !this.loaded) return []
    const keys = new Set<string>()
    for (const command of this.relevant(commands)) {
      for (const key of command.touched.get(this.subject.projection.tag)!.keys()) {
        const told = this.told.get(key)
        if (told?.inside === true || this.held.has(key) || this.asked.has(key)) continue
        const needed = told?.known !== true || (this.looked.get(key) ?? -1) < (command.receipt?.last ?? -1)
        if (needed && this.isOn(command, key, told)) keys.add(key)
      }
    }
    return Array.from(keys)
  }

  private show(key: string, told: Told, on: ReadonlyArray<Command>): Shown {
    const events = on.map((command) => this.goingTo(command, key)!)
    const before = this.shown.get(key)
    if (before?.told === told && keep(before.events, events) === before.events) return before
    const { order, projection } = this.subject
    const row = foldAll(projection, key, told.row, events)
    const pending = on.map(({ commitId }) => commitId)
    const confirmed = told.inside ? Option.fromUndefinedOr(told.row) : Option.none()
    const place = row === undefined ? undefined : order?.placeOf(key, row)
    return { told, events, pending, place, item: { key, row, confirmed, pending } }
  }

  /** What is shown. The same value, by identity, while nothing of it has changed. */
  current(all: ReadonlyArray<Command>): Row<unknown> | List<unknown> {
    if (this.fresh) return this.snapshot
    const commands = this.relevant(all)
    this.fresh = true
    let behind = 0
    const pending = new Set<CommitId.CommitId>()
    const shown = new Map<string, Shown>()
    for (const [key, told] of this.told) {
      if (!told.known) continue
      const on = commands.filter((command) => this.isOn(command, key, told))
      for (const { commitId, receipt } of on) {
        pending.add(commitId)
        if (receipt !== undefined) behind = Math.max(behind, receipt.last - this.confirmedTo)
      }
      shown.set(key, this.show(key, told, on))
    }
    this.shown.clear()
    for (const [key, one] of shown) this.shown.set(key, one)
    const { confirmedTo: position, error, loaded } = this
    const around = { loading: !loaded, pending: Array.from(pending), position, behind, error }
    this.snapshot = this.subject.order === undefined
      ? keepFields(this.snapshot as Row<unknown>, { ...around, ...this.rowOf(shown) })
      : keepFields(this.snapshot as List<unknown>, { ...around, rows: this.rowsOf(shown, this.subject.order) })
    return this.snapshot
  }

  private rowOf(shown: ReadonlyMap<string, Shown>): Pick<Row<unknown>, "row" | "confirmed"> {
    const found = shown.get(this.subject.of as string)
    if (found === undefined) return { row: Option.none(), confirmed: Option.none() }
    const { item: { confirmed, row } } = found
    return { confirmed, row: row === Option.getOrUndefined(confirmed) ? confirmed : Option.fromUndefinedOr(row) }
  }

  private rowsOf(shown: ReadonlyMap<string, Shown>, { compare }: Rows.Order<unknown>): List<unknown>["rows"] {
    return Array.from(shown.values())
      .filter((one) => one.place !== undefined)
      .sort((a, b) => compare(a.place!, b.place!))
      .map(({ item }) => item)
  }

  /** The keys whose rows have been told as they are now, pending events apart. For `changes`. */
  optimistic(commands: ReadonlyArray<Command>): ReadonlyMap<string, unknown> {
    const snapshot = this.current(commands)
    if ("rows" in snapshot) return new Map(snapshot.rows.map(({ key, row }) => [key, row]))
    return new Map([[this.subject.of as string, Option.getOrUndefined(snapshot.row)]])
  }
}

/** The object of before, where all its fields are the same. */
const keepFields = <A extends Row<unknown> | List<unknown>>(before: A, now: A): A => {
  const kept: { [field: string]: unknown } = {}
  let same = true
  for (const [field, value] of Object.entries(now)) {
    const was = before[field as keyof A] as unknown
    kept[field] = isSame(was, value) ? was : value
    same &&= kept[field] === was
  }
  // Every field is one of `now`, or its equal.
  return same ? before : kept as unknown as A
}

const isSame = (was: unknown, is: unknown): boolean => {
  if (Array.isArray(was) && Array.isArray(is)) return keep(was, is) === was
  if (Option.isOption(was) && Option.isOption(is)) {
    return Option.getOrUndefined(was) === Option.getOrUndefined(is) && was._tag === is._tag
  }
  return was === is
}
