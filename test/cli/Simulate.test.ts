import { FetchHttpClient } from "@effect/platform"
import { ConfigProvider, Effect, Layer } from "effect"
import {
  Anthropic,
  AzureMetaLlama,
  AzureOpenAi,
  Gemini,
  HuggingFace,
  LlmClient,
  OpenAi,
  OpenAiCompatible,
  Zhipu
} from "effect-llm"
import type { Simulator } from "effect-llm/testing"
import { afterEach, describe, expect, it } from "vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const started: Array<ChildProcess> = []

/** The command, and what it has written so far. */
const command = (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], { cwd: root })
  started.push(child)
  let output = ""
  let errors = ""
  child.stdout.on("data", (part) => (output += part))
  child.stderr.on("data", (part) => (errors += part))
  const exit = once(child, "exit").then(([code]) => code)
  const until = async (pattern: RegExp): Promise<RegExpMatchArray> => {
    for (;;) {
      const found = output.match(pattern)
      if (found !== null) return found
      await Promise.race([once(child.stdout, "data"), exit.then(() => Promise.reject(new Error(`ended: ${errors}`)))])
    }
  }
  return { child, exit, until, output: () => output, errors: () => errors }
}

afterEach(() => {
  for (const child of started.splice(0)) if (child.exitCode === null) child.kill("SIGKILL")
})

describe("effect-llm simulate", { timeout: 30_000 }, () => {
  it("says how to use it, answers, and ends on Ctrl-C with a summary", async () => {
    const simulate = command("simulate", "--port", "0", "--seed", "3")
    const [, url = ""] = await simulate.until(/export OPENAI_BASE_URL=(\S+)/)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1$/)
    await simulate.until(/export OPENAI_API_KEY=simulated\n[^]*curl \S+\/chat\/completions/)

    const response = await fetch(`${url}/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer simulated" },
      body: JSON.stringify({ model: "gpt-4.1-mini", messages: [{ role: "user", content: "Hello" }], stream: true })
    })
    expect(await response.text()).toContain("data: [DONE]")
    await simulate.until(/gpt-4\.1-mini {2}stream {2}200 {2}8\+\d+ tokens {2}\d+ ms\n/)

    simulate.child.kill("SIGINT")
    expect(await simulate.exit).toBe(0)
    expect(simulate.output()).toMatch(/Requests: 1, at most 1 at once, 0 left by the client/)
    expect(simulate.output()).toMatch(/gpt-4\.1-mini +1 +1 +8 +\d+\n/)
    expect(simulate.errors()).toBe("")
  })

  it("says how each provider is sent to it, and they all answer", async () => {
    const simulate = command("simulate", "--port", "0")
    await simulate.until(/export OLLAMA_BASE_URL=.*\n/)
    const variables = new Map(
      [...simulate.output().matchAll(/ (\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value] as const)
    )
    const layers: Readonly<Record<keyof Simulator.Service["urls"], ReturnType<typeof OpenAi.layerConfig>>> = {
      openai: OpenAi.layerConfig({ model: "gpt-4.1-mini" }),
      "azure-openai": AzureOpenAi.layerConfig(),
      "azure-meta-llama": AzureMetaLlama.layerConfig(),
      anthropic: Anthropic.layerConfig(),
      gemini: Gemini.layerConfig(),
      zhipu: Zhipu.layerConfig(),
      huggingface: HuggingFace.layerConfig(),
      deepseek: OpenAiCompatible.layerConfig("deepseek"),
      groq: OpenAiCompatible.layerConfig("groq"),
      mistral: OpenAiCompatible.layerConfig("mistral"),
      moonshot: OpenAiCompatible.layerConfig("moonshot"),
      ollama: OpenAiCompatible.layerConfig("ollama")
    }
    for (const [name, layer] of Object.entries(layers)) {
      const completion = LlmClient.complete("Hello").pipe(
        Effect.provide(layer.pipe(Layer.provide(FetchHttpClient.layer))),
        Effect.withConfigProvider(ConfigProvider.fromMap(variables))
      )
      expect([name, (await Effect.runPromise(completion)).text.length > 0]).toEqual([name, true])
    }
  })

  it("fails as many requests as it is told to", async () => {
    const simulate = command("simulate", "--port", "0", "--fail", "503=1")
    const [, url = ""] = await simulate.until(/export OPENAI_BASE_URL=(\S+)/)
    const response = await fetch(`${url}/models`, { headers: { authorization: "Bearer x" } })
    expect(response.status).toBe(503)
    simulate.child.kill("SIGTERM")
    expect(await simulate.exit).toBe(0)
    expect(simulate.output()).toContain("Faults:   Status × 1")
  })

  it("says that a port is taken, and ends with 1", async () => {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const simulate = command("simulate", "--port", String(port))
    expect(await simulate.exit).toBe(1)
    expect(simulate.errors()).toBe(
      `effect-llm simulate: port ${port} on 127.0.0.1 is in use; choose another with --port, or 0 for any\n`
    )
    server.close()
  })

  const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
    [["simulate", "--port", "99999"], /^error: .*'--port <number>'.* from 0 to 65535\.\n$/],
    [["simulate", "--fail", "cut=2"], /^error: .*cut=RATE, with a rate from 0 to 1\.\n$/],
    [["simulate", "--fail", "500=0.7", "429=0.7"], /^error: .*must not be more than 1\.\n$/],
    [["nonsense"], /^error: unknown command 'nonsense'\n$/]
  ]
  it.each(wrong)("refuses %j in one line, with 2", async (args, message) => {
    const refused = command(...args)
    expect(await refused.exit).toBe(2)
    expect(refused.errors()).toMatch(message)
  })

  it("shows its help without a command, and its version", async () => {
    const help = command()
    expect(await help.exit).toBe(0)
    expect(help.output()).toContain("simulate")
    const version = command("--version")
    expect(await version.exit).toBe(0)
    expect(version.output()).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
