import { type Commit, EventStoreError, type StoredEvent, type StreamName } from "@varve/core"
import * as DateTime from "effect/DateTime"
import type * as Exit from "effect/Exit"
import * as parameters from "./parameters.ts"

/** What became of one commit of a batch. */
export type Outcome =
  | { readonly _tag: "Written"; readonly receipt: Commit.Receipt }
  | { readonly _tag: "Conflict"; readonly reason: EventStoreError.Conflict }
  /** Its id is known already. Whether it is the same commit is still to be seen. */
  | { readonly _tag: "Known" }

/** What the caller of an append gets. */
export type Answer = Exit.Exit<Commit.Receipt, EventStoreError.EventStoreError>

interface Condition {
  readonly stream: StreamName.StreamName
  readonly expected: Commit.Expected
}

/** A condition of `exists`, and one that never holds, where versions stand. See `append_1`. */
const exists = -2
const never = -3

const versionOf = (expected: Exclude<Commit.Expected, "any">): number => {
  if (expected === "exists") return exists
  const version = typeof expected === "number" ? expected : expected.version
  return version < 0 ? never : version
}

/** The version of a slot before the batch, while no condition has told it. */
const untold = -1

/** The arguments of `append_1` and `append_2` for commits in their order, and what is needed to read their answers. */
export class Batch {
  readonly commits: ReadonlyArray<Commit.Encoded>
  private readonly conditions: Array<Condition> = []
  private linked = false
  /** Whether no condition contradicts `before`, or holds of several versions. */
  private told = true

  private readonly slots = new Map<string, number>()
  private readonly tenants: Array<string> = []
  private readonly categories: Array<string> = []
  private readonly streamIds: Array<string> = []
  /** The version that each slot has before the batch, if the conditions hold. */
  private readonly before: Array<number> = []
  /** Events that the commits so far add to each slot, and the last commit that does. */
  private readonly added: Array<number> = []
  private readonly lastWriter: Array<number> = []
  /** The slot of each stream of each commit, in one row. */
  private readonly slotOfStream: Array<number> = []

  private readonly conditionInts: ReadonlyArray<Array<number>> = [[], [], [], [], []]
  private readonly conditionBy: Array<string | null> = []
  private readonly writeInts: ReadonlyArray<Array<number>> = [[], [], []]
  private readonly eventInts: ReadonlyArray<Array<number>> = [[], [], [], [], [], []]
  private readonly types: Array<string> = []
  private readonly payloads: Array<string> = []
  private readonly occurred: Array<number | null> = []

  constructor(commits: ReadonlyArray<Commit.Encoded>) {
    this.commits = commits
    for (let i = 0; i < commits.length; i++) this.add(commits[i]!, i + 1)
  }

  private slot({ key, stream }: Commit.EncodedStream): number {
    const known = this.slots.get(key)
    if (known !== undefined) return known
    const slot = this.tenants.push(stream.tenant)
    this.slots.set(key, slot)
    this.categories.push(stream.category)
    this.streamIds.push(stream.id)
    this.before.push(untold)
    this.added.push(0)
    this.lastWriter.push(0)
    return slot
  }

  /** Takes from a condition which version a slot has before the batch, where it tells one. */
  private tell(condition: Exclude<Commit.Expected, "any">, slot: number): void {
    const known = this.before[slot - 1]!
    const added = this.added[slot - 1]!
    if (typeof condition === "object") this.told = false
    else if (condition === "exists") this.told &&= known !== untold && known + added > 0
    else if (known !== untold) this.told &&= known + added === condition
    else if (condition >= added) this.before[slot - 1] = condition - added
    else this.told = false
  }

  private addConditions({ expected, stream }: Commit.EncodedStream, slot: number, commit: number): void {
    const [commits, slots, rels, versions, lasts] = this.conditionInts
    for (const condition of expected) {
      if (condition === "any") continue
      const by = typeof condition === "object" ? condition.commitId : null
      if (by !== null) this.linked = true
      this.tell(condition, slot)
      this.conditions.push({ stream, expected: condition })
      commits!.push(commit)
      slots!.push(slot)
      rels!.push(this.added[slot - 1]!)
      versions!.push(versionOf(condition))
      lasts!.push(this.lastWriter[slot - 1]!)
      this.conditionBy.push(by)
    }
  }

  private add(encoded: Commit.Encoded, commit: number): void {
    const first = this.slotOfStream.length
    const [writeCommits, writeSlots, writeCounts] = this.writeInts
    /** Of each stream of this commit: its row among the writes, and where its next event goes. */
    const writes: Array<number> = []
    const next: Array<number> = []
    for (const stream of encoded.streams) {
      const slot = this.slot(stream)
      this.slotOfStream.push(slot)
      this.addConditions(stream, slot, commit)
      next.push(this.added[slot - 1]!)
      if (stream.count === 0) {
        writes.push(0)
        continue
      }
      writes.push(writeCommits!.push(commit))
      writeSlots!.push(slot)
      writeCounts!.push(stream.count)
      this.added[slot - 1]! += stream.count
      this.lastWriter[slot - 1] = commit
    }
    const [commits, indexes, slots, rels, eventWrites, revisions] = this.eventInts
    for (let index = 0; index < encoded.events.length; index++) {
      const event = encoded.events[index]!
      commits!.push(commit)
      indexes!.push(index)
      slots!.push(this.slotOfStream[first + event.slot]!)
      rels!.push(++next[event.slot]!)
      eventWrites!.push(writes[event.slot]!)
      revisions!.push(event.revision)
      this.types.push(event.type)
      this.payloads.push(event.payload)
      this.occurred.push(event.occurredAt)
    }
  }

