/** `varve migrate`: brings the schema of a store to what the program knows. */
import * as StoreAdmin from "@varve/core/StoreAdmin"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Found } from "../internal/Failed.ts"
import * as print from "../internal/print.ts"
import * as projectFile from "../internal/projectFile.ts"
import { Style } from "../internal/style.ts"

/** Runs on the store as it is, whatever its schema. */
const onStore = <A, E, R>(use: (admin: StoreAdmin.StoreAdmin["Service"]) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(
    projectFile.load,
    ({ project }) => projectFile.withStore(project, { migrate: "manual" })(StoreAdmin.StoreAdmin.use(use))
  )

const rowsOf = ({ applied, pending }: StoreAdmin.Status, { bad, good }: Style) => [
  ...applied.map(({ name, number }) => [number, name, good("applied")]),
  ...pending.map(({ name, number }) => [number, name, bad("pending")])
]

const storeLines = ({ engine, head, programSchema, schema, storeId }: StoreAdmin.Status): ReadonlyArray<string> => [
  `store    ${storeId === "" ? "none yet" : storeId}`,
  `engine   ${engine}`,
  `head     ${print.number(head)}`,
  `schema   ${schema}, this program knows ${programSchema}`
]

const status = Command.make("status", {}, () =>
  onStore((admin) =>
    Effect.gen(function*() {
      const status = yield* admin.status
      const style = yield* Style
      yield* print.answer(
        status,
        Effect.gen(function*() {
          for (const line of storeLines(status)) yield* Console.log(line)
          yield* Console.log("")
          yield* print.table(["migration", "name", "state"], rowsOf(status, style), "This store needs no migrations.")
        })
      )
      const { length } = status.pending
      if (length > 0) return yield* new Found({ message: `${print.count(length, "migration")} pending` })
    })
  )).pipe(
    Command.withDescription(
      "Tell which migrations the store has seen, and which are pending. Changes nothing. The exit code is 1 when something"
        + " is pending, so that a pipeline stops before it starts a program that would be refused."
    ),
    Command.withShortDescription("Tell which migrations are applied and pending"),
    Command.withExamples([
      { command: "varve migrate status", description: "Show the store and its migrations" },
      { command: "varve migrate status --json", description: "The same for programs" }
    ])
  )

const up = Command.make("up", {}, () =>
  onStore((admin) =>
    Effect.gen(function*() {
      const applied = yield* admin.migrate
      const { schema, storeId } = yield* admin.status
      const { good } = yield* Style
      yield* print.answer(
        { storeId, schema, applied },
        Effect.gen(function*() {
          for (const { name, number } of applied) yield* Console.log(`${good("applied")} ${number} ${name}`)
          yield* Console.log(
            applied.length === 0
              ? `Nothing to do: the store is at migration ${schema}.`
              : `The store ${storeId} is at migration ${schema}.`
          )
        })
      )
    })
  )).pipe(
    Command.withDescription(
      "Apply the migrations that are pending, each in a transaction of its own; make the store where there is none."
        + " Programs of an older release that may go on beside a migration do so. Several at once wait for each other."
    ),
    Command.withShortDescription("Apply the migrations that are pending"),
    Command.withExamples([{ command: "varve migrate up", description: "Bring the store to what this program knows" }])
  )

export const command = Command.make("migrate").pipe(
  Command.withDescription("Bring the schema of the store to what this program knows"),
  Command.withExamples([
    { command: "varve migrate status", description: "Tell what is pending; the exit code is 1 if something is" },
    { command: "varve migrate up", description: "Apply it" }
  ]),
  Command.withSubcommands([status, up])
)
