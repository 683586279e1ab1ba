/**
 * What a provider does not take ends in a typed error that names it, before anything is sent.
 */
import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { type ConfigError, Effect, JSONSchema, Redacted, Schema, Stream } from "effect"
import {
  Anthropic,
  AzureMetaLlama,
  AzureOpenAi,
  ChatRequest,
  Gemini,
  HuggingFace,
  type LlmClient,
  OpenAi,
  OpenAiCompatible,
  Prompt,
  Tool,
  Zhipu
} from "effect-llm"
import { at } from "../recorded/Payloads.js"
import * as HttpStub from "./HttpStub.js"

const apiKey = Redacted.make("id-5b7c9d1e3f.secret-5b7c9d1e3f")
const model = "some-model"

type Made = Effect.Effect<LlmClient.Service, ConfigError.ConfigError, HttpClient.HttpClient>

const providers = {
  openai: OpenAi.make({ apiKey, model }),
  "azure-openai": AzureOpenAi.make({ apiKey, endpoint: "https://acme.openai.azure.com", deployment: model }),
  "azure-meta-llama": AzureMetaLlama.make({ apiKey, endpoint: "https://acme.inference.ml.azure.com/score", model }),
  anthropic: Anthropic.make({ apiKey, model }),
  gemini: Gemini.make({ apiKey, model }),
  zhipu: Zhipu.make({ apiKey, model }),
  huggingface: HuggingFace.make({ apiKey, model }),
  mistral: OpenAiCompatible.make({ vendor: "mistral", apiKey, model }),
  moonshot: OpenAiCompatible.make({ vendor: "moonshot", apiKey, model }),
  xai: OpenAiCompatible.make({ vendor: "xai", apiKey, model }),
  ollama: OpenAiCompatible.make({ vendor: "ollama", model }),
  "lm-studio": OpenAiCompatible.make({ vendor: "lm-studio", model }),
  deepseek: OpenAiCompatible.make({ vendor: "deepseek", apiKey, model }),
  cerebras: OpenAiCompatible.make({ vendor: "cerebras", apiKey, model }),
  groq: OpenAiCompatible.make({ vendor: "groq", apiKey, model })
} satisfies Readonly<Record<string, Made>>

type Name = keyof typeof providers

const names = Object.keys(providers).filter((name): name is Name => name in providers)

/** What a provider says to a request: what it sends, or why it does not. Calls and streams must agree. */
const ask = (name: Name, request: ChatRequest.ChatRequest) =>
  Effect.gen(function* () {
    const stub = HttpStub.make(() => HttpStub.json({}))
    const client = yield* Effect.provideService(providers[name], HttpClient.HttpClient, stub.http)
    const whole = yield* Effect.flip(client.complete(request))
    const streamed = yield* Effect.flip(Stream.runDrain(client.stream(request)))
    if (stub.sent.length === 0) expect(streamed).toEqual(whole)
    const [first] = stub.sent
    return first === undefined ? { error: whole } : { body: JSON.parse(first.text) as unknown }
  })

const showing = (image: Prompt.Part): ChatRequest.ChatRequest =>
  ChatRequest.make([Prompt.user([Prompt.text("What?"), image])])

const bytes = new Uint8Array([1])

const png = Prompt.imageBytes(bytes, "image/png")
const bmp = Prompt.imageBytes(bytes, "image/bmp")
const byHttp = Prompt.imageUrl("http://a.example/b.png")
const byHttps = Prompt.imageUrl("https://a.example/b.png")
const local = Prompt.imageUrl("file:///home/b.png")

const noImages = ["azure-meta-llama", "deepseek", "cerebras"] as const
const noUrls = ["moonshot", "ollama", "lm-studio"] as const
const anyKind = ["huggingface", "ollama", "lm-studio", "groq"] as const

const includes = (list: ReadonlyArray<Name>, name: Name): boolean => list.includes(name)

describe("an image", () => {
  it.effect.each(names)("is sent by %s if it takes such images, and else refused by name", (name) =>
    Effect.gen(function* () {
      const refusedAs = (image: Prompt.Part) =>
        Effect.map(ask(name, showing(image)), ({ error }) =>
          error === undefined
            ? "sent"
            : error._tag === "UnsupportedFeature" && error.attempts === 0
              ? error.feature
              : error._tag
        )
      if (includes(noImages, name)) {
        for (const image of [png, bmp, byHttps]) expect(yield* refusedAs(image)).toBe("prompt.Image")
        return
      }
      expect(yield* refusedAs(png)).toBe("sent")
      expect(yield* refusedAs(bmp)).toBe(includes(anyKind, name) ? "sent" : "prompt.image.mediaType")
      expect(yield* refusedAs(byHttps)).toBe(includes(noUrls, name) ? "prompt.image.source" : "sent")
      expect(yield* refusedAs(byHttp)).toBe(
        includes(noUrls, name) || name === "anthropic" ? "prompt.image.source" : "sent"
      )
      expect(yield* refusedAs(local)).toBe("prompt.image.source")
    })
  )

  it.effect.each(names.filter((name) => !includes(noImages, name) && !includes(anyKind, name)))(
    "of a kind that %s does not take is refused as a file, too",
    (name) =>
      Effect.gen(function* () {
        const { error } = yield* ask(name, showing(Prompt.fileBytes(bytes, "image/bmp")))
        expect(error).toMatchObject({ _tag: "UnsupportedFeature", feature: "prompt.image.mediaType", attempts: 0 })
      })
  )

  it.effect("that came as a file is an image all the same", () =>
    Effect.gen(function* () {
      const { body } = yield* ask("openai", showing(Prompt.fileBytes(bytes, "image/png")))
      expect(at(body, "messages", 0, "content", 1, "type")).toBe("image_url")
    })
  )
})

