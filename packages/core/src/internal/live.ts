import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { EventStoreError } from "../EventStoreError.ts"
import * as Metadata from "../Metadata.ts"
import { StoreAdmin } from "../StoreAdmin.ts"
import * as changes from "./changes.ts"
import { followLive } from "./followLive.ts"
import * as past from "./past.ts"
import type { Query, Reading, ReadOptions } from "./projection.ts"
import * as question from "./question.ts"
import * as view from "./view.ts"
import { until } from "./waiting.ts"

/** Waits until the store holds what a reader wants to be seen. It does, when the reader's receipt is of this store. */
const reach = (self: past.Past, storeId: Effect.Effect<string | undefined, EventStoreError>) =>
  Effect.fnUntraced(function*(wanted: question.Wanted, timeout?: Duration.Input) {
    if (wanted.storeId !== undefined) {
      const here = yield* storeId
      if (here !== undefined) yield* question.refuse(question.foreign(wanted, here))
    }
    if (wanted.position === 0) return
    const { position: expected } = wanted
    yield* until(
      self.store.head,
      (actual) => actual >= expected ? undefined : { expected, actual, state: "running" },
      self.store.wakeUps,
      timeout
    )
  })

/** Reads rows by folding them from the events, up to the head, whenever they are asked for. */
export const make = Effect.fnUntraced(function*(self: past.Past) {
  // The store itself does not tell its id. Where nobody does, a receipt is taken for one of this store.
  const admin = yield* Effect.serviceOption(StoreAdmin)
  let known: string | undefined
  const storeId = Effect.suspend(() =>
    known !== undefined || Option.isNone(admin)
      ? Effect.succeed(known)
      : Effect.map(admin.value.status, ({ storeId }) => known = storeId)
  )
  const reached = reach(self, storeId)
  const { definition } = self
  const named = question.failed(definition.name)
  const present = view.make(self, (keys) =>
    Effect.gen(function*() {
      const { tenant } = yield* Metadata.Current
      return (yield* past.fold(self, yield* past.partOf(self, tenant, { keys }))).rows
    }).pipe(Effect.mapError(question.asReason)))
  const whenCaughtUp = ({ after, timeout }: ReadOptions = {}) =>
    Effect.mapError(Effect.flatMap(question.wanted(after), (wanted) => reached(wanted, timeout)), named)
  const reading: Reading = {
    definition,
    get: (key, options) => Effect.andThen(whenCaughtUp(options), present.get(key)),
    getMany: (keys, options) => Effect.andThen(whenCaughtUp(options), present.getMany(keys)),
    list: (query?: Query & ReadOptions) => Effect.andThen(whenCaughtUp(query), present.list(query)),
    count: (query?: Query & ReadOptions) => Effect.andThen(whenCaughtUp(query), present.count(query)),
    changes: changes.make(
      self,
      (subject) => followLive(self, subject, reached(subject.after ?? question.nothing, Duration.infinity)),
      self.store.wakeUps
    ),
    asOf: (at, options) => view.asOf(self, at, options),
    history: (key, options) => view.history(self, key, options),
    whenCaughtUp
  }
  return reading
})
