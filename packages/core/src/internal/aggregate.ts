import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as JsonPatch from "effect/JsonPatch"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type { CommitId } from "../CommitId.ts"
import { type EventStoreError, Refused } from "../EventStoreError.ts"
import { ExecutionError } from "../ExecutionError.ts"
import type { Position } from "../StoredEvent.ts"
import * as definition from "./definition.ts"
import { diff } from "./diff.ts"
import type { Options } from "./execute.ts"
import type { Evolved, HistoryOptions } from "./history.ts"
import type { Loaded } from "./instance.ts"
import type { Executed } from "./outcome.ts"
import type { At, Definition, Local, Tagged } from "./running.ts"
import { span } from "./span.ts"
import type { Request } from "./work.ts"

/** The instances of an aggregate in this process. */
interface Here {
  readonly local: Local
  /** Executes commands of several such aggregates as one commit. */
  readonly executeAll: (
    requests: Arr.NonEmptyReadonlyArray<Omit<Request, "stream">>,
    options: Options
  ) => Effect.Effect<ReadonlyArray<Executed>, unknown>
}

/** What runs the instances of an aggregate: the service behind `Aggregate.Instances`. */
export interface Running {
  readonly definition: Definition
  readonly load: (id: string, at?: At) => Effect.Effect<Loaded, ExecutionError>
  readonly history: (id: string, options?: HistoryOptions) => Stream.Stream<Evolved, ExecutionError>
  /** None where something else runs them. */
  readonly head: Effect.Effect<Position, EventStoreError> | undefined
  readonly diff: (id: string, points: { readonly from: At; readonly to?: At | undefined }) => Effect.Effect<
    { readonly before: unknown; readonly after: unknown; readonly patch: JsonPatch.JsonPatch },
    ExecutionError
  >
  readonly execute: (id: string, command: Tagged, options: Options) => Effect.Effect<Executed, unknown>
  /** None where something else runs them. */
  readonly here: Here | undefined
}

/** The identity of the service: its type parameter, a name, is checked where a definition meets its layer. */
export interface Identifier {
  readonly "~@varve/core/Aggregate/Instances": string
}

export const keyOf = (name: string) => Context.Service<Identifier, Running>(`@varve/core/Aggregate/${name}`)

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

/** Instances that something else runs. */
export const layerElsewhere = <E, R>(
  parts: Definition,
  running: Effect.Effect<
    Omit<Running, "definition" | "here" | "diff" | "head"> & Partial<Pick<Running, "diff" | "head">>,
    E,
    R
  >
): Layer.Layer<Identifier, E, R> =>
  Layer.effect(
    keyOf(parts.name),
    Effect.map(running, ({ diff: own, execute, head, history, load }): Running => ({
      definition: parts,
      here: undefined,
      execute,
      load,
      history,
      head,
      diff: own ?? ((id, points) => diff(parts, load, id, points))
    }))
  )

/** A command addressed to an instance, as `Aggregate.to` makes it. */
export interface Addressed {
  readonly aggregate: { readonly "~definition": Definition }
  readonly id: string
  readonly command: Tagged
}

/** Executes commands of several instances as one commit. */
export const executeAll = /* @__PURE__ */ Effect.fnUntraced(function*(
  commands: Arr.NonEmptyReadonlyArray<Addressed>,
  commitId?: CommitId
) {
  const requests: Array<Here & Pick<Request, "id" | "command">> = []
  for (const { aggregate, command, id } of commands) {
    const { definition: { name }, here } = yield* of(aggregate["~definition"])
    if (here === undefined) {
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
    requests.push({ ...here, id, command })
  }
  const [first, ...others] = requests
  const foreign = others.find(({ local }) => local.store !== first!.local.store)
  if (foreign !== undefined) {
    const names = `${first!.local.definition.name} and ${foreign.local.definition.name}`
    return yield* Effect.die(definition.defect(`executeAll: ${names} run against different stores`))
  }
  // There are as many requests as commands: at least one.
  return yield* first!.executeAll([first!, ...others], { commitId }).pipe(
    span("executeAll", { "varve.commands": commands.length })
  )
})
