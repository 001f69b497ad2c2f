/**
 * Checks the packages as users get them: built, packed, and installed from the tarballs into an empty project outside of
 * the workspace. `--list` prints every file of the tarballs, `--keep` leaves the temporary folder.
 *
 * Needs npm's registry, or a cache of npm that has everything.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkBundle, checkClientBundle } from "./packages/bundle.ts"
import { checkAttw, checkPublint } from "./packages/linters.ts"
import { checkContents, checkMaps, contents, pack, packageFolders, type Packed, root } from "./packages/pack.ts"
import {
  checkCommand,
  checkImports,
  checkProgram,
  compilerNames,
  install,
  nodes,
  type Project,
  without
} from "./packages/project.ts"
import { type Check, endAll, mustRun, runChecks } from "./packages/run.ts"
import { checkTypes, nameOf, type Setting } from "./packages/types.ts"

const start = Date.now()
const temporary = mkdtempSync(join(tmpdir(), "varve-packages-"))
const clean = () => {
  endAll()
  if (!process.argv.includes("--keep")) rmSync(temporary, { force: true, recursive: true, maxRetries: 5 })
}
const stop = (reason: string) => {
  clean()
  console.error(`packages: ${reason}`)
  process.exit(1)
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop(`stopped by ${signal}`))
const limitMinutes = 10
const timer = setTimeout(() => stop(`not done after ${limitMinutes} minutes`), limitMinutes * 60_000)
timer.unref()

const failed: Array<string> = []
let count = 0
const check = async (checks: ReadonlyArray<Check>, atATime = 1): Promise<void> => {
  count += checks.length
  failed.push(...await runChecks(checks, atATime))
}

/** The slow compilers first, so that two at a time end together. */
const settings: ReadonlyArray<Setting> = compilerNames.flatMap((compiler): ReadonlyArray<Setting> => [
  { compiler, moduleResolution: "nodenext", exactOptionalPropertyTypes: true },
  { compiler, moduleResolution: "bundler", exactOptionalPropertyTypes: false }
])

const newest = { compiler: "typescript7", moduleResolution: "nodenext", exactOptionalPropertyTypes: true } as const
/** Core must be usable where the types of Node are not. */
const inBrowser: Setting = { ...newest, name: "browser", files: ["app/coreModules.ts"], types: [] }

const packed: Array<Packed> = []
let project: Project | undefined

try {
  await check([{
    name: "build",
    run: () =>
      mustRun("npm", ["--silent", "run", "build"], { cwd: root, limitSeconds: 120 }).then(() => "packages/*/dist")
  }])
  if (failed.length === 0) {
    await check([{
      name: "pack",
      run: async () => {
        for (const folder of packageFolders()) packed.push(await pack(folder, temporary))
        return packed.map(({ manifest, name }) => `${name} ${manifest.version}`).join(", ")
      }
    }])
  }
  for (const each of packed) console.log(contents(each, process.argv.includes("--list")))
  if (failed.length === 0) {
    await check(packed.flatMap((each): ReadonlyArray<Check> => [
      { name: `contents of ${each.name}`, run: () => checkContents(each) },
      { name: `source maps of ${each.name}`, run: () => checkMaps(each) },
      { name: `publint ${each.name}`, run: () => checkPublint(each) }
    ]))
    await check([{
      name: "install",
      run: async () => {
        project = await install(join(temporary, "project"), packed)
        return `into an empty project, from npm`
      }
    }])
  }
  if (project !== undefined) {
    const installed = project
    await check([
      ...[...settings, inBrowser].map((setting): Check => ({
        name: `types ${nameOf(setting)}`,
        run: () => checkTypes(installed, setting)
      })),
      ...packed.map((each): Check => ({ name: `attw ${each.name}`, run: () => checkAttw(each, installed) })),
      ...nodes(installed).flatMap(([version, node]): ReadonlyArray<Check> => [
        { name: `node ${version} imports`, run: () => checkImports(installed, node) },
        { name: `node ${version} runs`, run: () => checkProgram(installed, version, node) },
        { name: `node ${version} runs varve`, run: () => checkCommand(installed, version, node) }
      ]),
      ...["@varve/core", "@varve/core/testing", "@varve/http/client"].map((module): Check => ({
        name: `bundle of ${module}`,
        run: () => checkBundle(installed, module)
      })),
      { name: "bundle for a browser", run: () => checkClientBundle(installed) }
    ], 2)
    await check([{
      // It is an optional peer: who keeps events on a server does not have it.
      name: "without @electric-sql/pglite",
      run: () =>
        without(installed, "@electric-sql/pglite", async () => {
          const [, [, node]] = nodes(installed) as [unknown, readonly [string, string]]
          const seen = await checkImports(installed, node)
          await checkTypes(installed, { ...newest, name: "server", files: ["app/everyModule.ts"] })
          return `${seen}, types hold`
        })
    }])
  }
} finally {
  clean()
}

if (failed.length > 0) console.error(`failed: ${failed.join(", ")}`)
const seconds = Math.round((Date.now() - start) / 1000)
console.log(`packages: ${count - failed.length} of ${count} checks passed, ${failed.length} failed, in ${seconds} s`)
process.exitCode = failed.length === 0 ? 0 : 1
