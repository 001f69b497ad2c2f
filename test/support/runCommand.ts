import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { type Effect, Exit, Runtime } from "effect"

/** Runs a command of the tests, which yields its exit code. What it has started is ended with it, whatever ends it. */
export const runCommand = (main: Effect.Effect<number>): void => {
  // A terminal that is closed, or a pipe (`| head`), is no reason to leave anything behind.
  const stop = () => void process.kill(process.pid, "SIGTERM")
  process.once("SIGHUP", stop)
  process.stdout.on("error", () => {}).once("error", stop)
  process.stderr.on("error", () => {})
  NodeRuntime.runMain(main, {
    // The value of a success is the code.
    teardown: (exit, onExit) =>
      Exit.isSuccess(exit) ? onExit(exit.value as number) : Runtime.defaultTeardown(exit, onExit)
  })
}
