/**
 * A Redis of the test's own, on a free port, without files; where no `redis-server` is installed, its tests say that they
 * skip.
 */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { createServer } from "node:net"
import { tmpdir } from "node:os"

export const isInstalled = spawnSync("redis-server", ["--version"]).status === 0

if (!isInstalled) console.warn("redis-server is not installed: the tests that need it are skipped")

const freePort: Effect.Effect<number> = Effect.async((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** As a crash does it; ends when the process is gone. */
  readonly kill: Effect.Effect<void>
}

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) resume(Effect.void)
    else child.once("exit", () => resume(Effect.void))
  })

const kill = (child: ChildProcess): Effect.Effect<void> =>
  Effect.suspend(() => {
    child.kill("SIGKILL")
    return ended(child)
  })

/** Runs a server for as long as the scope lasts, on this port or on any that is free. */
export const start = (port?: number): Effect.Effect<RedisServer, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const at = port ?? (yield* freePort)
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn("redis-server", [
          "--port",
          String(at),
          "--bind",
          "127.0.0.1",
          "--save",
          "",
          "--appendonly",
          "no",
          "--dir",
          tmpdir()
        ])
      ),
      kill
    )
    yield* Effect.async<void, Error>((resume) => {
      let output = ""
      child.stdout.on("data", (data: Buffer) => {
        output += data.toString()
        if (output.includes("Ready to accept connections")) resume(Effect.void)
      })
      child.once("exit", () => resume(Effect.fail(new Error(`redis-server ended\n${output}`))))
    })
    return { port: at, url: `redis://127.0.0.1:${at}`, kill: kill(child) }
  })
