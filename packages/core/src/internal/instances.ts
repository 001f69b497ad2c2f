import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as JsonPatch from "effect/JsonPatch"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { CommitId } from "../CommitId.ts"
import { EventStore } from "../EventStore.ts"
import { Refused } from "../EventStoreError.ts"
import { ExecutionError } from "../ExecutionError.ts"
import * as Metadata from "../Metadata.ts"
import { Upcaster } from "../Upcaster.ts"
import * as definition from "./definition.ts"
import { execute, type Options } from "./execute.ts"
import { diff, type Evolved, history } from "./history.ts"
import type { Loaded } from "./instance.ts"
import type { Executed } from "./outcome.ts"
import * as policy from "./policy.ts"
import { type At, type Definition, failed, load, type Local, makeLocal, type Tagged } from "./running.ts"
import * as snapshots from "./snapshots.ts"
import { span } from "./span.ts"
import { Capacity } from "./stateCache.ts"
import type { Request } from "./work.ts"

/** What runs the instances of an aggregate: the service behind `Aggregate.Instances`. */
export interface Running {
  readonly definition: Definition
  readonly load: (id: string, at?: At) => Effect.Effect<Loaded, ExecutionError>
  readonly history: (id: string) => Stream.Stream<Evolved, ExecutionError>
  readonly diff: (id: string, points: { readonly from: At; readonly to?: At | undefined }) => Effect.Effect<
    { readonly before: unknown; readonly after: unknown; readonly patch: JsonPatch.JsonPatch },
    ExecutionError
  >
  readonly execute: (id: string, command: Tagged, options: Options) => Effect.Effect<Executed, unknown>
  /** The instances, where they are in this process. */
  readonly local: Local | undefined
}

/** The identity of the service: its type parameter, a name, is checked where a definition meets its layer. */
export interface Identifier {
  readonly "~@varve/core/Aggregate/Instances": string
}

const keyOf = (name: string) => Context.Service<Identifier, Running>(`@varve/core/Aggregate/${name}`)

/** The running instances of a definition. Two definitions of one name are a defect: one would run as the other. */
export const of = (wanted: Definition): Effect.Effect<Running, never, Identifier> => {
  const key = keyOf(wanted.name)
  return Effect.map(key, (running) => {
    if (running.definition === wanted) return running
    throw definition.defect(
      `Two aggregates are called ${wanted.name}: the layer runs another definition than the one that was called`
    )
  })
}

/** Fails where whoever runs this may not read an instance. */
const mayRead = (wanted: Definition, id: string, around?: policy.Policy): Effect.Effect<void, ExecutionError> =>
  Effect.withFiber((fiber) => {
    const denied = policy.judge(fiber, around)?.read(wanted, id)
    if (denied === undefined) return Effect.void
    const about = { "varve.aggregate": wanted.name, "varve.id": id }
    return Effect.andThen(policy.log(denied, about), Effect.fail(failed(wanted.name, id)(denied.forbidden)))
  })

/** Runs the instances of a definition in this process. */
export const layer = (parts: Definition): Layer.Layer<Identifier, never, EventStore | Upcaster> =>
  Layer.effect(
    keyOf(parts.name),
    Effect.gen(function*() {
      const kept = (yield* snapshots.Current).of(parts)
      const local = makeLocal(parts, yield* EventStore, yield* Upcaster, yield* Capacity, kept, yield* policy.Current)
      const readable = (id: string) => mayRead(parts, id, local.policy)
      const loadReadable = (id: string, at?: At) =>
        load(local, id, at).pipe(span(`${parts.name}.load`, { "varve.id": id }))
      const running: Running = {
        definition: parts,
        local,
        load: (id, at) => Effect.andThen(readable(id), loadReadable(id, at)),
        history: (id) => Stream.unwrap(Effect.as(readable(id), history(local, id))),
        diff: (id, points) => Effect.andThen(readable(id), diff(parts, loadReadable, id, points)),
        execute: (id, command, options) =>
          Effect.map(run([{ local, id, command }], options), (executed) => executed[0]!).pipe(
            span(`${parts.name}.execute`, { "varve.id": id, "varve.command": command._tag })
          )
      }
      return running
    })
  )

/** Instances that something else runs. */
export const layerElsewhere = <E, R>(
  parts: Definition,
  running: Effect.Effect<Omit<Running, "definition" | "local" | "diff"> & Partial<Pick<Running, "diff">>, E, R>
): Layer.Layer<Identifier, E, R> =>
  Layer.effect(
    keyOf(parts.name),
    Effect.map(running, ({ diff: own, execute, history, load }): Running => ({
      definition: parts,
      local: undefined,
      execute,
      load,
      history,
      diff: own ?? ((id, points) => diff(parts, load, id, points))
    }))
  )

/** Folds an instance of a definition that nothing runs. */
export const loadAlone = (
  parts: Definition,
  id: string,
  at?: At
): Effect.Effect<Loaded, ExecutionError, EventStore | Upcaster> =>
  Effect.gen(function*() {
    yield* mayRead(parts, id)
    return yield* load(makeLocal(parts, yield* EventStore, yield* Upcaster), id, at)
  })

/** Names the streams, which are those of the tenant that the program runs for. */
const run = (requests: Arr.NonEmptyReadonlyArray<Omit<Request, "stream">>, options: Options) =>
  Effect.withFiber((fiber) => {
    const { tenant } = fiber.getRef(Metadata.Current)
    const named = Arr.map(requests, ({ command, id, local }) => ({
      local,
      id,
      command,
      stream: local.stream(tenant, id)
    }))
    return execute(named, options, fiber)
  })

/** A command addressed to an instance, as `Aggregate.to` makes it. */
export interface Addressed {
  readonly aggregate: { readonly "~definition": Definition }
  readonly id: string
  readonly command: Tagged
}

/** Executes commands of several instances as one commit. */
export const executeAll = Effect.fnUntraced(function*(
  commands: Arr.NonEmptyReadonlyArray<Addressed>,
  commitId?: CommitId
) {
  const requests: Array<Omit<Request, "stream">> = []
  for (const { aggregate, command, id } of commands) {
    const { definition: { name }, local } = yield* of(aggregate["~definition"])
    if (local === undefined) {
      return yield* new ExecutionError({
        aggregate: name,
        id,
        reason: new Refused({
          what: `one commit over several instances, ${name} among them`,
          expected: "instances that are run in this process",
          actual: "some that are run elsewhere"
        })
      })
    }
    requests.push({ local, id, command })
  }
  const [first, ...others] = requests
  const foreign = others.find(({ local }) => local.store !== first!.local.store)
  if (foreign !== undefined) {
    const names = `${first!.local.definition.name} and ${foreign.local.definition.name}`
    return yield* Effect.die(definition.defect(`executeAll: ${names} run against different stores`))
  }
  // There are as many requests as commands: at least one.
  return yield* run([first!, ...others], { commitId }).pipe(span("executeAll", { "varve.commands": commands.length }))
})
