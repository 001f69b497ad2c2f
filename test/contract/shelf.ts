/**
 * Puts every wrong store of the shelves under its contract, and says which case kills it. The exit code is 1 when one is
 * left alive, or when the store in memory, which all of them are made of, fails a case.
 *
 * `--write` begins with the case that `killers.json` names for a store, as the tests do, and writes there what kills it.
 */
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import {
  type Any,
  eventCases,
  judge,
  type Killers,
  killers,
  killersFile,
  programCases,
  rowCases,
  type Shelf,
  snapshotCases,
  soundCases
} from "./judge.ts"
import { wrongProgramStores } from "./wrongProgramStores.ts"
import { wrongRowStores } from "./wrongRowStores.ts"
import { wrongSnapshotStores } from "./wrongSnapshotStores.ts"
import { wrongStores } from "./wrongStores.ts"

const writing = process.argv.includes("--write")
const written: Partial<Record<keyof Killers, Record<string, string>>> = {}

const shelve = Effect.fnUntraced(function*<R extends Any>(shelf: string, { cases, kind, stores }: Shelf<R>) {
  const sound = yield* soundCases(cases)
  const unsound = cases.filter((one) => !sound.includes(one))
  for (const { name } of unsound) console.log(`The store in memory fails "${name}".`)
  const survivors: Array<string> = []
  const named: Record<string, string> = written[kind] = {}
  for (const { layer, name, reference } of stores) {
    const failure = yield* Effect.provide(judge(sound, writing ? killers[kind][name] : undefined), layer)
    if (failure === undefined) survivors.push(name)
    else named[name] = failure.case
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
  const events = yield* shelve("shelf", { kind: "store", stores: wrongStores, cases: eventCases })
  const rows = yield* shelve("row shelf", { kind: "row store", stores: wrongRowStores, cases: rowCases })
  const programs = yield* shelve("program shelf", {
    kind: "program store",
    stores: wrongProgramStores,
    cases: programCases
  })
  const snapshots = yield* shelve("snapshot shelf", {
    kind: "snapshot store",
    stores: wrongSnapshotStores,
    cases: snapshotCases
  })
  if (writing) writeFileSync(killersFile, `${JSON.stringify(written, null, 2)}\n`)
  return events && rows && programs && snapshots
})

process.exitCode = await Effect.runPromise(program) ? 0 : 1
