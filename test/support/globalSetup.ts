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
  if (process.env.DATABASE_URL !== undefined) {
    project.provide("varveServer", { url: process.env.DATABASE_URL })
    return async () => {}
  }
  const server = await start()
  if ("skipped" in server) {
    console.warn(`Tests on a PostgreSQL server are skipped: ${server.skipped}`)
    project.provide("varveServer", server)
    return async () => {}
  }
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
