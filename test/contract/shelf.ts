/**
 * Puts every wrong store of the shelves under its contract, and says which case kills it. The exit code is 1 when one is
 * left alive, or when the store in memory, which all of them are made of, fails a case.
 */
import { Effect, type Layer } from "effect"
import { type Any, type Case, eventCases, judge, programCases, rowCases, soundCases } from "./judge.ts"
import { wrongProgramStores } from "./wrongProgramStores.ts"
import { wrongRowStores } from "./wrongRowStores.ts"
import { wrongStores } from "./wrongStores.ts"

/** A wrong store of any kind. */
interface Wrong<R> {
  readonly name: string
  readonly reference?: string
  readonly layer: Layer.Layer<R>
}

const shelve = Effect.fnUntraced(function*<R extends Any>(
  shelf: string,
  kind: string,
  stores: ReadonlyArray<Wrong<R>>,
  cases: ReadonlyArray<Case<R>>
) {
  const sound = yield* soundCases(cases)
  const unsound = cases.filter((one) => !sound.includes(one))
  for (const { name } of unsound) console.log(`The store in memory fails "${name}".`)
  const survivors: Array<string> = []
  for (const { layer, name, reference } of stores) {
    const failure = yield* Effect.provide(judge(sound), layer)
    if (failure === undefined) survivors.push(name)
    const met = reference === undefined ? "" : `\n            as once ${reference}`
    const killed = failure === undefined ? "SURVIVED" : "killed  "
    const by = failure === undefined ? "" : `\n            by "${failure.case}"`
    console.log(`${killed}  a ${kind} that ${name}${by}${met}`)
  }
  const references = stores.filter(({ reference }) => reference !== undefined).length
  const killed = stores.length - survivors.length
  console.log(
    `\n${shelf}: ${killed} killed / ${stores.length} on the shelf, ${references} with a reference,`
      + ` ${sound.length} cases\n`
  )
  return survivors.length === 0 && unsound.length === 0
})

const program = Effect.gen(function*() {
  const events = yield* shelve("shelf", "store", wrongStores, eventCases)
  const rows = yield* shelve("row shelf", "row store", wrongRowStores, rowCases)
  const programs = yield* shelve("program shelf", "program store", wrongProgramStores, programCases)
  return events && rows && programs
})

process.exitCode = await Effect.runPromise(program) ? 0 : 1
