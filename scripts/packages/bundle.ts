/** What a browser would load. */
import { build, type Metafile } from "esbuild"
import { gzipSync } from "node:zlib"
import type { Project } from "./project.ts"
import { Failed } from "./run.ts"

/** What exists in Node only. Where a module reads one as a global, its name in the bundle becomes a mark. */
const globals = ["process", "Buffer", "global", "require", "module", "__dirname", "__filename", "setImmediate"]
const mark = "__only_in_node_"

const bundle = async (folder: string, contents: string, withEffect: boolean): Promise<[text: string, Metafile]> => {
  const { metafile, outputFiles, warnings } = await build({
    stdin: { contents, resolveDir: folder },
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

const gzipped = (text: string): number => gzipSync(text, { level: 9 }).length

const sizes = (text: string): string => {
  const kilobytes = (bytes: number) => `${(bytes / 1024).toFixed(1)} kB`
  return `${kilobytes(Buffer.byteLength(text))} minified, ${kilobytes(gzipped(text))} gzipped`
}

/** A failed build, with every error that esbuild found. */
const asFailed = (error: unknown): Failed =>
  error instanceof Failed ? error : new Failed(error instanceof Error ? error.message : String(error))

/**
 * Bundles a module for the browser twice. With effect left outside, nothing else may stay outside, and no global of Node
 * may be read: that is our own code. With effect inside it must build, with nothing left outside at all; what effect reads
 * behind a `typeof` is its own affair.
 */
export const checkBundle = async ({ folder }: Project, module: string): Promise<string> => {
  const outside = (metafile: Metafile) =>
    Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter(({ external }) => external === true))
      .map(({ path }) => path)
  try {
    const all = `export * from "${module}"`
    const [own, metafile] = await bundle(folder, all, false)
    const strange = outside(metafile).filter((path) => path !== "effect" && !path.startsWith("effect/"))
    strange.push(...globals.filter((name) => own.includes(mark + name)).map((name) => `the global ${name}`))
    const [whole, metafileOfWhole] = await bundle(folder, all, true)
    strange.push(...outside(metafileOfWhole))
    if (strange.length > 0) throw new Failed(`the bundle of ${module} needs ${[...new Set(strange)].join(", ")}`)
    return `nothing of Node; ${sizes(own)}; with effect ${sizes(whole)}`
  } catch (error) {
    throw asFailed(error)
  }
}

/** Most bytes that a browser loads of core and of the client, minified and gzipped, without effect. */
const clientBytes = 25_000

/** Most files that a report on a bundle names. */
const filesNamed = 8

/** What of the packages is in a bundle: the largest files, and how many bytes of each. */
const largest = ({ outputs }: Metafile): string =>
  Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs))
    .map(([file, { bytesInOutput }]) => [file.replace(/^.*node_modules\/(.*)\/dist\//, "$1/"), bytesInOutput] as const)
    .sort(([, a], [, b]) => b - a)
    .slice(0, filesNamed)
    .map(([file, bytes]) => `${file} ${bytes}`)
    .join(", ")

/** Bundles a program that a browser runs, a small domain and the client of its server, and holds it to its bound. */
export const checkClientBundle = async ({ folder }: Project): Promise<string> => {
  try {
    const [text, metafile] = await bundle(folder, `export * from "./app/browser.ts"`, false)
    const bytes = gzipped(text)
    const size = `${bytes} bytes minified and gzipped, without effect; most of it: ${largest(metafile)}`
    if (bytes > clientBytes) throw new Failed(`expected at most ${clientBytes} bytes, got ${size}`)
    return `${size}; at most ${clientBytes}`
  } catch (error) {
    throw asFailed(error)
  }
}
