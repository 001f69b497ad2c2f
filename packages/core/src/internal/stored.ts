import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type EventStoreError, Refused } from "../EventStoreError.ts"
import * as Metadata from "../Metadata.ts"
import type { ProjectionError, Reason } from "../ProjectionError.ts"
import type { Served } from "../RowStore.ts"
import * as changes from "./changes.ts"
import { followStored } from "./followStored.ts"
import type { Query, Reading, ReadOptions } from "./projection.ts"
import * as question from "./question.ts"
import { byIndex, decode, lackOf, type Stored } from "./served.ts"
import * as view from "./view.ts"
import { until } from "./waiting.ts"

type Found<A> = Option.Option<A & { readonly served: Served }>

/** Asks for stored rows until they have seen what the reader has. */
const asker = ({ missed, past, rows }: Stored) =>
  Effect.fnUntraced(function*<A>(
    ask: Effect.Effect<Found<A>, EventStoreError>,
    tenant: string,
    keys: ReadonlyArray<string> | undefined,
    { after, timeout }: ReadOptions
  ) {
    const wanted = yield* question.wanted(after)
    // Another revision may be run by nobody any more: what its readers did not ask for, they do not wait for.
    const expectedOf = (found: Found<A>) =>
      Option.isSome(found) && found.value.served.revision === past.definition.revision
        ? Math.max(wanted.position, missed())
        : wanted.position
    const checked = Effect.tap(
      ask,
      Option.match({
        onNone: () => Effect.void,
        onSome: ({ served }) => question.refuse(question.foreign(wanted, served.storeId))
      })
    )
    const answer = yield* until<Found<A>, EventStoreError | Refused>(
      checked,
      (found) => lackOf(found, expectedOf(found), tenant, keys),
      Stream.merge(rows.moves, past.store.wakeUps),
      // Who waits for nothing is told at once that there is nothing.
      wanted === question.nothing && missed() === 0 ? 0 : timeout
    )
    // Without an entry the answer lacks something, and that is a failure.
    return Option.getOrThrow(answer)
  })

const getManyOf = (self: Stored) => {
  const ask = asker(self)
  const { definition: { name } } = self.past
  return Effect.fnUntraced(function*(keys: ReadonlyArray<string>, options: ReadOptions) {
    yield* question.refuse(question.checkKeys(keys))
    const { tenant } = yield* Metadata.Current
    const { rows, served } = yield* ask(self.rows.find({ name, tenant }, keys), tenant, keys, options)
    const byKey = new Map(rows.map((row) => [row.key, row]))
    const found = new Map<string, unknown>()
    for (const key of keys) {
      const row = byKey.get(key)
      if (row !== undefined) found.set(key, yield* Effect.fromResult(decode(self.past, served.revision, row)))
    }
    return found
  })
}

const listOf = (self: Stored) => {
  const ask = asker(self)
  const { definition } = self.past
  const { name } = definition
  return Effect.fnUntraced(function*(query: Query & ReadOptions) {
    const plan = question.planOf(definition, query)
    if (plan instanceof Refused) return yield* plan
    const { tenant } = yield* Metadata.Current
    const { after, atLeast, backward, below, limit } = plan
    // One more tells whether there is another page.
    const request = { name, tenant, atLeast, below, after, backward, limit: limit + 1 }
    const { rows: found, served: { revision } } = yield* byIndex(
      self.past,
      plan,
      (index) => ask(self.rows.list({ ...request, index }), tenant, undefined, query)
    )
    const page = found.slice(0, limit)
    const rows: Array<{ readonly key: string; readonly row: unknown }> = []
    for (const { row: stored } of page) {
      rows.push({ key: stored.key, row: yield* Effect.fromResult(decode(self.past, revision, stored)) })
    }
    const last = page.at(-1)
    const next = last === undefined || found.length === page.length
      ? Option.none<string>()
      : Option.some(question.cursorOf(name, plan, last.sort, last.row.key))
    return { rows, next }
  })
}

const countOf = (self: Stored) => {
  const ask = asker(self)
  const { definition } = self.past
  return Effect.fnUntraced(function*(query: Query & ReadOptions) {
    const plan = question.planOf(definition, query)
    if (plan instanceof Refused) return yield* plan
    const { tenant } = yield* Metadata.Current
    const { atLeast, below } = plan
    const range = { name: definition.name, tenant, atLeast, below }
    const { count } = yield* byIndex(
      self.past,
      plan,
      (index) => ask(self.rows.count({ ...range, index }), tenant, undefined, query)
    )
    return count
  })
}

const caughtUpOf = (self: Stored) => {
  const ask = asker(self)
  const { definition: { name }, store } = self.past
  return Effect.fnUntraced(function*({ after, timeout }: ReadOptions) {
    const { tenant } = yield* Metadata.Current
    // An empty store has nothing to wait for, but the projection is to be there.
    const wanted = after ?? (yield* store.head)
    yield* ask(self.rows.find({ name, tenant }, []), tenant, undefined, { after: wanted, timeout })
  })
}

/** Reads the rows that a store keeps. Somebody runs the projection. */
export const make = (self: Stored): Reading => {
  const { past, rows } = self
  const { definition, store } = past
  const answer = <A>(effect: Effect.Effect<A, Reason | EventStoreError>): Effect.Effect<A, ProjectionError> =>
    Effect.mapError(effect, question.failed(definition.name))
  const getMany = getManyOf(self)
  const list = listOf(self)
  const count = countOf(self)
  const whenCaughtUp = caughtUpOf(self)
  return {
    definition,
    get: (key, options = {}) =>
      answer(
        Effect.map(getMany([key], options), (found) => found.has(key) ? Option.some(found.get(key)) : Option.none())
      ),
    getMany: (keys, options = {}) => answer(getMany(Array.from(new Set(keys)), options)),
    list: (query = {}) => answer(list(query)),
    count: (query = {}) => answer(count(query)),
    changes: changes.make(past, (subject) => followStored(self, subject), Stream.merge(rows.moves, store.wakeUps)),
    asOf: (at, options) => view.asOf(past, at, options),
    history: (key, options) => view.history(past, key, options),
    whenCaughtUp: (options = {}) => answer(whenCaughtUp(options))
  }
}
