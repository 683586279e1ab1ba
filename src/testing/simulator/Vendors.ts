/**
 * Vendors of the OpenAI-compatible family, each under its name and its own path: `/groq/openai/v1`, `/mistral/v1`. They
 * have OpenAI's errors but where a row says otherwise.
 */
import * as Predicate from "effect/Predicate"
import * as Dialect from "./Dialect.js"
import type { ErrorDetail } from "./Fault.js"
import * as Model from "./Model.js"
import { openAi } from "./OpenAi.js"
import { embeddings } from "./OpenAiEmbeddings.js"
import type { Call, Route, Wire, World } from "./Wire.js"

/** Where the API of each is, without the host. */
export const vendorPaths = {
  deepseek: "/deepseek/v1",
  groq: "/groq/openai/v1",
  huggingface: "/huggingface/v1",
  mistral: "/mistral/v1",
  moonshot: "/moonshot/v1",
  ollama: "/ollama/v1"
} as const

interface Vendor {
  readonly dialect: Partial<Dialect.Dialect>
  /** The models that exist, unless the simulator is told others. */
  readonly models: ReadonlyArray<string>
  readonly takesAnyone?: boolean
  readonly errorBody?: (error: ErrorDetail) => string
}

type Name = keyof typeof vendorPaths

const table: Readonly<Record<Name, Vendor>> = {
  deepseek: {
    dialect: { usage: "finish chunk", reasoning: "reasoning_content" },
    models: ["deepseek-chat", "deepseek-reasoner"]
  },
  groq: {
    dialect: { usage: "x_groq", reasoning: "reasoning", toolCalls: "whole" },
    models: ["llama-3.3-70b-versatile", "openai/gpt-oss-20b"]
  },
  huggingface: {
    dialect: {},
    models: ["meta-llama/Llama-3.3-70B-Instruct", "BAAI/bge-embed"],
    errorBody: ({ message, type }) =>
      JSON.stringify(type === "loading" ? { error: message, estimated_time: 20 } : { error: message, error_type: type })
  },
  mistral: {
    dialect: {
      usage: "finish chunk",
      reasoning: "thinking",
      toolCalls: "bare",
      length: "model_length",
      refuses: ["stream_options", "seed", "max_completion_tokens"]
    },
    models: ["mistral-small-latest", "magistral-small-latest", "mistral-embed"],
    errorBody: ({ code, message, param, type }) =>
      JSON.stringify({ object: "error", message, type, param: param ?? null, code: code ?? null })
  },
  moonshot: {
    dialect: { usage: "choice", reasoning: "reasoning_content" },
    models: ["kimi-k2-thinking"]
  },
  ollama: {
    dialect: { reasoning: "reasoning", toolCalls: "whole" },
    models: ["llama3.2", "nomic-embed-text"],
    takesAnyone: true
  }
}

const peek: Route["peek"] = ({ json }: Call) =>
  Predicate.isRecord(json)
    ? { model: typeof json["model"] === "string" ? json["model"] : "", stream: json["stream"] === true }
    : { model: "", stream: false }

/** The vendor's own models, unless the simulator was told which exist. */
export const withModels = (world: World, models: ReadonlyArray<string>): World =>
  world.models === Model.defaultModels ? { ...world, models } : world

/** The two operations at a path. */
export const routesAt = (
  path: string,
  dialect: Dialect.Dialect,
  models: ReadonlyArray<string>
): readonly [chat: Route, embeddings: Route] => {
  const chat = Dialect.chat(dialect)
  return [
    {
      method: "POST",
      path: new RegExp(`^${path}/chat/completions$`),
      peek,
      handle: (call, world) => chat(call, withModels(world, models))
    },
    {
      method: "POST",
      path: new RegExp(`^${path}/embeddings$`),
      peek,
      handle: (call, world) => embeddings(call, withModels(world, models))
    }
  ]
}

const isName = (name: string): name is Name => Object.hasOwn(table, name)

const wireOf = (name: Name, vendor: Vendor): Wire => ({
  ...openAi,
  name,
  routes: routesAt(vendorPaths[name], { ...Dialect.plain, ...vendor.dialect }, vendor.models),
  ...(vendor.takesAnyone === true ? { authenticate: () => undefined } : {}),
  ...(vendor.errorBody === undefined ? {} : { errorBody: vendor.errorBody }),
  // A model of Hugging Face's that is not in memory yet.
  ...(name !== "huggingface"
    ? {}
    : {
        refusal: (status: number, model: string) =>
          status === 503
            ? {
                _tag: "Refused" as const,
                status,
                error: { message: `Model ${model} is currently loading`, type: "loading" }
              }
            : openAi.refusal(status, model)
      })
})

/** One wire per vendor. */
export const vendors: ReadonlyArray<Wire> = Object.keys(table)
  .filter(isName)
  .map((name) => wireOf(name, table[name]))
