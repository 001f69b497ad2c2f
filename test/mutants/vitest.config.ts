import { defineConfig } from "vitest/config"
import type { Reporter } from "vitest/node"

/** Names the first test that fails: who killed the mutant. */
const killer: Reporter = {
  onTestCaseResult(testCase) {
    if (testCase.result().state === "failed") process.stdout.write(`failed: ${testCase.fullName}\n`)
  },
  onTestRunEnd(modules, errors) {
    const around = modules.flatMap((module) => [module, ...module.children.allSuites()])
    for (const { message } of [...around.flatMap((suite) => suite.errors()), ...errors]) {
      process.stdout.write(`failed: around the tests: ${message.split("\n")[0]}\n`)
    }
  }
}

/** One process for all files of a run: loading them again and again would take most of the time. */
export default defineConfig({
  // In the copy. What failed last comes first, and what another copy or the tree itself has failed is nothing to this one.
  cacheDir: ".vite",
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**"],
    globalSetup: process.env.DATABASE_URL === undefined ? [] : ["test/support/globalSetup.ts"],
    pool: "forks",
    isolate: false,
    fileParallelism: false,
    bail: 1,
    testTimeout: 10_000,
    hookTimeout: 60_000,
    reporters: [killer]
  }
})
