/**
 * Checks the arrows between the packages, and that there is no circle of imports inside one.
 *
 *     test/bench -> examples, test -> cli, http, postgres -> core -> effect
 *
 * Imports of types count like any other: a circle of types is a circle of thoughts.
 */
import { existsSync, globSync, readFileSync } from "node:fs"
import { builtinModules } from "node:module"
import { dirname, join, relative } from "node:path"
import { parseSync, Visitor } from "oxc-parser"

process.chdir(join(import.meta.dirname, ".."))

interface Area {
  readonly folder: string
  readonly name: string
  /**
   * 0 is core, 1 the packages on it, 2 what uses packages, 3 the benches, which use servers and logs of the tests, 4 what
   * they are run beside. An import goes down, never sideways or up.
   */
  readonly level: number
  readonly exports: ReadonlyArray<string>
  /** What an installed copy can count on. */
  readonly dependencies: ReadonlySet<string>
  readonly files: ReadonlyArray<string>
}

interface Import {
  readonly specifier: string
  readonly line: number
}

interface Source {
  readonly imports: ReadonlyArray<Import>
  readonly consoles: ReadonlyArray<number>
}

const levels: { readonly [folder: string]: number } = { "packages/core": 0, "test/bench": 3, "test/bench/peers": 4 }

const levelOf = (folder: string): number => levels[folder] ?? (folder.startsWith("packages/") ? 1 : 2)

const isTest = ({ folder }: { readonly folder: string }): boolean => folder === "test" || folder.startsWith("test/")

const manifests = globSync([
  "packages/*/package.json",
  "examples/*/package.json",
  "test/{.,bench,bench/peers}/package.json"
])

const areas: ReadonlyArray<Area> = manifests
  // One that lies within another comes first: a file belongs to the nearest.
  .sort((a, b) => b.split("/").length - a.split("/").length || (a < b ? -1 : 1))
  .map((file) => {
    const folder = dirname(file)
    const manifest = JSON.parse(readFileSync(file, "utf8"))
    return {
      folder,
      name: manifest.name,
      level: levelOf(folder),
      exports: Object.keys(manifest.exports ?? {}),
      dependencies: new Set(
        Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies })
      ),
      files: globSync(`${folder}/**/*.{ts,tsx}`, { exclude: ["**/node_modules", "**/dist", "**/.docs"] })
        .filter((file) => nearest(file) === folder).sort()
    }
  })

/** The folder of the area that a file belongs to. */
function nearest(file: string): string | undefined {
  return manifests.map((manifest) => dirname(manifest)).find((folder) => file.startsWith(`${folder}/`))
}

/**
 * The one import whose specifier is not written out: the `varve` command loads the configuration of its user, which is
 * code of a project and none of ours.
 */
const loader = "packages/cli/src/internal/projectFile.ts"
const computed = "(computed)"

/** What a page imports as well: it holds nothing but what runs in a browser. */
const forBrowsers = "examples/shop/src/domain/"

/** The page itself. Of the shop it imports what runs in a browser. */
const page = "examples/shop/web/"

const violations: Array<string> = []
const violation = (file: string, line: number, reason: string) => violations.push(`${file}:${line}: ${reason}`)

const parse = (file: string): Source => {
  const text = readFileSync(file, "utf8")
  const { errors, program } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  const imports: Array<Import> = []
  const consoles: Array<number> = []
  const lineOf = (node: { readonly start: number }) => text.slice(0, node.start).split("\n").length
  const add = (source: { readonly start: number; readonly value?: unknown } | null) => {
    if (source === null) return
    // `import(variable)`: nobody can tell what it reaches, so it reaches nothing that is allowed.
    imports.push({ specifier: typeof source.value === "string" ? source.value : computed, line: lineOf(source) })
  }
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    MemberExpression: (node) => {
      if (node.object.type === "Identifier" && node.object.name === "console") consoles.push(lineOf(node))
    }
  }).visit(program)
  return { imports, consoles }
}

const packageOf = (specifier: string): string => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/")

const isBuiltin = (specifier: string): boolean =>
  specifier.startsWith("node:") || builtinModules.includes(packageOf(specifier))

/** Whether `exports` of a package has the subpath: `.`, `./testing`, or a pattern such as `./*`. */
const isExported = (area: Area, subpath: string): boolean =>
  area.exports.some((key) =>
    key === subpath || (key.endsWith("*") && subpath.startsWith(key.slice(0, -1)) && !subpath.includes("/internal/"))
  )

