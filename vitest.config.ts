import { existsSync } from "node:fs"
import { join } from "node:path"
import { defineConfig } from "vitest/config"
import type { Reporter } from "vitest/node"

const globalSetup = join(import.meta.dirname, "test/support/globalSetup.ts")

// Tests start many processes. Code that was compiled once is compiled for all of them.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "node_modules/.cache/varve-code")

/** Ends a run with one plain line that a person or a program can count by. */
const tally: Reporter = {
  onTestRunEnd(modules, unhandledErrors) {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: string) => tests.filter((test) => test.result().state === state).length
    // A file or a group that fails around its tests, and an error that nobody caught, are failures as well.
    const around = modules.flatMap((module) => [module, ...module.children.allSuites()])
      .filter((suite) => suite.errors().length > 0)
    const failed = count("failed") + around.length + unhandledErrors.length
    const skipped = count("skipped") === 0 ? "" : `, ${count("skipped")} skipped`
    process.stdout.write(`tests: ${count("passed")} passed, ${failed} failed${skipped}\n`)
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "test/.docs/**", "test/dist/**"],
    globalSetup: existsSync(globalSetup) ? [globalSetup] : [],
    // A process for each file: tests start servers and kill them, and PGlite takes hundreds of megabytes.
    pool: "forks",
    // One more than two processors: tests wait for servers, processes and leases.
    maxWorkers: 3,
    // Only tests that wait run beside others of their file.
    maxConcurrency: 10,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ["default", tally]
  }
})
