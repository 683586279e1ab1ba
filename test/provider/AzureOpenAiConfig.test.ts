import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { type ConfigError, ConfigProvider, Effect, Inspectable, Layer, Redacted } from "effect"
import { AzureOpenAi, LlmClient } from "effect-llm"
import * as HttpStub from "./HttpStub.js"

const environment = {
  AZURE_OPENAI_ENDPOINT: "https://env.openai.azure.com/",
  AZURE_OPENAI_API_KEY: "key-env-1234567890",
  AZURE_DEPLOYMENT_NAME: "deployment-env"
}

type Variables = Readonly<Record<string, string>>

const without = (name: string): Variables =>
  Object.fromEntries(Object.entries(environment).filter(([each]) => each !== name))

const withVariables = (variables: Variables) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

/** What goes out for one chat and one embedding, with these variables and options. */
const sentWith = (variables: Variables, options?: Partial<AzureOpenAi.Options>) => {
  const stub = HttpStub.make(({ url }) =>
    HttpStub.json(url.includes("/embeddings") ? { data: [{ embedding: [1] }] } : HttpStub.answer())
  )
  return Effect.as(Effect.zip(LlmClient.complete("Hi"), LlmClient.embed("a")), stub.sent).pipe(
    Effect.provide(AzureOpenAi.layerConfig(options)),
    Effect.provideService(HttpClient.HttpClient, stub.http),
    withVariables(variables)
  )
}

const refusalOf = (layer: Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>) =>
  Layer.build(layer).pipe(
    Effect.provideService(HttpClient.HttpClient, HttpStub.make(() => HttpStub.json({})).http),
    Effect.scoped,
    Effect.flip
  )

/** Everything that an error says, however it is printed. */
const wordsOf = (error: unknown): string =>
  [String(error), Inspectable.toStringUnknown(error), JSON.stringify(error)].join("\n")

