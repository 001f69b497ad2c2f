import type { EventStoreError } from "@varve/core"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as openError from "./openError.ts"

/** Present while a directory that was empty is being filled: what a process that died left behind is thrown away. */
const initialising = "varve.initialising"

/** Present in a directory that an embedded store has filled: a cluster of a server has the same files otherwise. */
const mark = "varve.embedded"

/** `varve.PID.START.HOST.lock`: everything is in the name, so that a claim is whole from the moment it exists. */
const claimPattern = /^varve\.(\d+)\.(\d+)\.([A-Za-z0-9_-]*)\.lock$/

const refused = (directory: string, expected: string, actual: string) =>
  openError.refused(`data directory ${directory}`, expected, actual)

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown"

/** What the file system says, in words. */
const failed = (directory: string, error: unknown): EventStoreError.EventStoreError => {
  switch (codeOf(error)) {
    case "EACCES":
    case "EPERM":
      return refused(directory, "a directory that this user may read and write", "permission denied")
    case "EROFS":
      return refused(directory, "a directory that can be written", "a read-only file system")
    case "EEXIST":
    case "ENOTDIR":
      return refused(directory, "a directory", "a file, there or on the way there")
    case "ENOENT":
      return refused(directory, "a directory that can be made", "its parent takes none")
    case "ERR_INVALID_ARG_VALUE":
      return refused(directory, "a path without U+0000", "one with it")
    case "ENOSPC":
      return refused(directory, "room on its disk", "the disk is full")
    default:
      return refused(directory, "a directory that can be opened", `error ${codeOf(error)} of the file system`)
  }
}

/** State of a process, and when it started in ticks since boot, which tells it from one that got its number later. */
const statOf = (pid: number): { readonly state: string; readonly start: string } | undefined => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return { state: fields[0] ?? "", start: fields[19] ?? "0" }
  } catch {
    return undefined
  }
}

/** 0 where unknown. */
const startOf = (pid: number): string => statOf(pid)?.start ?? "0"

const isAlive = (pid: number, start: string): boolean => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false
  }
  const now = statOf(pid)
  if (now === undefined) return true
  // A zombie is dead, only nobody has asked how it ended.
  return now.state !== "Z" && now.state !== "X" && (start === "0" || now.start === "0" || start === now.start)
}

const host = os.hostname().replaceAll(/[^A-Za-z0-9_-]/g, "_")

/** Who holds the directory, apart from the claim of that name. Claims of dead processes are removed: nobody revives. */
const otherHolder = (directory: string, own: string): string | undefined => {
  for (const name of fs.readdirSync(directory)) {
    const claim = claimPattern.exec(name)
    if (claim === null || name === own) continue
    const [, pid, start, claimHost] = claim
    if (claimHost !== host) return `process ${pid} of host ${claimHost} (if that is gone for good, remove ${name})`
    if (isAlive(Number(pid), start!)) return Number(pid) === process.pid ? "this process" : `process ${pid}`
    fs.rmSync(path.join(directory, name), { force: true })
  }
  return undefined
}

/** Makes a directory and those on the way. Not `recursive`: on a path like `/proc/x` that tries for ever. */
const make = (directory: string): void => {
  const missing: Array<string> = []
  for (let next = directory; !fs.existsSync(next); next = path.dirname(next)) missing.push(next)
  for (const next of missing.reverse()) {
    try {
      fs.mkdirSync(next)
    } catch (error) {
      // Made by somebody else in the meantime.
      if (codeOf(error) !== "EEXIST" || !fs.statSync(next).isDirectory()) throw error
    }
  }
}

/**
 * Fails unless the directory is one that an embedded store has made or, where it may be made, is missing or empty. Changes
 * nothing.
 */
const check = (directory: string, mayMake: boolean): EventStoreError.EventStoreError | undefined => {
  const stat = fs.statSync(directory, { throwIfNoEntry: false })
  const none = () => refused(directory, "one of an embedded store", "none, and no leave to migrate")
  if (stat === undefined) return mayMake ? undefined : none()
  if (!stat.isDirectory()) return refused(directory, "a directory", "a file")
  const names = fs.readdirSync(directory).filter((name) => !claimPattern.test(name))
  if (names.includes(mark)) return undefined
  if (names.length === 0 || names.includes(initialising)) return mayMake ? undefined : none()
  return names.includes("PG_VERSION")
    ? refused(directory, "an empty directory, or one of an embedded store", "one of another PostgreSQL, left as it is")
    : refused(
      directory,
      "an empty directory, or one of an embedded store",
      "a directory with other files, left as they are"
    )
}

/**
 * Claims a directory for this process.
 *
 * Every claimant first makes a file of its own and then looks at the others': of two who come at once, at least one
 * sees the other and gives way. Nobody takes a file from somebody else, so there is no moment in which two have it; at
 * worst both give way.
 */
const claim = (directory: string): string | EventStoreError.EventStoreError => {
  const inUse = (holder: string) =>
    refused(directory, "a directory that no other process has open", `it is open in ${holder}`)
  const holder = otherHolder(directory, "")
  if (holder !== undefined) return inUse(holder)
  const own = `varve.${process.pid}.${startOf(process.pid)}.${host}.lock`
  const file = path.join(directory, own)
  try {
    fs.closeSync(fs.openSync(file, "wx"))
  } catch (error) {
    return codeOf(error) === "EEXIST" ? inUse("this process") : failed(directory, error)
  }
  const other = otherHolder(directory, own)
  if (other === undefined) return file
  fs.rmSync(file, { force: true })
  return inUse(other)
}

/** Removes what a process left that died while it filled the directory for the first time. */
const removeRemains = (directory: string): void => {
  const names = fs.readdirSync(directory)
  if (!names.includes(initialising)) return
  for (const name of names) {
    if (claimPattern.test(name) || name === initialising) continue
    fs.rmSync(path.join(directory, name), { recursive: true, force: true })
  }
}

/**
 * A directory that is this process's until the scope closes. `filled` is to be called when PGlite has made its files.
 * Without leave to make one, only a directory that was filled before will do.
 */
export const acquire = (
  dataDir: string,
  mayMake: boolean
): Effect.Effect<
  { readonly directory: string; readonly filled: () => void },
  EventStoreError.EventStoreError,
  Scope.Scope
> =>
  Effect.suspend(() => {
    const directory = path.resolve(dataDir)
    const open = (): string | EventStoreError.EventStoreError => {
      try {
        const wrong = check(directory, mayMake)
        if (wrong !== undefined) return wrong
        make(directory)
        const file = claim(directory)
        if (typeof file !== "string") return file
        removeRemains(directory)
        if (!fs.existsSync(path.join(directory, mark))) fs.writeFileSync(path.join(directory, initialising), "")
        return file
      } catch (error) {
        return failed(directory, error)
      }
    }
    return Effect.acquireRelease(
      Effect.suspend(() => {
        const file = open()
        return typeof file === "string" ? Effect.succeed(file) : Effect.fail(file)
      }),
      (file) => Effect.sync(() => fs.rmSync(file, { force: true }))
    ).pipe(Effect.as({
      directory,
      filled: () => {
        fs.writeFileSync(path.join(directory, mark), "")
        fs.rmSync(path.join(directory, initialising), { force: true })
      }
    }))
  })
