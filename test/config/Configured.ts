/**
 * What a layer from a configuration does: what it sends, what it refuses, what it warns of.
 */
import { HttpClient } from "@effect/platform"
import { ConfigProvider, Effect, Inspectable, Layer, Logger } from "effect"
import { ConfigFile, LlmClient } from "effect-llm"
import * as HttpStub from "../provider/HttpStub.js"

/** A process environment, as Effect's own provider reads one. */
export interface Variables extends Readonly<Record<string, string>> {}

/** Keys and addresses of those providers that the tests choose. */
export const keys: Variables = {
  OPENAI_API_KEY: "sk-openai-1234567890",
  AZURE_OPENAI_API_KEY: "azure-key-1234567890",
  AZURE_OPENAI_ENDPOINT: "https://acme.openai.azure.com",
  LLAMA_API_KEY: "llama-key-1234567890",
  LLAMA_ENDPOINT: "https://acme.inference.ml.azure.com/score",
  ANTHROPIC_API_KEY: "sk-ant-1234567890",
  GEMINI_API_KEY: "gemini-key-1234567890",
  ZHIPUAI_API_KEY: "id.secret-1234567890",
  HF_TOKEN: "hf_1234567890",
  GROQ_API_KEY: "gsk_1234567890",
  OPENAI_COMPATIBLE_BASE_URL: "http://127.0.0.1:9999/v1"
}

/** These variables, and under them a file. Variables are listed as the environment's are: in upper case, cut at `_`. */
export const configured = (variables: Variables, file = "", format: ConfigFile.Format = "ini") =>
  Layer.unwrapEffect(
    Effect.map(Effect.orDie(ConfigFile.parse(file, format)), (provider) =>
      Layer.setConfigProvider(
        ConfigProvider.orElse(
          ConfigProvider.fromMap(new Map(Object.entries(variables)), { pathDelim: "_", seqDelim: "," }),
          () => provider
        )
      )
    )
  )

/** All that is logged while an effect runs, by level and words. */
export const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      lines.push(`${logLevel.label}: ${[message].flat().map(String).join(" ")}`)
    })
    return Effect.map(
      Effect.either(Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger))),
      (result) => ({ result, lines })
    )
  })

/** What goes out for one chat, one embedding and whatever else is asked of a client. */
export const sentBy = <E>(
  layer: Layer.Layer<LlmClient.LlmClient, E, HttpClient.HttpClient>,
  call: Effect.Effect<unknown, unknown, LlmClient.LlmClient> = LlmClient.complete("Hi")
) => {
  const stub = HttpStub.make(({ url }) =>
    HttpStub.json(url.includes("/embeddings") ? { data: [{ embedding: [1] }] } : HttpStub.answer())
  )
  return Effect.as(Effect.ignore(call), stub.sent).pipe(
    Effect.provide(layer),
    Effect.provideService(HttpClient.HttpClient, stub.http)
  )
}

/** Why a layer cannot be built. */
export const refusalOf = <A, E>(layer: Layer.Layer<A, E, HttpClient.HttpClient>) =>
  Layer.build(layer).pipe(
    Effect.provideService(HttpClient.HttpClient, HttpStub.make(() => HttpStub.json({})).http),
    Effect.scoped,
    Effect.flip
  )

/** Everything that an error says, however it is printed. */
export const wordsOf = (error: unknown): string =>
  [String(error), Inspectable.toStringUnknown(error), JSON.stringify(error)].join("\n")
