import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type { EventStoreError } from "../EventStoreError.ts"
import * as Metadata from "../Metadata.ts"
import type { ProjectionError } from "../ProjectionError.ts"
import { RowStore, type Served, type StoredRow } from "../RowStore.ts"
import * as json from "./parse.ts"
import { partitionOf } from "./partition.ts"
import { failed } from "./question.ts"
import { refused } from "./run.ts"

/** Documented at `Rebuild.Comparison`. */
export interface Comparison {
  readonly left: Side
  readonly right: Side
  /** Rows that were looked at on both sides: `equal`, `different` and `unsettled` ones. */
  readonly examined: number
  readonly equal: number
  readonly different: number
  /** Rows that one side had not seen the last event of, also after a while: nobody can tell. */
  readonly unsettled: number
  /** The first 100 different rows, as JSON. A row that is not there is none. */
  readonly differing: ReadonlyArray<{
    readonly tenant: string
    readonly key: string
    readonly left: Option.Option<Schema.Json>
    readonly right: Option.Option<Schema.Json>
  }>
}

/** Documented at `Rebuild.Side`. */
export interface Side {
  readonly revision: number
  /** How many rows there were when every event up to `position` was folded. */
  readonly rows: number
  readonly position: number
}

/** Rows that are read at a time. */
const page = 500

/** Differences that are told; the others are counted. */
const differencesTold = 100

/** Rows that are looked at again because they were on the move, how often, and the pause before, growing by itself. */
const pendingRows = 10_000
const rounds = 10
const pauseMillis = 50

/** JSON with its keys in one order. */
const sorted = (value: Schema.Json): Schema.Json => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  // Not an array, so it is an object of JSON.
  const entries = Object.entries(value as Schema.JsonObject)
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1).map(([key, item]) => [key, sorted(item)]))
}

const isEqual = (left: string | null, right: string | null): boolean =>
  left === right
  || (left !== null && right !== null
    && JSON.stringify(sorted(json.parse(left))) === JSON.stringify(sorted(json.parse(right))))

const valueOf = (row: StoredRow | undefined): string | null => row?.value ?? null

const toJson = (value: string | null): Option.Option<Schema.Json> =>
  value === null ? Option.none() : Option.some(json.parse(value))

/** One side of a row, and how far its partition had got when it was read. */
interface Seen {
  readonly row: StoredRow | undefined
  readonly at: number
}

/**
 * Whether both sides of a row can be judged: there is a position at which both were as they were read. A row that is there
 * was so since the last event it has seen; one that is not there may have been removed only just.
 */
const isSettled = (left: Seen, right: Seen): boolean =>
  (left.row?.position ?? left.at) <= right.at && (right.row?.position ?? right.at) <= left.at

/** Two revisions of the rows of a tenant, and what was found of them so far. */
class Comparing {
  readonly rows: RowStore["Service"]
  readonly name: string
  readonly tenant: string
  readonly revisions: readonly [left: number, right: number]
  readonly differing: Array<Comparison["differing"][number]> = []
  readonly pending = new Set<string>()
  equal = 0
  different = 0
  unsettled = 0

  constructor(
    rows: RowStore["Service"],
    name: string,
    tenant: string,
    revisions: readonly [left: number, right: number]
  ) {
    this.rows = rows
    this.name = name
    this.tenant = tenant
    this.revisions = revisions
  }

  /** What an answer is about, where there is an entry. */
  private known<A>(revision: number, answer: Option.Option<A>): Effect.Effect<A, EventStoreError> {
    return Option.isSome(answer)
      ? Effect.succeed(answer.value)
      : Effect.fail(refused(`${this.name}, revision ${revision}`, "an entry in the store", "none"))
  }

  source(side: 0 | 1) {
    return { name: this.name, revision: this.revisions[side], tenant: this.tenant }
  }

  count(side: 0 | 1): Effect.Effect<Side, EventStoreError> {
    const revision = this.revisions[side]
    return Effect.gen({ self: this }, function*() {
      const answer = yield* this.rows.count({ ...this.source(side), index: undefined })
      const { count, served } = yield* this.known(revision, answer)
      return { revision, rows: count, position: Math.min(...served.positions) }
    })
  }

  list(side: 0 | 1, after: string | undefined, backward: boolean, limit: number) {
    return Effect.flatMap(
      this.rows.list({
        ...this.source(side),
        index: undefined,
        after: after === undefined ? undefined : { sort: after, key: after },
        backward,
        limit
      }),
      (answer) => this.known(this.revisions[side], answer)
    )
  }

