import type { Projection, Rows } from "@varve/core"
import * as EventStoreError from "@varve/core/EventStoreError"
import * as Metadata from "@varve/core/Metadata"
import * as ProjectionError from "@varve/core/ProjectionError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Row } from "../OptimisticState.ts"
import { type Engine, keyOf } from "./engine.ts"
import { type Command, foldAll, goingTo } from "./pendingCommand.ts"
import type { Subject, Watch } from "./watch.ts"

/** How often a row is read anew because a command was on its way while it was read. */
const rounds = 4

/** How long the outcome of such a command is waited for, in milliseconds. */
const doubtMillis = 5_000

type Answer<A> = Effect.Effect<A, ProjectionError.ProjectionError>

/** What was read, and the commands that are certainly not in it. */
interface Read<A> {
  readonly value: A
  readonly on: ReadonlyArray<Command>
}

const positionOf = (after: Projection.After | undefined): number => {
  if (after === undefined || typeof after === "number") return after ?? 0
  return (Option.isOption(after) ? Option.getOrUndefined(after) : after)?.last ?? 0
}

/** Rows of a projection with the events of pending commands on top. */
export const make = (engine: Engine, projection: Projection.Any): Rows.Reading<unknown> => {
  const remote = engine.parts.reading.get(projection.tag)!
  const tenantOf = Effect.map(Metadata.Current, ({ tenant }) => tenant || engine.parts.tenant)
  const subjectOf = (of: string | Rows.Query): Answer<Subject> =>
    Effect.flatMap(tenantOf, (tenant) => Effect.fromResult(engine.subject(projection, of, tenant)))

  /**
   * Reads what has seen at least what this client has stored. Whether a command that was on its way meanwhile is in it,
   * nobody can tell: its outcome is waited for, and what was read is read anew.
   */
  const read = <A>(
    tenant: string,
    goes: (command: Command) => boolean,
    { after }: Projection.ReadOptions,
    fetch: (after: Projection.After | undefined) => Answer<A>
  ): Answer<Read<A>> => {
    const mine = () => engine.commands.filter((command) => command.stream.tenant === tenant && goes(command))
    const round = (left: number): Answer<Read<A>> =>
      Effect.gen(function*() {
        const last = engine.lastReceipts.get(projection.tag)
        const own = last !== undefined && last.last > positionOf(after)
        const value = yield* own && after === undefined
          // Nobody asked to wait: what is there is better than nothing.
          ? Effect.catchReason(fetch(last), "ProjectionError", "Behind", () => fetch(undefined))
          : fetch(own ? last : after)
        const came = engine.tick()
        const doubt = mine().filter(({ receipt, sent }) =>
          sent <= came && !(receipt && receipt.last <= (last?.last ?? 0))
        )
        const answer = { value, on: mine().filter(({ sent }) => sent > came) }
        if (doubt.length === 0 || left === 0) return answer
        const known = yield* Effect.timeoutOption(
          engine.until(() =>
            engine.closed || doubt.every((one) => one.receipt !== undefined || !engine.commands.includes(one))
          ),
          doubtMillis
        )
        return Option.isNone(known) ? answer : yield* round(left - 1)
      })
    return round(rounds)
  }

  const fold = (tenant: string, key: string, row: unknown, on: ReadonlyArray<Command>) =>
    foldAll(
      projection,
      key,
      row,
      on.flatMap((command) => {
        const events = goingTo(command, tenant, projection.tag, key)
        return events === undefined ? [] : [events]
      })
    )

  /** Rows that events go to, as they are without. What has seen `after` once has seen it. */
  const basesOf = (keys: ReadonlyArray<string>, after: Projection.After | undefined) =>
    keys.length === 0 ? Effect.succeed<ReadonlyMap<string, unknown>>(new Map()) : remote.getMany(keys, { after })

  const getMany = Effect.fnUntraced(function*(keys: ReadonlyArray<string>, options: Projection.ReadOptions = {}) {
    const tenant = yield* tenantOf
    const goes = (command: Command) => keys.some((key) => goingTo(command, tenant, projection.tag, key) !== undefined)
    const { on, value } = yield* read(tenant, goes, options, (after) => remote.getMany(keys, { ...options, after }))
    const rows = new Map<string, unknown>()
    for (const key of keys) {
      const row = fold(tenant, key, value.get(key), on)
      if (row !== undefined) rows.set(key, row)
    }
    return rows
  })

  const get = Effect.fnUntraced(function*(key: string, options: Projection.ReadOptions = {}) {
    const watch = engine.watches.get(keyOf(yield* subjectOf(key)))
    if (watch?.loaded === true && positionOf(options.after) <= watch.position) {
      // A watch of one row shows one row.
      return (watch.current(engine.commands) as Row<unknown>).row
    }
    return Option.fromUndefinedOr((yield* getMany([key], options)).get(key))
  })

  const list = Effect.fnUntraced(function*(query: Rows.PageQuery & Projection.ReadOptions = {}) {
    const { order, tenant } = yield* subjectOf(query)
    const goes = ({ touched }: Command) => touched.has(projection.tag)
    const { on, value: { asked, bases, page } } = yield* read(tenant, goes, query, (after) =>
      Effect.gen(function*() {
        const others = keysOf(engine.commands, projection.tag)
        const page = yield* remote.list({ ...query, after })
        const known = new Set(page.rows.map(({ key }) => key))
        const asked = others.filter((key) => !known.has(key))
        return { page, asked, bases: yield* basesOf(asked, after) }
      }))
    // Of a row that a command has come for since, nobody knows what the events go onto.
    const all = [...page.rows, ...asked.map((key) => ({ key, row: bases.get(key) }))]
    const rows = all.map(({ key, row }) => ({ key, row: fold(tenant, key, row, on) }))
    return on.length === 0 ? page : { ...page, rows: placed(order!, query, page, rows) }
  })

  /** As `list` does: what is counted, and in which rows pending events make a difference. */
  const count = Effect.fnUntraced(function*(query: Rows.Query & Projection.ReadOptions = {}) {
    const { order, tenant } = yield* subjectOf(query)
    const goes = ({ touched }: Command) => touched.has(projection.tag)
    const { on, value: { asked, bases, total } } = yield* read(tenant, goes, query, (after) =>
      Effect.gen(function*() {
        const asked = keysOf(engine.commands, projection.tag)
        return { asked, total: yield* remote.count({ ...query, after }), bases: yield* basesOf(asked, after) }
      }))
    const isIn = (key: string, row: unknown) => row !== undefined && order!.placeOf(key, row) !== undefined
    return asked.reduce((total, key) => {
      const base = bases.get(key)
      return total + Number(isIn(key, fold(tenant, key, base, on))) - Number(isIn(key, base))
    }, total)
  })

  const changes = (of: string | Rows.Query = {}) =>
    Effect.map(subjectOf(of), (subject) => follow(engine, subject)).pipe(Stream.unwrap)

  return {
    ...remote,
    get,
    getMany: (keys, options) => Effect.suspend(() => getMany(Array.from(new Set(keys)), options)),
    list,
    count,
    changes
  }
}

