/**
 * Breaks the library in small ways and looks whether its tests notice.
 *
 *     npm run mutants -- --limit 180 --seconds 600 --seed 1 --file Event.ts --id 6bfa8c8e --verbose
 *
 * `--limit` is how many changes are tried (0: all of them), `--from` how many are left out before, `--seconds` after how long none is begun, `--seed` which
 * ones come first, `--file` tries only files whose path contains the text, `--id` (several times) only those changes.
 * A change that no test notices and that `survivors.ts` gives no reason for makes the exit code 1.
 */
import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Mutant, mutantsOf } from "../../scripts/mutants/operators.ts"
import { start } from "../support/PostgresServer.ts"
import { editsOf } from "./edits.ts"
import { type Survivor, survivors } from "./survivors.ts"
import { coreStages, sql, type Target, targets } from "./targets.ts"
import { endRuns, makeCopy, removeCopy, type Result, root, runTests } from "./workspace.ts"

const { values } = parseArgs({
  options: {
    limit: { type: "string", default: "180" },
    from: { type: "string", default: "0" },
    seconds: { type: "string", default: "3600" },
    seed: { type: "string", default: "1" },
    file: { type: "string", default: "" },
    id: { type: "string", multiple: true, default: [] },
    verbose: { type: "boolean", default: false }
  }
})

const workers = 2
const began = Date.now()
const secondsSince = () => (Date.now() - began) / 1_000

const named = [...targets, sql].filter(({ file }) => file.includes(values.file))
const server = named.includes(sql) ? await start() : undefined
if (server !== undefined && "skipped" in server) console.log(`skipped: ${sql.file}: ${server.skipped}`)
const env = server !== undefined && "url" in server ? { DATABASE_URL: server.url } : {}
/** What needs a server is not tried without one. */
const wanted = named.filter((target) => target !== sql || "DATABASE_URL" in env)
const sources = new Map(wanted.map(({ file }) => [file, readFileSync(join(root, file), "utf8")]))
const sourceOf = (file: string): string => sources.get(file)!

const allOf = ({ file }: Target): ReadonlyArray<Mutant> => [
  // The operators know TypeScript, and a text in it is one literal to them.
  ...(file === sql.file ? [] : mutantsOf(file, sourceOf(file))),
  ...editsOf(file, sourceOf(file))
]

const generated = wanted.flatMap(allOf)
const chosen = values.id.length === 0 ? generated : generated.filter(({ id }) => values.id.includes(id))
// A change that is neither new nor gone keeps its place: what was tried yesterday is tried first today.
const rank = ({ id }: Mutant) => createHash("sha256").update(`${values.seed} ${id}`).digest("hex")
const ranked = chosen.map((mutant) => ({ mutant, rank: rank(mutant) })).sort((a, b) => a.rank < b.rank ? -1 : 1)
const from = Number(values.from)
const sample = ranked.slice(from, from + (Number(values.limit) || ranked.length)).map(({ mutant }) => mutant)

const reasons = new Map<string, Survivor>(survivors.map((survivor) => [survivor.id, survivor]))
const unknown = survivors.filter(({ file, id }) =>
  wanted.some((target) => target.file === file) && !generated.some((mutant) => mutant.id === id)
)

const copies = Array.from({ length: workers }, makeCopy)

// Whatever ends this program, no process and no copy is left.
process.once("exit", () => {
  endRuns()
  copies.forEach(removeCopy)
})
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))

/** Milliseconds that the slowest tests took without a change. */
let usualMillis = 0

const optionsOf = (target: Target, limitMillis: number) => ({ limitMillis, env: target === sql ? env : {} })

/** Gives every worker the next of the items until there are none, or the time is over. */
const share = async <A>(items: ReadonlyArray<A>, f: (item: A, copy: string) => Promise<void>, seconds = Infinity) => {
  let next = 0
  await Promise.all(copies.map(async (copy) => {
    while (next < items.length && secondsSince() < seconds) await f(items[next++]!, copy)
  }))
}

const targetOf = (file: string): Target => wanted.find((target) => target.file === file)!

