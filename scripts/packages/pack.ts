/** The packages as `pnpm publish` would send them, and what is in them. */
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { Failed, mustRun } from "./run.ts"

export const root = join(import.meta.dirname, "../..")

/** Reads a JSON file whose shape we know, because it is ours or a tool's. */
// oxlint-disable-next-line typescript/no-explicit-any -- manifests are read by field; a check fails on what is missing
export const readJson = (file: string): any => JSON.parse(readFileSync(file, "utf8"))

export interface Packed {
  readonly name: string
  readonly tarball: string
  /** Where the tarball was unpacked. */
  readonly folder: string
  // oxlint-disable-next-line typescript/no-explicit-any -- a package.json
  readonly manifest: any
  /** Every file of the tarball, by its path in the package. */
  readonly files: ReadonlyArray<string>
}

/** pnpm in the release that also installs. */
const pnpm = (): string => {
  const version = /^const pnpm = "(pnpm@[^"]+)"$/m.exec(readFileSync(join(root, "scripts/setup.mjs"), "utf8"))?.[1]
  if (version === undefined) throw new Failed("scripts/setup.mjs does not name its pnpm")
  return version
}

export const packageFolders = (): ReadonlyArray<string> =>
  globSync("packages/*/package.json", { cwd: root }).map((file) => join(root, dirname(file))).sort()
    .filter((folder) => readJson(join(folder, "package.json")).private !== true)

/** Hidden files as well, which a glob leaves out. */
export const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/")).sort()

/** Packs a package that is built. */
export const pack = async (source: string, into: string): Promise<Packed> => {
  const { name } = readJson(join(source, "package.json"))
  const folder = join(into, name.replaceAll(/[^a-z]+/g, "-").replace(/^-/, ""))
  mkdirSync(folder, { recursive: true })
  // Packed by pnpm: it puts `publishConfig.exports` and real ranges in the place of what holds in the workspace.
  await mustRun("npx", ["--yes", pnpm(), "pack", "--out", `${folder}.tgz`], { cwd: source, limitSeconds: 120 })
  await mustRun("tar", ["-xzf", `${folder}.tgz`, "-C", folder], { cwd: into, limitSeconds: 30 })
  const unpacked = join(folder, "package")
  return {
    name,
    tarball: `${folder}.tgz`,
    folder: unpacked,
    manifest: readJson(join(unpacked, "package.json")),
    files: filesIn(unpacked)
  }
}

const kinds: ReadonlyArray<readonly [kind: string, pattern: RegExp]> = [
  ["package.json, README.md, LICENSE", /^(package\.json|README\.md|LICENSE)$/],
  ["src/**/*.ts", /^src\/(?!.*\.(test|spec|bench|d)\.ts$).*\.ts$/],
  ["dist/**/*.js", /^dist\/(?!.*\.(test|spec|bench)\.js$).*\.js$/],
  ["dist/**/*.d.ts", /^dist\/(?!.*\.(test|spec|bench)\.d\.ts$).*\.d\.ts$/],
  ["dist/**/*.map", /^dist\/(?!.*\.(test|spec|bench)\.).*\.(js|d\.ts)\.map$/]
]

const kilobytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} kB`

/** What is in the tarball, one line for each kind of file, or every file. */
export const contents = ({ files, folder, name, tarball }: Packed, every: boolean): string => {
  const size = (file: string) => statSync(join(folder, file)).size
  const total = (some: ReadonlyArray<string>) => kilobytes(some.reduce((sum, file) => sum + size(file), 0))
  const line = (left: string, right: string) => `          ${right.padStart(10)}  ${left}`
  const lines = every
    ? files.map((file) => line(file, kilobytes(size(file))))
    : kinds.map(([kind, pattern]) => {
      const some = files.filter((file) => pattern.test(file))
      return line(`${kind} (${some.length})`, total(some))
    })
  const head = `        ${name}: ${kilobytes(statSync(tarball).size)} packed, ${
    total(files)
  } unpacked, ${files.length} files`
  return [head, ...lines].join("\n")
}

const targets = (exports: unknown): ReadonlyArray<string> =>
  typeof exports === "string" ? [exports] : Object.values(exports ?? {}).flatMap(targets)

/** Every file is of a kind that belongs there, none is missing, and the manifest is the published one. */
export const checkContents = async ({ files, folder, manifest, name }: Packed): Promise<string> => {
  const problems: Array<string> = []
  const need = (file: string) => {
    if (!files.includes(file) || statSync(join(folder, file)).size === 0) problems.push(`${file} is missing or empty`)
  }
  ;["LICENSE", "README.md", "package.json"].forEach(need)
  for (const file of files) {
    if (!kinds.some(([, pattern]) => pattern.test(file))) problems.push(`${file} does not belong in a package`)
    const module = /^(?:src|dist)\/(.*?)(?:\.d)?\.(?:ts|js)(?:\.map)?$/.exec(file)?.[1]
    if (module === undefined) continue
    const made = [".js", ".js.map", ".d.ts", ".d.ts.map"].map((ending) => `dist/${module}${ending}`)
    if (file.startsWith("src/")) made.forEach(need)
    // What was built from a file that is gone.
    else need(`src/${module}.ts`)
  }
  for (const [key, range] of Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    if (/^(workspace|file|link|catalog):/.test(String(range))) problems.push(`${key} is asked for as ${range}`)
  }
  for (const target of targets(manifest.exports)) {
    if (!/^\.\/(dist\/.*\.js|package\.json)$/.test(target)) problems.push(`exports lead to ${target}`)
    else if (!target.includes("*")) need(target.slice(2))
  }
  if (problems.length > 0) throw new Failed([...new Set(problems)].map((each) => `${name}: ${each}`).join("\n"))
  return `${files.length} files, each belongs there, exports lead to dist`
}

/** Every file that was compiled names its map, and every map its source, inside of the tarball. */
export const checkMaps = async ({ files, folder }: Packed): Promise<string> => {
  const problems: Array<string> = []
  let sources = 0
  for (const file of files.filter((file) => /^dist\/.*\.(js|d\.ts)$/.test(file))) {
    const named = /^\/\/# sourceMappingURL=(.+)$/m.exec(readFileSync(join(folder, file), "utf8"))?.[1]
    const map = join(folder, dirname(file), named ?? "")
    if (named === undefined || !existsSync(map)) {
      problems.push(`${file} names no source map that is there`)
      continue
    }
    const { sourceRoot, sources: listed } = readJson(map)
    if (listed.length === 0) problems.push(`${file}.map names no source`)
    for (const source of listed) {
      sources++
      if (!existsSync(join(dirname(map), sourceRoot ?? "", source))) {
        problems.push(`${file}.map: ${source} is not there`)
      }
    }
  }
  if (sources === 0) problems.push("there are no source maps")
  if (problems.length > 0) throw new Failed(problems.slice(0, 20).join("\n"))
  return `${sources} sources are where the maps say`
}
