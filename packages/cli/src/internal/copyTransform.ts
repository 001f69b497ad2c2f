/** Makes the commits of an old store those of a new one. The same every time: that is what copies go on from. */
import * as Limits from "@varve/core/Limits"
import * as StoredEvent from "@varve/core/StoredEvent"
import * as StreamName from "@varve/core/StreamName"
import type * as Upcaster from "@varve/core/Upcaster"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import type * as copyMerge from "./copyMerge.ts"
import * as copyRead from "./copyRead.ts"
import * as copyStreams from "./copyStreams.ts"
import type * as eventFile from "./eventFile.ts"
import { Failed, failed } from "./Failed.ts"
import type * as target from "./importTarget.ts"
import * as ndjson from "./ndjson.ts"

/** What is copied, and how. */
export interface Copying {
  readonly source: eventFile.Source
  /** Path of the source, which is read at any place. */
  readonly file: string
  readonly known: copyRead.Categories
  readonly options: Upcaster.Options
  readonly index: copyStreams.Index
  /** Whether what cannot be read is left out. */
  readonly skip: boolean
}

/** An event of the new store. */
export interface Copied {
  readonly event: StoredEvent.StoredEvent
  readonly output: copyRead.Output
  readonly from: ReadonlyArray<copyMerge.From>
}

/** What a commit became. */
export interface Transformed {
  readonly copied: ReadonlyArray<Copied>
  /** Positions of old events that nothing comes from. */
  readonly gone: ReadonlyArray<number>
  /** For the new store; none where nothing is left. */
  readonly wanted: target.Wanted | undefined
}

/** What became of the events so far. */
export interface Tally {
  read: number
  written: number
  /** Old events that nothing comes from, those that could not be read among them. */
  gone: number
  /** Old events in whose place several stand. */
  split: number
  /** New events that come from several. */
  merged: number
  /** Events that bear another type than their origin. */
  renamed: number
  /** Events of the type they had, in a newer revision. */
  upcast: number
  erased: number
  unreadable: number
}

const nothing: Tally = {
  read: 0,
  written: 0,
  gone: 0,
  split: 0,
  merged: 0,
  renamed: 0,
  upcast: 0,
  erased: 0,
  unreadable: 0
}

/** Reads events of the old store, and leaves out what cannot be read where that was asked for. */
const taker = ({ known, options, skip }: Copying, onSkip: () => void): copyStreams.Take => (stored) => {
  const outputs = copyRead.read(options, known, stored)
  if (!(outputs instanceof copyRead.Unread)) return Effect.succeed(outputs)
  if (!skip) return Effect.fail(new Failed({ message: `${outputs.message}; --skip-unreadable leaves it out` }))
  onSkip()
  return Effect.succeed([])
}

/** How far the new versions of streams are ahead of the old ones; streams where they are level are not kept. */
class Versions {
  private readonly ahead = new Map<string, number>()

  /** The version of the first event that takes the place of an old one, when so many do. */
  next({ stream, version }: StoredEvent.StoredEvent, count: number): number {
    if (count === 1 && this.ahead.size === 0) return version
    const key = StreamName.format(stream)
    const ahead = this.ahead.get(key) ?? 0
    const after = ahead + count - 1
    if (after === 0) this.ahead.delete(key)
    else this.ahead.set(key, after)
    return version + ahead
  }
}

const count = (tally: Tally, old: StoredEvent.StoredEvent, placed: ReadonlyArray<copyMerge.Placed>): void => {
  tally.written += placed.length
  if (placed.length > 1) tally.split++
  for (const { from, output } of placed) {
    if (output.event === undefined) tally.erased++
    if (from.length > 1) tally.merged++
    // What a split yields was told as a split.
    else if (placed.length > 1) continue
    else if (output.type !== old.type) tally.renamed++
    else if (output.revision !== old.revision) tally.upcast++
  }
}

/** What takes the place of an old event, and whether nothing comes from it at all. */
interface Fate {
  readonly placed: ReadonlyArray<copyMerge.Placed>
  readonly gone: boolean
}

