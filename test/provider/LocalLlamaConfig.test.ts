import { FetchHttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { type ConfigError, ConfigProvider, Effect, Layer, Redacted } from "effect"
import { LlmClient } from "effect-llm"
import { LocalLlama } from "effect-llm/local"
import type { Engine, LlamaOptions } from "../../src/provider/LocalLlamaEngine.js"
import { fileOf, isInstalled, note } from "../LocalEngine.js"
import * as TinyModel from "../TinyModel.js"

const model = fileOf("config.gguf", TinyModel.random())

const refusalOf = (
  layer: Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError>,
  variables: Readonly<Record<string, string>> = {}
): Effect.Effect<string, unknown> =>
  Layer.build(layer).pipe(
    Effect.scoped,
    Effect.flip,
    Effect.map(String),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
  )

/** An engine that notes how it was asked to start, and then has no binary. */
const noBinary = (asked: Array<LlamaOptions>): (() => Promise<Engine>) => {
  class NoBinaryFoundError extends Error {}
  const unused = (): never => {
    throw new Error("the engine did not start")
  }
  class Unused {
    constructor() {
      unused()
    }
    generateContextState = unused
    generateResponse = unused
    dispose = unused
  }
  return () =>
    Promise.resolve({
      getLlama: (options) => {
        asked.push(options)
        return Promise.reject(new NoBinaryFoundError("NoBinaryFoundError"))
      },
      resolveChatWrapper: unused,
      resolveModelFile: () => Promise.reject(new Error("no network in this test")),
      JinjaTemplateChatWrapper: Unused,
      LlamaChat: Unused
    })
}

const chosen = (
  local: Pick<typeof LocalLlama, "layerConfig">
): Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError> =>
  LlmClient.layerFromConfig({ providers: { local } }).pipe(Layer.provide(FetchHttpClient.layer))

const missing = (): Promise<never> =>
  Promise.reject(Object.assign(new Error("Cannot find package 'node-llama-cpp'"), { code: "ERR_MODULE_NOT_FOUND" }))

describe("a local model that cannot be", () => {
  it.effect("says what to install where the package is missing", () =>
    Effect.gen(function* () {
      const bundled = () => Promise.reject(new Error('Could not resolve "node-llama-cpp" imported by "effect-llm".'))
      for (const engine of [missing, bundled]) {
        expect(yield* refusalOf(LocalLlama.layer({ model, engine }))).toBe(
          '(Unsupported operation at model: "a local model needs the package node-llama-cpp, which is not installed: npm install node-llama-cpp@3")'
        )
      }
    })
  )

  it.effect.skipIf(isInstalled)("says so by its own import, too", () =>
    Effect.gen(function* () {
      expect(yield* refusalOf(LocalLlama.layer({ model }))).toContain("npm install node-llama-cpp@3")
    })
  )

  it.effect("says why the package does not load", () =>
    Effect.gen(function* () {
      const broken = () => Promise.reject(new Error("bad module"))
      expect(yield* refusalOf(LocalLlama.layer({ model, engine: broken }))).toBe(
        '(Unsupported operation at model: "the package node-llama-cpp does not load: bad module")'
      )
    })
  )

  it.effect("says so where there is no binary for the machine, and never begins to compile", () =>
    Effect.gen(function* () {
      const asked: Array<LlamaOptions> = []
      const engine = noBinary(asked)
      expect(yield* refusalOf(LocalLlama.layer({ model, engine, threads: 3, gpu: "vulkan" }))).toContain(
        "node-llama-cpp has no binary for this machine"
      )
      expect(asked).toMatchObject([{ build: "never", maxThreads: 3, gpu: "vulkan" }])
    })
  )

  it.effect("says so before the engine is loaded where there is no file, or no GGUF file", () =>
    Effect.gen(function* () {
      const html = fileOf("page.gguf", Buffer.from("<!doctype html>"))
      expect(yield* refusalOf(LocalLlama.layer({ model: "/nowhere.gguf", engine: missing }))).toBe(
        '(Invalid data at model: "/nowhere.gguf: there is no file of this name")'
      )
      expect(yield* refusalOf(LocalLlama.layer({ model: html, engine: missing }))).toContain("this is no GGUF file")
    })
  )

  it.effect("says what could not be downloaded", () =>
    Effect.gen(function* () {
      const options = { model: "hf:owner/model:Q4_K_M", engine: noBinary([]) }
      expect(yield* refusalOf(LocalLlama.layer(options))).toContain(
        "hf:owner/model:Q4_K_M could not be downloaded: no network in this test"
      )
    })
  )

  it.effect.each([
    ["model", { model: "" }],
    ["model", { model: " tiny.gguf" }],
    ["contextSize", { contextSize: 0 }],
    ["threads", { threads: 1.5 }],
    ["sequences", { sequences: 0 }],
    ["maxQueue", { maxQueue: -1 }],
    ["endpoint", { endpoint: "mirror" }],
    ["endpoint", { endpoint: "http://mirror.example", token: Redacted.make("hf_1234567890") }],
    ["token", { token: Redacted.make("hf_\n") }]
  ] as const)("names the wrong option: %s", ([name, options]) =>
    Effect.gen(function* () {
      expect(yield* refusalOf(LocalLlama.layer({ model, engine: missing, ...options }))).toMatch(
        new RegExp(`^\\(Invalid data at ${name}: `)
      )
    })
  )
})

describe("LocalLlama.layerConfig", () => {
  it.effect.each([
    ["LOCAL_LLAMA_MODEL", {}],
    ["LOCAL_LLAMA_MODEL", { LOCAL_LLAMA_MODEL: "/nowhere.gguf" }],
    ["LOCAL_LLAMA_CONTEXT_SIZE", { LOCAL_LLAMA_MODEL: model, LOCAL_LLAMA_CONTEXT_SIZE: "many" }],
    ["LOCAL_LLAMA_GPU", { LOCAL_LLAMA_MODEL: model, LOCAL_LLAMA_GPU: "best" }],
    ["LOCAL_LLAMA_THREADS", { LOCAL_LLAMA_MODEL: model, LOCAL_LLAMA_THREADS: "0" }],
    ["LOCAL_LLAMA_SEQUENCES", { LOCAL_LLAMA_MODEL: model, LOCAL_LLAMA_SEQUENCES: "-1" }],
    ["LOCAL_LLAMA_MAX_QUEUE", { LOCAL_LLAMA_MODEL: model, LOCAL_LLAMA_MAX_QUEUE: "x" }],
    ["HF_ENDPOINT", { LOCAL_LLAMA_MODEL: model, HF_ENDPOINT: "mirror" }]
  ] as const)("names the missing or malformed variable: %s", ([name, variables]) =>
    Effect.gen(function* () {
      expect(yield* refusalOf(LocalLlama.layerConfig({ engine: missing }), variables)).toContain(`at ${name}: `)
    })
  )

  it.effect("hands on what is set", () =>
    Effect.gen(function* () {
      const asked: Array<LlamaOptions> = []
      const variables = { LOCAL_LLAMA_MODEL: model, LOCAL_LLAMA_GPU: "false", LOCAL_LLAMA_THREADS: "2" }
      yield* refusalOf(LocalLlama.layerConfig({ engine: noBinary(asked) }), variables)
      expect(asked).toMatchObject([{ gpu: false, maxThreads: 2 }])
    })
  )

  it.effect("is a provider that LLM_PROVIDER may name, once it was given", () =>
    Effect.gen(function* () {
      const asked: Array<LlamaOptions> = []
      const engine = noBinary(asked)
      const local = {
        layerConfig: (options?: LocalLlama.ConfigOptions) => LocalLlama.layerConfig({ ...options, engine })
      }
      const variables = { LLM_PROVIDER: "local", LOCAL_LLAMA_MODEL: model, LOCAL_LLAMA_THREADS: "2" }
      const error = yield* refusalOf(chosen(local), variables)
      expect(error).toContain("node-llama-cpp has no binary for this machine")
      expect(asked).toMatchObject([{ maxThreads: 2 }])
      const gone = yield* refusalOf(chosen(LocalLlama), { ...variables, LOCAL_LLAMA_MODEL: "/nowhere.gguf" })
      expect(gone).toContain("LOCAL_LLAMA_MODEL: ")
    })
  )

  it.effect("options stand before variables", () =>
    Effect.gen(function* () {
      const asked: Array<LlamaOptions> = []
      const variables = { LOCAL_LLAMA_MODEL: "/nowhere.gguf", LOCAL_LLAMA_THREADS: "2" }
      yield* refusalOf(LocalLlama.layerConfig({ model, threads: 1, engine: noBinary(asked) }), variables)
      expect(asked).toMatchObject([{ maxThreads: 1 }])
    })
  )
})

describe(`the engine as it is installed${note}`, () => {
  it.live.skipIf(!isInstalled)("is asked for what it does not load", () =>
    Effect.gen(function* () {
      const options = { model, gpu: false, threads: 1 } as const
      const broken = { ...options, chatTemplate: "{% for" }
      expect(yield* refusalOf(LocalLlama.layer(broken))).toContain("(Invalid data at chatTemplate: ")
      const long = { ...options, contextSize: 8193 }
      expect(yield* refusalOf(LocalLlama.layer(long))).toMatch(/^\(Invalid data at contextSize: .* 8192 tokens/)
    })
  )
})
