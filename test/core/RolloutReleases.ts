/** What the tests of rollouts share: two releases of a bank, started on one store. */
import { EventStore, EventStoreError, ProgramStore, Rollout, Upcaster } from "@varve/core"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import * as New from "./RolloutNew.ts"
import * as Old from "./RolloutOld.ts"

type Store = EventStore.EventStore | ProgramStore.ProgramStore

/** What a release runs with, on the store around, until it ends. */
export const started = <A>(
  options: Rollout.Options,
  instances: Layer.Layer<A, never, EventStore.EventStore | Upcaster.Upcaster>
) =>
  Effect.gen(function*() {
    const store = yield* Effect.context<Store>()
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
    const layer = instances.pipe(
      Layer.provideMerge(Rollout.layer(options)),
      Layer.provide(Layer.succeedContext(store))
    )
    const context = yield* Layer.buildWithScope(layer, scope)
    const run = <B, E, R>(
      effect: Effect.Effect<B, E, R>
    ): Effect.Effect<B, E, Exclude<R, A | Rollout.Rollout | Upcaster.Upcaster>> =>
      // The layer provides what is excluded.
      Effect.provideContext(effect, context) as Effect.Effect<B, E, Exclude<R, A | Rollout.Rollout | Upcaster.Upcaster>>
    return { run, end: Scope.close(scope, Exit.void), rollout: Context.get(context, Rollout.Rollout) }
  })

type Parts = Partial<Omit<Rollout.Options, "domains">>

export const startOld = (options: Parts = {}) =>
  started({ domains: [Old.Bank], name: "bank 1.0", ...options }, Old.Bank.layer())

export const startNew = (options: Parts = {}) =>
  started({ domains: [New.Bank], name: "bank 2.0", upcaster: New.upcaster, ...options }, New.Bank.layer())

/** Types and revisions as they are stored, oldest first. */
export const stored = Effect.flatMap(EventStore.EventStore, (store) => store.readPage({})).pipe(
  Effect.map(({ events }) => events.map(({ revision, type }) => `${type} ${revision}`))
)

/** How each event of a release is written at present. */
export const written = ({ events }: Rollout.Status) =>
  Object.fromEntries(
    events.map(({ event, written }) => [event, written === null ? null : `${written.type} ${written.revision}`])
  )

export const reasonOf = <A, R>(effect: Effect.Effect<A, EventStoreError.EventStoreError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

export const inMemory = Effect.provide(EventStore.layerMemory)