describe("AzureOpenAi.layerConfig", () => {
  it.effect("needs an endpoint, a deployment and a key", () =>
    Effect.gen(function* () {
      const [chat, embedding] = yield* sentWith(environment)
      expect(chat?.url).toBe("https://env.openai.azure.com/openai/v1/chat/completions")
      expect(chat?.headers["api-key"]).toBe("key-env-1234567890")
      expect(JSON.parse(chat?.text ?? "")).toMatchObject({ model: "deployment-env" })
      expect(JSON.parse(embedding?.text ?? "")).toMatchObject({ model: "deployment-env" })
    })
  )

  it.effect("takes a token in the place of the key", () =>
    Effect.gen(function* () {
      const [chat] = yield* sentWith({
        ...without("AZURE_OPENAI_API_KEY"),
        AZURE_OPENAI_AD_TOKEN: "token-env-1234567890"
      })
      expect(chat?.headers["authorization"]).toBe("Bearer token-env-1234567890")
      expect(chat?.headers).not.toHaveProperty("api-key")
    })
  )

  it.effect("reads the rest where it is set", () =>
    Effect.gen(function* () {
      const [chat, embedding] = yield* sentWith({
        ...environment,
        OPENAI_API_VERSION: "2024-10-21",
        AZURE_EMBEDDING_DEPLOYMENT_NAME: "embed-env"
      })
      const base = "https://env.openai.azure.com/openai/deployments"
      expect(chat?.url).toBe(`${base}/deployment-env/chat/completions?api-version=2024-10-21`)
      expect(embedding?.url).toBe(`${base}/embed-env/embeddings?api-version=2024-10-21`)
    })
  )

  it.effect("lets options stand before the configuration", () =>
    Effect.gen(function* () {
      const variables = {
        ...environment,
        OPENAI_API_VERSION: "2024-10-21",
        AZURE_EMBEDDING_DEPLOYMENT_NAME: "embed-env"
      }
      const [chat, embedding] = yield* sentWith(variables, {
        endpoint: "http://127.0.0.1:1234",
        deployment: "deployment-option",
        embeddingDeployment: "embed-option",
        apiVersion: "2025-01-01-preview",
        apiKey: Redacted.make("key-option-1234567890"),
        headers: { "x-team": "blue" },
        defaults: { seed: 7 }
      })
      const base = "http://127.0.0.1:1234/openai/deployments"
      expect(chat?.url).toBe(`${base}/deployment-option/chat/completions?api-version=2025-01-01-preview`)
      expect(embedding?.url).toBe(`${base}/embed-option/embeddings?api-version=2025-01-01-preview`)
      expect(chat?.headers).toMatchObject({ "api-key": "key-option-1234567890", "x-team": "blue" })
      expect(JSON.parse(chat?.text ?? "")).toMatchObject({ seed: 7 })
    })
  )

  it.effect("reads neither key nor token where the options have a token", () =>
    Effect.gen(function* () {
      const [chat] = yield* sentWith(
        { ...environment, AZURE_OPENAI_AD_TOKEN: "token-env-1234567890" },
        {
          token: Effect.succeed(Redacted.make("token-option-1234567890"))
        }
      )
      expect(chat?.headers["authorization"]).toBe("Bearer token-option-1234567890")
      expect(chat?.headers).not.toHaveProperty("api-key")
    })
  )

  it.effect.each(Object.keys(environment))("names %s when it is missing", (variable) =>
    Effect.gen(function* () {
      const error = yield* withVariables(without(variable))(refusalOf(AzureOpenAi.layerConfig()))
      expect(error._op).toBe("MissingData")
      expect(String(error)).toContain(variable)
    })
  )

  it.effect("names the token too when there is no key", () =>
    Effect.gen(function* () {
      const error = yield* withVariables(without("AZURE_OPENAI_API_KEY"))(refusalOf(AzureOpenAi.layerConfig()))
      expect(String(error)).toContain("AZURE_OPENAI_AD_TOKEN")
    })
  )

  it.effect("refuses a key and a token, and shows neither", () =>
    Effect.gen(function* () {
      const variables = { ...environment, AZURE_OPENAI_AD_TOKEN: "token-env-1234567890" }
      const error = yield* withVariables(variables)(refusalOf(AzureOpenAi.layerConfig()))
      expect(error._op).toBe("InvalidData")
      expect(String(error)).toContain("AZURE_OPENAI_API_KEY and AZURE_OPENAI_AD_TOKEN")
      expect(wordsOf(error)).not.toMatch(/(?:key|token)-env/)
    })
  )

  const secret = "S3CRET"

  it.effect.each<readonly [variable: string, value: string]>([
    ["AZURE_OPENAI_ENDPOINT", ""],
    ["AZURE_OPENAI_ENDPOINT", secret],
    ["AZURE_OPENAI_ENDPOINT", `http://${secret}.openai.azure.com`],
    ["AZURE_OPENAI_ENDPOINT", `http://localhost.${secret}.com`],
    ["AZURE_OPENAI_ENDPOINT", `http://127.0.0.1.${secret}.com`],
    ["AZURE_OPENAI_ENDPOINT", `http://127.0.0.1@${secret}.com`],
    ["AZURE_OPENAI_ENDPOINT", `ftp://${secret}.openai.azure.com`],
    ["AZURE_OPENAI_ENDPOINT", `https://user:${secret}@acme.openai.azure.com`],
    ["AZURE_OPENAI_ENDPOINT", `https://acme.openai.azure.com?key=${secret}`],
    ["AZURE_OPENAI_ENDPOINT", `https://acme.openai.azure.com/openai/deployments/${secret}/chat/completions`],
    ["AZURE_OPENAI_ENDPOINT", "https://acme.openai.azure.com/openai/v1/chat/completions"],
    ["AZURE_OPENAI_API_KEY", ""],
    ["AZURE_OPENAI_API_KEY", `${secret} ${secret}`],
    ["AZURE_OPENAI_API_KEY", `${secret}\r\nX-Evil: 1`],
    ["AZURE_DEPLOYMENT_NAME", ""],
    ["AZURE_DEPLOYMENT_NAME", ".."],
    ["AZURE_DEPLOYMENT_NAME", `${secret}\n`],
    ["AZURE_DEPLOYMENT_NAME", `${secret}\ud800`],
    ["AZURE_EMBEDDING_DEPLOYMENT_NAME", ` ${secret}`],
    ["OPENAI_API_VERSION", ""],
    ["OPENAI_API_VERSION", `${secret}\n`]
  ])("names %s when it is %j, and does not show it", ([variable, value]) =>
    Effect.gen(function* () {
      const error = yield* withVariables({ ...environment, [variable]: value })(refusalOf(AzureOpenAi.layerConfig()))
      expect(error._op).toBe("InvalidData")
      expect(String(error)).toContain(variable)
      expect(wordsOf(error).toLowerCase()).not.toContain(secret.toLowerCase())
      expect(wordsOf(error)).not.toContain(environment.AZURE_OPENAI_API_KEY)
    })
  )

  it.effect.each(["", `${secret} ${secret}`, `${secret}\n`])(
    "names AZURE_OPENAI_AD_TOKEN when it is %j, and does not show it",
    (value) =>
      Effect.gen(function* () {
        const variables = { ...without("AZURE_OPENAI_API_KEY"), AZURE_OPENAI_AD_TOKEN: value }
        const error = yield* withVariables(variables)(refusalOf(AzureOpenAi.layerConfig()))
        expect(error).toMatchObject({ _op: "InvalidData", path: ["AZURE_OPENAI_AD_TOKEN"] })
        expect(wordsOf(error)).not.toContain(secret)
      })
  )
})