describe("a document", () => {
  const document = (url: string): Prompt.FilePart => ({
    _tag: "File",
    mediaType: "application/pdf",
    source: { _tag: "Url", url }
  })
  const takers = ["openai", "anthropic", "gemini"] as const

  it.effect.each(takers)("in a data URL goes out with %s as its bytes", (name) =>
    Effect.gen(function* () {
      const asUrl = yield* ask(name, showing(document("data:application/pdf;base64,AQ==")))
      const asBytes = yield* ask(name, showing(Prompt.fileBytes(bytes, "application/pdf")))
      expect(asUrl.body).toBeDefined()
      expect(asUrl.body).toEqual(asBytes.body)
    })
  )

  it.effect.each(takers)("that only this machine can read is refused by %s, by name", (name) =>
    Effect.gen(function* () {
      for (const url of ["file:///home/me/a.pdf", "a.pdf"]) {
        const { error } = yield* ask(name, showing(document(url)))
        expect(error).toMatchObject({ _tag: "UnsupportedFeature", feature: "prompt.file.source", attempts: 0 })
      }
    })
  )
})

class City extends Schema.Class<City>("City")({ city: Schema.String }) {}

describe("the parameters of a tool", () => {
  const calling = (parameters: Tool.JsonSchema): ChatRequest.ChatRequest =>
    ChatRequest.make({ prompt: "Hi", tools: [{ name: "look_up", parameters }] })

  const withTools = names.filter((name) => name !== "azure-meta-llama")

  it.effect.each(withTools)("that are no object, or refer to nothing, are refused by %s, by name", (name) =>
    Effect.gen(function* () {
      for (const parameters of [
        { type: "string" },
        { anyOf: [{ type: "object" }, { type: "string" }] },
        { $ref: "#/$defs/Nowhere" },
        { type: "object", properties: { list: { type: "array", items: { $ref: "#/$defs/Nowhere" } } } }
      ]) {
        const { error } = yield* ask(name, calling(parameters))
        expect(error).toMatchObject({ _tag: "UnsupportedFeature", attempts: 0 })
        expect(error?.message).toMatch(/^tools(?:\[0\]|\.look_up)\.parameters/)
      }
    })
  )

  it.effect.each(withTools)("go out with %s where they refer to themselves, or have a property named $ref", (name) =>
    Effect.gen(function* () {
      const $defs = { Any: true, Node: { type: "object", properties: { next: { $ref: "#/$defs/Node" } } } }
      const properties = { any: { $ref: "#/$defs/Any" }, node: { $ref: "#/$defs/Node" }, $ref: { type: "string" } }
      const { error } = yield* ask(name, calling({ type: "object", properties, $defs }))
      expect(error).toBeUndefined()
    })
  )

  it.effect.each(withTools)("go out with %s as an object at first sight, however Effect writes them", (name) =>
    Effect.gen(function* () {
      const parametersIn = (body: unknown): unknown =>
        name === "anthropic"
          ? at(body, "tools", 0, "input_schema")
          : name === "gemini"
            ? at(body, "tools", 0, "functionDeclarations", 0, "parametersJsonSchema")
            : at(body, "tools", 0, "function", "parameters")
      const named = yield* ask(name, calling(Tool.jsonSchema(City)))
      expect(parametersIn(named.body)).toMatchObject({ type: "object", properties: { city: { type: "string" } } })
      for (const empty of [Tool.jsonSchema(Schema.Struct({})), { ...JSONSchema.make(Schema.Struct({})) }, {}]) {
        const nothing = parametersIn((yield* ask(name, calling(empty))).body)
        // Gemini takes no empty object: without parameters there are none.
        if (name === "gemini") expect(nothing).toBeUndefined()
        else expect(nothing).toMatchObject({ type: "object", properties: {} })
      }
    })
  )

  it.effect("are refused by an endpoint that knows no tools", () =>
    Effect.gen(function* () {
      const { error } = yield* ask("azure-meta-llama", calling({ type: "object", properties: {} }))
      expect(error).toMatchObject({ _tag: "UnsupportedFeature", feature: "tools" })
    })
  )
})

describe("a header that cannot be sent", () => {
  const headers = { "x team": "blue" }
  const token = Effect.succeed(apiKey)
  const endpoint = "https://acme.openai.azure.com"

  it.effect.each<readonly [string, Made]>([
    ["openai", OpenAi.make({ apiKey, model, headers })],
    ["azure-openai, with a key", AzureOpenAi.make({ apiKey, endpoint, deployment: model, headers })],
    ["azure-openai, with a token", AzureOpenAi.make({ token, endpoint, deployment: model, headers })],
    ["azure-meta-llama", AzureMetaLlama.make({ apiKey, endpoint: `${endpoint}/score`, model, headers })],
    ["zhipu, with a JWT", Zhipu.make({ apiKey, model, headers })],
    ["zhipu, with its key", Zhipu.make({ apiKey, model, auth: "key", headers })]
  ])("is refused when the client is made: %s", ([, made]) =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() => HttpStub.json({}))
      const error = yield* Effect.flip(Effect.provideService(made, HttpClient.HttpClient, stub.http))
      expect(error).toMatchObject({ _op: "InvalidData", path: ["headers.x team"] })
    })
  )
})
