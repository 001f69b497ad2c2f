/**
 * Any rows, any query: the pages of a list are the rows that fit, sorted, live as stored. A failure prints the smallest
 * case and its seed: `VARVE_READING_SEED` and `VARVE_READING_REPLAY` run it again, `VARVE_READING_RUNS` is how many are tried.
 */
import { assert, it } from "@effect/vitest"
import { Event, EventStore, Projection, type ProjectionError, StreamName, Upcaster } from "@varve/core"
import { DateTime, Effect, Layer, Option, Schema } from "effect"

const runs = Number(process.env.VARVE_READING_RUNS ?? 150)
const { VARVE_READING_REPLAY: replay, VARVE_READING_SEED: seed } = process.env

/** Texts that are ordered in one way by UTF-8, in another by UTF-16, and that hold what an index is made of. */
const texts = ["", "a", "a\u0001", "a\u0002", "a\u0002a", "ab", "b", "~", "é", "\ud7ff", "\uffff", "\u{1F600}"] as const
const keys = ["a", "ab", "b", "~", "é", "\ud7ff", "\uffff", "\u{1F600}", "\u{1F600}a", " "] as const
const numbers = [0, -0, 1, -1, 1.5, -1.5, 1e21, -1e21, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER] as const
const times = [null, 0, -1, 1, 1_709_208_000_000] as const

const Fields = {
  text: Schema.String,
  number: Schema.Finite,
  flag: Schema.NullOr(Schema.Boolean),
  at: Schema.NullOr(Schema.DateTimeUtc),
  note: Schema.optionalKey(Schema.String)
}

class Put extends Event.make("Put", Fields) {}
class Gone extends Event.make("Gone", {}) {}

const indexes = { text: ["text", "number"], flag: ["flag", "note", "at"], at: ["at"], number: ["number"] } as const

class Rich extends Projection.make("Rich", { row: Schema.Struct(Fields), events: [Put, Gone], indexes }).fold({
  on: { Put: (_, { _tag, ...row }) => row, Gone: () => undefined }
}) {}

type Row = typeof Rich.row.Type
interface Listed {
  readonly key: string
  readonly row: Row
}

const below = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** Numbers choose from the lists above, so that values meet again. */
const Case = Schema.Struct({
  rows: Schema.Array(Schema.Struct({
    key: below(9),
    text: below(11),
    number: below(9),
    flag: Schema.NullOr(Schema.Boolean),
    at: below(4),
    note: below(5),
    gone: below(5)
  })).check(Schema.isMaxLength(25)),
  queries: Schema.Array(Schema.Struct({
    index: Schema.Literals(["text", "flag", "at", "number", "key"]),
    where: below(3),
    from: below(25),
    to: below(25),
    like: below(24),
    backward: Schema.Boolean,
    limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 }))
  })).check(Schema.isMaxLength(6), Schema.isMinLength(1))
})
type Case = typeof Case.Type
type Written = Case["rows"][number]
type Asked = Case["queries"][number]

const at = (millis: number | null) => millis === null ? null : DateTime.makeUnsafe(millis)

const rowOf = ({ at: time, flag, note, number, text }: Written): Row => ({
  text: texts[text]!,
  number: numbers[number]!,
  flag,
  at: at(times[time]!),
  ...(note < 3 && { note: texts[note]! })
})

const append = (written: Written) => {
  const stream = StreamName.make("Rich", keys[written.key]!)
  const { at, ...row } = rowOf(written)
  const event = written.gone === 0
    ? { type: "Gone", revision: 1, payload: {} }
    : { type: "Put", revision: 1, payload: { ...row, at: at && DateTime.formatIso(at) } }
  return EventStore.EventStore.use((store) => store.append({ writes: [{ stream, expected: "any", events: [event] }] }))
}

// --- What is right, said in another way ----------------------------------------

const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
const rank = (value: Projection.Scalar) =>
  value === null || value === undefined
    ? 0
    : typeof value === "boolean"
    ? 1
    : typeof value === "number"
    ? 2
    : typeof value === "string"
    ? 4
    : 3

const compare = (a: Projection.Scalar, b: Projection.Scalar): number =>
  rank(a) !== rank(b)
    ? rank(a) - rank(b)
    : rank(a) === 0
    ? 0
    : typeof a === "string" && typeof b === "string"
    ? bytes(a, b)
    : DateTime.isDateTime(a) && DateTime.isDateTime(b)
    ? a.epochMilliseconds - b.epochMilliseconds
    : Number(a) - Number(b)

interface Query {
  readonly index: keyof typeof indexes | undefined
  readonly where: { readonly [field: string]: Projection.Scalar }
  readonly from: Projection.Scalar
  readonly to: Projection.Scalar
}