/** Why `area` may not import `target` at all, or `undefined`. */
const wrongArrow = (area: Area, target: Area): string | undefined => {
  // Tests are about the examples, too.
  const allowed = target.level < area.level || (isTest(area) && !isTest(target))
  return allowed ? undefined : `${area.folder} must not import from ${target.folder}`
}

const checkRelative = (area: Area, file: string, { line, specifier }: Import): string | undefined => {
  const target = join(dirname(file), specifier)
  if (!existsSync(target)) {
    violation(file, line, `${specifier} does not exist`)
    return undefined
  }
  if (file.startsWith(forBrowsers) && !target.startsWith(forBrowsers)) {
    violation(file, line, `${forBrowsers} runs in a browser: it imports nothing from elsewhere, so not ${specifier}`)
  }
  if (file.startsWith(page) && !target.startsWith(page) && !target.startsWith(forBrowsers)) {
    violation(file, line, `${page} runs in a browser: of the shop it imports ${forBrowsers}, so not ${specifier}`)
  }
  if (nearest(target) === area.folder) {
    if (target.endsWith("/index.ts") && target.includes("/src/")) {
      violation(file, line, `${specifier} is a barrel: import the module itself`)
    }
    return target
  }
  const owner = areas.find(({ folder }) => folder === nearest(target))
  if (owner === undefined) {
    if (area.level < 2) violation(file, line, `${specifier} lies outside every package`)
    return undefined
  }
  const reason = wrongArrow(area, owner)
  if (reason !== undefined) violation(file, line, reason)
  // A test may look inside a package; nobody else may.
  else if (!isTest(area)) {
    violation(file, line, `${specifier} reaches into ${owner.name}: import it by its name`)
  }
  return undefined
}

const checkPackage = (area: Area, file: string, { line, specifier }: Import): void => {
  const name = packageOf(specifier)
  const owner = areas.find((other) => other.name === name)
  if (owner !== undefined) {
    const reason = owner === area ? `${name} imports itself by name` : wrongArrow(area, owner)
    if (reason !== undefined) return void violation(file, line, reason)
    if (!isExported(owner, `.${specifier.slice(name.length)}`)) {
      return void violation(file, line, `${specifier} is internal: ${name} does not export it`)
    }
  }
  if (area.level === 0 && name !== "effect") {
    return void violation(file, line, `core imports nothing but effect and itself, so not ${specifier}`)
  }
  if (file.startsWith(forBrowsers) && name !== "effect" && name !== "@varve/core") {
    violation(file, line, `${forBrowsers} runs in a browser: it imports effect and core, so not ${specifier}`)
  }
  if (!isBuiltin(specifier) && !area.dependencies.has(name)) {
    violation(file, line, `${specifier} is not among the dependencies of ${area.name}`)
  }
}

/** Reports one circle per file that closes one, by a walk in depth. */
const checkCircles = (edges: ReadonlyMap<string, ReadonlyArray<string>>): void => {
  const done = new Set<string>()
  const visit = (file: string, path: ReadonlyArray<string>): void => {
    if (path.includes(file)) {
      const circle = [...path.slice(path.indexOf(file)), file].map((each) => relative(dirname(file), each))
      violations.push(`${file}: circle of imports: ${circle.join(" -> ")}`)
      return
    }
    if (done.has(file)) return
    for (const target of edges.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of edges.keys()) visit(file, [])
}

for (const area of areas) {
  const edges = new Map<string, ReadonlyArray<string>>()
  let imports = 0
  for (const file of area.files) {
    const source = parse(file)
    imports += source.imports.length
    const inside: Array<string> = []
    const unwritten = source.imports.filter(({ specifier }) => specifier === computed)
    if (file === loader && unwritten.length !== 1) {
      violation(file, 1, `it loads one configuration: expected one import that is computed, got ${unwritten.length}`)
    }
    for (const each of source.imports) {
      if (each.specifier === computed && file === loader) continue
      const target = each.specifier.startsWith(".") ? checkRelative(area, file, each) : checkPackage(area, file, each)
      if (target !== undefined) inside.push(target)
    }
    edges.set(file, inside)
    if (area.level < 2) {
      for (const line of source.consoles) violation(file, line, "a library does not write to the console")
    }
  }
  checkCircles(edges)
  const internal = [...edges.values()].flat().length
  console.log(`${area.folder}: ${area.files.length} files, ${imports} imports, ${internal} edges among its own files`)
}

for (const each of violations) console.error(each)
console.log(`arch: ${areas.flatMap((area) => area.files).length} files, ${violations.length} violations`)
process.exitCode = violations.length === 0 ? 0 : 1
