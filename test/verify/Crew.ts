/**
 * What the suites across processes work with: the store, opened here, and other processes that have it open.
 */
import type { EventStoreError } from "@varve/core"
import { Context, Effect, Layer, Scope } from "effect"
import { Agent } from "./Agent.ts"
import * as Target from "./Target.ts"

export interface Options {
  /** Makes the random moments of two runs the same. Printed by whoever runs the suites. */
  readonly seed?: number | undefined
  /** Processes that are killed at random moments. */
  readonly kills?: number | undefined
}

export class Crew extends Context.Service<Crew, {
  readonly target: Target.Target
  readonly home: Target.Opened
  readonly seed: number
  readonly kills: number
  /**
   * Another process, to be given back with the scope. What it was at is ended then. Starting one takes a second, so
   * whoever needs several asks for them at once, and the next case finds them there.
   */
  readonly recruit: Effect.Effect<Agent, never, Scope.Scope>
}>()("@varve/test/verify/Crew") {}

const make = (
  target: Target.Target,
  { kills = 3, seed = Math.floor(Math.random() * 1_000_000) }: Options
): Effect.Effect<Crew["Service"], EventStoreError.EventStoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const home = yield* Target.open(target, { maxConnections: 4 })
    const crewScope = yield* Effect.scope
    const idle: Array<Agent> = []
    const enlist = Effect.gen(function*() {
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => new Agent(target)),
        (agent) => agent.end
      )
      yield* agent.ready
      return agent
    }).pipe(Scope.provide(crewScope))
    const dismiss = Effect.fnUntraced(function*(agent: Agent) {
      if (!agent.alive) return
      yield* agent.thaw
      yield* agent.call("reset", null)
      idle.push(agent)
    })
    const take = Effect.suspend(() => {
      const agent = idle.pop()
      return agent === undefined ? enlist : Effect.succeed(agent)
    })
    return { target, home, seed, kills, recruit: Effect.acquireRelease(take, dismiss) }
  })

/** Opens the store of a target, in this process and in some others. */
export const layer = (
  target: Target.Target,
  options: Options = {}
): Layer.Layer<Crew, EventStoreError.EventStoreError> => Layer.effect(Crew, make(target, options))
