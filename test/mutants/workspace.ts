/**
 * A copy of the workspace that may be broken, and tests in it.
 */
import { spawn } from "node:child_process"
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"

export const root = join(import.meta.dirname, "../..")

/** The parts of the workspace: even what no test loads, because a project names others. */
const folders = [...globSync("{packages,examples}/*", { cwd: root }), "test"]
const skipped = ["node_modules", "dist", ".docs", ".varve"]

/** What a copy needs of the installed packages: links to them, and links to copies for those of the workspace. */
const link = (copy: string, folder: string): void => {
  const names = readdirSync(join(root, folder, "node_modules")).filter((name) => !name.startsWith("."))
  for (const name of names.flatMap((name) => name.startsWith("@") ? scoped(folder, name) : [name])) {
    const target = realpathSync(join(root, folder, "node_modules", name))
    const inside = folders.find((other) => target === realpathSync(join(root, other)))
    const place = join(copy, folder, "node_modules", name)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(inside === undefined ? target : join(copy, inside), place)
  }
}

const scoped = (folder: string, scope: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder, "node_modules", scope)).map((name) => `${scope}/${name}`)

/** Copies the workspace. The tree itself is never changed. */
export const makeCopy = (): string => {
  const copy = mkdtempSync(join(realpathSync(tmpdir()), "varve-mutants-"))
  for (const folder of folders) {
    cpSync(join(root, folder), join(copy, folder), {
      recursive: true,
      filter: (source) => !skipped.includes(relative(join(root, folder), source))
    })
    if (existsSync(join(root, folder, "node_modules"))) link(copy, folder)
  }
  for (const file of ["package.json", "tsconfig.base.json"]) cpSync(join(root, file), join(copy, file))
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
  return copy
}

export const removeCopy = (copy: string): void => rmSync(copy, { recursive: true, force: true })

/** What came of tests: all passed, the first that did not, or no end. */
export type Result =
  | { readonly _tag: "Passed" }
  | { readonly _tag: "Failed"; readonly by: string; readonly output: string }
  | { readonly _tag: "TimedOut" }

const running = new Set<number>()

/** Ends every run that is under way, with all its processes. */
export const endRuns = (): void => {
  for (const pid of running) {
    try {
      process.kill(-pid, "SIGKILL")
    } catch {
      // It has ended in the meantime.
    }
  }
}

/** Runs test files of a copy until the first failure. Options of vitest may stand among the files. */
export const runTests = (
  copy: string,
  { env = {}, files, limitMillis }: {
    readonly files: ReadonlyArray<string>
    readonly limitMillis: number
    readonly env?: Readonly<Record<string, string>>
  }
): Promise<Result> =>
  new Promise((resolve, reject) => {
    const vitest = join(root, "node_modules/vitest/vitest.mjs")
    const config = join(copy, "test/mutants/vitest.config.ts")
    // A group of its own: a mutant that never ends is ended with all the processes it has.
    const child = spawn(process.execPath, [vitest, "run", "--root", copy, "--config", config, ...files], {
      cwd: copy,
      detached: true,
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    const pid = child.pid!
    running.add(pid)
    let output = ""
    let late = false
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output += chunk)
    const timer = setTimeout(() => {
      late = true
      process.kill(-pid, "SIGKILL")
    }, limitMillis)
    child.once("error", reject)
    child.once("close", (code) => {
      clearTimeout(timer)
      running.delete(pid)
      if (late) return resolve({ _tag: "TimedOut" })
      if (code === 0) return resolve({ _tag: "Passed" })
      resolve({ _tag: "Failed", by: /^failed: (.*)$/m.exec(output)?.[1] ?? "an error outside of the tests", output })
    })
  })
