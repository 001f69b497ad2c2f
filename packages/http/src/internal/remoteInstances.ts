import type { Aggregate, Instances } from "@varve/core"
import * as CommitId from "@varve/core/CommitId"
import * as EventStoreError from "@varve/core/EventStoreError"
import { ExecutionError } from "@varve/core/ExecutionError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Limits from "../Limits.ts"
import * as answers from "./answers.ts"
import type { Answered, Lost } from "./answers.ts"
import * as codecs from "./codecs.ts"
import * as connections from "./connection.ts"
import type { Connection } from "./connection.ts"
import * as paths from "./paths.ts"

type Reason = ExecutionError["reason"]

/** The instances of an aggregate, as a server runs them. */
export const make = (
  aggregate: Aggregate.Any,
  connection: Connection
): Omit<Instances.Running<Aggregate.Any>, "diff"> => {
  const content = codecs.aggregate(aggregate)
  const { tag: name } = aggregate
  const { commands, path } = connection.paths.get(name)!
  const failed = (id: string, reason: Reason) => new ExecutionError({ aggregate: name, id, reason })

  const pathOf = (id: string): Effect.Effect<string, ExecutionError> =>
    id.isWellFormed() ? Effect.succeed(`/${path}/${paths.encodeSegment(id)}`) : Effect.fail(failed(
      id,
      new EventStoreError.Refused({
        what: `id of ${name}`,
        expected: "well-formed Unicode",
        actual: "a lone surrogate"
      })
    ))

  /** What an answer that is no success says of an instance. */
  const errorOf = (id: string, answer: Answered | Lost): ExecutionError => {
    const told = answer._tag === "Answered" ? answers.problemOf(answer) : undefined
    const error = told?.error === undefined ? undefined : codecs.executionError.decode(told.error)
    return error !== undefined && Result.isSuccess(error)
      ? error.success as ExecutionError
      : failed(id, answers.reasonOf(`${name} ${JSON.stringify(id)}`, answer))
  }

  /** The contents of a success, or what stands in its way. */
  const contentOf = (codec: codecs.Codec, answer: Answered | Lost): Option.Option<unknown> =>
    answer._tag === "Answered" && answer.status === 200
      ? Result.getSuccess(codec.decode(answer.body))
      : Option.none()

  const read = (id: string, codec: codecs.Codec, behind: string, query?: URLSearchParams) =>
    Effect.gen(function*() {
      const question = { method: "GET", path: `${yield* pathOf(id)}${behind}`, query } as const
      const answer = yield* connections.ask(connection, question, (answer) => !answers.isDoubtful(answer))
      const found = contentOf(codec, answer)
      return Option.isSome(found) ? found.value : yield* errorOf(id, answer)
    })

  const load = (id: string, at?: Aggregate.At) =>
    // The codec is that of what was loaded.
    read(id, content.loaded, "", at && new URLSearchParams({ at: codecs.encodeAt(at) })) as Effect.Effect<
      Aggregate.Loaded<unknown>,
      ExecutionError
    >

  const history = (id: string, { from, limit }: Instances.HistoryOptions = {}) =>
    Stream.paginate(from?.version ?? 0, (after: number) => {
      const entries = Math.min(limit ?? Limits.entriesPerPage, Limits.entriesPerPage)
      const query = new URLSearchParams({ after: String(after), limit: String(entries) })
      return Effect.map(read(id, content.evolvedPage, "/history", query), (page) => {
        // As above.
        const { history, next } = page as {
          readonly history: ReadonlyArray<Aggregate.Evolved<unknown, Aggregate.EventOf<Aggregate.Any>>>
          readonly next: number | null
        }
        return [history, Option.fromNullOr(next)] as const
      })
    })

  const execute = Effect.fnUntraced(function*(
    id: string,
    command: Aggregate.CommandOf<Aggregate.Any>,
    { commitId, expected }: Aggregate.ExecuteOptions
  ) {
    const segment = commands.get(command._tag)
    if (segment === undefined) throw new TypeError(`${name} has no command ${command._tag}`)
    // The codec is that of a command, which is an object.
    const { _tag, ...payload } = content.commands.get(command._tag)!.encode(command) as { readonly _tag: string }
    // Without a key, sent again it would be another command.
    const key = commitId ?? (yield* CommitId.generate)
    const question = {
      method: "POST",
      path: `${yield* pathOf(id)}/${segment}`,
      headers: { "idempotency-key": key, ...(expected !== undefined && { "if-match": `"${expected}"` }) },
      body: JSON.stringify(payload)
    } as const
    const answer = yield* connections.ask(connection, question, (answer) => !answers.isDoubtful(answer))
    const found = contentOf(content.executed, answer)
    if (Option.isSome(found)) {
      // The codec is that of what was executed.
      const executed = found.value as { readonly receipt: null }
      return { ...executed, receipt: Option.fromNullOr(executed.receipt) } as unknown as Aggregate.Executed<
        unknown,
        Aggregate.EventOf<Aggregate.Any>
      >
    }
    const told = answer._tag === "Answered" ? answers.problemOf(answer) : undefined
    if (told?.rejection !== undefined) {
      const rejection = content.rejection.decode(told.rejection)
      // Declared rejections are all that an aggregate rejects with.
      if (Result.isSuccess(rejection)) return yield* Effect.fail(rejection.success as ExecutionError)
    }
    const success = answer._tag === "Answered" && answer.status < 300
    if (success || answers.isDoubtful(answer)) {
      // The id that it can be sent again with: that of the store is made of it.
      return yield* failed(id, new EventStoreError.OutcomeUnknown({ commitId: key }))
    }
    return yield* errorOf(id, answer)
  })

  return { execute, load, history }
}
