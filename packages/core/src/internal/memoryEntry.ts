import type * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Encoded } from "../Commit.ts"
import type * as RowStore from "../RowStore.ts"
import { nameOf } from "./partition.ts"
import * as text from "./text.ts"

interface MemoryCheckpoint {
  readonly partition: number
  position: number
  fence: number
  owner: string | undefined
  /** Milliseconds since 1970. */
  until: number
  rate: number
  movedAt: DateTime.Utc
}

const checkpointAt = (position: number, at: DateTime.Utc, fence: number) => (partition: number): MemoryCheckpoint => ({
  partition,
  position,
  fence,
  owner: undefined,
  until: 0,
  rate: 0,
  movedAt: at
})

/** Whether an event comes before another: a smaller (position, index). */
const isBefore = (a: { position: number; index: number }, b: { position: number; index: number }): boolean =>
  a.position < b.position || (a.position === b.position && a.index < b.index)

const isAt = (a: { position: number; index: number }, b: { position: number; index: number }): boolean =>
  a.position === b.position && a.index === b.index

const byPlace = (a: RowStore.Parked, b: RowStore.Parked): number =>
  text.compare(a.tenant, b.tenant) || text.compare(a.key, b.key) || a.position - b.position || a.index - b.index

/** A target as it lies in memory: its checkpoints, rows and parked events. */
export class MemoryEntry {
  readonly target: RowStore.Target
  readonly indexes: ReadonlyArray<string>
  mode: RowStore.Entry["mode"] = "async"
  state: RowStore.State = "running"
  serving = false
  failure: RowStore.Failure | undefined
  checkpoints: ReadonlyArray<MemoryCheckpoint>
  readonly rows = new Map<string, RowStore.RowWrite>()
  /** By key, in order. */
  readonly parked = new Map<string, Array<RowStore.Parked>>()

  constructor(
    target: RowStore.Target,
    indexes: ReadonlyArray<string>,
    partitions: number,
    position: number,
    fence: number,
    at: DateTime.Utc
  ) {
    this.target = target
    this.indexes = indexes
    this.checkpoints = Array.from({ length: partitions }, (_, i) => checkpointAt(position, at, fence)(i))
  }

  toEntry(storeId: string, at: DateTime.Utc): RowStore.Entry {
    const checkpoints = this.checkpoints.map(({ fence, movedAt, owner, partition, position, rate, until }) => ({
      partition,
      position,
      fence,
      owner: until > at.epochMilliseconds ? Option.fromUndefinedOr(owner) : Option.none(),
      rate,
      movedAt
    }))
    return {
      target: this.target,
      storeId,
      mode: this.mode,
      indexes: this.indexes,
      state: this.state,
      serving: this.serving,
      // An entry has a partition at the least.
      checkpoints: checkpoints as unknown as Arr.NonEmptyReadonlyArray<RowStore.Checkpoint>,
      failure: Option.fromUndefinedOr(this.failure),
      parkedKeys: this.parked.size,
      parkedEvents: Array.from(this.parked.values()).reduce((sum, events) => sum + events.length, 0)
    }
  }

  private get least(): number {
    return Math.min(...this.checkpoints.map(({ position }) => position))
  }

  /** A fence that nobody has had of it. */
  get nextFence(): number {
    return Math.max(...this.checkpoints.map(({ fence }) => fence)) + 1
  }

  /** New checkpoints, at the least of the old ones and under fences that nobody has had. */
  repartition(partitions: number, level: boolean, at: DateTime.Utc): void {
    if (partitions === this.checkpoints.length) return
    if (level && this.checkpoints.some(({ position }) => position !== this.least)) return
    const fence = this.nextFence
    const position = this.least
    this.checkpoints = Array.from({ length: partitions }, (_, i) => checkpointAt(position, at, fence)(i))
  }

  acquire(owner: string, lease: number, most: number, at: DateTime.Utc): ReadonlyArray<RowStore.Lease> {
    const now = at.epochMilliseconds
    const held = this.checkpoints.filter((one) => one.owner === owner && one.until > now)
    const free = this.checkpoints.filter((one) => one.owner === undefined || one.until <= now)
    for (const one of free.slice(0, Math.max(most - held.length, 0))) {
      one.owner = owner
      one.fence++
      held.push(one)
    }
    for (const one of held) one.until = now + lease
    return held.map(({ fence, partition, position }) => ({ partition, fence, position }))
      .sort((a, b) => a.partition - b.partition)
  }

