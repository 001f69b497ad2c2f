/** What a browser would load. */
import { build, type Metafile } from "esbuild"
import { gzipSync } from "node:zlib"
import type { Project } from "./project.ts"
import { Failed } from "./run.ts"

/** What exists in Node only. Where a module reads one as a global, its name in the bundle becomes a mark. */
const globals = ["process", "Buffer", "global", "require", "module", "__dirname", "__filename", "setImmediate"]
const mark = "__only_in_node_"

const bundle = async (
  folder: string,
  modules: ReadonlyArray<string>,
  withEffect: boolean
): Promise<[text: string, Metafile]> => {
  const { metafile, outputFiles, warnings } = await build({
    stdin: {
      contents: modules.map((module, i) => `export * as module${i} from "${module}"`).join("\n"),
      resolveDir: folder
    },
    absWorkingDir: folder,
    bundle: true,
    minify: true,
    platform: "browser",
    format: "esm",
    target: "es2022",
    external: withEffect ? [] : ["effect", "effect/*"],
    define: withEffect ? {} : Object.fromEntries(globals.map((name) => [name, mark + name])),
    metafile: true,
    write: false,
    logLevel: "silent"
  })
  if (warnings.length > 0) throw new Failed(warnings.map(({ text }) => text).join("\n"))
  return [outputFiles[0]!.text, metafile]
}

const sizes = (text: string): string => {
  const kilobytes = (bytes: number) => `${(bytes / 1024).toFixed(1)} kB`
  return `${kilobytes(Buffer.byteLength(text))} minified, ${kilobytes(gzipSync(text, { level: 9 }).length)} gzipped`
}

/**
 * Bundles a module for the browser twice. With effect left outside, nothing else may stay outside, and no global of Node
 * may be read: that is our own code. With effect inside it must build, with nothing left outside at all; what effect reads
 * behind a `typeof` is its own affair.
 */
export const checkBundle = async ({ folder }: Project, modules: ReadonlyArray<string>): Promise<string> => {
  const names = modules.join(" and ")
  const outside = (metafile: Metafile) =>
    Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter(({ external }) => external === true))
      .map(({ path }) => path)
  try {
    const [own, metafile] = await bundle(folder, modules, false)
    const strange = outside(metafile).filter((path) => path !== "effect" && !path.startsWith("effect/"))
    strange.push(...globals.filter((name) => own.includes(mark + name)).map((name) => `the global ${name}`))
    const [whole, metafileOfWhole] = await bundle(folder, modules, true)
    strange.push(...outside(metafileOfWhole))
    if (strange.length > 0) throw new Failed(`the bundle of ${names} needs ${[...new Set(strange)].join(", ")}`)
    return `nothing of Node; ${sizes(own)}; with effect ${sizes(whole)}`
  } catch (error) {
    if (error instanceof Failed) throw error
    // esbuild rejects with every error that it found.
    throw new Failed(error instanceof Error ? error.message : String(error))
  }
}
