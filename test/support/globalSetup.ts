/**
 * Starts one PostgreSQL for the whole test run, unless `DATABASE_URL` names one. `TestServer.ts` hands it to the tests.
 */
import type { TestProject } from "vitest/node"
import { start } from "./PostgresServer.ts"

declare module "vitest" {
  export interface ProvidedContext {
    readonly varveServer: { readonly url: string } | { readonly skipped: string }
  }
}

const setup = async (project: TestProject): Promise<() => Promise<void>> => {
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

export default setup
