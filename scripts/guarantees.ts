/**
 * Writes the figures of runs into the page of guarantees and the README, and draws the chart:
 *
 *     npm run guarantees -- --bench FILE ... --faults FILE ...
 *
 * FILEs hold what `npm run bench -- --json` and `npm run faults -- --json` have written. They are added to what is kept of
 * runs before; of each benchmark and each suite the newest result stays, with its date. Without any, what is kept is
 * written once more.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { files, readKept } from "./guarantees/pages.ts"
import { merge, readBench, readFaults } from "./guarantees/runs.ts"
import { score } from "./guarantees/tables.ts"

const list = { type: "string", multiple: true } as const
// npm runs a script in the root of the workspace, and says where its user is.
const started = process.env.INIT_CWD ?? process.cwd()
process.chdir(join(import.meta.dirname, ".."))

try {
  const { values } = parseArgs({ options: { bench: list, faults: list } })
  const before = readKept()
  const runs = merge({
    bench: [...(values.bench ?? []).flatMap((file) => readBench(resolve(started, file))), ...before.bench],
    faults: [...(values.faults ?? []).flatMap((file) => readFaults(resolve(started, file))), ...before.faults]
  })
  for (const [file, text] of files(runs)) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    console.log(`guarantees: wrote ${file}`)
  }
  console.log(`guarantees: ${score(runs)}`)
} catch (error) {
  console.error(`guarantees: ${(error as Error).message}`)
  process.exitCode = 2
}
