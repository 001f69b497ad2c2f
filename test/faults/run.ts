/**
 * Runs suites, one after the other.
 */
import { Cause, Effect } from "effect"
import type { Arguments } from "./Arguments.ts"
import type { Result } from "./Report.ts"
import { Lacks, type Options, type Suite } from "./Suite.ts"

/** What a suite may take beside the time in which it makes faults: servers and processes start, projections catch up. */
const besideSeconds = 240

/** Runs a suite, whatever becomes of it. */
export const runSuite = (suite: Suite, options: Options): Effect.Effect<Result> =>
  Effect.suspend(() => {
    const { about, name } = suite
    const from = performance.now()
    const result = (status: Result["status"], rest: Partial<Result>): Result => ({
      suite: name,
      about,
      status,
      seconds: Math.round((performance.now() - from) / 100) / 10,
      seed: options.seed,
      counts: {},
      violations: [],
      ...rest
    })
    const limit = options.seconds * 2 + besideSeconds
    return Effect.scoped(suite.run(options)).pipe(
      Effect.timeoutOrElse({
        duration: `${limit} seconds`,
        orElse: () =>
          Effect.succeed({ counts: {}, violations: [`the suite: expected an end within ${limit} s, got none`] })
      }),
      Effect.map(({ counts, violations }) =>
        result(violations.length === 0 ? "passed" : "failed", { counts, violations })
      ),
      Effect.catchCause((cause) => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
        const error = Cause.squash(cause)
        return Effect.succeed(
          error instanceof Lacks
            ? result("skipped", { reason: error.reason })
            : result("failed", { violations: [`the suite: ${Cause.pretty(cause)}`] })
        )
      })
    )
  })

const secondsOf = ({ seconds, soakMinutes }: Arguments, suite: Suite): number =>
  suite.name === "soak" && soakMinutes !== undefined ? soakMinutes * 60 : seconds ?? suite.seconds

/** Runs what was asked for, and tells of each as soon as it is through. */
export const run = (
  suites: ReadonlyArray<Suite>,
  asked: Arguments,
  tell: (result: Result) => void
): Effect.Effect<ReadonlyArray<Result>> =>
  Effect.forEach(
    suites.filter(({ name }) => asked.suites.length === 0 || asked.suites.some((suite) => suite === name)),
    (suite) =>
      Effect.tap(
        runSuite(suite, { seed: asked.seed, seconds: secondsOf(asked, suite) }),
        (result) => Effect.sync(() => tell(result))
      )
  )