  release(owner: string): void {
    for (const one of this.checkpoints) if (one.owner === owner) one.owner = undefined
  }

  judge({ fence, from, partition, unpark }: RowStore.Batch): RowStore.Committed {
    const checkpoint = this.checkpoints[partition]
    if (this.state !== "running" || checkpoint === undefined) return "Stopped"
    if (fence !== undefined && checkpoint.fence !== fence) return "Lost"
    const parked = unpark.every((event) => this.parked.get(nameOf(event))?.some((one) => isAt(one, event)))
    return checkpoint.position === from && parked ? "Committed" : "Moved"
  }

  commit(batch: RowStore.Batch, at: DateTime.Utc): RowStore.Committed {
    const judged = this.judge(batch)
    if (judged !== "Committed") return judged
    const checkpoint = this.checkpoints[batch.partition]!
    for (const row of batch.rows) this.write(row)
    for (const event of batch.unpark) {
      this.changeParked(event, (events) => events.filter((one) => !isAt(one, event)))
    }
    for (const event of batch.park) {
      this.changeParked(
        event,
        (events) => [...events.filter((one) => !isAt(one, event)), event].sort(byPlace)
      )
    }
    if (batch.failure !== undefined) this.failure = batch.failure
    if (batch.to > checkpoint.position) checkpoint.movedAt = at
    checkpoint.position = batch.to
    checkpoint.rate = batch.rate
    if (batch.fence !== undefined) checkpoint.until = at.epochMilliseconds + Duration.toMillis(batch.lease)
    return "Committed"
  }

  private write(row: RowStore.RowWrite): void {
    const name = nameOf(row)
    const stored = this.rows.get(name)
    if (stored === undefined || isBefore(stored, row)) this.rows.set(name, row)
  }

  private changeParked(
    key: RowStore.RowKey,
    change: (events: Array<RowStore.Parked>) => Array<RowStore.Parked>
  ): void {
    const events = change(this.parked.get(nameOf(key)) ?? [])
    if (events.length === 0) this.parked.delete(nameOf(key))
    else this.parked.set(nameOf(key), events)
  }

  parkedEvents(key: RowStore.RowKey | undefined, due: boolean): ReadonlyArray<RowStore.Parked> {
    return Array.from(this.parked.values())
      .filter((events) => !due || events[0]!.attempts === 0 || events.some((event) => event.due))
      .flat()
      .filter((event) => key === undefined || nameOf(event) === nameOf(key))
      .sort(byPlace)
  }

  retry(key: RowStore.RowKey, skip: boolean): number {
    const count = this.parked.get(nameOf(key))?.length ?? 0
    this.changeParked(key, (events) => events.slice(skip ? 1 : 0).map((event) => ({ ...event, due: true })))
    return count
  }

  sweep(): number {
    const swept = Array.from(this.rows).filter(([, { position, value }]) => value === null && position <= this.least)
    for (const [name] of swept) this.rows.delete(name)
    return swept.length
  }

  /** Applies a commit that was stored at `first` to `last`. False when it goes without rows. */
  ride(inline: RowStore.Inline, commit: Encoded, first: number, last: number, at: DateTime.Utc): boolean {
    const [checkpoint, another] = this.checkpoints
    if (this.state !== "running" || another !== undefined || checkpoint!.position !== first - 1) return false
    const writes = this.foldInline(inline, commit)
    if (writes === undefined) return false
    for (const row of writes) this.write({ ...row, position: first + row.position })
    checkpoint!.position = last
    checkpoint!.movedAt = at
    return true
  }

  private foldInline(inline: RowStore.Inline, commit: Encoded): ReadonlyArray<RowStore.RowWrite> | undefined {
    try {
      const prepared = inline.prepare([commit])
      if (prepared === undefined || prepared.keys.some((key) => this.parked.has(nameOf(key)))) return undefined
      const rows = prepared.keys.map((key) => this.rows.get(nameOf(key))).filter((row) => row !== undefined)
      return prepared.fold(rows, [true])
    } catch {
      // The commit is stored: what goes wrong with its rows is found again, and told, by who runs the projection.
      return undefined
    }
  }
}
