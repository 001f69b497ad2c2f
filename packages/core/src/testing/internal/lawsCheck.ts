import * as Arbitrary from "effect/Arbitrary"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { defect } from "../../internal/definition.ts"
import { print } from "./lawsPrint.ts"

/** A law that does not hold. Documented at `Laws.LawViolated`. */
export class LawViolated extends Data.TaggedError("LawViolated")<{
  readonly law: string
  readonly definition: string
  readonly why: string
  readonly counterexample: unknown
  readonly seed: string | number
  readonly replay: string
}> {
  override get message(): string {
    return [
      `${this.definition} breaks the law ${this.law}: ${this.why}`,
      "counterexample",
      `  ${print(this.counterexample, "  ")}`,
      `seed ${JSON.stringify(this.seed)}, replay ${JSON.stringify(this.replay)}`
    ].join("\n")
  }
}

/** How a law is checked. Documented at `Laws.Options`. */
export interface Options {
  readonly runs?: number | undefined
  readonly seed?: string | number | undefined
  readonly replay?: string | undefined
}

/** How a value broke a law. */
export interface Broken {
  readonly why: string
  readonly counterexample: unknown
}

/** A property of one definition. A law may have several, as an event has revisions. */
export interface Part {
  readonly definition: string
  /** Runs the property on generated values, the number and the size of which are given. */
  readonly check: (options: Arbitrary.CheckOptions) => Effect.Effect<Arbitrary.CheckResult<unknown, Broken>>
}

/** Runs of one property unless told. */
const runsDefault = 100

/** Most candidates that the search for a smaller counterexample looks at. */
const shrinksLimit = 1_000

/**
 * A property of generated values. The generator is derived when the law runs: what cannot be generated is a defect that
 * names the definition.
 */
export const part = <A>(
  definition: string,
  size: number,
  arbitrary: () => Arbitrary.Arbitrary<A>,
  property: (value: A) => Broken | undefined
): Part => ({
  definition,
  check: (options) =>
    Effect.suspend(() => {
      const made = derive(definition, arbitrary)
      const holds = (value: A) =>
        Effect.suspend(() => {
          const broken = property(value)
          return broken === undefined ? Effect.succeed(true) : Effect.fail(broken)
        })
      return Arbitrary.checkEffect(made, holds, { ...options, size })
    })
})

const derive = <A>(definition: string, arbitrary: () => Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<A> => {
  try {
    return arbitrary()
  } catch (cause) {
    throw defect(`Laws: no values of ${definition} can be generated from its schema: ${(cause as Error).message}`)
  }
}

/** Checks the properties of a law, one after the other. A replay token leads to one of them. */
export const check = Effect.fnUntraced(function*(law: string, parts: ReadonlyArray<Part>, options: Options = {}) {
  const token = options.replay === undefined ? undefined : split(law, options.replay, parts.length)
  const seed = options.seed ?? (yield* Random.nextInt)
  const runs = options.runs ?? runsDefault
  for (const [index, { check, definition }] of parts.entries()) {
    if (token !== undefined && token.index !== index) continue
    const result = yield* check({ runs, seed, replay: token?.replay, maxShrinks: shrinksLimit })
    switch (result._tag) {
      case "Passed":
        break
      case "Falsified":
        if (result.failure._tag === "ReturnedFalse") break
        return yield* new LawViolated({
          ...result.failure.error,
          law,
          definition,
          seed,
          replay: `${index}/${result.replay}`
        })
      case "Exhausted": {
        const why = `only ${result.runs} of ${runs} values that fit its schema were found`
        return yield* Effect.die(defect(`Laws: ${law} of ${definition}: ${why}`))
      }
      case "ReplayMismatch":
        // The value that broke the law keeps it now.
        if (result.reason === "PropertyPassed") break
        return yield* Effect.die(defect(
          `Laws: ${law} of ${definition}: the replay token does not fit (${result.reason}); run with the seed instead`
        ))
    }
  }
})

const split = (law: string, replay: string, parts: number) => {
  const at = replay.indexOf("/")
  const index = Number(replay.slice(0, at))
  if (at < 1 || !Number.isInteger(index) || index < 0 || index >= parts) {
    throw defect(`Laws: ${law}: ${JSON.stringify(replay)} is not a replay token of this law`)
  }
  return { index, replay: replay.slice(at + 1) }
}
