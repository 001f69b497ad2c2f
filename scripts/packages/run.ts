/** Programs that end in time, and checks that say one line each. */
import { type ChildProcess, spawn } from "node:child_process"
import { delimiter, dirname } from "node:path"

export interface Output {
  readonly code: number | null
  readonly stdout: string
  /** Both streams, as they came. */
  readonly text: string
}

export interface RunOptions {
  readonly cwd: string
  readonly limitSeconds: number
  /** Beside those of this process. */
  readonly env?: Record<string, string>
}

const running = new Set<ChildProcess>()

/** Ends a program and what it started: `npx` and `npm` do not pass a signal on. */
const end = (child: ChildProcess): void => {
  if (child.pid === undefined) return
  try {
    if (process.platform === "win32") child.kill("SIGKILL")
    else process.kill(-child.pid, "SIGKILL")
  } catch {
    // It has ended by itself.
  }
}

export const endAll = (): void => running.forEach(end)

const environment = (): NodeJS.ProcessEnv => {
  const env: NodeJS.ProcessEnv = { ...process.env }
  // `npm --silent` is inherited, and would leave a failure without a reason. The cache first: it is the same content.
  env["npm_config_loglevel"] = "error"
  env["npm_config_prefer_offline"] = "true"
  env["npm_config_fetch_retries"] = "1"
  // The Node of this process, for what says `#!/usr/bin/env node`.
  env["PATH"] = [dirname(process.execPath), env["PATH"]].join(delimiter)
  env["NO_COLOR"] = "1"
  delete env["FORCE_COLOR"]
  delete env["NODE_OPTIONS"]
  return env
}

/** Runs a program to its end. Never rejects: a program that cannot be started, or takes too long, has no code. */
export const run = (command: string, args: ReadonlyArray<string>, options: RunOptions): Promise<Output> =>
  new Promise((resolve) => {
    let stdout = ""
    let text = ""
    const child = spawn(command, args, {
      cwd: options.cwd,
      detached: process.platform !== "win32",
      env: { ...environment(), ...options.env },
      shell: process.platform === "win32" && !command.includes("\\"),
      stdio: ["ignore", "pipe", "pipe"]
    })
    running.add(child)
    const timer = setTimeout(() => {
      text += `\nended after ${options.limitSeconds} s: it took too long`
      end(child)
    }, options.limitSeconds * 1000)
    child.stdout.on("data", (chunk) => {
      stdout += chunk
      text += chunk
    })
    child.stderr.on("data", (chunk) => text += chunk)
    const done = (code: number | null) => {
      clearTimeout(timer)
      running.delete(child)
      resolve({ code, stdout, text: text.trim() })
    }
    child.on("error", (error) => {
      text += String(error)
      done(null)
    })
    child.on("close", done)
  })

/** What is wrong, for a person. */
export class Failed extends Error {}

/** Both ends of a long text: compilers begin with the cause, npm ends with it. */
export const excerpt = (text: string): string => {
  const lines = text.split("\n")
  return lines.length <= 24
    ? text
    : [...lines.slice(0, 12), `(${lines.length - 24} lines)`, ...lines.slice(-12)].join("\n")
}

/** What npm says when it is the network. */
const unreachable =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED|ERR_SOCKET_TIMEOUT)\b/

/** Gives the standard output of a program that must succeed. */
export const mustRun = async (command: string, args: ReadonlyArray<string>, options: RunOptions): Promise<string> => {
  const { code, stdout, text } = await run(command, args, options)
  if (code !== 0 && unreachable.test(text)) {
    throw new Failed(`npm's registry cannot be reached: this check needs the network\n${excerpt(text)}`)
  }
  if (code !== 0) throw new Failed(excerpt(text) || `${command} ended with code ${code}`)
  return stdout
}

export interface Check {
  readonly name: string
  /** Gives what was seen, or rejects with what is wrong. */
  readonly run: () => Promise<string>
}

/** Runs checks, some at a time, and prints each when it is done. Gives the names of those that failed. */
export const runChecks = async (checks: ReadonlyArray<Check>, atATime: number): Promise<ReadonlyArray<string>> => {
  const failed: Array<string> = []
  const left = [...checks]
  const work = async (): Promise<void> => {
    for (let check = left.shift(); check !== undefined; check = left.shift()) {
      const start = Date.now()
      const seconds = () => `${((Date.now() - start) / 1000).toFixed(1)} s`
      try {
        const seen = await check.run()
        console.log(`ok      ${check.name}: ${seen} (${seconds()})`)
      } catch (error) {
        failed.push(check.name)
        const reason = error instanceof Failed ? error.message : error instanceof Error ? error.stack : String(error)
        console.log(`FAILED  ${check.name} (${seconds()})\n${String(reason).replaceAll(/^/gm, "        ")}`)
      }
    }
  }
  await Promise.all(Array.from({ length: atATime }, work))
  return failed
}