const expected = (rows: ReadonlyArray<Listed>, { from, index, to, where }: Query): ReadonlyArray<Listed> => {
  const fields: ReadonlyArray<keyof Row> = index === undefined ? [] : indexes[index]
  const free = ({ key, row }: Listed) => index === undefined ? key : row[fields[Object.keys(where).length]!]
  return rows
    .filter(({ row }) => Object.entries(where).every(([field, value]) => compare(row[field as keyof Row], value) === 0))
    .filter((one) => from === undefined || compare(free(one), from) >= 0)
    .filter((one) => to === undefined || compare(free(one), to) <= 0)
    .toSorted((a, b) => {
      const field = fields.find((field) => compare(a.row[field], b.row[field]) !== 0)
      return field === undefined ? bytes(a.key, b.key) : compare(a.row[field], b.row[field])
    })
}

/** A query whose values are those of a row, so that they are met. */
const queryOf = (rows: ReadonlyArray<Listed>, asked: Asked): Query => {
  const like = (n: number): Listed | undefined => rows[n % Math.max(rows.length, 1)]
  const index = asked.index === "key" ? undefined : asked.index
  const fields: ReadonlyArray<keyof Row> = index === undefined ? [] : indexes[index]
  const given = fields.slice(0, asked.where)
  const model = like(asked.like)
  const where = Object.fromEntries(model === undefined ? [] : given.map((field) => [field, model.row[field]]))
  const field = fields[Object.keys(where).length]
  const bound = (n: number): Projection.Scalar => {
    const one = n === 25 ? undefined : like(n)
    return one === undefined || (index !== undefined && field === undefined)
      ? undefined
      : field === undefined
      ? one.key
      : one.row[field]
  }
  return { index, where, from: bound(asked.from), to: bound(asked.to) }
}

/** Who is asked: the projection, or a view of its past. */
interface Reads {
  readonly list: (query: object) => Asking<Projection.Listed<Row>>
  readonly count: (query: object) => Asking<number>
  readonly getMany: (keys: Iterable<string>) => Asking<ReadonlyMap<string, Row>>
}
type Asking<A> = Effect.Effect<A, ProjectionError.ProjectionError, Projection.Rows<"Rich">>

/** All pages of a list. */
const pagesOf = Effect.fnUntraced(function*(reads: Reads, query: Query, backward: boolean, limit: number) {
  const rows: Array<Listed> = []
  let cursor: string | undefined
  do {
    const direction = backward ? "backward" : "forward"
    const page = yield* reads.list({ ...query, direction, limit, ...(cursor !== undefined && { cursor }) })
    assert.isAtMost(page.rows.length, limit)
    // A page that has another behind it is full.
    if (Option.isSome(page.next)) assert.lengthOf(page.rows, limit)
    rows.push(...page.rows)
    cursor = Option.getOrUndefined(page.next)
  } while (cursor !== undefined)
  return rows
})

const holds = Effect.fnUntraced(function*(reads: Reads, { queries, rows: written }: Case) {
  const last = new Map(written.map((one) => [keys[one.key]!, one]))
  const rows = Array.from(last)
    .filter(([, { gone }]) => gone !== 0)
    .map(([key, one]): Listed => ({ key, row: rowOf(one) }))
  for (const asked of queries) {
    const query = queryOf(rows, asked)
    const right = expected(rows, query)
    const listed = yield* pagesOf(reads, query, asked.backward, asked.limit)
    assert.deepStrictEqual(listed, asked.backward ? right.toReversed() : [...right])
    const counted = yield* reads.count(query)
    assert.strictEqual(counted, right.length)
  }
  const found = yield* reads.getMany(keys)
  assert.deepStrictEqual(new Map(found), new Map(rows.map(({ key, row }) => [key, row])))
})

it.live.prop(
  "the pages of a list are the rows that fit, sorted, live as stored and in the past",
  [Case],
  ([plan]) =>
    Effect.gen(function*() {
      yield* Effect.forEach(plan.rows, append)
      const past = Effect.flatMap(Rich.asOf({ position: plan.rows.length }), (view) => holds(view, plan))
      yield* Effect.andThen(holds(Rich, plan), past).pipe(Effect.provide(Rich.layerLive))
      yield* Effect.andThen(Rich.whenCaughtUp(), holds(Rich, plan)).pipe(Effect.provide(Rich.layerAsync))
    }).pipe(Effect.provide(Layer.mergeAll(EventStore.layerMemory, Upcaster.layer()))),
  { timeout: 30_000 + runs * 100, arbitrary: { runs, size: 25, seed, replay } }
)
