import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { type ConfigError, ConfigProvider, Effect, Inspectable, Layer, Redacted } from "effect"
import { LlmClient, OpenAi } from "effect-llm"
import * as HttpStub from "./HttpStub.js"

const environment = { OPENAI_API_KEY: "sk-env-1234567890", OPENAI_MODEL: "gpt-env" }

/** What goes out for one chat and one embedding, with these variables and options. */
const sentWith = (
  variables: Readonly<Record<string, string>>,
  options?: Partial<OpenAi.Options>
): Effect.Effect<ReadonlyArray<HttpStub.Sent>, unknown> => {
  const stub = HttpStub.make(({ url }) =>
    HttpStub.json(url.endsWith("/embeddings") ? { data: [{ embedding: [1] }] } : HttpStub.answer())
  )
  return Effect.as(Effect.zip(LlmClient.complete("Hi"), LlmClient.embed("a")), stub.sent).pipe(
    Effect.provide(OpenAi.layerConfig(options)),
    Effect.provideService(HttpClient.HttpClient, stub.http),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
  )
}

const build = (layer: Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>) =>
  Layer.build(layer).pipe(
    Effect.provideService(HttpClient.HttpClient, HttpStub.make(() => HttpStub.json({})).http),
    Effect.scoped
  )

const refusalOf = (
  variables: Readonly<Record<string, string>>,
  options?: Partial<OpenAi.Options>
): Effect.Effect<ConfigError.ConfigError, unknown> =>
  Effect.flip(build(OpenAi.layerConfig(options))).pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
  )

/** Everything that an error says, however it is printed. */
const wordsOf = (error: unknown): string =>
  [String(error), Inspectable.toStringUnknown(error), JSON.stringify(error)].join("\n")

const modelOf = (sent: HttpStub.Sent | undefined): unknown =>
  Reflect.get(Object(JSON.parse(sent?.text ?? "{}")), "model")

