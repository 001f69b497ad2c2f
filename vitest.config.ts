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

/** A test of compiled schemas: once it is asked for, everything in the process is compiled. */
const compiled = "test/core/EventHopsCompiled.test.ts"
const excluded = ["**/node_modules/**", "test/.docs/**", "test/dist/**"]

/** What waits for processes to be killed and frozen takes longer than `npm test` has: `npm run verify:processes`. */
const included = process.env.VARVE_PROCESSES === undefined ? "test/**/*.test.ts" : "test/**/*.long.ts"

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "all",
          include: [included],
          exclude: [...excluded, compiled],
          globalSetup: existsSync(globalSetup) ? [globalSetup] : [],
          // Files share two processes, and what those have loaded: a fifth of the time.
          isolate: false
        }
      },
      {
        extends: true,
        test: { name: "compiled", include: process.env.VARVE_PROCESSES === undefined ? [compiled] : [] }
      }
    ],
    pool: "forks",
    maxWorkers: 2,
    // Only tests that wait run beside others of their file.
    maxConcurrency: 10,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ["default", tally]
  }
})