  private read(side: 0 | 1, keys: ReadonlyArray<string>) {
    return Effect.gen({ self: this }, function*() {
      const answer = yield* this.rows.find(this.source(side), keys)
      const { rows, served } = yield* this.known(this.revisions[side], answer)
      const byKey = new Map(rows.map((row) => [row.key, row]))
      return (key: string): Seen => ({ row: byKey.get(key), at: this.passed(served, key) })
    })
  }

  private passed({ positions }: Served, key: string): number {
    return positions[partitionOf({ tenant: this.tenant, key }, positions.length)]!
  }

  /** Compares rows, one side read after the other. Those on the move are left for later. */
  examine(keys: ReadonlyArray<string>, leftFirst: boolean, only: (left: Seen) => boolean = () => true) {
    return Effect.gen({ self: this }, function*() {
      const first = yield* this.read(leftFirst ? 0 : 1, keys)
      const second = yield* this.read(leftFirst ? 1 : 0, keys)
      for (const key of keys) {
        const left = (leftFirst ? first : second)(key)
        const right = (leftFirst ? second : first)(key)
        if (only(left)) this.judge(key, left, right)
      }
    })
  }

  private judge(key: string, left: Seen, right: Seen): void {
    this.pending.delete(key)
    if (!isSettled(left, right)) {
      if (this.pending.size < pendingRows) this.pending.add(key)
      else this.unsettled++
      return
    }
    const [before, after] = [valueOf(left.row), valueOf(right.row)]
    if (isEqual(before, after)) {
      this.equal++
      return
    }
    this.different++
    if (this.differing.length < differencesTold) {
      this.differing.push({ tenant: this.tenant, key, left: toJson(before), right: toJson(after) })
    }
  }
}

/** All rows of a side, or some from each end, page by page. */
const scan = Effect.fnUntraced(function*(
  comparing: Comparing,
  side: 0 | 1,
  sample: number | "all",
  visit: (keys: ReadonlyArray<string>) => Effect.Effect<void, EventStoreError>
) {
  const fromStart = sample === "all" ? Number.MAX_SAFE_INTEGER : Math.ceil(sample / 2)
  const seen = new Set<string>()
  for (const backward of sample === "all" ? [false] : [false, true]) {
    let left = backward && sample !== "all" ? sample - fromStart : fromStart
    let after: string | undefined
    while (left > 0) {
      const { rows } = yield* comparing.list(side, after, backward, Math.min(page, left))
      if (rows.length === 0) break
      after = rows.at(-1)!.row.key
      left -= rows.length
      const keys = rows.map(({ row }) => row.key).filter((key) => !seen.has(key))
      // The two ends of a sample may meet.
      if (sample !== "all") { for (const key of keys) seen.add(key) }
      yield* visit(keys)
    }
  }
})

/** Compares the rows of two revisions of a projection, exactly, also while events are appended. */
export const compare = (
  name: string,
  revision: number,
  options: { readonly sample: number | "all"; readonly with: number | undefined }
): Effect.Effect<Comparison, ProjectionError, RowStore> =>
  Effect.gen(function*() {
    const rows = yield* RowStore
    const { tenant } = yield* Metadata.Current
    const entries = yield* rows.entries({ kind: "projection", name })
    const other = options.with ?? entries.find(({ serving }) => serving)?.target.revision
    if (other === undefined || other === revision) {
      const actual = other === undefined ? "none" : `revision ${other} itself`
      return yield* Effect.fail(
        refused(`what revision ${revision} of ${name} is compared with`, "another revision", actual)
      )
    }
    const comparing = new Comparing(rows, name, tenant, [other, revision])
    const left = yield* comparing.count(0)
    const right = yield* comparing.count(1)
    yield* scan(comparing, 0, options.sample, (keys) => comparing.examine(keys, true))
    // What is on the left was seen.
    yield* scan(
      comparing,
      1,
      options.sample,
      (keys) => comparing.examine(keys, true, ({ row }) => row === undefined)
    )
    for (let round = 1; round <= rounds && comparing.pending.size > 0; round++) {
      yield* Effect.sleep(round * pauseMillis)
      const again = Array.from(comparing.pending)
      for (let i = 0; i < again.length; i += page) {
        // Who is read first is the one that may lack a row.
        yield* comparing.examine(again.slice(i, i + page), round % 2 === 0)
      }
    }
    const { different, differing, equal, pending } = comparing
    const unsettled = comparing.unsettled + pending.size
    return { left, right, examined: equal + different + unsettled, equal, different, unsettled, differing }
  }).pipe(Effect.mapError(failed(name)))