describe("OpenAi.layerConfig", () => {
  it.effect("needs a key and a model", () =>
    Effect.gen(function* () {
      const [chat, embedding] = yield* sentWith(environment)
      expect(chat?.url).toBe("https://api.openai.com/v1/chat/completions")
      expect(chat?.headers["authorization"]).toBe("Bearer sk-env-1234567890")
      expect([modelOf(chat), modelOf(embedding)]).toEqual(["gpt-env", "text-embedding-3-small"])
    })
  )

  it.effect("reads the rest where it is set", () =>
    Effect.gen(function* () {
      const [chat, embedding] = yield* sentWith({
        ...environment,
        OPENAI_EMBEDDING_MODEL: "embed-env",
        OPENAI_BASE_URL: "https://env.example/v1/",
        OPENAI_ORGANIZATION: "org-env",
        OPENAI_PROJECT: "proj-env"
      })
      expect(chat?.url).toBe("https://env.example/v1/chat/completions")
      expect(chat?.headers).toMatchObject({ "openai-organization": "org-env", "openai-project": "proj-env" })
      expect(modelOf(embedding)).toBe("embed-env")
    })
  )

  it.effect("lets options stand before the configuration", () =>
    Effect.gen(function* () {
      const [chat, embedding] = yield* sentWith(
        {
          ...environment,
          OPENAI_EMBEDDING_MODEL: "embed-env",
          OPENAI_BASE_URL: "https://env.example/v1",
          OPENAI_ORGANIZATION: "org-env",
          OPENAI_PROJECT: "proj-env"
        },
        {
          apiKey: Redacted.make("sk-option"),
          model: "gpt-option",
          embeddingModel: "embed-option",
          baseUrl: "http://127.0.0.1:1234/v1",
          organization: "org-option",
          project: "proj-option",
          headers: { "x-team": "blue" },
          defaults: { seed: 7 }
        }
      )
      expect(chat?.url).toBe("http://127.0.0.1:1234/v1/chat/completions")
      expect(chat?.headers).toMatchObject({
        authorization: "Bearer sk-option",
        "openai-organization": "org-option",
        "openai-project": "proj-option",
        "x-team": "blue"
      })
      expect([modelOf(chat), modelOf(embedding)]).toEqual(["gpt-option", "embed-option"])
      expect(JSON.parse(chat?.text ?? "")).toMatchObject({ seed: 7 })
    })
  )

  it.effect("needs no variable when the options have key and model", () =>
    Effect.gen(function* () {
      const [chat] = yield* sentWith({}, { apiKey: Redacted.make("sk-option"), model: "gpt-option" })
      expect(chat?.headers["authorization"]).toBe("Bearer sk-option")
    })
  )

  it.effect.each(["OPENAI_API_KEY", "OPENAI_MODEL"])("names %s when it is missing", (variable) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(
        Object.fromEntries(Object.entries(environment).filter(([name]) => name !== variable))
      )
      expect(String(error)).toContain(variable)
    })
  )

  const secret = "S3CRET"

  it.effect.each<readonly [variable: string, value: string]>([
    ["OPENAI_API_KEY", ""],
    ["OPENAI_API_KEY", " "],
    ["OPENAI_API_KEY", `${secret} ${secret}`],
    ["OPENAI_API_KEY", `${secret}\n`],
    ["OPENAI_API_KEY", ` ${secret}`],
    ["OPENAI_API_KEY", `${secret}\r\nX-Evil: 1`],
    ["OPENAI_API_KEY", `“${secret}”`],
    ["OPENAI_API_KEY", `${secret}\u0000`],
    ["OPENAI_MODEL", ""],
    ["OPENAI_MODEL", " "],
    ["OPENAI_MODEL", `${secret}\n`],
    ["OPENAI_EMBEDDING_MODEL", ""],
    ["OPENAI_BASE_URL", ""],
    ["OPENAI_BASE_URL", secret],
    ["OPENAI_BASE_URL", `/${secret}/v1`],
    ["OPENAI_BASE_URL", `ftp://${secret}.example/v1`],
    ["OPENAI_BASE_URL", `${secret}:v1`],
    ["OPENAI_BASE_URL", `https://user:${secret}@host.example/v1`],
    ["OPENAI_BASE_URL", `https://${secret}@host.example/v1`],
    ["OPENAI_BASE_URL", `https://host.example/v1?key=${secret}`],
    ["OPENAI_BASE_URL", `https://host.example/v1?`],
    ["OPENAI_BASE_URL", `https://host.example/v1#${secret}`],
    ["OPENAI_BASE_URL", `https://host.example/v1#`],
    ["OPENAI_ORGANIZATION", ""],
    ["OPENAI_ORGANIZATION", `${secret}\r\nX-Evil: 1`],
    ["OPENAI_PROJECT", ""],
    ["OPENAI_PROJECT", ` ${secret}`]
  ])("names %s when it is %j, and does not show it", ([variable, value]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf({ ...environment, [variable]: value })
      expect(error._op).toBe("InvalidData")
      expect(String(error)).toContain(variable)
      expect(wordsOf(error).toLowerCase()).not.toContain(secret.toLowerCase())
      expect(wordsOf(error)).not.toContain(environment.OPENAI_API_KEY)
    })
  )
})

describe("OpenAi.layer", () => {
  const key = Redacted.make("sk-option-1234567890")

  it.effect.each<readonly [string, Partial<OpenAi.Options>]>([
    ["apiKey", { apiKey: Redacted.make("") }],
    ["apiKey", { apiKey: Redacted.make("sk-ключ") }],
    ["model", { model: "" }],
    ["embeddingModel", { embeddingModel: " embed" }],
    ["baseUrl", { baseUrl: "localhost:8080" }],
    ["baseUrl", { baseUrl: "https://api.openai.com/v1/chat/completions" }],
    ["baseUrl", { baseUrl: "api.openai.com/v1" }],
    ["organization", { organization: "" }],
    ["project", { project: "\t" }]
  ])("names the option %s when it is wrong", ([option, wrong]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(build(OpenAi.layer({ apiKey: key, model: "gpt-4.1-mini", ...wrong })))
      expect(error).toMatchObject({ _op: "InvalidData", path: [option] })
      expect(wordsOf(error)).not.toContain(Redacted.value(key))
    })
  )
})
