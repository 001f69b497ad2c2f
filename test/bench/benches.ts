/**
 * All benchmarks, in the order in which they run. Each is loaded when it is asked for.
 */
import type { Bench } from "./frame/Bench.ts"

export const benches: Record<string, () => Promise<{ readonly bench: Bench }>> = {
  append: () => import("./append.ts"),
  execute: () => import("./execute.ts"),
  load: () => import("./load.ts"),
  "catch-up": () => import("./catchUp.ts"),
  projection: () => import("./projection.ts"),
  loans: () => import("./loans.ts"),
  embedded: () => import("./embedded.ts"),
  decode: () => import("./decode.ts"),
  pure: () => import("./pure.ts"),
  scale: () => import("./scale.ts"),
  state: () => import("./state.ts"),
  tracing: () => import("./tracing.ts"),
  http: () => import("./http.ts"),
  live: () => import("./live.ts")
}
