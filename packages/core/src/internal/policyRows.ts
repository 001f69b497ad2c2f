import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ProjectionError } from "../ProjectionError.ts"
import * as policy from "./policy.ts"
import type * as projection from "./projection.ts"

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

const rulesOf = (definition: projection.Definition, judge: policy.Judge): Rules => ({
  get: (key, row) => answer(definition, judge.get(definition, key, row)),
  list: (query) => answer(definition, judge.list(definition, query))
})

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

type Guarded = Questions & Pick<projection.Reading, "changes" | "history">

const guard = (rules: Rules, reading: projection.Reading): Guarded => {
  const now = guardView(rules, reading)
  return {
    ...now,
    changes: (of, options) => {
      const changes = reading.changes(of, options)
      if (typeof of !== "string") return Stream.unwrap(Effect.as(rules.list(of), changes))
      const judged = Stream.tap(changes, ({ row }) => rules.get(of, row))
      // Who resumes is sent nothing until there is a change: they are not to wait for what they will not see.
      return options?.after === undefined ? judged : Stream.unwrap(Effect.as(now.get(of), judged))
    },
    history: (key, options) =>
      reading.history(key, options).pipe(
        Stream.tap(({ row }) => rules.get(key, row)),
        // That a row never was is told to nobody who may not see that there is none.
        Stream.orElseIfEmpty(() => Stream.unwrap(Effect.as(rules.get(key, Option.none()), Stream.empty)))
      )
  }
}

/** Asks whatever there is to ask by then. */
const ask = (now: Effect.Effect<Questions>): Questions => ({
  get: (key, options) => Effect.flatMap(now, (questions) => questions.get(key, options)),
  getMany: (keys, options) => Effect.flatMap(now, (questions) => questions.getMany(keys, options)),
  list: (query) => Effect.flatMap(now, (questions) => questions.list(query)),
  count: (query) => Effect.flatMap(now, (questions) => questions.count(query))
})

/** Rows as far as whoever asks may see them. `around` is in force where they have no policy of their own. */
export const guarded = (reading: projection.Reading, around: policy.Policy | undefined): projection.Reading => {
  const { definition } = reading
  /** Judged in the fiber that asks, not where the question was made. */
  const judged = <A>(open: A, close: (rules: Rules) => A): Effect.Effect<A> =>
    Effect.withFiberSucceed((fiber) => {
      const judge = policy.judge(fiber, around)
      return judge === undefined ? open : close(rulesOf(definition, judge))
    })
  const now = judged(reading, (rules) => guard(rules, reading))
  return {
    ...reading,
    unjudged: { reading, policy: around },
    ...ask(now),
    changes: (of, options) => Stream.unwrap(Effect.map(now, ({ changes }) => changes(of, options))),
    asOf: (at, options) => {
      // One view: it keeps what it has folded.
      const view = reading.asOf(at, options)
      return ask(judged(view, (rules) => guardView(rules, view)))
    },
    history: (key, options) => Stream.unwrap(Effect.map(now, ({ history }) => history(key, options)))
  }
}
