/**
 * Kills the import of the whole log ten times at random moments (`kill -9`), and wants it resumed and exact:
 *
 *     node_modules/.bin/node test/loans/kill.ts [seed]
 */
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { random } from "../support/random.ts"
import * as log from "./log.ts"
import * as program from "./program.ts"

const kills = 10

const lineCount = 262_200

/** The longest that a process goes on behind the moment from which its life is counted: the import takes a few times that. */
const lifeMillis = 2_500

/** How many of ten lives are counted from the end of the check, so that they mostly end while the database is opened. */
const earlyOfTen = 2

/** Kills that must have found the import half done, or this is a test of something else. */
const halfDoneLeast = 5

/** Imports that may end before they are killed, before this is a test of nothing. */
const survivorsLimit = 20

const main = async (): Promise<void> => {
  if (log.skipped !== undefined) return console.warn(`Nothing is killed: ${log.skipped}`)
  const seed = Number(process.argv[2] ?? Date.now() % 1_000_000)
  const next = random(seed)
  console.log(`seed ${seed}`)
  let directory = join(program.temporaryDirectory(), "loans")
  const run = (from = "Events are kept in") => {
    let begin = () => {}
    const begun = new Promise<void>((resolve) => begin = resolve)
    const heard = (line: string) => line.startsWith(from) && begin()
    return { ...program.start(["import", log.realFile, "--data", directory], { heard }), begun }
  }

  let [survivors, halfDone] = [0, 0]
  for (let kill = 1; kill <= kills;) {
    const from = next() * 10 < earlyOfTen ? "Checked" : "Events are kept in"
    const { begun, child, code, lines } = run(from)
    await Promise.race([begun, code])
    const life = Math.round(next() * lifeMillis)
    await Promise.race([sleep(life), code])
    child.kill("SIGKILL")
    const ended = await code
    const held = Number(/ holds (none|[\d,]+) yet$/m.exec(lines.join("\n"))?.[1]?.replaceAll(",", "") ?? 0) || 0
    if (ended !== null && ended !== 0) {
      throw new Error(`expected to be killed or to end well, got the exit code ${ended}:\n${lines.join("\n")}`)
    }
    if (held > 0 && held < lineCount) halfDone++
    const imported = lines.some((line) => line.startsWith("Imported ") || line.includes("were there already"))
    if (imported) survivors++
    else console.log(`killed ${kill++} of ${kills}, ${life} ms after "${from}"; it had found ${held} events`)
    if (survivors > survivorsLimit) throw new Error(`${survivors} imports ended before they were killed`)
    // It is all there: the rest of the kills go to another database.
    if (imported) {
      await exact(run())
      directory = join(program.temporaryDirectory(), "loans")
    }
  }
  if (halfDone < halfDoneLeast) throw new Error(`only ${halfDone} processes have found the import half done`)
  await exact(run())
  const again = run()
  await exact(again)
  if (!again.lines.some((line) => line.includes("all 262,200 lines were there already"))) {
    throw new Error(`expected nothing left to import, got:\n${again.lines.join("\n")}`)
  }
  console.log(`kill: ${kills} killed, ${halfDone} of them resumed from half, every figure exact (seed ${seed})`)
}

const exact = async (run: program.Run): Promise<void> => {
  program.expectExact("after the kills", run, await run.code)
  console.log([...run.lines.filter((line) => / lines/.test(line)), ...program.rows(run.lines)].join("\n"))
}

await main()
