import type * as PgClient from "@effect/sql-pg/PgClient"
import { EventStoreError, Restored, type StoreAdmin, StoredEvent } from "@varve/core"
import type * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { withConnection } from "./connection.ts"
import * as parameters from "./parameters.ts"
import type { Settings } from "./settings.ts"
import { isRolledBack, toStoreError } from "./sqlError.ts"

const restoreSql = (schema: string): string =>
  `SELECT problem, place, actual FROM ${schema}.restore_1($1, $2, $3, $4, $5, $6, $7, $8::text[]::json[], ${
    Array.from({ length: 7 }, (_, i) => `$${i + 9}`).join(", ")
  }, $16::text[]::json[], $17)`

const paramsOf = (
  { commits, events, streams }: Restored.Restored,
  waitMillis: number
): ReadonlyArray<unknown> => {
  const { bigint, int, ints, texts, textsOrNull, times, uuids } = parameters
  return [
    int(waitMillis),
    bigint(events[0].position),
    texts(streams.map(({ stream }) => stream.tenant)),
    texts(streams.map(({ stream }) => stream.category)),
    texts(streams.map(({ stream }) => stream.id)),
    ints(streams.map(({ before }) => before)),
    uuids(commits.map(({ id }) => id)),
    texts(commits.map(({ metadata }) => metadata)),
    times(commits.map(({ recordedAt }) => recordedAt)),
    ints(events.map(({ commit }) => commit + 1)),
    ints(events.map(({ index }) => index)),
    ints(events.map(({ slot }) => slot + 1)),
    ints(events.map(({ version }) => version)),
    texts(events.map(({ type }) => type)),
    ints(events.map(({ revision }) => revision)),
    textsOrNull(events.map(({ payload }) => payload)),
    times(events.map(({ occurredAt }) => occurredAt))
  ]
}

/** What the answer of `restore_1` says that does not fit, or `undefined` when everything was written. */
const problemOf = (
  { commits, events, streams }: Restored.Restored,
  [problem, place, actual]: ReadonlyArray<unknown>
): EventStoreError.Refused | undefined => {
  switch (problem) {
    case null:
      return undefined
    case "head":
      return Restored.wrongPosition(Number(actual), events[0].position)
    case "time":
      return Restored.wrongTime(Number(actual), commits[0].recordedAt)
    case "version": {
      const { before, stream } = streams[Number(place) - 1]!
      return Restored.wrongVersion(stream, Number(actual), before)
    }
    case "commit":
      return Restored.knownCommit(commits[Number(place) - 1]!.id)
    default:
      return new EventStoreError.Refused({
        what: "isolation level of the transaction",
        expected: "read committed",
        actual: String(actual)
      })
  }
}

/** Writes events of another store as they are. `restored` is told the new head. */
export const make = (
  client: PgClient.PgClient,
  { lockTimeout, schema, timeout }: Settings,
  restored: (head: StoredEvent.Position) => Effect.Effect<void>
): StoreAdmin.StoreAdmin["Service"]["restore"] => {
  const sql = restoreSql(schema)
  const waitMillis = Math.ceil(Duration.toMillis(lockTimeout))
  const fail = (reason: EventStoreError.EventStoreError["reason"]) =>
    new EventStoreError.EventStoreError({ operation: "admin", reason })
  return Effect.fnUntraced(function*(events: Arr.NonEmptyReadonlyArray<StoredEvent.StoredEvent>) {
    const encoded = Restored.encode(events)
    if (encoded instanceof EventStoreError.Refused) return yield* fail(encoded)
    const unknown = new EventStoreError.OutcomeUnknown({ commitId: encoded.commits[0].id })
    const unconnected = new EventStoreError.Unavailable({
      what: "database",
      expected: `a connection within ${timeout}`,
      actual: "none was free"
    })
    let sent = false
    const [row] = yield* withConnection(client, (connection) => {
      sent = true
      return connection.executeValues(sql, paramsOf(encoded, waitMillis))
    }).pipe(
      Effect.mapError((error) => sent && !isRolledBack(error) ? fail(unknown) : toStoreError("admin")(error)),
      Effect.timeoutOrElse({
        duration: timeout,
        // Of what was sent and not answered in time nothing is known.
        orElse: () => Effect.fail(fail(sent ? unknown : unconnected))
      })
    )
    const wrong = problemOf(encoded, row!)
    if (wrong !== undefined) return yield* fail(wrong)
    const head = StoredEvent.position(encoded.events.at(-1)!.position)
    // What others are told of is what has been committed.
    yield* client.afterCommit(restored(head))
    return head
  })
}