/** Tells the fate of events, whether their streams are merged or not. */
const fates = Effect.fnUntraced(function*(copying: Copying, tally: Tally) {
  const { file, index, known } = copying
  const take = taker(copying, () => void tally.unreadable++)
  // A stream that is read whole is read before its events come along, and maybe again.
  const plans = yield* copyStreams.make(file, index, known, taker(copying, () => {}))
  return Effect.fnUntraced(function*(old: StoredEvent.StoredEvent) {
    if (known.get(old.stream.category)?.merge === undefined) {
      const outputs = yield* take(old)
      const from = [{ position: old.position, count: outputs.length }]
      const fate: Fate = { placed: outputs.map((output) => ({ output, from })), gone: outputs.length === 0 }
      return fate
    }
    const { placed, used } = yield* plans(old.stream)
    const gone = !used.has(old.position)
    // What could not be read is counted when its turn comes.
    if (gone) yield* take(old)
    const fate: Fate = { placed: placed.get(old.version) ?? [], gone }
    return fate
  })
})

/** Gives events of the new store their positions, versions and places in their commits. */
class Places {
  private readonly known: copyRead.Categories
  private readonly versions = new Versions()
  private position = 0

  constructor(known: copyRead.Categories) {
    this.known = known
  }

  /** `index` is the place in the commit of the first that takes the place of an old one. */
  take(
    old: StoredEvent.StoredEvent,
    placed: ReadonlyArray<copyMerge.Placed>,
    index: number
  ): ReadonlyArray<Copied> {
    const first = this.versions.next(old, placed.length)
    const category = this.known.get(old.stream.category)?.aggregate.tag ?? old.stream.category
    return placed.map(({ from, output }, i): Copied => {
      const { payload, revision, type } = output
      const event: StoredEvent.StoredEvent = {
        ...old,
        id: StoredEvent.id(old.commitId, index + i),
        commitIndex: index + i,
        stream: { ...old.stream, category },
        version: first + i,
        position: StoredEvent.position(++this.position),
        type,
        revision,
        payload
      }
      return { event, output, from }
    })
  }
}

const wantedOf = (
  source: string,
  { bytes, entries }: eventFile.Commit,
  copied: ReadonlyArray<Copied>
): target.Wanted | undefined => {
  const [first, ...others] = copied.map(({ event }) => event)
  if (first === undefined) return undefined
  const [from, to] = [entries[0], entries.at(-1)!].map(({ line }) => ndjson.placeOf(source, line.number))
  // An upcast, a split or a merge may make much of little.
  const made = copied.reduce((sum, { output: { payload } }) => sum + Buffer.byteLength(JSON.stringify(payload)), 0)
  return { events: [first, ...others], bytes: Math.max(bytes, made), from: from!, to: to! }
}

/** Starts at the beginning. `apply` is to be given every commit, in order. */
export const make = Effect.fnUntraced(function*(copying: Copying) {
  const { known, source } = copying
  const tally = { ...nothing }
  const fateOf = yield* fates(copying, tally)
  const places = new Places(known)

  const apply = Effect.fnUntraced(function*(commit: eventFile.Commit) {
    const copied: Array<Copied> = []
    const gone: Array<number> = []
    const [{ event: first, line }] = commit.entries
    if (tally.read === 0 && first.position !== 1) {
      return yield* failed(`${source.name}, position`, "1: a copy begins with the first event", `${first.position}`)
    }
    for (const { event: old, line } of commit.entries) {
      const where = ndjson.placeOf(source.name, line.number)
      const fate = yield* Effect.mapError(fateOf(old), ({ message }) => new Failed({ message: `${where}: ${message}` }))
      tally.read++
      if (fate.gone) {
        tally.gone++
        gone.push(old.position)
      }
      count(tally, old, fate.placed)
      copied.push(...places.take(old, fate.placed, copied.length))
    }
    if (copied.length > Limits.eventsPerCommit) {
      const what = `${ndjson.placeOf(source.name, line.number)}: what commit ${first.commitId} becomes`
      return yield* failed(what, `at most ${Limits.eventsPerCommit} events`, `${copied.length}`)
    }
    const transformed: Transformed = { copied, gone, wanted: wantedOf(source.name, commit, copied) }
    return transformed
  })

  return { apply, tally }
})
