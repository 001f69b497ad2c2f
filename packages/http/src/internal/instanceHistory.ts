import { Aggregate, type Instances, Metadata } from "@varve/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Limits from "../Limits.ts"

type Point = Aggregate.Loaded<unknown>

/** Where pages have ended, for those who ask for the page behind: what is stored does not change, so an end is one for ever. */
class Ends {
  private readonly points = new Map<string, Point & { readonly until: number }>()

  keep(key: string, point: Point, now: number): void {
    this.points.delete(key)
    this.points.set(key, { ...point, until: now + Limits.pageEndMillis })
    if (this.points.size <= Limits.pageEnds) return
    const [oldest] = this.points.keys()
    this.points.delete(oldest!)
  }

  find(key: string, now: number): Point | undefined {
    const found = this.points.get(key)
    return found === undefined || found.until < now ? undefined : found
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
    if (from !== undefined && from.version < after) return `{"history":[],"next":null}`
    const texts: Array<string> = []
    let characters = 0
    let last: Point | undefined
    let more = false
    // One more tells whether there are more.
    yield* Stream.runForEachWhile(running.history(id, { from, limit: limit + 1 }), (entry) =>
      Effect.sync(() => {
        const isFull = texts.length >= limit || characters > Limits.charactersPerPage
        more = isFull && last !== undefined && entry.version !== last.version
        if (more) return false
        const text = JSON.stringify(encode(entry))
        characters += text.length
        texts.push(text)
        last = entry
        return true
      }))
    if (!more || last === undefined) return `{"history":[${texts.join(",")}],"next":null}`
    const { state, version } = last as Point
    ends.keep(keyOf(tenant, id, version), { state, version }, yield* Clock.currentTimeMillis)
    return `{"history":[${texts.join(",")}],"next":${version}}`
  })
}
