/** A generateContent request read and judged as Google judges it: a task to answer, or a refusal. */
import * as Predicate from "effect/Predicate"
import * as GoogleError from "./GenerateContentError.js"
import { checkSettings, thinks } from "./GenerateContentSettings.js"
import { checkTurns } from "./GenerateContentTurns.js"
import * as Model from "./Model.js"
import type { ChatTask, Fields } from "./OpenAiChatRequest.js"
import type { Tool, Tools } from "./OpenAiTools.js"
import * as Token from "./Token.js"
import type { Call, Refused, World } from "./Wire.js"

export interface Task extends ChatTask {
  readonly includeThoughts: boolean
}

/** The models that exist, unless the simulator is told others. */
const models = [
  "gemini-3-pro-preview",
  "gemini-3-flash-preview",
  "gemini-2.5-pro",
  "gemini-2.5-flash",
  "gemini-2.5-flash-lite",
  "gemini-2.0-flash",
  "gemini-embedding-001"
]

export const modelsOf = (world: World): ReadonlyArray<string> =>
  world.models === Model.defaultModels ? models : world.models

const fields = new Set([
  "model",
  "contents",
  "tools",
  "toolConfig",
  "safetySettings",
  "systemInstruction",
  "generationConfig",
  "cachedContent",
  "labels",
  "store",
  "serviceTier"
])

export const read = ({ json }: Call, name: string, stream: boolean, world: World): Task | Refused => {
  if (!Predicate.isRecord(json)) return GoogleError.invalid("Invalid JSON payload received. Unexpected token.")
  const body: Fields = json
  const stranger = Object.keys(body).find((field) => !fields.has(field))
  if (stranger !== undefined) return GoogleError.unknownField(stranger, "")
  const model = Model.find(modelsOf(world), name)
  if (model === undefined || model.kind !== "chat") return GoogleError.unknownModel(name)
  const turns = checkTurns(body["contents"], body["systemInstruction"], model.id)
  if ("_tag" in turns) return turns
  const settings = checkSettings(body["generationConfig"], model.id)
  if (settings._tag === "Refused") return settings
  const tools = checkTools(body)
  if (tools._tag === "Refused") return tools
  const promptTokens = turns.tokens + tools.tokens
  if (promptTokens > world.contextTokens) return GoogleError.contextTooLong(world.contextTokens, promptTokens)
  return {
    _tag: "ChatTask",
    model: { ...model, reasoning: thinks(model.id) },
    // What shapes the answer; how long it may be and where it stops does not.
    body: { ...body, generationConfig: withoutLimits(body["generationConfig"]) },
    messages: turns.list,
    prompt: turns.pieces,
    promptTokens,
    stream,
    includeUsage: true,
    includeObfuscation: false,
    maxTokens: settings.maxTokens,
    stop: settings.stop,
    tools: tools.list,
    toolChoice: tools.choice,
    parallelToolCalls: true,
    format: settings.format,
    reasoningEffort: settings.effort,
    includeThoughts: settings.includeThoughts
  }
}

const withoutLimits = (config: unknown): Fields => {
  const { maxOutputTokens: _limit, stopSequences: _stops, ...rest } = Predicate.isRecord(config) ? config : {}
  return rest
}

const modes = new Set(["AUTO", "ANY", "NONE", "VALIDATED"])

const checkTools = (body: Fields): Tools | Refused => {
  const list: Array<Tool> = []
  for (const tool of Array.isArray(body["tools"]) ? body["tools"] : []) {
    const declarations = Predicate.isRecord(tool) ? tool["functionDeclarations"] : undefined
    for (const declaration of Array.isArray(declarations) ? declarations : []) {
      const read = checkTool(declaration, `tools[0].function_declarations[${list.length}]`)
      if ("_tag" in read) return read
      list.push(read)
    }
  }
  const toolConfig = Predicate.isRecord(body["toolConfig"]) ? body["toolConfig"] : {}
  const config = Predicate.isRecord(toolConfig["functionCallingConfig"])
    ? toolConfig["functionCallingConfig"]
    : undefined
  const tokens = list.length === 0 ? 0 : Token.count(JSON.stringify(body["tools"]))
  if (config === undefined) return { _tag: "Tools", list, choice: "auto", tokens }
  if (list.length === 0) return GoogleError.invalid("Function calling config is set without function_declarations.")
  const mode = config["mode"]
  if (typeof mode !== "string" || !modes.has(mode)) {
    return GoogleError.invalid("Invalid value at 'tool_config.function_calling_config.mode'")
  }
  const [allowed] = Array.isArray(config["allowedFunctionNames"]) ? config["allowedFunctionNames"] : []
  if (allowed !== undefined && !list.some((tool) => tool.name === allowed)) {
    return GoogleError.invalid(`allowed_function_names: ${String(allowed)} is not declared.`)
  }
  if (typeof allowed === "string") return { _tag: "Tools", list, choice: { name: allowed }, tokens }
  return { _tag: "Tools", list, choice: mode === "ANY" ? "required" : mode === "NONE" ? "none" : "auto", tokens }
}

const checkTool = (value: unknown, at: string): Tool | Refused => {
  const declaration: Fields = Predicate.isRecord(value) ? value : {}
  const { description: _description, name, parameters, parametersJsonSchema, ...others } = declaration
  const stranger = Object.keys(others)[0]
  if (stranger !== undefined) return GoogleError.unknownField(stranger, at)
  if (typeof name !== "string" || !/^[a-zA-Z_][\w.:-]{0,63}$/.test(name)) {
    return GoogleError.invalid(
      `* ${at}.name: [FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be a-z, A-Z, ` +
        "0-9, or contain underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.\n"
    )
  }
  return { name, parameters: parametersJsonSchema ?? parameters ?? {} }
}
