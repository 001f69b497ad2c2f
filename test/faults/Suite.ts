/**
 * What a suite is, and what it finds.
 */
import { Data, Effect, type Scope } from "effect"
import * as PostgresServer from "../support/PostgresServer.ts"

export interface Options {
  /** The plan of faults is a function of it. */
  readonly seed: number
  /** How long faults are made. What comes before and after takes some more. */
  readonly seconds: number
  /** A server for suites that do it no harm, in a database of its own. One is started unless told. */
  readonly url?: string | undefined
}

export interface Found {
  readonly counts: { readonly [name: string]: number }
  /** What should not be. */
  readonly violations: ReadonlyArray<string>
}

/** What the machine lacks for a suite. One line. */
export class Lacks extends Data.TaggedError("Lacks")<{ readonly reason: string }> {}

export interface Suite {
  readonly name: string
  /** What it does, for a table. */
  readonly about: string
  /** How long faults are made, unless told. */
  readonly seconds: number
  readonly run: (options: Options) => Effect.Effect<Found, Lacks, Scope.Scope>
}

/** A server of our own, to do what we like with. */
export const server = (
  options?: PostgresServer.Options
): Effect.Effect<PostgresServer.PostgresServer, Lacks, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => PostgresServer.start(options)),
    (started) => "skipped" in started ? Effect.void : Effect.promise(started.stop)
  ).pipe(
    Effect.flatMap((started) =>
      "skipped" in started
        ? Effect.fail(new Lacks({ reason: started.skipped.replace("no DATABASE_URL, and ", "") }))
        : Effect.succeed(started)
    )
  )

/** The URL of an empty database of a server that is not to be harmed. */
export const database = ({ url }: Options): Effect.Effect<string, Lacks, Scope.Scope> =>
  url === undefined ? Effect.map(server(), (started) => started.url) : Effect.succeed(url)

/** How long a run goes on for something that has not come to pass in its time: a machine may have much else to do. */
const enoughSeconds = 20

/** Goes on until there is enough of something, and no longer than a while. */
export const enough = (look: () => boolean, again: Effect.Effect<void> = Effect.void): Effect.Effect<void> =>
  Effect.suspend(() => {
    const until = performance.now() + enoughSeconds * 1_000
    const once = Effect.andThen(Effect.suspend(() => look() ? Effect.void : again), Effect.sleep("20 millis"))
    return Effect.repeat(once, { until: () => look() || performance.now() > until })
  })

/** Something that makes a run say nothing: what it was about did not come to pass. */
export const wanted = (what: string, least: number, actual: number): ReadonlyArray<string> =>
  actual >= least ? [] : [`the run shows nothing: ${what}: expected at least ${least}, got ${actual}`]
