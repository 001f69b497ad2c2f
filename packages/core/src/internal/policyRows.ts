import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ProjectionError } from "../ProjectionError.ts"
import * as policy from "./policy.ts"
import * as projection from "./projection.ts"

type Answer = Effect.Effect<void, ProjectionError>

/** Fails with what a rule denies. */
const answer = ({ name }: projection.Definition, denied: policy.Denied | undefined): Answer =>
  denied === undefined
    ? Effect.void
    : Effect.andThen(
      policy.log(denied, { "varve.projection": name }),
      Effect.fail(new ProjectionError({ target: name, reason: denied.forbidden }))
    )

interface Rules {
  readonly get: (key: string, row: Option.Option<unknown>) => Answer
  readonly list: (query: projection.Query | undefined) => Answer
}

type Questions = Pick<projection.Reading, "get" | "getMany" | "list" | "count">

/** Answers what the rules let through: rows once they are read, lists before. */
const guardView = (rules: Rules, { count, get, getMany, list }: Questions): Questions => ({
  get: (key, options) => Effect.tap(get(key, options), (row) => rules.get(key, row)),
  getMany: (keys, options) =>
    Effect.suspend(() => {
      const wanted = Array.from(keys)
      return Effect.tap(getMany(wanted, options), (rows) =>
        Effect.forEach(
          wanted,
          (key) => rules.get(key, rows.has(key) ? Option.some(rows.get(key)) : Option.none()),
          { discard: true }
        ))
    }),
  list: (query) => Effect.andThen(rules.list(query), list(query)),
  count: (query) => Effect.andThen(rules.list(query), count(query))
})

const guard = (reading: projection.Reading, judge: policy.Judge): projection.Reading => {
  const { definition } = reading
  const rules: Rules = {
    get: (key, row) => answer(definition, judge.get(definition, key, row)),
    list: (query) => answer(definition, judge.list(definition, query))
  }
  const now = guardView(rules, reading)
  return {
    ...reading,
    ...now,
    changes: (of, options) => {
      const changes = reading.changes(of, options)
      if (typeof of !== "string") return Stream.unwrap(Effect.as(rules.list(of), changes))
      const judged = Stream.tap(changes, ({ row }) => rules.get(of, row))
      // Who resumes is sent nothing until there is a change: they are not to wait for what they will not see.
      return options?.after === undefined ? judged : Stream.unwrap(Effect.as(now.get(of), judged))
    },
    asOf: (at, options) => guardView(rules, reading.asOf(at, options)),
    history: (key, options) =>
      reading.history(key, options).pipe(
        Stream.tap(({ row }) => rules.get(key, row)),
        // That a row never was is told to nobody who may not see that there is none.
        Stream.orElseIfEmpty(() => Stream.unwrap(Effect.as(rules.get(key, Option.none()), Stream.empty)))
      )
  }
}

/** The rows of a definition, as far as the running program may see them. */
export const readable = (
  wanted: projection.Definition
): Effect.Effect<projection.Reading, never, projection.Identifier> =>
  Effect.flatMap(
    projection.of(wanted),
    (reading) =>
      Effect.withFiberSucceed((fiber) => {
        const judge = policy.judge(fiber, reading.policy)
        return judge === undefined ? reading : guard(reading, judge)
      })
  )
