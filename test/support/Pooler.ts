/**
 * pgbouncer in transaction mode in front of a server: a client has a session only while it is in a transaction.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { freePort } from "./PostgresServer.ts"

export interface Pooler {
  /** The URL of the database, by way of the pooler. */
  readonly url: string
  readonly version: string
  readonly stop: () => Promise<void>
}

export interface NoPooler {
  readonly skipped: string
}

/** Fewer than the connections of the programs that use them, so that they share. */
const sessions = 4

const startSeconds = 10

/** Debian keeps it where only root looks. */
const places = ["pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer"]

const find = (): { readonly command: string; readonly version: string } | undefined => {
  for (const command of places) {
    const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" })
    if (status === 0) return { command, version: stdout.split("\n")[0]! }
  }
}

/** The version of the one that is on this machine, if any. */
export const version = (): string | undefined => find()?.version

const settings = (server: URL, port: number): string =>
  `[databases]
* = host=${server.hostname} port=${server.port} user=${server.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${sessions}
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
`

const whenReady = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let output = ""
    const timer = setTimeout(() => {
      child.kill("SIGKILL")
      reject(new Error(`pgbouncer was not ready after ${startSeconds} s: ${output}`))
    }, startSeconds * 1_000)
    const end = (error?: Error) => {
      clearTimeout(timer)
      if (error === undefined) resolve()
      else reject(error)
    }
    child.stderr!.on("data", (chunk) => {
      if (output.length < 10_000) output += chunk
      if (output.includes("process up")) end()
    })
    child.once("error", end)
    child.once("exit", (code) => end(new Error(`pgbouncer exited with ${code}: ${output}`)))
  })

/** Starts one in front of the server of a URL, or says why it cannot. */
export const start = async (url: string): Promise<Pooler | NoPooler> => {
  const found = find()
  if (found === undefined) return { skipped: "no pgbouncer on this machine (apt-get install pgbouncer)" }
  const server = new URL(url)
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "varve-pooler-"))
  const remove = () => fs.rmSync(directory, { recursive: true, force: true })
  const port = await freePort()
  const file = path.join(directory, "pgbouncer.ini")
  fs.writeFileSync(file, settings(server, port))
  fs.chmodSync(directory, 0o755)
  // Root is refused.
  const owner = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  const child = spawn(found.command, [file], { ...owner, stdio: ["ignore", "ignore", "pipe"] })
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()))
  const atExit = () => {
    child.kill("SIGKILL")
    remove()
  }
  process.once("exit", atExit)
  const stop = async () => {
    process.off("exit", atExit)
    child.kill("SIGKILL")
    await exited
    remove()
  }
  try {
    await whenReady(child)
  } catch (error) {
    await stop()
    throw error
  }
  const through = new URL(url)
  through.hostname = "127.0.0.1"
  through.port = `${port}`
  return { url: through.href, version: found.version, stop }
}