/** The keys of the rows that events of commands go to. */
const keysOf = (commands: ReadonlyArray<Command>, tag: string): ReadonlyArray<string> =>
  Array.from(new Set(commands.flatMap(({ touched }) => Array.from(touched.get(tag)?.keys() ?? []))))

/** The rows that lie between the first and the last one of a page, in its order. */
const placed = (
  order: Rows.Order<unknown>,
  { cursor, direction }: Rows.PageQuery,
  { next, rows: page }: Projection.Listed<unknown>,
  rows: Projection.Listed<unknown>["rows"]
): Projection.Listed<unknown>["rows"] => {
  const compare = (a: Rows.Place, b: Rows.Place) => direction === "backward" ? order.compare(b, a) : order.compare(a, b)
  const placeOf = (one: { readonly key: string; readonly row: unknown } | undefined) =>
    one === undefined || one.row === undefined ? undefined : order.placeOf(one.key, one.row)
  const first = cursor === undefined ? undefined : placeOf(page[0])
  const last = Option.isNone(next) ? undefined : placeOf(page.at(-1))
  return rows.flatMap((one) => {
    const place = placeOf(one)
    if (place === undefined) return []
    if (first !== undefined && compare(place, first) < 0) return []
    return last !== undefined && compare(place, last) > 0 ? [] : [{ one, place }]
  }).sort((a, b) => compare(a.place, b.place)).map(({ one }) => one)
}

/** Rows as they are shown, now and whenever that has changed. */
const follow = (
  engine: Engine,
  subject: Subject
): Stream.Stream<Projection.Change<unknown>, ProjectionError.ProjectionError> => {
  const none: ReadonlyMap<string, unknown> = new Map()
  const changed = (watch: Watch, sent: ReadonlyMap<string, unknown> | undefined) => {
    if (!watch.loaded) return []
    const rows = watch.optimistic(engine.commands)
    const keys = new Set([...rows.keys(), ...(sent ?? none).keys()])
    return Array.from(keys).filter((key) => sent === undefined || rows.get(key) !== sent.get(key))
  }
  const next = Effect.fnUntraced(function*(watch: Watch, sent: ReadonlyMap<string, unknown> | undefined) {
    yield* engine.until(() => engine.closed || watch.ended !== undefined || changed(watch, sent).length > 0)
    if (watch.ended !== undefined) return yield* watch.ended
    if (engine.closed) {
      const { tag: target } = subject.projection
      const what = { what: "optimistic client", expected: "to be open", actual: "closed" }
      return yield* new ProjectionError.ProjectionError({ target, reason: new EventStoreError.Unavailable(what) })
    }
    const rows = watch.optimistic(engine.commands)
    const changes = changed(watch, sent).map((key): Projection.Change<unknown> => ({
      key,
      row: Option.fromUndefinedOr(rows.get(key)),
      position: watch.position
    }))
    return [changes, Option.some(new Map(rows))] as const
  })
  const listening = Effect.acquireRelease(
    Effect.sync(() => {
      const watch = engine.watch(subject)
      const listener = () => {}
      watch.listeners.add(listener)
      return { watch, listener }
    }),
    ({ listener, watch }) => Effect.sync(() => watch.listeners.delete(listener))
  )
  return Effect.map(
    listening,
    ({ watch }) =>
      Stream.paginate<
        ReadonlyMap<string, unknown> | undefined,
        Projection.Change<unknown>,
        ProjectionError.ProjectionError
      >(
        undefined,
        (sent) => next(watch, sent)
      )
  ).pipe(Stream.unwrap)
}