describe("AzureOpenAi.layer", () => {
  const apiKey = Redacted.make("key-option-1234567890")
  const good: AzureOpenAi.Options = { endpoint: "https://acme.openai.azure.com", deployment: "gpt-4.1-mini", apiKey }

  it.effect.each<readonly [string, Partial<AzureOpenAi.Options>]>([
    ["endpoint", { endpoint: "acme.openai.azure.com" }],
    ["endpoint", { endpoint: "http://acme.openai.azure.com" }],
    ["endpoint", { endpoint: "http://10.0.0.1" }],
    ["deployment", { deployment: "" }],
    ["deployment", { deployment: "." }],
    ["embeddingDeployment", { embeddingDeployment: "" }],
    ["apiVersion", { apiVersion: " " }],
    ["apiKey", { apiKey: Redacted.make("") }],
    ["apiKey", { token: Effect.succeed(apiKey) }],
    ["headers.x-team", { headers: { "x-team": "a\nb" } }],
    ["headers.x-team", { headers: { "x-team": "a\nb" }, apiKey: undefined, token: Effect.succeed(apiKey) }]
  ])("names the option %s when it is wrong", ([option, wrong]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(AzureOpenAi.layer({ ...good, ...wrong }))
      expect(error).toMatchObject({ _op: "InvalidData", path: [option] })
      expect(wordsOf(error)).not.toContain(Redacted.value(apiKey))
    })
  )

  it.effect("says of a key and a token that they exclude each other", () =>
    Effect.gen(function* () {
      const error = yield* refusalOf(AzureOpenAi.layer({ ...good, token: Effect.succeed(apiKey) }))
      expect(String(error)).toContain("apiKey and token exclude each other")
    })
  )

  it.effect("says that a key or a token is missing", () =>
    Effect.gen(function* () {
      const { apiKey: _, ...neither } = good
      const error = yield* refusalOf(AzureOpenAi.layer(neither))
      expect(error._op).toBe("MissingData")
      expect(String(error)).toContain("either apiKey or token")
    })
  )

  it.effect.each([
    "http://localhost:4010",
    "http://127.0.0.1",
    "http://127.1.2.3:80",
    "http://[::1]:4010",
    "http://azure.localhost"
  ])("takes %s, which is on this machine", (endpoint) =>
    Effect.scoped(
      Effect.provideService(
        Layer.build(AzureOpenAi.layer({ ...good, endpoint })),
        HttpClient.HttpClient,
        HttpStub.make(() => HttpStub.json({})).http
      )
    )
  )

  it.effect("does not run the token when it is built", () =>
    Effect.scoped(
      Effect.provideService(
        Layer.build(AzureOpenAi.layer({ ...good, apiKey: undefined, token: Effect.die("asked") })),
        HttpClient.HttpClient,
        HttpStub.make(() => HttpStub.json({})).http
      )
    )
  )
})
