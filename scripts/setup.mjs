// Installs what the workspace needs, and does nothing when it is there already. It runs before any dependency exists
// and on whatever Node a machine has, so: no imports but Node's own, and no syntax newer than Node 18.
//
// "There already" is a stamp: a digest of everything an install depends on. It is taken away before an install and
// written only after one that was seen to work, so a tree that was interrupted half-way never looks complete.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const pnpm = "pnpm@12.21.0"
const lockWaitLimitMillis = 10 * 60_000

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stampFile = join(root, "node_modules", ".varve-setup")
const lockFile = join(root, ".varve", "setup.lock")
const windows = process.platform === "win32"

const read = (...path) => readFileSync(join(root, ...path), "utf8")

/** Folders of the workspace's packages, the root (`.`) first, by the patterns of pnpm-workspace.yaml. */
const projects = () => {
  const patterns = /^packages:\n((?: +- .+\n)+)/m.exec(read("pnpm-workspace.yaml"))[1].match(/[^\s-].*$/gm)
  const folders = patterns.flatMap((pattern) => {
    if (!pattern.endsWith("/*")) return [pattern]
    const parent = pattern.slice(0, -2)
    return existsSync(join(root, parent))
      ? readdirSync(join(root, parent)).sort().map((name) => `${parent}/${name}`)
      : []
  })
  return [".", ...folders.filter((folder) => existsSync(join(root, folder, "package.json")))]
}

/** What an install depends on. The place counts, too: a tree that was copied elsewhere is installed again. */
const digest = () => {
  const hash = createHash("sha256").update(JSON.stringify([process.platform, process.arch, root, pnpm]))
  const files = ["pnpm-workspace.yaml", "pnpm-lock.yaml", ...projects().map((folder) => `${folder}/package.json`)]
  for (const file of files) hash.update(JSON.stringify([file, existsSync(join(root, file)) ? read(file) : null]))
  return hash.digest("hex")
}

/** The first declared dependency that is not in its place. Optional ones may be absent. */
const missing = () => {
  for (const folder of projects()) {
    const { dependencies, devDependencies } = JSON.parse(read(folder, "package.json"))
    for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
      if (!existsSync(join(root, folder, "node_modules", name, "package.json"))) return `${folder}: ${name}`
    }
  }
  return undefined
}

const complete = () => existsSync(stampFile) && readFileSync(stampFile, "utf8") === digest() && missing() === undefined

/** Why the tree cannot be used, or `undefined`: every dependency is in place and our own Node starts. */
const unusable = () => {
  const absent = missing()
  if (absent !== undefined) return `missing after the install: ${absent}`
  const wanted = `v${JSON.parse(read("package.json")).devDependencies.node}`
  const path = [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter)
  const found = spawnSync("node", ["--version"], {
    encoding: "utf8",
    env: { ...process.env, PATH: path },
    shell: windows
  })
  const version = String(found.stdout).trim()
  return version === wanted ? undefined : `\`node\` is ${version || "not there"} where ${wanted} was to be installed`
}

/** Runs pnpm. Returns its own words when it failed, otherwise `undefined`. */
const install = () => {
  const run = spawnSync("npx", ["--yes", pnpm, "install"], {
    cwd: root,
    encoding: "utf8",
    // `npm --silent` is inherited, and would leave a failure without a reason.
    env: { ...process.env, npm_config_loglevel: "error" },
    maxBuffer: 64 * 1024 * 1024,
    shell: windows,
    stdio: ["ignore", "pipe", "pipe"]
  })
  if (run.status === 0) return undefined
  return run.error ? String(run.error) : `${run.stdout}${run.stderr}`.trimEnd().split("\n").slice(-60).join("\n")
}

const sleep = (millis) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis)

const alive = (pid) => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === "EPERM"
  }
}

/** 0 while the lock is being made, and when it is gone. */
const lockOwner = () => {
  try {
    return Number(readFileSync(lockFile, "utf8"))
  } catch {
    return 0
  }
}

/** Two installs at once would break each other's tree: the second waits. A lock of a dead process does not count. */
const lock = () => {
  mkdirSync(dirname(lockFile), { recursive: true })
  for (const start = Date.now(); Date.now() - start < lockWaitLimitMillis; sleep(200)) {
    try {
      return writeFileSync(lockFile, String(process.pid), { flag: "wx" })
    } catch (error) {
      if (error.code !== "EEXIST") throw error
      const owner = lockOwner()
      if (owner > 0 && !alive(owner)) rmSync(lockFile, { force: true })
    }
  }
  throw new Error(`another setup holds ${lockFile}; remove the file if there is none`)
}

const setup = () => {
  const start = Date.now()
  rmSync(stampFile, { force: true })
  console.log("Installing dependencies from npm (a minute at most on the first run, nothing later) ...")
  let failure = install()
  if (failure === undefined && unusable() !== undefined) {
    // pnpm takes a tree that it knows for whole. If it is not, once more, from nothing.
    for (const folder of projects()) rmSync(join(root, folder, "node_modules"), { force: true, recursive: true })
    failure = install() ?? unusable()
  }
  if (failure !== undefined) {
    console.error(`${failure}\n\nThe dependencies could not be installed: the reason stands above.`)
    return 1
  }
  // Digest after the install: outside CI, pnpm may have brought the lock file up to date.
  writeFileSync(`${stampFile}.new`, digest())
  renameSync(`${stampFile}.new`, stampFile)
  console.log(`Installed in ${((Date.now() - start) / 1000).toFixed(1)} s.`)
  return 0
}

if (!complete()) {
  lock()
  try {
    process.exitCode = complete() ? 0 : setup()
  } finally {
    rmSync(lockFile, { force: true })
  }
}
