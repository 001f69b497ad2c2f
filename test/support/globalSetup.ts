/**
 * Starts one PostgreSQL for the whole test run, unless `DATABASE_URL` names one, and makes a folder for what test files
 * share. `TestServer.ts` and `PreparedDirectory.ts` hand them to the tests.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import { start } from "./PostgresServer.ts"

declare module "vitest" {
  export interface ProvidedContext {
    readonly varveServer: { readonly url: string } | { readonly skipped: string }
    readonly varveFolder: string
  }
}

const provideServer = async (project: TestProject): Promise<() => Promise<void>> => {
  const skip = (reason: string) => {
    console.warn(`Tests on a PostgreSQL server are skipped: ${reason}`)
    project.provide("varveServer", { skipped: reason })
    return async () => {}
  }
  const url = process.env.DATABASE_URL
  if (url !== undefined) {
    // Only now: without one, nothing of it is needed here.
    const { refusal } = await import("./answers.ts")
    const reason = await refusal(url)
    if (reason !== undefined) return skip(reason)
    project.provide("varveServer", { url })
    return async () => {}
  }
  const server = await start()
  if ("skipped" in server) return skip(server.skipped)
  project.provide("varveServer", { url: server.url })
  return server.stop
}

const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const folder = mkdtempSync(join(tmpdir(), "varve-test-"))
  project.provide("varveFolder", folder)
  const stop = await provideServer(project)
  return async () => {
    rmSync(folder, { recursive: true, force: true })
    await stop()
  }
}

export default setup
