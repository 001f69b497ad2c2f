/**
 * Whether there is a server behind a URL.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { toStoreError } from "../../packages/postgres/src/internal/sqlError.ts"

const seconds = 5

/** Why a server does not answer, in one line; `undefined` when it does. */
export const refusal = async (url: string): Promise<string | undefined> => {
  // It may hold a password, so it is not repeated.
  if (!URL.canParse(url)) {
    return "DATABASE_URL: expected postgres://user:password@host:port/database, got something else"
  }
  return await PgClient.makeClient({ url: Redacted.make(url), connectTimeout: `${seconds} seconds` }).pipe(
    Effect.flatMap((sql) => sql`SELECT 1`),
    Effect.as(undefined),
    Effect.catch((error) => Effect.succeed(toStoreError("open", "server of DATABASE_URL")(error).message)),
    Effect.scoped,
    Effect.provide(Reactivity.layer),
    Effect.runPromise
  )
}
