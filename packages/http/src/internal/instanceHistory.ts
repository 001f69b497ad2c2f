import { Aggregate, type Instances, Metadata } from "@varve/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Limits from "../Limits.ts"
import * as historyPage from "./historyPage.ts"

type Point = Aggregate.Loaded<unknown>

/** Where pages have ended, for those who ask for the page behind: what is stored does not change, so an end is one for ever. */
class Ends {
  private readonly points = new Map<string, Point & { readonly until: number }>()

  keep(key: string, point: Point, now: number): void {
    this.dropExpired(now)
    this.points.delete(key)
    this.points.set(key, { ...point, until: now + Limits.pageEndMillis })
    if (this.points.size <= Limits.pageEnds) return
    const [oldest] = this.points.keys()
    this.points.delete(oldest!)
  }

  find(key: string, now: number): Point | undefined {
    this.dropExpired(now)
    return this.points.get(key)
  }

  private dropExpired(now: number): void {
    for (const [key, { until }] of this.points) if (until < now) this.points.delete(key)
  }
}

const keyOf = (tenant: string, id: string, version: number): string => JSON.stringify([tenant, id, version])

/**
 * Reads pages of histories, as JSON text. A page is what is behind a version, and ends behind all entries of one: a stored
 * event may be several. It reads one event more than it holds, and nothing before it where the page before was read here a
 * short time ago; otherwise what a load reads.
 */
export const make = (
  running: Instances.Running<Aggregate.Any>,
  encode: (entry: unknown) => unknown
) => {
  const ends = new Ends()

  const startOf = (key: string, id: string, after: number) =>
    Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<Point, Aggregate.ExecutionError> => {
      const known = ends.find(key, now)
      return known === undefined ? running.load(id, { version: after }) : Effect.succeed(known)
    })

  return Effect.fnUntraced(function*(id: string, after: number, limit: number) {
    const { tenant } = yield* Metadata.Current
    const from = after === 0 ? undefined : yield* startOf(keyOf(tenant, id, after), id, after)
    if (from !== undefined && from.version < after) return historyPage.json([], null)
    // One more tells whether there are more.
    const entries = running.history(id, { from, limit: limit + 1 })
    const { last, texts } = yield* historyPage.take(
      entries,
      limit,
      encode,
      (before, behind) => before.version !== behind.version
    )
    if (last === undefined) return historyPage.json(texts, null)
    const { state, version } = last
    ends.keep(keyOf(tenant, id, version), { state, version }, yield* Clock.currentTimeMillis)
    return historyPage.json(texts, version)
  })
}
