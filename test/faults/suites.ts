/**
 * All suites, in the order in which they run.
 */
import type { Suite } from "./Suite.ts"
import * as disk from "./suites/disk.ts"
import * as frozen from "./suites/frozen.ts"
import * as kill from "./suites/kill.ts"
import * as killEmbedded from "./suites/killEmbedded.ts"
import * as linear from "./suites/linear.ts"
import * as pooler from "./suites/pooler.ts"
import * as proxy from "./suites/proxy.ts"
import * as soak from "./suites/soak.ts"

export const suites: ReadonlyArray<Suite> = [
  kill.suite,
  killEmbedded.suite,
  proxy.suite,
  disk.suite,
  frozen.suite,
  pooler.suite,
  linear.suite,
  soak.suite
]
