/**
 * Puts every wrong store of the shelf under the contract, and says which case kills it. The exit code is 1 when one is
 * left alive, or when the store in memory, which all of them are made of, fails a case.
 */
import { EventStoreContract } from "@varve/core/testing"
import { Effect } from "effect"
import { judge, soundCases } from "./judge.ts"
import { wrongStores } from "./wrongStores.ts"

const program = Effect.gen(function*() {
  const sound = yield* soundCases
  const unsound = EventStoreContract.cases.filter((one) => !sound.includes(one))
  for (const { name } of unsound) console.log(`The store in memory fails "${name}".`)
  const survivors: Array<string> = []
  for (const { layer, name, reference } of wrongStores) {
    const failure = yield* Effect.provide(judge(sound), layer)
    if (failure === undefined) survivors.push(name)
    const met = reference === undefined ? "" : `\n            as once ${reference}`
    const killed = failure === undefined ? "SURVIVED" : "killed  "
    const by = failure === undefined ? "" : `\n            by "${failure.case}"`
    console.log(`${killed}  a store that ${name}${by}${met}`)
  }
  const references = wrongStores.filter(({ reference }) => reference !== undefined).length
  const killed = wrongStores.length - survivors.length
  console.log(
    `\nshelf: ${killed} killed / ${wrongStores.length} on the shelf, ${references} with a reference,`
      + ` ${sound.length} cases`
  )
  return survivors.length === 0 && unsound.length === 0
})

process.exitCode = await Effect.runPromise(program) ? 0 : 1