/** Without any change the tests pass: otherwise every mutant would be killed. */
const checkBaseline = async (): Promise<boolean> => {
  const ofSql = sample.some(({ file }) => file === sql.file)
  const ofCore = sample.some(({ file }) => file !== sql.file)
  const stages = [...(ofSql ? sql.stages : []), ...(ofCore ? coreStages : [])]
  const failures: Array<string> = []
  await share(stages, async (files, copy) => {
    const from = Date.now()
    const target = sql.stages.includes(files) ? sql : targets[0]!
    const result = await runTests(copy, { files, ...optionsOf(target, 300_000) })
    if (result._tag === "Failed") failures.push(`${files.join(" ")}: ${result.by}\n${result.output}`)
    if (result._tag === "TimedOut") failures.push(`${files.join(" ")}: no end in 300 s`)
    usualMillis = Math.max(usualMillis, Date.now() - from)
  })
  for (const failure of failures) console.error(`Without any change: ${failure}`)
  return failures.length === 0
}

interface Tried {
  readonly mutant: Mutant
  readonly result: Result
}

const describe = ({ file, id, line, what }: Mutant): string => `${id}  ${file}:${line}  ${what}`

const tryMutant = async (mutant: Mutant, copy: string): Promise<Tried> => {
  const path = join(copy, mutant.file)
  const target = targetOf(mutant.file)
  writeFileSync(path, mutant.text)
  try {
    let result: Result = { _tag: "Passed" }
    for (const files of target.stages) {
      result = await runTests(copy, { files, ...optionsOf(target, 20_000 + 3 * usualMillis) })
      if (result._tag !== "Passed") break
    }
    return { mutant, result }
  } finally {
    writeFileSync(path, sourceOf(mutant.file))
  }
}

const report = (tried: ReadonlyArray<Tried>): boolean => {
  const count = (tag: Result["_tag"], file = "") =>
    tried.filter(({ mutant, result }) => result._tag === tag && mutant.file.includes(file)).length
  console.log("\nby file: killed, timed out, survived, of all there are")
  for (const { file } of wanted) {
    const all = generated.filter((mutant) => mutant.file === file).length
    const counts = [count("Failed", file), count("TimedOut", file), count("Passed", file), all]
    console.log(`  ${counts.map((n) => `${n}`.padStart(4)).join("")}  ${file}`)
  }
  const survived = tried.filter(({ result }) => result._tag === "Passed").map(({ mutant }) => mutant)
  const explained = survived.filter(({ id }) => reasons.has(id))
  const others = survived.filter(({ id }) => !reasons.has(id))
  if (explained.length > 0) console.log("\nsurvived, with a reason:")
  for (const mutant of explained) console.log(`  ${describe(mutant)}\n            ${reasons.get(mutant.id)!.reason}`)
  if (others.length > 0) console.log("\nSURVIVED, and nobody says why:")
  for (const mutant of others) console.log(`  ${describe(mutant)}`)
  // A reason for what a test notices is wrong, and one for what is not there any more is stale.
  const noticed = tried.filter(({ mutant, result }) => result._tag !== "Passed" && reasons.has(mutant.id))
  for (const { mutant } of noticed) {
    console.log(`\nnoticed, so its reason in survivors.ts is wrong: ${describe(mutant)}`)
  }
  for (const { file, id, what } of unknown) console.log(`\nstale in survivors.ts: ${id}  ${file}  ${what}`)
  const seconds = secondsSince().toFixed(0)
  console.log(
    `\nmutants: ${generated.length} generated, ${tried.length} tried, ${count("Failed") + count("TimedOut")} killed`
      + ` (${count("TimedOut")} by time), ${explained.length} survived with a reason, ${others.length} without`
      + ` (seed ${values.seed}, ${seconds} s)`
  )
  return others.length === 0 && unknown.length === 0
}

const main = async (): Promise<number> => {
  if (!await checkBaseline()) return 2
  const tried: Array<Tried> = []
  const seconds = Number(values.seconds)
  await share(sample, async (mutant, copy) => {
    const one = await tryMutant(mutant, copy)
    tried.push(one)
    const { result } = one
    const by = result._tag === "Failed" ? ` by "${result.by}"` : ""
    const word = { Failed: "killed", TimedOut: "timeout", Passed: "survived" }[result._tag]
    if (values.verbose) console.log(`${word.padEnd(8)}  ${describe(mutant)}${by}`)
  }, seconds)
  return report(tried) ? 0 : 1
}

try {
  process.exitCode = await main()
} finally {
  if (server !== undefined && "url" in server) await server.stop()
}
