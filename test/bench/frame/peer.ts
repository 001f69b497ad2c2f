/**
 * Other libraries: installed when a bench first asks for them, in a folder outside of the workspace, and run in a process
 * of their own.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Settings } from "./Bench.ts"
import * as Child from "./Child.ts"
import type { Report } from "./Report.ts"

const folder = join(import.meta.dirname, "..", "peers")
const stamp = join(folder, "node_modules", ".installed")
const pnpm = "pnpm@12.21.0"
const installMinutes = 3

const manifest = () => readFileSync(join(folder, "package.json"), "utf8")

/** The version of Emmett that is asked for. */
export const emmettVersion: string = JSON.parse(manifest()).dependencies["@event-driven-io/emmett-postgresql"]

/** Why the peers cannot be installed, or `undefined`. */
const install = (): string | undefined => {
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === manifest()) return undefined
  const { error, signal, status, stderr, stdout } = spawnSync("npx", ["--yes", pnpm, "install"], {
    cwd: folder,
    encoding: "utf8",
    // Without a network npm would try for more than a minute.
    env: { npm_config_fetch_retries: "1", ...process.env, npm_config_loglevel: "error" },
    shell: process.platform === "win32",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: installMinutes * 60_000
  })
  if (error !== undefined) return signal === null ? error.message : `not done after ${installMinutes} minutes`
  if (status !== 0) {
    const lines = `${stdout}${stderr}`.trimEnd().split("\n")
    return lines.find((line) => /\bERR_|error code /i.test(line)) ?? lines.at(-1)!
  }
  writeFileSync(stamp, manifest())
  return undefined
}

let failure: string | undefined
let tried = false

/** Runs with Emmett on a database of its own. Where it cannot be had, that is told, and `undefined` is given. */
export const emmett = async (settings: Settings, report: Report, url: string): Promise<Child.Child | undefined> => {
  const name = `Emmett ${emmettVersion}`
  if (!settings.peers) {
    report.skip(name, "--no-peers")
    return undefined
  }
  if (!tried) {
    tried = true
    if (!existsSync(stamp)) report.progress(`installing ${name} from npm, outside of the workspace ...`)
    failure = install()
  }
  if (failure !== undefined) {
    report.skip(name, `it does not install: ${failure}`)
    return undefined
  }
  const child = Child.start(join(folder, "emmett.ts"), [url])
  try {
    await child.call("open")
    return child
  } catch (error) {
    await child.stop()
    report.skip(name, `it does not start: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`)
    return undefined
  }
}
