/**
 * The PostgreSQL of a run: that of DATABASE_URL, or one from npm, in either case with fsync on, and a database of its own
 * for each bench.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import * as os from "node:os"
import * as PostgresServer from "../../support/PostgresServer.ts"
import type { Report } from "./Report.ts"

/** More than the smallest a server starts with: benches are about programs, not about a cache that is too small. */
const gigabyte = 1_024 ** 3
const settings = {
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  max_connections: "300",
  shared_buffers: os.totalmem() > 8 * gigabyte ? "1GB" : "256MB",
  max_wal_size: "8GB"
}

/** What is known of the server, for the document of a run. */
export interface About {
  readonly version: string
  readonly [setting: string]: string
}

interface Server {
  readonly url: string
  readonly about: About
  readonly stop: () => Promise<void>
}

/** Runs one statement on a connection of its own. */
export const query = (
  url: string,
  sql: string,
  params: ReadonlyArray<unknown> = []
): Promise<ReadonlyArray<ReadonlyArray<unknown>>> =>
  Effect.runPromise(
    Effect.scoped(Effect.flatMap(PgClient.PgClient, (client) => client.unsafe(sql, params).values)).pipe(
      Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }))
    )
  )

const reason = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!
}

const aboutOf = async (url: string): Promise<About> => {
  const about: Record<string, string> = {}
  for (const name of Object.keys(settings)) about[name] = String((await query(url, `SHOW ${name}`))[0]![0])
  return { version: String((await query(url, "SHOW server_version"))[0]![0]), ...about }
}

const open = async (): Promise<Server | PostgresServer.NoServer> => {
  const given = process.env.DATABASE_URL
  const server = given === undefined
    ? await PostgresServer.start({ settings })
    : { url: given, stop: async () => {} }
  if ("skipped" in server) return server
  try {
    const about = await aboutOf(server.url)
    for (const name of ["fsync", "synchronous_commit"]) {
      if (about[name] === "on") continue
      await server.stop()
      return { skipped: `the server runs with ${name} ${about[name]}: nothing that it says of writing holds` }
    }
    return { ...server, about }
  } catch (error) {
    await server.stop()
    return { skipped: `the server of DATABASE_URL does not answer: ${reason(error)}` }
  }
}

let opened: Promise<Server | PostgresServer.NoServer> | undefined

/** What is known of the server, when there is one and a bench has asked for it. */
export const about = async (): Promise<About | undefined> => {
  const server = await opened
  return server === undefined || "skipped" in server ? undefined : server.about
}

/** Stops the server when it is one of ours. */
export const stop = async (): Promise<void> => {
  const server = await opened
  if (server !== undefined && !("skipped" in server)) await server.stop()
}

/** Lends a database that is dropped afterwards. Where there is none, that is told, and nothing is run. */
export const withDatabase = async (report: Report, use: (url: string) => Promise<void>): Promise<void> => {
  const server = await (opened ??= open())
  if ("skipped" in server) return report.skip("PostgreSQL", server.skipped)
  const name = `varve_bench_${randomBytes(4).toString("hex")}`
  try {
    await query(server.url, `CREATE DATABASE ${name} TEMPLATE template0`)
  } catch (error) {
    return report.skip("PostgreSQL", `no database of its own can be made there: ${reason(error)}`)
  }
  const url = new URL(server.url)
  url.pathname = `/${name}`
  try {
    await use(url.href)
  } finally {
    await query(server.url, `DROP DATABASE ${name} WITH (FORCE)`)
  }
}
