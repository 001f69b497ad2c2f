import type * as PgClient from "@effect/sql-pg/PgClient"
import { EventStoreError, SnapshotStore, StoredEvent, type StreamName } from "@varve/core"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { currentTransaction, query } from "./connection.ts"
import * as parameters from "./parameters.ts"
import type { Settings } from "./settings.ts"
import * as Together from "./together.ts"

/** Most snapshots that are found by one statement: they can be large. */
const snapshotsPerBatch = 64

interface Wanted {
  readonly stream: StreamName.StreamName
  readonly revision: number
}

const findSql = (schema: string): string =>
  `SELECT u.n, s.version, s.state::text
FROM unnest($1, $2, $3, $4) WITH ORDINALITY u(tenant, category, id, revision, n)
CROSS JOIN LATERAL (
  SELECT x.version, x.state FROM ${schema}.snapshots x
  WHERE x.tenant = u.tenant AND x.category = u.category AND x.id = u.id AND x.revision = u.revision LIMIT 1
) s`

const refuse = (reason: EventStoreError.Refused) =>
  Effect.fail(new EventStoreError.EventStoreError({ operation: "snapshots", reason }))

/** Keeps snapshots in the database. */
export const make = (
  client: PgClient.PgClient,
  { schema, timeout }: Settings
): SnapshotStore.SnapshotStore["Service"] => {
  const { int, text, texts } = parameters
  const finds = findSql(schema)
  const saves = `SELECT ${schema}.save_snapshot_1($1, $2, $3, $4, $5, $6::text::json)::text`

  const ask = (wanted: ReadonlyArray<Wanted>) =>
    query(client, "snapshots", timeout, finds, [
      texts(wanted.map(({ stream }) => stream.tenant)),
      texts(wanted.map(({ stream }) => stream.category)),
      texts(wanted.map(({ stream }) => stream.id)),
      parameters.ints(wanted.map(({ revision }) => revision))
    ]).pipe(Effect.map((rows) => {
      const answers = wanted.map(() => Option.none<SnapshotStore.Stated>())
      for (const [n, version, state] of rows) {
        // A text of the column, which is never null.
        answers[Number(n) - 1] = Option.some({
          version: Number(version),
          state: StoredEvent.parseJson(state as string)
        })
      }
      return answers
    }))

  const together = Together.make<Wanted, Option.Option<SnapshotStore.Stated>>({
    what: "snapshots to find",
    operation: "snapshots",
    most: snapshotsPerBatch,
    fits: () => true,
    ask
  })

  return {
    find: (stream, revision) =>
      Effect.withFiber((fiber) => {
        const wrong = SnapshotStore.check(stream, revision)
        if (wrong !== undefined) return refuse(wrong)
        const wanted = { stream, revision }
        return currentTransaction(client, fiber.context) === undefined
          ? together(wanted)
          : Effect.map(ask([wanted]), ([answer]) => answer!)
      }),
    save: (snapshot) =>
      Effect.suspend(() => {
        const state = SnapshotStore.encode(snapshot)
        if (state instanceof EventStoreError.Refused) return refuse(state)
        const { revision, stream, version } = snapshot
        return Effect.asVoid(query(client, "snapshots", timeout, saves, [
          text(stream.tenant),
          text(stream.category),
          text(stream.id),
          int(revision),
          int(version),
          text(state)
        ]))
      })
  }
}
