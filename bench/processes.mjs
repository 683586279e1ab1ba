// The child processes of a run; none outlives it.
import { fork, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const fileOf = (name) => fileURLToPath(new URL(name, import.meta.url))
const running = new Set()

const track = (child) => {
  running.add(child)
  child.once("exit", () => running.delete(child))
  return child
}

export const killAll = () => {
  for (const child of running) child.kill("SIGKILL")
}

/** Starts the loopback server; its origin. `onDeath` is called should it end before the run does. */
export const startServer = async (onDeath) => {
  const server = track(fork(fileOf("./server.mjs"), { stdio: ["ignore", "ignore", "inherit", "ipc"] }))
  server.once("exit", onDeath)
  const [{ port }] = await once(server, "message")
  return `http://127.0.0.1:${port}`
}

/** Runs one worker to its end: the JSON that it prints, or an Error that says how it ended. */
export const runWorker = async (name, parameters, timeoutMilliseconds = 300_000) => {
  const worker = track(spawn(process.execPath, [fileOf(name), ...parameters], { stdio: ["ignore", "pipe", "pipe"] }))
  const output = { stdout: "", stderr: "" }
  worker.stdout.setEncoding("utf8").on("data", (text) => (output.stdout += text))
  worker.stderr.setEncoding("utf8").on("data", (text) => (output.stderr += text))
  const timer = setTimeout(() => worker.kill("SIGKILL"), timeoutMilliseconds)
  const [code, signal] = await once(worker, "close")
  clearTimeout(timer)
  if (code === 0) return JSON.parse(output.stdout.trimEnd().split("\n").at(-1))
  throw new Error(`ended with ${signal ?? code}: ${output.stderr.trim().slice(0, 2000)}`)
}

/** Runs a command to its end with its output on stderr. */
export const runCommand = async (command, parameters, cwd) => {
  const child = track(spawn(command, parameters, { cwd, stdio: ["ignore", 2, 2], shell: process.platform === "win32" }))
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`${command} ${parameters.join(" ")} ended with ${code}`)
}
