/**
 * What is worth knowing of the machine that figures were taken on, and nothing that tells which one it is.
 */
import * as os from "node:os"

export interface Machine {
  readonly platform: string
  readonly processor: string
  readonly cores: number
  readonly memoryGigabytes: number
  readonly node: string
}

export const machine = (): Machine => ({
  // Behind the number of a kernel there may be a name that somebody gave it.
  platform: `${process.platform} ${os.release().split("-")[0]} ${process.arch}`,
  processor: os.cpus()[0]?.model ?? "unknown",
  cores: os.availableParallelism(),
  memoryGigabytes: Math.round(os.totalmem() / 1_024 ** 3),
  node: process.version
})
