/** Two linters of packages, with every rule of theirs on. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { type Packed, root } from "./pack.ts"
import type { Project } from "./project.ts"
import { Failed, mustRun } from "./run.ts"

export const checkPublint = async ({ tarball }: Packed): Promise<string> => {
  const { buffer, byteLength, byteOffset } = readFileSync(tarball)
  const packed = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
  const { messages, pkg } = await publint({ pack: { tarball: packed }, level: "suggestion", strict: true })
  if (messages.length > 0) {
    throw new Failed(messages.map((each) => `${each.type}: ${formatMessage(each, pkg, { color: false })}`).join("\n"))
  }
  return "finds nothing"
}

/**
 * The profile leaves out what asks for CommonJS: `require` from TypeScript below `nodenext`, and the resolution of
 * Node 10. Our packages are ESM, and say so. It does not look behind `./*`, so every module is named.
 */
export const checkAttw = async ({ name, tarball }: Packed, { modules }: Project): Promise<string> => {
  const own = modules.filter((module) => module === name || module.startsWith(`${name}/`))
  const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js")
  const entries = own.map((module) => `.${module.slice(name.length)}`)
  await mustRun(
    process.execPath,
    [
      attw,
      tarball,
      "--profile",
      "esm-only",
      "--format",
      "ascii",
      "--no-emoji",
      "--no-definitely-typed",
      "--entrypoints",
      ...entries
    ],
    { cwd: root, limitSeconds: 60 }
  )
  return `finds nothing in ${own.length} modules`
}