  /** The arguments of `append_1`. `check` looks for the commit ids first, `waitMillis` bounds the wait for the lock. */
  parameters(check: boolean, waitMillis: number): ReadonlyArray<unknown> {
    const { bool, int, ints, texts, times, uuids } = parameters
    const [commits, slots, rels, versions, lasts] = this.conditionInts
    const [eventCommits, indexes, eventSlots, eventRels, eventWrites, revisions] = this.eventInts
    return [
      uuids(this.commits.map((commit) => commit.id)),
      texts(this.commits.map((commit) => commit.metadata)),
      bool(check),
      bool(this.linked),
      int(waitMillis),
      texts(this.tenants),
      texts(this.categories),
      texts(this.streamIds),
      ints(commits!),
      ints(slots!),
      ints(rels!),
      ints(versions!),
      uuids(this.conditionBy),
      ints(lasts!),
      ...this.writeInts.map(ints),
      ints(eventCommits!),
      ints(indexes!),
      ints(eventSlots!),
      ints(eventRels!),
      ints(eventWrites!),
      texts(this.types),
      ints(revisions!),
      texts(this.payloads),
      times(this.occurred)
    ]
  }

  /**
   * Whether the conditions tell the version that each slot has before the batch, and all of them hold if it has that one:
   * then `append_2` can write it.
   */
  get isCounted(): boolean {
    return this.told && !this.before.includes(untold)
  }

  /** The arguments of `append_2`, of a batch that is counted. */
  countedParameters(waitMillis: number): ReadonlyArray<unknown> {
    const { int, ints, texts, times, uuids } = parameters
    const [commits, indexes, slots, rels, , revisions] = this.eventInts
    return [
      uuids(this.commits.map((commit) => commit.id)),
      texts(this.commits.map((commit) => commit.metadata)),
      int(waitMillis),
      texts(this.tenants),
      texts(this.categories),
      texts(this.streamIds),
      ints(this.before),
      ints(commits!),
      ints(indexes!),
      ints(slots!),
      ints(rels!.map((rel, i) => this.before[slots![i]! - 1]! + rel)),
      texts(this.types),
      ints(revisions!),
      texts(this.payloads),
      times(this.occurred)
    ]
  }

  /** The row of `append_2` as `append_1` would have answered, or `undefined` when it has written nothing. */
  countedRow([problem, head, recorded]: ReadonlyArray<unknown>): ReadonlyArray<unknown> | undefined {
    return problem === null && head === null ? undefined : [problem, head, recorded, this.before, null, null, null]
  }

  /** What became of each commit, in order, or the isolation level that `append_1` refuses. */
  outcomes(storeId: string, row: ReadonlyArray<unknown>): ReadonlyArray<Outcome> | EventStoreError.Refused {
    const answer = readRow(row)
    if (answer.problem !== null) {
      return new EventStoreError.Refused({
        what: "isolation level of the transaction",
        expected: "read committed",
        actual: answer.problem
      })
    }
    const versions = answer.current.slice()
    const recordedAt = DateTime.makeUnsafe(answer.recorded)
    const known = new Set(answer.replayed)
    let position = answer.head
    let stream = 0
    return this.commits.map((commit, i): Outcome => {
      const first = stream
      stream += commit.streams.length
      if (known.has(i + 1)) return { _tag: "Known" }
      const failed = answer.conflict?.[i] ?? 0
      if (failed > 0) {
        const reason = new EventStoreError.Conflict({ ...this.conditions[failed - 1]!, actual: answer.actual![i]! })
        return { _tag: "Conflict", reason }
      }
      const streams: Array<Commit.StreamReceipt> = []
      for (let s = 0; s < commit.streams.length; s++) {
        const { count, stream } = commit.streams[s]!
        if (count === 0) continue
        const slot = this.slotOfStream[first + s]! - 1
        const from = versions[slot]! + 1
        versions[slot]! += count
        streams.push({ stream, from, to: versions[slot]! })
      }
      const from = position + 1
      position += commit.events.length
      return {
        _tag: "Written",
        receipt: {
          commitId: commit.id,
          storeId,
          // Positions are what the database counted, from 1.
          first: from as StoredEvent.Position,
          last: position as StoredEvent.Position,
          // A commit has an event, so it writes a stream.
          streams: streams as [Commit.StreamReceipt, ...Array<Commit.StreamReceipt>],
          recordedAt,
          replayed: false
        }
      }
    })
  }
}

interface Row {
  readonly problem: string | null
  readonly head: number
  readonly recorded: number
  readonly current: ReadonlyArray<number>
  readonly replayed: ReadonlyArray<number> | null
  readonly conflict: ReadonlyArray<number> | null
  readonly actual: ReadonlyArray<number> | null
}

/** The row of `append_1`: the types are those of its OUT parameters, as the driver decodes them. */
const readRow = (row: ReadonlyArray<unknown>): Row => ({
  problem: row[0] as string | null,
  head: Number(row[1]),
  recorded: Number(row[2]),
  current: row[3] as ReadonlyArray<number>,
  replayed: row[4] as ReadonlyArray<number> | null,
  conflict: row[5] as ReadonlyArray<number> | null,
  actual: row[6] as ReadonlyArray<number> | null
})

/** The statement of a batch. */
export const appendSql = (schema: string): string =>
  `SELECT problem, head, recorded, current, replayed, conflict, actual FROM ${schema}.append_1($1, $2::text[]::json[], $3, $4, ${
    Array.from({ length: 20 }, (_, i) => `$${i + 5}`).join(", ")
  }, $25::text[]::json[], $26)`

/** The statement of a batch that is counted. */
export const appendCountedSql = (schema: string): string =>
  `SELECT problem, head, recorded FROM ${schema}.append_2($1, $2::text[]::json[], $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text[]::json[], $15)`
