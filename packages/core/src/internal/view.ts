import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Refused } from "../EventStoreError.ts"
import * as Metadata from "../Metadata.ts"
import type { ProjectionError, Reason } from "../ProjectionError.ts"
import { reasonOf } from "./definition.ts"
import * as past from "./past.ts"
import { type At, type Definition, envelopeOf, type Listed, type Query, type Touch, type View } from "./projection.ts"
import * as question from "./question.ts"
import * as text from "./text.ts"

/** Rows of one tenant, folded in memory. */
type Rows = ReadonlyMap<string, unknown>

/** How a view comes by its rows: some, or all of them. */
type Fold = (keys?: ReadonlyArray<string>) => Effect.Effect<Rows, Reason>

interface Placed {
  readonly key: string
  readonly row: unknown
  readonly sort: string
}

/** The rows of a range, in no order. */
const inRange = (
  definition: Definition,
  plan: question.Plan,
  rows: Rows
): Effect.Effect<ReadonlyArray<Placed>, Refused> =>
  Effect.try({
    try: () => {
      const placed: Array<Placed> = []
      for (const [key, row] of rows) {
        const sort = question.placeOf(plan, key, row)
        if (question.isWithin(plan, sort)) placed.push({ key, row, sort })
      }
      return placed
    },
    catch: (error) =>
      new Refused({
        what: `index ${plan.indexName ?? ""} of ${definition.name}`,
        expected: "rows that have a place in it",
        actual: reasonOf(error)
      })
  })

const order = (a: Pick<Placed, "sort" | "key">, b: Pick<Placed, "sort" | "key">): number =>
  text.compare(a.sort, b.sort) || text.compare(a.key, b.key)

/** The rows of a range, in its order, from where its page starts. */
export const inOrder = (
  definition: Definition,
  plan: question.Plan,
  rows: Rows
): Effect.Effect<ReadonlyArray<Placed>, Refused> =>
  Effect.map(inRange(definition, plan, rows), (placed) => {
    const { after, backward } = plan
    const behind = after === undefined ? placed : placed.filter((one) => {
      const place = order(one, after)
      return backward ? place < 0 : place > 0
    })
    return behind.toSorted((a, b) => backward ? order(b, a) : order(a, b))
  })

/** Answers the questions of a read model from rows that are folded when they are asked for. */
export const make = (self: past.Past, fold: Fold): View => {
  const { definition } = self
  const { name } = definition
  const answer = <A>(effect: Effect.Effect<A, Reason>): Effect.Effect<A, ProjectionError> =>
    Effect.mapError(effect, question.failed(name))

  const getMany = Effect.fnUntraced(function*(keys: ReadonlyArray<string>) {
    yield* question.refuse(question.checkKeys(keys))
    const rows = yield* fold(keys)
    const found = new Map<string, unknown>()
    for (const key of keys) {
      if (!rows.has(key)) continue
      found.set(key, yield* Effect.fromResult(past.asStored(self, key, rows.get(key))))
    }
    return found
  })

  const list = Effect.fnUntraced(function*(query?: Query) {
    const plan = question.planOf(definition, query)
    if (plan instanceof Refused) return yield* plan
    const placed = yield* inOrder(definition, plan, yield* fold())
    const page = placed.slice(0, plan.limit)
    const last = page.at(-1)
    const listed: Listed = {
      rows: yield* Effect.forEach(
        page,
        ({ key, row }) => Effect.map(Effect.fromResult(past.asStored(self, key, row)), (row) => ({ key, row }))
      ),
      next: last === undefined || placed.length === page.length
        ? Option.none()
        : Option.some(question.cursorOf(name, plan, last.sort, last.key))
    }
    return listed
  })

  const count = Effect.fnUntraced(function*(query?: Query) {
    const plan = question.planOf(definition, query)
    if (plan instanceof Refused) return yield* plan
    return (yield* inRange(definition, plan, yield* fold())).length
  })

  return {
    get: (key) =>
      answer(Effect.map(getMany([key]), (rows) => rows.has(key) ? Option.some(rows.get(key)) : Option.none())),
    getMany: (keys) => answer(getMany(Array.from(new Set(keys)))),
    list: (query) => answer(list(query)),
    count: (query) => answer(count(query))
  }
}

/** Most rows that a view of the past keeps between two questions. */
const rowsKept = 100_000

/**
 * The read model at a point in the past. A view that has folded all rows keeps them for the next question, so that the
 * pages of a list are one fold.
 */
export const asOf = (
  self: past.Past,
  at: At,
  options: { readonly limit?: number | undefined } = {}
): View => {
  const kept = new Map<string, Rows>()
  return make(self, (keys) =>
    Effect.gen(function*() {
      const { tenant } = yield* Metadata.Current
      const known = kept.get(tenant)
      if (known !== undefined) return known
      const { rows } = yield* past.fold(self, yield* past.partOf(self, tenant, { keys, at, limit: options.limit }))
      if (keys === undefined && rows.size <= rowsKept) {
        kept.clear()
        kept.set(tenant, rows)
      }
      return rows
    }).pipe(Effect.mapError(question.asReason)))
}

/** Every event that touched a row, with the row after each, up to the head. */
export const history = (
  self: past.Past,
  key: string,
  options: { readonly limit?: number | undefined } = {}
): Stream.Stream<Touch, ProjectionError> => {
  const touchOf = ({ item: { event, stored }, row }: past.Step): Effect.Effect<Touch, Reason> =>
    Effect.map(
      row === undefined
        ? Effect.succeedNone
        : Effect.asSome(Effect.fromResult(past.asStored(self, key, row))),
      (row) => ({
        event,
        envelope: { key, ...envelopeOf(stored) },
        position: stored.position,
        recordedAt: stored.recordedAt,
        row
      })
    )
  return Effect.gen(function*() {
    yield* question.refuse(question.checkKey(key))
    const { tenant } = yield* Metadata.Current
    const part = yield* past.partOf(self, tenant, { keys: [key], limit: options.limit })
    const folder = new past.Folder(self, [key])
    return past.pages(self, part).pipe(
      Stream.mapEffect((events) => Effect.flatMap(folder.apply(events), (steps) => Effect.forEach(steps, touchOf))),
      Stream.flattenIterable
    )
  }).pipe(Stream.unwrap, Stream.mapError(question.failed(self.definition.name)))
}
